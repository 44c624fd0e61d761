package store

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"
)

// peopleFilled is the migration that fills the columns which 00090 has added to
// event_details: SQL cannot read what is compressed.
var peopleFilled = goose.NewGoMigration(91, &goose.GoFunc{RunTx: fillPeople}, nil)

// unfilled is a row of event_details that has no people yet.
type unfilled struct {
	id          string
	packed, raw []byte
}

func fillPeople(ctx context.Context, tx *sql.Tx) error {
	for last := ""; ; {
		rows, err := rowsOf(ctx, migrating{tx}, "SELECT event_id, details, raw FROM event_details WHERE event_id > $1 ORDER BY event_id LIMIT 500", []any{last}, func(rows *sql.Rows) (u unfilled, err error) {
			err = rows.Scan(&u.id, &u.packed, &u.raw)
			return u, err
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, u := range rows {
			d, err := unpackDetails(u.packed, u.raw)
			if err != nil {
				return err
			}
			from, to := addresses(d)
			if _, err := tx.ExecContext(ctx, "UPDATE event_details SET organizer = $1, attendees = $2 WHERE event_id = $3", from, to, u.id); err != nil {
				return err
			}
			last = u.id
		}
	}
}

// migrating is the transaction of a migration as a Querier.
type migrating struct{ tx *sql.Tx }

func (m migrating) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return m.tx.ExecContext(ctx, query, args...)
}

func (m migrating) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return m.tx.QueryContext(ctx, query, args...)
}

func (m migrating) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return m.tx.QueryRowContext(ctx, query, args...)
}
