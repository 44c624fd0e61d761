package compose

import (
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/record/journal"
)

// Who is told of a moment after the beginning was there at the beginning; who
// comes later was not.
func TestFirstPictureShowsSomebody(t *testing.T) {
	for _, mode := range []bot.RecordingMode{bot.SpeakerView, bot.GalleryView} {
		for _, tc := range []struct {
			at   float64
			note string
		}{{0.7, ""}, {5, "Nobody else is here"}} {
			s := newStory()
			s.apply(journal.Entry{At: epoch0, Epoch: &journal.Epoch{UnixMicro: epoch0.UnixMicro()}})
			s.apply(journal.Entry{At: epoch0.Add(time.Duration(tc.at * float64(time.Second))), Person: &journal.Person{ID: "a", Name: "Ada Lovelace"}})
			d := &director{mode: mode, story: s, sound: &sound{story: s}, eyes: func() []*eye { return nil }}
			got := d.scene(0, s.timeline())
			if len(got) != 1 || got[0].note != tc.note || tc.note == "" && got[0].name != "Ada Lovelace" {
				t.Errorf("%s: the first picture of a meeting to which Ada came after %.1f s: %+v", mode, tc.at, got)
			}
		}
	}
}
