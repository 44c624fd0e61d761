// Package sqlite opens SQLite files. It holds what only SQLite needs to hear.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// File is the name of the database in the data directory.
const File = "steno.db"

// Handles are two pools on one file. Write has a single connection: SQLite
// allows one writer, and waiting in Go is fair and cheap while waiting in
// SQLite is neither. Read never blocks the writer nor waits for it (WAL).
type Handles struct{ Write, Read *sql.DB }

// readers bounds the read pool; each connection keeps about 2 MB of cache.
const readers = 4

// Driver is the database/sql driver of SQLite.
const Driver = "sqlite"

// Open opens or creates the database in dir, with Driver or one that stands in
// front of it.
func Open(ctx context.Context, dir, driver string) (Handles, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Handles{}, fmt.Errorf("create data directory: %w", err)
	}
	file := filepath.Join(dir, File)
	// The file holds sealed secrets and hashes; nobody else needs to read it.
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return Handles{}, fmt.Errorf("open database file: %w", err)
	}
	if err := f.Close(); err != nil {
		return Handles{}, err
	}
	write, err := pool(driver, file, 1, "synchronous(FULL)", "journal_mode(WAL)", "cache_size(-16384)", "wal_autocheckpoint(4000)")
	if err != nil {
		return Handles{}, err
	}
	if err := first(ctx, dir, write); err != nil {
		return Handles{}, errors.Join(fmt.Errorf("open %s: %w", file, err), write.Close())
	}
	read, err := pool(driver, file, readers, "query_only(1)")
	if err != nil {
		return Handles{}, errors.Join(err, write.Close())
	}
	return Handles{Write: write, Read: read}, nil
}

// first makes the first connection. To turn a file to WAL, SQLite wants it for
// itself, and does not wait for another server that does the same.
func first(ctx context.Context, dir string, db *sql.DB) error {
	release, err := Lock(dir, ".open.lock")
	if err != nil {
		return err
	}
	defer release()
	return db.PingContext(ctx)
}

func pool(driver, file string, conns int, pragmas ...string) (*sql.DB, error) {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(10000)", "foreign_keys(1)"}}
	q["_pragma"] = append(q["_pragma"], pragmas...)
	db, err := sql.Open(driver, "file:"+(&url.URL{Path: file}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// Lock takes an exclusive lock on a file in dir and waits for it. It is freed
// by release, or when the process dies.
func Lock(dir, name string) (release func(), err error) { return flock(dir, name, unix.LOCK_EX) }

// TryLock is Lock that does not wait: it returns unix.EWOULDBLOCK when another
// process holds the lock.
func TryLock(dir, name string) (release func(), err error) {
	return flock(dir, name, unix.LOCK_EX|unix.LOCK_NB)
}

func flock(dir, name string, how int) (func(), error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), how)
		if err != unix.EINTR { //nolint:errorlint // a raw errno
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// Busy reports whether err says that another process holds the write lock:
// the transaction did nothing and may be tried again.
func Busy(err error) bool {
	switch code(err) {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return true
	}
	return false
}

// Down reports whether err is a failure of the disk rather than of the query.
func Down(err error) bool {
	switch code(err) {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_CANTOPEN, lib.SQLITE_READONLY:
		return true
	}
	return false
}

// Duplicate reports whether err is a broken unique constraint.
func Duplicate(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code() == lib.SQLITE_CONSTRAINT_UNIQUE || e.Code() == lib.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// code returns the primary result code of SQLite in err, or -1.
func code(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return -1
	}
	return e.Code() & 0xff
}
