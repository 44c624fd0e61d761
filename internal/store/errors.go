package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"steno/internal/fail"
	"steno/internal/store/postgres"
	"steno/internal/store/sqlite"
)

// CodeUnavailable is the code of an error that says: the database does not
// answer now, try again.
const CodeUnavailable = "FST_ERR_SERVICE_UNAVAILABLE"

// Away reports whether err says that the database does not answer now.
func Away(err error) bool {
	f := fail.As(err)
	return f != nil && f.Code == CodeUnavailable
}

// ErrDuplicate is in the chain of an error that broke a unique constraint.
var ErrDuplicate = errors.New("a row with this key exists")

// classify turns an error of a driver into one that the program can act upon.
// Errors of the caller's own, sql.ErrNoRows among them, pass unchanged.
func classify(err error) error {
	switch {
	case err == nil, fail.As(err) != nil, errors.Is(err, sql.ErrNoRows):
		return err
	case errors.Is(err, context.Canceled):
		return err
	case postgres.Duplicate(err), sqlite.Duplicate(err):
		return errors.Join(ErrDuplicate, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, sql.ErrTxDone), // undone under our hands, because the time was up
		postgres.Down(err), postgres.Again(err), sqlite.Down(err):
		return fail.Wrap(err, fail.Unavailable, CodeUnavailable, "the database does not answer; try again in a moment")
	}
	return err
}
