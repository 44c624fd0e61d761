// Package access keeps the access tokens of connections: it refreshes them at
// the service's token endpoint and takes care that a refresh token, which some
// services replace at every use, is neither spent twice nor lost (traps 34 to
// 37 of the provider reference).
//
//   - An access token is used until five minutes before its end.
//   - One refresh at a time per connection: within the process by a shared call,
//     across processes by the lock of calendar.TokenStore.
//   - A new refresh token whose write failed is kept and written again before
//     anything else is done with the connection.
//   - invalid_grant is believed after reading the stored token again and one
//     delayed second try; nothing else means that a grant is dead.
//
// It stores nothing itself and logs nothing. Errors hold no token.
package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/provider/throttle"
)

// Margin is how long before its end an access token is no longer used.
const Margin = 5 * time.Minute

// Times of a refresh. All tries of one stay within the minute that
// calendar.TokenStore grants.
const (
	tryTimeout     = 12 * time.Second
	refreshTimeout = 50 * time.Second
	secondLook     = 2 * time.Second // before invalid_grant is believed
	shortRetry     = time.Second     // after a failure that passes by itself
)

// Endpoint is the token endpoint of a service.
type Endpoint struct {
	Platform calendar.Platform
	// URL returns where the grant is refreshed.
	URL func(calendar.Credentials) (string, error)
	// Scope goes along with the form; empty: none.
	Scope string
	// Classify says what a refusal means. Status is not 200.
	Classify func(status int, body []byte) *calendar.Error
}

// Source gives out access tokens. It is safe for concurrent use.
type Source struct {
	endpoint Endpoint
	http     *http.Client
	clock    clock.Clock
	sleep    throttle.Sleep
	flights  singleflight.Group

	mu sync.Mutex
	// unsaved are grants that the service has replaced and the store has not
	// taken yet, by owner.
	unsaved map[string]replaced
}

// owner is a connection in its store: two stores may use the same name.
type owner struct {
	tokens     calendar.TokenStore
	connection string
}

func (o owner) key() string { return fmt.Sprintf("%p/%s", o.tokens, o.connection) }

// replaced is a new grant and the refresh token that it replaces.
type replaced struct {
	old string
	new calendar.Grant
}

// New returns a Source. The client should reach the endpoint's origin only.
func New(e Endpoint, client *http.Client, c clock.Clock, sleep throttle.Sleep) *Source {
	return &Source{endpoint: e, http: client, clock: c, sleep: sleep, unsaved: map[string]replaced{}}
}

// Token returns a valid access token and the client id that it belongs to,
// after a refresh if needed. Errors are *calendar.Error with AuthStage, or ctx's.
func (s *Source) Token(ctx context.Context, tokens calendar.TokenStore, connection string) (token, client string, err error) {
	g, err := tokens.Grant(ctx, connection)
	if err != nil {
		return "", "", s.storeError(ctx, err)
	}
	if s.fresh(g, "") {
		return g.AccessToken, g.ClientID, nil
	}
	return s.shared(ctx, owner{tokens, connection}, "")
}

// Renew returns another token after the service has refused this one.
func (s *Source) Renew(ctx context.Context, tokens calendar.TokenStore, connection, refused string) (token, client string, err error) {
	return s.shared(ctx, owner{tokens, connection}, refused)
}

// fresh: the access token is good for a while and not the one just refused.
func (s *Source) fresh(g calendar.Grant, refused string) bool {
	return g.AccessToken != "" && g.AccessToken != refused && s.clock.Now().Before(g.AccessExpires.Add(-Margin))
}

// shared lets all callers of a connection wait for one refresh. It goes on when
// they give up: a token that the service has replaced must be stored.
func (s *Source) shared(ctx context.Context, o owner, refused string) (string, string, error) {
	// Who was refused a token needs another; one flight must not hand it back.
	done := s.flights.DoChan(o.key()+"/"+refused, func() (any, error) {
		c, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshTimeout+writeTimeout)
		defer cancel()
		return s.refresh(c, o, refused)
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return "", "", s.storeError(ctx, r.Err)
		}
		g := r.Val.(calendar.Grant)
		return g.AccessToken, g.ClientID, nil
	case <-ctx.Done():
		return "", "", ctx.Err()
	}
}

// storeError makes what a store says a *calendar.Error that passes by itself:
// that our database is down says nothing about the grant.
func (s *Source) storeError(ctx context.Context, err error) error {
	if calendar.AsError(err) != nil || (ctx.Err() != nil && errors.Is(err, ctx.Err())) {
		return err
	}
	return &calendar.Error{Kind: calendar.Transient, Platform: s.endpoint.Platform, Op: op, AuthStage: true,
		Message: "the stored credentials could not be read or written", Err: err}
}

// op is what errors of this package say was tried.
const op = "refresh access token"

// form is the body of a refresh (RFC 6749, section 6).
func (s *Source) form(g calendar.Grant) url.Values {
	v := url.Values{
		"grant_type":    {"refresh_token"},
		"refresh_token": {g.RefreshToken},
		"client_id":     {g.ClientID},
	}
	if g.ClientSecret != "" { // public clients have none
		v.Set("client_secret", g.ClientSecret)
	}
	if s.endpoint.Scope != "" {
		v.Set("scope", s.endpoint.Scope)
	}
	return v
}
