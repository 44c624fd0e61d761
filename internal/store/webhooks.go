package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"steno/internal/fail"
	"steno/internal/webhook"
)

const webhookColumns = `id, team_id, surface, name, url, events, participants, enabled, disabled_reason, disabled_at, failing_since,
	secret, old_secret, old_secret_until, created_at`

// AddWebhook stores a new endpoint.
func (db *DB) AddWebhook(ctx context.Context, e webhook.Endpoint) error {
	events, err := eventsJSON(e)
	if err != nil {
		return err
	}
	return db.InTx(ctx, func(tx *Tx) error {
		return tx.insertWebhook(ctx, e, events)
	})
}

func (tx *Tx) insertWebhook(ctx context.Context, e webhook.Endpoint, events string) error {
	_, err := tx.Exec(ctx, `INSERT INTO webhook_endpoints (`+webhookColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, NULL, $10, '', 0, $11)`,
		e.ID, e.TeamID, string(cmp.Or(e.Surface, webhook.V2)), e.Name, e.URL, events, string(e.Participants), e.Enabled, e.DisabledReason, e.Secret, e.CreatedAt.UnixMilli())
	return err
}

// PutV1Webhook adds or replaces the v1 endpoint of a team. Whoever comes second
// waits for the row of the first and replaces it.
func (db *DB) PutV1Webhook(ctx context.Context, e webhook.Endpoint, seal func(id string) (string, error)) error {
	return db.InTx(ctx, func(tx *Tx) error {
		id := e.ID
		err := tx.QueryRow(ctx, `INSERT INTO webhook_endpoints (`+webhookColumns+`) VALUES ($1, $2, $3, $4, $5, '[]', $6, TRUE, '', NULL, NULL, '', '', 0, $7)
			ON CONFLICT (team_id) WHERE surface = 'v1' DO UPDATE SET url = excluded.url, enabled = TRUE, disabled_reason = '', disabled_at = NULL, failing_since = NULL
			RETURNING id`, e.ID, e.TeamID, string(e.Surface), e.Name, e.URL, string(e.Participants), e.CreatedAt.UnixMilli()).Scan(&id)
		if err != nil {
			return err
		}
		sealed, err := seal(id)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE webhook_endpoints SET secret = $1 WHERE id = $2", sealed, id)
		return err
	})
}

// V1Webhook returns the v1 endpoint of a team.
func (db *DB) V1Webhook(ctx context.Context, team string) (webhook.Endpoint, error) {
	return db.oneWebhook(ctx, "of v1", `WHERE team_id = $1 AND surface = 'v1'`, team)
}

// eventsJSON is the list of events as it is stored: [] means all.
func eventsJSON(e webhook.Endpoint) (string, error) {
	text, err := json.Marshal(append([]webhook.EventType{}, e.Events...))
	return string(text), err
}

// Webhooks returns a team's endpoints, oldest first.
func (db *DB) Webhooks(ctx context.Context, team string) (out []webhook.Endpoint, err error) {
	err = db.Read(ctx, func(q Querier) error {
		out, err = webhooks(ctx, q, `WHERE team_id = $1 ORDER BY created_at, id`, team)
		return err
	})
	return out, err
}

// Webhook returns one endpoint of a team.
func (db *DB) Webhook(ctx context.Context, team, id string) (webhook.Endpoint, error) {
	return db.oneWebhook(ctx, id, `WHERE team_id = $1 AND id = $2`, team, id)
}

func (db *DB) oneWebhook(ctx context.Context, id, where string, args ...any) (webhook.Endpoint, error) {
	var found []webhook.Endpoint
	err := db.Read(ctx, func(q Querier) (err error) {
		found, err = webhooks(ctx, q, where, args...)
		return err
	})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	if len(found) == 0 {
		return webhook.Endpoint{}, noWebhook(id)
	}
	return found[0], nil
}

func noWebhook(id string) error {
	return fail.New(fail.NotFound, webhook.CodeNotFound, "there is no webhook %s", id)
}

func webhooks(ctx context.Context, q Querier, where string, args ...any) ([]webhook.Endpoint, error) {
	rows, err := q.Query(ctx, `SELECT `+webhookColumns+` FROM webhook_endpoints `+where, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []webhook.Endpoint
	for rows.Next() {
		e, err := scanWebhook(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

func scanWebhook(rows *sql.Rows) (webhook.Endpoint, error) {
	var e webhook.Endpoint
	var events string
	var off, failing sql.NullInt64
	var oldUntil, created int64
	err := rows.Scan(&e.ID, &e.TeamID, &e.Surface, &e.Name, &e.URL, &events, &e.Participants, &e.Enabled, &e.DisabledReason, &off, &failing,
		&e.Secret, &e.OldSecret, &oldUntil, &created)
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal([]byte(events), &e.Events); err != nil {
		return e, fmt.Errorf("read the events of webhook %s: %w", e.ID, err)
	}
	e.DisabledAt, e.FailingSince = maybeTime(off), maybeTime(failing)
	e.OldSecretUntil, e.CreatedAt = time.UnixMilli(oldUntil).UTC(), time.UnixMilli(created).UTC()
	return e, nil
}

// changeWebhook runs one UPDATE or DELETE and reports an unknown endpoint.
func (tx *Tx) changeWebhook(ctx context.Context, id, statement string, args ...any) error {
	n, err := execN(ctx, tx, statement, args...)
	if err == nil && n == 0 {
		return noWebhook(id)
	}
	return err
}

// RemoveWebhook removes an endpoint and drops what was still to be sent to it.
// The messages and attempts stay as a record.
func (db *DB) RemoveWebhook(ctx context.Context, team, id string) error {
	return db.InTx(ctx, func(tx *Tx) error {
		if err := tx.changeWebhook(ctx, id, `DELETE FROM webhook_endpoints WHERE team_id = $1 AND id = $2`, team, id); err != nil {
			return err
		}
		return tx.dropPending(ctx, id)
	})
}

// ChangeWebhook has change alter an endpoint and stores it. What was still to be
// sent to one that it disables is dropped.
func (db *DB) ChangeWebhook(ctx context.Context, team, id string, change func(e *webhook.Endpoint) error) (e webhook.Endpoint, err error) {
	err = db.InTx(ctx, func(tx *Tx) error {
		// The update that changes nothing locks the row in words that both
		// databases know.
		if err := tx.changeWebhook(ctx, id, `UPDATE webhook_endpoints SET name = name WHERE team_id = $1 AND id = $2`, team, id); err != nil {
			return err
		}
		found, err := webhooks(ctx, tx, `WHERE team_id = $1 AND id = $2`, team, id)
		if err != nil {
			return err
		}
		e = found[0]
		if err := change(&e); err != nil {
			return err
		}
		events, err := eventsJSON(e)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE webhook_endpoints SET name = $1, url = $2, events = $3, participants = $4, enabled = $5, disabled_reason = $6,
			disabled_at = $7, failing_since = $8 WHERE team_id = $9 AND id = $10`,
			e.Name, e.URL, events, string(e.Participants), e.Enabled, e.DisabledReason, maybeMS(e.DisabledAt), maybeMS(e.FailingSince), team, id)
		if err != nil || e.Enabled {
			return err
		}
		return tx.dropPending(ctx, id)
	})
	return e, err
}

// RotateWebhook stores a new secret and keeps the old one until oldUntil; both
// are sealed.
func (db *DB) RotateWebhook(ctx context.Context, team, id, secret, oldSecret string, oldUntil time.Time) error {
	return db.InTx(ctx, func(tx *Tx) error {
		return tx.changeWebhook(ctx, id, `UPDATE webhook_endpoints SET secret = $1, old_secret = $2, old_secret_until = $3
			WHERE team_id = $4 AND id = $5`, secret, oldSecret, oldUntil.UnixMilli(), team, id)
	})
}

// disableWebhook disables an endpoint, drops what was still to be sent to it,
// and tells of it. It reports whether the endpoint was enabled before.
func (tx *Tx) disableWebhook(ctx context.Context, id, reason string, now time.Time) (bool, error) {
	n, err := execN(ctx, tx, `UPDATE webhook_endpoints SET enabled = FALSE, disabled_reason = $1, disabled_at = $2 WHERE id = $3 AND enabled`,
		reason, now.UnixMilli(), id)
	if err != nil || n == 0 {
		return false, err
	}
	if err := tx.dropPending(ctx, id); err != nil {
		return false, err
	}
	found, err := webhooks(ctx, tx, `WHERE id = $1`, id)
	if err != nil || len(found) == 0 {
		return false, err
	}
	notice, err := webhook.DisabledNotice(found[0], now)
	if err != nil {
		return false, err
	}
	return true, tx.EmitWebhook(ctx, notice)
}

// dropPending gives up what is still to be sent to an endpoint. An attempt in
// flight goes on; its result changes nothing any more.
func (tx *Tx) dropPending(ctx context.Context, endpoint string) error {
	_, err := tx.Exec(ctx, `UPDATE webhook_deliveries SET state = 'dropped', lease_by = '' WHERE state = 'pending' AND lane = $1`, endpoint)
	return err
}
