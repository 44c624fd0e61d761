package store

import (
	"context"
	"database/sql"
)

// Numbers returns the integers that stand for the team, under its own id, and for
// things of the team. Those that have none are given the next ones.
func (s Bots) Numbers(ctx context.Context, team string, ids []string) (map[string]int, error) {
	all := append([]string{team}, ids...)
	var out map[string]int
	err := s.DB.Read(ctx, func(q Querier) (err error) {
		out, err = numbers(ctx, q, all)
		return err
	})
	if err != nil || len(out) == len(all) {
		return out, err
	}
	err = s.DB.InTx(ctx, func(tx *Tx) (err error) {
		if out, err = numbers(ctx, tx, all); err != nil {
			return err
		}
		if err := tx.number(ctx, "teams", out, all[:1]); err != nil {
			return err
		}
		return tx.number(ctx, "of team "+team, out, all[1:])
	})
	return out, err
}

func numbers(ctx context.Context, q Querier, ids []string) (map[string]int, error) {
	out := make(map[string]int, len(ids))
	_, err := rowsOf(ctx, q, "SELECT id, n FROM numbers WHERE id IN ("+placeholders(1, len(ids))+")", texts(nil, ids), func(rows *sql.Rows) (id string, err error) {
		var n int
		err = rows.Scan(&id, &n)
		out[id] = n
		return id, err
	})
	return out, err
}

// number numbers what has no number yet. Whoever comes second waits for the
// counter, and then finds what the first one has given.
func (tx *Tx) number(ctx context.Context, counter string, known map[string]int, ids []string) error {
	for _, id := range ids {
		if _, ok := known[id]; ok {
			continue
		}
		var n int
		err := tx.QueryRow(ctx, `INSERT INTO counters (name, n) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET n = counters.n + 1 RETURNING n`, counter).Scan(&n)
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `INSERT INTO numbers (id, n) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET n = numbers.n RETURNING n`, id, n).Scan(&n)
		if err != nil {
			return err
		}
		known[id] = n
	}
	return nil
}
