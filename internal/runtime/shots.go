package runtime

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	"steno/internal/bot"
	"steno/internal/record/journal"
)

const (
	// shotBatch is how many screenshots make a report of their own. Fewer wait
	// for one that has more to say.
	shotBatch = 6
	drainPoll = 20 * time.Millisecond
)

// shots stores a bot's screenshots, and evidence, beside its reports, which must
// not wait for the object store while the meeting runs. A screenshot's file goes
// when the report that names it was taken, so that a file which is still there has
// to be stored, whoever looks at it; the few of evidence stay in the folder.
type shots struct {
	t *tail

	mu      sync.Mutex
	waiting []journal.Artifact   // to be stored; the first is being stored
	stored  []bot.StoredArtifact // to be reported
	files   map[string]string    // of those, by key
	told    []string             // files of what is in the pending report
	wake    chan struct{}
}

func newShots(t *tail) *shots {
	return &shots{t: t, files: map[string]string{}, wake: make(chan struct{}, 1)}
}

// add has a file stored, unless that was done before.
func (s *shots) add(a journal.Artifact) {
	if _, err := os.Stat(s.file(a)); err != nil {
		return
	}
	s.mu.Lock()
	s.waiting = append(s.waiting, a)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *shots) file(a journal.Artifact) string {
	return filepath.Join(s.t.w.folder, filepath.FromSlash(a.Path))
}

// run stores until ctx ends.
func (s *shots) run(ctx context.Context) {
	for {
		a, ok := s.first()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-s.wake:
			}
			continue
		}
		stored, err := s.t.store(ctx, a)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.waiting = s.waiting[1:]
		s.stored = append(s.stored, stored)
		if a.Kind == bot.KindScreenshot {
			s.files[stored.Key] = s.file(a)
		}
		s.mu.Unlock()
	}
}

func (s *shots) first() (journal.Artifact, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return journal.Artifact{}, false
	}
	return s.waiting[0], true
}

// take returns what is stored and not reported, if there are at least so many.
func (s *shots) take(least int) []bot.StoredArtifact {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.stored) < least {
		return nil
	}
	list := s.stored
	s.stored = nil
	for _, a := range list {
		if file, ok := s.files[a.Key]; ok {
			s.told = append(s.told, file)
			delete(s.files, a.Key)
		}
	}
	return list
}

// reported removes the files of what a report has named.
func (s *shots) reported() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.told {
		_ = os.Remove(f) // else it is stored once more
	}
	s.told = nil
}

// drain waits until all is stored.
func (s *shots) drain(ctx context.Context) error {
	for {
		if _, ok := s.first(); !ok {
			return nil
		}
		if err := sleep(ctx, drainPoll); err != nil {
			return err
		}
	}
}
