package calendar_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"steno/internal/calendar"
	"steno/simulator/truth"
)

// line is what both sides must agree about.
func line(title string, w calendar.When) string {
	return fmt.Sprintf("%s to %s all-day %v %s", w.Start.Format(time.RFC3339), w.End.Format(time.RFC3339), w.AllDay, title)
}

// surely reports whether an event lies in the window whatever the zone.
func surely(w calendar.When, win calendar.Window) bool {
	if w.AllDay {
		return w.End.Add(-calendar.Early).After(win.Start) && w.Start.Add(calendar.Late).Before(win.End)
	}
	return w.Overlaps(win)
}

func (r *script) compare(ctx context.Context) error {
	c, err := r.rooms.Get(ctx, r.team, r.id)
	if err != nil {
		return err
	}
	win := calendar.Window{Start: r.clock.Now(), End: c.Sync.Window.End}
	var want, got []string
	for _, o := range r.cal.Occurrences(win.Start, win.End) {
		w := calendar.When{Start: o.Start, End: o.End, AllDay: o.AllDay}
		if o.Response != truth.Declined && !o.Content.CalledOff && surely(w, win) {
			want = append(want, line(o.Content.Title, w))
		}
	}
	var live []calendar.Event
	for cursor := ""; ; {
		page, err := r.rooms.Events(ctx, r.team, r.id, calendar.EventQuery{}, 100, cursor)
		if err != nil {
			return err
		}
		for _, e := range page.Items {
			if surely(e.When, win) {
				live, got = append(live, e), append(got, line(e.Title, calendar.When{Start: e.When.Start, End: e.When.End, AllDay: e.When.AllDay}))
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		return fmt.Errorf("the window %v is not what the calendar has\nmissing: %s\ntoo much: %s", win, minus(want, got), minus(got, want))
	}
	return r.compareBots(ctx, live)
}

func minus(a, b []string) string {
	var out []string
	for _, x := range a {
		if !slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return strings.Join(out, "\n  ")
}

// compareBots holds the table of bots against what was asked for.
func (r *script) compareBots(ctx context.Context, live []calendar.Event) error {
	var ids []string
	for _, e := range live {
		ids = append(ids, e.ID)
	}
	var plans map[string]calendar.Schedule
	strangers := map[string]bool{} // series
	err := r.rooms.Store.InTx(ctx, func(tx calendar.Tx) (err error) {
		if plans, err = tx.Schedules(ctx, r.team, ids); err != nil {
			return err
		}
		found, err := tx.SeriesByProvider(ctx, r.team, r.id, slices.Collect(maps.Keys(r.strangers)))
		for id, s := range found {
			strangers[s.ID] = r.strangers[id]
		}
		return err
	})
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, e := range live {
		demanded, own := r.single[e.ID]
		if !own {
			demanded = r.series[number(e.Title)] && e.Recurring
		}
		plan := plans[e.ID]
		if demanded && !own && strangers[e.SeriesID] {
			// No rule is theirs. They get one all the same where they look like what a
			// series with a rule goes on as, which is gone since then.
			demanded = plan.State == calendar.Scheduled
		}
		if demanded && e.Link.URL == "" {
			continue // a bot goes where the event was before it lost its URL, if it had one
		}
		if (plan.State == calendar.Scheduled) != demanded || e.BotScheduled != demanded {
			return fmt.Errorf("bot of %s %s %v: %s (%s), event says %v, demanded %v", e.ID, e.Title, e.When.Start, plan.State, plan.Reason, e.BotScheduled, demanded)
		}
		if demanded && (!plan.JoinAt.Equal(e.When.Start) || plan.Link != e.Link || seen[plan.BotID]) {
			return fmt.Errorf("bot of %s %s %v: joins %v at %v", e.ID, e.Title, e.When.Start, plan.Link, plan.JoinAt)
		}
		seen[plan.BotID] = true
	}
	return nil
}
