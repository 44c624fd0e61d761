package bot

import (
	"context"
	"fmt"
	"time"

	"steno/internal/clock"
	"steno/internal/fail"
	"steno/internal/ident"
	"steno/internal/meeting"
)

// Codes of this package's errors (digest 1.5).
const (
	CodeNotFound      = "FST_ERR_BOT_NOT_FOUND_BY_ID"
	CodeStatus        = "FST_ERR_BOT_STATUS"
	CodeAlreadyExists = "FST_ERR_BOT_ALREADY_EXISTS"
)

// Store keeps bots. Every read names the team first and finds nothing of
// another team; what is not there is fail.NotFound with CodeNotFound.
type Store interface {
	InTx(ctx context.Context, fn func(tx Tx) error) error
	Bot(ctx context.Context, team, id string) (Bot, error)
	Details(ctx context.Context, team, id string) (Details, error)
	List(ctx context.Context, team string, q Query) ([]Bot, error)
	ScheduleStore
	StoreV1
	Screenshots(ctx context.Context, team, id string, q ShotQuery) ([]StoredArtifact, error)
	// Evidence returns the files that only operators see, oldest first.
	Evidence(ctx context.Context, team, id string) ([]StoredArtifact, error)
	// Talk returns a bot, what was said in its meeting after a number, and what is
	// being said.
	Talk(ctx context.Context, team, id string, after int64, limit int) (Bot, Talk, error)
	// Command returns a command as it stands.
	Command(ctx context.Context, id string) (Command, error)
	DropCommand(ctx context.Context, id string) error
	// DropOpenCommand drops a command unless a host has taken it.
	DropOpenCommand(ctx context.Context, id string) (gone bool, err error)
}

// Tx is a write transaction: rows, jobs and messages commit together.
type Tx interface {
	Insert(ctx context.Context, b Bot, c Config, s Secrets) error
	// Claim notes that the team sends a bot to the meeting. If exclusive, it
	// does not when one was sent since the given time, and returns false.
	Claim(ctx context.Context, b Bot, exclusive bool, since time.Time) (bool, error)
	// Lock reads a bot and keeps others from changing it until the commit. An
	// empty team finds the bot of any team.
	Lock(ctx context.Context, team, id string) (Locked, error)
	QuotaTx
	ScheduleTx
	TranscriptionTx
	ProfileTx
	// Update stores the fields of a bot that change in its life, and seq.
	Update(ctx context.Context, b Bot, seq int64) error
	// UpdateMeeting stores where a bot is to go.
	UpdateMeeting(ctx context.Context, b Bot) error
	// UpdateExtra stores a bot's extra.
	UpdateExtra(ctx context.Context, b Bot) error
	AddTransition(ctx context.Context, b Bot, t Transition) error
	PutPeople(ctx context.Context, b Bot, people []Participant, speakers []Participant) error
	PutArtifacts(ctx context.Context, b Bot, a []StoredArtifact, at time.Time) error
	AddUtterances(ctx context.Context, b Bot, said []Utterance) error
	// SetPartial stores what is being said, in place of what was.
	SetPartial(ctx context.Context, b Bot, partial []Utterance) error
	// DropArtifacts has no URL of the bot's files handed out any more, and says of
	// how many that was not so before.
	DropArtifacts(ctx context.Context, b Bot, at time.Time) (int64, error)
	// Config returns what was asked of a locked bot.
	Config(ctx context.Context, b Bot) (Config, error)
	// Details adds what belongs to a locked bot.
	Details(ctx context.Context, b Bot) (Details, error)

	AddCommand(ctx context.Context, c Command) error

	EnqueueLaunch(ctx context.Context, botID string) error
	EnqueueDelete(ctx context.Context, botID string) error
	// Emit queues a message to the endpoints of the bot's team that want it.
	Emit(ctx context.Context, m Message) error
	// CallBack queues a message to the address that the bot was given.
	CallBack(ctx context.Context, b Bot, c Callback, m Message) error
	// CallBackWith is CallBack with another address and secret than the bot's own.
	CallBackWith(ctx context.Context, b Bot, c Callback, secret string, m Message) error
	AfterCommit(f func())
}

// Locked is a bot inside a transaction, with the journal sequence number up to
// which it is known.
type Locked struct {
	Bot
	Seq int64
}

// Signer makes URLs under which a stored file can be read for some hours.
type Signer interface {
	URL(ctx context.Context, key string) (string, error)
}

// Service is what may be done with bots.
type Service struct {
	Store  Store
	Clock  clock.Clock
	Signer Signer
	// SignerV1 signs what v1 hands out; nil: Signer does.
	SignerV1 Signer
	Hosts    meeting.Hosts
	// ValidURL refuses addresses that may not be called back.
	ValidURL func(string) error
	// Nudge tells the supervisor of this process that a bot has a wish to leave.
	// May be nil.
	Nudge func(botID string)
	// CommandWait is how long a command may wait for its bot; zero: the usual
	// time.
	CommandWait time.Duration
	// LiveReady reports whether a service transcribes live without a key of the
	// caller's. nil: none does.
	LiveReady func(provider string) bool
	// Zoom finds the credentials that bots name. nil: they are not checked.
	Zoom ZoomFinder
	// Lead is how long before its time a scheduled bot is launched, so that its
	// browser is ready when it is to join.
	Lead time.Duration
	// Profiles lists the signed-in profiles of a platform that this host has, by
	// the names of their accounts; nil: none.
	Profiles func(meeting.Platform) []string
	// Services are those that transcribe. nil: nothing does.
	Services Services
	// Files reads what is stored. nil: nobody is told a transcript.
	Files Files
	// Rouse wakes whoever runs RunDue in this process, RouseScribe whoever
	// transcribes. May be nil.
	Rouse, RouseScribe func()
}

// dedupWindow: a second bot for the same meeting is refused for so long (C28).
const dedupWindow = 5 * time.Minute

// Create queues a bot and returns its id. The bot, its first status, the job
// that launches it and the webhooks that tell of it are one transaction.
func (s *Service) Create(ctx context.Context, team string, r Request) (string, error) {
	n, err := s.prepare(Order{ID: ident.New(), TeamID: team, Request: r})
	if err != nil {
		return "", err
	}
	if err := s.checkService(r); err != nil {
		return "", err
	}
	if err := s.CheckZoom(ctx, team, r.Zoom); err != nil {
		return "", err
	}
	return n.ID, s.Store.InTx(ctx, func(tx Tx) error { return s.insert(ctx, tx, n) })
}

// Order asks for a bot under an id that was chosen before.
type Order struct {
	ID      string
	TeamID  string
	EventID string    // the calendar event that it is for; empty: none
	JoinAt  time.Time // when it is to join; zero: at once
	Request
}

// Check returns what is wrong with a request whose meeting is not known yet.
func (s *Service) Check(r Request) error {
	if err := r.check(s.ValidURL); err != nil {
		return err
	}
	return s.checkService(r)
}

// newBot is a bot that is not stored yet.
type newBot struct {
	Bot
	config  Config
	secrets Secrets
}

func (s *Service) prepare(o Order) (n newBot, err error) {
	if err := o.check(s.ValidURL); err != nil {
		return n, err
	}
	m, err := meeting.Parse(o.MeetingURL, s.Hosts)
	if err != nil {
		return n, err
	}
	n.config, n.secrets = o.config()
	if t := n.config.Transcription; t != nil {
		t.Provider, _ = s.choose(t.Provider, t.OwnKey)
	}
	n.config.JoinAt = o.JoinAt
	n.Bot = o.bot(m)
	n.ID, n.TeamID, n.EventID = o.ID, o.TeamID, o.EventID
	n.CreatedAt = s.Clock.Now()
	n.UpdatedAt = n.CreatedAt
	return n, nil
}

func (s *Service) insert(ctx context.Context, tx Tx, n newBot) error {
	b := n.Bot
	reserve, err := tx.Admit(ctx, b, n.secrets.ownKey())
	if err != nil {
		return err
	}
	claim := b
	if n.config.DedupKey != "" {
		claim.MeetingKey += "\n" + n.config.DedupKey // has none of its own
	}
	free, err := tx.Claim(ctx, claim, !n.config.AllowMultiple, b.CreatedAt.Add(-dedupWindow))
	if err != nil {
		return err
	}
	if !free {
		return fail.New(fail.Conflict, CodeAlreadyExists,
			"a bot was sent to this meeting less than %d minutes ago; %s to send another", int(dedupWindow.Minutes()), b.Surface.another())
	}
	if err := reserve(ctx); err != nil {
		return err
	}
	if err := tx.Insert(ctx, b, n.config, n.secrets); err != nil {
		return err
	}
	if err := s.enter(ctx, tx, &b, Transition{Status: Queued, At: b.CreatedAt}); err != nil {
		return err
	}
	return tx.EnqueueLaunch(ctx, b.ID)
}

// another says how to ask for a second bot in the same meeting.
func (s Surface) another() string {
	if s == SurfaceV1 {
		return "give a deduplication_key"
	}
	return "set allow_multiple_bots"
}

// RepointIn changes the meeting of a bot that no host has taken yet, and reports
// whether it could.
func (s *Service) RepointIn(ctx context.Context, tx Tx, team, id, url string) (bool, error) {
	m, err := meeting.Parse(url, s.Hosts)
	if err != nil {
		return false, err
	}
	l, err := tx.Lock(ctx, team, id)
	if err != nil || l.Status.Terminal() || l.LaunchedAt != nil {
		return false, err
	}
	l.MeetingURL, l.MeetingKey, l.Platform = url, m.Key, m.Platform
	return true, tx.UpdateMeeting(ctx, l.Bot)
}

// MeetingKey returns what the bots of a meeting have in common, from its URL in any
// spelling (meeting.Meeting.Key); a URL of no meeting is fail.Invalid.
func (s *Service) MeetingKey(url string) (string, error) {
	m, err := meeting.Parse(url, s.Hosts)
	return m.Key, err
}

// Details returns everything that the API shows of a bot.
func (s *Service) Details(ctx context.Context, team, id string) (Details, error) {
	return s.Store.Details(ctx, team, id)
}

// Get returns a bot without participants and artifacts.
func (s *Service) Get(ctx context.Context, team, id string) (Bot, error) {
	return s.Store.Bot(ctx, team, id)
}

// Evidence returns what was kept of a bot's end for operators.
func (s *Service) Evidence(ctx context.Context, team, id string) ([]StoredArtifact, error) {
	if _, err := s.Store.Bot(ctx, team, id); err != nil {
		return nil, err
	}
	return s.Store.Evidence(ctx, team, id)
}

// URLs returns a fresh signed URL of each artifact that the API has a field
// for, by kind.
func (s *Service) URLs(ctx context.Context, artifacts []StoredArtifact) (map[string]string, error) {
	return sign(ctx, s.Signer, artifacts)
}

// URLsV1 is URLs for v1, whose links live longer (C35).
func (s *Service) URLsV1(ctx context.Context, artifacts []StoredArtifact) (map[string]string, error) {
	return sign(ctx, s.signerV1(), artifacts)
}

func (s *Service) signerV1() Signer {
	if s.SignerV1 != nil {
		return s.SignerV1
	}
	return s.Signer
}

func sign(ctx context.Context, signer Signer, artifacts []StoredArtifact) (map[string]string, error) {
	urls := map[string]string{}
	for _, a := range artifacts {
		if a.Name != "" {
			continue // one of several; they are listed elsewhere
		}
		u, err := signer.URL(ctx, a.Key)
		if err != nil {
			return nil, fmt.Errorf("sign the URL of %s: %w", a.Kind, err)
		}
		urls[a.Kind] = u
	}
	return urls, nil
}

// Voice is a participant's own audio.
type Voice struct {
	Name string `json:"name"`
	URL  string `json:"url" format:"uri"`
}

// Voices returns a fresh signed URL of each participant's own audio.
func (s *Service) Voices(ctx context.Context, artifacts []StoredArtifact) ([]Voice, error) {
	var list []Voice
	for _, a := range artifacts {
		if a.Kind != KindParticipantAudio {
			continue
		}
		u, err := s.Signer.URL(ctx, a.Key)
		if err != nil {
			return nil, fmt.Errorf("sign the URL of %s: %w", a.Kind, err)
		}
		list = append(list, Voice{Name: a.Name, URL: u})
	}
	return list, nil
}

// Leave asks a bot to leave its meeting (C7). A bot that was not launched yet
// ends here and now.
func (s *Service) Leave(ctx context.Context, team, id string) error {
	return s.Store.InTx(ctx, func(tx Tx) error { return s.LeaveIn(ctx, tx, team, id) })
}

// LeaveIn is Leave as part of a transaction.
func (s *Service) LeaveIn(ctx context.Context, tx Tx, team, id string) error {
	b, err := tx.Lock(ctx, team, id)
	if fail.Is(err, fail.NotFound) {
		return s.leaveScheduled(ctx, tx, team, id, err)
	}
	if err != nil {
		return err
	}
	if b.Status.Terminal() {
		return wrongStatus(id, b.Status)
	}
	if b.LeaveRequestedAt != nil || b.Status == Transcribing { // it has left
		return nil
	}
	now := s.Clock.Now()
	b.LeaveRequestedAt = &now
	if b.LaunchedAt == nil {
		return s.endUnlaunched(ctx, tx, b, EndExitBeforeRecord, leftEarly, Transition{Status: APIRequestStop, At: now})
	}
	if s.Nudge != nil {
		tx.AfterCommit(func() { s.Nudge(id) })
	}
	return tx.Update(ctx, b.Bot, b.Seq)
}

// wrongStatus refuses what the status of a bot, or of its schedule, does not
// allow (digest 1.5).
func wrongStatus[S ~string](id string, status S) error {
	return fail.New(fail.Conflict, CodeStatus, "Status of bot '%s' is: %s. Operation not permitted in this state.", id, status)
}

const leftEarly = "the bot was asked to leave before it joined"

// DeleteData removes a bot's files and marks them as deleted (C8). No URL is
// handed out any more from now on; a job removes the files, and what
// transcription services have of the bot unless that is to be kept.
func (s *Service) DeleteData(ctx context.Context, team, id string, keepAtService bool) error {
	_, err := s.Erase(ctx, team, id, keepAtService)
	return err
}

// Erase is DeleteData, and says what there was.
func (s *Service) Erase(ctx context.Context, team, id string, keepAtService bool) (found Deletion, err error) {
	err = s.Store.InTx(ctx, func(tx Tx) error {
		b, err := tx.Lock(ctx, team, id)
		if err != nil {
			return err
		}
		if found = NoDataFound; b.ArtifactsDeleted {
			found = DataAlreadyDeleted
		}
		b.ArtifactsDeleted = true
		n, err := tx.DropArtifacts(ctx, b.Bot, s.Clock.Now())
		if err != nil {
			return err
		}
		cancelled, err := tx.CancelOrders(ctx, b.Bot, keepAtService, s.Clock.Now())
		if err != nil {
			return err
		}
		for _, o := range cancelled {
			if o.End == nil {
				continue
			}
			d := *o.End
			d.At = s.Clock.Now()
			if err := s.end(ctx, tx, &b.Bot, d); err != nil {
				return err
			}
		}
		if err := tx.Update(ctx, b.Bot, b.Seq); err != nil {
			return err
		}
		if n > 0 {
			found = DataDeleted
		}
		return tx.EnqueueDelete(ctx, id)
	})
	return found, err
}
