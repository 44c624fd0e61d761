package guest

import (
	"context"
	"slices"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/platform"
	"steno/internal/platform/pack"
)

// clicks is a page that keeps what was clicked.
type clicks struct {
	platform.Page
	on []string
}

func (c *clicks) Click(_ context.Context, selector string) error {
	c.on = append(c.on, selector)
	return nil
}

func TestLayout(t *testing.T) {
	begin := time.Unix(1000, 0)
	step := func(name string) snapshot { return snapshot{Layout: &button{Selector: name}} }
	busy := step("no")
	busy.Answers = []reply{{button: button{Selector: "ok"}, When: []pack.Moment{pack.Staying}}}
	for _, c := range []struct {
		name  string
		mode  bot.RecordingMode
		looks []snapshot // a second apart, from two seconds after the bot came in
		want  []string
		over  bool
	}{
		{"step by step", bot.GalleryView, []snapshot{step("early"), step("more"), {}, step("change"), step("tiled"), step("close")}, []string{"more", "change", "tiled", "close"}, true},
		{"not while a dialog is open", bot.SpeakerView, []snapshot{{}, busy, busy}, nil, false},
		{"no menu", bot.GalleryView, []snapshot{{}, {}, {}, {}, {}}, nil, true},
		{"a menu that leads nowhere is closed again", bot.GalleryView, []snapshot{{}, step("more"), {}, {}, {}}, []string{"more", "more"}, true},
		{"none for audio", bot.AudioOnly, []snapshot{step("no"), step("no")}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, page := New(meet), &clicks{}
			now := begin
			a.now, a.entered, a.layout.way = func() time.Time { return now }, begin, meet.Layouts[c.mode]
			for i, s := range c.looks {
				now = begin.Add(time.Duration(2+i) * time.Second)
				a.arrange(t.Context(), page, s)
				if busy := len(page.on) > 0 && len(a.layout.way) > 0; a.Busy() != busy {
					t.Errorf("look %d: busy is %v", i, !busy)
				}
			}
			over := len(a.layout.way) == 0
			if !slices.Equal(page.on, c.want) || over != c.over {
				t.Errorf("clicked %q, over %v; want %q, %v", page.on, over, c.want, c.over)
			}
		})
	}
}

// Captions are switched on soon, and before the layout is touched: what is said until
// then is not in them. A button may take a while to be there, but not for ever.
func TestWayToCaptions(t *testing.T) {
	begin := time.Unix(1_790_000_000, 0)
	on := func(selector string) snapshot { return snapshot{CaptionsOn: selector} }
	shown := snapshot{CaptionsShown: true}
	for _, c := range []struct {
		name  string
		way   []string
		looks []snapshot // a second apart, from when the bot came in
		want  []string
		over  int // the look from which on the layout may go
	}{
		{"a button", []string{"on"}, []snapshot{on("on"), on("on"), shown}, []string{"on"}, 2},
		{"a late button", []string{"on"}, []snapshot{{}, {}, {}, {}, on("on"), shown}, []string{"on"}, 5},
		{"no button", []string{"on"}, []snapshot{{}, {}, {}, {}, {}, {}, {}}, nil, 6},
		{"a menu", []string{"on", "more"}, []snapshot{{}, on("more"), on("on"), shown}, []string{"more", "on"}, 3},
		{"a menu that leads nowhere is closed again", []string{"on", "more"}, []snapshot{{}, on("more"), {}, {}}, []string{"more", "more"}, 3},
		{"a pack without", nil, []snapshot{{}, {}}, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := *meet
			p.Selectors.CaptionsOn = c.way
			a, page := New(&p), &clicks{}
			now, over := begin, -1
			a.now, a.entered, a.join.Captions = func() time.Time { return now }, begin, true
			for i, s := range c.looks {
				now = begin.Add(time.Duration(i) * time.Second)
				if !a.switchCaptions(t.Context(), page, s) && over < 0 {
					over = i
				}
			}
			if !slices.Equal(page.on, c.want) || over != c.over {
				t.Errorf("clicked %q, over at %d; want %q, %d", page.on, over, c.want, c.over)
			}
		})
	}
}
