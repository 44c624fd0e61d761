package meet

import (
	"context"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/platform"
	"steno/internal/platform/platformtest"
	"steno/lab"
	"steno/lab/labtest"
)

// The adapter against the lab's page in a real browser.
func TestConformance(t *testing.T) {
	platformtest.Run(t, platformtest.Suite{
		Adapter: func() platform.Adapter { return New() }, Page: labtest.OnePage(t), Stage: labtest.Start(t, lab.Meet), Mode: bot.SpeakerView,
	})
}

// Doors that are closed before anybody is asked, and the platform's own
// time-out in the lobby.
func TestRefusals(t *testing.T) {
	s, page := labtest.Start(t, lab.Meet), labtest.OnePage(t)
	for _, c := range []struct {
		name string
		sc   lab.Scenario
		code bot.EndCode
	}{
		{"blocked", lab.Scenario{Door: lab.DoorBlocked}, bot.EndCannotJoin},
		{"sign-in needed", lab.Scenario{Door: lab.DoorLogin}, bot.EndLoginRequired},
		{"a CAPTCHA", lab.Scenario{Door: lab.DoorCaptcha}, bot.EndCannotJoin},
		{"nobody answers", lab.Scenario{Door: lab.DoorManual, NoResponse: lab.Duration(300 * time.Millisecond)}, bot.EndTimeoutWaiting},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, _ := labtest.Outcome(t, New(), page(t), s.Open(t, c.sc).URL()); code != c.code {
				t.Errorf("code %s, want %s", code, c.code)
			}
		})
	}
}

// A recording notice must be accepted: dismissing it would end the bot's stay.
func TestConsentIsGiven(t *testing.T) {
	s := labtest.Start(t, lab.Meet)
	m := s.Open(t, lab.Scenario{Consent: true, People: []lab.Participant{{Name: "Ada", NoCam: true}}})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	a, page := New(), labtest.NewPage(t)
	if err := a.Enter(ctx, page, platform.Join{URL: m.URL(), Name: "Steno"}); err != nil {
		t.Fatal(err)
	}
	labtest.Until(t, a, page, "the dialog is gone", func(o platform.Observation) bool {
		var open bool
		if err := page.Eval(ctx, `document.querySelector('[role="dialog"]') !== null`, &open); err != nil {
			t.Fatal(err)
		}
		return !open && o.Stage == platform.StageInCall && len(m.State().InCall) == 1
	})
}
