package store

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// rowsAtOnce bounds an INSERT: SQLite takes 32,766 values.
const rowsAtOnce = 50

// insertRows inserts many rows of the same width. columns are their names,
// separated by commas.
func (tx *Tx) insertRows(ctx context.Context, table, columns string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	if tx.db.Shared() {
		return tx.copyRows(ctx, table, columns, rows)
	}
	query := "INSERT INTO " + table + " (" + columns + ") VALUES "
	for len(rows) > 0 {
		n := min(rowsAtOnce, len(rows))
		// The values are counted: SQLite takes $1 for a name.
		one := ",(?" + strings.Repeat(",?", len(rows[0])-1) + ")"
		args := make([]any, 0, n*len(rows[0]))
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		if _, err := tx.Exec(ctx, query+strings.Repeat(one, n)[1:], args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// copyRows does so with COPY, which PostgreSQL neither parses nor plans.
func (tx *Tx) copyRows(ctx context.Context, table, columns string, rows [][]any) error {
	tx.step()
	names := strings.Split(columns, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return tx.conn.Raw(func(driverConn any) error {
		c, ok := driverConn.(*stdlib.Conn)
		if !ok {
			return errors.New("store: not a pgx connection")
		}
		_, err := c.Conn().CopyFrom(ctx, pgx.Identifier{table}, names, pgx.CopyFromRows(rows))
		return err
	})
}
