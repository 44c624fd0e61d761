// Package session is what runs inside a bot process: it takes one bot from its
// spec to its artifacts, in a folder, and goes on from there when an earlier
// process died on the way.
//
// The journal in the folder is the only state: everything this package does
// follows from the entries that are there. It knows no database and no server.
package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/record/journal"
	"steno/internal/stream"
)

// Options says which bot to run and with what.
type Options struct {
	// Folder is the bot's folder; it holds spec.json.
	Folder string
	// Finalise does not go to the meeting (again): it makes artifacts of what
	// is there and ends.
	Finalise bool
	Tools    Tools
	Clock    clock.Clock
	Log      *slog.Logger
	// Leave asks the bot to leave; the values say who asks: "signal" or
	// "terminal". May be nil.
	Leave   <-chan string
	Limits  Limits
	Version string // of the program, for the journal
	// Live is how the service of the live transcript is reached, if the spec names
	// one. It stands in no file.
	Live bot.LiveAccess
}

// Limits are the session's own patience. Zero fields take the defaults.
type Limits struct {
	Look    time.Duration // between two looks at the page while in the call; 1 s
	Answer  time.Duration // a page that does not answer for so long hangs; 4 s
	Enter   time.Duration // from the browser's start to having asked to join; 60 s
	Rejoin  time.Duration // to be back in the call after losing it; 60 s
	Deaf    time.Duration // people are shown speaking, but no audio comes; then the page is filmed; 10 s
	Tries   int           // visits in a row that fail; 5
	Memory  int64         // bytes of the browser's tree at which it is replaced; 1.5 GB
	MinFree int64         // bytes of disk at which recording stops; 256 MB, but at most an eighth of the disk
}

func (l Limits) withDefaults() Limits {
	set(&l.Look, time.Second)
	set(&l.Answer, 4*time.Second)
	set(&l.Enter, 60*time.Second)
	set(&l.Rejoin, 60*time.Second)
	set(&l.Deaf, 10*time.Second)
	set(&l.Tries, 5)
	set(&l.Memory, 1536<<20)
	set(&l.MinFree, 256<<20)
	return l
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// ErrUnfinished is returned by Run when the meeting is over but its artifacts
// cannot be made now, for want of disk space. Run on the same folder later
// tries again.
var ErrUnfinished = errors.New("recorded, but the disk is too full to make the artifacts")

type session struct {
	opt      Options
	spec     bot.Spec
	log      *slog.Logger
	clock    clock.Clock
	limits   Limits
	diary    *diary
	journal  *journal.Writer
	composer *composer
	captions captions
	stream   *stream.Stream // nil: the bot does not stream
	album    *album         // nil: the camera stays off
	ears     *stream.Ears   // nil: no service hears what is said
	hoarse   bool           // it was told that the microphone cannot be switched

	facts  facts
	gap    *gap // an absence that has not ended yet
	knocks int  // requests to be let in that were made again

	noFilm     bool // the screen engine is not to be had on this machine
	muteLosses int  // how often audio had stopped while people were shown speaking

	errands chan errand // to the visit
	talks   chan bool   // to the visit: the microphone should be on, or off

	wishOnce sync.Once
	wished   chan struct{} // closed when somebody wants the bot to leave

	mu      sync.Mutex
	browser Browser  // the present one, for status
	mouth   Recorder // the present one, for what the bot says
}

// Run runs one bot to its end and returns nil when the journal has its Done
// entry, however the bot fared; it is nil at once if the entry is there
// already. It returns ErrBusy if another process works on the folder,
// ErrUnfinished as said there, ctx's error if ctx ended (the next Run goes on
// from there), and other errors when it could not even keep its journal.
func Run(ctx context.Context, opt Options) error {
	held, err := lock(opt.Folder)
	if err != nil {
		return err
	}
	defer held.Close()
	spec, err := ReadSpec(opt.Folder)
	if err != nil {
		return err
	}
	w, entries, err := journal.Open(opt.Folder, opt.Clock)
	if err != nil {
		return err
	}
	defer w.Close()
	mem := recall(entries)
	if mem.done != nil {
		return nil
	}
	if err := writePID(opt.Folder); err != nil {
		opt.Log.Warn("cannot write pid", "error", err) // a full disk must not keep it from ending
	}
	log := opt.Log.With("bot_id", spec.BotID)
	s := &session{
		opt: opt, spec: spec, log: log, clock: opt.Clock, limits: opt.Limits.withDefaults(), journal: w,
		diary: &diary{folder: opt.Folder, log: log, w: w, mem: mem}, wished: make(chan struct{}),
		errands: make(chan errand), talks: make(chan bool, 1),
	}
	s.composer = newComposer(opt.Folder, opt.Tools.Composer, log)
	defer s.composer.stop()
	s.captions.diary = s.diary
	s.captions.begin()
	return s.run(ctx)
}

func (s *session) run(ctx context.Context) error {
	s.begin()
	ctrl, err := listen(s.opt.Folder, s.answer, s.log)
	if err != nil {
		s.log.Warn("no control socket", "error", err)
	} else {
		defer ctrl.stop()
	}
	finished := make(chan struct{})
	defer close(finished)
	go s.listenForLeave(finished)

	var ended bool
	s.diary.look(func(m *memory) { ended = m.end != nil })
	if !ended {
		v, err := s.meeting(ctx)
		if err != nil {
			return err
		}
		s.conclude(v)
	}
	return s.finish(ctx)
}

// begin notes the new process and takes over what the last one knew.
func (s *session) begin() {
	now := s.clock.Now()
	s.diary.look(func(m *memory) {
		s.facts.asked, s.facts.admitted = m.asked, m.admitted
		if m.epoch != 0 {
			s.facts.recording = time.UnixMicro(m.epoch)
			s.gap = &gap{from: lastKnown(s.opt.Folder, m), reason: "bot_died"}
		}
		for _, p := range m.people {
			if !p.Self && !m.admitted.IsZero() {
				s.facts.company = now
			}
		}
		if m.leave != "" {
			s.wish()
		}
	})
	var n int
	s.diary.look(func(m *memory) { n = m.sessions + 1 })
	s.diary.write(journal.Entry{Session: &journal.Session{N: n, PID: os.Getpid(), Version: s.opt.Version}})
	s.diary.endCaptions()
	s.log.Info("bot process begins", "session", n, "folder", s.opt.Folder)
}

// meeting goes to the meeting and stays to its end, if there is still a reason
// to.
func (s *session) meeting(ctx context.Context) (verdict, error) {
	if s.opt.Finalise {
		if s.isWished() {
			return s.told(), nil
		}
		return verdict{bot.EndInternalError, "the bot was cut off before it left the meeting"}, nil
	}
	loadBallast(s.opt.Folder)
	if err := s.openStream(); err != nil {
		return verdict{bot.EndStreamingSetup, err.Error()}, nil
	}
	defer s.closeStream()
	s.openEars()
	defer s.closeEars()
	defer s.openAlbum(ctx)()
	if s.diary.recorded() {
		s.composer.start()
	}
	return s.attend(ctx)
}

// wish makes the bot leave. It may be called more than once.
func (s *session) wish() { s.wishOnce.Do(func() { close(s.wished) }) }

func (s *session) listenForLeave(finished <-chan struct{}) {
	for {
		select {
		case from := <-s.opt.Leave:
			s.leave(from)
		case <-finished:
			return
		}
	}
}

// leave notes that somebody wants the bot to leave and makes it do so. After
// the end it changes nothing.
func (s *session) leave(from string) {
	var late, again bool
	s.diary.look(func(m *memory) { late, again = m.end != nil, m.leave != "" })
	if late {
		return
	}
	if !again {
		s.diary.write(journal.Entry{Command: &journal.Command{Name: commandLeave, From: from}})
	}
	s.wish()
}

// answer serves the control socket.
func (s *session) answer(r Request) Reply {
	if isOrder(r.Command) {
		return s.order(r)
	}
	switch r.Command {
	case "leave":
		s.leave(r.From)
	case "status":
	default:
		return Reply{Error: fmt.Sprintf("unknown command %q", r.Command)}
	}
	reply := Reply{OK: true, PID: os.Getpid()}
	s.diary.look(func(m *memory) { reply.Status = m.status })
	s.mu.Lock()
	b := s.browser
	s.mu.Unlock()
	if b != nil {
		reply.BrowserPID = b.PID()
		if u, err := b.Usage(); err == nil {
			reply.BrowserBytes = u.PSS
		}
	}
	return reply
}

func (s *session) setBrowser(b Browser) {
	s.mu.Lock()
	s.browser = b
	s.mu.Unlock()
}

// conclude writes why the bot is out of the meeting.
func (s *session) conclude(v verdict) {
	if v.code == bot.EndLoginRequired && s.spec.Account != "" {
		v.message = fmt.Sprintf("the sign-in of the account %q has expired: %s", s.spec.Account, v.message)
	}
	recorded := s.diary.recorded()
	code := v.code
	if !recorded {
		code = early(code)
	}
	announced := code
	if v.code == bot.EndAPIRequest {
		announced = v.code
	}
	status, ok := announcement(announced)
	// Once something is recorded, a refused return is no failure to announce.
	if ok && (!recorded || announced == bot.EndRemoved || announced == bot.EndAPIRequest) {
		s.diary.announce(status, v.message, announced)
	}
	if recorded {
		s.diary.state(bot.CallEnded, "")
	}
	s.diary.write(journal.Entry{End: &journal.End{Code: code, Message: v.message, Recorded: recorded}})
	s.log.Info("out of the meeting", "code", code, "reason", v.message, "recorded", recorded)
}
