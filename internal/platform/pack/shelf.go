package pack

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"steno/internal/meeting"
)

// Shelf gives out the packs of an operator's folder as they are now. A file
// that is broken is refused: the last good one stays, and the log says so, once
// for each state of the file. It keeps a copy of that one, so that a server which
// begins with a broken file has it, too. Safe for concurrent use.
type Shelf struct {
	folder string
	copies string
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

// NewShelf opens the folder of an operator; empty: only built-in packs. Copies is
// a folder of its own, made when it is needed. It looks at all packs at once, so
// that the log tells of a broken one at the start.
func NewShelf(folder, copies string, log *slog.Logger) *Shelf {
	s := &Shelf{folder: folder, copies: copies, log: log, kept: map[meeting.Platform]*kept{}}
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
	if err != nil {
		if k.pack == nil {
			k.pack = s.recall(p)
		}
		s.log.Error("pack refused; the last good one stays", "platform", p, "in_force", version(k.pack), "error", err)
		return
	}
	k.pack = pack
	s.log.Info("pack in force for new bots", "platform", p, "version", version(pack))
	if err := s.keep(p, pack); err != nil {
		s.log.Warn("cannot keep a copy of the pack; a restart with a broken file would not have it", "platform", p, "error", err)
	}
}

// recall returns the last good pack of an earlier server, nil if there was none or
// this program does not take it any more.
func (s *Shelf) recall(p meeting.Platform) *Pack {
	pack, err := Load(s.copies, p)
	if err != nil {
		s.log.Warn("the copy of the last good pack is no good", "platform", p, "error", err)
		return nil
	}
	return pack
}

// keep puts a copy of the pack away; nil removes the earlier one.
func (s *Shelf) keep(p meeting.Platform, pack *Pack) error {
	file := filepath.Join(s.copies, fileName(p))
	if pack == nil {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := os.MkdirAll(s.copies, 0o700); err != nil {
		return err
	}
	fresh := file + ".new"
	if err := os.WriteFile(fresh, []byte(pack.Text()), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, file)
}

func version(p *Pack) string {
	if p == nil {
		return "built in"
	}
	return p.Version
}
