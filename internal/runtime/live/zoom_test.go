package live

import (
	"os"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/meeting"
	"steno/lab"
)

// A page that plays media by itself, as Zoom's web client does, gives no tracks:
// once somebody is shown speaking and nothing is heard for a while, the bot
// comes back with a browser that is filmed.
func TestPageWithoutTracksIsFilmed(t *testing.T) {
	needsProcessor(t)
	if os.Getenv("STENO_STORM") == "" {
		t.Skip("takes two minutes; STENO_STORM=1 runs it")
	}
	h := newHost(t, t.TempDir(), func(s *lab.Scenario) { s.Platform = lab.Zoom })
	h.start()
	h.launch(func(s *bot.Spec) { s.Platform, s.Mode = meeting.Zoom, bot.SpeakerView })
	if gap := h.untilGaps(1); gap.Reason != "engine" {
		t.Errorf("gap %+v, want one for the change of the engine", gap)
	}
	h.untilFilmed(5 * time.Second)
	l := h.finish(bot.EndAPIRequest)
	h.stored(l, "video")
	h.stored(l, "audio")
}
