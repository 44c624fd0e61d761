package lab

import (
	"strings"
	"time"

	"steno/lab/media"
)

// How captions come: some time after what they are of, word by word. Every third
// word is half a word at first, and the points come only with the whole sentence,
// which is put right somewhat later.
const (
	captionDelay = 700 * time.Millisecond
	captionTidy  = 500 * time.Millisecond
	captionSlips = 3 // one word of so many is mistaken at first
)

// caption is a line as the pages show it.
type caption struct {
	ID   int    `json:"id"`
	From string `json:"from"` // id of who speaks
	Name string `json:"name"`
	Text string `json:"text"`
}

// captioned is what one clip adds to a line.
type captioned struct {
	person *person
	said   *Utterance
	clip   *media.Clip
	start  time.Time // of the clip's first packet
}

// stages are the texts that a sentence goes through, each with the sample of
// speech after which it comes.
func stages(c *media.Clip) (texts []string, after []int) {
	words := c.Words()
	for i, w := range words {
		bare := make([]string, i+1)
		for k := range bare {
			bare[k] = strings.Trim(words[k].Text, ".,?!")
		}
		if i%captionSlips == 1 && len(bare[i]) > 3 {
			bare[i] = bare[i][:len(bare[i])/2]
		}
		texts = append(texts, strings.Join(bare, " "))
		after = append(after, w.End)
	}
	return append(texts, c.Text), append(after, c.Samples())
}

// captions shows what somebody says, from the beginning of a clip to its end. Of
// one who ends before, it shows what was said.
func (m *Meeting) captions(c captioned) {
	texts, after := stages(c.clip)
	var line *caption
	before := "" // what the line said before this clip
	for i, text := range texts {
		spoken := c.start.Add(time.Duration(after[i]) * time.Second / media.SampleRate)
		at := spoken.Add(captionDelay)
		if i == len(texts)-1 {
			at = at.Add(captionTidy)
		}
		if !m.sleep(at.Sub(m.clock.Now())) {
			return
		}
		if us(spoken) > m.truth.endOf(c.said) {
			return
		}
		if line == nil {
			line = m.captionLine(c.person.id, c.person.Name)
			before = line.Text
		}
		m.showCaption(line, strings.TrimSpace(before+" "+text))
	}
}

// captionLine is where the next words of somebody go. On Meet that is the last
// line as long as nobody else has spoken.
func (m *Meeting) captionLine(from, name string) *caption {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.lines); n > 0 && m.scenario.Platform == Meet && m.lines[n-1].From == from {
		return m.lines[n-1]
	}
	l := &caption{ID: len(m.lines) + 1, From: from, Name: name}
	m.lines = append(m.lines, l)
	return l
}

func (m *Meeting) showCaption(l *caption, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l.Text = text
	m.truth.captioned(*l, m.clock.Now())
	for _, g := range m.guests {
		if g.state == guestIn && g.captions {
			line := *l
			g.send(toPage{Type: "caption", Caption: &line})
		}
	}
}

// Caption shows a whole line of captions at once, as if somebody in the meeting
// had said it. The guest with that name is told that it was itself.
func (m *Meeting) Caption(who, text string) {
	from := ""
	m.mu.Lock()
	for _, p := range m.people {
		if p.Name == who {
			from = p.id
		}
	}
	for _, g := range m.guests {
		if g.name == who && g.state == guestIn {
			from = g.id
		}
	}
	m.mu.Unlock()
	l := m.captionLine(from, who)
	m.showCaption(l, strings.TrimSpace(l.Text+" "+text))
}
