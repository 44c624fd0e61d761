package session

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/record/journal"
)

func shotsIn(entries []journal.Entry) (paths []string) {
	for _, e := range entries {
		if e.Artifact != nil && e.Artifact.Kind == bot.KindScreenshot {
			paths = append(paths, e.Artifact.Path)
		}
	}
	return paths
}

// Screenshots are files before they are in the journal, and their numbers go on
// when another process takes over.
func TestScreenshotsAreNumberedAcrossProcesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *bot.Spec) { s.Mode, s.Screenshots = bot.SpeakerView, time.Millisecond })
	w.show(inCall("me"))
	p := w.start()
	several := func(n int) func([]journal.Entry) bool {
		return func(e []journal.Entry) bool { return len(shotsIn(e)) >= n }
	}
	w.until("three screenshots", several(3))
	p.stop()
	_ = p.wait()
	before := len(shotsIn(w.entries()))
	p = w.start()
	w.until("two more", several(before+2))
	p.leave <- "terminal"
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	for i, path := range shotsIn(w.entries()) {
		if path != ShotsDir+"/"+bot.ShotName(i+1)+".jpg" {
			t.Errorf("screenshot %d is %s", i+1, path)
		}
		if b, err := os.ReadFile(filepath.Join(w.folder, path)); err != nil || string(b) != "jpeg" {
			t.Errorf("%s: %q %v", path, b, err)
		}
	}
	last := w.entries()[slices.IndexFunc(w.entries(), func(e journal.Entry) bool { return e.End != nil }):]
	if len(shotsIn(last)) > 0 {
		t.Error("a screenshot after the end")
	}
}

func TestNoScreenshotsOfAudioOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *bot.Spec) { s.Screenshots = time.Millisecond })
	w.show(inCall("me"))
	p := w.start()
	w.untilState(bot.Recording)
	p.leave <- "terminal"
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	if list := shotsIn(w.entries()); len(list) > 0 {
		t.Errorf("screenshots %v", list)
	}
}
