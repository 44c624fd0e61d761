package session

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"syscall"

	"steno/internal/bot"
	"steno/internal/platform"
	"steno/internal/record/journal"
)

// diary writes the journal and remembers it. It writes only what is news, so
// its methods may be called with the same facts over and over. It is safe for
// concurrent use.
type diary struct {
	folder string
	log    *slog.Logger

	mu  sync.Mutex
	w   *journal.Writer
	mem *memory
	err error // the first failure to write
}

// order ranks the statuses of a bot's way; a bot never goes back on it.
var order = map[bot.Status]int{
	bot.JoiningCall: 1, bot.InWaitingRoom: 2, bot.InWaitingForHost: 2, bot.InCall: 3, bot.Recording: 4,
	bot.CallEnded: 5, bot.RecordingDone: 6, bot.RecordingFailed: 6,
}

func (d *diary) write(e journal.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writeLocked(e)
}

func (d *diary) writeLocked(e journal.Entry) {
	written, err := d.w.Append(e)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		dropBallast(d.folder)
		written, err = d.w.Append(e)
	}
	if err != nil {
		if d.err == nil {
			d.err = err
			d.log.Error("cannot write journal", "error", err)
		}
		return
	}
	d.mem.apply(written)
}

// look gives f the memory, under the lock.
func (d *diary) look(f func(m *memory)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d.mem)
}

// recorded reports whether recording ever began.
func (d *diary) recorded() (yes bool) {
	d.look(func(m *memory) { yes = m.epoch != 0 })
	return yes
}

// failure returns the first error of writing, if there was one.
func (d *diary) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// state notes a status, unless the bot is past it or was in it already.
func (d *diary) state(code bot.Status, message string) { d.announce(code, message, "") }

// announce is state for one that an end with that reason follows.
func (d *diary) announce(code bot.Status, message string, reason bot.EndCode) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mem.seen[code] {
		return
	}
	if rank := order[code]; rank > 0 {
		for s := range d.mem.seen {
			if order[s] >= rank {
				return
			}
		}
	}
	d.writeLocked(journal.Entry{State: &journal.State{Code: code, Message: message, Reason: reason}})
	d.log.Info("state", "state", code, "message", message)
}

// epoch notes the beginning of the recording, once.
func (d *diary) epoch(unixMicro int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mem.epoch == 0 {
		d.writeLocked(journal.Entry{Epoch: &journal.Epoch{UnixMicro: unixMicro}})
	}
}

// roster notes who came, changed and left. Nil means: not known.
func (d *diary) roster(people []platform.Person) {
	if people == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	here := map[string]bool{}
	for _, p := range people {
		here[p.ID] = true
		now := journal.Person{ID: p.ID, Name: p.Name, Picture: p.Picture, Self: p.Self || d.mem.self(p.ID)}
		if !d.mem.told[p.ID] || d.mem.people[p.ID] != now {
			d.writeLocked(journal.Entry{Person: &now})
		}
	}
	for id, p := range d.mem.people {
		if !here[id] && !p.Left {
			p.Left = true
			d.writeLocked(journal.Entry{Person: &p})
		}
	}
}

// bind notes which track, or which contributing source on one, carries whom.
func (d *diary) bind(now journal.Bind) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mem.bound[bound{now.Track, now.CSRC}] != now {
		d.writeLocked(journal.Entry{Bind: &now})
	}
}

// carries returns the person whom a track carries, if that is known.
func (d *diary) carries(track string) (person string) {
	d.look(func(m *memory) { person = m.bound[bound{track, 0}].Person })
	return person
}

// name is what somebody is called.
func (d *diary) name(person string) (name string) {
	d.look(func(m *memory) { name = m.people[person].Name })
	return name
}

// speech notes who began and who stopped speaking, and returns that: first the
// turns, then what they do not explain of who speaks now. Nil people means: not
// known.
func (d *diary) speech(turns []platform.Turn, people []string, source string) (changed []journal.Speech) {
	if people == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	write := func(c journal.Speech) {
		changed = append(changed, c)
		d.writeLocked(journal.Entry{Speech: &c})
	}
	for _, t := range turns {
		if d.mem.speaking[t.Person] != t.On {
			write(journal.Speech{Person: t.Person, On: t.On, Source: source, UnixMicro: t.At.UnixMicro()})
		}
	}
	note := func(id string, on bool) { write(journal.Speech{Person: id, On: on, Source: source}) }
	now := map[string]bool{}
	for _, id := range people {
		now[id] = true
		if !d.mem.speaking[id] {
			note(id, true)
		}
	}
	for id, on := range d.mem.speaking {
		if on && !now[id] {
			note(id, false)
		}
	}
	return changed
}

// chat notes messages that are not in the journal yet.
func (d *diary) chat(messages []platform.Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range messages {
		switch {
		case d.mem.chats[m.ID]:
		case m.Self && d.mem.echo(m.Text):
			d.mem.chats[m.ID] = true
		default:
			d.writeLocked(journal.Entry{Chat: &journal.Chat{ID: m.ID, Sender: m.Sender, Text: m.Text, Self: m.Self, SentAt: m.SentAt}})
		}
	}
}

// note leaves evidence for people.
func (d *diary) note(text, file string) {
	d.write(journal.Entry{Note: &journal.Note{Text: strings.TrimSpace(text), File: file}})
}

// step notes a status that a bot may enter several times.
func (d *diary) step(code bot.Status) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mem.status != code {
		d.writeLocked(journal.Entry{State: &journal.State{Code: code}})
		d.log.Info("state", "state", code)
	}
}

// isPaused reports whether the recording is paused.
func (d *diary) isPaused() (yes bool) {
	d.look(func(m *memory) { yes = m.paused })
	return yes
}
