package v2

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
)

// scheduledConfig is a bot and its time. JoinAt has no format of the schema: the
// contract admits times without seconds, and no zone but Z.
type scheduledConfig struct {
	botConfig
	JoinAt string `json:"join_at" doc:"When the bot joins, in UTC, as 2026-01-31T12:00:00Z: 1 minute to 90 days from now."`
}

func (c scheduledConfig) order() (r bot.Request, at time.Time, err error) {
	if at, err = joinAt(c.JoinAt); err != nil {
		return r, at, err
	}
	r, err = c.request()
	return r, at, err
}

func joinAt(text string) (time.Time, error) {
	at, ok := utc(text)
	if !ok {
		return at, bot.Invalid(bot.Issue{Pointer: "/join_at", Rule: ruleUTC, Value: door.Harmless("/join_at", text)})
	}
	return at, nil
}

type createScheduledInput struct{ Body scheduledConfig }

func (s *Surface) createScheduledBot(ctx context.Context, c account.Caller, in *createScheduledInput) (*createBotOutput, error) {
	id, err := s.schedule(ctx, c, in.Body)
	if err != nil {
		return nil, err
	}
	out := &createBotOutput{}
	out.Body.Success, out.Body.Data.BotID = true, id
	return out, nil
}

func (s *Surface) schedule(ctx context.Context, c account.Caller, config scheduledConfig) (string, error) {
	r, at, err := config.order()
	if err != nil {
		return "", err
	}
	return s.Bots.Schedule(ctx, c.TeamID, r, at)
}

func (s *Surface) batchCreateScheduledBots(ctx context.Context, c account.Caller, in *batchInput) (*batchOutput, error) {
	return s.batch(ctx, in.Body, func(raw json.RawMessage) (string, error) {
		config, err := itemOf[scheduledConfig](s, raw)
		if err != nil {
			return "", err
		}
		return s.schedule(ctx, c, config)
	})
}

type listScheduledInput struct {
	Limit           int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
	Cursor          string `query:"cursor" doc:"cursor or prev_cursor of the page before."`
	BotID           string `query:"bot_id" doc:"Part of the id."`
	BotName         string `query:"bot_name" doc:"Part of the name, in any case."`
	MeetingURL      string `query:"meeting_url" doc:"Part of the meeting URL, in any case."`
	MeetingPlatform string `query:"meeting_platform" doc:"One or more of zoom, meet, teams, galene, with commas."`
	Platform        string `query:"platform" doc:"Another name of meeting_platform."`
	Status          string `query:"status" doc:"One or more of scheduled, cancelled, completed, failed, with commas."`
	ScheduledAfter  string `query:"scheduled_after" doc:"As 2026-01-31T12:00:00Z, at most 90 days from now."`
	ScheduledBefore string `query:"scheduled_before" doc:"As 2026-01-31T12:00:00Z, at most 90 days from now."`
	Extra           string `query:"extra" doc:"key:value, with commas; all must match exactly."`
}

type listScheduledOutput struct {
	Body struct {
		Success    bool              `json:"success"`
		Data       []listedScheduled `json:"data"`
		Cursor     *string           `json:"cursor"`
		PrevCursor *string           `json:"prev_cursor"`
	}
}

type listedScheduled struct {
	BotID           string          `json:"bot_id" format:"uuid"`
	BotName         string          `json:"bot_name"`
	MeetingURL      string          `json:"meeting_url" format:"uri"`
	MeetingPlatform string          `json:"meeting_platform"`
	JoinAt          string          `json:"join_at" format:"date-time"`
	Status          string          `json:"status" enum:"scheduled,cancelled,completed,failed"`
	Extra           json.RawMessage `json:"extra"`
	CreatedAt       string          `json:"created_at" format:"date-time"`
	UpdatedAt       string          `json:"updated_at" format:"date-time"`
}

func (s *Surface) listScheduledBots(ctx context.Context, c account.Caller, in *listScheduledInput) (*listScheduledOutput, error) {
	f, err := in.filter(s.Clock.Now())
	if err != nil {
		return nil, err
	}
	page, err := s.Bots.ListScheduled(ctx, c.TeamID, f, in.Limit, value(in.Cursor))
	if err != nil {
		return nil, err
	}
	out := &listScheduledOutput{}
	out.Body.Success, out.Body.Data = true, make([]listedScheduled, 0, len(page.Bots))
	for _, b := range page.Bots {
		out.Body.Data = append(out.Body.Data, listedScheduled{
			BotID: b.ID, BotName: b.Name, MeetingURL: b.MeetingURL, MeetingPlatform: string(b.Platform), JoinAt: stamp(b.JoinAt),
			Status: string(b.Status), Extra: orNull(b.Extra), CreatedAt: stamp(b.CreatedAt), UpdatedAt: stamp(b.UpdatedAt),
		})
	}
	out.Body.Cursor, out.Body.PrevCursor = text(page.Next), text(page.Prev)
	return out, nil
}

func (in *listScheduledInput) filter(now time.Time) (f bot.ScheduledFilter, err error) {
	p := filterParser{now: now}
	f = bot.ScheduledFilter{
		Name: p.text("/bot_name", in.BotName), ID: p.text("/bot_id", in.BotID), MeetingURL: p.text("/meeting_url", in.MeetingURL),
		Platforms: oneOf(&p, "/meeting_platform", in.MeetingPlatform+","+in.Platform, platforms), Extra: p.extra(in.Extra),
		After: p.near("/scheduled_after", in.ScheduledAfter), Before: p.near("/scheduled_before", in.ScheduledBefore),
		Statuses: oneOf(&p, "/status", in.Status, bot.ScheduleStatuses),
	}
	if len(p.issues) > 0 {
		return f, bot.Invalid(p.issues...)
	}
	return f, nil
}

// near reads a time that lies within 90 days of now (digest 5.5).
func (p *filterParser) near(pointer, v string) time.Time {
	t := p.time(pointer, v)
	if !t.IsZero() && (t.After(p.now.Add(bot.LookBack)) || t.Before(p.now.Add(-bot.LookBack))) {
		p.broke(pointer, "must lie within 90 days of now", v)
	}
	return t
}

type scheduledOutput struct {
	Body struct {
		Success bool             `json:"success"`
		Data    scheduledDetails `json:"data"`
	}
}

// scheduledDetails has every field at every time; null stands for nothing. Of
// the timeouts it shows two, as the contract does (digest 2.3).
type scheduledDetails struct {
	BotID               string                  `json:"bot_id" format:"uuid"`
	BotName             string                  `json:"bot_name"`
	BotImage            *string                 `json:"bot_image"`
	MeetingURL          string                  `json:"meeting_url" format:"uri"`
	MeetingPlatform     string                  `json:"meeting_platform"`
	RecordingMode       string                  `json:"recording_mode"`
	JoinAt              string                  `json:"join_at" format:"date-time"`
	Status              string                  `json:"status" enum:"scheduled,cancelled,completed,failed"`
	CreatedAt           string                  `json:"created_at" format:"date-time"`
	UpdatedAt           string                  `json:"updated_at" format:"date-time"`
	CancelledAt         *string                 `json:"cancelled_at" format:"date-time"`
	AllowMultipleBots   bool                    `json:"allow_multiple_bots"`
	EntryMessage        *string                 `json:"entry_message"`
	TimeoutConfig       scheduledTimeouts       `json:"timeout_config"`
	TranscriptionConfig *scheduledTranscription `json:"transcription_config"`
	StreamingConfig     *scheduledStreaming     `json:"streaming_config"`
	CallbackConfig      *scheduledCallback      `json:"callback_config"`
	Extra               json.RawMessage         `json:"extra"`
	ZoomConfig          json.RawMessage         `json:"zoom_config"`
}

type scheduledTimeouts struct {
	WaitingRoom *int `json:"waiting_room_timeout"`
	NoOneJoined *int `json:"no_one_joined_timeout"`
}

type scheduledTranscription struct {
	Enabled      bool            `json:"enabled"`
	Provider     string          `json:"provider"`
	CustomParams json.RawMessage `json:"custom_params"`
}

type scheduledStreaming struct {
	Enabled        bool    `json:"enabled"`
	InputURL       *string `json:"input_url"`
	OutputURL      *string `json:"output_url"`
	AudioFrequency *int    `json:"audio_frequency"`
}

type scheduledCallback struct {
	Enabled bool    `json:"enabled"`
	URL     string  `json:"url"`
	Secret  *string `json:"secret"`
	Method  string  `json:"method" enum:"POST,PUT"`
}

func (s *Surface) getScheduledBot(ctx context.Context, c account.Caller, in *botInput) (*scheduledOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	b, err := s.Bots.Scheduled(ctx, c.TeamID, id)
	if err != nil {
		return nil, err
	}
	if b.Broken != nil {
		return nil, b.Broken
	}
	out := &scheduledOutput{}
	out.Body.Success, out.Body.Data = true, scheduled(b)
	return out, nil
}

func scheduled(b bot.Scheduled) scheduledDetails {
	config := b.Config() // with defaults
	waiting, alone := int(config.Timeouts.WaitingRoom.Seconds()), int(config.Timeouts.NoOneJoined.Seconds())
	out := scheduledDetails{
		BotID: b.ID, BotName: b.Name, MeetingURL: b.MeetingURL, MeetingPlatform: string(b.Platform), RecordingMode: string(b.Mode),
		JoinAt: stamp(b.JoinAt), Status: string(b.Status), CreatedAt: stamp(b.CreatedAt), UpdatedAt: stamp(b.UpdatedAt), CancelledAt: maybeStamp(b.CancelledAt),
		AllowMultipleBots: config.AllowMultiple, EntryMessage: text(b.EntryMessage), TimeoutConfig: scheduledTimeouts{&waiting, &alone},
		Extra: orNull(b.Extra), ZoomConfig: orNull(nil),
	}
	if len(b.Images) > 0 {
		out.BotImage = &b.Images[0]
	}
	if t := config.Transcription; t != nil {
		out.TranscriptionConfig = &scheduledTranscription{true, cmp.Or(t.Provider, "gladia"), orNull(t.Custom)}
	}
	if st := config.Streaming; st != nil {
		out.StreamingConfig = &scheduledStreaming{true, text(st.InputURL), text(st.OutputURL), &st.Frequency}
	}
	if cb := config.Callback; cb != nil {
		out.CallbackConfig = &scheduledCallback{true, cb.URL, text(b.Callback.Secret), cb.Method}
	}
	if z := config.Zoom; z != nil {
		out.ZoomConfig, _ = json.Marshal(z) // texts only
	}
	return out
}

type updateScheduledInput struct {
	BotID string `path:"bot_id" doc:"The id of the scheduled bot, a UUID."`
	Body  struct {
		BotPatch
		MeetingURL        *string `json:"meeting_url,omitempty" format:"uri"`
		AllowMultipleBots *bool   `json:"allow_multiple_bots,omitempty"`
		JoinAt            *string `json:"join_at,omitempty" doc:"In UTC; 4 minutes to 90 days from now."`
	}
}

// updateScheduledBot changes what is named and nothing else: no default is
// filled in here, whatever clients fill in (C49).
func (s *Surface) updateScheduledBot(ctx context.Context, c account.Caller, in *updateScheduledInput) (*messageOutput, error) {
	id, err := botInput{in.BotID}.id()
	if err != nil {
		return nil, err
	}
	b := in.Body
	if err := b.check(); err != nil {
		return nil, err
	}
	if err := s.checkZoom(ctx, c.TeamID, b.BotPatch); err != nil {
		return nil, err
	}
	var at *time.Time
	if b.JoinAt != nil {
		t, err := joinAt(*b.JoinAt)
		if err != nil {
			return nil, err
		}
		at = &t
	}
	err = s.Bots.Reschedule(ctx, c.TeamID, id, at, func(r bot.Request) (bot.Request, error) {
		if b.MeetingURL != nil {
			if err := door.Plain(map[string]string{"/meeting_url": *b.MeetingURL}); err != nil {
				return r, err
			}
			r.MeetingURL = *b.MeetingURL
		}
		take(b.AllowMultipleBots != nil, &r.AllowMultiple, b.AllowMultipleBots)
		return b.apply(r)
	})
	if err != nil {
		return nil, err
	}
	return say("Scheduled bot updated"), nil
}

func (s *Surface) deleteScheduledBot(ctx context.Context, c account.Caller, in *botInput) (*messageOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	if err := s.Bots.Unschedule(ctx, c.TeamID, id); err != nil {
		return nil, err
	}
	return say("Scheduled bot cancelled"), nil
}
