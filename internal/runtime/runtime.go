// Package runtime is the supervisor of bots inside the server: it starts a
// process per bot, watches it, takes over bots that an earlier server started,
// reports what their journals say and stores what they recorded.
//
// A bot's folder is the truth; the supervisor keeps nothing of its own. It
// does not know the database: it speaks to a Ledger.
package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"steno/internal/blob"
	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/fail"
	"steno/internal/runtime/session"
)

// Folders below the data folder.
const (
	botsDir     = "bots"     // living bots, one folder each
	finishedDir = "finished" // what is kept of failed bots for a while
)

// Ledger is where reports go and wishes come from.
type Ledger interface {
	// Apply takes over a report, once.
	Apply(ctx context.Context, botID string, p bot.Progress) error
	// AppliedSeq returns the journal sequence number up to which a bot's
	// reports were applied.
	AppliedSeq(ctx context.Context, botID string) (int64, error)
	// LeaveWishes returns which of the bots somebody told to leave.
	LeaveWishes(ctx context.Context, ids []string) ([]string, error)
	// Fail ends a bot whose folder cannot tell its story any more.
	Fail(ctx context.Context, botID string, code bot.EndCode, message string) error
}

// Objects is where artifacts go.
type Objects interface {
	Put(ctx context.Context, key, file string, o blob.PutOptions) (blob.Info, error)
}

// Options of a Supervisor. Data, Program, Ledger, Objects, Clock and Log are
// required.
type Options struct {
	Data    string // the server's data folder
	Program string // path of steno itself, to run its bot command
	Ledger  Ledger
	Objects Objects
	Clock   clock.Clock
	Log     *slog.Logger

	// LiveAccess says how the service of a bot's live transcript is reached. May be
	// nil: no bot has one.
	LiveAccess func(ctx context.Context, botID string, live bot.LiveTranscript) (bot.LiveAccess, error)
	// MaxBots bounds the bots at a time; 0: as many as cores and memory carry.
	MaxBots int
	// MinFree is the disk space in bytes below which no bot is started; 1 GB if
	// zero.
	MinFree int64
	// Retention is how long folders of failed bots are kept; 7 days if zero.
	Retention time.Duration
	// LeaveLimit is how long a bot that was told to leave may take before it is
	// killed; 60 s if zero.
	LeaveLimit time.Duration
	// RetryDisk is how long to wait before a full disk is tried again; 30 s if
	// zero.
	RetryDisk time.Duration
}

// Supervisor runs the bots of a host.
//
// Start must be called before Launch and once only. Stop ends the watching and
// leaves the bots running; it may be called more than once, and on a
// Supervisor that was never started.
type Supervisor struct {
	opt     Options
	log     *slog.Logger
	room    load
	metrics *metrics
	watcher *watcher

	stop context.CancelFunc
	ctx  context.Context
	wg   sync.WaitGroup

	mu      sync.Mutex
	workers map[string]*worker
}

// New returns a Supervisor that is not started.
func New(opt Options) *Supervisor {
	if opt.MinFree == 0 {
		opt.MinFree = 1 << 30
	}
	if opt.Retention == 0 {
		opt.Retention = 7 * 24 * time.Hour
	}
	if opt.LeaveLimit == 0 {
		opt.LeaveLimit = time.Minute
	}
	if opt.RetryDisk == 0 {
		opt.RetryDisk = 30 * time.Second
	}
	if data, err := filepath.Abs(opt.Data); err == nil {
		opt.Data = data // bot processes have another working directory
	}
	cores, memory := machine()
	s := &Supervisor{opt: opt, log: opt.Log, room: capacity(opt.MaxBots, cores, memory), workers: map[string]*worker{}}
	s.metrics = newMetrics(s)
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Start takes over the bots whose folders are there, living or dead, and
// begins to watch.
func (s *Supervisor) Start(ctx context.Context) error {
	root := filepath.Join(s.opt.Data, botsDir)
	if err := os.MkdirAll(root, 0o700); err != nil {
		return fmt.Errorf("start supervisor: %w", err)
	}
	dirs, err := os.ReadDir(root)
	if err != nil {
		return fmt.Errorf("start supervisor: %w", err)
	}
	s.watcher = newWatcher(s.log)
	for _, d := range dirs {
		spec, err := session.ReadSpec(filepath.Join(root, d.Name()))
		if err != nil {
			s.log.Warn("a folder that is no bot's", "folder", d.Name(), "error", err)
			continue
		}
		s.log.Info("taking over a bot", "bot_id", spec.BotID)
		s.mu.Lock()
		s.watch(spec)
		s.mu.Unlock()
	}
	s.wg.Go(func() { s.watcher.run(s.ctx) })
	s.wg.Go(func() { s.listenForWishes(s.ctx) })
	s.wg.Go(func() { s.retain(s.ctx) })
	return nil
}

// Stop ends the watching; bots go on.
func (s *Supervisor) Stop() {
	s.stop()
	s.wg.Wait()
}

// Launch starts a bot. It returns ErrFull when the host carries no more, and
// does nothing if the bot is here already.
func (s *Supervisor) Launch(ctx context.Context, spec bot.Spec) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.workers[spec.BotID] != nil {
		return nil
	}
	if s.ctx.Err() != nil {
		return errors.New("launch bot: the supervisor has stopped")
	}
	if !s.room.carries(s.used().plus(cost(spec))) {
		return ErrFull
	}
	free, err := session.FreeSpace(filepath.Join(s.opt.Data, botsDir))
	if err == nil && free < s.opt.MinFree {
		return fail.New(fail.Unavailable, CodeFull, "only %d MB of disk are free, %d MB are needed to start a bot", free>>20, s.opt.MinFree>>20)
	}
	if err := session.WriteSpec(s.folder(spec.BotID), spec); err != nil {
		return fmt.Errorf("launch bot: %w", err)
	}
	s.watch(spec)
	return nil
}

// Nudge makes the supervisor ask for wishes to leave at once.
func (s *Supervisor) Nudge(botID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.workers[botID] != nil && s.ctx.Err() == nil {
		s.wg.Go(func() { s.askWishes(s.ctx) })
	}
}

// Running returns the ids of the bots of this host.
func (s *Supervisor) Running() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, 0, len(s.workers))
	for id := range s.workers {
		ids = append(ids, id)
	}
	return ids
}

// watch starts the worker of a bot. The caller holds the lock.
func (s *Supervisor) watch(spec bot.Spec) {
	w := newWorker(s, spec)
	s.workers[spec.BotID] = w
	s.wg.Go(func() {
		w.run(s.ctx)
		if s.ctx.Err() == nil {
			s.mu.Lock()
			delete(s.workers, spec.BotID)
			s.mu.Unlock()
		}
	})
}

// used adds up what the present bots take. The caller holds the lock.
func (s *Supervisor) used() load {
	var sum load
	for _, w := range s.workers {
		if !w.left() { // those that only finish their files are niced
			sum = sum.plus(w.cost())
		}
	}
	return sum
}

func (s *Supervisor) folder(id string) string { return filepath.Join(s.opt.Data, botsDir, id) }
