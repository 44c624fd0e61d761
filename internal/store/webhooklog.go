package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"steno/internal/fail"
	"steno/internal/ident"
	"steno/internal/webhook"
)

// deliveryColumns are read by scanDelivery from a delivery d, its message m and
// its last attempt a.
const deliveryColumns = `d.id, d.message_id, d.team_id, d.endpoint_id, m.bot_id, d.kind, m.event, d.state, d.attempt, d.next_at,
	d.created_at, d.finished_at, m.sequence, d.replay_of, COALESCE(a.status, 0), COALESCE(a.failure, '')`

const fromDeliveries = ` FROM webhook_deliveries d JOIN webhook_messages m ON m.id = d.message_id
	LEFT JOIN webhook_attempts a ON a.delivery_id = d.id AND a.n = d.attempt `

// scanDelivery reads deliveryColumns and then more.
func scanDelivery(scan func(...any) error, more ...any) (d webhook.Delivery, err error) {
	var next, created int64
	var finished sql.NullInt64
	err = scan(append([]any{
		&d.ID, &d.MessageID, &d.TeamID, &d.EndpointID, &d.BotID, &d.Kind, &d.Event, &d.State, &d.Attempts, &next,
		&created, &finished, &d.Sequence, &d.ReplayOf, &d.LastStatus, &d.LastFailure,
	}, more...)...)
	d.CreatedAt, d.FinishedAt = timeOf(created), maybeTime(finished)
	if d.State == webhook.Pending {
		at := timeOf(next)
		d.NextAt = &at
	}
	return d, err
}

// Deliveries returns a page of an endpoint's log, or of a team's callbacks.
func (db *DB) Deliveries(ctx context.Context, team string, q webhook.Query) ([]webhook.Delivery, error) {
	w := where{sqlite: db.sqlite}
	w.add("d.team_id = ? AND d.endpoint_id = ?", team, q.EndpointID)
	for _, f := range []struct{ term, text string }{
		{"d.state = ?", string(q.State)}, {"m.event = ?", string(q.Event)}, {"m.bot_id = ?", q.BotID}, {"d.id < ?", q.Before},
	} {
		if f.text != "" {
			w.add(f.term, f.text)
		}
	}
	w.between("d.created_at", q.Since, q.Until)
	w.args = append(w.args, q.Limit)
	query := w.number("SELECT " + deliveryColumns + fromDeliveries + "WHERE " + w.all() + " ORDER BY d.id DESC LIMIT ?")
	return list(ctx, db, query, db.planned(w.args...), func(rows *sql.Rows) (webhook.Delivery, error) { return scanDelivery(rows.Scan) })
}

func noDelivery(id string) error {
	return fail.New(fail.NotFound, webhook.CodeNoDelivery, "there is no delivery %s", id)
}

// Delivery returns one delivery of a team with its attempts.
func (db *DB) Delivery(ctx context.Context, team, id string) (r webhook.Record, err error) {
	err = db.Read(ctx, func(q Querier) error {
		var secret string
		r.Delivery, err = scanDelivery(q.QueryRow(ctx, "SELECT "+deliveryColumns+`, d.method, COALESCE(e.url, d.url), d.secret,
				CASE WHEN e.participants = 'objects' AND m.payload_objects <> '' THEN m.payload_objects ELSE m.payload END`+fromDeliveries+
			`LEFT JOIN webhook_endpoints e ON e.id = d.endpoint_id WHERE d.team_id = $1 AND d.id = $2`, team, id).Scan,
			&r.Method, &r.URL, &secret, &r.Body)
		if errors.Is(err, sql.ErrNoRows) {
			return noDelivery(id)
		}
		if err != nil {
			return err
		}
		r.Secret = secret != ""
		if r.Method == "" {
			r.Method = "POST"
		}
		r.Attempts, err = rowsOf(ctx, q, `SELECT n, at, duration_ms, url, status, failure, error, response_headers, response
			FROM webhook_attempts WHERE delivery_id = $1 ORDER BY n`, []any{id}, scanTry)
		return err
	})
	return r, err
}

func scanTry(rows *sql.Rows) (t webhook.Try, err error) {
	var at, ms int64
	var headers string
	if err := rows.Scan(&t.N, &at, &ms, &t.URL, &t.Status, &t.Failure, &t.Error, &headers, &t.ResponseBody); err != nil {
		return t, err
	}
	t.At, t.Duration = timeOf(at), time.Duration(ms)*time.Millisecond
	if headers != "" {
		err = json.Unmarshal([]byte(headers), &t.ResponseHeaders)
	}
	return t, err
}

// Replayable returns the first deliveries of the messages in a scope.
func (db *DB) Replayable(ctx context.Context, team string, s webhook.Scope) ([]string, error) {
	w := where{sqlite: db.sqlite}
	w.add("d.team_id = ? AND d.endpoint_id = ? AND d.replay_of = ''", team, s.EndpointID)
	w.between("d.created_at", s.Since, s.Until)
	if s.After != "" {
		w.add("d.id > ?", s.After)
	}
	if s.FailedOnly {
		w.add("d.state IN ('exhausted', 'dropped')")
	}
	w.add(notOnItsWay("d", s.FailedOnly))
	w.args = append(w.args, s.Limit)
	query := w.number("SELECT d.id FROM webhook_deliveries d WHERE " + w.all() + " ORDER BY d.id LIMIT ?")
	return list(ctx, db, query, db.planned(w.args...), scanText)
}

// notOnItsWay is a condition on a delivery: no delivery of its message to its
// receiver is pending, nor, with failedOnly, has one arrived.
func notOnItsWay(d string, failedOnly bool) string {
	states := "'pending'"
	if failedOnly {
		states += ", 'delivered'"
	}
	return `NOT EXISTS (SELECT 1 FROM webhook_deliveries x WHERE x.message_id = ` + d + `.message_id AND x.lane = ` + d + `.lane
		AND x.state IN (` + states + `))`
}

// Requeue queues a new delivery of the message of each given one.
func (db *DB) Requeue(ctx context.Context, team, endpoint string, deliveries []string, failedOnly bool, now time.Time) (n int, err error) {
	err = db.InTx(ctx, func(tx *Tx) error {
		n = 0
		if endpoint != "" {
			if err := tx.mustBeEnabled(ctx, team, endpoint); err != nil {
				return err
			}
		}
		for _, id := range deliveries {
			queued, err := tx.requeue(ctx, team, id, failedOnly, now)
			if err != nil {
				return err
			}
			n += int(queued)
		}
		return nil
	})
	return n, err
}

// mustBeEnabled also keeps others from replaying to the endpoint at once.
func (tx *Tx) mustBeEnabled(ctx context.Context, team, endpoint string) error {
	var enabled bool
	err := tx.QueryRow(ctx, `UPDATE webhook_endpoints SET name = name WHERE team_id = $1 AND id = $2 RETURNING enabled`, team, endpoint).Scan(&enabled)
	if errors.Is(err, sql.ErrNoRows) {
		return noWebhook(endpoint)
	}
	if err == nil && !enabled {
		return fail.New(fail.Conflict, webhook.CodeDisabled, "the webhook is disabled; enable it first")
	}
	return err
}

func (tx *Tx) requeue(ctx context.Context, team, id string, failedOnly bool, now time.Time) (int64, error) {
	n, err := execN(ctx, tx, `INSERT INTO webhook_deliveries
		(id, message_id, team_id, kind, lane, endpoint_id, url, method, secret, state, attempt, next_at, lease_by, created_at, replay_of)
		SELECT CAST($1 AS TEXT), o.message_id, o.team_id, o.kind, o.lane, o.endpoint_id, o.url, o.method, o.secret, 'pending', 0, CAST($2 AS BIGINT), '',
			CAST($2 AS BIGINT), CASE WHEN o.replay_of = '' THEN o.id ELSE o.replay_of END
		FROM webhook_deliveries o WHERE o.team_id = $3 AND o.id = $4 AND `+notOnItsWay("o", failedOnly),
		ident.New(), now.UnixMilli(), team, id)
	if err == nil && n > 0 {
		tx.nudgeSender()
	}
	return n, err
}

// trimStep is how many messages are removed in one transaction.
const trimStep = 100

// TrimWebhooks removes messages that came about before the given time, with
// their deliveries and attempts, some at a time, and returns how many. What is
// still to be sent stays, and so does what was replayed since.
func (db *DB) TrimWebhooks(ctx context.Context, before time.Time) (n int, err error) {
	err = db.InTx(ctx, func(tx *Tx) error {
		// Ids begin with the time at which they were made, and are in its order.
		ids, err := rowsOf(ctx, tx, `SELECT m.id FROM webhook_messages m WHERE m.id < $1 AND m.created_at < $2 AND NOT EXISTS (
				SELECT 1 FROM webhook_deliveries d WHERE d.message_id = m.id AND (d.state = 'pending' OR d.created_at >= $2))
			ORDER BY m.id LIMIT $3`, tx.db.planned(webhook.FirstMessageID(before), before.UnixMilli(), trimStep), func(rows *sql.Rows) (id any, err error) {
			var text string
			err = rows.Scan(&text)
			return text, err
		})
		if n = len(ids); err != nil || n == 0 {
			return err
		}
		in := "(" + placeholders(1, n) + ")"
		for _, statement := range []string{
			"DELETE FROM webhook_attempts WHERE delivery_id IN (SELECT id FROM webhook_deliveries WHERE message_id IN " + in + ")",
			"DELETE FROM webhook_deliveries WHERE message_id IN " + in,
			"DELETE FROM webhook_messages WHERE id IN " + in,
		} {
			if _, err := tx.Exec(ctx, statement, tx.db.planned(ids...)...); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}
