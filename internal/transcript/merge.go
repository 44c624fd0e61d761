package transcript

import (
	"cmp"
	"iter"
	"slices"
	"time"
)

// An utterance ends with a pause, and is not longer than people read in one go.
const (
	pause  = 800 * time.Millisecond // between words
	breath = 250 * time.Millisecond // at the end of a sentence, in a long utterance
	long   = 20 * time.Second       // from here on any end of a sentence is an end
	most   = 45 * time.Second
)

// Heard is one chunk's words, on the clock of its audio.
type Heard struct {
	Clock Clock
	Words []Word
}

// Track is what was heard of one source: its chunks in order of time, each read
// when it is needed.
type Track struct {
	Source Source
	Chunks iter.Seq2[Heard, error]
}

// Meeting is what is known of a recording beside the words.
type Meeting struct {
	// Turns tell who spoke when, for tracks of several people.
	Turns []Turn
	// Breaks are moments at which the recording does not go on where it stopped:
	// pauses that were cut out, and gaps. No utterance reaches over one.
	Breaks []time.Duration
	Length time.Duration
}

// Turn says that somebody spoke.
type Turn struct {
	Speaker string
	Span
}

// Sink takes in a transcript, one utterance after the other in order of time.
type Sink interface {
	Put(Utterance) error
	Close(Totals) error
}

// Merge brings the tracks of a recording together and hands them to the sinks.
// It holds one chunk of each track at a time.
func Merge(tracks []Track, m Meeting, sinks ...Sink) (Totals, error) {
	m.Breaks = slices.Sorted(slices.Values(m.Breaks))
	m.Turns = slices.Clone(m.Turns)
	slices.SortStableFunc(m.Turns, func(a, b Turn) int { return cmp.Compare(a.From, b.From) })
	total := Totals{Duration: m.Length}
	said := map[string]time.Duration{}
	err := inOrder(tracks, m, func(u Utterance) error {
		total.Utterances++
		if u.Language != "" {
			said[u.Language] += u.End - u.Start + 1
		}
		for _, s := range sinks {
			if err := s.Put(u); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Totals{}, err
	}
	for l := range said {
		total.Languages = append(total.Languages, l)
	}
	slices.SortFunc(total.Languages, func(a, b string) int { return cmp.Or(cmp.Compare(said[b], said[a]), cmp.Compare(a, b)) })
	for _, s := range sinks {
		if err := s.Close(total); err != nil {
			return Totals{}, err
		}
	}
	return total, nil
}

// inOrder passes on the utterances of all tracks in order of their beginnings.
func inOrder(tracks []Track, m Meeting, use func(Utterance) error) error {
	type head struct {
		u    Utterance
		next func() (Utterance, error, bool)
	}
	var heads []head
	for _, t := range tracks {
		next, stop := iter.Pull2(utterances(t, m))
		defer stop()
		u, err, ok := next()
		if err != nil {
			return err
		}
		if ok {
			heads = append(heads, head{u, next})
		}
	}
	for len(heads) > 0 {
		first := 0
		for i := range heads {
			if heads[i].u.Start < heads[first].u.Start {
				first = i
			}
		}
		if err := use(heads[first].u); err != nil {
			return err
		}
		u, err, ok := heads[first].next()
		if err != nil {
			return err
		}
		if heads[first].u = u; !ok {
			heads = slices.Delete(heads, first, first+1)
		}
	}
	return nil
}

// utterances makes utterances of a track's words.
func utterances(t Track, m Meeting) iter.Seq2[Utterance, error] {
	return func(yield func(Utterance, error) bool) {
		s := splitter{channel: t.Source.Channel, breaks: m.Breaks}
		for h, err := range t.Chunks {
			if err != nil {
				yield(Utterance{}, err)
				return
			}
			words := placed(h)
			names := make([]string, len(words))
			if t.Source.Speaker == "" {
				names = align(words, m.Turns)
			}
			for i, w := range words {
				if u, done := s.add(w, cmp.Or(t.Source.Speaker, names[i])); done && !yield(u, nil) {
					return
				}
			}
		}
		if u, done := s.end(); done {
			yield(u, nil)
		}
	}
}

// placed returns a chunk's words on the recording's clock, in their order.
func placed(h Heard) []Word {
	words := make([]Word, len(h.Words))
	for i, w := range h.Words {
		words[i] = h.Clock.Place(w)
	}
	slices.SortStableFunc(words, func(a, b Word) int { return cmp.Compare(a.Start, b.Start) })
	return words
}

// splitter finds the ends of utterances.
type splitter struct {
	channel int
	breaks  []time.Duration
	open    Utterance
}

// add takes in the next word, and returns the utterance that ended before it.
func (s *splitter) add(w Word, speaker string) (Utterance, bool) {
	u, done := Utterance{}, false
	if s.splits(w, speaker) {
		u, done = s.end()
	}
	if len(s.open.Words) == 0 {
		s.open = Utterance{Speaker: speaker, Channel: s.channel, Start: w.Start}
	}
	s.open.Words = append(s.open.Words, w)
	s.open.End = max(s.open.End, w.End)
	return u, done
}

func (s *splitter) splits(w Word, speaker string) bool {
	n := len(s.open.Words)
	if n == 0 {
		return false
	}
	last := s.open.Words[n-1]
	gap, length := w.Start-last.End, w.End-s.open.Start
	return speaker != s.open.Speaker || w.Language != last.Language || gap >= pause || length > most ||
		ends(last.Text) && (length > long || gap >= breath && length > long/2) || s.broken(last.Start, w.Start)
}

// broken reports whether the recording does not go on between two moments.
func (s *splitter) broken(from, to time.Duration) bool {
	i, _ := slices.BinarySearch(s.breaks, from+1)
	return i < len(s.breaks) && s.breaks[i] <= to
}

// end closes the utterance that is open, if there is one.
func (s *splitter) end() (Utterance, bool) {
	u := s.open
	s.open = Utterance{}
	if len(u.Words) == 0 {
		return u, false
	}
	for _, w := range u.Words {
		u.Confidence += w.Confidence / float64(len(u.Words))
	}
	u.Language = u.Words[0].Language
	return u, true
}
