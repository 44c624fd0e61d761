package bot

import (
	"context"
	"encoding/json"
	"time"

	"steno/internal/fail"
	"steno/internal/ident"
	"steno/internal/transcript"
)

// Services are those that transcribe.
type Services interface {
	// Choose returns the name of the one that a bot gets whose caller asked for one
	// by name (empty: any), with a key of their own or not. ok is false if there is
	// none such: the name is then the one that was asked for.
	Choose(asked string, ownKey bool) (name string, ok bool)
}

// choose is Services.Choose; where nothing is known of services, all is
// Gladia's, the contract's own.
func (s *Service) choose(asked string, ownKey bool) (name string, ok bool) {
	if s.Services == nil {
		return "gladia", true
	}
	return s.Services.Choose(asked, ownKey)
}

// checkService refuses a transcript, live or later, by a service that is not to be
// had.
func (s *Service) checkService(r Request) error {
	if err := s.checkLive(r.LiveTranscript); err != nil {
		return err
	}
	if !r.TranscriptionEnabled || r.Transcription == nil {
		return nil
	}
	if _, ok := s.choose(r.Transcription.Provider, r.Transcription.APIKey != ""); !ok {
		return Invalid(Issue{"/transcription_config/provider", "is no service that this server has a key of; give a key of your own as api_key, or leave it out", r.Transcription.Provider})
	}
	return nil
}

// TranscriptionState is how far a transcription is.
type TranscriptionState string

// The states; the last three are final.
const (
	TranscriptionQueued     TranscriptionState = "queued"
	TranscriptionProcessing TranscriptionState = "processing" // the service has a part of it
	TranscriptionDone       TranscriptionState = "done"
	TranscriptionError      TranscriptionState = "error"
	TranscriptionCancelled  TranscriptionState = "cancelled" // the data were deleted
)

// Transcribed is what is known of a bot's transcripts. The zero value: there
// never was one.
type Transcribed struct {
	State    TranscriptionState // of the last one that was asked for
	Provider string             // of the last one that is done
	IDs      []string           // of its jobs at the service
}

// TranscriptionOrder is a recording that is to be transcribed. It is stored in
// the transaction that asks for it, and carried out by whichever server takes
// it.
type TranscriptionOrder struct {
	ID       string
	TeamID   string
	BotID    string
	Provider string
	OwnKey   bool // the caller's own key of the service
	Custom   json.RawMessage
	// End is how the bot ends when it is through; nil: the bot has ended, and this
	// is another transcript of it.
	End *Done
	// WebhookURL hears of the end of another transcript in place of the bot's own
	// address.
	WebhookURL string
	CreatedAt  time.Time
}

// TranscriptionSecrets go with an order, sealed, a cell each.
type TranscriptionSecrets struct {
	// Key is the caller's own of the service; empty: the operator's. OfBot takes the
	// one that the bot was given.
	Key        string
	OfBot      bool
	WebhookKey string // goes with what is told to WebhookURL
}

// TranscriptionJob is an order as those get it who carry it out.
type TranscriptionJob struct {
	TranscriptionOrder
	Key    string // the caller's own; empty: the operator's
	Broken error  // why the caller's key cannot be read; nil: it can
}

// KeptAtService is a job that a service still has, of an order that has ended.
type KeptAtService struct {
	Order    string
	Provider string
	OwnKey   bool
	Key      string // the caller's own
	Part     transcript.Part
}

// TranscriptionTx changes orders.
type TranscriptionTx interface {
	PutOrder(ctx context.Context, o TranscriptionOrder, s TranscriptionSecrets) error
	// OpenOrder returns an order of a locked bot; ok is false if it has ended.
	OpenOrder(ctx context.Context, b Bot, id string) (o TranscriptionOrder, ok bool, err error)
	EndOrder(ctx context.Context, o TranscriptionOrder, to TranscriptionState, message string, at time.Time) error
	// CancelOrders ends all of a locked bot's that are open and returns them. keep:
	// the services are not asked to delete what they have of the bot.
	CancelOrders(ctx context.Context, b Bot, keep bool, at time.Time) ([]TranscriptionOrder, error)
	// IndexTranscript has what was said found again.
	IndexTranscript(ctx context.Context, b Bot, said []transcript.Indexed) error
	// EmitTo is Emit to an address with the key of an order, which is v1's.
	EmitTo(ctx context.Context, o TranscriptionOrder, m Message) error
}

// finish ends a bot whose process is through, or has its recording transcribed
// before that.
func (s *Service) finish(ctx context.Context, tx Tx, b *Bot, d Done) error {
	if d.Status != Completed {
		return s.end(ctx, tx, b, d)
	}
	details, err := tx.Details(ctx, *b)
	if err != nil {
		return err
	}
	t := details.Config.Transcription
	if s.Services == nil || t == nil || !details.speaks(t.Provider) {
		return s.end(ctx, tx, b, d)
	}
	if err := s.enter(ctx, tx, b, Transition{Status: Transcribing, At: d.At}); err != nil {
		return err
	}
	return s.order(ctx, tx, TranscriptionOrder{TeamID: b.TeamID, BotID: b.ID, Provider: t.Provider, OwnKey: t.OwnKey, Custom: t.Custom, End: &d},
		TranscriptionSecrets{OfBot: t.OwnKey})
}

func (s *Service) order(ctx context.Context, tx Tx, o TranscriptionOrder, secrets TranscriptionSecrets) error {
	o.ID, o.CreatedAt = ident.New(), s.Clock.Now()
	if s.RouseScribe != nil {
		tx.AfterCommit(s.RouseScribe)
	}
	return tx.PutOrder(ctx, o, secrets)
}

// speaks reports whether there is something to be transcribed: captions, or
// voices. Where nobody has a file of their own, nobody knows whether the mix has
// a voice in it.
func (d Details) speaks(provider string) bool {
	audio, captions, apart := false, false, false
	for _, a := range d.Artifacts {
		audio = audio || a.Kind == KindAudio
		captions = captions || a.Kind == KindCaptions
		apart = apart || a.Kind == KindParticipantAudio
	}
	if provider == LiveCaptions {
		return captions
	}
	return audio && (len(d.Speakers) > 0 || !apart)
}

// TranscriptionEnd is how an order ended.
type TranscriptionEnd struct {
	Artifacts []StoredArtifact
	Said      []transcript.Indexed
	Failure   string // why there is no transcript, for people; empty: there is one
}

// EndTranscription takes over a transcript, and ends the bot that waited for it:
// artifacts, what is found again, charge, status and the messages that tell of it
// are one transaction. For an order that has ended, or whose bot's data were
// deleted, the error is transcript.ErrLost.
func (s *Service) EndTranscription(ctx context.Context, o TranscriptionOrder, e TranscriptionEnd) error {
	b, err := s.Store.Bot(ctx, o.TeamID, o.BotID)
	if err != nil {
		return err
	}
	said, err := s.saidTo(ctx, Details{Bot: b, Artifacts: e.Artifacts})
	if err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(tx Tx) error {
		l, err := tx.Lock(ctx, o.TeamID, o.BotID)
		if err != nil {
			return err
		}
		b, now := l.Bot, s.Clock.Now()
		o, open, err := tx.OpenOrder(ctx, b, o.ID)
		if err != nil {
			return err
		}
		if !open || o.End == nil && b.ArtifactsDeleted {
			return transcript.ErrLost
		}
		state := TranscriptionDone
		if e.Failure != "" {
			state = TranscriptionError
		} else if err := s.takeTranscript(ctx, tx, b, e, now); err != nil {
			return err
		}
		if err := tx.EndOrder(ctx, o, state, e.Failure, now); err != nil {
			return err
		}
		if o.End == nil {
			return s.endAnother(ctx, tx, b, o, e)
		}
		d := *o.End
		d.At = now
		if e.Failure != "" {
			d.Status, d.Code, d.Message = Failed, EndTranscriptionFailed, e.Failure
		}
		if err := s.endSaid(ctx, tx, &b, d, said); err != nil {
			return err
		}
		return tx.Update(ctx, b, l.Seq)
	})
}

func (s *Service) takeTranscript(ctx context.Context, tx Tx, b Bot, e TranscriptionEnd, now time.Time) error {
	if err := tx.PutArtifacts(ctx, b, e.Artifacts, now); err != nil {
		return err
	}
	return tx.IndexTranscript(ctx, b, e.Said)
}

// endAnother books and tells of a transcript that was asked for after the end.
func (s *Service) endAnother(ctx context.Context, tx Tx, b Bot, o TranscriptionOrder, e TranscriptionEnd) error {
	if e.Failure != "" {
		return nil // v1 has no message for it (digest 9.4): its failed is about joining and recording; the state says so
	}
	u := Usage{Why: "transcribed again"}
	details, err := tx.Details(ctx, b)
	if err != nil {
		return err
	}
	u.transcribed(o, details)
	if err := tx.Settle(ctx, b, u); err != nil || b.Surface != SurfaceV1 && o.WebhookURL == "" {
		return err
	}
	m := b.messageV1(EventV1Transcribed, transcribedV1{b.ID})
	m.At = s.Clock.Now()
	if o.WebhookURL != "" {
		return tx.EmitTo(ctx, o, m)
	}
	return tx.Emit(ctx, m)
}

// TranscriptionStatus says how far a bot's transcript is, in the words of the
// contract (digest 5.2).
func (s *Service) TranscriptionStatus(ctx context.Context, team, id string) (Bot, string, error) {
	d, err := s.Store.Details(ctx, team, id)
	if err != nil {
		return d.Bot, "", err
	}
	return d.Bot, d.transcriptionStatus(), nil
}

func (d Details) transcriptionStatus() string {
	switch state := d.Transcribed.State; {
	case state == TranscriptionCancelled:
	case state != "":
		return string(state)
	case d.Config.Transcription != nil && d.Status != Completed:
		return "not-started"
	}
	return "not-applicable"
}

// Retranscription asks for another transcript of a bot that has ended.
type Retranscription struct {
	Provider   string // empty: the one that the bot had, or the default one
	APIKey     string // the caller's own
	WebhookURL string // is told of it in place of the bot's address; goes with WebhookKey
	WebhookKey string
}

// Codes of refused retranscriptions.
const (
	CodeNoTranscriber = "TRANSCRIPTION_NOT_AVAILABLE"
	CodeNoRecording   = "RECORDING_NOT_AVAILABLE"
)

// Retranscribe has the recording of a bot that has ended transcribed again.
func (s *Service) Retranscribe(ctx context.Context, team, id string, r Retranscription) error {
	if r.WebhookURL != "" {
		if err := s.ValidURL(r.WebhookURL); err != nil {
			return Invalid(Issue{Pointer: "/webhook_url", Rule: err.Error()})
		}
	}
	return s.Store.InTx(ctx, func(tx Tx) error {
		l, err := tx.Lock(ctx, team, id)
		if err != nil {
			return err
		}
		if !l.Status.Terminal() {
			return wrongStatus(id, l.Status)
		}
		if r.APIKey != "" {
			if err := tx.OwnKey(ctx, l.TeamID); err != nil {
				return err
			}
		}
		d, err := tx.Details(ctx, l.Bot)
		if err != nil {
			return err
		}
		if d.Transcribed.State == TranscriptionQueued || d.Transcribed.State == TranscriptionProcessing {
			return fail.New(fail.Conflict, CodeStatus, "Bot '%s' is being transcribed. Operation not permitted in this state.", id)
		}
		return s.orderAgain(ctx, tx, d, r)
	})
}

func (s *Service) orderAgain(ctx context.Context, tx Tx, d Details, r Retranscription) error {
	o := TranscriptionOrder{TeamID: d.TeamID, BotID: d.ID, WebhookURL: r.WebhookURL}
	secrets := TranscriptionSecrets{Key: r.APIKey}
	if r.WebhookURL != "" {
		secrets.WebhookKey = r.WebhookKey
	}
	asked := r.Provider
	if t := d.Config.Transcription; t != nil && (asked == "" || asked == t.Provider) {
		asked, o.Custom = t.Provider, t.Custom
		secrets.OfBot = t.OwnKey && r.APIKey == ""
	}
	o.OwnKey = secrets.OfBot || r.APIKey != ""
	name, ok := s.choose(asked, o.OwnKey)
	if o.Provider = name; s.Services == nil || !ok {
		return fail.New(fail.Unprocessable, CodeNoTranscriber, "this server has no key of the transcription service %s; give one of your own", name)
	}
	if !d.speaks(o.Provider) {
		return fail.New(fail.Unprocessable, CodeNoRecording, "Bot '%s' has no recording that could be transcribed: its data were deleted, or nothing was said", d.ID)
	}
	return s.order(ctx, tx, o, secrets)
}
