package meetings

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/record/journal"
	"steno/lab"
	"steno/lab/measure"
)

// Two bots in one meeting: one records what people send, the other films the page.
// What they recorded agrees with the truth and with each other.
func TestEnginesAgree(t *testing.T) {
	server, err := lab.Start(t.Context(), lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s, err := readScenario("../../lab/scenarios/meet-open.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s.Bot.Mode = bot.SpeakerView
	s.Do = []order{{In: bot.Recording, After: lab.Duration(24 * time.Second), Tell: "leave"}}
	room, err := server.Open(t.Context(), s.meeting)
	if err != nil {
		t.Fatal(err)
	}
	defer room.End()
	s.composeAfter = 31 * time.Second
	films := s
	films.Bot.Engine, films.Bot.Name = bot.ScreenEngine, "Steno Camera"
	both := make([]*life, 2)
	stolen := measure.Stolen()
	var wg sync.WaitGroup
	for i, one := range []scenario{s, films} {
		wg.Go(func() { both[i] = attend(t, server, room, one) })
		// One browser at a time begins: that takes all of two cores, and what a browser
		// is sent then it plays stretched.
		if err := untilWatched(t.Context(), room, i+1); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	share := stolen()
	tracks, film := both[0], both[1]
	for _, l := range both {
		if l == nil || l.done.Status != bot.Completed || len(l.gaps()) > 0 {
			t.Fatalf("not recorded as a whole: %+v", l)
		}
	}
	tracks.content(t)
	from := film.epoch + 4_000_000 // a browser needs a moment to play evenly
	to := min(tracks.ended.UnixMicro(), film.ended.UnixMicro()) - 2_000_000
	a, b := tracks.measured(t, from, to), film.measured(t, from, to)
	for _, r := range []*measure.Report{a, b} {
		t.Logf("sound %+v; picture late by %.0f ms, frozen %.3f, its sound %+v, together %+v; speakers %+v", *r.Mix, r.Video.OffsetMS, r.Video.FrozenRatio, *r.Video.Sound, r.Video.AV, *r.Speakers)
	}
	t.Logf("%.1f %% of the processors' time went to other machines", share*100)
	if a.Mix.Found < a.Mix.Utterances || b.Mix.Found < b.Mix.Utterances || math.Abs(b.Mix.OffsetMS) > mostOffMS || math.Abs(a.Mix.OffsetMS-b.Mix.OffsetMS) > mostOffMS {
		t.Errorf("sound: %.0f and %.0f ms off", a.Mix.OffsetMS, b.Mix.OffsetMS)
	}
	switch {
	case share > measure.MostStolen:
		t.Log("too much: when the film was played tells of the machine, not of the engine")
	case b.Video.AV == nil || math.Abs(b.Video.AV.MedianMS) > mostOffMS || math.Abs(a.Video.AV.MedianMS-b.Video.AV.MedianMS) > mostOffMS:
		t.Errorf("picture against sound: %+v and %+v", a.Video.AV, b.Video.AV)
	case math.Abs(a.Video.OffsetMS-b.Video.OffsetMS) > mostOffMS:
		t.Errorf("picture: %.0f and %.0f ms off", a.Video.OffsetMS, b.Video.OffsetMS)
	}
	switch {
	case b.Speakers.DER > mostError || b.Speakers.ConfusedS > mostConfused:
		t.Errorf("speakers of the film: %+v", *b.Speakers)
	case !slices.Equal(a.Speakers.Names, b.Speakers.Names):
		t.Errorf("speakers are called %q and %q", a.Speakers.Names, b.Speakers.Names)
	}
	if d := measure.Compare(tracks.turns(t, from, to), film.turns(t, from, to)); d.DER > mostError {
		t.Errorf("the one's speakers against the other's: %+v", *d)
	}
	if got, want := film.people(), tracks.people(); !slices.Equal(got, want) || len(got) != len(s.meeting.People) {
		t.Errorf("participants %q and %q", got, want)
	}
}

// untilWatched waits until so many guests are sent media.
func untilWatched(ctx context.Context, room *lab.Meeting, guests int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		n := 0
		for _, g := range room.Truth().Guests {
			if g.MediaUS > 0 {
				n++
			}
		}
		if n == guests {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (l *life) measured(t *testing.T, from, to int64) *measure.Report {
	t.Helper()
	r, err := measure.Measure(t.Context(), l.recording(l.epoch), l.truth, measure.Options{FromUS: from, ToUS: to})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// turns are who spoke when, in seconds since from.
func (l *life) turns(t *testing.T, from, to int64) (list []measure.Turn) {
	t.Helper()
	all, err := measure.ReadTurns(l.recording(l.epoch).Diarization)
	if err != nil {
		t.Fatal(err)
	}
	shift, end := float64(l.epoch-from)/1e6, float64(to-from)/1e6
	for _, u := range all {
		u.From, u.To = max(u.From+shift, 0), min(u.To+shift, end)
		if u.To > u.From {
			list = append(list, u)
		}
	}
	return list
}

// people are the names of the participants, but for bots.
func (l *life) people() (names []string) {
	for _, e := range l.entries {
		if e.Result == nil {
			continue
		}
		for _, p := range e.Result.Participants {
			if slices.ContainsFunc(l.meeting.People, func(o lab.Participant) bool { return o.Name == p.Name }) {
				names = append(names, p.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// recording describes the bot's files; epoch is their time zero.
func (l *life) recording(epoch int64) measure.Recording {
	var files []journal.Artifact
	for _, e := range l.entries {
		if e.Artifact != nil {
			files = append(files, *e.Artifact)
		}
	}
	return measure.Artifacts(l.folder, epoch, files)
}
