package lab

import (
	"errors"
	"fmt"
	"time"
)

// errNobody is returned when a method finds no guest that fits.
var errNobody = errors.New("there is no such guest")

// Admit lets a guest in from the lobby; an empty id means all who wait.
func (m *Meeting) Admit(id string) error {
	return m.each(id, guestLobby, func(g *guest) { m.admit(g) })
}

// Deny refuses a guest in the lobby; an empty id means all who wait.
func (m *Meeting) Deny(id string) error {
	return m.each(id, guestLobby, func(g *guest) { m.expel(g, "denied") })
}

// Remove throws a guest out of the call; an empty id means all guests.
func (m *Meeting) Remove(id string) error {
	return m.each(id, guestIn, func(g *guest) { m.expel(g, "removed") })
}

// PageCrash is a way in which the page of a guest dies.
type PageCrash string

// The crashes: the page stands still (without using the processor), it
// calculates without end, or it eats memory until the browser kills it.
const (
	Freeze PageCrash = "freeze"
	Busy   PageCrash = "busy"
	Crash  PageCrash = "crash"
)

// CrashPage lets the page of a guest die; an empty id means all guests.
func (m *Meeting) CrashPage(id string, how PageCrash) error {
	return m.each(id, guestIn, func(g *guest) { g.send(toPage{Type: "crash", How: string(how)}) })
}

// Trouble lets the pages of all guests lose the connection, as far as a page
// shows it, or find it again.
func (m *Meeting) Trouble(on bool) error {
	return m.each("", guestIn, func(g *guest) { g.send(toPage{Type: "trouble", On: on}) })
}

// Hush keeps the audio of somebody from the guests, or not any more, while the
// pages go on showing that they speak: as when the way of media is broken. An
// empty name is everybody who is there.
func (m *Meeting) Hush(name string, on bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := false
	for _, p := range m.people {
		if name == "" || p.Name == name {
			p.hushed.Store(on)
			found = true
		}
	}
	if !found {
		return fmt.Errorf("hush: nobody is called %q", name)
	}
	return nil
}

// Chat writes a chat message from somebody in the meeting.
func (m *Meeting) Chat(sender, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := ""
	for _, p := range m.people {
		if p.Name == sender {
			from = p.id
		}
	}
	m.chat(sender, from, text)
}

func (m *Meeting) chat(sender, from, text string) {
	m.serial++
	msg := message{ID: fmt.Sprintf("msg-%d", m.serial), Sender: sender, From: from, Text: text,
		SentMS: m.clock.Now().UnixMilli()}
	m.messages = append(m.messages, msg)
	for _, g := range m.guests {
		if g.state == guestIn {
			g.send(toPage{Type: "chat", Message: &msg})
		}
	}
	m.changeLocked()
}

func (m *Meeting) each(id string, in guestState, do func(*guest)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, g := range append([]*guest(nil), m.guests...) {
		if g.state == in && (id == "" || g.id == id) {
			do(g)
			n++
		}
	}
	if n == 0 {
		return fmt.Errorf("meeting %s: %w", m.scenario.Code, errNobody)
	}
	m.changeLocked()
	return nil
}

// knock is a guest's request to come in.
func (m *Meeting) knock(g *guest, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if g.state != guestPrejoin || m.shut {
		return
	}
	if m.ended {
		m.expel(g, "ended")
		return
	}
	g.name, g.knocked, g.state = name, m.clock.Now(), guestLobby
	m.guests = append(m.guests, g)
	wait := time.Duration(m.scenario.Wait)
	switch m.scenario.Door {
	case DoorOpen:
		m.admit(g)
	case DoorAuto:
		m.later(g, wait, func() { m.admit(g) })
	case DoorDeny:
		m.later(g, wait, func() { m.expel(g, "denied") })
	case DoorLogin:
		if g.account == "" {
			m.expel(g, "denied")
		} else {
			m.admit(g)
		}
	case DoorBlocked:
		m.expel(g, "blocked")
	}
	if g.state == guestLobby {
		g.send(toPage{Type: "lobby", Door: m.scenario.Door})
		m.later(g, time.Duration(m.scenario.NoResponse), func() { m.expel(g, "no_response") })
	}
	m.changeLocked()
}

// later does something with a guest that is still in the lobby after a while.
func (m *Meeting) later(g *guest, d time.Duration, do func()) {
	m.run(func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-g.ctx.Done():
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if g.state == guestLobby && !m.shut {
			do()
			m.changeLocked()
		}
	})
}

func (m *Meeting) admit(g *guest) {
	g.state, g.entered = guestIn, m.clock.Now()
	g.send(toPage{Type: "admitted", ID: g.id, Consent: m.scenario.Consent, OwnVideo: m.scenario.OwnVideo, NoChat: m.scenario.NoChat, DeadChat: m.scenario.DeadChat, NoCaps: m.scenario.NoCaptions})
	g.sendRoster(m.roster())
	levels := map[string]int{}
	for _, p := range m.people {
		if p.here.Load() && p.speaking.Load() {
			levels[p.id] = 5
		}
	}
	g.send(toPage{Type: "levels", Levels: levels})
	if m.scenario.Platform != Zoom {
		g.startPeer()
	}
}

// expel ends a guest's stay for a reason that the page shows.
func (m *Meeting) expel(g *guest, why string) {
	if g.state == guestOut {
		return
	}
	g.out(why, m.clock.Now())
	g.send(toPage{Type: "out", Why: why})
}

// leave is the guest's own going: by the button, or because the page is gone.
func (m *Meeting) leave(g *guest, why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if g.state == guestLobby || g.state == guestIn {
		if g.state == guestLobby && why == "left" {
			why = "cancelled"
		}
		g.out(why, m.clock.Now())
		m.changeLocked()
	}
}
