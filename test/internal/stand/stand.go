// Package stand puts the API together over a test database, for tests and
// benchmarks that look at it from outside.
package stand

import (
	"context"
	"log/slog"
	"net/http"
	"testing"

	"github.com/go-chi/chi/v5"

	"steno/internal/account"
	"steno/internal/api/httpx"
	v2 "steno/internal/api/v2"
	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/store"
	"steno/test/contract"
)

// Stand is the API with one team and one key.
type Stand struct {
	DB      *store.DB
	Bots    *bot.Service
	Store   store.Bots
	Handler http.Handler
	Team    string
	Key     string
}

type outside struct{}

// URL signs nothing: these tests are not about artifacts.
func (outside) URL(_ context.Context, key string) (string, error) {
	return "https://files.example/" + key, nil
}

// SealBot stands for package seal, which has tests of its own.
func (outside) SealBot(_, _, _, _ string) (string, error) { return "sealed", nil }

// SealRequest and OpenRequest keep requests as they are.
func (outside) SealRequest(_, _ string, plain []byte) (string, error) { return string(plain), nil }
func (outside) OpenRequest(_, _, sealed string) ([]byte, error)       { return []byte(sealed), nil }

// New returns a Stand on the database. Every answer is held against the
// reference.
func New(t testing.TB, db *store.DB) *Stand {
	t.Helper()
	s, err := Build(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	s.Handler = (&contract.Watch{Failed: t.Errorf}).Handler(s.Handler)
	return s
}

// Build is New for programs that are no tests.
func Build(ctx context.Context, db *store.DB) (*Stand, error) {
	log := slog.New(slog.DiscardHandler)
	accounts := account.New(store.Accounts{DB: db}, clock.System{}, log)
	team, err := accounts.CreateTeam(ctx, "test")
	if err != nil {
		return nil, err
	}
	key, _, err := accounts.CreateKey(ctx, account.NewKey{TeamID: team.ID, Name: "test", Permission: account.Full})
	if err != nil {
		return nil, err
	}
	s := &Stand{DB: db, Store: store.Bots{DB: db, Vault: outside{}, Requests: outside{}}, Team: team.ID, Key: key}
	s.Bots = &bot.Service{Store: s.Store, Clock: clock.System{}, Signer: outside{}, ValidURL: func(string) error { return nil }}
	surface := &v2.Surface{Bots: s.Bots, Accounts: accounts, Clock: clock.System{}, Log: log, Version: "test"}
	r := chi.NewRouter()
	surface.Mount(r)
	s.Handler = httpx.Wrap(r, httpx.Options{Log: log, Clock: clock.System{}, Panic: surface.Panicked})
	return s, nil
}
