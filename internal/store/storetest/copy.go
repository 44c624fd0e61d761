package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"steno/internal/store"
	"steno/internal/store/sqlite"
)

// To make the tables takes the better part of a second under the race detector.
// So each test process makes them once, and its tests get copies.

var sqliteFile = sync.OnceValues(func() (file []byte, err error) {
	dir, err := os.MkdirTemp("", "steno-test-sqlite-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := fill(store.Options{DataDir: dir}); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, sqlite.File))
})

// sqliteCopy returns a fresh SQLite database with all tables.
func sqliteCopy(t testing.TB) store.Options {
	t.Helper()
	file, err := sqliteFile()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, sqlite.File), file, 0o600); err != nil {
		t.Fatal(err)
	}
	return store.Options{DataDir: dir}
}

// dropTemplate removes the database that postgresTemplate made.
var dropTemplate = func() error { return nil }

var postgresTemplate = sync.OnceValues(func() (name string, err error) {
	url, drop, err := Database()
	if err != nil {
		return "", err
	}
	dropTemplate = drop
	if err := fill(store.Options{DatabaseURL: url}); err != nil {
		return "", err
	}
	return nameOf(url)
})

// postgresCopy returns the URL of a fresh PostgreSQL database with all tables,
// dropped after the test.
func postgresCopy(t testing.TB) string {
	t.Helper()
	template, err := postgresTemplate()
	if err != nil {
		t.Fatal(err)
	}
	return cleaned(t)(create(" TEMPLATE " + template))
}

// fill makes the tables of an empty database.
func fill(o store.Options) error {
	db, err := store.Open(context.Background(), o)
	if err != nil {
		return fmt.Errorf("make a database for tests: %w", err)
	}
	return db.Close()
}
