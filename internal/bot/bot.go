package bot

import (
	"encoding/json"
	"time"

	"steno/internal/meeting"
)

// Bot is what is known of a bot, without the parts that lists do not show.
type Bot struct {
	ID               string
	TeamID           string
	Name             string
	MeetingURL       string // as the caller wrote it
	MeetingKey       string // the meeting, however its URL is written
	Platform         meeting.Platform
	Mode             RecordingMode
	Status           Status
	CreatedAt        time.Time
	UpdatedAt        time.Time // of the status
	JoinedAt         *time.Time
	ExitedAt         *time.Time
	EndedAt          *time.Time
	Duration         *time.Duration // of the recording; nil until known
	EndCode          EndCode        // empty while it lives
	EndMessage       string
	Extra            json.RawMessage // an object, or nil
	ArtifactsDeleted bool
	LeaveRequestedAt *time.Time
	LaunchedAt       *time.Time
	Host             string // the host that runs it
	EventID          string // the calendar event that it was sent for; empty: none
	Surface          Surface
}

// Surface is the API that a bot was made with; it is told of in its words.
type Surface string

// The surfaces.
const (
	SurfaceV1 Surface = "v1"
	SurfaceV2 Surface = "v2"
)

// ErrorCode returns what the API shows as error_code: empty for a bot that
// lives or that ended normally.
func (b Bot) ErrorCode() EndCode {
	if b.Status != Failed {
		return ""
	}
	return b.EndCode
}

// Config is what the caller asked of a bot beyond its name and meeting. It
// holds no secret: those are in Secrets.
type Config struct {
	Images         []string        `json:"images,omitempty"`
	ImageConfig    json.RawMessage `json:"image_config,omitempty"`
	AllowMultiple  bool            `json:"allow_multiple"`
	EntryMessage   string          `json:"entry_message,omitempty"`
	Timeouts       Timeouts        `json:"timeouts"`
	Zoom           *Zoom           `json:"zoom,omitempty"`
	Streaming      *Streaming      `json:"streaming,omitempty"`       // nil: off
	Transcription  *Transcription  `json:"transcription,omitempty"`   // nil: off
	LiveTranscript *LiveTranscript `json:"live_transcript,omitempty"` // nil: off
	Callback       *Callback       `json:"callback,omitempty"`        // nil: off
	JoinAt         time.Time       `json:"join_at,omitzero"`          // zero: at once
	DedupKey       string          `json:"dedup_key,omitempty"`       // see Request
	V1             *V1             `json:"v1,omitempty"`              // nil: not of the API v1
}

// Zoom says how to enter a Zoom meeting.
type Zoom struct {
	CredentialID     string `json:"credential_id,omitempty"`
	CredentialUserID string `json:"credential_user_id,omitempty"`
	OBFTokenURL      string `json:"obf_token_url,omitempty"`
	ZAKTokenURL      string `json:"zak_token_url,omitempty"`
}

// Streaming says where live audio goes and comes from.
type Streaming struct {
	InputURL  string `json:"input_url,omitempty"`
	OutputURL string `json:"output_url,omitempty"`
	Frequency int    `json:"audio_frequency"` // Hz
}

// Transcription says which service transcribes.
type Transcription struct {
	Provider string          `json:"provider"`
	OwnKey   bool            `json:"own_key,omitempty"` // Secrets.Transcription is set
	Custom   json.RawMessage `json:"custom_params,omitempty"`
}

// Callback is the address that hears of the end of one bot.
type Callback struct {
	URL    string `json:"url"`
	Method string `json:"method"` // POST or PUT
	// Objects asks for participants as objects instead of names (C51).
	Objects bool `json:"objects,omitempty"`
}

// Secrets are stored sealed, one cell each, and never returned by the API.
type Secrets struct {
	Callback      string // goes into x-mb-secret
	Transcription string // the caller's own key of the transcription service
	ZoomOBF       string // Zoom's on-behalf-of token
	ZoomSDK       string // the password of V1.ZoomSDK
	WebhookKey    string // the API key that goes with what is told to V1.WebhookURL
	Live          string // the caller's own key of the service that transcribes live
}

// ownKey reports whether the caller brought a key of a transcription service.
func (s Secrets) ownKey() bool { return s.Transcription != "" || s.Live != "" }

// Details is a bot with everything that the API shows of it.
type Details struct {
	Bot
	Config      Config
	People      []Participant
	Speakers    []Participant // those of People who spoke
	Artifacts   []StoredArtifact
	Transcribed Transcribed
}

// TranscriptionProvider is who transcribed the bot's recording, or is to; nil:
// nobody.
func (d Details) TranscriptionProvider() *string {
	switch {
	case d.Transcribed.Provider != "":
		return &d.Transcribed.Provider
	case d.Config.Transcription != nil:
		return &d.Config.Transcription.Provider
	}
	return nil
}

// Tags of StoredArtifact.Kind that the API has a field for.
const (
	KindVideo            = "video"
	KindAudio            = "audio"
	KindDiarization      = "diarization"
	KindTranscription    = "transcription"
	KindRawTranscription = "raw_transcription"
	KindChat             = "chat_messages"
	KindParticipantAudio = "participant_audio" // several: one for each participant
	KindCaptions         = "captions"          // of the platform; not handed out

	KindTranscriptVTT  = "transcript_vtt"
	KindTranscriptSRT  = "transcript_srt"
	KindTranscriptText = "transcript_text"
)
