package v1

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/api/door"
	"steno/internal/bot"
)

// BotSettings are what a bot may be asked for beyond its name (digest 3.1), in
// the words of v1. Each is absent, null or a value.
type BotSettings struct {
	BotImage               opt[string]          `json:"bot_image,omitempty" required:"false" doc:"URL of a JPEG, PNG or WebP."`
	DeduplicationKey       opt[string]          `json:"deduplication_key,omitempty" required:"false" doc:"A bot is refused when another one with the same key was sent to the same meeting less than 5 minutes ago."`
	EnterMessage           opt[string]          `json:"enter_message,omitempty" required:"false" doc:"Posted in the chat when the bot has joined."`
	Extra                  opt[json.RawMessage] `json:"extra,omitempty" required:"false" doc:"A JSON object of your own, echoed in webhooks and details."`
	NooneJoinedTimeout     opt[int]             `json:"noone_joined_timeout,omitempty" required:"false" doc:"Seconds alone after joining, 120 to 1800. Default: 600."`
	SilenceTimeout         opt[int]             `json:"silence_timeout,omitempty" required:"false" doc:"Seconds without audio, 300 to 1800. Default: 600."`
	WaitingRoomTimeout     opt[int]             `json:"waiting_room_timeout,omitempty" required:"false" doc:"Seconds in the waiting room, 120 to 1800. Default: 600."`
	RecordingMode          opt[recordingMode]   `json:"recording_mode,omitempty" required:"false" doc:"Default: speaker_view."`
	SpeechToText           opt[speechToText]    `json:"speech_to_text,omitempty" required:"false" doc:"A provider, or an object with provider and api_key. Default: no transcript."`
	StreamingInput         opt[string]          `json:"streaming_input,omitempty" required:"false" doc:"WebSocket from which the bot speaks."`
	StreamingOutput        opt[string]          `json:"streaming_output,omitempty" required:"false" doc:"WebSocket to which the meeting's audio goes."`
	StreamingFrequency     opt[frequency]       `json:"streaming_audio_frequency,omitempty" required:"false" doc:"Default: 24khz."`
	TranscriptionParameter opt[json.RawMessage] `json:"transcription_custom_parameters,omitempty" required:"false" doc:"Options of the provider."`
	WebhookURL             opt[string]          `json:"webhook_url,omitempty" required:"false" doc:"Hears of this bot in place of the account's own address."`
	ZoomAccessTokenURL     opt[string]          `json:"zoom_access_token_url,omitempty" required:"false"`
	ZoomOBFToken           opt[string]          `json:"zoom_obf_token,omitempty" required:"false"`
	ZoomOBFTokenURL        opt[string]          `json:"zoom_obf_token_url,omitempty" required:"false"`
	ZoomOBFTokenUserID     opt[string]          `json:"zoom_obf_token_user_id,omitempty" required:"false"`
	ZoomSDKID              opt[string]          `json:"zoom_sdk_id,omitempty" required:"false"`
	ZoomSDKPwd             opt[string]          `json:"zoom_sdk_pwd,omitempty" required:"false"`
}

type recordingMode string

// Schema lists the modes.
func (recordingMode) Schema(huma.Registry) *huma.Schema {
	return oneOf(string(bot.SpeakerView), string(bot.GalleryView), string(bot.AudioOnly))
}

type frequency string

// hertz are the frequencies.
var hertz = map[frequency]int{"16khz": 16000, "24khz": 24000}

// Schema lists the frequencies.
func (frequency) Schema(huma.Registry) *huma.Schema { return oneOf("16khz", "24khz") }

// speechToText is the name of a provider, or an object with a key of the
// caller's own.
type speechToText struct {
	Provider string
	APIKey   string
}

var providers = oneOf("Gladia", "Runpod", "Default")

// services are the providers by the names that the room of bots has for them;
// the others stand for any.
var services = map[string]string{"Gladia": "gladia"}

// Schema describes both forms.
func (speechToText) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{providers, {
		Type: huma.TypeObject, Required: []string{"provider"}, AdditionalProperties: true,
		Properties: map[string]*huma.Schema{"provider": providers, "api_key": {Type: huma.TypeString}},
	}}}
}

// UnmarshalJSON reads both forms.
func (s *speechToText) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &s.Provider)
	}
	var o struct {
		Provider string  `json:"provider"`
		APIKey   *string `json:"api_key"`
	}
	if err := json.Unmarshal(data, &o); err != nil {
		return err
	}
	s.Provider = o.Provider
	if o.APIKey != nil {
		s.APIKey = *o.APIKey
	}
	return nil
}

func oneOf(words ...string) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, w := range words {
		s.Enum = append(s.Enum, w)
	}
	s.PrecomputeMessages()
	return s
}

// request is that of a new bot. A second one in a meeting is unwanted in v1 unless
// its key differs (C68).
func (b BotSettings) request(name string) (bot.Request, error) {
	another := false
	return b.apply(bot.Request{Name: name, AllowMultiple: &another, V1: &bot.V1{}})
}

// apply changes a request as the settings say: what is absent stays, null clears.
func (b BotSettings) apply(r bot.Request) (bot.Request, error) {
	if err := b.plain(); err != nil {
		return r, err
	}
	if b.BotImage.Set {
		r.Images = nil
		if url := b.BotImage.or(); url != "" {
			r.Images = []string{url}
		}
	}
	put(b.DeduplicationKey, &r.DedupKey)
	put(b.EnterMessage, &r.EntryMessage)
	timeout(b.NooneJoinedTimeout, &r.Timeouts.NoOneJoined)
	timeout(b.SilenceTimeout, &r.Timeouts.Silence)
	timeout(b.WaitingRoomTimeout, &r.Timeouts.WaitingRoom)
	if b.RecordingMode.Set {
		r.Mode = bot.RecordingMode(b.RecordingMode.or())
	}
	b.own(&r)
	b.zoom(&r)
	b.streaming(&r)
	var err error
	if b.Extra.Set {
		if r.Extra, err = door.Object("/extra", b.Extra.or()); err != nil {
			return r, err
		}
	}
	return r, b.transcription(&r)
}

// plain refuses texts that PostgreSQL cannot store.
func (b BotSettings) plain() error {
	return door.Plain(map[string]string{
		"/deduplication_key": b.DeduplicationKey.or(), "/enter_message": b.EnterMessage.or(), "/webhook_url": b.WebhookURL.or(), "/bot_image": b.BotImage.or(),
		"/zoom_sdk_id": b.ZoomSDKID.or(), "/zoom_sdk_pwd": b.ZoomSDKPwd.or(), "/zoom_obf_token": b.ZoomOBFToken.or(),
		"/zoom_obf_token_user_id": b.ZoomOBFTokenUserID.or(), "/streaming_input": b.StreamingInput.or(), "/streaming_output": b.StreamingOutput.or(),
	})
}

// own are the settings that no other API has.
func (b BotSettings) own(r *bot.Request) {
	v := bot.V1{}
	if r.V1 != nil {
		v = *r.V1
	}
	put(b.WebhookURL, &v.WebhookURL)
	put(b.ZoomSDKID, &v.ZoomSDK)
	put(b.ZoomSDKPwd, &v.ZoomSDKPwd)
	if b.SpeechToText.Set {
		v.Provider = b.SpeechToText.or().Provider
	}
	if r.V1 != nil || v != (bot.V1{}) {
		r.V1 = &v
	}
}

func timeout(o opt[int], to **int) {
	if o.Set {
		*to = o.Value
	}
}

// zoom names the credential of a Zoom user, which other APIs name by its id.
func (b BotSettings) zoom(r *bot.Request) {
	put(b.ZoomOBFToken, &r.ZoomOBFToken)
	z := bot.Zoom{}
	if r.Zoom != nil {
		z = *r.Zoom
	}
	put(b.ZoomAccessTokenURL, &z.ZAKTokenURL) // C29
	put(b.ZoomOBFTokenURL, &z.OBFTokenURL)
	put(b.ZoomOBFTokenUserID, &z.CredentialUserID)
	if r.Zoom = &z; z == (bot.Zoom{}) {
		r.Zoom = nil
	}
}

// streaming is on when there is a socket.
func (b BotSettings) streaming(r *bot.Request) {
	st := bot.Streaming{}
	if r.Streaming != nil {
		st = *r.Streaming
	}
	put(b.StreamingInput, &st.InputURL)
	put(b.StreamingOutput, &st.OutputURL)
	if b.StreamingFrequency.Set {
		st.Frequency = hertz[b.StreamingFrequency.or()]
	}
	r.StreamingEnabled = st.InputURL != "" || st.OutputURL != ""
	if r.Streaming = &st; st == (bot.Streaming{}) {
		r.Streaming = nil
	}
}

// transcription is on when a provider was named. The providers of v1 that Steno
// does not have stand for the one that it has.
func (b BotSettings) transcription(r *bot.Request) (err error) {
	t := bot.TranscriptionRequest{}
	if r.Transcription != nil {
		t = *r.Transcription
	}
	if b.SpeechToText.Set {
		s := b.SpeechToText.or()
		t.Provider, t.APIKey, r.TranscriptionEnabled = services[s.Provider], s.APIKey, s.Provider != ""
	}
	if b.TranscriptionParameter.Set {
		if t.Custom, err = door.Object("/transcription_custom_parameters", b.TranscriptionParameter.or()); err != nil {
			return err
		}
	}
	if r.Transcription = &t; t.Provider == "" && t.APIKey == "" && string(orNull(t.Custom)) == "null" {
		r.Transcription = nil
	}
	return nil
}

// fields are this surface's names of what the room of bots checks.
var fields = strings.NewReplacer(
	"/timeout_config/waiting_room_timeout", "/waiting_room_timeout", "/timeout_config/no_one_joined_timeout", "/noone_joined_timeout",
	"/timeout_config/silence_timeout", "/silence_timeout", "/entry_message", "/enter_message",
	"/streaming_config/input_url", "/streaming_input", "/streaming_config/output_url", "/streaming_output",
	"/zoom_config/zak_token_url", "/zoom_access_token_url", "/zoom_config/obf_token_url", "/zoom_obf_token_url",
	"/zoom_config/credential_user_id", "/zoom_obf_token_user_id",
)

func (s *Surface) check(r bot.Request) error { return renamed(s.Bots.Check(r), fields) }

// checkZoom refuses a Zoom user whom the team has no credential of.
func (s *Surface) checkZoom(ctx context.Context, team string, b BotSettings) error {
	var r bot.Request
	b.zoom(&r)
	return renamed(s.Bots.CheckZoom(ctx, team, r.Zoom), fields)
}

// settings are a request as the room of calendars keeps it.
func (s *Surface) settings(ctx context.Context, team string, r bot.Request) ([]byte, error) {
	if err := s.check(r); err != nil {
		return nil, err
	}
	if err := s.Bots.CheckZoom(ctx, team, r.Zoom); err != nil {
		return nil, renamed(err, fields)
	}
	return json.Marshal(r)
}

// BotParam is what a bot was asked for. What is secret goes in and never comes
// out: those members are null.
type BotParam struct {
	BotName                string          `json:"bot_name"`
	BotImage               *string         `json:"bot_image"`
	DeduplicationKey       *string         `json:"deduplication_key"`
	EnterMessage           *string         `json:"enter_message"`
	Extra                  json.RawMessage `json:"extra"`
	NooneJoinedTimeout     *int            `json:"noone_joined_timeout"`
	WaitingRoomTimeout     *int            `json:"waiting_room_timeout"`
	RecordingMode          *string         `json:"recording_mode"`
	SpeechToTextProvider   *string         `json:"speech_to_text_provider"`
	SpeechToTextAPIKey     *string         `json:"speech_to_text_api_key" doc:"Always null."`
	StreamingInput         *string         `json:"streaming_input"`
	StreamingOutput        *string         `json:"streaming_output"`
	StreamingFrequency     *string         `json:"streaming_audio_frequency"`
	TranscriptionParameter json.RawMessage `json:"transcription_custom_parameters"`
	WebhookURL             string          `json:"webhook_url" doc:"Empty: the account's own address."`
	ZoomAccessTokenURL     *string         `json:"zoom_access_token_url"`
	ZoomOBFToken           *string         `json:"zoom_obf_token" doc:"Always null."`
	ZoomOBFTokenURL        *string         `json:"zoom_obf_token_url"`
	ZoomOBFTokenUserID     *string         `json:"zoom_obf_token_user_id"`
	ZoomSDKID              *string         `json:"zoom_sdk_id"`
	ZoomSDKPwd             *string         `json:"zoom_sdk_pwd" doc:"Always null."`
}

// paramOf shows a request in the words of v1, whichever API it came from.
func paramOf(r bot.Request) BotParam {
	p := BotParam{
		BotName: r.Name, DeduplicationKey: text(r.DedupKey), EnterMessage: text(r.EntryMessage), Extra: orNull(r.Extra),
		NooneJoinedTimeout: r.Timeouts.NoOneJoined, WaitingRoomTimeout: r.Timeouts.WaitingRoom, RecordingMode: text(string(r.Mode)),
		TranscriptionParameter: orNull(nil),
	}
	if len(r.Images) > 0 {
		p.BotImage = &r.Images[0]
	}
	if r.TranscriptionEnabled {
		p.SpeechToTextProvider = text("Gladia")
	}
	if v := r.V1; v != nil {
		p.WebhookURL, p.ZoomSDKID = v.WebhookURL, text(v.ZoomSDK)
		if v.Provider != "" {
			p.SpeechToTextProvider = &v.Provider
		}
	}
	if t := r.Transcription; t != nil {
		p.TranscriptionParameter = orNull(t.Custom)
	}
	if st := r.Streaming; st != nil {
		p.StreamingInput, p.StreamingOutput = text(st.InputURL), text(st.OutputURL)
		for word, n := range hertz {
			if n == st.Frequency {
				p.StreamingFrequency = text(string(word))
			}
		}
	}
	if z := r.Zoom; z != nil {
		p.ZoomAccessTokenURL, p.ZoomOBFTokenURL, p.ZoomOBFTokenUserID = text(z.ZAKTokenURL), text(z.OBFTokenURL), text(z.CredentialUserID)
	}
	return p
}

func orNull(j json.RawMessage) json.RawMessage {
	if len(j) == 0 {
		return json.RawMessage("null")
	}
	return j
}
