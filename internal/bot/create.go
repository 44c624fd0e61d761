package bot

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"steno/internal/fail"
	"steno/internal/meeting"
)

// Request asks for a bot. Pointers that are nil take the contract's default.
type Request struct {
	Name          string
	MeetingURL    string
	Images        []string
	ImageConfig   json.RawMessage
	AllowMultiple *bool
	Mode          RecordingMode
	EntryMessage  string
	Timeouts      TimeoutRequest
	Zoom          *Zoom
	ZoomOBFToken  string
	Extra         json.RawMessage

	StreamingEnabled     bool
	Streaming            *Streaming
	TranscriptionEnabled bool
	Transcription        *TranscriptionRequest
	LiveTranscript       *LiveTranscriptRequest `json:",omitempty"`
	CallbackEnabled      bool
	Callback             *CallbackRequest

	// DedupKey sets the bot apart from others in the same meeting: only bots with
	// the same key count where AllowMultiple is false.
	DedupKey string `json:",omitempty"`
	V1       *V1    `json:",omitempty"`
}

// V1 is what only the API v1 asks for and shows. Nil: the bot was not asked for
// there.
type V1 struct {
	// WebhookURL hears of the bot in place of the team's own address of v1.
	WebhookURL string `json:"webhook_url,omitempty"`
	// Provider is the caller's word for the service that transcribes.
	Provider string `json:"provider,omitempty"`
	ZoomSDK  string `json:"zoom_sdk,omitempty"` // id of an app of Zoom
	// ZoomSDKPwd and WebhookKey, the API key that WebhookURL is called with, go
	// into Secrets.
	ZoomSDKPwd string `json:"zoom_sdk_pwd,omitempty"`
	WebhookKey string `json:"webhook_key,omitempty"`
}

func (r Request) surface() Surface {
	if r.V1 != nil {
		return SurfaceV1
	}
	return SurfaceV2
}

// TimeoutRequest holds timeouts in seconds (digest 2.1).
type TimeoutRequest struct{ WaitingRoom, NoOneJoined, Silence, Grace *int }

// TranscriptionRequest asks for a transcript.
type TranscriptionRequest struct {
	Provider string
	APIKey   string
	Custom   json.RawMessage
}

// CallbackRequest asks for a call when the bot has ended.
type CallbackRequest struct {
	URL, Secret, Method string
	Objects             bool
}

// CodeValidation is the code of a request that breaks a rule.
const CodeValidation = "FST_ERR_VALIDATION"

// Issue is one broken rule: a JSON pointer to the field, the rule, and what
// was there.
type Issue struct {
	Pointer string `json:"pointer"`
	Rule    string `json:"rule"`
	Value   any    `json:"value,omitempty"`
}

// What an error shows is bounded: whoever sends a megabyte of mistakes does not
// get megabytes back.
const (
	maxIssues = 20
	maxShown  = 200 // bytes of a pointer, a rule, a value
)

// Invalid makes the error of broken rules. Its Details are the issues as JSON,
// the first twenty.
func Invalid(issues ...Issue) error {
	shown := make([]Issue, 0, min(len(issues), maxIssues))
	for _, i := range issues[:min(len(issues), maxIssues)] {
		i.Pointer, i.Rule = cut(i.Pointer), cut(i.Rule)
		if text, ok := i.Value.(string); ok {
			i.Value = cut(text)
		}
		shown = append(shown, i)
	}
	e := fail.New(fail.Invalid, CodeValidation, "%s: %s", shown[0].Pointer, shown[0].Rule)
	if len(issues) > 1 {
		e.Message += fmt.Sprintf(" (and %d more)", len(issues)-1)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(shown); err == nil { // a value that cannot be shown leaves Details empty
		e.Details = string(bytes.TrimSpace(b.Bytes()))
	}
	return e
}

func cut(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "…"
}

const (
	maxName  = 255
	maxEntry = 500 // digest 2.1
	maxExtra = 64 << 10
	maxDedup = 1024 // bytes
)

// check applies the rules that a schema cannot express, and those of callers
// that are not the API.
func (r Request) check(validURL func(string) error) error {
	var bad []Issue
	broke := func(pointer, rule string, value any) { bad = append(bad, Issue{pointer, rule, value}) }
	if n := utf8.RuneCountInString(r.Name); n < 1 || n > maxName {
		broke("/bot_name", fmt.Sprintf("must have 1 to %d characters", maxName), nil)
	}
	if utf8.RuneCountInString(r.EntryMessage) > maxEntry {
		broke("/entry_message", fmt.Sprintf("must have at most %d characters", maxEntry), nil)
	}
	if len(r.Extra) > maxExtra {
		broke("/extra", fmt.Sprintf("must have at most %d bytes as JSON", maxExtra), nil)
	}
	if len(r.DedupKey) > maxDedup {
		broke("/deduplication_key", fmt.Sprintf("must have at most %d bytes", maxDedup), nil)
	}
	switch r.Mode {
	case "", SpeakerView, GalleryView, AudioOnly:
	default:
		broke("/recording_mode", "must be audio_only, speaker_view or gallery_view", string(r.Mode))
	}
	for _, t := range r.Timeouts.fields() {
		if t.value != nil && (*t.value < t.low || *t.value > t.high) {
			broke("/timeout_config/"+t.name, fmt.Sprintf("must be %d to %d seconds", t.low, t.high), *t.value)
		}
	}
	bad = append(bad, r.checkURLs(validURL)...)
	if r.CallbackEnabled {
		bad = append(bad, r.Callback.check("/callback_config", validURL)...)
	}
	if len(bad) > 0 {
		return Invalid(bad...)
	}
	return nil
}

type timeoutField struct {
	name      string
	value     *int
	low, high int
	set       func(*Timeouts, time.Duration)
}

func (t TimeoutRequest) fields() []timeoutField {
	return []timeoutField{
		{"waiting_room_timeout", t.WaitingRoom, 120, 1800, func(o *Timeouts, d time.Duration) { o.WaitingRoom = d }},
		{"no_one_joined_timeout", t.NoOneJoined, 120, 1800, func(o *Timeouts, d time.Duration) { o.NoOneJoined = d }},
		{"silence_timeout", t.Silence, 300, 1800, func(o *Timeouts, d time.Duration) { o.Silence = d }},
		{"grace_period", t.Grace, 0, 600, func(o *Timeouts, d time.Duration) { o.Grace = d }},
	}
}

// config returns what the request asks for, defaults filled in.
func (r Request) config() (Config, Secrets) {
	c := Config{
		Images: r.Images, ImageConfig: r.ImageConfig, AllowMultiple: r.AllowMultiple == nil || *r.AllowMultiple,
		EntryMessage: r.EntryMessage, Timeouts: DefaultTimeouts(), Zoom: r.Zoom, DedupKey: r.DedupKey,
	}
	s := Secrets{ZoomOBF: r.ZoomOBFToken}
	if r.V1 != nil {
		own := *r.V1
		own.ZoomSDKPwd, s.ZoomSDK = "", own.ZoomSDKPwd
		if own.WebhookURL != "" {
			s.WebhookKey = own.WebhookKey
		}
		own.WebhookKey = ""
		c.V1 = &own
	}
	for _, t := range r.Timeouts.fields() {
		if t.value != nil {
			t.set(&c.Timeouts, time.Duration(*t.value)*time.Second)
		}
	}
	if r.StreamingEnabled {
		c.Streaming = &Streaming{}
		if r.Streaming != nil {
			*c.Streaming = *r.Streaming
		}
		if c.Streaming.Frequency == 0 {
			c.Streaming.Frequency = 24000
		}
	}
	if r.TranscriptionEnabled {
		c.Transcription = &Transcription{}
		if t := r.Transcription; t != nil {
			c.Transcription.Provider, c.Transcription.OwnKey, c.Transcription.Custom = t.Provider, t.APIKey != "", t.Custom
			s.Transcription = t.APIKey
		}
	}
	if l := r.LiveTranscript; l != nil {
		c.LiveTranscript = &LiveTranscript{Provider: cmp.Or(l.Provider, LiveCaptions), Webhook: l.Webhook, Partial: l.Partial, OwnKey: l.APIKey != ""}
		s.Live = l.APIKey
	}
	if r.CallbackEnabled && r.Callback != nil {
		callback := r.Callback.callback()
		c.Callback = &callback
		s.Callback = r.Callback.Secret
	}
	return c, s
}

// bot returns the new bot of the request, without id, team and times.
func (r Request) bot(m meeting.Meeting) Bot {
	b := Bot{Surface: r.surface(), Name: r.Name, MeetingURL: r.MeetingURL, MeetingKey: m.Key, Platform: m.Platform, Mode: r.Mode, Status: Queued, Extra: r.Extra}
	if b.Mode == "" {
		b.Mode = SpeakerView
	}
	if string(bytes.TrimSpace(b.Extra)) == "null" {
		b.Extra = nil
	}
	return b
}
