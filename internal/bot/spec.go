package bot

import (
	"encoding/json"
	"net/netip"
	"time"

	"steno/internal/meeting"
)

// RecordingMode is what a bot records.
type RecordingMode string

// The recording modes.
const (
	SpeakerView RecordingMode = "speaker_view"
	GalleryView RecordingMode = "gallery_view"
	AudioOnly   RecordingMode = "audio_only"
)

// Timeouts are the rules of leaving. Zero durations are never valid; the
// defaults are 600 s (digest 2.1).
type Timeouts struct {
	WaitingRoom time.Duration `json:"waiting_room"`
	NoOneJoined time.Duration `json:"no_one_joined"`
	Silence     time.Duration `json:"silence"`
	// Grace is the time after joining in which no other rule fires.
	Grace time.Duration `json:"grace"`
	// EveryoneLeft: how long the bot stays when all others have gone.
	EveryoneLeft time.Duration `json:"everyone_left"`
	// MaxRecording bounds a recording.
	MaxRecording time.Duration `json:"max_recording"`
}

// DefaultTimeouts returns the contract's defaults, and ours where the contract
// has none.
func DefaultTimeouts() Timeouts {
	return Timeouts{
		WaitingRoom: 600 * time.Second, NoOneJoined: 600 * time.Second, Silence: 600 * time.Second,
		EveryoneLeft: 60 * time.Second, MaxRecording: 4 * time.Hour,
	}
}

// Engine names the way in which a bot captures a meeting.
type Engine string

// The engines: encoded frames of each track, or a picture of the whole page.
const (
	TrackEngine  Engine = "tracks"
	ScreenEngine Engine = "screen"
)

// Spec is all that a bot process is given, as spec.json in its folder. It
// holds no secret but those of its own meeting.
type Spec struct {
	BotID        string           `json:"bot_id"`
	Name         string           `json:"name"`
	Platform     meeting.Platform `json:"platform"`
	URL          string           `json:"url"`
	Mode         RecordingMode    `json:"mode"`
	Engine       Engine           `json:"engine,omitempty"` // empty: that of the platform's pack, else tracks
	EntryMessage string           `json:"entry_message,omitempty"`
	Timeouts     Timeouts         `json:"timeouts"`
	// JoinAt is when the bot is to join; until then it makes itself ready. Zero:
	// at once.
	JoinAt time.Time `json:"join_at,omitzero"`
	// Screenshots is the time between two screenshots of the page; 0: none.
	Screenshots time.Duration `json:"screenshots,omitempty"`
	// Pack is the text of the operator's pack of the platform; empty: the one
	// that is built in.
	Pack string `json:"pack,omitempty"`
	// Account is the signed-in account that the bot joins as, by its name in
	// meetings, and Profile the folder of its browser profile. Empty: as a guest.
	Account string `json:"account,omitempty"`
	Profile string `json:"profile,omitempty"`
	// Browser and FFmpeg are paths of programs; empty means: look for them.
	Browser string `json:"browser,omitempty"`
	FFmpeg  string `json:"ffmpeg,omitempty"`
	// InsecureTLS accepts any certificate of the meeting's host. Only for
	// self-hosted platforms whose operator asked for it.
	InsecureTLS bool  `json:"insecure_tls,omitempty"`
	Reach       Reach `json:"reach,omitzero"`
	// Captions has the platform's own captions switched on and kept.
	Captions bool `json:"captions,omitempty"`
	// LiveTranscript is who tells what is said while it is said; nil: nobody.
	LiveTranscript *LiveTranscript `json:"live_transcript,omitempty"`
	// Streaming is where live audio goes and comes from; nil: nowhere.
	Streaming *Streaming `json:"streaming,omitempty"`
	// Camera is what the bot shows as its camera; nil: nothing, it stays off.
	Camera *Camera `json:"camera,omitempty"`
	// StreamVersion is the version of the protocol that its handshake names.
	StreamVersion int `json:"stream_version,omitempty"`
}

// Camera is what a bot shows as its camera.
type Camera struct {
	Images []string `json:"images"` // URLs of JPEG, PNG or WebP, in their order
	// ByStatus shows the first when the bot comes, the second while it records
	// and the third while it is paused (digest 2.1); else each has its turn.
	ByStatus bool          `json:"by_status,omitempty"`
	Turn     time.Duration `json:"turn,omitempty"`
}

// camera reads what was asked for; nil if there are no pictures.
func (c Config) camera() *Camera {
	if len(c.Images) == 0 {
		return nil
	}
	var asked struct {
		Loop    string `json:"loop_mode"`
		Seconds int    `json:"image_duration"`
	}
	if len(c.ImageConfig) > 0 {
		_ = json.Unmarshal(c.ImageConfig, &asked) // written by a door
	}
	if asked.Seconds == 0 {
		asked.Seconds = 30
	}
	return &Camera{Images: c.Images, ByStatus: asked.Loop == "bot_status", Turn: time.Duration(asked.Seconds) * time.Second}
}

// Reach is what a bot's browser may reach beside public addresses.
type Reach struct {
	// Hosts are the operator's own meeting servers, as host or host:port.
	Hosts []string `json:"hosts,omitempty"`
	// Networks are the private ones that the operator allowed.
	Networks []netip.Prefix `json:"networks,omitempty"`
}
