// Package galene joins groups of Galène, a WebRTC conference server that
// people host themselves, through its web client.
//
// The roster and the binding of tracks to people come from the client's own
// state, the rest from the messages of its documented protocol: no text of
// the page is read.
package galene

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/platform"
)

const (
	pollEvery  = 100 * time.Millisecond
	knockEvery = 3 * time.Second
)

// Adapter drives one page. Make one with New.
type Adapter struct {
	pack    pack
	name    string
	rejoin  bool
	waiting bool
	knocked time.Time
	now     func() time.Time
	chats   int // messages reported
}

// New returns an adapter for one page.
func New() *Adapter { return &Adapter{pack: current, now: clock.System{}.Now} }

var _ platform.Adapter = (*Adapter)(nil)

// Scripts returns the hook that listens to the protocol.
func (a *Adapter) Scripts(join platform.Join) []string {
	audioOnly := "false"
	if join.Mode == bot.AudioOnly {
		audioOnly = "true"
	}
	return []string{strings.Replace(hookScript, "STENO_AUDIO_ONLY", audioOnly, 1)}
}

// Enter opens the group's page, fills in the name and connects. A group that
// may open later (locked, no operator there yet) is entered by Observe.
func (a *Adapter) Enter(ctx context.Context, page platform.Page, join platform.Join) error {
	a.name, a.rejoin = join.Name, join.Rejoin
	if err := page.Navigate(ctx, join.URL); err != nil {
		return fmt.Errorf("open group: %w", err)
	}
	if err := a.awaitForm(ctx, page); err != nil {
		return err
	}
	if join.Knock != nil {
		if err := join.Knock(ctx); err != nil {
			return err
		}
	}
	if err := a.connect(ctx, page); err != nil {
		return err
	}
	for {
		s, err := a.look(ctx, page)
		if err != nil {
			return err
		}
		if s.Open {
			return nil
		}
		if s.Failed != nil {
			return a.refused(s.Failed.Text)
		}
		if s.Closed != nil {
			return fmt.Errorf("the server closed the connection (%d %s)", s.Closed.Code, s.Closed.Reason)
		}
		if err := wait(ctx, pollEvery); err != nil {
			return err
		}
	}
}

// awaitForm waits for the form that asks for the name.
func (a *Adapter) awaitForm(ctx context.Context, page platform.Page) error {
	for {
		s, err := a.look(ctx, page)
		if err != nil {
			return err
		}
		if !s.Form {
			return &platform.Refusal{Code: bot.EndCannotJoin, Reason: fmt.Sprintf("there is no such group on this server (the page says %q)", s.Title)}
		}
		if s.Login {
			return nil
		}
		if err := wait(ctx, pollEvery); err != nil {
			return fmt.Errorf("the page shows no form to join: %w", err)
		}
	}
}

func (a *Adapter) connect(ctx context.Context, page platform.Page) error {
	a.knocked = a.now()
	// A token in the URL may bring a name of its own; then there is no field.
	if err := page.Type(ctx, a.pack.NameField, a.name); err != nil && !errors.Is(err, platform.ErrNoElement) {
		return fmt.Errorf("type name: %w", err)
	}
	if err := page.Eval(ctx, "window.__galene && (window.__galene.failed = window.__galene.closed = null)", nil); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := page.Click(ctx, a.pack.ConnectButton); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

// refused turns the server's words into a refusal, or begins to wait.
func (a *Adapter) refused(text string) error {
	r := a.pack.classify(text)
	if r.Wait {
		a.waiting = true
		return nil
	}
	return &platform.Refusal{Code: r.Code, Reason: "the server said: " + text}
}

// Observe reports what the page shows. While the group is not open it asks
// again every few seconds.
func (a *Adapter) Observe(ctx context.Context, page platform.Page) (platform.Observation, error) {
	s, err := a.look(ctx, page)
	if err != nil {
		return platform.Observation{}, err
	}
	switch {
	case s.Open:
		a.waiting = false
		return a.inCall(s), nil
	case s.Kicked != nil:
		return ended(bot.EndRemoved, removed(s)), nil
	case a.waiting:
		return a.knock(ctx, page, s)
	}
	// The server has no word for the end of a meeting: a connection that just
	// closes may be the network's, so that the session comes back to see.
	reason := "the connection was closed"
	if s.Closed != nil {
		reason = fmt.Sprintf("the connection was closed (%d %s)", s.Closed.Code, s.Closed.Reason)
	}
	if s.Error != nil {
		reason += ": " + *s.Error
	}
	return ended(bot.EndUnknown, reason), nil
}

func ended(code bot.EndCode, reason string) platform.Observation {
	return platform.Observation{Stage: platform.StageEnded, Code: code, Reason: reason}
}

func removed(s snapshot) string {
	by := s.Kicked.By
	if by == "" {
		by = "the server"
	}
	return fmt.Sprintf("removed by %s: %s", by, s.Kicked.Text)
}

func (a *Adapter) inCall(s snapshot) platform.Observation {
	o := platform.Observation{Stage: platform.StageInCall, Roster: []platform.Person{}, Bindings: []platform.Binding{}}
	self := ""
	for _, u := range s.Users {
		if u.Self {
			self = u.ID
		}
		o.Roster = append(o.Roster, platform.Person{ID: u.ID, Name: u.Name, Self: u.Self, Bot: u.System})
	}
	for _, t := range s.Tracks {
		o.Bindings = append(o.Bindings, platform.Binding{MediaID: t.Media, Person: t.Person, Screen: t.Screen})
	}
	for _, m := range s.Chat {
		// What was said before the bot first came is not part of its meeting.
		if m.Old && !a.rejoin {
			continue
		}
		o.Messages = append(o.Messages, platform.Message{
			ID: m.ID, Sender: m.Name, Text: m.Text, Self: m.Source == self, SentAt: time.UnixMilli(m.TimeMS).UTC(),
		})
	}
	a.chats = s.ChatCount
	return o
}

// knock asks to be let in once more, now and then.
func (a *Adapter) knock(ctx context.Context, page platform.Page, s snapshot) (platform.Observation, error) {
	if s.Failed != nil {
		if r := a.pack.classify(s.Failed.Text); !r.Wait {
			return ended(r.Code, "the server said: "+s.Failed.Text), nil
		}
	}
	if s.Login && a.now().Sub(a.knocked) >= knockEvery {
		if err := a.connect(ctx, page); err != nil {
			return platform.Observation{}, err
		}
	}
	return platform.Observation{Stage: platform.StageLobby}, nil
}

// Say posts a message to everybody. Not through the form, where a text that
// begins with a slash is a command.
func (a *Adapter) Say(ctx context.Context, page platform.Page, text string) error {
	quoted, err := json.Marshal(text)
	if err != nil {
		return fmt.Errorf("say: %w", err)
	}
	if err := page.Eval(ctx, fmt.Sprintf("serverConnection.chat('', '', %s)", quoted), nil); err != nil {
		return fmt.Errorf("say: %w", err)
	}
	return nil
}

// Leave closes the connection as the client's own button does.
func (a *Adapter) Leave(ctx context.Context, page platform.Page) error {
	if err := page.Eval(ctx, "typeof serverConnection !== 'undefined' && serverConnection && serverConnection.close()", nil); err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	return nil
}

func (a *Adapter) look(ctx context.Context, page platform.Page) (snapshot, error) {
	var s snapshot
	if err := page.Eval(ctx, fmt.Sprintf("%s(%d)", strings.TrimSpace(lookScript), a.chats), &s); err != nil {
		return s, fmt.Errorf("look at page: %w", err)
	}
	return s, nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
