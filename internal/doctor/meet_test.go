package doctor_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"steno/internal/doctor"
	"steno/internal/meeting"
	"steno/internal/platform/all"
	"steno/internal/platform/pack"
	"steno/lab"
	"steno/lab/labtest"
)

// report is what a visit writes.
type report struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *report) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *report) says(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Contains(r.text.String(), text)
}

// A check of a pack joins, waits, looks, and leaves, on the pages of all platforms;
// what a page does not have any more is named, with what to do.
func TestAVisitTellsWhetherAPackHolds(t *testing.T) {
	page := labtest.OnePage(t)
	people := []lab.Participant{{Name: "Ada"}, {Name: "Ben", NoCam: true}}
	for _, c := range []struct {
		name     string
		platform meeting.Platform
		from, to string // in the pack
		deny     bool
		until    string // the visit is ended then; empty: it ends by itself
		want     doctor.Level
		says     []string
	}{
		{name: "meet", platform: meeting.Meet, want: doctor.Fine, says: []string{
			"== before joining", "selectors.name_field[0]", "== lobby", "== call", "selectors.leave[0]", "signals.", "people in the list: 3", "media come in", "somebody is seen to speak", "ok      left", "The pack holds: bots can join",
		}},
		{name: "teams", platform: meeting.Teams, want: doctor.Fine, says: []string{"== lobby", "== call", "people in the list: 3", "media come in", "ok      left"}},
		{name: "zoom, whose media come another way", platform: meeting.Zoom, until: "people in the list: 3", want: doctor.Doubtful, says: []string{"== lobby", "== call", "no media came in by RTCPeerConnection", "bots film", "ok      left"}},
		{name: "refused", platform: meeting.Meet, deny: true, want: doctor.Doubtful, says: []string{"did not let the guest in", "BOT_NOT_ACCEPTED", "says nothing of the call"}},
		{name: "people are shown another way", platform: meeting.Meet, from: "    - '[data-participant-id]'\n", to: "    - 'div.gone'\n", until: "== behind the lobby", want: doctor.Broken, says: []string{"known neither for a call", "selectors.tile", "steno pack show meet > PACKS/meet.yaml"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			stage := labtest.Start(t, string(c.platform))
			m := stage.Open(t, lab.Scenario{Door: lab.DoorManual, Consent: true, People: people})
			text := pack.Builtin(c.platform).Text()
			if !strings.Contains(text, c.from) {
				t.Fatalf("the pack has no %q", c.from)
			}
			text = strings.Replace(text, c.from, c.to, 1)
			p, err := pack.Parse("test.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			adapter, err := all.Adapter(c.platform, text)
			if err != nil {
				t.Fatal(err)
			}
			ctx, enough := context.WithTimeout(t.Context(), 2*labtest.Patience)
			defer enough()
			out := &report{}
			answered := make(chan struct{})
			go func() { // the host
				defer close(answered)
				until := func(cond func() bool) {
					for ctx.Err() == nil && !cond() {
						time.Sleep(20 * time.Millisecond)
					}
				}
				until(func() bool { return out.says("== lobby") })
				answer := m.Admit
				if c.deny {
					answer = m.Deny
				}
				if err := answer(""); err != nil {
					t.Errorf("answer the door: %v", err)
				}
				until(func() bool {
					if c.until != "" && out.says(c.until) || out.says("== leaving") || out.says("== verdict") {
						enough()
					}
					_ = m.Say("Ada", "ada-1") // she may be speaking
					return false
				})
			}()
			folder := t.TempDir()
			level, err := doctor.Visit{
				Pack: p, Adapter: adapter, Page: page(t), URL: m.URL(), Name: "Steno check", Folder: folder, Out: out,
				Wait: labtest.Patience, Stay: labtest.Patience, Look: 100 * time.Millisecond,
			}.Run(ctx)
			enough()
			<-answered
			said := out.text.String()
			if err != nil || level != c.want {
				t.Errorf("level %v, want %v, %v\n%s", level, c.want, err, said)
			}
			for _, text := range c.says {
				if !strings.Contains(said, text) {
					t.Errorf("it does not say %q", text)
				}
			}
			state := m.State()
			for _, line := range state.Chat {
				t.Errorf("somebody wrote %+v", line)
			}
			if len(state.InCall)+len(state.Waiting) > 0 {
				t.Errorf("the guest is still there: %+v", state)
			}
			for _, pattern := range []string{"*.png", "*.html"} {
				files, _ := filepath.Glob(filepath.Join(folder, pattern))
				if len(files) < 2 {
					t.Errorf("saved: %v", files)
				}
				for _, f := range files {
					if info, err := os.Stat(f); err != nil || info.Size() == 0 {
						t.Errorf("%s is empty", f)
					}
				}
			}
		})
	}
}
