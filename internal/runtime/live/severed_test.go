package live

import (
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/record/journal"
	"steno/lab"
)

// The server behind the page dies while the page still shows the call: the bot
// tries to come back and ends with what it has, long before the silence rule.
func TestDeadMediaServer(t *testing.T) {
	t.Parallel()
	// Whoever is shown to speak meanwhile would be missed first; where people share
	// tracks, nothing is sent of those who are silent.
	h := newHost(t, t.TempDir(), func(s *lab.Scenario) { s.Turns, s.Repeat, s.Tracks = nil, false, lab.TracksOwn })
	h.start()
	h.launch(nil)
	h.untilState(bot.Recording)
	h.untilRecorded(2 * time.Second)
	if err := h.lab.Close(); err != nil {
		t.Fatal(err)
	}
	h.until("the dead connection is noticed", func() bool {
		return slices.ContainsFunc(h.journal(), func(e journal.Entry) bool {
			return e.Note != nil && strings.Contains(e.Note.Text, "no connection that could carry them")
		})
	})
	h.playsAll(h.finished(bot.Completed, bot.EndInternalError), 2*time.Second)
}
