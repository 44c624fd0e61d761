package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"time"
)

// Message is a webhook event of a bot, ready to be sent. Body shows people as
// names; Objects, if it is not nil, is the same with people as objects (C51).
type Message struct {
	TeamID  string
	BotID   string
	Surface Surface
	Event   string
	Body    []byte
	Objects []byte
	At      time.Time
}

// The events of bots (digest 9.1).
const (
	EventStatusChange = "bot.status_change"
	EventCompleted    = "bot.completed"
	EventFailed       = "bot.failed"
)

// payload is the envelope of all events of bots. extra stands outside of data
// (C52).
type payload struct {
	Event string          `json:"event"`
	Data  any             `json:"data"`
	Extra json.RawMessage `json:"extra"`
}

func (b Bot) body(event string, data any) []byte {
	extra := b.Extra
	if len(extra) == 0 {
		extra = json.RawMessage("null")
	}
	return encode(event, payload{event, data, extra})
}

func encode(event string, v any) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // names and URLs stay readable
	if err := enc.Encode(v); err != nil {
		panic("bot: payload of " + event + ": " + err.Error()) // our own structs and checked JSON
	}
	return bytes.TrimSpace(out.Bytes())
}

// Stamp is how the API writes a time: UTC with milliseconds and a Z.
const Stamp = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) string { return t.UTC().Format(Stamp) }

func maybeStamp(t *time.Time) *string {
	if t == nil {
		return nil
	}
	s := stamp(*t)
	return &s
}

// Seconds rounds a duration to whole seconds, the API's unit.
func Seconds(d *time.Duration) *int64 {
	if d == nil {
		return nil
	}
	s := int64(math.Round(d.Seconds()))
	return &s
}

type statusData struct {
	BotID   string     `json:"bot_id"`
	EventID *string    `json:"event_id"`
	Status  statusBody `json:"status"`
}

type statusBody struct {
	Code         Status `json:"code"`
	CreatedAt    string `json:"created_at"`
	StartTime    *int64 `json:"start_time,omitempty"`    // Unix seconds, when recording begins
	ErrorMessage string `json:"error_message,omitempty"` // of recording_failed and meeting_error
}

func statusChange(b Bot, t Transition) Message {
	s := statusBody{Code: t.Status, CreatedAt: stamp(t.At)}
	switch t.Status {
	case Recording:
		start := t.At.Unix()
		s.StartTime = &start
	case RecordingFailed, MeetingError:
		s.ErrorMessage = t.Message
	}
	return Message{
		TeamID: b.TeamID, BotID: b.ID, Surface: SurfaceV2, Event: EventStatusChange, At: t.At,
		Body: b.body(EventStatusChange, statusData{BotID: b.ID, EventID: b.event(), Status: s}),
	}
}

// event is the id of the bot's calendar event, or nil for the JSON null.
func (b Bot) event() *string {
	if b.EventID == "" {
		return nil
	}
	return &b.EventID
}

type completedData struct {
	BotID                 string   `json:"bot_id"`
	EventID               *string  `json:"event_id"`
	Participants          any      `json:"participants"`
	Speakers              any      `json:"speakers"`
	DurationSeconds       *int64   `json:"duration_seconds"`
	JoinedAt              *string  `json:"joined_at"`
	ExitedAt              *string  `json:"exited_at"`
	DataDeleted           bool     `json:"data_deleted"`
	Video                 *string  `json:"video"`
	Audio                 *string  `json:"audio"`
	Diarization           *string  `json:"diarization"`
	RawTranscription      *string  `json:"raw_transcription"`
	Transcription         *string  `json:"transcription"`
	ChatMessages          *string  `json:"chat_messages"` // additive (C55)
	TranscriptionProvider *string  `json:"transcription_provider"`
	TranscriptionIDs      []string `json:"transcription_ids"`
	SentAt                string   `json:"sent_at"`
}

type failedData struct {
	BotID        string  `json:"bot_id"`
	EventID      *string `json:"event_id"`
	ErrorMessage string  `json:"error_message"`
	ErrorCode    EndCode `json:"error_code"`
	SentAt       string  `json:"sent_at"`
}

// final returns the message that tells of a bot's end, with fresh URLs. said is the
// transcript, which v1 tells whole.
func (s *Service) final(ctx context.Context, d Details, said []UtteranceV1) (Message, error) {
	if d.Surface == SurfaceV1 {
		return s.finalV1(ctx, d, said)
	}
	now := s.Clock.Now()
	m := Message{TeamID: d.TeamID, BotID: d.ID, Surface: SurfaceV2, At: now}
	if d.Status == Failed {
		m.Event = EventFailed
		m.Body = d.body(EventFailed, failedData{BotID: d.ID, EventID: d.event(), ErrorMessage: d.EndMessage, ErrorCode: d.EndCode, SentAt: stamp(now)})
		return m, nil
	}
	urls, err := s.URLs(ctx, d.Artifacts)
	if err != nil {
		return m, err
	}
	at := func(kind string) *string {
		if u, ok := urls[kind]; ok {
			return &u
		}
		return nil
	}
	data := completedData{
		BotID: d.ID, EventID: d.event(), DurationSeconds: Seconds(d.Duration), JoinedAt: maybeStamp(d.JoinedAt), ExitedAt: maybeStamp(d.ExitedAt),
		DataDeleted: d.ArtifactsDeleted, Video: at(KindVideo), Audio: at(KindAudio), Diarization: at(KindDiarization),
		RawTranscription: at(KindRawTranscription), Transcription: at(KindTranscription), ChatMessages: at(KindChat), SentAt: stamp(now),
	}
	data.TranscriptionProvider, data.TranscriptionIDs = d.TranscriptionProvider(), d.Transcribed.IDs
	m.Event = EventCompleted
	data.Participants, data.Speakers = names(d.People), names(d.Speakers)
	m.Body = d.body(EventCompleted, data)
	data.Participants, data.Speakers = Persons(d.People), Persons(d.Speakers)
	m.Objects = d.body(EventCompleted, data)
	return m, nil
}

// names returns the people as a list of names, or nil for the JSON null.
func names(people []Participant) []string {
	var out []string
	for _, p := range people {
		out = append(out, p.Name)
	}
	return out
}

// Person is a participant as the API shows one.
type Person struct {
	Name           string `json:"name"`
	ID             int    `json:"id"`
	DisplayName    string `json:"display_name,omitempty"`
	ProfilePicture string `json:"profile_picture,omitempty"`
}

// Persons returns the people as the API shows them: never null.
func Persons(people []Participant) []Person {
	out := make([]Person, 0, len(people))
	for _, p := range people {
		out = append(out, Person{Name: p.Name, ID: p.N, DisplayName: p.DisplayName, ProfilePicture: p.Picture})
	}
	return out
}
