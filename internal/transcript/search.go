package transcript

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"steno/internal/page"
)

// Search asks for utterances. Zero fields do not narrow it.
type Search struct {
	Text    string `json:"q"`
	BotID   string `json:"b,omitempty"`
	Speaker string `json:"s,omitempty"` // words of the name
	// MeetingURL in any spelling.
	MeetingURL string `json:"m,omitempty"`
	// From and To bound when the bot was made; To is not included.
	From time.Time `json:"f,omitzero"`
	To   time.Time `json:"t,omitzero"`
}

// Lookup is a search as the store understands it: all terms and all words of the
// speaker's name must match.
type Lookup struct {
	Terms    []Term
	Speaker  []Term // each of one word
	BotID    string
	Meeting  string // its key
	From, To time.Time
	page.Span
}

// Hit is an utterance that was found.
type Hit struct {
	BotID, MeetingURL string
	Speaker, Text     string
	Start, End        float64 // seconds on the recording's clock
	// Snippet is the part of Text around the words that were found, as HTML: these
	// are between <mark> and </mark>, all else is escaped.
	Snippet   string
	CreatedAt time.Time // of the bot
	Place     page.Position
}

// Finder finds what an Index was given.
type Finder interface {
	// Find returns utterances of the team, those of the newest bot first, and of one
	// bot in order of time; against that order when Backward.
	Find(ctx context.Context, team string, l Lookup) ([]Hit, error)
}

// Hits is a part of what was found. The cursors are empty where nothing follows.
type Hits struct {
	Hits       []Hit
	Next, Prev string
}

// Searcher searches transcripts.
type Searcher struct {
	Finder Finder
	// MeetingKey reads the URL of a meeting; one that is none is fail.Invalid.
	MeetingKey func(url string) (string, error)
}

// Search returns a page of what was said. limit is at least 1; cursor is empty or
// comes from an earlier page of the same team and search. What cannot be searched
// for is fail.Invalid.
func (s *Searcher) Search(ctx context.Context, team string, q Search, limit int, cursor string) (out Hits, err error) {
	l := Lookup{BotID: q.BotID, From: q.From, To: q.To}
	if l.Terms, err = parse(q.Text); err != nil {
		return out, err
	}
	if l.Speaker, err = parseName(q.Speaker); err != nil {
		return out, err
	}
	if q.MeetingURL != "" {
		if l.Meeting, err = s.MeetingKey(q.MeetingURL); err != nil {
			return out, err
		}
	}
	var tag string
	if l.Span, tag, err = open(team, q, limit, cursor); err != nil {
		return out, err
	}
	if out.Hits, err = s.Finder.Find(ctx, team, l); err != nil {
		return out, err
	}
	out.Hits, out.Next, out.Prev = page.Of(out.Hits, l.Span, tag, func(h Hit) page.Position { return h.Place })
	for i, h := range out.Hits {
		out.Hits[i].Snippet = snippet(h.Text, l.Terms)
	}
	return out, nil
}

// open reads a cursor. The tag binds it to the team and the search.
func open(team string, q Search, limit int, cursor string) (p page.Span, tag string, err error) {
	text, err := json.Marshal(q) // texts and times
	if err != nil {
		return p, "", err
	}
	sum := sha256.Sum256(append([]byte(team+"\n"), text...))
	tag = hex.EncodeToString(sum[:8])
	p.Limit = page.Limit(limit)
	if cursor == "" {
		return p, tag, nil
	}
	var ok bool
	if p.From, p.Backward, ok = page.Read(cursor, tag); !ok {
		err = refuse("/cursor", "is not a cursor of this search; take it from the answer before, with the same parameters")
	}
	return p, tag, err
}

// Place is where an utterance stands among the hits: the time at which its bot was
// made, in milliseconds, and a number among what has the same. A position has the
// number in the form of an id (UUID version 8, RFC 9562 5.8).
func Place(at time.Time, n uint32) page.Position {
	return page.Position{At: at, ID: fmt.Sprintf("%s%012x", placePrefix, n)}
}

const placePrefix = "00000000-0000-8000-8000-"

// Number is the number of a Place; 0 of another position.
func Number(p page.Position) uint32 {
	n, err := strconv.ParseUint(strings.TrimPrefix(p.ID, placePrefix), 16, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// Words returns the words by which a text, or a name, is found.
func Words(text string) []string {
	words := wordsOf(text)
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w.text
	}
	return out
}
