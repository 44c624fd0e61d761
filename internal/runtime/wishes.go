package runtime

import (
	"context"
	"time"

	"steno/internal/runtime/session"
)

const askEvery = time.Second

// listenForWishes asks the ledger every second who shall leave.
func (s *Supervisor) listenForWishes(ctx context.Context) {
	for {
		s.askWishes(ctx)
		if sleep(ctx, askEvery) != nil {
			return
		}
	}
}

func (s *Supervisor) askWishes(ctx context.Context) {
	var ids []string
	byID := map[string]*worker{}
	s.mu.Lock()
	for id, w := range s.workers {
		if !w.left() {
			ids, byID[id] = append(ids, id), w
		}
	}
	s.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	s.askCommands(ctx, ids, byID)
	wishes, err := s.opt.Ledger.LeaveWishes(ctx, ids)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("cannot ask who shall leave", "error", err)
		}
		return
	}
	for _, id := range wishes {
		if w := byID[id]; w != nil {
			w.tell(ctx)
		}
	}
}

// tell makes the bot leave; one that does not leave in time is killed, and its
// recording finalised.
func (w *worker) tell(ctx context.Context) {
	now := w.s.opt.Clock.Now()
	w.mu.Lock()
	first := w.told.IsZero()
	if first {
		w.told = now
	}
	late := now.Sub(w.told) > w.s.opt.LeaveLimit
	w.mu.Unlock()
	if late {
		w.force()
		return
	}
	// A process that is only just starting has no socket yet, and one that was
	// restarted may not have heard it: so it is told every time.
	if _, err := session.Tell(ctx, w.folder, session.Request{Command: "leave", From: "api"}); err != nil {
		w.log.Info("the bot does not take the wish to leave yet", "error", err)
	} else if first {
		w.log.Info("told the bot to leave")
	}
}

func (w *worker) force() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.finalise = true
	if w.proc != nil {
		w.log.Warn("the bot does not leave; killing its process")
		w.proc.kill()
		w.told = w.s.opt.Clock.Now() // the next process gets the same time
	}
}
