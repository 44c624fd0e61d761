package account_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"steno/internal/account"
	"steno/internal/fail"
	"steno/internal/store"
)

// verifier takes the middle of a token for its team.
type verifier struct{}

func (verifier) Verify(_ context.Context, token string) (string, error) {
	team := strings.Split(token, ".")[1]
	if team == "down" {
		return "", fail.New(fail.Unavailable, "DOWN", "the issuer is away")
	}
	return team, nil
}

func TestABearerIsAKeyOrATokenOfATeam(t *testing.T) {
	each(t, func(t *testing.T, keys *account.Service, now *time.Time, _ *store.DB) {
		ctx := t.Context()
		blue, err := keys.CreateTeam(ctx, "blue")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keys.CreateTeam(ctx, blue.ID); err != nil { // named as another team's id
			t.Fatal(err)
		}
		key, stored, err := keys.CreateKey(ctx, account.NewKey{TeamID: blue.ID, Name: "k", Permission: account.Sending})
		if err != nil {
			t.Fatal(err)
		}
		both := &account.Bearer{Keys: keys, Tokens: verifier{}}
		for text, want := range map[string]account.Caller{
			key:                   {TeamID: blue.ID, KeyID: stored.ID, Permission: account.Sending},
			"x.blue.y":            {TeamID: blue.ID, Permission: account.Full},
			"x." + blue.ID + ".y": {TeamID: blue.ID, Permission: account.Full},
		} {
			for range 2 { // the second time from memory
				if c, err := both.Authenticate(ctx, text); err != nil || c != want {
					t.Errorf("%q: %+v, %v", text, c, err)
				}
			}
		}
		for _, text := range []string{"", "x", "x..y", "x.red.y", "a.b", "a.b.c.d.e", key + "x"} {
			if c, err := both.Authenticate(ctx, text); !fail.Is(err, fail.Unauthorized) || c.TeamID != "" {
				t.Errorf("%q: %+v, %v", text, c, err)
			}
		}
		if _, err := both.Authenticate(ctx, "x.down.y"); !fail.Is(err, fail.Unavailable) {
			t.Errorf("an issuer that is away: %v", err)
		}
		only := &account.Bearer{Keys: keys}
		if _, err := only.Authenticate(ctx, "x.blue.y"); !fail.Is(err, fail.Unauthorized) {
			t.Errorf("a token, though no issuer is trusted: %v", err)
		}
		if _, err := keys.RenameTeam(ctx, blue.ID, "green"); err != nil {
			t.Fatal(err)
		}
		*now = now.Add(3 * time.Second)
		if _, err := both.Authenticate(ctx, "x.blue.y"); !fail.Is(err, fail.Unauthorized) {
			t.Errorf("a name that the team no longer has: %v", err)
		}
	})
}
