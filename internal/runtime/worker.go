package runtime

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"steno/internal/bot"
	"steno/internal/record/journal"
	"steno/internal/runtime/session"
)

const (
	// A bot process that dies so often within deathWindow is not started for
	// the meeting again; what it recorded is finalised.
	maxDeaths   = 5
	deathWindow = 10 * time.Minute
	// How often finalising may die before the bot is given up.
	maxFinalise = 3
	// A process that lived for so long is worth starting again at once.
	lived = 3 * time.Second

	statusUnfinished = 75 // of a bot process: no disk space for the artifacts now
)

// worker looks after one bot: keeps its process going and reports its journal.
type worker struct {
	s      *Supervisor
	spec   bot.Spec
	folder string
	log    *slog.Logger
	events <-chan struct{} // the journal may have grown

	ended   atomic.Bool // the End entry is there
	films   atomic.Bool // the bot fell to the screen engine
	telling atomic.Bool // a goroutine tells the bot what it is to be told

	mu       sync.Mutex
	proc     *process
	told     time.Time // since when it should be leaving
	finalise bool      // do not go to the meeting any more
}

func newWorker(s *Supervisor, spec bot.Spec) *worker {
	folder := s.folder(spec.BotID)
	return &worker{
		s: s, spec: spec, folder: folder, log: s.log.With("bot_id", spec.BotID),
		events: s.watcher.add(folder),
	}
}

// left reports whether the bot is out of the meeting.
func (w *worker) left() bool { return w.ended.Load() }

// cost is what the bot takes now.
func (w *worker) cost() load {
	spec := w.spec
	if w.films.Load() {
		spec.Engine = bot.ScreenEngine
	}
	return cost(spec)
}

// run works until the bot is done and reported, or ctx ends.
func (w *worker) run(ctx context.Context) {
	defer w.s.watcher.remove(w.folder)
	reports, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var wg sync.WaitGroup
	var lost bool
	wg.Go(func() {
		if lost = !w.keep(ctx); lost {
			giveUp()
		}
	})
	done, reported := newTail(w).run(reports)
	wg.Wait() // the process closes its folder after the Done entry
	switch {
	case reported:
		w.clear(done)
	case lost && ctx.Err() == nil:
		w.clear(bot.Done{Status: bot.Failed})
	}
}

// keep keeps a process on the folder until the journal is done or ctx ends. It
// returns false if the journal cannot be brought to its end.
func (w *worker) keep(ctx context.Context) bool {
	var deaths []time.Time
	finalising := 0
	for ctx.Err() == nil && !w.done() {
		begun := w.s.opt.Clock.Now()
		status, err := w.attendOnce(ctx)
		if ctx.Err() != nil || w.done() {
			break
		}
		if status == statusUnfinished {
			w.log.Warn("the disk is too full to finish a recording; trying again later")
			_ = sleep(ctx, w.s.opt.RetryDisk)
			continue
		}
		w.log.Error("bot process died", "status", status, "error", err)
		w.s.metrics.deaths.Inc()
		now := w.s.opt.Clock.Now()
		deaths = append(recent(deaths, now), now)
		pause := backoff(len(deaths))
		if now.Sub(begun) > lived {
			pause = 0 // every second is lost recording
		}
		if w.finalises() {
			finalising++
			pause = backoff(finalising + 1)
		} else if len(deaths) >= maxDeaths {
			w.setFinalise()
			pause = 0
		}
		if finalising >= maxFinalise {
			return w.bury(ctx)
		}
		_ = sleep(ctx, pause)
	}
	return true
}

// attendOnce runs, or adopts, one process and waits for its death.
func (w *worker) attendOnce(ctx context.Context) (int, error) {
	p, err := adopt(ctx, w.folder)
	if p == nil && err == nil {
		var extra []string
		if w.finalises() {
			extra = []string{"--finalise"}
		}
		p, err = spawn(w.s.opt.Program, w.folder, w.secret(ctx), extra...)
	}
	if err != nil {
		return statusLost, err
	}
	defer p.close()
	w.setProcess(p)
	defer w.setProcess(nil)
	w.log.Info("bot process runs", "pid", p.pid)
	return p.wait(ctx)
}

// secret is what the process must know and no file may hold; nil: nothing. The bot
// records without it.
func (w *worker) secret(ctx context.Context) []byte {
	live := w.spec.LiveTranscript
	if live == nil || live.Provider == bot.LiveCaptions || w.s.opt.LiveAccess == nil || w.finalises() {
		return nil
	}
	access, err := w.s.opt.LiveAccess(ctx, w.spec.BotID, *live)
	if err != nil {
		w.log.Error("no live transcript: its key cannot be had", "error", err)
		return nil
	}
	text, err := json.Marshal(access)
	if err != nil {
		return nil // two texts
	}
	return text
}

func recent(deaths []time.Time, now time.Time) []time.Time {
	for len(deaths) > 0 && now.Sub(deaths[0]) > deathWindow {
		deaths = deaths[1:]
	}
	return deaths
}

// backoff is nothing at first, then longer and longer.
func backoff(deaths int) time.Duration {
	if deaths <= 1 {
		return 0
	}
	return min(time.Second<<(deaths-2), 30*time.Second)
}

// bury ends a bot of which no process can be had, in its journal or, if that
// cannot be written, in the ledger; then it returns false.
func (w *worker) bury(ctx context.Context) bool {
	const message = "the bot's process could not be kept running"
	err := session.Bury(w.folder, w.s.opt.Clock, message)
	if err == nil {
		return true
	}
	w.log.Error("giving a bot up", "error", err)
	for try := 1; ctx.Err() == nil; try++ {
		if err := w.s.opt.Ledger.Fail(ctx, w.spec.BotID, bot.EndInternalError, message); err == nil {
			break
		}
		_ = sleep(ctx, backoff(try+1))
	}
	return false
}

func (w *worker) done() bool {
	entries, err := journal.Read(w.folder)
	return err == nil && len(entries) > 0 && entries[len(entries)-1].Done != nil
}

func (w *worker) setProcess(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.proc = p
}

func (w *worker) setFinalise() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.finalise = true
}

func (w *worker) finalises() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.finalise
}
