package pack

import (
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"steno/internal/meeting"
)

// Shelf gives out the packs of an operator's folder as they are now. A file
// that is broken is refused: the last good one stays, and the log says so, once
// for each state of the file. Safe for concurrent use.
type Shelf struct {
	folder string
	log    *slog.Logger

	mu   sync.Mutex
	kept map[meeting.Platform]*kept
}

type kept struct {
	pack *Pack // the last good one; nil: the built-in one
	seen stamp // of the file that was read last
}

// stamp tells states of a file apart.
type stamp struct {
	size int64
	at   time.Time
}

// NewShelf opens the folder of an operator; empty: only built-in packs. It
// looks at all packs at once, so that the log tells of a broken one at the
// start.
func NewShelf(folder string, log *slog.Logger) *Shelf {
	s := &Shelf{folder: folder, log: log, kept: map[meeting.Platform]*kept{}}
	for _, p := range Platforms() {
		s.Override(p)
	}
	return s
}

// Override returns the text of the operator's pack of a platform, empty when
// the built-in one is in force.
func (s *Shelf) Override(p meeting.Platform) string {
	if s.folder == "" {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[p]
	if k == nil {
		k = &kept{}
		s.kept[p] = k
	}
	if now := s.stamp(p); now != k.seen {
		k.seen = now
		s.reload(p, k)
	}
	return k.pack.Text()
}

func (s *Shelf) stamp(p meeting.Platform) stamp {
	info, err := os.Stat(filepath.Join(s.folder, fileName(p)))
	if err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime()}
}

func (s *Shelf) reload(p meeting.Platform, k *kept) {
	pack, err := Load(s.folder, p)
	switch {
	case err != nil:
		s.log.Error("pack refused; the last good one stays", "platform", p, "in_force", version(k.pack), "error", err)
	default:
		k.pack = pack
		s.log.Info("pack in force for new bots", "platform", p, "version", version(pack))
	}
}

func version(p *Pack) string {
	if p == nil {
		return "built in"
	}
	return p.Version
}
