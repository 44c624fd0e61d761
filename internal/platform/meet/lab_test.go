package meet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/browser"
	"steno/internal/platform"
	"steno/internal/platform/platformtest"
	"steno/lab"
)

// stage plays host in the lab.
type stage struct {
	server *lab.Server
	n      atomic.Int64
}

func (s *stage) code() string { return fmt.Sprintf("abc-defg-hi%c", 'a'+s.n.Add(1)%26) }

func (s *stage) Meeting(t *testing.T, lobby bool, people ...string) platformtest.Meeting {
	t.Helper()
	sc := lab.Scenario{Code: s.code(), Door: lab.DoorOpen}
	if lobby {
		sc.Door = lab.DoorManual
	}
	for _, name := range people {
		sc.People = append(sc.People, lab.Participant{Name: name})
	}
	return &labMeeting{open(t, s.server, sc)}
}

func (s *stage) Nowhere(*testing.T) string { return s.server.URL() + "/meet/zzz-zzzz-zzz?hl=en" }

func open(t *testing.T, s *lab.Server, sc lab.Scenario) *lab.Meeting {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	m, err := s.Open(ctx, sc)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

type labMeeting struct{ *lab.Meeting }

func (m *labMeeting) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
func (m *labMeeting) Admit(t *testing.T)  { m.must(t, m.Meeting.Admit("")) }
func (m *labMeeting) Deny(t *testing.T)   { m.must(t, m.Meeting.Deny("")) }
func (m *labMeeting) Remove(t *testing.T) { m.must(t, m.Meeting.Remove("")) }
func (m *labMeeting) End(*testing.T)      { m.Meeting.End() }
func (m *labMeeting) Guests() int {
	s := m.State()
	return len(s.Waiting) + len(s.InCall)
}

func (m *labMeeting) Chat(_ *testing.T, sender, text string) { m.Meeting.Chat(sender, text) }
func (m *labMeeting) Heard(text string) bool {
	return slices.Contains(m.State().Chat, lab.Line{Sender: platformtest.BotName, Text: text})
}

func startStage(t *testing.T) *stage {
	t.Helper()
	s, err := lab.Start(context.Background(), lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &stage{server: s}
}

func newPage(t *testing.T) platform.Page {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	b, err := browser.Launch(ctx, browser.Options{Dir: t.TempDir(), Loopback: true})
	if err != nil {
		t.Fatalf("this test needs Chromium (Debian package chromium-headless-shell): %v", err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// The adapter against the lab's page in a real browser.
func TestConformance(t *testing.T) {
	platformtest.Run(t, platformtest.Suite{
		Adapter: func() platform.Adapter { return New() }, Page: newPage, Stage: startStage(t), Mode: bot.SpeakerView,
	})
}

// Doors that are closed before anybody is asked, and the platform's own
// time-out in the lobby.
func TestRefusals(t *testing.T) {
	s := startStage(t)
	for _, c := range []struct {
		name string
		sc   lab.Scenario
		code bot.EndCode
	}{
		{"blocked", lab.Scenario{Door: lab.DoorBlocked}, bot.EndCannotJoin},
		{"sign-in needed", lab.Scenario{Door: lab.DoorLogin}, bot.EndLoginRequired},
		{"nobody answers", lab.Scenario{Door: lab.DoorManual, NoResponse: lab.Duration(300 * time.Millisecond)}, bot.EndTimeoutWaiting},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.sc.Code = s.code()
			m := open(t, s.server, c.sc)
			if code := outcome(t, m.URL()); code != c.code {
				t.Errorf("code %s, want %s", code, c.code)
			}
		})
	}
}

// outcome enters and returns the code of the end, wherever it shows.
func outcome(t *testing.T, url string) bot.EndCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	a, page := New(), newPage(t)
	if err := a.Enter(ctx, page, platform.Join{URL: url, Name: "Steno"}); err != nil {
		r, ok := errors.AsType[*platform.Refusal](err)
		if !ok {
			t.Fatal(err)
		}
		return r.Code
	}
	for {
		o, err := a.Observe(ctx, page)
		if err != nil {
			t.Fatal(err)
		}
		if o.Stage == platform.StageEnded {
			return o.Code
		}
	}
}

// A recording notice must be accepted: dismissing it would end the bot's stay.
func TestConsentIsGiven(t *testing.T) {
	s := startStage(t)
	m := open(t, s.server, lab.Scenario{Code: s.code(), Consent: true, People: []lab.Participant{{Name: "Ada", NoCam: true}}})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	a, page := New(), newPage(t)
	if err := a.Enter(ctx, page, platform.Join{URL: m.URL(), Name: "Steno"}); err != nil {
		t.Fatal(err)
	}
	for {
		o, err := a.Observe(ctx, page)
		if err != nil || o.Stage == platform.StageEnded {
			t.Fatalf("observe: %+v, %v", o, err)
		}
		var open bool
		if err := page.Eval(ctx, `document.querySelector('[role="dialog"]') !== null`, &open); err != nil {
			t.Fatal(err)
		}
		if !open && o.Stage == platform.StageInCall && len(m.State().InCall) == 1 {
			return
		}
	}
}
