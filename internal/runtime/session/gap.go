package session

import (
	"os"
	"path/filepath"
	"time"

	"steno/internal/record/journal"
	"steno/internal/record/segment"
)

// gap is a stretch of the meeting that the bot missed, as far as it is known.
type gap struct {
	from   time.Time
	reason string
}

// closeGap writes the gap down when the media flow again: up to the first new
// frame, or to the moment at which the bot was back if nobody sends anything.
func (s *session) closeGap(firstFrame, back time.Time) {
	if s.gap == nil {
		return
	}
	to := firstFrame
	if to.IsZero() {
		to = back
	}
	if to.After(s.gap.from) {
		s.diary.write(journal.Entry{Gap: &journal.Gap{
			From: s.gap.from.UnixMicro(), To: to.UnixMicro(), Reason: s.gap.reason,
		}})
		s.log.Warn("media are missing", "from", s.gap.from, "to", to, "reason", s.gap.reason)
	}
	s.gap = nil
}

// late is how much older than a process's last journal entry its last frame may
// be where media flow: they pass through the browser first.
const late = 2 * time.Second

// lastKnown is the last moment of which a dead process left a trace: its last
// frame, or its last journal entry if nobody had sent anything for a while.
func lastKnown(folder string, m *memory) time.Time {
	last := lastFilmed(folder)
	dirs, _ := os.ReadDir(filepath.Join(folder, segment.Dir)) // none before the first track
	for _, d := range dirs {
		last = latest(last, lastArrival(folder, d.Name()))
	}
	if m.lastAt.Sub(last) > late {
		return m.lastAt
	}
	return last
}

// lastArrival is the arrival of a track's last whole frame.
func lastArrival(folder, track string) time.Time {
	files, err := segment.List(folder, track)
	if err != nil {
		return time.Time{}
	}
	for i := len(files) - 1; i >= 0; i-- {
		if t := lastIn(files[i]); !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

func lastIn(file string) time.Time {
	r, err := segment.Open(file)
	if err != nil {
		return time.Time{}
	}
	defer r.Close()
	var last time.Time
	for {
		f, err := r.Next()
		if err != nil {
			return last
		}
		last = time.UnixMicro(f.Arrival)
	}
}
