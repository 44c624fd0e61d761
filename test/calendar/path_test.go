package calendar_test

import (
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/calendar"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/simulator/service"
	"steno/simulator/truth"
)

// eachPair runs a test for each service on each database.
func eachPair(t *testing.T, test func(t *testing.T, db *store.DB, p calendar.Platform)) {
	for _, p := range []calendar.Platform{calendar.Google, calendar.Microsoft} {
		t.Run(string(p), func(t *testing.T) { storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, db, p) }) })
	}
}

// From connecting to a bot that is launched at the time to which its event was
// moved.
func TestAConnectedCalendarPutsABotOnAMeetingThatMoves(t *testing.T) {
	eachPair(t, func(t *testing.T, db *store.DB, p calendar.Platform) {
		s := newStand(t, db, service.Options{Polite: true})
		c, cal := s.connect(t, p, "ada@example.com")
		must[string](t)(cal.Add(standup(1)))
		id := must[string](t)(cal.Add(once(2, monday.Add(26*time.Hour))))
		if c = s.sync(t, c.ID); c.SyncStatus != calendar.SyncSuccess || c.SyncedAt == nil {
			t.Fatalf("first sync: %+v", c)
		}
		if n := len(s.events(t, c.ID, false)); n != 6 { // five Mondays and the review
			t.Fatalf("%d events", n)
		}
		var review calendar.Event
		for _, e := range s.events(t, c.ID, false) {
			if e.Title == "Review 2" {
				review = e
			}
		}
		if review.Link.Platform != "zoom" {
			t.Fatalf("review: %+v", review)
		}
		out, err := s.rooms.ScheduleBots(t.Context(), s.team, c.ID, calendar.Target{EventID: review.ID}, settings)
		if err != nil || len(out) != 1 || out[0].Code != "" {
			t.Fatalf("%+v, %v", out, err)
		}
		later := monday.Add(30 * time.Hour)
		if err := cal.Edit(id, func(x *truth.Content) { x.Start, x.End = later, later.Add(time.Hour) }); err != nil {
			t.Fatal(err)
		}
		s.poll(t, c.ID)
		s.clock.add(later.Sub(s.clock.Now()) - time.Millisecond)
		if _, _, err := s.rooms.RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		if page, err := s.bots.List(t.Context(), s.team, bot.Filter{}, 10, ""); err != nil || len(page.Bots) != 0 {
			t.Fatalf("before its time: %+v, %v", page.Bots, err)
		}
		s.clock.add(time.Millisecond)
		for range 2 {
			if _, _, err := s.rooms.RunDue(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		page, err := s.bots.List(t.Context(), s.team, bot.Filter{}, 10, "")
		if err != nil || len(page.Bots) != 1 || page.Bots[0].EventID != review.ID || page.Bots[0].Name != "Notetaker" {
			t.Fatalf("at its time: %+v, %v", page.Bots, err)
		}
		story, err := s.rooms.Decisions(t.Context(), s.team, c.ID, review.ID)
		if err != nil || len(story) != 3 || story[0].Reason != calendar.ByRule || story[1].Reason != calendar.EventMoved || story[2].Reason != calendar.BotLaunched {
			t.Fatalf("story: %+v, %v", story, err)
		}
	})
}
