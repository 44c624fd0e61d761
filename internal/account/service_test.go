package account_test

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"steno/internal/account"
	"steno/internal/clock"
	"steno/internal/fail"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

func each(t *testing.T, test func(t *testing.T, s *account.Service, now *time.Time, db *store.DB)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		clk := clock.Func(func() time.Time { return now })
		test(t, account.New(store.Accounts{DB: db}, clk, slog.New(slog.DiscardHandler)), &now, db)
	})
}

func TestKeyIsShownOnceAndStoredAsAHash(t *testing.T) {
	each(t, func(t *testing.T, s *account.Service, _ *time.Time, db *store.DB) {
		team, err := s.CreateTeam(t.Context(), " red ")
		if err != nil || team.Name != "red" {
			t.Fatalf("%+v (%v)", team, err)
		}
		plain, k, err := s.CreateKey(t.Context(), account.NewKey{TeamID: team.ID, Name: "ci", Permission: account.Full})
		if err != nil {
			t.Fatal(err)
		}
		if len(plain) != 47 || !strings.HasPrefix(plain, "stn_") || !strings.HasPrefix(plain, k.Hint) || len(k.Hint) != 8 {
			t.Errorf("key %q, hint %q", plain, k.Hint)
		}
		other, _, err := s.CreateKey(t.Context(), account.NewKey{TeamID: team.ID, Name: "ci", Permission: account.Sending})
		if err != nil || other == plain {
			t.Errorf("a second key: %v", err)
		}
		var found int
		err = db.Read(t.Context(), func(q store.Querier) error {
			return q.QueryRow(t.Context(), `SELECT COUNT(*) FROM api_keys WHERE id || name || hash || hint LIKE $1`, "%"+plain[9:]+"%").Scan(&found)
		})
		if err != nil || found != 0 {
			t.Errorf("the key itself is in the table (%v)", err)
		}
		c, err := s.Authenticate(t.Context(), plain)
		if err != nil || c.TeamID != team.ID || c.KeyID != k.ID || c.Permission != account.Full {
			t.Errorf("caller %+v (%v)", c, err)
		}
	})
}

func TestLastUseIsWrittenOnceAMinute(t *testing.T) {
	each(t, func(t *testing.T, s *account.Service, now *time.Time, _ *store.DB) {
		team, err := s.CreateTeam(t.Context(), "red")
		if err != nil {
			t.Fatal(err)
		}
		plain, _, err := s.CreateKey(t.Context(), account.NewKey{TeamID: team.ID, Name: "ci", Permission: account.Full})
		if err != nil {
			t.Fatal(err)
		}
		start := *now
		for _, c := range []struct{ after, used time.Duration }{{0, 0}, {57 * time.Second, 0}, {61 * time.Second, 61 * time.Second}, {90 * time.Second, 61 * time.Second}} {
			*now = start.Add(c.after)
			if _, err := s.Authenticate(t.Context(), plain); err != nil {
				t.Fatal(err)
			}
			keys, err := s.Keys(t.Context(), team.ID)
			if err != nil || len(keys) != 1 || keys[0].LastUsedAt == nil || !keys[0].LastUsedAt.Equal(start.Add(c.used)) {
				t.Errorf("used after %s: %+v (%v)", c.after, keys, err)
			}
		}
	})
}

// Also a key that was recognised a moment before.
func TestKeyOpensNothingFromTheMomentItExpires(t *testing.T) {
	each(t, func(t *testing.T, s *account.Service, now *time.Time, _ *store.DB) {
		team, err := s.CreateTeam(t.Context(), "red")
		if err != nil {
			t.Fatal(err)
		}
		end := now.Add(time.Hour)
		n := account.NewKey{TeamID: team.ID, Name: "ci", Permission: account.Full, ExpiresAt: &end}
		plain, _, err := s.CreateKey(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			at   time.Time
			good bool
		}{{*now, true}, {end.Add(-time.Millisecond), true}, {end, false}, {end.Add(time.Hour), false}} {
			*now = c.at
			if _, err := s.Authenticate(t.Context(), plain); (err == nil) != c.good || err != nil && !fail.Is(err, fail.Unauthorized) {
				t.Errorf("%v before its end: %v", end.Sub(c.at), err)
			}
		}
		if keys, err := s.Keys(t.Context(), team.ID); err != nil || keys[0].ExpiresAt == nil || !keys[0].ExpiresAt.Equal(end) {
			t.Errorf("stored: %+v (%v)", keys, err)
		}
		if _, _, err := s.CreateKey(t.Context(), n); !fail.Is(err, fail.Invalid) {
			t.Errorf("a key that has expired already: %v", err)
		}
	})
}

func TestTeamsAndKeysThatCannotBe(t *testing.T) {
	each(t, func(t *testing.T, s *account.Service, _ *time.Time, _ *store.DB) {
		if _, err := s.CreateTeam(t.Context(), "red"); err != nil {
			t.Fatal(err)
		}
		_, twice := s.CreateTeam(t.Context(), "red")
		_, empty := s.CreateTeam(t.Context(), "  ")
		_, nobody := s.FindTeam(t.Context(), "nobody")
		_, _, permission := s.CreateKey(t.Context(), account.NewKey{TeamID: "x", Name: "x", Permission: "admin"})
		for name, c := range map[string]struct {
			err  error
			kind fail.Kind
		}{
			"same name": {twice, fail.Conflict}, "no name": {empty, fail.Invalid}, "unknown team": {nobody, fail.NotFound},
			"permission": {permission, fail.Invalid}, "revoke": {s.RevokeKey(t.Context(), "x"), fail.NotFound},
		} {
			if !fail.Is(c.err, c.kind) {
				t.Errorf("%s: %v, want %s", name, c.err, c.kind)
			}
		}
		if team, err := s.FindTeam(t.Context(), ""); err != nil || team.Name != "red" {
			t.Errorf("the only team: %+v (%v)", team, err)
		}
	})
}

func TestPermissions(t *testing.T) {
	for _, c := range []struct {
		p    account.Permission
		s    account.Scope
		want bool
	}{
		{account.Full, account.ScopeFull, true}, {account.Full, account.ScopeSend, true}, {account.Sending, account.ScopeSend, true},
		{account.Sending, account.ScopeFull, false}, {"", account.ScopeSend, false}, {account.Sending, "", false},
	} {
		err := account.Caller{Permission: c.p}.May(c.s)
		if (err == nil) != c.want || (err != nil && !fail.Is(err, fail.Forbidden)) {
			t.Errorf("%q for %q: %v", c.p, c.s, err)
		}
	}
}

func TestUnknownKeysAreRefused(t *testing.T) {
	each(t, func(t *testing.T, s *account.Service, _ *time.Time, _ *store.DB) {
		for _, key := range []string{"", "x", "stn_", "stn_" + strings.Repeat("0", 42), "stn_" + strings.Repeat("!", 43), "stn_" + strings.Repeat("0", 43)} {
			if _, err := s.Authenticate(t.Context(), key); !fail.Is(err, fail.Unauthorized) {
				t.Errorf("%q: %v", key, err)
			}
		}
	})
}
