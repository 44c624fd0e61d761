package bot

import (
	"context"
	"math"
	"slices"
	"time"

	"steno/internal/fail"
)

// EventTranscript tells of something that somebody said, while the meeting goes
// on. Only bots that were asked for it have it told.
const EventTranscript = "bot.transcript"

// CodeNoLive is the code of the error that says that a bot has no live transcript.
const CodeNoLive = "FST_ERR_LIVE_TRANSCRIPT_NOT_ENABLED"

// LiveTranscript asks for what is said while it is said.
type LiveTranscript struct {
	Provider string `json:"provider"` // one of LiveProviders
	Webhook  bool   `json:"webhook,omitempty"`
	Partial  bool   `json:"partial,omitempty"` // sentences that go on, too
	OwnKey   bool   `json:"own_key,omitempty"` // Secrets.Live is set
}

// LiveTranscriptRequest is LiveTranscript as the caller asks for it.
type LiveTranscriptRequest struct {
	Provider string // empty: LiveCaptions
	Webhook  bool
	Partial  bool
	APIKey   string
}

// LiveAccess is how a bot's process reaches the service of its live transcript.
type LiveAccess struct {
	Key string `json:"key"`
	URL string `json:"url,omitempty"` // empty: the real one
}

// Those who can tell what is said while it is said: the platform's own captions,
// and services that transcribe a stream of audio.
const (
	LiveCaptions   = "captions"
	LiveDeepgram   = "deepgram"
	LiveAssemblyAI = "assemblyai"
)

// LiveProviders lists them.
var LiveProviders = []string{LiveCaptions, LiveDeepgram, LiveAssemblyAI}

// checkLive refuses a live transcript that is not to be had.
func (s *Service) checkLive(l *LiveTranscriptRequest) error {
	switch {
	case l == nil || l.Provider == "" || l.Provider == LiveCaptions:
		return nil
	case !slices.Contains(LiveProviders, l.Provider):
		return Invalid(Issue{"/live_transcript/provider", "must be captions, deepgram or assemblyai", l.Provider})
	case len(l.APIKey) > maxKey:
		return Invalid(Issue{Pointer: "/live_transcript/api_key", Rule: "is too long for a key"})
	case l.APIKey == "" && (s.LiveReady == nil || !s.LiveReady(l.Provider)):
		return Invalid(Issue{Pointer: "/live_transcript/api_key", Rule: "is required: this server has no key of its own for " + l.Provider})
	}
	return nil
}

// maxKey bounds a key, which goes through a pipe.
const maxKey = 4096

// Utterance is what one person said in one go.
type Utterance struct {
	Seq      int64 // of the journal's entry: rises, and is never used again
	Speaker  string
	N        int // of the speaker among the participants; 0: not known
	Text     string
	Language string // BCP 47; empty: not known
	// Start and End are on the recording's clock.
	Start, End time.Duration
}

// Shown is an utterance as the API shows it, in the words of the transcript that
// comes after the meeting.
type Shown struct {
	ID int64 `json:"id"`
	ShownPartial
}

// ShownPartial is an utterance that goes on; times are seconds.
type ShownPartial struct {
	Speaker   string  `json:"speaker"`
	SpeakerID *int    `json:"speaker_id"`
	Text      string  `json:"text"`
	Language  *string `json:"language"`
	Start     float64 `json:"start"`
	End       float64 `json:"end"`
}

// Shown returns the utterance as the API shows it.
func (u Utterance) Shown() Shown { return Shown{u.Seq, u.Partial()} }

// Partial returns the utterance as the API shows it while it goes on.
func (u Utterance) Partial() ShownPartial {
	seconds := func(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }
	out := ShownPartial{Speaker: u.Speaker, Text: u.Text, Start: seconds(u.Start), End: seconds(u.End)}
	if u.N > 0 {
		out.SpeakerID = &u.N
	}
	if u.Language != "" {
		out.Language = &u.Language
	}
	return out
}

type transcriptData struct {
	BotID     string  `json:"bot_id"`
	EventID   *string `json:"event_id"`
	Utterance Shown   `json:"utterance"`
	SentAt    string  `json:"sent_at"`
}

// takeUtterances stores what was said, for those who listen, and tells of it; and
// what is being said, if that has changed.
func (s *Service) takeUtterances(ctx context.Context, tx Tx, b Bot, said, partial []Utterance) error {
	if len(said) == 0 && partial == nil {
		return nil
	}
	config, err := tx.Config(ctx, b)
	if err != nil || config.LiveTranscript == nil {
		return err
	}
	if partial != nil && config.LiveTranscript.Partial {
		if err := tx.SetPartial(ctx, b, partial); err != nil {
			return err
		}
	}
	if err := tx.AddUtterances(ctx, b, said); err != nil || !config.LiveTranscript.Webhook {
		return err
	}
	now := s.Clock.Now()
	for _, u := range said {
		data := transcriptData{b.ID, b.event(), u.Shown(), stamp(now)}
		m := Message{TeamID: b.TeamID, BotID: b.ID, Surface: SurfaceV2, Event: EventTranscript, At: now, Body: b.body(EventTranscript, data)}
		if err := tx.Emit(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// CheckLive refuses a bot that has no live transcript.
func (s *Service) CheckLive(ctx context.Context, team, id string) error {
	d, err := s.Store.Details(ctx, team, id)
	if err != nil {
		return err
	}
	if d.Config.LiveTranscript == nil {
		return fail.New(fail.Conflict, CodeNoLive, "Bot '%s' was sent without live_transcript.", id)
	}
	return nil
}

// mostSaid bounds one answer of Talk.
const mostSaid = 200

// Talk is what was said in a meeting, and what is being said.
type Talk struct {
	Said    []Utterance // the oldest first
	Partial []Utterance // that go on, as far as they are known; none while there is more in Said
	Over    Status      // the bot's status once nothing more comes
}

// Talk returns what was said in a bot's meeting after the utterance with that
// number.
func (s *Service) Talk(ctx context.Context, team, id string, after int64) (Talk, error) {
	b, talk, err := s.Store.Talk(ctx, team, id, after, mostSaid)
	switch {
	case err != nil || len(talk.Said) == mostSaid:
		talk.Partial = nil
	case b.Status.Terminal() || b.Status == Transcribing:
		talk.Over, talk.Partial = b.Status, nil
	}
	return talk, err
}
