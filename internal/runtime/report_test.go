package runtime

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"steno/internal/bot"
	"steno/internal/record/journal"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestParticipantsKeepTheirNumbers(t *testing.T) {
	t.Parallel()
	r := newReducer()
	seen := []journal.Person{
		{ID: "bot", Name: "Steno", Self: true},
		{ID: "a", Name: "Ann"},
		{ID: "b", Name: "Ben"},
		{ID: "a", Name: "Ann", Left: true},
		{ID: "a2", Name: "Ann"},               // Ann is back under another id
		{ID: "b2", Name: "Ben"},               // another Ben: the first one is still here
		{ID: "c", Name: ""},                   // no name yet
		{ID: "c", Name: "Cleo", Picture: "p"}, // and now there is one
	}
	var p bot.Progress
	for i, person := range seen {
		r.reduce(&p, journal.Entry{Seq: int64(i + 1), Person: &person})
	}
	want := []bot.Participant{{N: 1, Name: "Ann"}, {N: 2, Name: "Ben"}, {N: 3, Name: "Ben"}, {N: 4, Name: "Cleo", Picture: "p"}}
	if diff := cmp.Diff(want, p.People); diff != "" {
		t.Error(diff)
	}
	if p.Seq != int64(len(seen)) {
		t.Errorf("seq %d, want %d", p.Seq, len(seen))
	}
}

func TestPulsesAloneAreNoReport(t *testing.T) {
	t.Parallel()
	r := newReducer()
	var p bot.Progress
	for _, e := range []journal.Entry{
		{Seq: 1, Pulse: &journal.Pulse{}}, {Seq: 2, Speech: &journal.Speech{Person: "a", On: true}},
		{Seq: 3, Note: &journal.Note{Text: "x"}}, {Seq: 4, Track: &journal.Track{ID: "t1"}},
	} {
		r.reduce(&p, e)
	}
	if says(p) {
		t.Errorf("report %+v says something", p)
	}
}

// What was streamed before the bot's process died counts, too.
func TestTheEndTellsHowMuchWasStreamedInAll(t *testing.T) {
	t.Parallel()
	r := newReducer()
	var p bot.Progress
	for _, e := range []journal.Entry{
		{Session: &journal.Session{N: 1}}, {Streamed: &journal.Streamed{OutMS: 60000}},
		{Session: &journal.Session{N: 2}}, {Streamed: &journal.Streamed{OutMS: 1500, InMS: 20}}, {Done: &journal.Done{Status: bot.Completed}},
	} {
		r.reduce(&p, e)
	}
	if p.Done == nil || p.Done.StreamedOut != 61500*time.Millisecond || p.Done.StreamedIn != 20*time.Millisecond {
		t.Errorf("the end tells %+v", p.Done)
	}
}

func TestCapacity(t *testing.T) {
	t.Parallel()
	video, audio, screen := cost(bot.Spec{Mode: bot.SpeakerView}), cost(bot.Spec{Mode: bot.AudioOnly}), cost(bot.Spec{Engine: bot.ScreenEngine})
	cases := []struct {
		name string
		room load
		of   load
		want int
	}{
		{"two cores, video", capacity(0, 2, 24<<30), video, 9},
		{"two cores, audio", capacity(0, 2, 24<<30), audio, 15},
		{"two cores, screen", capacity(0, 2, 24<<30), screen, 2},
		{"little memory", capacity(0, 16, 2<<30), audio, 4},
		{"tiny machine carries one", capacity(0, 1, 100<<20), screen, 1},
		{"operator's number", capacity(3, 64, 1<<40), screen, 3},
	}
	for _, c := range cases {
		n, sum := 0, load{}
		for c.room.carries(sum.plus(c.of)) && n < 100 {
			sum = sum.plus(c.of)
			n++
		}
		if n != c.want {
			t.Errorf("%s: %d bots, want %d", c.name, n, c.want)
		}
	}
}
