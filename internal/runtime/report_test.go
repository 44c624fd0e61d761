package runtime

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"steno/internal/bot"
	"steno/internal/record/journal"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestParticipantsKeepTheirNumbers(t *testing.T) {
	t.Parallel()
	r := newReducer(nil)
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
	r := newReducer(nil)
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
	r := newReducer(nil)
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
		{"two cores, streamed audio", capacity(0, 2, 24<<30), cost(bot.Spec{Mode: bot.AudioOnly, Streaming: &bot.Streaming{}}), 11},
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

// What is being said is told as a whole whenever it changes, of bots that tell of
// it, until it has been said or nobody hears it any more.
func TestWhatIsBeingSaidIsTold(t *testing.T) {
	t.Parallel()
	const zero = 1_000_000_000
	caption := func(id, text string, from int64, final bool) journal.Entry {
		return journal.Entry{Caption: &journal.Caption{ID: id, Person: "a", Name: "Ann", Text: text, From: zero + from*1e6, To: zero + from*1e6, Final: final}}
	}
	heard := func(line, text string, from int64, partial bool) journal.Entry {
		return journal.Entry{Heard: &journal.Heard{Line: line, Person: "a", Text: text, From: zero + from*1e6, To: zero + from*1e6, Partial: partial}}
	}
	dies := journal.Entry{Session: &journal.Session{N: 2}}
	const unchanged = "unchanged"
	for _, c := range []struct {
		provider string
		partial  bool
		entries  []journal.Entry
		want     []string // what is being said after each
		said     int
	}{
		{bot.LiveCaptions, true, []journal.Entry{
			caption("c1", "we", 1, false), heard("t1/0", "not", 1, true), caption("c2", "no", 2, false), caption("c1", "we should", 1, false),
			caption("c2", "No.", 2, true), caption("c1", "We should.", 1, true), caption("c3", "Yes.", 3, true),
		}, []string{"we", unchanged, "we|no", "we should|no", "we should", "", unchanged}, 3},
		{bot.LiveCaptions, true, []journal.Entry{caption("c1", "we", 1, false), dies, caption("c1", "we", 1, true), dies}, []string{"we", "", unchanged, unchanged}, 1},
		{bot.LiveDeepgram, true, []journal.Entry{
			heard("t1/0", "we", 1, true), heard("t1/7", "no", 2, true), caption("c1", "not", 1, false), heard("t1/0", "", 3, true), heard("t1/7", "No.", 2, false), heard("t1/7", "", 2, true),
		}, []string{"we", "we|no", unchanged, "no", "", unchanged}, 1},
		{bot.LiveCaptions, false, []journal.Entry{caption("c1", "we", 1, false), caption("c1", "We.", 1, true)}, []string{unchanged, unchanged}, 1},
	} {
		r := newReducer(&bot.LiveTranscript{Provider: c.provider, Partial: c.partial})
		var all bot.Progress
		r.reduce(&all, journal.Entry{Epoch: &journal.Epoch{UnixMicro: zero}})
		r.reduce(&all, journal.Entry{Person: &journal.Person{ID: "a", Name: "Ann"}})
		for i, e := range c.entries {
			p := bot.Progress{}
			e.Seq = int64(i + 3)
			r.reduce(&p, e)
			got := unchanged
			if p.Partial != nil {
				texts := []string{}
				for _, u := range p.Partial {
					texts = append(texts, u.Text)
					if u.Speaker != "Ann" || u.N != 1 || u.Start <= 0 {
						t.Errorf("%s: %+v", c.provider, u)
					}
				}
				got = strings.Join(texts, "|")
			}
			if got != c.want[i] {
				t.Errorf("%s, %v, entry %d: %q, want %q", c.provider, c.partial, i, got, c.want[i])
			}
			all.Utterances = append(all.Utterances, p.Utterances...)
		}
		if len(all.Utterances) != c.said {
			t.Errorf("%s: %d utterances, want %d", c.provider, len(all.Utterances), c.said)
		}
	}
}

// What is told live stands on the recording's clock, from which pauses are cut out,
// under the name that the list of participants has.
func TestUtterancesAreToldOnceTheyHaveEnded(t *testing.T) {
	t.Parallel()
	const zero = 1_000_000_000
	line := func(id, person, name, text string, from, to int64, final bool) journal.Entry {
		return journal.Entry{Caption: &journal.Caption{ID: id, Person: person, Name: name, Text: text, From: zero + from*1e6, To: zero + to*1e6, Final: final, Language: "en"}}
	}
	entries := []journal.Entry{
		{Epoch: &journal.Epoch{UnixMicro: zero}},
		{Person: &journal.Person{ID: "a", Name: "Ann"}}, {Person: &journal.Person{ID: "b", Name: "Ben"}},
		line("c1", "a", "Ann", "we", 1, 1, false), line("c1", "a", "Ann", "We should.", 1, 3, true),
		{Pause: &journal.Pause{On: true, UnixMicro: zero + 10e6}}, {Pause: &journal.Pause{UnixMicro: zero + 30e6}},
		{Person: &journal.Person{ID: "b", Name: "Benjamin"}},
		line("c2", "b", "Ben", "Yes.", 31, 32, true), line("c3", "", "", "No.", 33, 34, true), line("c4", "", "Ann", "Cut off by the pause.", 9, 11, true),
	}
	captions, service, nobody := &bot.LiveTranscript{Provider: bot.LiveCaptions}, &bot.LiveTranscript{Provider: bot.LiveDeepgram}, (*bot.LiveTranscript)(nil)
	for _, c := range []struct {
		live *bot.LiveTranscript
		want []bot.Utterance
	}{
		{captions, []bot.Utterance{
			{Seq: 5, Speaker: "Ann", N: 1, Text: "We should.", Language: "en", Start: time.Second, End: 3 * time.Second},
			{Seq: 9, Speaker: "Benjamin", N: 2, Text: "Yes.", Language: "en", Start: 11 * time.Second, End: 12 * time.Second},
			{Seq: 10, Speaker: "Unknown", Text: "No.", Language: "en", Start: 13 * time.Second, End: 14 * time.Second},
			{Seq: 11, Speaker: "Ann", N: 1, Text: "Cut off by the pause.", Language: "en", Start: 9 * time.Second, End: 10 * time.Second},
		}}, {service, nil}, {nobody, nil},
	} {
		r := newReducer(c.live)
		var p bot.Progress
		for i, e := range entries {
			e.Seq = int64(i + 1)
			r.reduce(&p, e)
		}
		if diff := cmp.Diff(c.want, p.Utterances); diff != "" {
			t.Errorf("%+v: %s", c.live, diff)
		}
	}
}
