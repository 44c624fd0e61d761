package main

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"steno/internal/transcript"
)

// corpus makes transcripts that are like speech in what counts for an index: few
// words are said all the time and many hardly ever (Zipf's law).
type corpus struct {
	rng   *rand.Rand
	zipf  *rand.Zipf
	words []string // the most frequent first
	names []string
}

const vocabulary = 30_000

func newCorpus() *corpus {
	rng := rand.New(rand.NewPCG(1, 2))
	c := &corpus{rng: rng, zipf: rand.NewZipf(rng, 1.07, 4, vocabulary-1)}
	known := map[string]bool{}
	for len(c.words) < vocabulary {
		word := ""
		for range 1 + min(rng.IntN(4), len(c.words)/50) {
			word += string("bcdfghjklmnprstvwz"[rng.IntN(18)]) + []string{"a", "e", "i", "o", "u", "é", "ei", "on", "er", "an", "st"}[rng.IntN(11)]
		}
		if !known[word] {
			known[word] = true
			c.words = append(c.words, word)
		}
	}
	for i := range 200 {
		c.names = append(c.names, fmt.Sprintf("%s %s", strings.ToUpper(c.words[1000+i][:1])+c.words[1000+i][1:], c.words[3000+i]))
	}
	return c
}

func (c *corpus) word() string { return c.words[c.zipf.Uint64()] }

// meeting is a transcript of four people.
func (c *corpus) meeting(utterances int) (said []transcript.Indexed) {
	at := 0.0
	var names [4]string
	for i := range names {
		names[i] = c.names[c.rng.IntN(len(c.names))]
	}
	for range utterances {
		n := 4 + c.rng.IntN(24)
		words := make([]string, n)
		for i := range words {
			words[i] = c.word()
		}
		long := float64(n) * 0.35
		said = append(said, transcript.Indexed{Speaker: names[c.rng.IntN(4)], Start: at, End: at + long, Text: strings.Join(words, " ") + "."})
		at += long + 0.4
	}
	return said
}
