package v1

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
)

// KeyInput is the API key of a request, which goes with what is told to a bot's
// own address.
type KeyInput struct{ key string }

// Resolve takes the key of the header that the caller used.
func (in *KeyInput) Resolve(ctx huma.Context) []error {
	in.key = keyOf(ctx)
	return nil
}

// with gives a request the key that its address is called with.
func (in *KeyInput) with(r bot.Request) bot.Request {
	if r.V1 == nil {
		return r
	}
	own := *r.V1
	if own.WebhookKey = in.key; own.WebhookURL == "" {
		own.WebhookKey = ""
	}
	r.V1 = &own
	return r
}

type joinInput struct {
	KeyInput
	Body joinBody
}

type joinBody struct {
	_                      struct{}             `additionalProperties:"false"`
	BotName                string               `json:"bot_name" minLength:"1" maxLength:"255" doc:"The name that the bot shows in the meeting."`
	MeetingURL             string               `json:"meeting_url" doc:"URL of the meeting."`
	StartTime              opt[int64]           `json:"start_time,omitempty" required:"false" doc:"Unix time in seconds at which the bot joins. Past or absent: at once."`
	Reserved               bool                 `json:"reserved,omitempty" required:"false" doc:"Without effect."`
	AutomaticLeave         opt[automaticLeave]  `json:"automatic_leave,omitempty" required:"false"`
	BotImage               opt[string]          `json:"bot_image,omitempty" required:"false" doc:"URL of a JPEG, PNG or WebP."`
	DeduplicationKey       opt[string]          `json:"deduplication_key,omitempty" required:"false" doc:"A bot is refused when another one with the same key was sent to the same meeting less than 5 minutes ago."`
	EntryMessage           opt[string]          `json:"entry_message,omitempty" required:"false" doc:"Posted in the chat when the bot has joined."`
	Extra                  opt[json.RawMessage] `json:"extra,omitempty" required:"false" doc:"A JSON object of your own, echoed in webhooks and details."`
	RecordingMode          opt[recordingMode]   `json:"recording_mode,omitempty" required:"false" doc:"Default: speaker_view."`
	SpeechToText           opt[speechToText]    `json:"speech_to_text,omitempty" required:"false" doc:"A provider, or an object with provider and api_key. Default: no transcript."`
	Streaming              opt[streaming]       `json:"streaming,omitempty" required:"false"`
	TranscriptionParameter opt[json.RawMessage] `json:"transcription_custom_parameters,omitempty" required:"false" doc:"Options of the provider."`
	WebhookURL             opt[string]          `json:"webhook_url,omitempty" required:"false" doc:"Hears of this bot in place of the account's own address."`
	ZoomAccessTokenURL     opt[string]          `json:"zoom_access_token_url,omitempty" required:"false"`
	ZoomOBFToken           opt[string]          `json:"zoom_obf_token,omitempty" required:"false"`
	ZoomOBFTokenURL        opt[string]          `json:"zoom_obf_token_url,omitempty" required:"false"`
	ZoomOBFTokenUserID     opt[string]          `json:"zoom_obf_token_user_id,omitempty" required:"false"`
	ZoomSDKID              opt[string]          `json:"zoom_sdk_id,omitempty" required:"false"`
	ZoomSDKPwd             opt[string]          `json:"zoom_sdk_pwd,omitempty" required:"false"`
}

type automaticLeave struct {
	WaitingRoomTimeout opt[int] `json:"waiting_room_timeout,omitempty" required:"false" doc:"Seconds in the waiting room, 120 to 1800. Default: 600."`
	NooneJoinedTimeout opt[int] `json:"noone_joined_timeout,omitempty" required:"false" doc:"Seconds alone after joining, 120 to 1800. Default: 600."`
	SilenceTimeout     opt[int] `json:"silence_timeout,omitempty" required:"false" doc:"Seconds without audio, 300 to 1800. Default: 600."`
}

type streaming struct {
	Input          opt[string]    `json:"input,omitempty" required:"false" doc:"WebSocket from which the bot speaks."`
	Output         opt[string]    `json:"output,omitempty" required:"false" doc:"WebSocket to which the meeting's audio goes."`
	AudioFrequency opt[frequency] `json:"audio_frequency,omitempty" required:"false" doc:"Default: 24khz."`
}

// settings are those of bots of events, which have other names here and there.
func (b joinBody) settings() BotSettings {
	leave, st := b.AutomaticLeave.or(), b.Streaming.or()
	return BotSettings{
		BotImage: b.BotImage, DeduplicationKey: b.DeduplicationKey, EnterMessage: b.EntryMessage, Extra: b.Extra,
		NooneJoinedTimeout: leave.NooneJoinedTimeout, SilenceTimeout: leave.SilenceTimeout, WaitingRoomTimeout: leave.WaitingRoomTimeout,
		RecordingMode: b.RecordingMode, SpeechToText: b.SpeechToText,
		StreamingInput: st.Input, StreamingOutput: st.Output, StreamingFrequency: st.AudioFrequency,
		TranscriptionParameter: b.TranscriptionParameter, WebhookURL: b.WebhookURL,
		ZoomAccessTokenURL: b.ZoomAccessTokenURL, ZoomOBFToken: b.ZoomOBFToken, ZoomOBFTokenURL: b.ZoomOBFTokenURL,
		ZoomOBFTokenUserID: b.ZoomOBFTokenUserID, ZoomSDKID: b.ZoomSDKID, ZoomSDKPwd: b.ZoomSDKPwd,
	}
}

// joinFields are the names of what the room of bots checks in a request to join.
var joinFields = strings.NewReplacer(
	"/timeout_config/waiting_room_timeout", "/automatic_leave/waiting_room_timeout", "/timeout_config/no_one_joined_timeout", "/automatic_leave/noone_joined_timeout",
	"/timeout_config/silence_timeout", "/automatic_leave/silence_timeout", "/enter_message", "/entry_message",
	"/streaming_config/input_url", "/streaming/input", "/streaming_config/output_url", "/streaming/output", "/join_at", "/start_time",
	"/zoom_config/zak_token_url", "/zoom_access_token_url", "/zoom_config/obf_token_url", "/zoom_obf_token_url",
	"/zoom_config/credential_user_id", "/zoom_obf_token_user_id",
)

type joinOutput struct {
	Body struct {
		BotID string `json:"bot_id" format:"uuid"`
	}
}

func (s *Surface) join(ctx context.Context, c account.Caller, in *joinInput) (out *joinOutput, err error) {
	out = &joinOutput{}
	out.Body.BotID, err = s.send(ctx, c.TeamID, in)
	return out, renamed(err, joinFields)
}

func (s *Surface) send(ctx context.Context, team string, in *joinInput) (string, error) {
	b := in.Body
	if err := door.Plain(map[string]string{"/bot_name": b.BotName, "/meeting_url": b.MeetingURL}); err != nil {
		return "", err
	}
	r, err := b.settings().request(b.BotName)
	if err != nil {
		return "", err
	}
	r.MeetingURL = b.MeetingURL
	r = in.with(r)
	if at := b.StartTime.or(); at > s.Clock.Now().Unix() {
		return s.Bots.Schedule(ctx, team, r, time.Unix(at, 0).UTC())
	}
	return s.Bots.Create(ctx, team, r)
}
