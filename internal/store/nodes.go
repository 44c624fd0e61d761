package store

import (
	"context"
	"database/sql"

	"steno/internal/clock"
)

// deadAfterMS is how long a node on PostgreSQL may be silent. Its jobs are run
// again after this time and at most one heartbeat more.
const deadAfterMS = 12_000

// Nodes is the list of live server processes. It implements job.Nodes.
type Nodes struct {
	DB    *DB
	Clock clock.Clock
}

// Beat says that the node lives, and makes the running jobs of dead nodes
// available again; it returns how many. Their attempts do not count: a job is
// not at fault when its process dies.
//
// A SQLite database has one server process at a time (the data directory is
// locked), so every other node in it is dead and none can die later: after the
// first beat there is nothing to write.
func (n Nodes) Beat(ctx context.Context, id, host string) (rescued int64, err error) {
	if n.DB.sqlite {
		known, err := n.known(ctx, id)
		if err != nil || known {
			return 0, err
		}
	}
	err = n.DB.InTx(ctx, func(tx *Tx) error {
		now, err := tx.now(ctx, n.Clock)
		if err != nil {
			return err
		}
		// A node that was silent itself, because the database was away, cannot judge
		// the others: they could not be heard either.
		var last int64
		err = tx.QueryRow(ctx, "SELECT COALESCE(MAX(heartbeat_at), $2) FROM nodes WHERE id = $1", id, now).Scan(&last)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO nodes (id, host, started_at, heartbeat_at) VALUES ($1, $2, $3, $3)
			ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at`, id, host, now)
		if err != nil || now-last > deadAfterMS {
			return err
		}
		rescued, err = n.rescue(ctx, tx, id, now)
		return err
	})
	return rescued, err
}

func (n Nodes) known(ctx context.Context, id string) (known bool, err error) {
	err = n.DB.Read(ctx, func(q Querier) error {
		return q.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM nodes WHERE id = $1)", id).Scan(&known)
	})
	return known, err
}

// taker is the node that took a job last.
func (n Nodes) taker() string {
	if n.DB.sqlite {
		return "attempted_by ->> '$[#-1]'"
	}
	return "attempted_by[array_upper(attempted_by, 1)]"
}

func (n Nodes) rescue(ctx context.Context, tx *Tx, self string, now int64) (int64, error) {
	dead, arg := "heartbeat_at < $1", any(now-deadAfterMS)
	if n.DB.sqlite {
		dead, arg = "id <> $1", self
	}
	if _, err := tx.Exec(ctx, "DELETE FROM nodes WHERE "+dead, arg); err != nil {
		return 0, err
	}
	return execN(ctx, tx, `UPDATE river_job SET state = 'available', max_attempts = max_attempts + 1
		WHERE state = 'running' AND `+n.taker()+` NOT IN (SELECT id FROM nodes)`)
}

// Running returns the jobs that run in the node's name, and how often each was
// taken, by whomever.
func (n Nodes) Running(ctx context.Context, id string) (map[int64]int, error) {
	times := "cardinality(attempted_by)"
	if n.DB.sqlite {
		times = "json_array_length(attempted_by)"
	}
	out := map[int64]int{}
	query := "SELECT id, " + times + " FROM river_job WHERE state = 'running' AND " + n.taker() + " = $1"
	_, err := list(ctx, n.DB, query, []any{id}, func(rows *sql.Rows) (_ struct{}, err error) {
		var job int64
		var taken int
		err = rows.Scan(&job, &taken)
		out[job] = taken
		return struct{}{}, err
	})
	return out, err
}

// GiveBack makes jobs available again that run in the node's name, and returns
// how many there were. Their attempts do not count.
func (n Nodes) GiveBack(ctx context.Context, id string, jobs []int64) (given int64, err error) {
	args := []any{id}
	for _, job := range jobs {
		args = append(args, job)
	}
	err = n.DB.InTx(ctx, func(tx *Tx) error {
		given, err = execN(ctx, tx, `UPDATE river_job SET state = 'available', max_attempts = max_attempts + 1
			WHERE state = 'running' AND `+n.taker()+` = $1 AND id IN (`+placeholders(2, len(jobs))+`)`, args...)
		return err
	})
	return given, err
}

// Leave says that the node has stopped.
func (n Nodes) Leave(ctx context.Context, id string) error {
	return n.DB.InTx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM nodes WHERE id = $1", id)
		return err
	})
}

// now returns the time in unix milliseconds by the clock that all nodes share:
// that of the PostgreSQL server, or our own.
func (tx *Tx) now(ctx context.Context, c clock.Clock) (int64, error) {
	if tx.db.sqlite {
		return c.Now().UnixMilli(), nil
	}
	var ms int64
	err := tx.QueryRow(ctx, "SELECT (extract(epoch FROM now()) * 1000)::bigint").Scan(&ms)
	return ms, err
}
