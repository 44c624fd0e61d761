package v2

import (
	"context"
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
	"steno/internal/calendar"
)

// Target says which events a request is about, in all the ways that clients do
// (C18, C19).
type Target struct {
	SeriesID       string `json:"series_id,omitempty" format:"uuid" doc:"A series. With all_occurrences, or without event_id, all its occurrences are meant, those to come included."`
	AllOccurrences *bool  `json:"all_occurrences,omitempty" doc:"true: the whole series."`
	EventID        string `json:"event_id,omitempty" format:"uuid" doc:"One event; series_id is ignored then, unless all_occurrences is true."`
}

func (t Target) room() (out calendar.Target, err error) {
	out = calendar.Target{All: t.AllOccurrences != nil && *t.AllOccurrences}
	if t.EventID != "" {
		if out.EventID, err = door.ID("/event_id", t.EventID); err != nil {
			return out, err
		}
	}
	if t.SeriesID != "" && (out.All || out.EventID == "") {
		out.SeriesID, err = door.ID("/series_id", t.SeriesID)
	}
	switch {
	case err != nil:
	case out.SeriesID == "" && out.All:
		err = bot.Invalid(bot.Issue{Pointer: "/series_id", Rule: "is required when all_occurrences is true"})
	case out.SeriesID != "" && !out.All && t.AllOccurrences != nil:
		err = bot.Invalid(bot.Issue{Pointer: "/event_id", Rule: "is required when all_occurrences is false"})
	case out.SeriesID == "" && out.EventID == "":
		err = bot.Invalid(bot.Issue{Pointer: "/event_id", Rule: "or series_id is required"})
	}
	return out, err
}

type createCalendarBotInput struct {
	CalendarID string `path:"calendar_id" doc:"The id of the calendar, a UUID."`
	Body       struct {
		Target
		BotSettings
	}
}

type outcomeOutput struct {
	Body struct {
		Success bool           `json:"success"`
		Data    []eventDone    `json:"data"`
		Errors  []eventProblem `json:"errors"`
	}
}

type eventDone struct {
	EventID string `json:"event_id" format:"uuid"`
}

type eventProblem struct {
	EventID string  `json:"event_id" format:"uuid"`
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Details *string `json:"details"`
}

func outcome(list []calendar.Outcome) *outcomeOutput {
	out := &outcomeOutput{}
	out.Body.Success, out.Body.Data, out.Body.Errors = true, []eventDone{}, []eventProblem{}
	for _, o := range list {
		if o.Code == "" {
			out.Body.Data = append(out.Body.Data, eventDone{o.EventID})
			continue
		}
		out.Body.Errors = append(out.Body.Errors, eventProblem{EventID: o.EventID, Code: o.Code, Message: o.Message})
	}
	return out
}

func (s *Surface) createCalendarBot(ctx context.Context, c account.Caller, in *createCalendarBotInput) (*outcomeOutput, error) {
	id, err := door.ID("/calendar_id", in.CalendarID)
	if err != nil {
		return nil, err
	}
	to, err := in.Body.room()
	if err != nil {
		return nil, err
	}
	r, err := in.Body.request()
	if err != nil {
		return nil, err
	}
	if err := s.Bots.Check(r); err != nil {
		return nil, err
	}
	if err := s.Bots.CheckZoom(ctx, c.TeamID, r.Zoom); err != nil {
		return nil, err
	}
	settings, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	list, err := s.Calendars.ScheduleBots(ctx, c.TeamID, id, to, settings)
	if err != nil {
		return nil, err
	}
	return outcome(list), nil
}

// opt is a member of a PATCH: absent leaves the value as it is, null clears it.
type opt[T any] struct {
	Set   bool
	Value *T
}

// UnmarshalJSON tells null from absent.
func (o *opt[T]) UnmarshalJSON(data []byte) error {
	o.Set = true
	if string(data) == "null" {
		return nil
	}
	return json.Unmarshal(data, &o.Value)
}

// Schema is that of the value.
func (o opt[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}

// BotPatch changes the settings of bots. A feature's flag and its configuration
// go together: true needs it, false forbids it (digest 2.1).
type BotPatch struct {
	BotName              *string                  `json:"bot_name,omitempty" minLength:"1" maxLength:"255"`
	BotImage             opt[images]              `json:"bot_image,omitempty" required:"false"`
	BotImageConfig       opt[botImageConfig]      `json:"bot_image_config,omitempty" required:"false"`
	RecordingMode        *string                  `json:"recording_mode,omitempty" enum:"audio_only,speaker_view,gallery_view"`
	EntryMessage         opt[string]              `json:"entry_message,omitempty" required:"false"`
	TimeoutConfig        *timeoutConfig           `json:"timeout_config,omitempty"`
	ZoomConfig           opt[zoomRequest]         `json:"zoom_config,omitempty" required:"false"`
	Extra                json.RawMessage          `json:"extra,omitempty"`
	StreamingEnabled     *bool                    `json:"streaming_enabled,omitempty"`
	StreamingConfig      opt[streamingConfig]     `json:"streaming_config,omitempty" required:"false"`
	TranscriptionEnabled *bool                    `json:"transcription_enabled,omitempty"`
	TranscriptionConfig  opt[transcriptionConfig] `json:"transcription_config,omitempty" required:"false"`
	LiveTranscript       opt[liveTranscript]      `json:"live_transcript,omitempty" required:"false" doc:"null: none."`
	CallbackEnabled      *bool                    `json:"callback_enabled,omitempty"`
	CallbackConfig       opt[callbackConfig]      `json:"callback_config,omitempty" required:"false"`
}

// check applies the rules of flags and configurations.
func (p BotPatch) check() error {
	var bad []bot.Issue
	feature := func(name string, flag *bool, config bool) {
		switch {
		case flag == nil && config:
			bad = append(bad, bot.Issue{Pointer: "/" + name + "_enabled", Rule: "is required together with " + name + "_config"})
		case flag != nil && *flag && !config:
			bad = append(bad, bot.Issue{Pointer: "/" + name + "_config", Rule: "is required when " + name + "_enabled is true"})
		case flag != nil && !*flag && config:
			bad = append(bad, bot.Issue{Pointer: "/" + name + "_config", Rule: "must not be there when " + name + "_enabled is false"})
		}
	}
	feature("streaming", p.StreamingEnabled, p.StreamingConfig.Value != nil)
	feature("transcription", p.TranscriptionEnabled, p.TranscriptionConfig.Value != nil)
	feature("callback", p.CallbackEnabled, p.CallbackConfig.Value != nil)
	if len(bad) > 0 {
		return bot.Invalid(bad...)
	}
	return nil
}

// checkZoom refuses credentials that are not the team's.
func (s *Surface) checkZoom(ctx context.Context, team string, p BotPatch) error {
	var r bot.Request
	BotSettings{ZoomConfig: p.ZoomConfig.Value}.zoom(&r)
	return s.Bots.CheckZoom(ctx, team, r.Zoom)
}

// apply changes a request as the patch says.
func (p BotPatch) apply(r bot.Request) (bot.Request, error) {
	var from BotSettings // what was said, in the words of a creation
	from.BotName, from.RecordingMode = r.Name, string(r.Mode)
	if p.BotName != nil {
		from.BotName = *p.BotName
	}
	if p.RecordingMode != nil {
		from.RecordingMode = *p.RecordingMode
	}
	from.BotImage, from.BotImageConfig, from.EntryMessage = deref(p.BotImage.Value), p.BotImageConfig.Value, deref(p.EntryMessage.Value)
	from.TimeoutConfig, from.ZoomConfig, from.Extra = p.TimeoutConfig, p.ZoomConfig.Value, p.Extra
	from.StreamingEnabled, from.StreamingConfig = deref(p.StreamingEnabled), p.StreamingConfig.Value
	from.TranscriptionEnabled, from.TranscriptionConfig = deref(p.TranscriptionEnabled), p.TranscriptionConfig.Value
	from.LiveTranscript = p.LiveTranscript.Value
	from.CallbackEnabled, from.CallbackConfig = deref(p.CallbackEnabled), p.CallbackConfig.Value
	n, err := from.request()
	if err != nil {
		return r, err
	}
	r.Name, r.Mode = n.Name, n.Mode
	take(p.BotImage.Set, &r.Images, n.Images)
	take(p.BotImageConfig.Set, &r.ImageConfig, n.ImageConfig)
	take(p.EntryMessage.Set, &r.EntryMessage, n.EntryMessage)
	take(p.ZoomConfig.Set, &r.Zoom, n.Zoom)
	take(p.ZoomConfig.Set, &r.ZoomOBFToken, n.ZoomOBFToken)
	take(len(p.Extra) > 0, &r.Extra, n.Extra)
	take(p.StreamingEnabled != nil, &r.StreamingEnabled, n.StreamingEnabled)
	take(p.StreamingEnabled != nil, &r.Streaming, n.Streaming)
	take(p.TranscriptionEnabled != nil, &r.TranscriptionEnabled, n.TranscriptionEnabled)
	take(p.TranscriptionEnabled != nil, &r.Transcription, n.Transcription)
	take(p.LiveTranscript.Set, &r.LiveTranscript, n.LiveTranscript)
	take(p.CallbackEnabled != nil, &r.CallbackEnabled, n.CallbackEnabled)
	take(p.CallbackEnabled != nil, &r.Callback, n.Callback)
	if t := p.TimeoutConfig; t != nil {
		take(t.WaitingRoomTimeout != nil, &r.Timeouts.WaitingRoom, t.WaitingRoomTimeout)
		take(t.NoOneJoinedTimeout != nil, &r.Timeouts.NoOneJoined, t.NoOneJoinedTimeout)
		take(t.SilenceTimeout != nil, &r.Timeouts.Silence, t.SilenceTimeout)
		take(t.GracePeriod != nil, &r.Timeouts.Grace, t.GracePeriod)
	}
	return r, nil
}

func take[T any](given bool, to *T, from T) {
	if given {
		*to = from
	}
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

type updateCalendarBotInput struct {
	CalendarID string `path:"calendar_id" doc:"The id of the calendar, a UUID."`
	Body       struct {
		Target
		BotPatch
	}
}

func (s *Surface) updateCalendarBot(ctx context.Context, c account.Caller, in *updateCalendarBotInput) (*outcomeOutput, error) {
	id, err := door.ID("/calendar_id", in.CalendarID)
	if err != nil {
		return nil, err
	}
	to, err := in.Body.room()
	if err != nil {
		return nil, err
	}
	if err := in.Body.check(); err != nil {
		return nil, err
	}
	if err := s.checkZoom(ctx, c.TeamID, in.Body.BotPatch); err != nil {
		return nil, err
	}
	list, err := s.Calendars.ChangeBots(ctx, c.TeamID, id, to, func(old []byte) ([]byte, error) {
		var r bot.Request
		if err := json.Unmarshal(old, &r); err != nil {
			return nil, err
		}
		r, err := in.Body.apply(r)
		if err != nil {
			return nil, err
		}
		if err := s.Bots.Check(r); err != nil {
			return nil, err
		}
		return json.Marshal(r)
	})
	if err != nil {
		return nil, err
	}
	return outcome(list), nil
}

type deleteCalendarBotInput struct {
	CalendarID string `path:"calendar_id" doc:"The id of the calendar, a UUID."`
	Body       Target
}

func (s *Surface) deleteCalendarBot(ctx context.Context, c account.Caller, in *deleteCalendarBotInput) (*outcomeOutput, error) {
	id, err := door.ID("/calendar_id", in.CalendarID)
	if err != nil {
		return nil, err
	}
	to, err := in.Body.room()
	if err != nil {
		return nil, err
	}
	list, err := s.Calendars.WithdrawBots(ctx, c.TeamID, id, to)
	if err != nil {
		return nil, err
	}
	return outcome(list), nil
}
