// Package app wires the program: it is the only package that may import all
// others, and it decides nothing. Read it from top to bottom.
package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"steno/internal/account"
	"steno/internal/clock"
	"steno/internal/config"
	"steno/internal/fail"
	"steno/internal/ident"
	"steno/internal/quota"
	"steno/internal/seal"
	"steno/internal/store"
	"steno/internal/store/postgres"
)

// House is the open database and what works on it directly: all that commands
// such as `steno key create` need.
type House struct {
	DB       *store.DB
	Vault    Vault
	Accounts *account.Service
	Quota    *quota.Service
	Clock    clock.Clock
	Log      *slog.Logger
}

// Open opens the database and the secret key. Its errors say what to do.
func Open(ctx context.Context, o config.Storage, log *slog.Logger) (*House, error) {
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return nil, dataError(o.Data, err)
	}
	db, err := store.Open(ctx, store.Options{DatabaseURL: o.DatabaseURL, DataDir: o.Data, Driver: o.Driver})
	if err != nil {
		return nil, databaseError(o, err)
	}
	sealer, err := seal.Load(o.SecretKey, o.Data)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	clk := clock.System{}
	return &House{
		DB: db, Vault: Vault{seal.Webhooks{Sealer: sealer}}, Clock: clk, Log: log,
		Accounts: account.New(store.Accounts{DB: db}, clk, log), Quota: NewQuota(db, clk),
	}, nil
}

// Close closes the database.
func (h *House) Close() error { return h.DB.Close() }

func dataError(dir string, err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrExist) || strings.Contains(err.Error(), "not a directory") || strings.Contains(err.Error(), "read-only") {
		return fmt.Errorf("the data folder %s cannot be written; choose another with --data or STENO_DATA, or change its owner (%w)", dir, err)
	}
	return fmt.Errorf("the data folder %s cannot be used: %w", dir, err)
}

func databaseError(o config.Storage, err error) error {
	if o.DatabaseURL == "" {
		return dataError(o.Data, err)
	}
	cause := strings.Join(strings.Fields(err.Error()), " ") // pgx writes a line for each address that it tried
	return fmt.Errorf("the database at %s cannot be used; check --database-url or STENO_DATABASE_URL, and that PostgreSQL runs: %s",
		postgres.Where(o.DatabaseURL), cause)
}

// Vault seals and opens all secrets of the database.
type Vault struct{ seal.Webhooks }

// SealBot seals a secret of a bot; column is that of table bot_configs.
func (v Vault) SealBot(team, bot, column, plain string) (string, error) {
	return v.Seal(seal.Context{Team: team, Table: "bots", Row: bot, Column: column}, []byte(plain))
}

// OpenBot opens what SealBot returned.
func (v Vault) OpenBot(team, bot, column, sealed string) (string, error) {
	plain, err := v.Open(seal.Context{Team: team, Table: "bots", Row: bot, Column: column}, sealed)
	return string(plain), err
}

// hostID returns the name under which this data folder's bots run. It is made
// once: a host that is renamed still finds its bots.
func hostID(dataDir string) (string, error) {
	file := filepath.Join(dataDir, "host-id")
	text, err := os.ReadFile(file)
	if id := strings.TrimSpace(string(text)); err == nil && ident.Valid(id) {
		return id, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	id := ident.New()
	if err := os.WriteFile(file, []byte(id+"\n"), 0o600); err != nil {
		return "", fail.Wrap(err, fail.Unavailable, "DATA_NOT_WRITABLE", "write %s", file)
	}
	return id, nil
}
