package service

import (
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Grant is what a user allowed to a client.
type Grant struct {
	Account string
	Client  string
	Scopes  []string
	// Revoked: the user took it back, or it ran out.
	Revoked bool
	// Failure makes every refresh fail with the service's own code
	// ("admin_policy_enforced", "AADSTS50076"), until it is emptied.
	Failure string
}

type access struct {
	grant   *Grant
	expires time.Time
}

// Grants looks after clients and tokens of one service.
type Grants struct {
	core *Core

	mu      sync.Mutex
	secrets map[string]string
	refresh map[string]*Grant // by refresh token
	spent   map[string]*Grant // refresh tokens that were replaced
	access  map[string]*access
	// Lifetime is how long access tokens live, default one hour less a second.
	Lifetime time.Duration
	// Rotate: a refresh token is good for one use.
	Rotate bool
	// Lenient: a refresh token that was replaced stays good all the same, as
	// services let it for a while.
	Lenient bool
}

func newGrants(c *Core) *Grants {
	return &Grants{core: c, secrets: map[string]string{}, refresh: map[string]*Grant{}, spent: map[string]*Grant{}, access: map[string]*access{},
		Lifetime: 3599 * time.Second}
}

// AddClient registers an app.
func (g *Grants) AddClient(id, secret string) {
	g.mu.Lock()
	g.secrets[id] = secret
	g.mu.Unlock()
}

// RemoveClient deletes an app.
func (g *Grants) RemoveClient(id string) {
	g.mu.Lock()
	delete(g.secrets, id)
	g.mu.Unlock()
}

// Issue makes a refresh token for an account.
func (g *Grants) Issue(account, client string, scopes []string) (token string, grant *Grant) {
	token = "1//sim-" + g.core.Random(Letters, 40)
	grant = &Grant{Account: account, Client: client, Scopes: slices.Clone(scopes)}
	g.mu.Lock()
	g.refresh[token] = grant
	g.mu.Unlock()
	return token, grant
}

// Refused says why there is no token, in words that both services share.
type Refused string

// The reasons.
const (
	BadClient    Refused = "client"  // unknown client
	BadSecret    Refused = "secret"  // wrong secret
	BadGrant     Refused = "grant"   // unknown, revoked or foreign refresh token
	SpentGrant   Refused = "spent"   // a refresh token that was replaced already
	BadGrantType Refused = "type"    // not refresh_token
	Failing      Refused = "failing" // see Grant.Failure
)

// Tokens is what a refresh gives.
type Tokens struct {
	Access  string
	Refresh string // "" if the old one stays good
	Expires time.Duration
	Grant   Grant
}

// Exchange handles a call of the token endpoint with grant_type=refresh_token.
func (g *Grants) Exchange(r *http.Request) (Tokens, Refused) {
	id, secret := ClientOf(r)
	form := r.PostForm
	g.mu.Lock()
	defer g.mu.Unlock()
	want, known := g.secrets[id]
	switch {
	case !known:
		return Tokens{}, BadClient
	case subtle.ConstantTimeCompare([]byte(want), []byte(secret)) != 1:
		return Tokens{}, BadSecret
	case form.Get("grant_type") != "refresh_token":
		return Tokens{}, BadGrantType
	}
	token := form.Get("refresh_token")
	grant := g.refresh[token]
	if grant == nil && g.spent[token] != nil {
		if !g.Lenient {
			return Tokens{}, SpentGrant
		}
		grant = g.spent[token]
	}
	if grant == nil || grant.Revoked || grant.Client != id {
		return Tokens{}, BadGrant
	}
	if grant.Failure != "" {
		return Tokens{Grant: *grant}, Failing
	}
	t := Tokens{Access: "ya29.sim-" + g.core.Random(Letters, 60), Expires: g.Lifetime, Grant: *grant}
	g.access[t.Access] = &access{grant: grant, expires: g.core.Now().Add(g.Lifetime)}
	if g.Rotate {
		t.Refresh = "0.sim-" + g.core.Random(Letters, 60)
		delete(g.refresh, token)
		g.spent[token] = grant
		g.refresh[t.Refresh] = grant
	}
	return t, ""
}

// ClientOf reads the credentials of a client: from the form, or as basic
// authentication. It parses the form.
func ClientOf(r *http.Request) (id, secret string) {
	if r.ParseForm() != nil {
		return "", ""
	}
	if id, secret, ok := r.BasicAuth(); ok {
		return id, secret
	}
	return r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
}

// Bearer finds the grant of a request's access token, or false if it has none
// that is good.
func (g *Grants) Bearer(r *http.Request) (Grant, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return Grant{}, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.access[token]
	if a == nil || a.grant.Revoked || !g.core.Now().Before(a.expires) {
		return Grant{}, false
	}
	return *a.grant, true
}

// Revoke ends the grant of a refresh or access token.
func (g *Grants) Revoke(token string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	grant := g.refresh[token]
	if a := g.access[token]; grant == nil && a != nil {
		grant = a.grant
	}
	if grant == nil || grant.Revoked {
		return false
	}
	grant.Revoked = true
	return true
}

// Each calls f for every grant of an account ("" for all).
func (g *Grants) Each(account string, f func(*Grant)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, grant := range g.refresh {
		if account == "" || grant.Account == account {
			f(grant)
		}
	}
}

// ExpireAccess makes the access tokens of an account ("" for all) invalid.
func (g *Grants) ExpireAccess(account string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for token, a := range g.access {
		if account == "" || a.grant.Account == account {
			delete(g.access, token)
		}
	}
}

// Live tells that a refresh token can be used.
func (g *Grants) Live(token string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	grant := g.refresh[token]
	return grant != nil && !grant.Revoked
}

// Form reads a value of a request's form; a form that cannot be read has none.
func Form(r *http.Request, name string) string {
	if r.ParseForm() != nil {
		return ""
	}
	return r.PostForm.Get(name)
}

// Holder names the account of a refresh token, spent or not, for the counters.
func (g *Grants) Holder(token string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if grant := g.refresh[token]; grant != nil {
		return grant.Account
	}
	if grant := g.spent[token]; grant != nil {
		return grant.Account
	}
	return ""
}
