package transcript

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"time"
)

const ms = time.Millisecond

// spoken is a word of the truth.
type spoken struct {
	who string
	Word
}

// talk is a conversation with the truth about it: who says which word when, on
// the recording's clock.
type talk struct {
	words  []spoken
	turns  []Turn
	breaks []time.Duration
	length time.Duration
	names  []string
}

// converse makes a conversation: turns of a few words to a speech, in one of
// eight somebody talks into the end of another's, with pauses of the recording
// and reconnects in between.
func converse(rng *rand.Rand, people int, length time.Duration) talk {
	t := talk{length: length}
	for i := range people {
		t.names = append(t.names, fmt.Sprintf("Person %c", 'A'+i))
	}
	at, who := time.Second, 0
	between := func(from, to time.Duration) time.Duration { return from + time.Duration(rng.Int64N(int64(to-from))) }
	for n := 0; at < length-40*time.Second; n++ {
		who = (who + 1 + rng.IntN(people-1)) % people
		turn := Turn{Speaker: t.names[who], Span: Span{From: at}}
		count := 2 + rng.IntN(40)
		for i := range count {
			long := between(120*ms, 450*ms)
			text := fmt.Sprintf("w%d-%d", n, i)
			if i == count-1 {
				text += "."
			}
			t.words = append(t.words, spoken{t.names[who], Word{Text: text, Start: at, End: at + long, Confidence: 0.9, Language: "en", Voice: who}})
			at += long + between(20*ms, 160*ms)
			turn.To = at
		}
		t.turns = append(t.turns, turn)
		switch rng.IntN(24) {
		case 0: // the recording is paused here: nothing of the pause is on its clock
			t.breaks = append(t.breaks, at+100*ms)
			at += 200 * ms
		case 1: // the bot is away and comes back
			t.breaks = append(t.breaks, at+50*ms, at+12*time.Second)
			at += 12*time.Second + 100*ms
		case 2:
			at += between(5*time.Second, 90*time.Second)
		case 3, 4, 5: // into the end of the other's turn
			at -= min(between(200*ms, 1500*ms), turn.To-turn.From)
		default:
			at += between(150*ms, 900*ms)
		}
	}
	slices.SortStableFunc(t.words, func(a, b spoken) int { return int(a.Start - b.Start) })
	return t
}

// tracks has every chunk of a plan heard by a service that is off by up to
// jitter, and mistakes the voice of a word in one of twenty.
func (t talk) tracks(rng *rand.Rand, plan []Chunk, jitter time.Duration) []Track {
	var list []Track
	for i := 0; i < len(plan); {
		s := plan[i].Source
		var chunks []Heard
		for ; i < len(plan) && plan[i].Source.Channel == s.Channel; i++ {
			chunks = append(chunks, t.hear(rng, plan[i], jitter))
		}
		list = append(list, Track{Source: s, Chunks: heard(chunks...)})
	}
	return list
}

func heard(chunks ...Heard) iter.Seq2[Heard, error] {
	return func(yield func(Heard, error) bool) {
		for _, c := range chunks {
			if !yield(c, nil) {
				return
			}
		}
	}
}

func (t talk) hear(rng *rand.Rand, c Chunk, jitter time.Duration) Heard {
	h := Heard{Clock: together(c.Spans)}
	off := func() time.Duration { return time.Duration(rng.Int64N(int64(2*jitter))) - jitter }
	for _, p := range h.Clock {
		first, _ := slices.BinarySearchFunc(t.words, p.From, func(w spoken, at time.Duration) int { return int(w.Start - at) })
		for _, w := range t.words[first:] {
			if w.Start > p.To {
				break
			}
			if c.Source.Speaker != "" && w.who != c.Source.Speaker || w.End > p.To {
				continue
			}
			w.Start, w.End = max(w.Start-p.From+p.At+off(), 0), max(w.End-p.From+p.At+off(), 0)
			if rng.IntN(20) == 0 {
				w.Voice = rng.IntN(len(t.names))
			}
			h.Words = append(h.Words, w.Word)
		}
	}
	return h
}

// together is the clock of audio that is cut together of spans.
func together(spans []Span) (c Clock) {
	at := time.Duration(0)
	for _, s := range spans {
		c = append(c, Piece{at, s.From, s.To})
		at += s.To - s.From
	}
	return c
}

// sources are one for each participant.
func (t talk) sources() (list []Source) {
	for i, name := range t.names {
		s := Source{Channel: i, Speaker: name, Length: t.length}
		for _, turn := range t.turns {
			if turn.Speaker == name {
				s.Voice = append(s.Voice, turn.Span)
			}
		}
		list = append(list, s)
	}
	return list
}

// mix is the source of all.
func (t talk) mix() []Source {
	s := Source{Length: t.length}
	for _, turn := range t.turns {
		s.Voice = append(s.Voice, turn.Span)
	}
	return []Source{s}
}

// kept is a sink that keeps all.
type kept struct {
	list  []Utterance
	total Totals
}

func (k *kept) Put(u Utterance) error { k.list = append(k.list, u); return nil }

func (k *kept) Close(t Totals) error { k.total = t; return nil }
