package all

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/meeting"
	"steno/internal/platform"
	"steno/internal/platform/pack"
	"steno/lab"
	"steno/lab/labtest"
)

// watched is a page of which is noted, at each look, which selectors of a pack
// find something.
type watched struct {
	platform.Page
	t    *testing.T
	left map[string]string // by place; those that have found nothing so far
}

// finds is true when the selector finds something, in a tile if it is one of a
// tile's.
const finds = `(left, tiles) => Object.entries(left).filter(([place, s]) => {
	const roots = place.startsWith('selectors.tile_') ? [...document.querySelectorAll(tiles)] : [document];
	return roots.some((r) => r.querySelector(s));
}).map(([place]) => place)`

func (w *watched) Eval(ctx context.Context, expression string, out any) error {
	err := w.Page.Eval(ctx, expression, out)
	if err != nil || len(w.left) == 0 {
		return err
	}
	left, _ := json.Marshal(w.left)
	var found []string
	tiles := "[data-participant-id], [data-cid=calling-participant-stream], div.participants-li"
	if err := w.Page.Eval(ctx, fmt.Sprintf("(%s)(%s, %q)", finds, left, tiles), &found); err != nil {
		w.t.Errorf("a selector that the browser does not take: %v", err)
	}
	for _, place := range found {
		delete(w.left, place)
	}
	return nil
}

// arranged reports whether each step to a layout has found something; all: by each of
// its selectors, in one meeting or another.
func (w *watched) arranged(p meeting.Platform, all bool) bool {
	found := map[string]bool{}
	for place := range alternatives(pack.Builtin(p)) {
		if step, _, ok := strings.Cut(place, ".click"); ok && strings.HasPrefix(step, "layouts.") {
			_, left := w.left[place]
			if found[step] = found[step] || !left; left && all {
				return false
			}
		}
	}
	for _, ok := range found {
		if !ok {
			return false
		}
	}
	return true
}

// alternatives are all selectors of a pack, each of a comma's sides for itself.
func alternatives(p *pack.Pack) map[string]string {
	all := map[string]string{}
	for place, group := range p.CSS() {
		for i, s := range strings.Split(group, ", ") {
			all[fmt.Sprintf("%s/%d", place, i)] = s
		}
	}
	return all
}

// Each selector of each pack finds something in some meeting of the lab: one
// that never does is dead, and nobody would notice for months.
func TestEverySelectorIsExercised(t *testing.T) {
	for _, p := range pack.Platforms() {
		t.Run(string(p), func(t *testing.T) {
			stage, page := labtest.Start(t, string(p)), labtest.OnePage(t)
			w := &watched{t: t, left: alternatives(pack.Builtin(p))}
			for _, skin := range []string{"", "old"} {
				w.Page = page(t)
				wholeVisit(t, w, p, stage, skin)
			}
			for _, sc := range []lab.Scenario{{Door: lab.DoorBlocked, Skin: "old"}, {Door: lab.DoorLogin, Skin: "old"}, {Door: lab.DoorCaptcha, Skin: "old"}} {
				w.Page = page(t)
				labtest.Outcome(t, fresh(t, p), w, stage.Open(t, sc).URL())
			}
			w.Page = page(t)
			noChat(t, w, p, stage)
			for _, place := range slices.Sorted(maps.Keys(w.left)) {
				t.Errorf("%s: %s finds nothing in any meeting", place, w.left[place])
			}
		})
	}
}

func fresh(t *testing.T, p meeting.Platform) platform.Adapter {
	t.Helper()
	a, err := Adapter(p, "")
	if err != nil || a == nil {
		t.Fatalf("no adapter of %s: %v", p, err)
	}
	return a
}

// wholeVisit waits in the lobby, listens, chats and turns its switches in the call, and leaves; in
// the old skin it is thrown out.
func wholeVisit(t *testing.T, w *watched, p meeting.Platform, stage *labtest.Stage, skin string) {
	t.Helper()
	m := stage.Open(t, lab.Scenario{Door: lab.DoorManual, Skin: skin, Consent: skin == "", People: []lab.Participant{{Name: "Ada", NoCam: true}, {Name: "Ben", NoCam: true}}})
	a := fresh(t, p)
	labtest.Enter(t, a, w, m.URL(), platform.StageLobby)
	must(t, m.Admit(""))
	labtest.Until(t, a, w, "all is seen", func(o platform.Observation) bool { return o.Stage == platform.StageInCall && len(o.Roster) == 3 })
	ctx, cancel := context.WithTimeout(t.Context(), labtest.Patience)
	defer cancel()
	labtest.Until(t, a, w, "media flow", func(platform.Observation) bool { in := m.State().InCall; return len(in) == 1 && in[0].Media })
	must(t, m.Say("Ada", "ada-1"))
	labtest.Until(t, a, w, "Ada speaks", func(o platform.Observation) bool { return len(o.Speaking) == 1 })
	labtest.Until(t, a, w, "what Ada says", func(o platform.Observation) bool { return len(o.Captions) > 0 })
	labtest.Until(t, a, w, "the layout", func(platform.Observation) bool { return w.arranged(p, skin == "old") && !a.(platform.Busy).Busy() })
	must(t, a.Say(ctx, w, "Hello"))
	labtest.Until(t, a, w, "the bot's message", func(o platform.Observation) bool { return len(o.Messages) > 0 })
	for _, turn := range []func(context.Context, platform.Page) error{a.(platform.Speaker).Unmute, a.(platform.Speaker).Mute, a.(platform.Camera).ShowCamera} {
		must(t, turn(ctx, w))
	}
	labtest.Until(t, a, w, "the switches", func(platform.Observation) bool { return true })
	if skin == "" {
		must(t, a.Leave(ctx, w))
	} else {
		must(t, m.Remove(""))
	}
	for ctx.Err() == nil {
		if o, err := a.Observe(ctx, w); err != nil || o.Stage == platform.StageEnded {
			return
		}
	}
	t.Errorf("%s: never out", p)
}

// noChat finds that guests may not write, where a page shows that.
func noChat(t *testing.T, w *watched, p meeting.Platform, stage *labtest.Stage) {
	t.Helper()
	if len(pack.Builtin(p).Selectors.ChatDisabled) == 0 {
		return
	}
	m := stage.Open(t, lab.Scenario{NoChat: true, People: []lab.Participant{{Name: "Ada", NoCam: true}}})
	a := fresh(t, p)
	labtest.Enter(t, a, w, m.URL(), platform.StageInCall)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := a.Say(ctx, w, "Hello"); !errors.Is(err, platform.ErrNoChat) {
		t.Errorf("say: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// An operator's pack takes the place of the built-in one; one that cannot be
// read is told, not passed over.
func TestOverrideIsUsed(t *testing.T) {
	t.Parallel()
	if a, err := Adapter(meeting.Teams, pack.Builtin(meeting.Teams).Text()); a == nil || err != nil {
		t.Errorf("adapter %v, %v", a, err)
	}
	if _, err := Adapter(meeting.Teams, "format: 7"); err == nil {
		t.Error("a broken pack was taken")
	}
	if a, err := Adapter("webex", ""); a != nil || err != nil {
		t.Errorf("adapter of an unknown platform: %v, %v", a, err)
	}
}

// A bot sets the page's view that fits its recording mode.
func TestLayoutIsSet(t *testing.T) {
	page := labtest.OnePage(t)
	for _, c := range []struct {
		platform meeting.Platform
		mode     bot.RecordingMode
		want     string
	}{
		{meeting.Meet, bot.GalleryView, "Tiled"}, {meeting.Meet, bot.SpeakerView, "Sidebar"},
		{meeting.Teams, bot.GalleryView, "Gallery"}, {meeting.Teams, bot.SpeakerView, "Speaker"},
	} {
		t.Run(string(c.platform)+" "+string(c.mode), func(t *testing.T) {
			page := page(t)
			m := labtest.Start(t, string(c.platform)).Open(t, lab.Scenario{People: []lab.Participant{{Name: "Ada", NoCam: true}}})
			a := fresh(t, c.platform)
			ctx, cancel := context.WithTimeout(t.Context(), labtest.Patience)
			defer cancel()
			must(t, a.Enter(ctx, page, platform.Join{URL: m.URL(), Name: "Steno", Mode: c.mode}))
			layout := ""
			labtest.Until(t, a, page, "the layout", func(platform.Observation) bool {
				must(t, page.Eval(ctx, "document.querySelector('.call')?.dataset.layout || ''", &layout))
				return layout != ""
			})
			if layout != c.want {
				t.Errorf("layout %s, want %s", layout, c.want)
			}
			labtest.Until(t, a, page, "the roster, over no menu", func(o platform.Observation) bool {
				open := true
				must(t, page.Eval(ctx, `document.querySelector('[role="menu"], [role="dialog"]') !== null`, &open))
				return len(o.Roster) == 2 && !open
			})
		})
	}
}
