package live

import (
	"math"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/meeting"
	"steno/lab"
	"steno/lab/measure"
)

// A page that plays media by itself, as Zoom's web client does, gives no tracks. A
// bot that was told to take some all the same finds out:
// once somebody is shown speaking and nothing is heard for a while, the bot
// comes back with a browser that is filmed. The film has what was said, by whom, and
// the picture of whoever spoke last.
func TestPageWithoutTracksIsFilmed(t *testing.T) {
	even := needsProcessor(t)
	h := newHost(t, t.TempDir(), func(s *lab.Scenario) {
		s.Platform = lab.Zoom
		for i := range s.Turns { // the page names one at a time
			s.Turns[i].Pause = max(s.Turns[i].Pause, lab.Duration(300*time.Millisecond))
		}
	})
	h.start()
	h.launch(func(s *bot.Spec) { s.Platform, s.Mode, s.Engine = meeting.Zoom, bot.SpeakerView, bot.TrackEngine })
	if gap := h.untilGaps(1); gap.Reason != "engine" {
		t.Errorf("gap %+v, want one for the change of the engine", gap)
	}
	h.untilFilmed(14 * time.Second)
	rec, filmed := h.recording(), h.lastFilm()
	l := h.finish(bot.EndAPIRequest)
	rec.Video, rec.Audio, rec.Diarization = h.stored(l, "video"), h.stored(l, "audio"), h.stored(l, "diarization")
	report, err := measure.Measure(t.Context(), rec, h.room.Truth(), measure.Options{FromUS: filmed})
	if err != nil {
		t.Fatal(err)
	}
	logReport(t, report)
	played := even()
	checkFilm(t, report, played)
	if av := report.Video.AV; played && (av == nil || math.Abs(av.MedianMS) > mostOff) {
		t.Errorf("picture against sound %+v; want at most %d ms", av, mostOff)
	}
}
