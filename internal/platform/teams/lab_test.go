package teams

import (
	"strings"
	"testing"

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
