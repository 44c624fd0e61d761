package session

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"steno/internal/platform"
	"steno/internal/record/journal"
)

// Captions change with each syllable; the journal is told of pauses, and now and
// then of what goes on.
const (
	captionPrefix = "c"
	captionRest   = 800 * time.Millisecond // a line that has not changed for so long is worth an entry,
	captionEvery  = 2 * time.Second        // one that goes on changing is after so long
	captionEnd    = 3 * time.Second        // no word for so long: what comes is a new line
	captionLong   = 15 * time.Second       // from here on a line ends with a sentence
	captionMost   = 45 * time.Second       // and here it ends anyway
	captionSeam   = time.Minute            // what came so long ago is not shown again
)

// captions makes lines for the journal of what the page shows as captions. A
// page's line can go on for minutes; it is cut into what people read in one go.
// The page's ids are those of one visit, the journal's are never used again.
type captions struct {
	diary *diary
	lines []*captionLine // of the page, as they came
	old   int            // lines up to this number are of earlier visits
}

// captionLine is a line of the page that has not ended.
type captionLine struct {
	page    platform.Caption
	words   []captionWord
	done    int             // how many words are in final entries
	written journal.Caption // the last entry of the words since then; no id: none
	at      time.Time       // of it
}

// captionWord is a word, and when it was first seen as it is.
type captionWord struct {
	text string
	at   time.Time
}

// take takes over what changed on the page, and writes what is worth it. What
// comes while nothing is recorded is passed over.
func (c *captions) take(changed []platform.Caption, now time.Time, recording bool) {
	for _, p := range changed {
		n := len(c.lines)
		i := slices.IndexFunc(c.lines, func(l *captionLine) bool { return l.page.ID == p.ID })
		if i < 0 {
			i = n
			c.lines = append(c.lines, &captionLine{})
		}
		c.lines[i].take(p, now)
		if i == n {
			c.lines[i].done = c.known(c.lines[i], now)
		}
	}
	c.lines = slices.DeleteFunc(c.lines, func(l *captionLine) bool {
		if !recording {
			l.done = len(l.words)
		}
		for c.write(l, now) {
		}
		return l.page.Final
	})
}

// rest ends what is there of all lines; what a line says further is new.
func (c *captions) rest() {
	for _, l := range c.lines {
		c.put(l, len(l.words), true, time.Time{})
	}
}

// close ends all lines: the page is left.
func (c *captions) close() {
	c.rest()
	c.lines = nil
	c.begin()
}

// begin is called before a visit.
func (c *captions) begin() { c.diary.look(func(m *memory) { c.old = m.captions }) }

// known is how many words of a line were written down before this visit: a page
// that is opened anew may show the whole line that goes on.
func (c *captions) known(l *captionLine, now time.Time) (n int) {
	var last journal.Caption
	c.diary.look(func(m *memory) { last = m.last[l.page.Name] })
	said := strings.Fields(last.Text)
	if len(said) == 0 || captionNumber(last.ID) > c.old || now.Sub(time.UnixMicro(last.To)) > captionSeam {
		return 0
	}
	for from := 0; from+len(said) <= len(l.words); from++ {
		k := 0
		for k < len(said) && sameWord(said[k], l.words[from+k].text) {
			k++
		}
		// Few words come again by chance; the last one may have been half a word.
		if k == len(said) && (k >= 3 || from == 0) || k == len(said)-1 && k >= 3 {
			n = from + k
		}
	}
	return n
}

// captionNumber is that of a line's id.
func captionNumber(id string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(id, captionPrefix)) // 0 for what is not ours
	return n
}

// take takes over a line as it stands on the page. Words that have not changed
// keep their times.
func (l *captionLine) take(p platform.Caption, now time.Time) {
	l.page = p
	texts := strings.Fields(p.Text)
	words := make([]captionWord, len(texts))
	for i, text := range texts {
		words[i] = captionWord{text, now}
		if i < len(l.words) && sameWord(l.words[i].text, text) {
			words[i].at = l.words[i].at
		}
	}
	l.words = words
	l.done = min(l.done, len(words))
}

// sameWord tells that captions have put right no more than case and points.
func sameWord(a, b string) bool {
	const points = `.,;:?!"`
	return strings.EqualFold(strings.Trim(a, points), strings.Trim(b, points))
}

// write writes what is worth it of a line, and reports whether a piece of it has
// ended and there may be more.
func (c *captions) write(l *captionLine, now time.Time) bool {
	rest := l.words[l.done:]
	if len(rest) == 0 {
		return false
	}
	changed := rest[0].at
	for _, w := range rest {
		changed = latest(changed, w.at)
	}
	switch {
	case l.page.Final || now.Sub(changed) >= captionEnd || now.Sub(rest[0].at) >= captionMost:
		return c.put(l, len(l.words), true, now)
	case now.Sub(rest[0].at) >= captionLong:
		for i := len(rest) - 2; i >= 0; i-- {
			if strings.ContainsAny(rest[i].text[len(rest[i].text)-1:], ".?!") && now.Sub(rest[i+1].at) >= captionEvery {
				return c.put(l, l.done+i+1, true, now)
			}
		}
	}
	if now.Sub(changed) >= captionRest || now.Sub(l.at) >= captionEvery {
		c.put(l, len(l.words), false, now)
	}
	return false
}

// put writes the words up to a number of them, if that is news.
func (c *captions) put(l *captionLine, upTo int, final bool, now time.Time) bool {
	words := l.words[l.done:upTo]
	if len(words) == 0 {
		return false
	}
	e := journal.Caption{ID: l.written.ID, Name: l.page.Name, Language: l.page.Language, Final: final, From: words[0].at.UnixMicro()}
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.text
		e.To = max(e.To, w.at.UnixMicro())
	}
	if e.Text = strings.Join(texts, " "); !final && e.Text == l.written.Text {
		return false
	}
	if l.written.ID != "" {
		e.From = min(e.From, l.written.From) // the first word may have been put right since
	}
	l.written = c.diary.caption(e)
	if l.at = now; final {
		l.done, l.written, l.at = upTo, journal.Caption{}, time.Time{}
	}
	return final
}

// caption notes a line, with the next number if it has none, and returns it. Who
// speaks is known if only one person in the meeting is called so.
func (d *diary) caption(c journal.Caption) journal.Caption {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.ID == "" {
		c.ID = fmt.Sprintf("%s%d", captionPrefix, d.mem.captions+1)
	}
	c.Person = d.mem.named(c.Name)
	d.writeLocked(journal.Entry{Caption: &c})
	return c
}

// endCaptions ends the lines that an earlier process left open.
func (d *diary) endCaptions() {
	d.mu.Lock()
	defer d.mu.Unlock()
	open := slices.SortedFunc(maps.Values(d.mem.open), func(a, b journal.Caption) int { return cmp.Compare(a.From, b.From) })
	for _, c := range open {
		c.Final = true
		d.writeLocked(journal.Entry{Caption: &c})
	}
}

// named is the id of the only one of a name: of those who are there, else of
// those who have been.
func (m *memory) named(name string) (id string) {
	here, all := []string{}, []string{}
	for _, p := range m.people {
		switch {
		case p.Name != name || p.Self || name == "":
		case !p.Left:
			here = append(here, p.ID)
			fallthrough
		default:
			all = append(all, p.ID)
		}
	}
	switch {
	case len(here) == 1:
		return here[0]
	case len(here) == 0 && len(all) == 1:
		return all[0]
	}
	return ""
}
