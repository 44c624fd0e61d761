package runtime

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"steno/internal/bot"
	"steno/internal/runtime/session"
)

const retainEvery = time.Minute

// clear removes the folder of a bot whose every result is stored and reported.
// That of a failed one is kept for a while, for whoever wants to know why.
func (w *worker) clear(done bot.Done) {
	if done.Status == bot.Completed {
		if err := os.RemoveAll(w.folder); err != nil {
			w.log.Error("cannot remove the bot's folder", "error", err)
		}
		return
	}
	kept := filepath.Join(w.s.opt.Data, finishedDir)
	to := filepath.Join(kept, filepath.Base(w.folder))
	now := w.s.opt.Clock.Now()
	err := errors.Join(session.DropProfile(w.folder), os.MkdirAll(kept, 0o700))
	if err == nil {
		err = errors.Join(os.RemoveAll(to), os.Rename(w.folder, to), os.Chtimes(to, now, now))
	}
	if err != nil {
		w.log.Error("cannot put the bot's folder away", "error", err)
	}
}

// Forgetter is the part of a Ledger that knows whose data were deleted. A
// Ledger without it has folders of failed bots kept for their time.
type Forgetter interface {
	DataDeleted(ctx context.Context, ids []string) ([]string, error)
}

// forget removes the folders of bots that failed and whose data were deleted.
func (s *Supervisor) forget(ctx context.Context) {
	ledger, ok := s.opt.Ledger.(Forgetter)
	if !ok {
		return
	}
	root := filepath.Join(s.opt.Data, finishedDir)
	dirs, err := os.ReadDir(root)
	if err != nil || len(dirs) == 0 {
		return
	}
	var ids []string
	for _, d := range dirs {
		ids = append(ids, d.Name())
	}
	for part := range slices.Chunk(ids, 500) {
		gone, err := ledger.DataDeleted(ctx, part)
		if err != nil {
			s.log.Warn("cannot ask whose data were deleted", "error", err)
			return
		}
		for _, id := range gone {
			if err := os.RemoveAll(filepath.Join(root, id)); err != nil {
				s.log.Warn("cannot remove the folder of a bot whose data were deleted", "folder", id, "error", err)
			}
		}
	}
}

// retain removes what was put away too long ago or was deleted, every minute.
func (s *Supervisor) retain(ctx context.Context) {
	for {
		s.forget(ctx)
		s.sweep(s.opt.Clock.Now().Add(-s.opt.Retention))
		if sleep(ctx, retainEvery) != nil {
			return
		}
	}
}

func (s *Supervisor) sweep(before time.Time) {
	root := filepath.Join(s.opt.Data, finishedDir)
	dirs, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("cannot look through finished bots", "error", err)
	}
	for _, d := range dirs {
		info, err := d.Info()
		if err != nil || !info.ModTime().Before(before) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(root, d.Name())); err != nil {
			s.log.Warn("cannot remove a finished bot's folder", "folder", d.Name(), "error", err)
		}
	}
}
