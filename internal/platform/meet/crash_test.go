package meet

import (
	"context"
	"errors"
	"testing"
	"time"

	"steno/internal/browser"
	"steno/internal/platform"
	"steno/lab"
	"steno/lab/labtest"
)

// The lab's ways of letting a page die are what they say: the page stands
// still, or the renderer is gone.
func TestPagesDie(t *testing.T) {
	s := labtest.Start(t, lab.Meet)
	for _, how := range []lab.PageCrash{lab.Freeze, lab.Crash} {
		t.Run(string(how), func(t *testing.T) {
			m := s.Open(t, lab.Scenario{People: []lab.Participant{{Name: "Ada", NoCam: true}}})
			ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
			defer cancel()
			page := labtest.NewPage(t).(*browser.Browser)
			if err := New().Enter(ctx, page, platform.Join{URL: m.URL(), Name: "Steno"}); err != nil {
				t.Fatal(err)
			}
			if _, err := m.WaitInCall(ctx, 1); err != nil {
				t.Fatal(err)
			}
			if err := m.CrashPage("", how); err != nil {
				t.Fatal(err)
			}
			if how == lab.Crash {
				select {
				case <-page.Crashed():
				case <-ctx.Done():
					t.Fatal("the renderer lives on")
				}
				return
			}
			for {
				short, stop := context.WithTimeout(ctx, time.Second)
				err := page.Ping(short)
				stop()
				if errors.Is(err, context.DeadlineExceeded) {
					return
				}
				if ctx.Err() != nil {
					t.Fatal("the page still answers")
				}
			}
		})
	}
}
