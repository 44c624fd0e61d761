package bot

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
)

// The events of v1 (digest 9.4), beside EventStatusChange.
const (
	EventV1Complete    = "complete"
	EventV1Failed      = "failed"
	EventV1Transcribed = "transcription_complete"
)

// statusesV1 are the statuses that v1 tells of (digest 5.1).
var statusesV1 = map[Status]bool{
	JoiningCall: true, InWaitingRoom: true, InCall: true, Recording: true, Paused: true, Resumed: true, CallEnded: true,
	BotRejected: true, BotRemoved: true, WaitingRoomTimeout: true, InvalidMeetingURL: true, MeetingError: true,
}

type payloadV1 struct {
	Event string `json:"event"`
	Data  any    `json:"data"`
}

func (b Bot) messageV1(event string, data any) Message {
	return Message{TeamID: b.TeamID, BotID: b.ID, Surface: SurfaceV1, Event: event, Body: encode(event, payloadV1{event, data})}
}

type statusDataV1 struct {
	BotID  string       `json:"bot_id"`
	Status statusBodyV1 `json:"status"`
}

type statusBodyV1 struct {
	statusBody
	ErrorType string `json:"error_type,omitempty"` // of meeting_error
}

// statusChangeV1 returns the message of a status, if v1 tells of it.
func statusChangeV1(b Bot, t Transition) (Message, bool) {
	if !statusesV1[t.Status] {
		return Message{}, false
	}
	s := statusBodyV1{statusBody: statusBody{Code: t.Status, CreatedAt: stamp(t.At)}}
	switch t.Status {
	case Recording:
		start := t.At.Unix()
		s.StartTime = &start
	case MeetingError:
		code := cmp.Or(t.Code, EndCannotJoin)
		s.ErrorMessage, s.ErrorType = cmp.Or(t.Message, code.Text()), code.pascal()
	}
	m := b.messageV1(EventStatusChange, statusDataV1{b.ID, s})
	m.At = t.At
	return m, true
}

type completeDataV1 struct {
	BotID      string          `json:"bot_id"`
	EventUUID  *string         `json:"event_uuid"`
	Transcript []UtteranceV1   `json:"transcript"`
	Speakers   []string        `json:"speakers"`
	MP4        string          `json:"mp4"`
	Audio      string          `json:"audio"`
	Event      string          `json:"event"` // once more
	Extra      json.RawMessage `json:"extra"`
}

// UtteranceV1 is a part of a transcript as v1 tells it; times are seconds from
// the start of the recording.
type UtteranceV1 struct {
	Speaker string   `json:"speaker"`
	Lang    string   `json:"-"`
	Offset  float64  `json:"offset"`
	Start   float64  `json:"start_time"`
	End     float64  `json:"end_time"`
	Words   []WordV1 `json:"words"`
}

// WordV1 is a word of an utterance.
type WordV1 struct {
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	Word  string  `json:"word"`
}

type failedDataV1 struct {
	BotID     string          `json:"bot_id"`
	EventUUID *string         `json:"event_uuid"`
	Error     string          `json:"error"`
	Message   string          `json:"message"`
	Extra     json.RawMessage `json:"extra"`
}

// finalV1 returns the message that tells of the end of a bot of v1, with fresh
// URLs. Files that are not there are "".
func (s *Service) finalV1(ctx context.Context, d Details, said []UtteranceV1) (m Message, err error) {
	extra := d.Extra
	if len(extra) == 0 {
		extra = json.RawMessage("null")
	}
	if d.Status == Failed {
		m = d.messageV1(EventV1Failed, failedDataV1{
			BotID: d.ID, EventUUID: d.event(), Error: d.EndCode.errorV1(), Message: d.EndCode.pascal() + ": " + d.EndMessage, Extra: extra,
		})
		m.At = s.Clock.Now()
		return m, nil
	}
	urls, err := s.URLsV1(ctx, d.Artifacts)
	if err != nil {
		return m, err
	}
	if said == nil {
		said = []UtteranceV1{}
	}
	m = d.messageV1(EventV1Complete, completeDataV1{
		BotID: d.ID, EventUUID: d.event(), Transcript: said, Speakers: distinct(names(d.Speakers)),
		MP4: urls[KindVideo], Audio: urls[KindAudio], Event: EventV1Complete, Extra: extra,
	})
	m.At = s.Clock.Now()
	return m, nil
}

// distinct returns each name once, in their order, and never null.
func distinct(names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// errorsV1 are the reasons for which v1 has a name that is not ours.
var errorsV1 = map[EndCode]string{
	EndCannotJoin: "meeting_not_found", EndInvalidURL: "meeting_not_found",
	EndNotAccepted: "access_denied", EndLoginRequired: "authentication_error",
	EndInternalError: "internal_error", EndGeneralError: "internal_error", EndUnknown: "internal_error", EndOOMKilled: "internal_error",
	EndSIGTERM: "internal_error", EndForceKilled: "internal_error", EndDiskFull: "internal_error",
}

// errorV1 is the code as v1 tells it in error.
func (c EndCode) errorV1() string {
	c = cmp.Or(c, EndUnknown)
	if e, ok := errorsV1[c]; ok {
		return e
	}
	return strings.ToLower(string(c))
}

// pascal is the code as v1 bots say it: BotNotAccepted (C65).
func (c EndCode) pascal() string {
	var out strings.Builder
	for word := range strings.SplitSeq(string(cmp.Or(c, EndUnknown)), "_") {
		if word != "" {
			out.WriteString(word[:1] + strings.ToLower(word[1:]))
		}
	}
	return out.String()
}

// transcribedV1 tells of the end of a transcription that was asked for after the
// recording.
type transcribedV1 struct {
	BotID string `json:"bot_id"`
}
