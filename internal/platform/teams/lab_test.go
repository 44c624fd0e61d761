package teams

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/meeting"
	"steno/internal/platform"
	"steno/internal/platform/platformtest"
	"steno/lab"
	"steno/lab/labtest"
)

// The adapter against the lab's page in a real browser.
func TestConformance(t *testing.T) {
	platformtest.Run(t, platformtest.Suite{
		Adapter: func() platform.Adapter { return New() }, Page: labtest.OnePage(t), Stage: labtest.Start(t, lab.Teams), Mode: bot.SpeakerView,
	})
}

func TestRefusals(t *testing.T) {
	s, page := labtest.Start(t, lab.Teams), labtest.OnePage(t)
	for _, c := range []struct {
		name string
		sc   lab.Scenario
		code bot.EndCode
	}{
		{"blocked", lab.Scenario{Door: lab.DoorBlocked}, bot.EndCannotJoin},
		{"sign-in needed", lab.Scenario{Door: lab.DoorLogin}, bot.EndLoginRequired},
		{"a CAPTCHA", lab.Scenario{Door: lab.DoorCaptcha}, bot.EndCannotJoin},
		{"the sign-in page itself", lab.Scenario{Door: lab.DoorLogin, Skin: "old"}, bot.EndLoginRequired},
		{"denied", lab.Scenario{Door: lab.DoorDeny}, bot.EndNotAccepted},
		{"declined by time", lab.Scenario{Door: lab.DoorManual, NoResponse: lab.Duration(100 * time.Millisecond)}, bot.EndNotAccepted},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, signals := labtest.Outcome(t, New(), page(t), s.Open(t, c.sc).URL())
			if code != c.code || len(signals) == 0 {
				t.Errorf("code %s on %q, want %s", code, signals, c.code)
			}
		})
	}
}

// Every form of a link leads into the meeting, as package meeting reads it and
// as the adapter opens it.
func TestEveryFormOfLinkLeadsIn(t *testing.T) {
	s, page := labtest.Start(t, lab.Teams), labtest.OnePage(t)
	const code = "xyz-abcd-efg"
	m := s.Open(t, lab.Scenario{Code: code})
	hosts := meeting.Hosts{Lab: []string{s.Server.Host()}}
	gone := 0
	for i, form := range []string{
		"/meet/1234567890123?p=" + code,
		"/l/meetup-join/19%3ameeting_" + code + "%40thread.v2/0?context=%7b%22Tid%22%3a%22a%22%2c%22Oid%22%3a%22b%22%7d",
		"/_#/l/meetup-join/19%3ameeting_" + code + "%40thread.v2/0?context=%7b%7d",
		"/v2/?meetingjoin=true#/meet/1234567890123?p=" + code,
		"/dl/launcher/launcher.html?url=%2F_%23%2Fl%2Fmeetup-join%2F19%3Ameeting_" + code + "%40thread.v2%2F0%3Fcontext%3D%257B%257D&type=meetup-join",
		"/l/meeting/join/" + code,
		"/convene/" + code,
	} {
		parsed, err := meeting.Parse(s.Server.URL()+"/teams"+form, hosts)
		if err != nil || parsed.Platform != meeting.Teams || !strings.Contains(parsed.Page, code) {
			t.Errorf("%s: %+v, %v", form, parsed, err)
			continue
		}
		if i%3 > 0 {
			continue // read like the one before it; a visit takes seconds
		}
		gone++
		a, p := New(), page(t)
		labtest.Enter(t, a, p, parsed.Page, platform.StageInCall)
		if err := a.Leave(t.Context(), p); err != nil {
			t.Errorf("%s: leave: %v", form, err)
		}
		if _, err := m.WaitGone(t.Context(), gone); err != nil {
			t.Fatalf("%s: %v", form, err)
		}
	}
}

// With a server that mixes, one track is everybody's: it is bound to nobody,
// and the page says who speaks.
func TestMixedAudioIsBoundToNobody(t *testing.T) {
	s, page := labtest.Start(t, lab.Teams), labtest.NewPage(t)
	m := s.Open(t, lab.Scenario{Mixed: true, People: []lab.Participant{{Name: "Ada"}, {Name: "Ben", NoCam: true}}})
	a := New()
	labtest.Enter(t, a, page, m.URL(), platform.StageInCall)
	if _, err := m.WaitInCall(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := m.Say("Ben", "ben-1"); err != nil {
		t.Fatal(err)
	}
	o := labtest.Until(t, a, page, "Ben speaks", func(o platform.Observation) bool {
		return slices.Equal(o.Speaking, []string{"Ben"}) && len(o.Bindings) > 0
	})
	for _, b := range o.Bindings {
		if b.Person != "Ada" || !strings.HasPrefix(b.MediaID, "v-") {
			t.Errorf("bound %+v; only Ada's camera is somebody's", b)
		}
	}
	g := m.Truth().Guests[0]
	if g.AudioPkt == 0 {
		t.Error("no packet of the mixed track was sent")
	}
}

// A banner in the place of the call is no end, and the call is seen again.
func TestLostConnectionIsNoEnd(t *testing.T) {
	s, page := labtest.Start(t, lab.Teams), labtest.NewPage(t)
	m := s.Open(t, lab.Scenario{People: []lab.Participant{{Name: "Ada", NoCam: true}}})
	a := New()
	labtest.Enter(t, a, page, m.URL(), platform.StageInCall)
	if err := m.Trouble(true); err != nil {
		t.Fatal(err)
	}
	labtest.Until(t, a, page, "the call is out of sight", func(o platform.Observation) bool {
		return o.Stage == platform.StageInCall && o.Roster == nil
	})
	if err := m.Trouble(false); err != nil {
		t.Fatal(err)
	}
	labtest.Until(t, a, page, "the call is back", func(o platform.Observation) bool { return o.Stage == platform.StageInCall && len(o.Roster) == 2 })
}

// Where guests may not write, the bot says so rather than to wait.
func TestChatThatGuestsMayNotUse(t *testing.T) {
	s, page := labtest.Start(t, lab.Teams), labtest.NewPage(t)
	m := s.Open(t, lab.Scenario{NoChat: true, Consent: true, People: []lab.Participant{{Name: "Ada", NoCam: true}}})
	a := New()
	labtest.Enter(t, a, page, m.URL(), platform.StageInCall)
	labtest.Until(t, a, page, "consent is given", func(platform.Observation) bool {
		var open bool
		if err := page.Eval(t.Context(), `document.querySelector('[role="dialog"]') !== null`, &open); err != nil {
			t.Fatal(err)
		}
		return !open
	})
	if err := a.Say(t.Context(), page, "hello"); !errors.Is(err, platform.ErrNoChat) {
		t.Errorf("say: %v, want that there is no chat", err)
	}
}

// Where there are no captions, the menu that should hold them is closed again.
func TestMeetingWithoutCaptions(t *testing.T) {
	s, page := labtest.Start(t, lab.Teams), labtest.NewPage(t)
	m := s.Open(t, lab.Scenario{NoCaptions: true, People: []lab.Participant{{Name: "Ada", NoCam: true}}})
	a := New()
	labtest.Enter(t, a, page, m.URL(), platform.StageInCall)
	for _, want := range []bool{true, false} {
		labtest.Until(t, a, page, "the menu opens, and closes", func(o platform.Observation) bool {
			var open bool
			if err := page.Eval(t.Context(), `document.querySelector('[role="menu"]') !== null`, &open); err != nil {
				t.Fatal(err)
			}
			return open == want && o.Stage == platform.StageInCall
		})
	}
}
