package session

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"steno/internal/bot"
	"steno/internal/record/journal"
)

// memory is what a journal says so far. It is built by replay when a process
// starts and kept by the same function while it runs, so that a restarted bot
// knows exactly what its predecessor knew.
type memory struct {
	sessions int
	seen     map[bot.Status]bool
	status   bot.Status // the latest
	asked    time.Time
	admitted time.Time
	epoch    int64 // Unix microseconds; 0: recording has not begun
	people   map[string]journal.Person
	numbers  map[string]int  // of people, by id: 1, 2, 3 as they came; the bot has none
	told     map[string]bool // people of whom this process wrote
	bound    map[bound]journal.Bind
	speaking map[string]bool
	chats    map[string]bool
	captions int                        // the number of the last line
	open     map[string]journal.Caption // lines that may still grow, by id
	last     map[string]journal.Caption // the last line of each name
	film     bool                       // tracks were not enough: the page is filmed
	spoke    bool                       // the entry message is posted, or was about to be
	leave    string                     // who told the bot to leave
	lastAt   time.Time
	end      *journal.End
	files    map[string]bool // artifacts, by path
	posts    map[string]bool // commands that were posted, or were about to be
	echoes   []string        // texts that were posted and not seen in the page's chat yet
	paused   bool
	shots    int // the number of the last screenshot
	result   *journal.Result
	done     *journal.Done
}

// bound is what somebody can be bound to: a track, or a contributing source on
// one.
type bound struct {
	track string
	csrc  uint32
}

// The commands in a journal.
const (
	commandLeave = "leave"
	commandSay   = "say" // post the entry message
	commandFilm  = journal.CommandFilm
	commandPost  = "post" // post a message
)

func recall(entries []journal.Entry) *memory {
	m := &memory{
		seen: map[bot.Status]bool{}, people: map[string]journal.Person{}, numbers: map[string]int{}, told: map[string]bool{}, bound: map[bound]journal.Bind{},
		speaking: map[string]bool{}, chats: map[string]bool{}, posts: map[string]bool{}, files: map[string]bool{}, open: map[string]journal.Caption{}, last: map[string]journal.Caption{},
	}
	for _, e := range entries {
		m.apply(e)
	}
	return m
}

func (m *memory) apply(e journal.Entry) {
	m.lastAt = e.At
	switch {
	case e.Session != nil:
		m.sessions = e.Session.N
		m.told = map[string]bool{} // readers start the roster anew here
	case e.State != nil:
		m.applyState(e)
	case e.Epoch != nil:
		if m.epoch == 0 {
			m.epoch = e.Epoch.UnixMicro
		}
	case e.Person != nil:
		m.count(*e.Person)
		m.people[e.Person.ID] = *e.Person
		m.told[e.Person.ID] = true
	case e.Bind != nil:
		m.bound[bound{e.Bind.Track, e.Bind.CSRC}] = *e.Bind
	case e.Speech != nil:
		m.speaking[e.Speech.Person] = e.Speech.On
	case e.Chat != nil:
		m.chats[e.Chat.ID] = true
		if strings.HasPrefix(e.Chat.ID, sentPrefix) {
			m.echoes = append(m.echoes, plainText(e.Chat.Text))
		}
	case e.Caption != nil:
		m.applyCaption(*e.Caption)
	case e.Pause != nil:
		m.paused = e.Pause.On
	case e.Command != nil:
		m.applyCommand(*e.Command)
	default:
		m.applyEnd(e)
	}
}

// count numbers people in the order in which they came. Somebody who comes back
// under another id has the same number, as in the artifacts.
func (m *memory) count(p journal.Person) {
	if p.Self || m.numbers[p.ID] != 0 {
		return
	}
	last, back := 0, 0
	for id, n := range m.numbers {
		last = max(last, n)
		if old := m.people[id]; p.Name != "" && old.Name == p.Name && (old.Left || !m.told[id]) && (back == 0 || n < back) {
			back = n
		}
	}
	m.numbers[p.ID] = cmp.Or(back, last+1)
}

func (m *memory) applyState(e journal.Entry) {
	m.seen[e.State.Code], m.status = true, e.State.Code
	switch e.State.Code {
	case bot.InWaitingRoom, bot.InWaitingForHost:
		if m.asked.IsZero() {
			m.asked = e.At
		}
	case bot.InCall:
		m.admitted = e.At
	}
}

func (m *memory) applyCaption(c journal.Caption) {
	m.captions = max(m.captions, captionNumber(c.ID))
	m.last[c.Name] = c
	if m.open[c.ID] = c; c.Final {
		delete(m.open, c.ID)
	}
}

func (m *memory) applyCommand(c journal.Command) {
	switch {
	case c.Name == commandSay:
		m.spoke = true
	case c.Name == commandPost:
		m.posts[c.ID] = true
	case c.Name == commandFilm:
		m.film = true
	case c.Name == commandLeave && m.leave == "":
		m.leave = c.From
	}
}

func (m *memory) applyEnd(e journal.Entry) {
	switch {
	case e.End != nil:
		m.end = e.End
	case e.Artifact != nil && e.Artifact.Kind == bot.KindScreenshot:
		m.shots++
	case e.Artifact != nil:
		m.files[e.Artifact.Path] = true
	case e.Result != nil:
		m.result = e.Result
	case e.Done != nil:
		m.done = e.Done
	}
}

// self reports whether a person of that id was ever the bot itself. After a
// crash the old incarnation may stay in the roster for a while.
func (m *memory) self(id string) bool { return m.people[id].Self }

// echo reports whether a message of the bot's own, as the page shows it, is one
// that is in the journal already because the bot posted it.
func (m *memory) echo(text string) bool {
	i := slices.Index(m.echoes, plainText(text))
	if i >= 0 {
		m.echoes = slices.Delete(m.echoes, i, i+1)
	}
	return i >= 0
}

// plainText is a text without its white space, which pages change.
func plainText(text string) string { return strings.Join(strings.Fields(text), " ") }
