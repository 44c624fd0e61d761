package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"steno/internal/webhook"

	"github.com/jackc/pgx/v5"
)

// Lane is a receiver with deliveries that are not done.
type Lane struct {
	Name string
	Next time.Time // when the first of them is due
}

// planned has PostgreSQL plan a statement anew each time. The queue is often
// empty: a plan that was made and kept then reads the whole table ever after.
func (db *DB) planned(args ...any) []any {
	if db.sqlite {
		return args
	}
	return append([]any{pgx.QueryExecModeExec}, args...)
}

// DeliveryLanes returns all lanes with pending deliveries. Its cost grows with
// the number of lanes, not of deliveries: it jumps from one lane to the next
// in the index.
func (db *DB) DeliveryLanes(ctx context.Context) ([]Lane, error) {
	var out []Lane
	err := db.Read(ctx, func(q Querier) error {
		rows, err := q.Query(ctx, `WITH RECURSIVE lanes (lane) AS (
				SELECT MIN(lane) FROM webhook_deliveries WHERE state = 'pending'
				UNION ALL
				SELECT (SELECT MIN(d.lane) FROM webhook_deliveries d WHERE d.state = 'pending' AND d.lane > lanes.lane)
				FROM lanes WHERE lanes.lane IS NOT NULL)
			SELECT lane, next_at FROM (
				SELECT lanes.lane AS lane, (SELECT MIN(d.next_at) FROM webhook_deliveries d
					WHERE d.state = 'pending' AND d.lane = lanes.lane) AS next_at
				FROM lanes WHERE lanes.lane IS NOT NULL) AS found
			WHERE next_at IS NOT NULL`, db.planned()...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var l Lane
			var at int64
			if err := rows.Scan(&l.Name, &at); err != nil {
				return err
			}
			l.Next = time.UnixMilli(at).UTC()
			out = append(out, l)
		}
		return rows.Err()
	})
	return out, err
}

// Claim is a delivery that a sender has leased.
type Claim struct {
	DeliveryID string
	MessageID  string
	TeamID     string
	BotID      string
	Kind       webhook.Kind
	Lane       string
	Attempt    int // attempts made so far
	Event      webhook.EventType
	Payload    []byte
	Objects    bool // its endpoint asks for people as objects
	Replay     bool // its message was queued for this receiver before
	Sequence   int64
	CreatedAt  time.Time

	EndpointID     string // of an account webhook
	URL            string
	Method         string
	Secret         string // sealed; as are the old ones
	OldSecret      string
	OldSecretUntil time.Time
}

// Lease says who claims, and until when it is theirs alone.
type Lease struct {
	By    string
	Now   time.Time
	Until time.Time
}

// ClaimDeliveries leases due deliveries of some lanes, oldest first.
func (tx *Tx) ClaimDeliveries(ctx context.Context, want []Want, l Lease) ([]Claim, error) {
	var ids []any
	for len(want) > 0 {
		// SQLite has no LATERAL, and no round trips either.
		n := 1
		if !tx.db.sqlite {
			n = min(len(want), lanesPerClaim)
		}
		found, err := tx.lease(ctx, want[:n], l)
		if err != nil {
			return nil, err
		}
		ids, want = append(ids, found...), want[n:]
	}
	var out []Claim
	for len(ids) > 0 {
		n := min(len(ids), claimsPerRead)
		claims, err := tx.readClaims(ctx, ids[:n])
		if err != nil {
			return nil, err
		}
		out, ids = append(out, claims...), ids[n:]
	}
	return out, nil
}

// These bound a statement's parameters.
const (
	lanesPerClaim = 200
	claimsPerRead = 500
)

// lease returns the ids of what it leased. The array keeps PostgreSQL to the
// primary key, however many rows it expects.
func (tx *Tx) lease(ctx context.Context, want []Want, l Lease) (ids []any, err error) {
	query := `UPDATE webhook_deliveries SET next_at = $1, lease_by = $2 WHERE id IN (
			SELECT id FROM webhook_deliveries WHERE state = 'pending' AND lane = $4 AND next_at <= $3 ORDER BY next_at LIMIT $5)
		AND state = 'pending' AND next_at <= $3 RETURNING id`
	args := []any{l.Until.UnixMilli(), l.By, l.Now.UnixMilli()}
	values := make([]string, len(want))
	for i, w := range want {
		values[i] = fmt.Sprintf("(CAST($%d AS TEXT), CAST($%d AS BIGINT))", len(args)+1, len(args)+2)
		args = append(args, w.Lane, w.Limit)
	}
	if len(want) > 1 {
		query = `WITH want (lane, most) AS (VALUES ` + strings.Join(values, ", ") + `)
			UPDATE webhook_deliveries SET next_at = $1, lease_by = $2 WHERE id = ANY (ARRAY (
				SELECT due.id FROM want, LATERAL (SELECT d.id FROM webhook_deliveries d
					WHERE d.state = 'pending' AND d.lane = want.lane AND d.next_at <= $3 ORDER BY d.next_at LIMIT want.most) AS due))
			AND state = 'pending' AND next_at <= $3 RETURNING id`
	}
	rows, err := tx.Query(ctx, query, tx.db.planned(args...)...)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			_ = rows.Close()
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, firstError(rows.Err(), rows.Close())
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) readClaims(ctx context.Context, ids []any) ([]Claim, error) {
	rows, err := tx.Query(ctx, `SELECT d.id, d.message_id, d.team_id, m.bot_id, d.kind, d.lane, d.attempt, d.created_at, m.event, m.sequence, d.replay_of <> '',
			d.endpoint_id, COALESCE(e.participants = 'objects', FALSE),
			CASE WHEN e.participants = 'objects' AND m.payload_objects <> '' THEN m.payload_objects ELSE m.payload END,
			COALESCE(e.url, d.url), d.method, COALESCE(e.secret, d.secret), COALESCE(e.old_secret, ''), COALESCE(e.old_secret_until, 0)
		FROM webhook_deliveries d JOIN webhook_messages m ON m.id = d.message_id
		LEFT JOIN webhook_endpoints e ON e.id = d.endpoint_id
		WHERE d.id IN (`+placeholders(1, len(ids))+`) ORDER BY d.id`, tx.db.planned(ids...)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := make([]Claim, 0, len(ids))
	for rows.Next() {
		var c Claim
		var created, oldUntil int64
		err := rows.Scan(&c.DeliveryID, &c.MessageID, &c.TeamID, &c.BotID, &c.Kind, &c.Lane, &c.Attempt, &created, &c.Event, &c.Sequence, &c.Replay,
			&c.EndpointID, &c.Objects, &c.Payload, &c.URL, &c.Method, &c.Secret, &c.OldSecret, &oldUntil)
		if err != nil {
			return nil, err
		}
		c.CreatedAt, c.OldSecretUntil = time.UnixMilli(created).UTC(), time.UnixMilli(oldUntil).UTC()
		out = append(out, c)
	}
	return out, rows.Err()
}

// placeholders returns $first, …, n of them.
func placeholders(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "$%d", first+i)
	}
	return b.String()
}

// ReleaseLeases makes the deliveries due that a dead sender had claimed: those
// of the sender with that name, or all if by is empty.
func (tx *Tx) ReleaseLeases(ctx context.Context, by string, now time.Time) (int64, error) {
	const set = `UPDATE webhook_deliveries SET next_at = $1, lease_by = '' WHERE state = 'pending' AND `
	if by == "" {
		return execN(ctx, tx, set+`lease_by <> ''`, now.UnixMilli())
	}
	return execN(ctx, tx, set+`lease_by = $2`, now.UnixMilli(), by)
}

// UndoClaims makes the deliveries due that were claimed with exactly this lease
// and that nobody sends, because the answer to the claim was lost.
func (tx *Tx) UndoClaims(ctx context.Context, l Lease, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE webhook_deliveries SET next_at = $1, lease_by = '' WHERE state = 'pending' AND lease_by = $2 AND next_at = $3`,
		tx.db.planned(now.UnixMilli(), l.By, l.Until.UnixMilli())...)
	return err
}

// Attempt is one try to deliver, and what follows from it.
type Attempt struct {
	DeliveryID string
	EndpointID string
	N          int // from 1
	At         time.Time
	Duration   time.Duration
	Status     int // HTTP status; 0 if there was no answer
	Failure    webhook.Failure
	Error      string
	URL        string
	// Headers of the answer, as JSON, and the head of its body.
	Headers  string
	Response string

	State   webhook.State
	NextAt  time.Time // if pending
	Disable bool      // the receiver is gone for good
}

// RecordAttempts stores attempts and what follows from them. It may be repeated
// with the same attempts. failedBefore is the time since when an endpoint must
// have been failing to be disabled. It returns the endpoints that it disabled.
func (tx *Tx) RecordAttempts(ctx context.Context, all []Attempt, now, failedBefore time.Time) ([]string, error) {
	if len(all) == 0 {
		return nil, nil
	}
	if err := tx.insertAttempts(ctx, all); err != nil {
		return nil, err
	}
	if err := tx.moveDeliveries(ctx, all, now); err != nil {
		return nil, err
	}
	return tx.moveEndpoints(ctx, all, now, failedBefore)
}

// attemptsPerInsert bounds one statement's parameters.
const attemptsPerInsert = 200

func (tx *Tx) insertAttempts(ctx context.Context, all []Attempt) error {
	for len(all) > 0 {
		batch := all[:min(len(all), attemptsPerInsert)]
		all = all[len(batch):]
		values := make([]string, len(batch))
		const columns = 10
		args := make([]any, 0, columns*len(batch))
		for i, a := range batch {
			values[i] = "(" + placeholders(columns*i+1, columns) + ")"
			args = append(args, a.DeliveryID, a.N, a.At.UnixMilli(), a.Duration.Milliseconds(), a.Status, string(a.Failure), a.Error, a.Response, a.URL, a.Headers)
		}
		_, err := tx.Exec(ctx, `INSERT INTO webhook_attempts (delivery_id, n, at, duration_ms, status, failure, error, response, url, response_headers)
			VALUES `+strings.Join(values, ", ")+` ON CONFLICT (delivery_id, n) DO NOTHING`, args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// moveDeliveries moves the delivered ones in one statement, those that are to be
// tried again in another, and those that were given up one by one.
func (tx *Tx) moveDeliveries(ctx context.Context, all []Attempt, now time.Time) error {
	delivered := []any{now.UnixMilli()}
	var failed []Attempt
	for _, a := range all {
		switch a.State {
		case webhook.Delivered:
			delivered = append(delivered, a.DeliveryID)
			continue
		case webhook.Exhausted:
			if err := tx.exhaust(ctx, a, now); err != nil {
				return err
			}
		default:
			failed = append(failed, a)
		}
	}
	for len(failed) > 0 {
		n := min(len(failed), attemptsPerInsert)
		if err := tx.moveFailed(ctx, failed[:n], now); err != nil {
			return err
		}
		failed = failed[n:]
	}
	if len(delivered) == 1 {
		return nil
	}
	_, err := tx.Exec(ctx, `UPDATE webhook_deliveries SET state = 'delivered', attempt = attempt + 1, finished_at = $1, lease_by = ''
		WHERE id IN (`+placeholders(2, len(delivered)-1)+`) AND state = 'pending'`, tx.db.planned(delivered...)...)
	return err
}

func (tx *Tx) moveFailed(ctx context.Context, failed []Attempt, now time.Time) error {
	var args []any
	values := make([]string, len(failed))
	for i, a := range failed {
		next, finished := a.NextAt.UnixMilli(), any(nil)
		if a.State != webhook.Pending {
			next, finished = now.UnixMilli(), any(now.UnixMilli())
		}
		n := len(args)
		values[i] = fmt.Sprintf("(CAST($%d AS TEXT), CAST($%d AS TEXT), CAST($%d AS INTEGER), CAST($%d AS BIGINT), CAST($%d AS BIGINT))", n+1, n+2, n+3, n+4, n+5)
		args = append(args, a.DeliveryID, string(a.State), a.N, next, finished)
	}
	_, err := tx.Exec(ctx, `WITH moved (id, state, attempt, next_at, finished_at) AS (VALUES `+strings.Join(values, ", ")+`)
		UPDATE webhook_deliveries SET state = moved.state, attempt = moved.attempt, next_at = moved.next_at, finished_at = moved.finished_at, lease_by = ''
		FROM moved WHERE webhook_deliveries.id = moved.id AND webhook_deliveries.state = 'pending'`, tx.db.planned(args...)...)
	return err
}

func (tx *Tx) exhaust(ctx context.Context, a Attempt, now time.Time) error {
	n, err := execN(ctx, tx, `UPDATE webhook_deliveries SET state = $1, attempt = $2, next_at = $3, finished_at = $3, lease_by = ''
		WHERE id = $4 AND state = 'pending'`, tx.db.planned(string(a.State), a.N, now.UnixMilli(), a.DeliveryID)...)
	if err != nil || n == 0 {
		return err
	}
	return tx.tellExhausted(ctx, a.DeliveryID, now)
}

// tellExhausted tells the team's endpoints that ask for it that a delivery was
// given up.
func (tx *Tx) tellExhausted(ctx context.Context, id string, now time.Time) error {
	d, err := scanDelivery(tx.QueryRow(ctx, "SELECT "+deliveryColumns+fromDeliveries+"WHERE d.id = $1", tx.db.planned(id)...).Scan)
	if err != nil || d.Event.Operational() {
		return err
	}
	notice, err := webhook.ExhaustedNotice(d, now)
	if err != nil {
		return err
	}
	return tx.EmitWebhook(ctx, notice)
}

// moveEndpoints keeps the clock of each endpoint: a success resets it, the
// first failure after one starts it, and it disables what failed for too long.
func (tx *Tx) moveEndpoints(ctx context.Context, all []Attempt, now, failedBefore time.Time) ([]string, error) {
	type tally struct{ ok, gone bool }
	seen := map[string]*tally{}
	var order []string
	for _, a := range all {
		if a.EndpointID == "" {
			continue
		}
		t := seen[a.EndpointID]
		if t == nil {
			t = &tally{}
			seen[a.EndpointID], order = t, append(order, a.EndpointID)
		}
		t.ok = t.ok || a.State == webhook.Delivered
		t.gone = t.gone || a.Disable
	}
	if len(order) == 0 {
		return nil, nil
	}
	health, err := tx.healthOf(ctx, order)
	if err != nil {
		return nil, err
	}
	var disabled []string
	for _, h := range health {
		t := seen[h.id]
		reason := ""
		switch failing := h.failingSince.Valid; {
		case t.gone:
			reason = "the receiver answered 410 Gone"
		case t.ok && failing:
			_, err = tx.Exec(ctx, `UPDATE webhook_endpoints SET failing_since = NULL WHERE id = $1`, h.id)
		case !t.ok && !failing:
			_, err = tx.Exec(ctx, `UPDATE webhook_endpoints SET failing_since = $1 WHERE id = $2 AND failing_since IS NULL`, now.UnixMilli(), h.id)
		case !t.ok && h.enabled && h.failingSince.Int64 <= failedBefore.UnixMilli():
			reason = "no message was accepted for five days"
		}
		off := false
		if reason != "" {
			off, err = tx.disableWebhook(ctx, h.id, reason, now)
		}
		if err != nil {
			return nil, err
		}
		if off {
			disabled = append(disabled, h.id)
		}
	}
	return disabled, nil
}

// health is how an endpoint stands.
type health struct {
	id           string
	enabled      bool
	failingSince sql.NullInt64
}

// healthOf reads endpoints before any is written: most need not be.
func (tx *Tx) healthOf(ctx context.Context, ids []string) (out []health, err error) {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	rows, err := tx.Query(ctx, `SELECT id, enabled, failing_since FROM webhook_endpoints WHERE id IN (`+placeholders(1, len(ids))+`) ORDER BY id`, tx.db.planned(args...)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var h health
		if err := rows.Scan(&h.id, &h.enabled, &h.failingSince); err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, rows.Err()
}

// Turn is one step of a sender: what it has done, and what it wants to do next.
type Turn struct {
	Attempts     []Attempt
	FailedBefore time.Time // see RecordAttempts
	Lease        Lease
	Want         []Want
	// Undo are the leases of turns whose answers were lost.
	Undo []Lease
}

// Want asks for up to Limit due deliveries of a lane.
type Want struct {
	Lane  string
	Limit int
}

// TurnResult is what came of a Turn.
type TurnResult struct {
	Claims   []Claim
	Disabled []string // endpoints that were disabled
}

// DeliveryTurn records attempts and claims the next deliveries in one
// transaction, so that a busy sender needs one commit for hundreds of them.
func (db *DB) DeliveryTurn(ctx context.Context, t Turn) (TurnResult, error) {
	var out TurnResult
	err := db.InTx(ctx, func(tx *Tx) (err error) {
		out = TurnResult{} // the transaction may be run again
		if out.Disabled, err = tx.RecordAttempts(ctx, t.Attempts, t.Lease.Now, t.FailedBefore); err != nil {
			return err
		}
		for _, l := range t.Undo {
			if err := tx.UndoClaims(ctx, l, t.Lease.Now); err != nil {
				return err
			}
		}
		out.Claims, err = tx.ClaimDeliveries(ctx, t.Want, t.Lease)
		return err
	})
	return out, err
}

// ReleaseDeliveries is ReleaseLeases in a transaction of its own.
func (db *DB) ReleaseDeliveries(ctx context.Context, by string, now time.Time) (n int64, err error) {
	err = db.InTx(ctx, func(tx *Tx) error {
		n, err = tx.ReleaseLeases(ctx, by, now)
		return err
	})
	return n, err
}
