package runtime

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"

	"steno/internal/record/journal"
)

// watcher tells when journals grow. It shares one inotify instance among all
// bots: a system has few. Where there is none, polling does.
type watcher struct {
	fs  *fsnotify.Watcher // nil: not available
	log *slog.Logger

	mu   sync.Mutex
	subs map[string]chan struct{}
}

func newWatcher(log *slog.Logger) *watcher {
	fs, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("no file notifications; journals are polled", "error", err)
		fs = nil
	}
	return &watcher{fs: fs, log: log, subs: map[string]chan struct{}{}}
}

// add returns a channel that gets a value when the folder's journal has grown.
func (w *watcher) add(folder string) <-chan struct{} {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	w.subs[folder] = c
	w.mu.Unlock()
	if w.fs != nil {
		if err := w.fs.Add(folder); err != nil {
			w.log.Warn("no file notifications for a bot; its journal is polled", "folder", folder, "error", err)
		}
	}
	return c
}

func (w *watcher) remove(folder string) {
	w.mu.Lock()
	delete(w.subs, folder)
	w.mu.Unlock()
	if w.fs != nil {
		_ = w.fs.Remove(folder) // gone with the folder, as a rule
	}
}

// run passes notifications on until ctx ends.
func (w *watcher) run(ctx context.Context) {
	if w.fs == nil {
		return
	}
	defer w.fs.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-w.fs.Events:
			if !ok {
				return
			}
			if filepath.Base(e.Name) == journal.File {
				w.wake(filepath.Dir(e.Name))
			}
		case err, ok := <-w.fs.Errors:
			if !ok {
				return
			}
			w.log.Warn("file notifications", "error", err)
		}
	}
}

func (w *watcher) wake(folder string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.subs[folder] <- struct{}{}: // a nil channel is never ready
	default:
	}
}
