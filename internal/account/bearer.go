package account

import (
	"context"
	"strings"
	"sync"
	"time"

	"steno/internal/fail"
)

// Verifier checks the tokens of the issuer that the operator trusts.
type Verifier interface {
	// Verify returns the name or id of the team for which a token speaks. A token
	// that does not count is fail.Unauthorized; when that cannot be known now, it
	// is fail.Unavailable.
	Verify(ctx context.Context, token string) (team string, err error)
}

// Bearer recognises callers by what they send as "Authorization: Bearer": an
// API key, or a token of the trusted issuer. It is safe for concurrent use.
type Bearer struct {
	Keys   *Service
	Tokens Verifier // nil: keys only

	mu    sync.Mutex
	teams map[string]teamSeen // by what tokens call them; only teams that exist
}

type teamSeen struct {
	id      string
	checked time.Time
}

// Authenticate recognises the caller. A token may do what a key with full
// access may.
func (b *Bearer) Authenticate(ctx context.Context, text string) (Caller, error) {
	switch {
	case text == "":
		return Caller{}, fail.New(fail.Unauthorized, CodeUnauthorized, "the header Authorization is missing; send it as Bearer and an API key%s", b.orToken())
	case wellFormed(text):
		return b.Keys.Authenticate(ctx, text)
	case b.Tokens == nil || strings.Count(text, ".") != 2:
		return Caller{}, fail.New(fail.Unauthorized, CodeUnauthorized, "what follows Bearer is no API key of this server%s", b.orToken())
	}
	name, err := b.Tokens.Verify(ctx, text)
	if err != nil {
		return Caller{}, err
	}
	id, err := b.team(ctx, name)
	if err != nil {
		return Caller{}, err
	}
	return Caller{TeamID: id, Permission: Full}, nil
}

func (b *Bearer) orToken() string {
	if b.Tokens == nil {
		return ""
	}
	return ", or a token of the issuer that this server trusts"
}

// team finds a team by its id, else by its name.
func (b *Bearer) team(ctx context.Context, name string) (string, error) {
	now := b.Keys.clock.Now()
	b.mu.Lock()
	seen, ok := b.teams[name]
	b.mu.Unlock()
	if ok && now.Sub(seen.checked) <= remember {
		return seen.id, nil
	}
	teams, err := b.Keys.store.Teams(ctx)
	if err != nil {
		return "", err
	}
	id := ""
	for _, t := range teams {
		if t.ID == name {
			id = t.ID
			break
		}
		if t.Name == name {
			id = t.ID
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if id == "" || name == "" {
		delete(b.teams, name)
		return "", fail.New(fail.Unauthorized, CodeUnauthorized, "the token speaks for a team that this server does not have; ask its operator to create it, or the issuer for another token")
	}
	if b.teams == nil {
		b.teams = map[string]teamSeen{}
	}
	b.teams[name] = teamSeen{id, now}
	return id, nil
}
