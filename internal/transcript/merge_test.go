package transcript

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// compare counts the words that came back right, and how far off they are.
func compare(t talk, k *kept) (found, right int, worst time.Duration) {
	truth := map[string]spoken{}
	for _, w := range t.words {
		truth[w.Text] = w
	}
	for _, u := range k.list {
		for _, w := range u.Words {
			s, ok := truth[w.Text]
			if !ok {
				continue
			}
			found++
			if s.who == u.Speaker {
				right++
			}
			worst = max(worst, (w.Start - s.Start).Abs(), (w.End - s.End).Abs())
		}
	}
	return found, right, worst
}

func orderly(t interface{ Errorf(string, ...any) }, k *kept, breaks []time.Duration) {
	last := time.Duration(0)
	for _, u := range k.list {
		if u.Start < last {
			t.Errorf("the utterance at %s comes after the one at %s", u.Start, last)
		}
		last = u.Start
		for i, w := range u.Words {
			if w.End < w.Start || i > 0 && w.Start < u.Words[i-1].Start {
				t.Errorf("the word at %s is out of order", w.Start)
			}
		}
		for _, b := range breaks {
			if u.Start < b && u.Words[len(u.Words)-1].Start >= b {
				t.Errorf("the utterance at %s reaches over the break at %s", u.Start, b)
			}
		}
	}
}

// With a track for each person every word is there, is said by the right one,
// and is where it was said, whatever was paused, cut out and talked into.
func TestWordsOfPeoplesOwnTracksComeBackToTheirPlaceAndPerson(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		talk := converse(rng, rapid.IntRange(2, 5).Draw(rt, "people"), 4*time.Minute)
		plan := Plan(talk.sources(), Rules{Longest: time.Duration(rapid.IntRange(1, 6).Draw(rt, "chunk")) * time.Minute})
		k := &kept{}
		total, err := Merge(talk.tracks(rng, plan, 100*ms), Meeting{Breaks: talk.breaks, Length: talk.length}, k)
		if err != nil {
			rt.Fatal(err)
		}
		found, right, worst := compare(talk, k)
		if found != len(talk.words) || right != found {
			rt.Errorf("of %d words %d came back, %d of them with the right speaker", len(talk.words), found, right)
		}
		if worst > 150*ms {
			rt.Errorf("a word is off by %s", worst)
		}
		if total.Utterances != len(k.list) || total.Duration != talk.length || !slices.Equal(total.Languages, []string{"en"}) {
			rt.Errorf("totals are %+v", total)
		}
		orderly(rt, k, talk.breaks)
	})
}

// Of the mix, at least 97 words of a hundred go to the right person, though the
// timeline and the service are both off by up to a tenth of a second and people
// talk at the same time.
func TestWordsOfTheMixGoToThoseWhoSpoke(t *testing.T) {
	for _, numbered := range []bool{true, false} {
		all, good := 0, 0
		for seed := range uint64(6) {
			rng := rand.New(rand.NewPCG(seed, 2))
			talk := converse(rng, 2+int(seed%4), 30*time.Minute)
			shaken := slices.Clone(talk.turns)
			for i := range shaken {
				shaken[i].From += time.Duration(rng.Int64N(int64(200*ms))) - 100*ms
				shaken[i].To += time.Duration(rng.Int64N(int64(200*ms))) - 100*ms
			}
			tracks := talk.tracks(rng, Plan(talk.mix(), Rules{Longest: 10 * time.Minute}), 100*ms)
			if !numbered {
				tracks = unnumbered(t, tracks)
			}
			k := &kept{}
			if _, err := Merge(tracks, Meeting{Turns: shaken, Breaks: talk.breaks, Length: talk.length}, k); err != nil {
				t.Fatal(err)
			}
			found, right, worst := compare(talk, k)
			if found != len(talk.words) || worst > 150*ms {
				t.Errorf("seed %d: %d of %d words came back, off by up to %s", seed, found, len(talk.words), worst)
			}
			all, good = all+found, good+right
			orderly(t, k, talk.breaks)
		}
		share := float64(good) / float64(all)
		t.Logf("numbered voices %v: %.2f %% of %d words are right", numbered, 100*share, all)
		if share < 0.97 {
			t.Errorf("numbered voices %v: %.2f %% of the words went to the right person, want 97 %%", numbered, 100*share)
		}
	}
}

func unnumbered(t *testing.T, tracks []Track) []Track {
	for i := range tracks {
		var chunks []Heard
		for h, err := range tracks[i].Chunks {
			if err != nil {
				t.Fatal(err)
			}
			for j := range h.Words {
				h.Words[j].Voice = -1
			}
			chunks = append(chunks, h)
		}
		tracks[i].Chunks = heard(chunks...)
	}
	return tracks
}

func TestMixWithoutATimelineIsSaidByNobodyKnown(t *testing.T) {
	k := &kept{}
	h := Heard{Words: []Word{{Text: "hello", Start: 0, End: 200 * ms, Voice: -1}}}
	if _, err := Merge([]Track{{Chunks: heard(h)}}, Meeting{}, k); err != nil || len(k.list) != 1 || k.list[0].Speaker != Nobody {
		t.Errorf("%v %+v", err, k.list)
	}
}

func TestWordThatReachesOverACutStaysInItsPiece(t *testing.T) {
	c := Clock{{0, 10 * time.Second, 12 * time.Second}, {2 * time.Second, 100 * time.Second, 103 * time.Second}}
	for name, tc := range map[string]struct{ from, to, start, end time.Duration }{
		"within":                {500 * ms, 900 * ms, 10500 * ms, 10900 * ms},
		"over the end":          {1700 * ms, 2100 * ms, 11700 * ms, 12000 * ms},
		"over the beginning":    {1900 * ms, 2300 * ms, 100000 * ms, 100300 * ms},
		"behind all":            {4900 * ms, 5200 * ms, 102900 * ms, 103000 * ms},
		"ends before it begins": {3000 * ms, 2900 * ms, 101000 * ms, 101000 * ms},
	} {
		w := c.Place(Word{Start: tc.from, End: tc.to})
		if w.Start != tc.start || w.End != tc.end {
			t.Errorf("%s: %s to %s, want %s to %s", name, w.Start, w.End, tc.start, tc.end)
		}
	}
}

func TestPlanHoldsEveryVoiceAndNoLongSilence(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := Source{Speaker: "Ada", Length: time.Hour}
		at := time.Duration(0)
		for range rapid.IntRange(0, 30).Draw(rt, "turns") {
			at += time.Duration(rapid.IntRange(0, 200_000).Draw(rt, "silence")) * ms
			to := at + time.Duration(rapid.IntRange(100, 400_000).Draw(rt, "voice"))*ms
			if at < s.Length {
				s.Voice = append(s.Voice, Span{at, min(to, s.Length)})
			}
			at = to
		}
		r := Rules{Longest: 3 * time.Minute}
		silence := func(at time.Duration) bool {
			return !slices.ContainsFunc(s.Voice, func(v Span) bool { return v.From <= at && at < v.To })
		}
		var all []Span
		for n, c := range Plan([]Source{s}, r) {
			if c.N != n || c.Length() > r.Longest || c.Length() == 0 {
				rt.Errorf("chunk %d is number %d and lasts %s", n, c.N, c.Length())
			}
			for i, span := range c.Spans {
				if i == 0 && len(all) > 0 && !silence(span.From) && span.From-all[len(all)-1].From < r.Longest {
					rt.Errorf("a voice is cut at %s, which could have waited for silence", span.From)
				}
				if len(all) > 0 && span.From < all[len(all)-1].To {
					rt.Errorf("%s is transcribed twice", span.From)
				}
				all = append(all, span)
			}
		}
		for _, v := range s.Voice {
			for at := v.From; at < v.To; at += 100 * ms {
				if !slices.ContainsFunc(all, func(p Span) bool { return p.From <= at && at < p.To }) {
					rt.Fatalf("the voice at %s is not transcribed", at)
				}
			}
		}
		for _, p := range all {
			quiet := time.Duration(0)
			for at := p.From; at < p.To; at += 50 * ms {
				if quiet += 50 * ms; !silence(at) {
					quiet = 0
				}
				if quiet > 2*time.Second {
					rt.Fatalf("a long silence at %s is transcribed", at)
				}
			}
		}
	})
}

func TestLimitsOfAServiceMakeChunksShorter(t *testing.T) {
	if r := (Rules{}).Within(Limits{}); r.Longest != time.Hour {
		t.Errorf("without limits %s", r.Longest)
	}
	if r := (Rules{}).Within(Limits{Length: time.Minute, Bytes: 25 << 20}); r.Longest != time.Minute {
		t.Errorf("with both %s", r.Longest)
	}
	if r := (Rules{}).Within(Limits{Bytes: 24_000_000}); r.Longest != 2000*time.Second {
		t.Errorf("with bytes %s", r.Longest)
	}
}

func TestAResultThatCannotBeReadEndsTheMerge(t *testing.T) {
	gone := errors.New("gone")
	bad := Track{Source: Source{Speaker: "Ada"}, Chunks: func(yield func(Heard, error) bool) { yield(Heard{}, gone) }}
	if _, err := Merge([]Track{bad}, Meeting{}, &kept{}); !errors.Is(err, gone) {
		t.Errorf("the error is %v", err)
	}
}
