package store

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// insertRows inserts many rows of the same width. columns are their names,
// separated by commas.
func (tx *Tx) insertRows(ctx context.Context, table, columns string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	tx.step()
	if tx.db.Shared() {
		return tx.copyRows(ctx, table, columns, rows)
	}
	return tx.repeatInsert(ctx, table, columns, rows)
}

// copyRows uses COPY, which PostgreSQL neither parses nor plans.
func (tx *Tx) copyRows(ctx context.Context, table, columns string, rows [][]any) error {
	names := strings.Split(columns, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return tx.conn.Raw(func(driverConn any) error {
		c, ok := driverConn.(*stdlib.Conn)
		if !ok {
			return errors.New("store: not a pgx connection")
		}
		n, err := c.Conn().CopyFrom(tx.limit.on(ctx), pgx.Identifier{table}, names, pgx.CopyFromRows(rows))
		if table == "events" {
			tx.copied += n
		}
		return err
	})
}

// growth counts the events that this process has copied.
type growth struct {
	rows   atomic.Int64
	lookAt atomic.Int64 // compare with the statistics when there are so many
}

// firstLook is when statistics begin to matter.
const firstLook = 1000

// learn has PostgreSQL count its rows when most of them came just now. It does
// so by itself a minute later; until then it takes a calendar for a handful of
// rows, and reads all of them rather than those that were asked for. What goes
// wrong here is not worth an error: it costs time, nothing else.
func (db *DB) learn(ctx context.Context, copied int64) {
	if copied == 0 {
		return
	}
	rows, at := db.growth.rows.Add(copied), db.growth.lookAt.Load()
	if rows < max(at, firstLook) || !db.growth.lookAt.CompareAndSwap(at, 4*rows) {
		return
	}
	var known float64
	err := db.write.QueryRowContext(ctx, "SELECT reltuples FROM pg_class WHERE oid = to_regclass('events')").Scan(&known)
	if err == nil && known < float64(rows)/2 {
		_, _ = db.write.ExecContext(ctx, "ANALYZE event_series, events")
	}
}

// repeatInsert has SQLite parse an INSERT of one row once. One of many rows
// would have to be undone if its last row failed: SQLite then keeps a journal of
// each such statement, which costs more than the rows.
func (tx *Tx) repeatInsert(ctx context.Context, table, columns string, rows [][]any) (err error) {
	query := "INSERT INTO " + table + " (" + columns + ") VALUES (?" + strings.Repeat(",?", len(rows[0])-1) + ")"
	stmt, err := tx.tx.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	// The driver watches a context that can end anew for each row.
	quiet := context.WithoutCancel(ctx)
	for _, r := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := stmt.ExecContext(quiet, r...); err != nil {
			return err
		}
	}
	return nil
}
