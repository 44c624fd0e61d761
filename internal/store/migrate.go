package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/pressly/goose/v3"

	"steno/internal/store/sqlite"
)

// One set of migrations serves both databases, but for those of search. They only grow: a released file
// never changes.
//
//go:embed migrations/*.sql
var migrations embed.FS

// lockKey is the advisory lock that a migrating process holds on PostgreSQL, so
// that several that start together migrate one after the other. The number is
// arbitrary.
const lockKey = 5_834_001

func (db *DB) migrate(ctx context.Context, dataDir string) error {
	release, err := db.lockMigrations(ctx, dataDir)
	if err != nil {
		return fmt.Errorf("wait for other migrations: %w", err)
	}
	defer release()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	dialect := goose.DialectPostgres
	if db.sqlite {
		dialect = goose.DialectSQLite3
	}
	p, err := goose.NewProvider(dialect, db.write, files, goose.WithDisableGlobalRegistry(true), goose.WithAllowOutofOrder(true), goose.WithGoMigrations(peopleFilled, searchTables(db.sqlite), searchByTeam(db.sqlite)))
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	if err := db.jobs.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	return nil
}

func (db *DB) lockMigrations(ctx context.Context, dataDir string) (func(), error) {
	if db.sqlite {
		dir, err := filepath.Abs(dataDir)
		if err != nil {
			return nil, err
		}
		return sqlite.Lock(dir, ".migrate.lock")
	}
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", lockKey); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return func() {
		// A failure here ends with the session, which frees the lock too.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", lockKey)
		_ = conn.Close()
	}, nil
}
