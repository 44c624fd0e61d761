// Package labtest lets tests of platform adapters play host in the lab.
package labtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/browser"
	"steno/internal/platform"
	"steno/internal/platform/platformtest"
	"steno/lab"
	"steno/lab/media"
)

// Patience bounds what must happen in a test.
const Patience = 60 * time.Second

// Stage plays host in the lab, on the pages of one platform. It is a
// platformtest.Stage.
type Stage struct {
	Server   *lab.Server
	platform string
	n        atomic.Int64
}

// Start starts a lab for a test.
func Start(t *testing.T, platform string) *Stage {
	t.Helper()
	s, err := lab.Start(context.Background(), lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &Stage{Server: s, platform: platform}
}

// Open opens a meeting; its code and platform are filled in.
func (s *Stage) Open(t *testing.T, sc lab.Scenario) *lab.Meeting {
	t.Helper()
	sc.Platform = s.platform
	if sc.Code == "" {
		n := s.n.Add(1)
		sc.Code = fmt.Sprintf("abc-defg-h%c%c", 'a'+n/26%26, 'a'+n%26)
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	m, err := s.Server.Open(ctx, sc)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Meeting opens a meeting with people in it.
func (s *Stage) Meeting(t *testing.T, lobby bool, people ...string) platformtest.Meeting {
	t.Helper()
	sc := lab.Scenario{Door: lab.DoorOpen}
	if lobby {
		sc.Door = lab.DoorManual
	}
	for _, name := range people {
		sc.People = append(sc.People, lab.Participant{Name: name})
	}
	return &meeting{s.Open(t, sc)}
}

// Nowhere is the address of a meeting that does not exist.
func (s *Stage) Nowhere(*testing.T) string {
	switch s.platform {
	case lab.Teams:
		return s.Server.URL() + "/teams/meet/1234567890123?p=zzz-zzzz-zzz"
	case lab.Zoom:
		return s.Server.URL() + "/zoom/j/1234567890?pwd=zzz-zzzz-zzz"
	}
	return s.Server.URL() + "/meet/zzz-zzzz-zzz?hl=en"
}

type meeting struct{ *lab.Meeting }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (m *meeting) Admit(t *testing.T)  { t.Helper(); must(t, m.Meeting.Admit("")) }
func (m *meeting) Deny(t *testing.T)   { t.Helper(); must(t, m.Meeting.Deny("")) }
func (m *meeting) Remove(t *testing.T) { t.Helper(); must(t, m.Meeting.Remove("")) }
func (m *meeting) End(*testing.T)      { m.Meeting.End() }
func (m *meeting) Guests() int {
	s := m.State()
	return len(s.Waiting) + len(s.InCall)
}
func (m *meeting) Chat(_ *testing.T, sender, text string) { m.Meeting.Chat(sender, text) }

// Say lets somebody say the first sentence of a voice.
func (m *meeting) Say(t *testing.T, who string) string {
	t.Helper()
	clips, err := media.Clips()
	must(t, err)
	voice := strings.ToLower(who[:3]) + "-1"
	must(t, m.Meeting.Say(who, voice))
	return clips[voice].Text
}
func (m *meeting) Caption(_ *testing.T, who, text string) { m.Meeting.Caption(who, text) }
func (m *meeting) Heard(text string) bool {
	return slices.Contains(m.State().Chat, lab.Line{Sender: platformtest.BotName, Text: text})
}

// NewPage launches a browser for a test.
func NewPage(t *testing.T) platform.Page {
	t.Helper()
	return launch(t)
}

func launch(t *testing.T) *browser.Browser {
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

// OnePage launches one browser for all cases of a test, which come one after
// the other; each finds an empty page. Only for adapters without scripts.
func OnePage(t *testing.T) func(*testing.T) platform.Page {
	t.Helper()
	b := launch(t)
	return func(t *testing.T) platform.Page {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		must(t, b.Navigate(ctx, "about:blank"))
		return b
	}
}

// Enter joins under a name, and waits for the stage.
func Enter(t *testing.T, a platform.Adapter, page platform.Page, url string, stage platform.Stage) platform.Observation {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := a.Enter(ctx, page, platform.Join{URL: url, Name: platformtest.BotName, Mode: bot.GalleryView, Captions: true}); err != nil {
		t.Fatalf("enter: %v", err)
	}
	return Until(t, a, page, string(stage), func(o platform.Observation) bool { return o.Stage == stage })
}

// Until observes until a condition holds.
func Until(t *testing.T, a platform.Adapter, page platform.Page, what string, cond func(platform.Observation) bool) platform.Observation {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	for {
		o, err := a.Observe(ctx, page)
		if err != nil {
			t.Fatalf("observe, waiting until %s: %v; last seen: %+v", what, err, o)
		}
		if cond(o) {
			return o
		}
		if o.Stage == platform.StageEnded {
			t.Fatalf("ended before %s: %+v", what, o)
		}
	}
}

// Outcome enters and returns the code of the end, wherever it shows, and what
// it rests on.
func Outcome(t *testing.T, a platform.Adapter, page platform.Page, url string) (bot.EndCode, []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := a.Enter(ctx, page, platform.Join{URL: url, Name: platformtest.BotName}); err != nil {
		r, ok := errors.AsType[*platform.Refusal](err)
		if !ok {
			t.Fatal(err)
		}
		return r.Code, r.Signals
	}
	for {
		o, err := a.Observe(ctx, page)
		if err != nil {
			t.Fatal(err)
		}
		if o.Stage == platform.StageEnded {
			return o.Code, o.Signals
		}
	}
}
