package main

import (
	"context"
	"encoding/json"
)

type person struct {
	Name string `json:"name"`
	ID   int    `json:"id"`
}

type detailsBody struct {
	BotID                 string          `json:"bot_id"`
	BotName               string          `json:"bot_name"`
	MeetingURL            string          `json:"meeting_url"`
	MeetingPlatform       string          `json:"meeting_platform"`
	RecordingMode         string          `json:"recording_mode"`
	Status                string          `json:"status"`
	CreatedAt             string          `json:"created_at"`
	JoinedAt              *string         `json:"joined_at"`
	ExitedAt              *string         `json:"exited_at"`
	DurationSeconds       *int64          `json:"duration_seconds"`
	Participants          []person        `json:"participants"`
	Speakers              []person        `json:"speakers"`
	ArtifactsDeleted      bool            `json:"artifacts_deleted"`
	Video                 *string         `json:"video"`
	Audio                 *string         `json:"audio"`
	Diarization           *string         `json:"diarization"`
	RawTranscription      *string         `json:"raw_transcription"`
	Transcription         *string         `json:"transcription"`
	ChatMessages          *string         `json:"chat_messages"`
	TranscriptionIDs      []string        `json:"transcription_ids"`
	TranscriptionProvider *string         `json:"transcription_provider"`
	ErrorCode             *string         `json:"error_code"`
	ErrorMessage          *string         `json:"error_message"`
	Tokens                *string         `json:"tokens"`
	Extra                 json.RawMessage `json:"extra"`
	ZoomConfig            *string         `json:"zoom_config"`
}

func (h *byHand) details(ctx context.Context, team, id string) (any, error) {
	var b row
	var config string
	err := b.scan(h.db.QueryRowContext(ctx, "SELECT "+columns+`, (SELECT config FROM bot_configs WHERE bot_id = bots.id)
		FROM bots WHERE id = $1 AND team_id = $2`, id, team).Scan, &config)
	if err != nil {
		return nil, err
	}
	out := detailsBody{
		BotID: b.id, BotName: b.name, MeetingURL: b.url, MeetingPlatform: b.platform, RecordingMode: b.mode, Status: b.status,
		CreatedAt: stamp(b.created), JoinedAt: maybe(b.joined), ExitedAt: maybe(b.exited), DurationSeconds: b.seconds(), Extra: b.json(),
	}
	if err := h.addPeople(ctx, id, &out); err != nil {
		return nil, err
	}
	if err := h.addFiles(ctx, id, &out); err != nil {
		return nil, err
	}
	return struct {
		Success bool        `json:"success"`
		Data    detailsBody `json:"data"`
	}{true, out}, nil
}

func (h *byHand) addPeople(ctx context.Context, id string, out *detailsBody) error {
	rows, err := h.db.QueryContext(ctx, "SELECT n, name, display_name, picture, talk_ms, spoke FROM participants WHERE bot_id = $1 ORDER BY n", id)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var p person
		var display, picture string
		var talk int64
		var spoke bool
		if err := rows.Scan(&p.ID, &p.Name, &display, &picture, &talk, &spoke); err != nil {
			return err
		}
		out.Participants = append(out.Participants, p)
		if spoke {
			out.Speakers = append(out.Speakers, p)
		}
	}
	return rows.Err()
}

func (h *byHand) addFiles(ctx context.Context, id string, out *detailsBody) error {
	rows, err := h.db.QueryContext(ctx, `SELECT kind, name, key, bytes, sha256 FROM artifacts
		WHERE bot_id = $1 AND deleted_at IS NULL ORDER BY kind, name`, id)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var kind, name, key, sum string
		var bytes int64
		if err := rows.Scan(&kind, &name, &key, &bytes, &sum); err != nil {
			return err
		}
		url := "https://files.example/" + key
		switch kind {
		case "video":
			out.Video = &url
		case "audio":
			out.Audio = &url
		case "diarization":
			out.Diarization = &url
		}
	}
	return rows.Err()
}
