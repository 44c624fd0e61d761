package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"steno/internal/bot"
)

// byHand is the yardstick: what a careful person writes in an afternoon for
// these three operations, without a framework and without schema checks. It
// makes the same queries and writes the same JSON. Creating takes the very
// transaction of the product, since that is all there is to it.
type byHand struct {
	db     *sql.DB
	create *bot.Service
	keys   sync.Map // hash to team, asked for every two seconds as the product does
}

type cached struct {
	team string
	at   time.Time
}

func (h *byHand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	team, err := h.team(r.Context(), r.Header.Get("x-meeting-baas-api-key"))
	if err != nil {
		http.Error(w, "unauthorized", http.StatusUnauthorized)
		return
	}
	var out any
	status := http.StatusOK
	switch {
	case r.Method == http.MethodPost:
		status = http.StatusCreated
		out, err = h.post(r, team)
	case r.URL.Path == "/v2/bots":
		out, err = h.list(r.Context(), team)
	default:
		out, err = h.details(r.Context(), team, strings.TrimPrefix(r.URL.Path, "/v2/bots/"))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out) // the client may be gone
}

func (h *byHand) team(ctx context.Context, key string) (string, error) {
	sum := sha256.Sum256([]byte(key))
	hash := hex.EncodeToString(sum[:])
	if c, ok := h.keys.Load(hash); ok && time.Since(c.(cached).at) < 2*time.Second { //nolint:forcetypeassert // only cached is stored
		return c.(cached).team, nil //nolint:forcetypeassert // as above
	}
	var team string
	err := h.db.QueryRowContext(ctx, "SELECT team_id FROM api_keys WHERE hash = $1 AND revoked_at IS NULL", hash).Scan(&team)
	if err == nil {
		h.keys.Store(hash, cached{team, time.Now()})
	}
	return team, err
}

func (h *byHand) post(r *http.Request, team string) (any, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	var in struct {
		BotName    string          `json:"bot_name"`
		MeetingURL string          `json:"meeting_url"`
		Extra      json.RawMessage `json:"extra"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	id, err := h.create.Create(r.Context(), team, bot.Request{Name: in.BotName, MeetingURL: in.MeetingURL, Extra: in.Extra})
	return map[string]any{"success": true, "data": map[string]string{"bot_id": id}}, err
}

const columns = `id, team_id, name, meeting_url, meeting_key, platform, mode, status, created_at, updated_at,
	joined_at, exited_at, ended_at, duration_ms, end_code, end_message, extra, artifacts_deleted,
	leave_requested_at, launched_at, host`

type row struct {
	id, team, name, url, key, platform, mode, status, endCode, endMessage, host string
	created, updated                                                            int64
	joined, exited, ended, duration, leave, launched                            sql.NullInt64
	extra                                                                       sql.NullString
	deleted                                                                     bool
}

func (b *row) scan(scan func(...any) error, more ...any) error {
	return scan(append([]any{
		&b.id, &b.team, &b.name, &b.url, &b.key, &b.platform, &b.mode, &b.status, &b.created, &b.updated,
		&b.joined, &b.exited, &b.ended, &b.duration, &b.endCode, &b.endMessage, &b.extra, &b.deleted, &b.leave, &b.launched, &b.host,
	}, more...)...)
}

func (h *byHand) list(ctx context.Context, team string) (any, error) {
	type item struct {
		BotID           string          `json:"bot_id"`
		BotName         string          `json:"bot_name"`
		MeetingURL      string          `json:"meeting_url"`
		MeetingPlatform string          `json:"meeting_platform"`
		Extra           json.RawMessage `json:"extra"`
		Duration        *int64          `json:"duration"`
		CreatedAt       string          `json:"created_at"`
		EndedAt         *string         `json:"ended_at"`
		JoinedAt        *string         `json:"joined_at"`
		ExitedAt        *string         `json:"exited_at"`
		Status          string          `json:"status"`
		ErrorCode       *string         `json:"error_code"`
		ErrorMessage    *string         `json:"error_message"`
		Tokens          *string         `json:"tokens"`
	}
	var out struct {
		Success    bool    `json:"success"`
		Data       []item  `json:"data"`
		Cursor     *string `json:"cursor"`
		PrevCursor *string `json:"prev_cursor"`
	}
	rows, err := h.db.QueryContext(ctx, "SELECT "+columns+" FROM bots WHERE team_id = $1 AND created_at >= $2 ORDER BY created_at DESC, id DESC LIMIT $3",
		team, time.Now().Add(-90*24*time.Hour).UnixMilli(), 21)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var b row
		if err := b.scan(rows.Scan); err != nil {
			return nil, err
		}
		if len(out.Data) == 20 {
			last := out.Data[19].CreatedAt + "::" + out.Data[19].BotID
			out.Cursor = &last
			continue
		}
		out.Data = append(out.Data, item{
			BotID: b.id, BotName: b.name, MeetingURL: b.url, MeetingPlatform: b.platform, Extra: b.json(), Duration: b.seconds(),
			CreatedAt: stamp(b.created), EndedAt: maybe(b.ended), JoinedAt: maybe(b.joined), ExitedAt: maybe(b.exited), Status: b.status,
		})
	}
	out.Success = true
	return out, rows.Err()
}

func (b *row) json() json.RawMessage {
	if !b.extra.Valid {
		return json.RawMessage("null")
	}
	return json.RawMessage(b.extra.String)
}

func (b *row) seconds() *int64 {
	if !b.duration.Valid {
		return nil
	}
	s := b.duration.Int64 / 1000
	return &s
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

func maybe(ms sql.NullInt64) *string {
	if !ms.Valid {
		return nil
	}
	s := stamp(ms.Int64)
	return &s
}
