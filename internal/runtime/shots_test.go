package runtime

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/runtime/runtimetest"
)

func shotsOf(l runtimetest.Life) (names []string) {
	for _, a := range l.Artifacts {
		if a.Kind == bot.KindScreenshot {
			names = append(names, a.Name)
		}
	}
	return names
}

// Screenshots are stored while the meeting runs, none is lost when the server
// goes or the store is away, and the bot's state is told meanwhile.
func TestScreenshotsAreStoredWhileTheMeetingRuns(t *testing.T) {
	v := newServer(t)
	v.shelf.down = 4 // the first tries fail
	v.start()
	s := spec("b1", "stays")
	s.Mode, s.Screenshots = bot.SpeakerView, 30*time.Millisecond
	if err := v.s.Launch(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	v.until("the state, though the store is down", func() bool { return slices.Contains(v.book.Life("b1").States, bot.Recording) })
	v.until("a report of screenshots", func() bool { return len(shotsOf(v.book.Life("b1"))) >= shotBatch })
	v.s.Stop() // what is stored and not reported yet is stored again
	v.start()
	v.until("another report", func() bool { return len(shotsOf(v.book.Life("b1"))) >= 3*shotBatch })
	v.book.Wish("b1")
	v.until("the end", func() bool { return len(v.book.Life("b1").Dones) == 1 })
	v.until("its folder is gone", func() bool { return len(v.s.Running()) == 0 })
	names := map[string]bool{}
	for _, n := range shotsOf(v.book.Life("b1")) {
		names[n] = true
	}
	for n := 1; n <= len(names); n++ {
		if !names[bot.ShotName(n)] {
			t.Errorf("screenshot %d of %d is missing", n, len(names))
		}
	}
	for n := range names {
		if !slices.Contains(v.shelf.keys, "b1/screenshots/"+n+".jpg") {
			t.Errorf("screenshot %s was reported and not stored", n)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(v.data, botsDir, "*", "screenshots", "*")); len(left) > 0 {
		t.Errorf("left on disk: %v", left)
	}
}
