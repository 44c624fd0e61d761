package session

import (
	"errors"
	"time"

	"steno/internal/bot"
	"steno/internal/platform"
	"steno/internal/record/journal"
)

// films reports whether the page is to be filmed: because the spec or the
// platform's pack says so, or because tracks turned out not to be enough.
func (s *session) films() bool {
	if s.spec.Engine == bot.ScreenEngine {
		return true
	}
	var fell bool
	s.diary.look(func(m *memory) { fell = m.film })
	return fell
}

// choose has the page filmed from the beginning if the platform's pack says so and
// nobody has asked for an engine.
func (s *session) choose(a platform.Adapter) {
	if c, ok := a.(platform.Chooser); ok && c.Engine() == bot.ScreenEngine && s.spec.Engine == "" && !s.films() {
		s.film("pack", "the page of this platform keeps its media to itself")
	}
}

// film has the page filmed from the next visit on. Without the programs for it the
// bot goes on as it is, and what it can record is recorded.
func (s *session) film(from, why string) bool {
	if s.noFilm {
		return false
	}
	if err := s.opt.Tools.CanFilm(s.spec); err != nil {
		s.noFilm = true
		s.log.Warn("the screen engine cannot take over", "why", why, "error", err)
		s.diary.note(why+"; the screen engine cannot take over: "+err.Error(), "")
		return false
	}
	s.diary.write(journal.Entry{Command: &journal.Command{Name: commandFilm, From: from}})
	return true
}

// lacking says what the tracks of this page do not give, as far as is known by
// now; empty if nothing.
func (v *visit) lacking(seen platform.Observation, now time.Time) string {
	if v.film != nil {
		return ""
	}
	a := v.rec.Activity()
	if a.NeedsScreen && v.s.spec.Mode != bot.AudioOnly {
		return "a video cannot be taken as it is sent"
	}
	if a.AudioFrames > 0 || v.deaf.IsZero() && !v.shownSpeaking(seen) {
		return ""
	}
	if v.deaf.IsZero() {
		v.deaf = now
	}
	if now.Sub(v.deaf) < v.s.limits.Deaf {
		return ""
	}
	return "people speak, but no audio can be taken as it is sent"
}

// shownSpeaking reports whether the page shows somebody but the bot as
// speaking.
func (v *visit) shownSpeaking(seen platform.Observation) (yes bool) {
	v.s.diary.look(func(m *memory) {
		for _, id := range seen.Speaking {
			yes = yes || !m.self(id)
		}
	})
	return yes
}

// descend takes the last rung of the ladder: the visit ends, and the next one
// films the page.
func (v *visit) descend(why string) error {
	if !v.s.film("ladder", why) {
		return nil
	}
	return &loss{"engine", errors.New(why + "; the screen engine takes over")}
}
