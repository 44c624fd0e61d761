package lab

import (
	"context"
	"fmt"
	"time"
)

// Guest is somebody who came through the page: a bot, as a rule.
type Guest struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Media tells that the connection for media stands.
	Media bool `json:"media"`
	// Video tells that the guest takes video.
	Video bool `json:"video"`
}

// State is the meeting at one moment.
type State struct {
	Waiting []Guest   `json:"waiting"` // in the lobby
	InCall  []Guest   `json:"in_call"`
	Gone    []Guest   `json:"gone"` // in the order of leaving
	People  []string  `json:"people"`
	Began   time.Time `json:"began"`    // the script's time zero
	AllSaid bool      `json:"all_said"` // every turn of the script is over
	Ended   bool      `json:"ended"`
	Chat    []Line    `json:"chat"`
}

// Line is a chat message.
type Line struct {
	Sender string `json:"sender"`
	Text   string `json:"text"`
}

// State returns how the meeting is now.
func (m *Meeting) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, _ := m.state()
	return s
}

func (m *Meeting) state() (State, <-chan struct{}) {
	s := State{Ended: m.ended, AllSaid: !m.scenario.Repeat}
	s.Began, _ = m.script()
	for _, g := range m.guests {
		switch g.state {
		case guestLobby:
			s.Waiting = append(s.Waiting, g.public())
		case guestIn:
			s.InCall = append(s.InCall, g.public())
		case guestOut:
			s.Gone = append(s.Gone, g.public())
		}
	}
	for _, p := range m.people {
		if p.here.Load() {
			s.People = append(s.People, p.Name)
		}
		if len(p.cues) > 0 && !m.done[p] {
			s.AllSaid = false
		}
	}
	for _, c := range m.messages {
		s.Chat = append(s.Chat, Line{c.Sender, c.Text})
	}
	return s, m.changed
}

// Wait waits until the state fulfils a condition and returns it. It ends with
// ctx's error, or with an error when the server is closed.
func (m *Meeting) Wait(ctx context.Context, cond func(State) bool) (State, error) {
	for {
		m.mu.Lock()
		s, changed := m.state()
		shut := m.shut
		m.mu.Unlock()
		if cond(s) {
			return s, nil
		}
		if shut {
			return s, fmt.Errorf("wait for meeting %s: the lab is closed", m.scenario.Code)
		}
		select {
		case <-ctx.Done():
			return s, fmt.Errorf("wait for meeting %s (now %d waiting, %d in call, %d gone): %w",
				m.scenario.Code, len(s.Waiting), len(s.InCall), len(s.Gone), ctx.Err())
		case <-changed:
		}
	}
}

// WaitWaiting waits until n guests are in the lobby and returns them.
func (m *Meeting) WaitWaiting(ctx context.Context, n int) ([]Guest, error) {
	s, err := m.Wait(ctx, func(s State) bool { return len(s.Waiting) >= n })
	return s.Waiting, err
}

// WaitInCall waits until n guests are in the call with a standing connection
// for media, and returns them.
func (m *Meeting) WaitInCall(ctx context.Context, n int) ([]Guest, error) {
	s, err := m.Wait(ctx, func(s State) bool {
		k := 0
		for _, g := range s.InCall {
			if g.Media {
				k++
			}
		}
		return k >= n
	})
	return s.InCall, err
}

// WaitGone waits until n guests have left, for whatever reason.
func (m *Meeting) WaitGone(ctx context.Context, n int) ([]Guest, error) {
	s, err := m.Wait(ctx, func(s State) bool { return len(s.Gone) >= n })
	return s.Gone, err
}

// WaitAllSaid waits until the last turn of the script is over.
func (m *Meeting) WaitAllSaid(ctx context.Context) error {
	_, err := m.Wait(ctx, func(s State) bool { return s.AllSaid })
	return err
}

// tell sends a message to the pages of those in the call.
func (m *Meeting) tell(msg toPage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, g := range m.guests {
		if g.state == guestIn {
			g.send(msg)
		}
	}
}

// change wakes those who wait, and tells the guests who is in.
func (m *Meeting) change() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changeLocked()
}

func (m *Meeting) changeLocked() {
	close(m.changed)
	m.changed = make(chan struct{})
	roster := m.roster()
	for _, g := range m.guests {
		if g.state == guestIn {
			g.sendRoster(roster)
		}
	}
}
