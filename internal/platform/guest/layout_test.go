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
			over := false
			for i, s := range c.looks {
				now = begin.Add(time.Duration(2+i) * time.Second)
				over = !a.arrange(t.Context(), page, s)
			}
			over = over || len(a.layout.way) == 0
			if !slices.Equal(page.on, c.want) || over != c.over {
				t.Errorf("clicked %q, over %v; want %q, %v", page.on, over, c.want, c.over)
			}
		})
	}
}
