// Package guest joins meetings as a guest through a web page: name, ask to
// join, lobby, call. What the page looks like is in a pack, what is seen comes
// from one look (look.js), what it means is decided in snapshot.go, for all
// platforms alike.
//
// The bot is a guest that says its name: nothing here hides what it is.
package guest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/platform"
	"steno/internal/platform/pack"
)

const (
	pollEvery = 150 * time.Millisecond
	// askAgain: a click on the join button that led nowhere is repeated.
	askAgain = 5 * time.Second
	// grace: how long a call may be out of sight before it counts as over;
	// the page comes back by itself from a lost connection.
	grace     = 20 * time.Second
	graceLost = 40 * time.Second
	// knockAgain: a page that says that nobody has begun yet is opened anew so
	// often, because some do not go on by themselves.
	knockAgain = 15 * time.Second
)

// Adapter drives one page. Make one with New.
type Adapter struct {
	pack *pack.Pack
	view string // the expression of a look
	now  func() time.Time
	name string
	join platform.Join

	micOff, camOff bool
	typed          int       // how often the name was typed
	asked          time.Time // the last click on the join button
	coded          bool      // the passcode was typed
	clicked        string    // the last dialog button, not to be clicked twice at once
	clickedAt      time.Time
	opened         time.Time // the page, last
	again          bool      // it was opened anew and has to ask anew

	inCall                 bool
	lastInCall             time.Time
	peopleTried, chatTried bool
	reported               map[string]bool // chat messages
	entered                time.Time       // when the call was seen first
	captions               captions
	sources                sources
	layout                 layout
}

// New returns an adapter for one page of the pack's platform.
func New(p *pack.Pack) *Adapter {
	return &Adapter{pack: p, view: lookExpression(p, nil), now: clock.System{}.Now, reported: map[string]bool{}, sources: sources{}}
}

var _ platform.Adapter = (*Adapter)(nil)

// Engine returns that of the pack.
func (a *Adapter) Engine() bot.Engine { return a.pack.Engine }

// Scripts returns what listens to the pack's data channels; all else is read
// from the page.
func (a *Adapter) Scripts(platform.Join) []string {
	if len(a.pack.RosterChannels) == 0 {
		return nil
	}
	labels, err := json.Marshal(a.pack.RosterChannels)
	if err != nil {
		panic(err) // texts
	}
	return []string{"(" + strings.TrimSpace(channelsScript) + ")(" + string(labels) + ")"}
}

// Enter opens the meeting's page, fills in the name and asks to join. It
// returns when the page shows the lobby or the call.
func (a *Adapter) Enter(ctx context.Context, page platform.Page, join platform.Join) error {
	a.name, a.join = join.Name, join
	a.layout = layout{way: a.pack.Layouts[join.Mode]}
	if err := a.open(ctx, page); err != nil {
		return err
	}
	err := a.ask(ctx, page)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", platform.ErrStrange, err)
	}
	return err
}

// ask goes from the open page to the lobby or the call.
func (a *Adapter) ask(ctx context.Context, page platform.Page) error {
	for {
		s, err := a.look(ctx, page)
		if err != nil {
			return err
		}
		switch v := judge(a.pack, s, false); v.stage {
		case platform.StageEnded:
			return refusal(v)
		case platform.StageLobby, platform.StageHostAbsent, platform.StageInCall:
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

// open opens the page that the pack names for the meeting.
func (a *Adapter) open(ctx context.Context, page platform.Page) error {
	a.opened, a.typed, a.micOff, a.camOff, a.coded, a.asked = a.now(), 0, false, false, false, time.Time{}
	if err := page.Navigate(ctx, a.pack.Open(a.join.URL)); err != nil {
		return fmt.Errorf("open meeting: %w", err)
	}
	return nil
}

// refusal makes a typed end of what the page says before the bot is in.
func refusal(v verdict) error {
	code := v.code
	if code == bot.EndUnknown || code == bot.EndRemoved {
		code = bot.EndNotAccepted
	}
	return &platform.Refusal{Code: code, Reason: v.reason, Signals: v.signals}
}

// step does the next thing on the way to the join button. What is optional may
// fail.
func (a *Adapter) step(ctx context.Context, page platform.Page, s snapshot) error {
	answers := a.answers(s, pack.Joining)
	switch {
	case len(answers) > 0:
		return a.pressAll(ctx, page, answers)
	case s.Passcode != nil && !a.coded:
		return a.typePasscode(ctx, page, s.Passcode)
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

// typePasscode types the passcode that the meeting's URL carries.
func (a *Adapter) typePasscode(ctx context.Context, page platform.Page, f *field) error {
	a.coded = true
	code := a.passcode()
	if code == "" {
		return &platform.Refusal{Code: bot.EndCannotJoin, Reason: "the meeting asks for a passcode, and its URL carries none", Signals: []string{f.Selector}}
	}
	return optional(page.Type(ctx, f.Selector, code))
}

// passcode is a parameter of the URL. A plus sign is part of it.
func (a *Adapter) passcode() string {
	_, query, _ := strings.Cut(a.join.URL, "?")
	query, _, _ = strings.Cut(query, "#")
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if slices.Contains(a.pack.PasscodeParams, name) {
			if plain, err := url.PathUnescape(value); err == nil {
				return plain
			}
			return value
		}
	}
	return ""
}

// answers lists the buttons of dialogs that are to be answered now.
func (a *Adapter) answers(s snapshot, when pack.Moment) []button {
	var list []button
	for _, r := range s.Answers {
		if slices.Contains(r.When, when) {
			list = append(list, r.button)
		}
	}
	return list
}

// pressAll clicks all: one may lie below another.
func (a *Adapter) pressAll(ctx context.Context, page platform.Page, list []button) error {
	for _, b := range list {
		if err := a.press(ctx, page, &b); err != nil {
			return err
		}
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
	if err := a.pressAll(ctx, page, a.answers(s, pack.Staying)); err != nil {
		return platform.Observation{}, err
	}
	v := judge(a.pack, s, a.inCall)
	switch {
	case v.stage == platform.StageInCall:
		a.openPanels(ctx, page, s)
		if !a.switchCaptions(ctx, page, s) { // words are lost before they are on
			a.arrange(ctx, page, s)
		}
		return a.report(s, v), nil
	case v.stage == platform.StageHostAbsent && a.now().Sub(a.opened) > knockAgain:
		a.again = true
		return a.observed(v), a.open(ctx, page)
	case v.stage == platform.StageJoining && a.again && !a.inCall:
		return a.observed(v), a.step(ctx, page, s)
	}
	return a.outside(v, s), nil
}

func (a *Adapter) observed(v verdict) platform.Observation {
	return platform.Observation{Stage: v.stage, Signals: v.signals}
}

// report is an observation from within the call.
func (a *Adapter) report(s snapshot, v verdict) platform.Observation {
	if a.inCall, a.lastInCall = true, a.now(); a.entered.IsZero() {
		a.entered = a.lastInCall
	}
	if a.typed == 0 && a.join.Account != "" {
		a.name = a.join.Account
	}
	o := a.observed(v)
	o.Roster, o.Bindings, o.Speaking = s.roster(a.name, len(a.pack.Selectors.TileSelf)+len(a.pack.Texts.Self) > 0, a.pack.Texts.Bots.All())
	if len(s.People) == 0 { // a list that is not open yet
		o.Roster, o.Bindings, o.Speaking = nil, nil, nil
	}
	for _, t := range s.Turns {
		o.Turns = append(o.Turns, platform.Turn{Person: t.ID, On: t.On, At: time.UnixMilli(t.At)})
	}
	o.Sources = a.sources.of(o.Roster)
	for _, m := range s.Messages {
		if m.ID == "" || a.reported[m.ID] {
			continue
		}
		a.reported[m.ID] = true
		self := a.own(m.Sender)
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
	if a.join.Captions && s.CaptionsShown {
		o.Captions = a.captions.follow(a.heard(s), len(a.pack.Selectors.CaptionName) > 0)
	}
	return o
}

// outside is an observation when the page does not show the call.
func (a *Adapter) outside(v verdict, s snapshot) platform.Observation {
	if v.stage == platform.StageEnded {
		if v.code == bot.EndUnknown && !a.inCall {
			v.code = bot.EndNotAccepted
		}
		return platform.Observation{Stage: platform.StageEnded, Code: v.code, Reason: v.reason, Signals: v.signals}
	}
	if !a.inCall {
		return a.observed(v)
	}
	limit := grace
	if s.Reconnect != "" {
		limit = graceLost
	}
	if a.now().Sub(a.lastInCall) < limit {
		return platform.Observation{Stage: platform.StageInCall}
	}
	return platform.Observation{Stage: platform.StageEnded, Code: bot.EndUnknown, Reason: "the page does not show the call any more",
		Signals: append([]string{"not seen for " + limit.String()}, s.Signals...)}
}

// own tells whether the page calls the bot so.
func (a *Adapter) own(sender string) bool {
	if words := a.pack.Texts.Self.All(); len(words) > 0 {
		return slices.Contains(words, sender)
	}
	return sender == a.name
}

func (a *Adapter) chatLimit() int { return cmp.Or(a.pack.ChatLimit, 500) }

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
		if s, err = a.look(ctx, page); err != nil || s.Leave == "" && s.Confirm == "" {
			return nil //nolint:nilerr // a page that is gone has left
		}
		if s.Confirm != "" {
			if err := a.press(ctx, page, &button{Selector: s.Confirm}); err != nil {
				return fmt.Errorf("leave: %w", err)
			}
		}
		if err := wait(ctx, pollEvery); err != nil {
			return fmt.Errorf("leave: %w", err)
		}
	}
}

func (a *Adapter) look(ctx context.Context, page platform.Page) (snapshot, error) {
	var s snapshot
	if err := page.Eval(ctx, a.view, &s); err != nil {
		return s, fmt.Errorf("look at page: %w", err)
	}
	for _, msg := range s.Channels {
		a.sources.take(msg)
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
