package runtime

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"steno/internal/bot"
)

const retainEvery = time.Hour

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
	err := os.MkdirAll(kept, 0o700)
	if err == nil {
		err = errors.Join(os.RemoveAll(to), os.Rename(w.folder, to), os.Chtimes(to, now, now))
	}
	if err != nil {
		w.log.Error("cannot put the bot's folder away", "error", err)
	}
}

// retain removes what was put away too long ago, every hour.
func (s *Supervisor) retain(ctx context.Context) {
	for {
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
