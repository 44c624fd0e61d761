package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"time"

	"steno/internal/bot"
	"steno/internal/job"
	"steno/internal/webhook"
)

// botTx implements bot.Tx.
type botTx struct {
	*Tx
	s Bots
}

// LaunchBot is the job that starts a bot's process on some host.
type LaunchBot struct {
	BotID string `json:"bot_id"`
}

// Kind names the job.
func (LaunchBot) Kind() string { return "launch_bot" }

// DeleteData is the job that removes a bot's files from the object store.
type DeleteData struct {
	BotID string `json:"bot_id"`
}

// Kind names the job.
func (DeleteData) Kind() string { return "delete_data" }

func (t botTx) EnqueueLaunch(ctx context.Context, botID string) error {
	return t.Enqueue(ctx, LaunchBot{BotID: botID}, job.Opts{Queue: job.Bots})
}

func (t botTx) EnqueueDelete(ctx context.Context, botID string) error {
	return t.Enqueue(ctx, DeleteData{BotID: botID}, job.Opts{})
}

func (t botTx) Insert(ctx context.Context, b bot.Bot, c bot.Config, s bot.Secrets) error {
	_, err := t.Exec(ctx, `INSERT INTO bots (id, team_id, name, name_folded, meeting_url, meeting_key, platform, mode, status,
		created_at, updated_at, extra, event_id, surface) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		b.ID, b.TeamID, b.Name, strings.ToLower(b.Name), b.MeetingURL, b.MeetingKey, string(b.Platform), string(b.Mode), string(b.Status),
		b.CreatedAt.UnixMilli(), b.UpdatedAt.UnixMilli(), maybeJSON(b.Extra), b.EventID, string(cmp.Or(b.Surface, bot.SurfaceV2)))
	if err != nil {
		return err
	}
	config, err := json.Marshal(c)
	if err != nil {
		return err
	}
	sealed := map[string]string{
		"callback_secret": s.Callback, "transcription_key": s.Transcription, "live_key": s.Live, "zoom_obf_token": s.ZoomOBF, "zoom_sdk_pwd": s.ZoomSDK, "webhook_key": s.WebhookKey,
	}
	for column, plain := range sealed {
		if plain == "" {
			continue
		}
		if sealed[column], err = t.s.Vault.SealBot(b.TeamID, b.ID, column, plain); err != nil {
			return err
		}
	}
	_, err = t.Exec(ctx, `INSERT INTO bot_configs (bot_id, team_id, config, callback_secret, transcription_key, zoom_obf_token, zoom_sdk_pwd, webhook_key, live_key)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		b.ID, b.TeamID, string(config), sealed["callback_secret"], sealed["transcription_key"], sealed["zoom_obf_token"], sealed["zoom_sdk_pwd"], sealed["webhook_key"], sealed["live_key"])
	return err
}

func maybeJSON(j json.RawMessage) any {
	if len(j) == 0 {
		return nil
	}
	return string(j)
}

// Claim upserts the team's claim on the meeting. The WHERE of the upsert makes
// an exclusive claim lose against a recent one, also when two come at once: the
// second waits for the first one's row.
func (t botTx) Claim(ctx context.Context, b bot.Bot, exclusive bool, since time.Time) (bool, error) {
	limit := b.CreatedAt.UnixMilli() + 1 // any claim yields
	if exclusive {
		limit = since.UnixMilli()
	}
	n, err := execN(ctx, t.Tx, `INSERT INTO bot_claims (team_id, meeting_key, bot_id, claimed_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (team_id, meeting_key) DO UPDATE SET bot_id = excluded.bot_id, claimed_at = excluded.claimed_at
		WHERE bot_claims.claimed_at < $5`, b.TeamID, b.MeetingKey, b.ID, b.CreatedAt.UnixMilli(), limit)
	return n == 1 || !exclusive, err
}

// Lock reads a bot for a change. The update that changes nothing is what locks
// the row in words that both databases know.
func (t botTx) Lock(ctx context.Context, team, id string) (l bot.Locked, err error) {
	const query = `UPDATE bots SET journal_seq = journal_seq WHERE id = $1 AND (team_id = $2 OR $2 = '') RETURNING ` + botColumns + `, journal_seq`
	l.Bot, err = scanBot(t.QueryRow(ctx, query, id, team).Scan, &l.Seq)
	return l, notFound(err, id)
}

func (t botTx) Update(ctx context.Context, b bot.Bot, seq int64) error {
	var duration any
	if b.Duration != nil {
		duration = b.Duration.Milliseconds()
	}
	_, err := t.Exec(ctx, `UPDATE bots SET status = $1, updated_at = $2, joined_at = $3, exited_at = $4, ended_at = $5, duration_ms = $6,
		end_code = $7, end_message = $8, artifacts_deleted = $9, leave_requested_at = $10, launched_at = $11, host = $12, journal_seq = $13
		WHERE id = $14`,
		string(b.Status), b.UpdatedAt.UnixMilli(), maybeMS(b.JoinedAt), maybeMS(b.ExitedAt), maybeMS(b.EndedAt), duration,
		string(b.EndCode), b.EndMessage, b.ArtifactsDeleted, maybeMS(b.LeaveRequestedAt), maybeMS(b.LaunchedAt), b.Host, seq, b.ID)
	return err
}

func (t botTx) UpdateMeeting(ctx context.Context, b bot.Bot) error {
	_, err := t.Exec(ctx, "UPDATE bots SET meeting_url = $1, meeting_key = $2, platform = $3 WHERE team_id = $4 AND id = $5",
		b.MeetingURL, b.MeetingKey, string(b.Platform), b.TeamID, b.ID)
	return err
}

func (t botTx) UpdateExtra(ctx context.Context, b bot.Bot) error {
	_, err := t.Exec(ctx, "UPDATE bots SET extra = $1 WHERE team_id = $2 AND id = $3", maybeJSON(b.Extra), b.TeamID, b.ID)
	return err
}

func (t botTx) AddTransition(ctx context.Context, b bot.Bot, tr bot.Transition) error {
	_, err := t.Exec(ctx, `INSERT INTO bot_transitions (bot_id, n, team_id, status, at, message)
		SELECT CAST($1 AS TEXT), COALESCE(MAX(n), 0) + 1, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT), CAST($5 AS TEXT)
		FROM bot_transitions WHERE bot_id = $1`,
		b.ID, b.TeamID, string(tr.Status), tr.At.UnixMilli(), tr.Message)
	return err
}

func (t botTx) Config(ctx context.Context, b bot.Bot) (c bot.Config, err error) {
	var text string
	if err := t.QueryRow(ctx, "SELECT config FROM bot_configs WHERE bot_id = $1", b.ID).Scan(&text); err != nil {
		return c, err
	}
	return c, json.Unmarshal([]byte(text), &c)
}

func (t botTx) Details(ctx context.Context, b bot.Bot) (bot.Details, error) {
	d := bot.Details{Bot: b}
	var config string
	if err := t.QueryRow(ctx, "SELECT config FROM bot_configs WHERE bot_id = $1", b.ID).Scan(&config); err != nil {
		return d, err
	}
	return d, addDetails(ctx, t.Tx, &d, config)
}

func (t botTx) Emit(ctx context.Context, m bot.Message) (err error) {
	e := webhook.Event{
		TeamID: m.TeamID, Surface: webhook.Surface(m.Surface), Type: webhook.EventType(m.Event), BotID: m.BotID,
		Payload: m.Body, PayloadObjects: m.Objects, At: m.At,
	}
	if m.Surface == bot.SurfaceV1 {
		if e.Own, err = t.ownAddress(ctx, m.BotID); err != nil {
			return err
		}
	}
	return t.EmitWebhook(ctx, e)
}

// ownAddress returns where a bot of v1 is to be told of, or nil if that is
// where its team is.
func (t botTx) ownAddress(ctx context.Context, id string) (*webhook.OwnAddress, error) {
	var text string
	var own webhook.OwnAddress
	err := t.QueryRow(ctx, "SELECT config, webhook_key FROM bot_configs WHERE bot_id = $1", id).Scan(&text, &own.SealedKey)
	if err != nil {
		return nil, err
	}
	var c bot.Config
	if err := json.Unmarshal([]byte(text), &c); err != nil || c.V1 == nil || c.V1.WebhookURL == "" {
		return nil, err
	}
	own.URL = c.V1.WebhookURL
	return &own, nil
}

func (t botTx) CallBack(ctx context.Context, b bot.Bot, c bot.Callback, m bot.Message) error {
	var sealed sql.NullString
	if err := t.QueryRow(ctx, "SELECT callback_secret FROM bot_configs WHERE bot_id = $1", b.ID).Scan(&sealed); err != nil {
		return err
	}
	return t.callBack(ctx, b, c, sealed.String, m)
}

func (t botTx) CallBackWith(ctx context.Context, b bot.Bot, c bot.Callback, secret string, m bot.Message) (err error) {
	sealed := ""
	if secret != "" {
		if sealed, err = t.s.Vault.SealBot(b.TeamID, b.ID, "callback_secret", secret); err != nil {
			return err
		}
	}
	return t.callBack(ctx, b, c, sealed, m)
}

func (t botTx) callBack(ctx context.Context, b bot.Bot, c bot.Callback, sealed string, m bot.Message) error {
	body := m.Body
	if c.Objects && m.Objects != nil {
		body = m.Objects
	}
	return t.EmitCallback(ctx, webhook.Callback{
		TeamID: b.TeamID, BotID: b.ID, Type: webhook.EventType(m.Event), URL: c.URL, Method: c.Method,
		SealedSecret: sealed, Payload: body, At: m.At,
	})
}
