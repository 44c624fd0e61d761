// Package meet joins Google Meet as a guest through the web page: name, ask to
// join, lobby, call. What the page looks like is in pack.json, what is seen
// comes from one look (look.js), what it means is decided here.
//
// The bot is a guest that says its name: nothing here hides what it is.
package meet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/platform"
)

const (
	pollEvery = 150 * time.Millisecond
	// askAgain: a click on the join button that led nowhere is repeated.
	askAgain = 5 * time.Second
	// grace: how long a call may be out of sight before it counts as over;
	// the page comes back by itself from a lost connection.
	grace     = 20 * time.Second
	graceLost = 40 * time.Second
	chatLimit = 500 // characters that the page accepts
)

// Adapter drives one page. Make one with New.
type Adapter struct {
	pack pack
	now  func() time.Time
	name string
	join platform.Join

	micOff, camOff bool
	typed          int       // how often the name was typed
	asked          time.Time // the last click on the join button
	clicked        string    // the last dialog button, not to be clicked twice at once
	clickedAt      time.Time

	inCall     bool
	lastInCall time.Time
	chatTried  bool
	reported   map[string]bool // chat messages
}

// New returns an adapter for one page.
func New() *Adapter {
	return &Adapter{pack: current, now: clock.System{}.Now, reported: map[string]bool{}}
}

var _ platform.Adapter = (*Adapter)(nil)

// Scripts returns none: all is read from the page.
func (a *Adapter) Scripts(platform.Join) []string { return nil }

// Enter opens the meeting's page, fills in the name and asks to join. It
// returns when the page shows the lobby or the call.
func (a *Adapter) Enter(ctx context.Context, page platform.Page, join platform.Join) error {
	a.name, a.join = join.Name, join
	if err := page.Navigate(ctx, join.URL); err != nil {
		return fmt.Errorf("open meeting: %w", err)
	}
	for {
		s, err := a.look(ctx, page)
		if err != nil {
			return err
		}
		switch v := a.pack.judge(s, false); v.stage {
		case platform.StageEnded:
			return refusal(v)
		case platform.StageLobby, platform.StageInCall:
			return nil
		}
		if err := a.step(ctx, page, s); err != nil {
			return err
		}
		if err := wait(ctx, pollEvery); err != nil {
			return fmt.Errorf("ask to join: %w", err)
		}
	}
}

// refusal makes a typed end of what the page says before the bot is in.
func refusal(v verdict) error {
	code := v.code
	if code == bot.EndUnknown || code == bot.EndRemoved {
		code = bot.EndNotAccepted
	}
	return &platform.Refusal{Code: code, Reason: v.reason}
}

// step does the next thing on the way to the join button. What is optional may
// fail.
func (a *Adapter) step(ctx context.Context, page platform.Page, s snapshot) error {
	switch {
	case s.Intro != nil:
		return a.press(ctx, page, s.Intro)
	case s.Name != nil && s.Name.Value != a.name && a.typed < 3: // a long one is cut by the page
		a.typed++
		return optional(page.Type(ctx, s.Name.Selector, a.name))
	case s.Mic != "" && !a.micOff:
		a.micOff = true
		return optional(page.Click(ctx, s.Mic))
	case s.Cam != "" && !a.camOff:
		a.camOff = true
		return optional(page.Click(ctx, s.Cam))
	case s.Join != nil && !s.Join.Disabled && a.join.Knock != nil:
		knock := a.join.Knock
		a.join.Knock = nil // the page may have changed meanwhile: look again
		return knock(ctx)
	case s.Join != nil && !s.Join.Disabled && a.now().Sub(a.asked) > askAgain:
		a.asked = a.now()
		return optional(page.Click(ctx, s.Join.Selector))
	}
	return nil
}

// press clicks a dialog's button, but not the same one twice within a second:
// dialogs take a moment to go.
func (a *Adapter) press(ctx context.Context, page platform.Page, b *button) error {
	now := a.now()
	if key := b.Selector + b.Text; key != a.clicked || now.Sub(a.clickedAt) > time.Second {
		a.clicked, a.clickedAt = key, now
		return optional(page.Click(ctx, b.Selector))
	}
	return nil
}

// optional forgives that an element went away before the click.
func optional(err error) error {
	if errors.Is(err, platform.ErrNoElement) {
		return nil
	}
	return err
}

// Observe looks once and reports. It also answers dialogs: consent to being
// recorded is given, since to dismiss that dialog is to leave.
func (a *Adapter) Observe(ctx context.Context, page platform.Page) (platform.Observation, error) {
	s, err := a.look(ctx, page)
	if err != nil {
		return platform.Observation{}, err
	}
	for _, b := range []*button{s.Consent, s.Info} {
		if b != nil {
			if err := a.press(ctx, page, b); err != nil {
				return platform.Observation{}, err
			}
		}
	}
	v := a.pack.judge(s, a.inCall)
	if v.stage == platform.StageInCall {
		a.openChat(ctx, page, s)
		return a.report(s), nil
	}
	return a.outside(v, s), nil
}

// report is an observation from within the call.
func (a *Adapter) report(s snapshot) platform.Observation {
	a.inCall, a.lastInCall = true, a.now()
	o := platform.Observation{Stage: platform.StageInCall}
	o.Roster, o.Bindings, o.Speaking = s.roster(a.name)
	for _, m := range s.Messages {
		if m.ID == "" || a.reported[m.ID] {
			continue
		}
		a.reported[m.ID] = true
		self := m.Sender == "You"
		sent := a.now().UTC()
		if m.SentMS > 0 {
			sent = time.UnixMilli(m.SentMS).UTC()
		}
		sender := m.Sender
		if self {
			sender = a.name
		}
		o.Messages = append(o.Messages, platform.Message{ID: m.ID, Sender: sender, Text: m.Text, Self: self, SentAt: sent})
	}
	return o
}

// outside is an observation when the page does not show the call.
func (a *Adapter) outside(v verdict, s snapshot) platform.Observation {
	if v.stage == platform.StageEnded {
		if v.code == bot.EndUnknown && !a.inCall {
			v.code = bot.EndNotAccepted
		}
		return platform.Observation{Stage: platform.StageEnded, Code: v.code, Reason: v.reason}
	}
	if !a.inCall {
		if v.stage == platform.StageLobby {
			return platform.Observation{Stage: platform.StageLobby}
		}
		return platform.Observation{Stage: platform.StageJoining}
	}
	limit := grace
	if s.Reconnect != "" {
		limit = graceLost
	}
	if a.now().Sub(a.lastInCall) < limit {
		return platform.Observation{Stage: platform.StageInCall}
	}
	return platform.Observation{Stage: platform.StageEnded, Code: bot.EndUnknown, Reason: "the page does not show the call any more"}
}

// Leave leaves the call or takes back the request to join.
func (a *Adapter) Leave(ctx context.Context, page platform.Page) error {
	s, err := a.look(ctx, page)
	if err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	if s.Leave == "" {
		return nil // not in, or out already
	}
	if err := optional(page.Click(ctx, s.Leave)); err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	for {
		if s, err = a.look(ctx, page); err != nil || s.Leave == "" {
			return nil //nolint:nilerr // a page that is gone has left
		}
		if err := wait(ctx, pollEvery); err != nil {
			return fmt.Errorf("leave: %w", err)
		}
	}
}

func (a *Adapter) look(ctx context.Context, page platform.Page) (snapshot, error) {
	var s snapshot
	if err := page.Eval(ctx, lookExpression, &s); err != nil {
		return s, fmt.Errorf("look at page: %w", err)
	}
	return s, nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
