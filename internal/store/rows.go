package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// list runs a query outside of a transaction and reads all its rows.
func list[T any](ctx context.Context, db *DB, query string, args []any, scan func(*sql.Rows) (T, error)) (out []T, err error) {
	err = db.Read(ctx, func(q Querier) error {
		out, err = rowsOf(ctx, q, query, args, scan)
		return err
	})
	return out, err
}

// rowsOf runs a query and reads all its rows.
func rowsOf[T any](ctx context.Context, q Querier, query string, args []any, scan func(*sql.Rows) (T, error)) (out []T, err error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func maybeTime(ms sql.NullInt64) *time.Time {
	if !ms.Valid {
		return nil
	}
	t := timeOf(ms.Int64)
	return &t
}

func maybeMS(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMilli()
}
