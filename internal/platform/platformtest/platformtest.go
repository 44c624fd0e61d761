// Package platformtest is what every platform adapter must do, as tests
// against a real page. An adapter's own tests call Run with a stage that can
// play host.
package platformtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/platform"
)

// BotName is the name under which the suite joins.
const BotName = "Steno Notes"

// Stage is a meeting service whose host the test plays.
type Stage interface {
	// Meeting opens a meeting with people in it. With a lobby, guests wait
	// until Admit or Deny.
	Meeting(t *testing.T, lobby bool, people ...string) Meeting
	// Nowhere is the URL of a meeting that does not exist.
	Nowhere(t *testing.T) string
}

// Meeting is one meeting on a Stage. The methods fail the test if they cannot
// do what they say.
type Meeting interface {
	URL() string
	Admit(t *testing.T)
	Deny(t *testing.T)
	Remove(t *testing.T) // throws the bot out
	End(t *testing.T)    // ends the meeting for everybody
	Chat(t *testing.T, sender, text string)
	// Say lets somebody say a sentence, and returns it. Caption shows a line of
	// captions as if somebody, or the bot, had said it.
	Say(t *testing.T, who string) string
	Caption(t *testing.T, who, text string)
	// Guests tells how many bots are in the lobby or in the call, and Heard
	// whether a chat message arrived from the bot.
	Guests() int
	Heard(text string) bool
}

// Suite is an adapter under test. A nil Skip runs every case; the value of
// Skip[case] says why a platform cannot play a case.
type Suite struct {
	Adapter func() platform.Adapter
	// Page returns a fresh browser page and closes it at the test's end.
	Page  func(t *testing.T) platform.Page
	Stage Stage
	Mode  bot.RecordingMode
	Skip  map[string]string
	// NoTracks: the page's media are in no track that could be bound to people.
	NoTracks bool
	// UnnamedCaptions: the page's captions do not say whose they are.
	UnnamedCaptions bool
	// NowhereCode is the code with which Enter refuses a meeting that does not
	// exist; default bot.EndInvalidURL.
	NowhereCode bot.EndCode
}

// Run runs the suite.
func Run(t *testing.T, s Suite) {
	if s.NowhereCode == "" {
		s.NowhereCode = bot.EndInvalidURL
	}
	for _, c := range []struct {
		name string
		f    func(*testing.T, Suite)
	}{
		{"OpenMeeting", openMeeting}, {"Lobby", lobby}, {"Denied", denied}, {"NeverAdmitted", neverAdmitted},
		{"Removed", removed}, {"Ended", ended}, {"Nowhere", nowhere}, {"Chat", chat}, {"Captions", captions}, {"Cancelled", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			if why := s.Skip[c.name]; why != "" {
				t.Skip(why)
			}
			c.f(t, s)
		})
	}
}

// visit is an adapter on a page.
type visit struct {
	t       *testing.T
	ctx     context.Context
	adapter platform.Adapter
	page    platform.Page
	join    platform.Join
}

func newVisit(t *testing.T, s Suite, url string) *visit {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	v := &visit{t: t, ctx: ctx, adapter: s.Adapter(), page: s.Page(t), join: platform.Join{URL: url, Name: BotName, Mode: s.Mode}}
	for _, script := range v.adapter.Scripts(v.join) {
		if err := v.page.AddScript(ctx, script); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func (v *visit) enter() {
	v.t.Helper()
	if err := v.adapter.Enter(v.ctx, v.page, v.join); err != nil {
		v.t.Fatalf("enter: %v", err)
	}
}

// until observes until a condition holds.
func (v *visit) until(what string, cond func(platform.Observation) bool) platform.Observation {
	v.t.Helper()
	for {
		o, err := v.adapter.Observe(v.ctx, v.page)
		if err != nil {
			v.t.Fatalf("observe, waiting until %s: %v", what, err)
		}
		if cond(o) {
			return o
		}
		select {
		case <-v.ctx.Done():
			v.t.Fatalf("never happened: %s; last seen: %+v", what, o)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func stage(s platform.Stage) func(platform.Observation) bool {
	return func(o platform.Observation) bool { return o.Stage == s }
}

func (v *visit) ends(code bot.EndCode) {
	v.t.Helper()
	o := v.until("out of the meeting", stage(platform.StageEnded))
	if o.Code != code || o.Reason == "" {
		v.t.Errorf("ended with %q (%q), want %q and a reason", o.Code, o.Reason, code)
	}
}

func openMeeting(t *testing.T, s Suite) {
	m := s.Stage.Meeting(t, false, "Ada Blue", "Ben Red")
	v := newVisit(t, s, m.URL())
	v.enter()
	o := v.until("three people are in the roster and media are bound", func(o platform.Observation) bool {
		return o.Stage == platform.StageInCall && len(o.Roster) == 3 && (len(o.Bindings) > 0 || s.NoTracks)
	})
	checkRoster(t, o)
	checkBindings(t, o)
	if err := v.adapter.Leave(v.ctx, v.page); err != nil {
		t.Fatalf("leave: %v", err)
	}
	v.until("nobody is left", func(platform.Observation) bool { return m.Guests() == 0 })
}

func checkRoster(t *testing.T, o platform.Observation) {
	t.Helper()
	names, ids := map[string]bool{}, map[string]bool{}
	self := 0
	for _, p := range o.Roster {
		names[p.Name], ids[p.ID] = true, true
		if p.Self {
			self++
			if p.Name != BotName {
				t.Errorf("the bot is said to be %q", p.Name)
			}
		}
	}
	if self != 1 || !names["Ada Blue"] || !names["Ben Red"] || len(ids) != 3 {
		t.Errorf("roster: %+v", o.Roster)
	}
}

func checkBindings(t *testing.T, o platform.Observation) {
	t.Helper()
	who := map[string]string{}
	for _, p := range o.Roster {
		who[p.ID] = p.Name
	}
	for _, b := range o.Bindings {
		if name := who[b.Person]; b.MediaID == "" || name == "" || name == BotName {
			t.Errorf("binding of track %q to %q (%q)", b.MediaID, b.Person, name)
		}
	}
}

func lobby(t *testing.T, s Suite) {
	m := s.Stage.Meeting(t, true, "Ada Blue")
	v := newVisit(t, s, m.URL())
	v.enter()
	v.until("in the lobby", stage(platform.StageLobby))
	m.Admit(t)
	v.until("in the call", stage(platform.StageInCall))
}

func denied(t *testing.T, s Suite) {
	m := s.Stage.Meeting(t, true, "Ada Blue")
	v := newVisit(t, s, m.URL())
	v.enter()
	v.until("in the lobby", stage(platform.StageLobby))
	m.Deny(t)
	v.ends(bot.EndNotAccepted)
}

func neverAdmitted(t *testing.T, s Suite) {
	m := s.Stage.Meeting(t, true, "Ada Blue")
	v := newVisit(t, s, m.URL())
	v.enter()
	v.until("in the lobby", stage(platform.StageLobby))
	if err := v.adapter.Leave(v.ctx, v.page); err != nil {
		t.Fatalf("leave: %v", err)
	}
	v.until("the request is withdrawn", func(platform.Observation) bool { return m.Guests() == 0 })
}

func removed(t *testing.T, s Suite) {
	m := s.Stage.Meeting(t, false, "Ada Blue")
	v := newVisit(t, s, m.URL())
	v.enter()
	v.until("in the call", stage(platform.StageInCall))
	m.Remove(t)
	v.ends(bot.EndRemoved)
}

func ended(t *testing.T, s Suite) {
	m := s.Stage.Meeting(t, false, "Ada Blue")
	v := newVisit(t, s, m.URL())
	v.enter()
	v.until("in the call", stage(platform.StageInCall))
	m.End(t)
	v.ends(bot.EndMeetingEnded)
}

func nowhere(t *testing.T, s Suite) {
	v := newVisit(t, s, s.Stage.Nowhere(t))
	err := v.adapter.Enter(v.ctx, v.page, v.join)
	var r *platform.Refusal
	if !errors.As(err, &r) || r.Code != s.NowhereCode || r.Reason == "" {
		t.Errorf("enter: %v, want a refusal with %s", err, s.NowhereCode)
	}
}

// ownWords are what the bot says; they must not end its stay either.
const ownWords = "I am recording this call. I can be removed from the meeting, then: you've been removed from this meeting."

func chat(t *testing.T, s Suite) {
	m := s.Stage.Meeting(t, false, "Ada Blue")
	v := newVisit(t, s, m.URL())
	v.enter()
	v.until("in the call", stage(platform.StageInCall))
	for _, words := range []string{"You've been removed from the meeting", "You have been removed", "Meeting ended"} {
		m.Chat(t, "Ada Blue", words) // words must not end anything
	}
	o := v.until("a message is seen", func(o platform.Observation) bool { return len(o.Messages) > 0 })
	if msg := o.Messages[0]; msg.Sender != "Ada Blue" || !strings.Contains(msg.Text, "removed") || msg.Self {
		t.Errorf("message: %+v", msg)
	}
	if err := v.adapter.Say(v.ctx, v.page, ownWords); err != nil {
		t.Fatalf("say: %v", err)
	}
	v.until("the bot's own message is seen, as its own", func(o platform.Observation) bool {
		return slices.ContainsFunc(o.Messages, func(m platform.Message) bool { return m.Self && m.Text == ownWords })
	})
	v.until("the others heard it", func(o platform.Observation) bool { return m.Heard(ownWords) })
	v.until("still in the call", stage(platform.StageInCall))
}

// captions are switched on, and tell who says what, word by word, until all is
// said; they end nothing, and the bot's own words are not among them.
func captions(t *testing.T, s Suite) {
	m := s.Stage.Meeting(t, false, "Ada Blue", "Ben Red")
	v := newVisit(t, s, m.URL())
	v.join.Captions = true
	v.enter()
	lines := map[string]platform.Caption{}
	ends := func(text string) func(o platform.Observation) bool {
		return func(o platform.Observation) (seen bool) {
			for _, c := range o.Captions {
				if old := lines[c.ID]; old.Final {
					t.Errorf("line changed after its end: %+v, then %+v", old, c)
				}
				lines[c.ID] = c
				seen = seen || strings.HasSuffix(c.Text, text)
			}
			return seen && o.Stage == platform.StageInCall
		}
	}
	v.until("captions are on", func(o platform.Observation) bool {
		if o.Stage == platform.StageInCall {
			m.Caption(t, "Ada Blue", "Hello.")
		}
		return ends("Hello.")(o)
	})
	m.Caption(t, BotName, ownWords)
	text := m.Say(t, "Ben Red")
	v.until("what Ben says", ends(text))
	m.Caption(t, "Ada Blue", ownWords)
	v.until("what Ada says then", ends(ownWords))
	v.until("still in the call", stage(platform.StageInCall))
	said := ""
	for _, c := range lines {
		switch {
		case strings.HasSuffix(c.Text, text):
			said += c.Name + ": " + c.Text
		case c.Name == BotName || c.Name == "You" || strings.HasSuffix(c.Text, ownWords) && c.Name != "Ada Blue" && !s.UnnamedCaptions:
			t.Errorf("line: %+v", c)
		}
	}
	if said != "Ben Red: "+text {
		t.Errorf("Ben said %q; the lines are %+v", text, lines)
	}
}

func cancelled(t *testing.T, s Suite) {
	m := s.Stage.Meeting(t, false, "Ada Blue")
	v := newVisit(t, s, m.URL())
	ctx, cancel := context.WithCancel(v.ctx)
	cancel()
	if err := v.adapter.Enter(ctx, v.page, v.join); !errors.Is(err, context.Canceled) {
		t.Errorf("enter with a cancelled context: %v", err)
	}
}
