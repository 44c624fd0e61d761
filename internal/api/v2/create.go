package v2

import (
	"context"
	"encoding/json"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
)

// botConfig is the request object of digest 2.1.
type botConfig struct {
	BotSettings
	MeetingURL        string `json:"meeting_url" format:"uri" doc:"Google Meet, Zoom, Microsoft Teams, or a server that the operator configured."`
	AllowMultipleBots *bool  `json:"allow_multiple_bots,omitempty" doc:"false: refuse a second bot for the same meeting within 5 minutes. Default: true."`
}

// BotSettings are the parts of it that bots of calendar events have, too; they
// take the meeting from the event. Pointers tell what was not said from what was.
type BotSettings struct {
	BotName              string               `json:"bot_name" minLength:"1" maxLength:"255" doc:"The name that the bot shows in the meeting."`
	BotImage             images               `json:"bot_image,omitempty" required:"false" doc:"URL of a JPEG, PNG or WebP, or up to five."`
	BotImageConfig       *botImageConfig      `json:"bot_image_config,omitempty"`
	RecordingMode        string               `json:"recording_mode,omitempty" enum:"audio_only,speaker_view,gallery_view" doc:"Default: speaker_view."`
	EntryMessage         string               `json:"entry_message,omitempty" maxLength:"500" doc:"Posted in the chat when the bot has joined."`
	TimeoutConfig        *timeoutConfig       `json:"timeout_config,omitempty"`
	ZoomConfig           *zoomRequest         `json:"zoom_config,omitempty"`
	ZoomAccessTokenURL   string               `json:"zoom_access_token_url,omitempty" hidden:"true"` // old name of zoom_config.zak_token_url (C29)
	Extra                json.RawMessage      `json:"extra,omitempty" doc:"A JSON object of your own, echoed in webhooks and details."`
	StreamingEnabled     bool                 `json:"streaming_enabled,omitempty"`
	StreamingConfig      *streamingConfig     `json:"streaming_config,omitempty"`
	TranscriptionEnabled bool                 `json:"transcription_enabled,omitempty"`
	TranscriptionConfig  *transcriptionConfig `json:"transcription_config,omitempty"`
	LiveTranscript       *liveTranscript      `json:"live_transcript,omitempty"`
	CallbackEnabled      bool                 `json:"callback_enabled,omitempty"`
	CallbackConfig       *callbackConfig      `json:"callback_config,omitempty"`
}

type botImageConfig struct {
	LoopMode      string `json:"loop_mode,omitempty" enum:"auto,bot_status"`
	ImageDuration int    `json:"image_duration,omitempty" minimum:"10" maximum:"120"`
}

type timeoutConfig struct {
	WaitingRoomTimeout *int `json:"waiting_room_timeout,omitempty" minimum:"120" maximum:"1800" doc:"Seconds in the waiting room. Default: 600."`
	NoOneJoinedTimeout *int `json:"no_one_joined_timeout,omitempty" minimum:"120" maximum:"1800" doc:"Seconds alone after joining. Default: 600."`
	SilenceTimeout     *int `json:"silence_timeout,omitempty" minimum:"300" maximum:"1800" doc:"Seconds without audio. Default: 600."`
	GracePeriod        *int `json:"grace_period,omitempty" minimum:"0" maximum:"600" doc:"No timeout fires in these first seconds. Default: 0."`
}

type zoomRequest struct {
	CredentialID     string `json:"credential_id,omitempty" format:"uuid"`
	CredentialUserID string `json:"credential_user_id,omitempty"`
	OBFToken         string `json:"obf_token,omitempty"`
	OBFTokenURL      string `json:"obf_token_url,omitempty" format:"uri"`
	ZAKTokenURL      string `json:"zak_token_url,omitempty" format:"uri"`
}

type streamingConfig struct {
	InputURL       string `json:"input_url,omitempty" format:"uri"`
	OutputURL      string `json:"output_url,omitempty" format:"uri"`
	AudioFrequency int    `json:"audio_frequency,omitempty" enum:"16000,24000,32000,48000"`
}

type transcriptionConfig struct {
	Provider     string          `json:"provider,omitempty" enum:"gladia,assemblyai,deepgram,openai,captions" doc:"Who transcribes. Default: the service that the operator has chosen, for gladia too where there is no key of it. openai is any server that speaks its API, captions are those of the meeting platform."`
	APIKey       string          `json:"api_key,omitempty" doc:"Your own key of the service. It is never shown again."`
	CustomParams json.RawMessage `json:"custom_params,omitempty" doc:"Options of the service, handed through as they are."`
}

// liveTranscript is ours: what is said, while it is said.
type liveTranscript struct {
	Provider string `json:"provider,omitempty" enum:"captions,deepgram,assemblyai" doc:"Who hears: the platform's own captions, or a service. Default: captions."`
	Webhook  bool   `json:"webhook,omitempty" doc:"Also tell each utterance by the webhook bot.transcript. Default: false."`
	Partial  bool   `json:"partial,omitempty" doc:"Also tell sentences that go on, in the stream. Default: false."`
	APIKey   string `json:"api_key,omitempty" doc:"A key of your own of the service; never returned."`
}

type callbackConfig struct {
	URL          string `json:"url" format:"uri"`
	Secret       string `json:"secret,omitempty" doc:"Sent verbatim in the header x-mb-secret."`
	Method       string `json:"method,omitempty" enum:"POST,PUT" doc:"Default: POST."`
	Participants string `json:"participants,omitempty" enum:"names,objects" doc:"How people appear in the payload. Default: names."`
}

type createBotInput struct {
	Body botConfig
}

type createBotOutput struct {
	Body struct {
		Success bool       `json:"success"`
		Data    createdBot `json:"data"`
	}
}

type createdBot struct {
	BotID string `json:"bot_id" format:"uuid"`
}

func (s *Surface) createBot(ctx context.Context, c account.Caller, in *createBotInput) (*createBotOutput, error) {
	r, err := in.Body.request()
	if err != nil {
		return nil, err
	}
	id, err := s.Bots.Create(ctx, c.TeamID, r)
	if err != nil {
		return nil, err
	}
	out := &createBotOutput{}
	out.Body.Success, out.Body.Data.BotID = true, id
	return out, nil
}

// request translates the wire form.
func (b botConfig) request() (r bot.Request, err error) {
	if err := door.Plain(map[string]string{"/meeting_url": b.MeetingURL}); err != nil {
		return r, err
	}
	r, err = b.BotSettings.request()
	r.MeetingURL, r.AllowMultiple = b.MeetingURL, b.AllowMultipleBots
	return r, err
}

func (b BotSettings) request() (r bot.Request, err error) {
	if err := door.Plain(map[string]string{"/bot_name": b.BotName, "/entry_message": b.EntryMessage}); err != nil {
		return r, err
	}
	r = bot.Request{
		Name: b.BotName, Images: b.BotImage, Mode: bot.RecordingMode(b.RecordingMode),
		EntryMessage: b.EntryMessage, StreamingEnabled: b.StreamingEnabled, TranscriptionEnabled: b.TranscriptionEnabled, CallbackEnabled: b.CallbackEnabled,
	}
	if r.Extra, err = door.Object("/extra", b.Extra); err != nil {
		return r, err
	}
	if b.BotImageConfig != nil {
		if r.ImageConfig, err = json.Marshal(b.BotImageConfig); err != nil {
			return r, err
		}
	}
	if t := b.TimeoutConfig; t != nil {
		r.Timeouts = bot.TimeoutRequest{WaitingRoom: t.WaitingRoomTimeout, NoOneJoined: t.NoOneJoinedTimeout, Silence: t.SilenceTimeout, Grace: t.GracePeriod}
	}
	b.zoom(&r)
	if c := b.StreamingConfig; c != nil {
		r.Streaming = &bot.Streaming{InputURL: c.InputURL, OutputURL: c.OutputURL, Frequency: c.AudioFrequency}
	}
	if c := b.TranscriptionConfig; c != nil {
		r.Transcription = &bot.TranscriptionRequest{Provider: c.Provider, APIKey: c.APIKey}
		if r.Transcription.Custom, err = door.Object("/transcription_config/custom_params", c.CustomParams); err != nil {
			return r, err
		}
	}
	if c := b.LiveTranscript; c != nil {
		r.LiveTranscript = &bot.LiveTranscriptRequest{Provider: c.Provider, Webhook: c.Webhook, Partial: c.Partial, APIKey: c.APIKey}
	}
	if c := b.CallbackConfig; c != nil {
		r.Callback = &bot.CallbackRequest{URL: c.URL, Secret: c.Secret, Method: c.Method, Objects: c.Participants == "objects"}
	}
	return r, nil
}

func (b BotSettings) zoom(r *bot.Request) {
	z := b.ZoomConfig
	if z == nil {
		if b.ZoomAccessTokenURL == "" {
			return
		}
		z = &zoomRequest{}
	}
	r.Zoom = &bot.Zoom{CredentialID: z.CredentialID, CredentialUserID: z.CredentialUserID, OBFTokenURL: z.OBFTokenURL, ZAKTokenURL: z.ZAKTokenURL}
	if r.Zoom.ZAKTokenURL == "" {
		r.Zoom.ZAKTokenURL = b.ZoomAccessTokenURL
	}
	r.ZoomOBFToken = z.OBFToken
}
