package transcript

import (
	"encoding/json"
	"fmt"
	"html"
	"strings"
	"unicode/utf8"

	"steno/internal/fail"
)

// CodeValidation is the code of a search that is refused (digest 1.5).
const CodeValidation = "FST_ERR_VALIDATION"

// Term is a sequence of words that stand beside each other. With Prefix the last
// of them is the beginning of a word. Words have letters, marks and digits only.
type Term struct {
	Words  []string
	Prefix bool
}

// Bounds of a query: databases look up each of its words, and for the beginning of
// a word all that begin so.
const (
	mostQueried    = 32
	shortestPrefix = 3
)

// parse reads what is searched for: words, of which all must be said, and phrases
// in quotes. A star at the end of a word stands for any ending. Everything else
// is text: there is no wrong syntax.
func parse(q string) (terms []Term, err error) {
	count := 0
	for i, part := range strings.Split(q, `"`) {
		chunks := []string{part}
		if i%2 == 0 {
			chunks = strings.Fields(part) // outside of quotes
		}
		for _, chunk := range chunks {
			t, err := termOf("/q", chunk)
			if err != nil {
				return nil, err
			}
			if len(t.Words) > 0 {
				terms = append(terms, t)
			}
			count += len(t.Words)
		}
	}
	switch {
	case count == 0:
		return nil, refuse("/q", "must have a word to search for")
	case count > mostQueried:
		return nil, refuse("/q", fmt.Sprintf("must have at most %d words", mostQueried))
	}
	return terms, nil
}

// parseName reads which words a speaker's name must have, in any order.
func parseName(name string) (words []Term, err error) {
	for _, chunk := range strings.Fields(name) {
		t, err := termOf("/speaker", chunk)
		if err != nil {
			return nil, err
		}
		for i, w := range t.Words {
			words = append(words, Term{Words: []string{w}, Prefix: t.Prefix && i == len(t.Words)-1})
		}
	}
	if name != "" && (len(words) == 0 || len(words) > mostQueried) {
		return nil, refuse("/speaker", fmt.Sprintf("must have 1 to %d words of a name", mostQueried))
	}
	return words, nil
}

// termOf makes a term of what stands together, such as "don't", "e-mail" or a
// phrase.
func termOf(pointer, chunk string) (t Term, err error) {
	words := wordsOf(chunk)
	for i, w := range words {
		// The text may go on behind the end of the term, where a single character
		// of a script without spaces stands only at the end of what is written.
		alone := i == 0 || !words[i-1].dense || words[i-1].last
		if end := i == len(words)-1; end && w.last && !alone {
			break
		} else if end && w.last {
			t.Prefix = true
		}
		t.Words = append(t.Words, w.text)
	}
	if n := len(t.Words); n > 0 && strings.HasSuffix(chunk, "*") && !words[len(words)-1].dense {
		if utf8.RuneCountInString(t.Words[n-1]) < shortestPrefix {
			return t, refuse(pointer, fmt.Sprintf("must have at least %d characters before a *", shortestPrefix))
		}
		t.Prefix = true
	}
	return t, nil
}

func refuse(pointer, rule string) error {
	e := fail.New(fail.Invalid, CodeValidation, "%s: %s", pointer, rule)
	if details, err := json.Marshal([]map[string]string{{"pointer": pointer, "rule": rule}}); err == nil { // texts only
		e.Details = string(details)
	}
	return e
}

// matches returns where the words of a term stand in a text, in bytes.
func (t Term) matches(said []token) (spans [][2]int) {
	for i := 0; i+len(t.Words) <= len(said); i++ {
		end, ok := 0, true
		for k, w := range t.Words {
			s := said[i+k]
			end = s.to
			if ok = s.text == w; !ok && t.Prefix && k == len(t.Words)-1 {
				ok = strings.HasPrefix(s.text, w)
				if ok && s.dense {
					end = s.first
				}
			}
			if !ok {
				break
			}
		}
		if ok {
			spans = append(spans, [2]int{said[i].from, end})
		}
	}
	return spans
}

// Snippet is as long as people read at a glance, in bytes, and begins a few words
// before what was found.
const (
	snippetLength = 240
	snippetBefore = 60
)

// snippet returns the part of a text around what was found, as HTML in which that
// stands between <mark> and </mark>, and everything else is text.
func snippet(text string, terms []Term) string {
	found := make([]bool, len(text)+1)
	said, first := wordsOf(text), len(text)
	for _, t := range terms {
		for _, s := range t.matches(said) {
			first = min(first, s[0])
			for i := s[0]; i < s[1]; i++ {
				found[i] = true
			}
		}
	}
	from, to := 0, len(text)
	if len(text) > snippetLength {
		from = edge(text, max(0, min(first, len(text))-snippetBefore))
		to = edge(text, min(len(text), from+snippetLength))
	}
	var b strings.Builder
	if from > 0 {
		b.WriteString("…")
	}
	for i := from; i < to; {
		end := i
		for end < to && found[end] == found[i] {
			end++
		}
		if part := html.EscapeString(text[i:end]); found[i] {
			b.WriteString("<mark>" + part + "</mark>")
		} else {
			b.WriteString(part)
		}
		i = end
	}
	if to < len(text) {
		b.WriteString("…")
	}
	return b.String()
}

// edge returns the end of the word in which a place is, or the end of the
// character if the word is a long one.
func edge(text string, at int) int {
	for at < len(text) && !utf8.RuneStart(text[at]) {
		at++
	}
	if at == 0 || at == len(text) {
		return at
	}
	if space := strings.IndexByte(text[at:min(len(text), at+24)], ' '); space >= 0 {
		return at + space
	}
	return at
}
