package transcript

import (
	"slices"
	"sort"
	"time"
)

// How words of a mix are given to people: each word likes those who spoke while
// it was said, and the one whom the service's own numbering of voices points to;
// it costs something to change the speaker, less where there is a pause, a sentence
// ends or the service hears another voice. The cheapest way through all words wins.
const (
	slack     = 120 * time.Millisecond // that words and turns may be off
	ofVoice   = 0.6                    // how much the service's numbering counts
	toChange  = 0.5                    // of the speaker in mid-sentence
	toChange2 = 0.1                    // after a pause or a sentence, or to another voice
)

// Nobody is the name of a speaker who is not known.
const Nobody = "Unknown"

// align says who said each word. turns are in order of their beginnings.
func align(words []Word, turns []Turn) []string {
	names, likes := liked(words, turns)
	out := make([]string, len(words))
	if len(names) == 0 {
		for i := range out {
			out[i] = Nobody
		}
		return out
	}
	addVoices(words, likes)
	cost := make([]float64, len(names))
	from := make([][]int32, len(words)) // the best speaker of the word before
	for i := range words {
		from[i] = make([]int32, len(names))
		change := toChange
		if i > 0 && (words[i].Start-words[i-1].End > slack || ends(words[i-1].Text) || words[i].Voice != words[i-1].Voice) {
			change = toChange2
		}
		best := cheapest(cost)
		next := make([]float64, len(names))
		for s := range names {
			from[i][s] = int32(s)
			next[s] = cost[s]
			if cost[best]+change < next[s] {
				from[i][s], next[s] = int32(best), cost[best]+change
			}
			next[s] += 1 - likes[i][s]
		}
		cost = next
	}
	s := cheapest(cost)
	for i := len(words) - 1; i >= 0; i-- {
		out[i] = names[s]
		s = int(from[i][s])
	}
	return out
}

func cheapest(cost []float64) (best int) {
	for s, c := range cost {
		if c < cost[best] {
			best = s
		}
	}
	return best
}

// liked tells how much of each word lies in the turns of each speaker, from 0
// to 1. Where nobody speaks, the nearest turn is better than none.
func liked(words []Word, turns []Turn) (names []string, likes [][]float64) {
	index := map[string]int{}
	for _, t := range turns {
		if _, known := index[t.Speaker]; !known {
			index[t.Speaker] = len(names)
			names = append(names, t.Speaker)
		}
	}
	reach := make([]time.Duration, len(turns)) // the latest end so far
	for i, t := range turns {
		reach[i] = t.To
		if i > 0 {
			reach[i] = max(reach[i], reach[i-1])
		}
	}
	likes = make([][]float64, len(words))
	for i, w := range words {
		likes[i] = make([]float64, len(names))
		first := sort.Search(len(turns), func(k int) bool { return reach[k] > w.Start-slack })
		for _, t := range turns[first:] {
			if t.From >= w.End+slack {
				break
			}
			n := index[t.Speaker]
			likes[i][n] = min(1, likes[i][n]+share(w, t.Span))
		}
		if slices.Max(append([]float64{0}, likes[i]...)) == 0 && len(turns) > 0 {
			likes[i][index[nearest(w, turns, first).Speaker]] = 0.3
		}
	}
	return names, likes
}

// share is the part of a word that lies in a span, half of it counted with the
// slack around the span.
func share(w Word, s Span) float64 {
	length := max(w.End-w.Start, 20*time.Millisecond)
	in := func(from, to time.Duration) float64 {
		return float64(max(min(w.Start+length, to)-max(w.Start, from), 0)) / float64(length)
	}
	return 0.7*in(s.From, s.To) + 0.3*in(s.From-slack, s.To+slack)
}

// nearest is the turn next to a word that lies in none. All turns before first
// have ended.
func nearest(w Word, turns []Turn, first int) Turn {
	var before, after *Turn
	for i := range turns[:first] {
		if before == nil || turns[i].To > before.To {
			before = &turns[i]
		}
	}
	if first < len(turns) {
		after = &turns[first]
	}
	if before == nil || after != nil && after.From-w.End < w.Start-before.To {
		return *after
	}
	return *before
}

// addVoices finds out whom the service's numbers mean, from the words that only
// one person can have said, and lets the numbers speak for the others.
func addVoices(words []Word, likes [][]float64) {
	votes := map[int][]float64{}
	for i, w := range words {
		if w.Voice < 0 {
			continue
		}
		if votes[w.Voice] == nil {
			votes[w.Voice] = make([]float64, len(likes[i]))
		}
		if alone := only(likes[i]); alone >= 0 {
			votes[w.Voice][alone]++
		}
	}
	for i, w := range words {
		v := votes[w.Voice]
		if w.Voice < 0 || slices.Max(v) == 0 {
			continue
		}
		for s := range likes[i] {
			sum := 0.0
			for _, n := range v {
				sum += n
			}
			likes[i][s] = (likes[i][s] + ofVoice*v[s]/sum) / (1 + ofVoice)
		}
	}
}

// only is the one speaker whom a word likes, -1 if there are none or several.
func only(likes []float64) int {
	found := -1
	for s, l := range likes {
		if l > 0 {
			if found >= 0 {
				return -1
			}
			found = s
		}
	}
	return found
}
