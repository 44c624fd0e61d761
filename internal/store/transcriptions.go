package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"steno/internal/bot"
	"steno/internal/transcript"
	"steno/internal/webhook"
)

// Cells of table bots in which the secrets of orders are sealed, too, so that a
// bot's own key is the same text in both places.
const (
	cellTranscriptionKey = "transcription_key"
	cellWebhookKey       = "webhook_key"
)

// PutOrder queues a transcription.
func (t botTx) PutOrder(ctx context.Context, o bot.TranscriptionOrder, s bot.TranscriptionSecrets) error {
	seal := func(column, plain string) (string, error) {
		if plain == "" {
			return "", nil
		}
		return t.s.Vault.SealBot(o.TeamID, o.BotID, column, plain)
	}
	key, err := seal(cellTranscriptionKey, s.Key)
	if err == nil && s.OfBot {
		err = t.QueryRow(ctx, "SELECT transcription_key FROM bot_configs WHERE bot_id = $1", o.BotID).Scan(&key)
	}
	if err != nil {
		return err
	}
	hook, err := seal(cellWebhookKey, s.WebhookKey)
	if err != nil {
		return err
	}
	var ending any
	if o.End != nil {
		b, err := json.Marshal(o.End)
		if err != nil {
			return err
		}
		ending = string(b)
	}
	_, err = t.Exec(ctx, `INSERT INTO transcriptions (id, team_id, bot_id, provider, own_key, custom, ending, webhook_url, webhook_key, state, created_at, next_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'queued', $10, $10)`,
		o.ID, o.TeamID, o.BotID, o.Provider, key, maybeJSON(o.Custom), ending, o.WebhookURL, hook, o.CreatedAt.UnixMilli())
	return err
}

const (
	orderColumns = "id, team_id, bot_id, provider, own_key <> '', custom, ending, webhook_url, created_at"
	openOrders   = "state IN ('queued', 'processing')"
)

func scanOrder(scan func(...any) error, more ...any) (o bot.TranscriptionOrder, err error) {
	var custom, ending sql.NullString
	var created int64
	if err := scan(append([]any{&o.ID, &o.TeamID, &o.BotID, &o.Provider, &o.OwnKey, &custom, &ending, &o.WebhookURL, &created}, more...)...); err != nil {
		return o, err
	}
	o.CreatedAt = timeOf(created)
	if custom.Valid {
		o.Custom = json.RawMessage(custom.String)
	}
	if ending.Valid {
		o.End = &bot.Done{}
		err = json.Unmarshal([]byte(ending.String), o.End)
	}
	return o, err
}

// OpenOrder returns an order of a locked bot that has not ended.
func (t botTx) OpenOrder(ctx context.Context, b bot.Bot, id string) (o bot.TranscriptionOrder, ok bool, err error) {
	o, err = scanOrder(t.QueryRow(ctx, "SELECT "+orderColumns+" FROM transcriptions WHERE id = $1 AND bot_id = $2 AND "+openOrders, id, b.ID).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return o, false, nil
	}
	return o, err == nil, err
}

// EndOrder stores how an order ended.
func (t botTx) EndOrder(ctx context.Context, o bot.TranscriptionOrder, to bot.TranscriptionState, message string, at time.Time) error {
	_, err := t.Exec(ctx, "UPDATE transcriptions SET state = $1, message = $2, ended_at = $3 WHERE id = $4", string(to), message, at.UnixMilli(), o.ID)
	return err
}

// CancelOrders ends all orders of a locked bot that are open, and notes for all
// of them whether the services keep what they have.
func (t botTx) CancelOrders(ctx context.Context, b bot.Bot, keep bool, at time.Time) ([]bot.TranscriptionOrder, error) {
	if _, err := t.Exec(ctx, "UPDATE transcriptions SET keep_at_service = $1 WHERE bot_id = $2", keep, b.ID); err != nil {
		return nil, err
	}
	return rowsOf(ctx, t.Tx, "UPDATE transcriptions SET state = 'cancelled', ended_at = $1 WHERE bot_id = $2 AND "+openOrders+" RETURNING "+orderColumns,
		[]any{at.UnixMilli(), b.ID}, func(rows *sql.Rows) (bot.TranscriptionOrder, error) { return scanOrder(rows.Scan) })
}

// IndexTranscript has what was said found again.
func (t botTx) IndexTranscript(ctx context.Context, b bot.Bot, said []transcript.Indexed) error {
	return t.Index().Put(ctx, b.TeamID, b.ID, said)
}

// EmitTo tells the address of an order.
func (t botTx) EmitTo(ctx context.Context, o bot.TranscriptionOrder, m bot.Message) error {
	own := &webhook.OwnAddress{URL: o.WebhookURL}
	if err := t.QueryRow(ctx, "SELECT webhook_key FROM transcriptions WHERE id = $1", o.ID).Scan(&own.SealedKey); err != nil {
		return err
	}
	return t.EmitWebhook(ctx, webhook.Event{
		TeamID: m.TeamID, Surface: webhook.Surface(m.Surface), Type: webhook.EventType(m.Event), BotID: m.BotID, Payload: m.Body, At: m.At, Own: own,
	})
}

// transcribed returns what is known of a bot's transcripts.
func transcribed(ctx context.Context, q Querier, botID string) (out bot.Transcribed, err error) {
	type row struct {
		id, provider string
		state        bot.TranscriptionState
	}
	rows, err := rowsOf(ctx, q, "SELECT id, provider, state FROM transcriptions WHERE bot_id = $1 ORDER BY created_at DESC, id DESC", []any{botID}, func(r *sql.Rows) (o row, err error) {
		err = r.Scan(&o.id, &o.provider, &o.state)
		return o, err
	})
	for i, r := range rows {
		if i == 0 {
			out.State = r.state
		}
		if r.state == bot.TranscriptionDone {
			out.Provider = r.provider
			out.IDs, err = rowsOf(ctx, q, "SELECT job_id FROM transcription_parts WHERE transcription_id = $1 AND job_id <> '' ORDER BY channel, n", []any{r.id}, scanText)
			break
		}
	}
	return out, err
}

// Transcriptions is the database as those see it who transcribe. It implements
// scribe.Orders.
type Transcriptions struct {
	DB    *DB
	Vault TranscriptionVault
}

// TranscriptionVault opens the callers' own keys.
type TranscriptionVault interface {
	OpenBot(team, bot, column, sealed string) (plain string, err error)
}

// Take leases orders that are due to a host until a moment, the oldest first.
func (s Transcriptions) Take(ctx context.Context, host string, now, until time.Time, limit int) (out []bot.TranscriptionJob, err error) {
	err = s.DB.InTx(ctx, func(tx *Tx) error {
		out, err = rowsOf(ctx, tx, `UPDATE transcriptions SET lease_by = $1, next_at = $2 WHERE `+openOrders+` AND next_at <= $3 AND id IN
			(SELECT id FROM transcriptions WHERE `+openOrders+` AND next_at <= $3 ORDER BY next_at LIMIT $4) RETURNING `+orderColumns+`, own_key`,
			[]any{host, until.UnixMilli(), now.UnixMilli(), limit}, func(rows *sql.Rows) (o bot.TranscriptionJob, err error) {
				var sealed string
				if o.TranscriptionOrder, err = scanOrder(rows.Scan, &sealed); err == nil && sealed != "" {
					o.Key, o.Broken = s.Vault.OpenBot(o.TeamID, o.BotID, cellTranscriptionKey, sealed)
				}
				return o, err
			})
		return err
	})
	return out, err
}

// NextDue returns when the next order is to be taken.
func (s Transcriptions) NextDue(ctx context.Context) (at time.Time, ok bool, err error) {
	var ms sql.NullInt64
	err = s.DB.Read(ctx, func(q Querier) error {
		return q.QueryRow(ctx, "SELECT MIN(next_at) FROM transcriptions WHERE "+openOrders).Scan(&ms)
	})
	return timeOf(ms.Int64), ms.Valid, err
}

// Hold extends a host's leases and returns the orders that it still has.
func (s Transcriptions) Hold(ctx context.Context, host string, until time.Time) (ids []string, err error) {
	err = s.DB.InTx(ctx, func(tx *Tx) error {
		ids, err = rowsOf(ctx, tx, "UPDATE transcriptions SET next_at = $1 WHERE lease_by = $2 AND "+openOrders+" RETURNING id", []any{until.UnixMilli(), host}, scanText)
		return err
	})
	return ids, err
}

// Free gives back what a host has taken: the order, or all if id is empty. It is
// due again at the given time.
func (s Transcriptions) Free(ctx context.Context, host, id string, at time.Time) error {
	return s.DB.InTx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, "UPDATE transcriptions SET lease_by = '', next_at = $1 WHERE lease_by = $2 AND (id = $3 OR $3 = '') AND "+openOrders, at.UnixMilli(), host, id)
		return err
	})
}

// Files returns what there is of the recording of an order, and how long that is.
func (s Transcriptions) Files(ctx context.Context, o bot.TranscriptionOrder) ([]bot.StoredArtifact, *time.Duration, error) {
	d, err := Bots{DB: s.DB}.Details(ctx, o.TeamID, o.BotID)
	return d.Artifacts, d.Duration, err
}

// Parts returns the chunks of an order as far as they are known.
func (s Transcriptions) Parts(ctx context.Context, id string) ([]transcript.Part, error) {
	const query = "SELECT channel, n, tag, clock, upload, job_id, heard, anew, began_at FROM transcription_parts WHERE transcription_id = $1 ORDER BY channel, n"
	return list(ctx, s.DB, query, []any{id}, func(rows *sql.Rows) (p transcript.Part, err error) {
		var clock string
		var began int64
		if err := rows.Scan(&p.Channel, &p.N, &p.Tag, &clock, &p.Upload, &p.ID, &p.Done, &p.Anew, &began); err != nil {
			return p, err
		}
		if began > 0 {
			p.Began = timeOf(began)
		}
		return p, json.Unmarshal([]byte(clock), &p.Clock)
	})
}

// PutPart stores a chunk for the host that has the order. Who has lost the order
// gets transcript.ErrLost; what is known of a job of an order that was cancelled is
// stored all the same, because the service must be told to delete it.
func (s Transcriptions) PutPart(ctx context.Context, host, id string, p transcript.Part) error {
	clock, err := json.Marshal(p.Clock)
	if err != nil {
		return err
	}
	began := int64(0)
	if !p.Began.IsZero() {
		began = p.Began.UnixMilli()
	}
	return s.DB.InTx(ctx, func(tx *Tx) error {
		const lock = `UPDATE transcriptions SET state = CASE WHEN state = 'queued' AND $1 THEN 'processing' ELSE state END WHERE id = $2 AND lease_by = $3`
		if n, err := execN(ctx, tx, lock, p.ID != "" || p.Upload != "", id, host); err != nil || n == 0 {
			return errors.Join(err, transcript.ErrLost)
		}
		_, err := tx.Exec(ctx, `INSERT INTO transcription_parts (transcription_id, channel, n, tag, clock, upload, job_id, heard, anew, began_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (transcription_id, channel, n) DO UPDATE SET tag = excluded.tag, clock = excluded.clock, upload = excluded.upload,
				job_id = excluded.job_id, heard = excluded.heard, anew = excluded.anew, began_at = excluded.began_at,
				called = transcription_parts.called AND transcription_parts.tag = excluded.tag`, // of another job nothing was told yet
			id, p.Channel, p.N, p.Tag, string(clock), p.Upload, p.ID, p.Done, p.Anew, began)
		return err
	})
}

// PutCalled notes that a service has called about a part, if it is waited for.
func (s Transcriptions) PutCalled(ctx context.Context, id string, p transcript.Part) error {
	return s.DB.InTx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, `UPDATE transcription_parts SET called = TRUE WHERE transcription_id = $1 AND channel = $2 AND n = $3 AND called = FALSE AND heard = FALSE
			AND transcription_id IN (SELECT id FROM transcriptions WHERE id = $1 AND `+openOrders+`)`, id, p.Channel, p.N)
		return err
	})
}

// Called returns the parts of a host's orders about which a service has called, and
// that are not heard yet.
func (s Transcriptions) Called(ctx context.Context, host string) ([]string, error) {
	const query = `SELECT p.transcription_id, p.channel, p.n FROM transcriptions t JOIN transcription_parts p ON p.transcription_id = t.id
		WHERE t.lease_by = $1 AND t.` + openOrders + ` AND p.called = TRUE AND p.heard = FALSE`
	return list(ctx, s.DB, query, []any{host}, func(rows *sql.Rows) (string, error) {
		var id string
		var p transcript.Part
		err := rows.Scan(&id, &p.Channel, &p.N)
		return p.In(id), err
	})
}

// AtServices returns the jobs of a bot that the services are to delete: none
// unless the bot's data were deleted.
func (s Transcriptions) AtServices(ctx context.Context, botID string) ([]bot.KeptAtService, error) {
	const query = `SELECT t.id, t.team_id, t.provider, t.own_key, p.channel, p.n, p.job_id FROM transcriptions t
		JOIN bots b ON b.id = t.bot_id AND b.artifacts_deleted = TRUE JOIN transcription_parts p ON p.transcription_id = t.id
		WHERE t.bot_id = $1 AND t.ended_at IS NOT NULL AND t.keep_at_service = FALSE AND p.job_id <> '' ORDER BY t.id, p.channel, p.n`
	return list(ctx, s.DB, query, []any{botID}, func(rows *sql.Rows) (k bot.KeptAtService, err error) {
		var team, sealed string
		if err := rows.Scan(&k.Order, &team, &k.Provider, &sealed, &k.Part.Channel, &k.Part.N, &k.Part.ID); err != nil || sealed == "" {
			return k, err
		}
		k.OwnKey = true
		k.Key, err = s.Vault.OpenBot(team, botID, cellTranscriptionKey, sealed)
		return k, err
	})
}

// Deleted notes that a service has deleted a job.
func (s Transcriptions) Deleted(ctx context.Context, k bot.KeptAtService) error {
	return s.DB.InTx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, "UPDATE transcription_parts SET job_id = '', upload = '' WHERE transcription_id = $1 AND channel = $2 AND n = $3", k.Order, k.Part.Channel, k.Part.N)
		return err
	})
}

// DeleteAgain queues the removal of what is left of a bot whose data were deleted
// while it was transcribed.
func (s Transcriptions) DeleteAgain(ctx context.Context, botID string) error {
	return Bots{DB: s.DB}.InTx(ctx, func(tx bot.Tx) error { return tx.EnqueueDelete(ctx, botID) })
}
