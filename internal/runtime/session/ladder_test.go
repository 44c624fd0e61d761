package session

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/platform"
	"steno/internal/record/journal"
	"steno/internal/record/screen"
)

// What tracks do not give is filmed: the bot comes back in another browser,
// also a bot process that was killed after that.
func TestWhatTracksDoNotGiveIsFilmed(t *testing.T) {
	speaking := func(who string) platform.Observation {
		o := inCall("me")
		o.Speaking = []string{who}
		return o
	}
	cases := []struct {
		name   string
		mode   bot.RecordingMode
		change func(w *world)
	}{
		{"a video that cannot be taken", bot.SpeakerView, func(w *world) { w.noVideo = true }},
		{"people who speak unheard", bot.AudioOnly, func(w *world) { w.noFrames, w.scene = true, speaking("p1") }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(s *bot.Spec) { s.Mode = c.mode })
			w.limits.Deaf = 50 * time.Millisecond
			w.show(inCall("me"))
			p := w.start()
			w.untilState(bot.Recording)
			w.set(func() { c.change(w) })
			filmed := func(n int) {
				t.Helper()
				w.until("film", func(e []journal.Entry) bool {
					films := 0
					for _, e := range e {
						if e.Track != nil && e.Track.ID == screen.TrackID {
							films++
						}
					}
					return films == n
				})
			}
			filmed(1)
			w.until("gap", func(e []journal.Entry) bool { return len(gaps(e)) == 1 && gaps(e)[0].Reason == "engine" })
			p.stop()
			if err := p.wait(); err == nil {
				t.Fatal("the process ended by itself")
			}
			p = w.start()
			filmed(2)
			p.leave <- "terminal"
			if err := p.wait(); err != nil {
				t.Fatal(err)
			}
			w.wantDone(bot.Completed, bot.EndAPIRequest)
			if w.stages != 2 {
				t.Errorf("%d stages, want 2", w.stages)
			}
		})
	}
}

// Nothing is filmed for want of what nobody sends, nor without the programs.
func TestTracksThatAreEnoughAreKept(t *testing.T) {
	cases := []struct {
		name   string
		mode   bot.RecordingMode
		change func(w *world)
		note   bool
	}{
		{"silence", bot.SpeakerView, func(w *world) { w.noFrames = true }, false},
		{"the bot itself is shown speaking", bot.SpeakerView, func(w *world) {
			w.noFrames = true
			w.scene.Speaking = []string{"me"}
		}, false},
		{"video that nobody wants", bot.AudioOnly, func(w *world) { w.noVideo = true }, false},
		{"nothing to film with", bot.SpeakerView, func(w *world) {
			w.noVideo, w.noStage = true, errors.New("install xvfb")
		}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(s *bot.Spec) { s.Mode = c.mode })
			w.limits.Deaf = 50 * time.Millisecond
			w.show(inCall("me"))
			w.set(func() { c.change(w) })
			p := w.start()
			w.untilState(bot.Recording)
			noted := func(e []journal.Entry) bool {
				return slices.ContainsFunc(e, func(e journal.Entry) bool {
					return e.Note != nil && strings.Contains(e.Note.Text, "cannot take over: install xvfb")
				})
			}
			if c.note {
				w.until("note", noted)
			}
			for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				w.set(func() {
					if w.stages > 0 {
						t.Fatal("the page is filmed")
					}
				})
			}
			p.leave <- "terminal"
			if err := p.wait(); err != nil {
				t.Fatal(err)
			}
			w.wantDone(bot.Completed, bot.EndAPIRequest)
		})
	}
}

// A platform that keeps its media to itself is filmed from the beginning, unless
// somebody wants it otherwise or the programs are missing.
func TestEngineThatThePlatformNeeds(t *testing.T) {
	cases := []struct {
		name   string
		asked  bot.Engine
		cannot error
		films  bool
	}{
		{"nobody has asked for one", "", nil, true},
		{"tracks are asked for", bot.TrackEngine, nil, false},
		{"nothing to film with", "", errors.New("install xvfb"), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(s *bot.Spec) { s.Mode, s.Engine = bot.SpeakerView, c.asked })
			w.engine, w.noStage = bot.ScreenEngine, c.cannot
			w.show(inCall("me"))
			p := w.start()
			w.untilState(bot.Recording)
			p.leave <- "terminal"
			if err := p.wait(); err != nil {
				t.Fatal(err)
			}
			w.wantDone(bot.Completed, bot.EndAPIRequest)
			noted := slices.ContainsFunc(w.entries(), func(e journal.Entry) bool {
				return e.Note != nil && strings.Contains(e.Note.Text, "cannot take over: install xvfb")
			})
			if films := w.stages == 1; films != c.films || noted != (c.cannot != nil) || len(gaps(w.entries())) > 0 {
				t.Errorf("filmed %t, noted %t, gaps %+v", films, noted, gaps(w.entries()))
			}
		})
	}
}
