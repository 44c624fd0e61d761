package guest

import (
	"context"
	"time"

	"steno/internal/platform"
	"steno/internal/platform/pack"
)

// layout is how far the adapter has come on the way to the page's view of the
// recording mode.
type layout struct {
	way    []pack.Step // what is left of it
	at     time.Time   // of the last step, or of the first look for one
	opener string      // selector of what was clicked first
}

// Busy reports whether a menu or dialog is open that the adapter opened on the way to
// captions or a layout.
func (a *Adapter) Busy() bool {
	l, c := &a.layout, &a.captions
	menu := c.last != "" && c.last != a.pack.Selectors.CaptionsOn[0]
	return l.opener != "" && len(l.way) > 0 || menu && !c.over
}

// layoutAfter: the layout waits until the bot has settled in the call.
const layoutAfter = 3 * time.Second

// arrange goes one step on the way to the layout. It is optional: a page on which a
// step is not to be found keeps its own, and a menu that led nowhere is closed again.
func (a *Adapter) arrange(ctx context.Context, page platform.Page, s snapshot) {
	l, now := &a.layout, a.now()
	switch {
	case len(l.way) == 0:
	case a.entered.IsZero() || now.Sub(a.entered) < layoutAfter || len(a.answers(s, pack.Staying)) > 0:
	case s.Layout != nil && !s.Layout.Disabled:
		_ = page.Click(ctx, s.Layout.Selector)
		if l.opener == "" {
			l.opener = s.Layout.Selector
		}
		l.way, l.at = l.way[1:], now
		a.view = lookExpression(a.pack, l.way)
	case l.at.IsZero():
		l.at = now
		a.view = lookExpression(a.pack, l.way)
	case now.Sub(l.at) > menuStep:
		if l.opener != "" {
			_ = page.Click(ctx, l.opener)
		}
		l.way = nil
		a.view = lookExpression(a.pack, nil)
	}
}
