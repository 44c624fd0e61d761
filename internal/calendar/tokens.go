package calendar

import (
	"context"
	"sync"
	"time"
)

// Credentials are what a customer gives to connect an account.
type Credentials struct {
	ClientID     string
	ClientSecret string
	RefreshToken string
	Tenant       string // Microsoft only: common, organizations, consumers or an id
}

// Grant is what is known of a connection's access. It is stored sealed.
type Grant struct {
	Credentials
	// PreviousRefresh is the refresh token before the last rotation: some
	// services accept it for a while, should the new one have been lost.
	PreviousRefresh string
	AccessToken     string    // empty: none yet
	AccessExpires   time.Time // as the service said; use it until 5 minutes before
	Scopes          []string  // as granted; nil: unknown
}

// TokenStore keeps the grants of connections.
type TokenStore interface {
	// Grant returns what is stored.
	Grant(ctx context.Context, connection string) (Grant, error)
	// Refresh runs fn while nobody else, in no process, refreshes the same
	// connection. fn gets the grant as it is stored at that moment (another may
	// have refreshed it meanwhile: look before you call the service) and returns
	// the grant to be stored. An unchanged grant is not written. What fn returns
	// is stored even if ctx has ended meanwhile. fn calls the service: no
	// database transaction is open. It must return within a minute, or another
	// process may begin.
	Refresh(ctx context.Context, connection string, fn func(ctx context.Context, g Grant) (Grant, error)) (Grant, error)
}

// LooseTokens is a TokenStore in memory for credentials that are not stored
// yet: listing an account's calendars, and checking before connecting. It knows
// one grant, whatever the connection is called.
type LooseTokens struct {
	refresh sync.Mutex // held while fn runs
	mu      sync.Mutex
	grant   Grant
}

// NewLooseTokens returns a store of these credentials.
func NewLooseTokens(c Credentials) *LooseTokens { return &LooseTokens{grant: Grant{Credentials: c}} }

// Grant returns the grant.
func (l *LooseTokens) Grant(context.Context, string) (Grant, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grant, nil
}

// Refresh implements TokenStore.
func (l *LooseTokens) Refresh(ctx context.Context, _ string, fn func(context.Context, Grant) (Grant, error)) (Grant, error) {
	l.refresh.Lock()
	defer l.refresh.Unlock()
	g, err := l.Grant(ctx, "")
	if err != nil {
		return g, err
	}
	if g, err = fn(ctx, g); err != nil {
		return g, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.grant = g
	return g, nil
}
