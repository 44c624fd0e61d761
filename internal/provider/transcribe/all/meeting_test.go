package all_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"steno/internal/record/ogg"
	"steno/internal/transcript"
)

type utterances []transcript.Utterance

func (u *utterances) Put(one transcript.Utterance) error { *u = append(*u, one); return nil }

func (u *utterances) Close(transcript.Totals) error { return nil }

// A conversation of three, who talk into each other, goes the whole way with
// every service: planned, cut out of the people's files, sent, and merged. Every
// word is said by somebody whose voice is heard at that moment, and all of the
// voices are transcribed.
func TestAMeetingGoesTheWholeWay(t *testing.T) {
	const length = 10 * time.Minute
	names := []string{"Ada Lovelace", "Grace Hopper", "Alan Turing"}
	rng := rand.New(rand.NewPCG(5, 5))
	sources := make([]transcript.Source, len(names))
	for i, name := range names {
		sources[i] = transcript.Source{Channel: i, Speaker: name, Length: length}
	}
	for at := sec(3); at < length-sec(30); {
		i := rng.IntN(len(names))
		to := at + sec(1+9*rng.Float64())
		if v := sources[i].Voice; len(v) == 0 || at-v[len(v)-1].To > sec(1) {
			sources[i].Voice = append(v, transcript.Span{From: at, To: to})
		}
		at = to + sec(4*rng.Float64()-1)
	}
	files := make([][]byte, len(names))
	for i, s := range sources {
		files[i] = audio(t, length, s.Voice...)
	}
	each(t, polite(), func(t *testing.T, b *bench) {
		plan := transcript.Plan(sources, transcript.Rules{Longest: time.Minute}.Within(b.client.Limits()))
		tracks := make([]transcript.Track, len(sources))
		heard := make([][]transcript.Heard, len(sources))
		var readers []*ogg.Reader
		for _, f := range files {
			r, err := ogg.NewReader(bytes.NewReader(f))
			if err != nil {
				t.Fatal(err)
			}
			readers = append(readers, r)
		}
		for _, c := range plan {
			i := c.Source.Channel
			var cut bytes.Buffer
			clock := cutOut(t, &cut, readers[i], c)
			res, err := b.result(t.Context(), request(fmt.Sprint("chunk ", i, c.N), cut.Bytes()))
			if err != nil || res == nil {
				t.Fatal(res, err)
			}
			heard[i] = append(heard[i], transcript.Heard{Clock: clock, Words: res.Words})
		}
		for i := range tracks {
			tracks[i] = transcript.Track{Source: sources[i], Chunks: func(yield func(transcript.Heard, error) bool) {
				for _, h := range heard[i] {
					if !yield(h, nil) {
						return
					}
				}
			}}
		}
		var list utterances
		if _, err := transcript.Merge(tracks, transcript.Meeting{Length: length}, &list); err != nil {
			t.Fatal(err)
		}
		said := map[string]time.Duration{}
		for _, u := range list {
			s := sources[u.Channel]
			if u.Speaker != s.Speaker {
				t.Fatalf("channel %d is given to %s", u.Channel, u.Speaker)
			}
			for _, w := range u.Words {
				if !voiceAt(s, w.Start) || !voiceAt(s, w.End) {
					t.Errorf("%s is silent at %s, when %q is said", u.Speaker, w.Start, w.Text)
				}
				said[u.Speaker] += w.End - w.Start
			}
		}
		for _, s := range sources {
			sum := time.Duration(0)
			for _, v := range s.Voice {
				sum += v.To - v.From
			}
			if said[s.Speaker] < sum/2 {
				t.Errorf("%s speaks for %s, of which %s are words", s.Speaker, sum, said[s.Speaker])
			}
		}
	})
}

// cutOut writes a chunk's audio and returns its clock.
func cutOut(t *testing.T, to *bytes.Buffer, r *ogg.Reader, c transcript.Chunk) (clock transcript.Clock) {
	samples := func(d time.Duration) int64 { return int64(d) * ogg.Rate / int64(time.Second) }
	span := func(n int64) time.Duration { return time.Duration(n) * time.Second / ogg.Rate }
	var spans []ogg.Span
	for _, s := range c.Spans {
		spans = append(spans, ogg.Span{From: samples(s.From), To: samples(s.To)})
	}
	pieces, err := ogg.Cut(to, r, spans)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pieces {
		clock = append(clock, transcript.Piece{At: span(p.At), From: span(p.From), To: span(p.To)})
	}
	return clock
}

// voiceAt reports whether a voice is heard within 150 ms of a moment.
func voiceAt(s transcript.Source, at time.Duration) bool {
	const off = 150 * time.Millisecond
	for _, v := range s.Voice {
		if at >= v.From-off && at <= v.To+off {
			return true
		}
	}
	return false
}
