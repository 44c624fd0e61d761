// Package storetest runs tests on every database that Steno supports.
package storetest

import (
	"context"
	"testing"

	"steno/internal/store"
)

// Each runs test twice: on a fresh SQLite database and on a fresh database of a
// real PostgreSQL server.
func Each(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	EachOptions(t, func(t *testing.T, o store.Options) { test(t, open(t, o)) })
}

// EachOptions is Each for tests that open the database themselves, once or
// several times.
func EachOptions(t *testing.T, test func(t *testing.T, o store.Options)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, sqliteCopy(t)) })
	t.Run("postgres", func(t *testing.T) {
		test(t, store.Options{DatabaseURL: postgresCopy(t), DataDir: t.TempDir()})
	})
}

// EachEmpty is EachOptions for tests of the migration: nothing is in the
// database yet.
func EachEmpty(t *testing.T, test func(t *testing.T, o store.Options)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, store.Options{DataDir: t.TempDir()}) })
	t.Run("postgres", func(t *testing.T) { test(t, store.Options{DatabaseURL: PostgresURL(t), DataDir: t.TempDir()}) })
}

// SQLite opens a fresh SQLite database, for tests of something else that needs
// any database.
func SQLite(t testing.TB) *store.DB {
	t.Helper()
	return open(t, sqliteCopy(t))
}

func open(t testing.TB, o store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), o)
	if err != nil {
		t.Fatalf("open the test database: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the test database: %v", err)
		}
	})
	return db
}
