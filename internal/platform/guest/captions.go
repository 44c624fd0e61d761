package guest

import (
	"context"
	"slices"
	"strconv"
	"time"
	"unicode"

	"steno/internal/platform"
	"steno/internal/platform/pack"
)

const (
	// captionsAfter is how long after the bot came in captions are switched on, and
	// captionsLast how long their button may take to be there. What is said before is
	// not in them; but they are no part of coming in.
	captionsAfter = time.Second
	captionsLast  = 6 * time.Second
	// menuStep is how long a click of the way to captions or a layout may take to
	// show.
	menuStep = 2 * time.Second
)

// captionSeen is a line of captions as it is on the page.
type captionSeen struct {
	Name     string `json:"name"`
	Own      bool   `json:"own"` // marked as the viewer's
	Text     string `json:"text"`
	Language string `json:"language"`
}

// captions is the adapter's knowledge of the page's captions.
type captions struct {
	clicked map[string]bool // the way to them, by selector
	last    string          // the click before
	at      time.Time       // of it
	over    bool            // they are on, or not to be had

	n     int    // lines so far
	lines []line // those on the page, the oldest first
}

// line is a line of captions that is on the page.
type line struct {
	platform.Caption        // its Text is head and seen
	head, seen       string // what scrolled out of it at the front, and what the page shows
	votes            map[string]int
}

// switchCaptions goes one step on the way to captions, and reports whether it is
// still on the way. Each thing on the way is clicked once; a menu that led nowhere is
// closed again.
func (a *Adapter) switchCaptions(ctx context.Context, page platform.Page, s snapshot) bool {
	c, way := &a.captions, a.pack.Selectors.CaptionsOn
	now := a.now()
	switch since := now.Sub(a.entered); {
	case !a.join.Captions || c.over || len(way) == 0:
		return false
	case a.entered.IsZero() || since < captionsAfter || len(a.answers(s, pack.Staying)) > 0:
		return true
	case s.CaptionsShown:
		c.over = true
		return false
	case s.CaptionsOn != "" && !c.clicked[s.CaptionsOn]:
	case len(c.clicked) > 0 && now.Sub(c.at) < menuStep, len(c.clicked) == 0 && since < captionsLast:
		return true
	default:
		// The last click was the switch, or there is none.
		c.over = true
		if c.last == "" || c.last == way[0] {
			return false
		}
		s.CaptionsOn = way[len(way)-1]
	}
	if c.clicked == nil {
		c.clicked = map[string]bool{}
	}
	c.clicked[s.CaptionsOn], c.last, c.at = true, s.CaptionsOn, now
	_ = page.Click(ctx, s.CaptionsOn) // optional
	return !c.over
}

// heard lists the lines of a look that are somebody else's.
func (a *Adapter) heard(s snapshot) []captionSeen {
	var list []captionSeen
	for _, l := range s.Captions {
		if len(a.pack.Selectors.CaptionName) == 0 {
			l.Name = s.Speaker
		}
		if l.Text != "" && !l.Own && (l.Name == "" || !a.own(l.Name)) {
			list = append(list, l)
		}
	}
	return list
}

// follow compares a look with the one before and returns the lines that are new,
// have changed or are gone from the page. A page gives its lines no ids: which is
// which is told by their order, their words and, if named, by who speaks.
func (c *captions) follow(now []captionSeen, named bool) []platform.Caption {
	var changed []platform.Caption
	match := pair(c.lines, now, named)
	kept := map[int]bool{}
	lines := make([]line, len(now))
	for i, seen := range now {
		if old := match[i]; old >= 0 {
			kept[old] = true
			lines[i] = c.lines[old]
		} else {
			c.n++
			lines[i].ID, lines[i].votes = strconv.Itoa(c.n), map[string]int{}
		}
		if lines[i].take(seen) {
			changed = append(changed, lines[i].Caption)
		}
	}
	for i, old := range c.lines {
		if !kept[i] {
			old.Final = true
			changed = append(changed, old.Caption)
		}
	}
	c.lines = lines
	return changed
}

// take takes over what the page shows of a line, and reports whether that is
// news. Whose an unnamed line is, the most of its changes say.
func (l *line) take(now captionSeen) bool {
	if l.seen == now.Text {
		return false
	}
	if cut, _ := grown(l.seen, now.Text); cut > 0 {
		l.head += l.seen[:cut]
	}
	l.seen, l.Language, l.Text = now.Text, now.Language, l.head+now.Text
	if l.votes[now.Name]++; now.Name != "" && l.votes[now.Name] >= l.votes[l.Name] || l.Name == "" {
		l.Name = now.Name
	}
	return true
}

// pair finds for each line of a look which of those before it is, or -1: the
// pairs that keep the order and fit best. Two short lines that are alike, of which
// one scrolls away as the other comes, are taken for one.
func pair(old []line, now []captionSeen, named bool) []int {
	fit := func(i, k int) int {
		if named && old[i].Name != now[k].Name {
			return 0
		}
		if _, how := grown(old[i].seen, now[k].Text); how > 0 {
			return how
		}
		if i == len(old)-1 && k == len(now)-1 && len(old[i].seen) <= 20 {
			return 1 // the beginning of the newest line may be put right altogether
		}
		return 0
	}
	best := make([][]int, len(old)+1)
	for i := range best {
		best[i] = make([]int, len(now)+1)
	}
	for i := len(old) - 1; i >= 0; i-- {
		for k := len(now) - 1; k >= 0; k-- {
			best[i][k] = max(best[i+1][k], best[i][k+1])
			if f := fit(i, k); f > 0 {
				best[i][k] = max(best[i][k], best[i+1][k+1]+f)
			}
		}
	}
	match := slices.Repeat([]int{-1}, len(now))
	for i, k := 0, 0; i < len(old) && k < len(now); {
		switch f := fit(i, k); {
		case f > 0 && best[i][k] == best[i+1][k+1]+f:
			match[k] = i
			i, k = i+1, k+1
		case best[i][k] == best[i+1][k]:
			i++
		default:
			k++
		}
	}
	return match
}

// grown tells how well a text fits as what has become of another: 4 equal, 3 it
// has only grown, 1 it was also put right, 0 it does not. cut is how much of the
// old one is gone at the front.
func grown(old, now string) (cut, how int) {
	if old == now {
		return 0, 4
	}
	a, b := letters(old), letters(now)
	switch n := common(a, b); {
	case n == len(a):
		return 0, 3
	case 2*n >= min(len(a), len(b)):
		return 0, 1
	}
	// Long lines lose their beginning while they grow.
	for i := range old {
		if i == 0 || old[i-1] != ' ' {
			continue
		}
		rest := letters(old[i:])
		if n := common(rest, b); n >= 12 && 2*n >= min(len(rest), len(b)) {
			return i, 1
		}
	}
	return 0, 0
}

// letters is a text without what captions change in passing: case and points.
func letters(text string) []rune {
	var out []rune
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			out = append(out, unicode.ToLower(r))
		}
	}
	return out
}

// common is the length of the beginning that two have in common.
func common(a, b []rune) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
