package calendar_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"steno/internal/alarm"
	"steno/internal/bot"
	"steno/internal/calendar"
	"steno/simulator/service"
	"steno/simulator/truth"
)

// awake lets time go by for a while as package alarm does: it calls RunDue when
// that has asked for it, and at least once in alarm.MaxIdle.
func (s *stand) awake(t *testing.T, d time.Duration) {
	t.Helper()
	for d > 0 {
		next, ok, err := s.rooms.RunDue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wait := alarm.MaxIdle
		if ok {
			wait = max(time.Millisecond, min(wait, next.Sub(s.clock.Now())+time.Millisecond))
		}
		wait = min(wait, d)
		s.clock.add(wait)
		d -= wait
	}
}

// Proves T1 for calendars: whatever the wall clock does, each event's bot is
// launched once and within a second of its time as the clock then says; what
// was jumped over starts at once while its meeting goes on, and is told as
// missed when that is over.
func TestClockJumpsNeitherLoseNorDoubleABot(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		begin time.Time
		jump  time.Duration
		lost  bool // the meetings are over when the clock has jumped
	}{
		{"none", noon, 0, false},
		{"an hour forward", noon, time.Hour, false},
		{"an hour back", noon, -time.Hour, false},
		{"a day forward", noon, 24 * time.Hour, true},
		{"a day back", noon, -24 * time.Hour, false},
		{"summer time begins", time.Date(2026, 3, 29, 1, 59, 10, 0, berlin), 0, false},
		{"summer time ends", time.Date(2026, 10, 25, 1, 59, 10, 0, berlin), 0, false},
		{"the hour that comes twice", time.Date(2026, 10, 25, 0, 59, 10, 0, time.UTC), 0, false}, // ends at 01:00 UTC
		{"a leap second", time.Date(2026, 12, 31, 23, 59, 10, 0, time.UTC), time.Second, false},
		{"the end of 32 bits", time.Date(2038, 1, 19, 3, 13, 20, 0, time.UTC), 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t, openQuick(t), service.Options{Polite: true})
			s.clock.set(c.begin.UTC())
			conn, cal := s.connect(t, calendar.Google, "ada@example.com")
			for i := range 5 {
				must[string](t)(cal.Add(once(i, c.begin.Add(time.Duration(i+1)*20*time.Second))))
			}
			s.sync(t, conn.ID)
			events := s.events(t, conn.ID, false)
			for _, e := range events {
				out, err := s.rooms.ScheduleBots(t.Context(), s.team, conn.ID, calendar.Target{EventID: e.ID}, settings)
				if err != nil || out[0].Code != "" {
					t.Fatalf("%+v, %v", out, err)
				}
			}
			s.awake(t, 30*time.Second)
			s.clock.add(c.jump)
			if c.jump < 0 { // the time that comes again, but for the moments that matter
				s.awake(t, 3*time.Minute)
				s.clock.add(-c.jump - 4*time.Minute)
			}
			s.awake(t, 4*time.Minute)
			s.wantLaunched(t, conn.ID, events, c.jump, c.lost)
		})
	}
}

func (s *stand) wantLaunched(t *testing.T, id string, events []calendar.Event, jump time.Duration, lost bool) {
	t.Helper()
	bots := map[string]bot.Bot{}
	for _, b := range s.allBots(t) {
		if _, twice := bots[b.EventID]; twice {
			t.Errorf("event %s has two bots", b.EventID)
		}
		bots[b.EventID] = b
	}
	for i, e := range events {
		b, launched := bots[e.ID]
		jumped := jump > 0 && i > 0 // the first has begun before the clock jumps
		if jumped && lost {
			story, err := s.rooms.Decisions(t.Context(), s.team, id, e.ID)
			if err != nil || launched || story[len(story)-1].Reason != calendar.TooLate {
				t.Errorf("number %d is over: bot %v, %+v, %v", i, launched, story, err)
			}
			continue
		}
		late := b.CreatedAt.Sub(e.When.Start)
		if !launched || late < 0 || (late > time.Second && !(jumped && jump > time.Minute)) || (jumped && late > jump) {
			t.Errorf("number %d at %s: launched %v at %s, %s late", i, e.When.Start, launched, b.CreatedAt, late)
		}
	}
}

// A daily meeting at ten is at ten on both sides of a change of summer time, and
// each day's bot is launched at its time, once.
func TestASeriesKeepsItsHourThroughSummerTime(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, day := range []time.Time{time.Date(2026, 3, 27, 0, 0, 0, 0, berlin), time.Date(2026, 10, 23, 0, 0, 0, 0, berlin)} {
		for _, p := range []calendar.Platform{calendar.Google, calendar.Microsoft} {
			t.Run(string(p)+day.Format(" January"), func(t *testing.T) {
				s := newStand(t, openQuick(t), service.Options{Polite: true})
				s.clock.set(day.UTC())
				conn, cal := s.connect(t, p, "ada@example.com")
				e := once(1, time.Date(day.Year(), day.Month(), day.Day(), 10, 0, 0, 0, berlin))
				e.Rule = &truth.Rule{Freq: truth.Daily, Count: 6}
				must[string](t)(cal.Add(e))
				s.sync(t, conn.ID)
				events := s.events(t, conn.ID, false)
				if _, err := s.rooms.ScheduleBots(t.Context(), s.team, conn.ID, calendar.Target{SeriesID: events[0].SeriesID, All: true}, settings); err != nil {
					t.Fatal(err)
				}
				for _, e := range events {
					s.at(t, e.When.Start.Add(-time.Millisecond))
					before := len(s.allBots(t))
					s.at(t, e.When.Start)
					s.at(t, e.When.Start)
					if n := len(s.allBots(t)); n != before+1 || e.When.Start.In(berlin).Hour() != 10 {
						t.Errorf("%s: %d bots before, %d at its time", e.When.Start.In(berlin), before, n)
					}
				}
				if n := len(s.allBots(t)); n != 6 {
					t.Errorf("%d bots for six days", n)
				}
			})
		}
	}
}

// Somebody sets the clock back by a day, which it was ahead: pushes count at
// once and polls within their time, not when the old day comes again.
func TestACalendarIsSyncedAlthoughItsLastSyncLiesInTheFuture(t *testing.T) {
	for _, pushed := range []bool{true, false} {
		t.Run(fmt.Sprintf("pushed=%v", pushed), func(t *testing.T) {
			s := newStand(t, openQuick(t), service.Options{Polite: true})
			c, cal := s.connect(t, calendar.Google, "ada@example.com")
			s.sync(t, c.ID)
			if err := s.rooms.Watch(t.Context(), c.ID); err != nil {
				t.Fatal(err)
			}
			s.at(t, s.clock.Now().Add(time.Second))
			s.clock.add(-24 * time.Hour)
			must[string](t)(cal.Add(once(1, monday.Add(50*time.Hour))))
			wait := 2 * time.Second // the gap
			if pushed {
				if err := s.google.Settle(t.Context()); err != nil {
					t.Fatal(err)
				}
			} else {
				wait = 20 * time.Minute // a poll, at the latest
			}
			if !pushed {
				s.at(t, s.clock.Now())
			}
			s.at(t, s.clock.Now().Add(wait))
			s.sync(t, c.ID)
			if n := len(s.events(t, c.ID, false)); n != 1 {
				t.Errorf("%d events", n)
			}
		})
	}
}

// A server dies in the middle of a sync, and the clock is set back before the
// next one starts: the lease of the dead counts from now on.
func TestTheLeaseOfADeadSyncIsNotPutOffByTheClock(t *testing.T) {
	s := newStand(t, openQuick(t), service.Options{Polite: true})
	c, cal := s.connect(t, calendar.Google, "ada@example.com")
	ctx, die := context.WithCancel(t.Context())
	s.google.Inject(service.Injection{Account: "ada@example.com", Kind: service.Slow, Delay: time.Hour, Times: 1})
	done := make(chan error)
	go func() { done <- s.rooms.Sync(ctx, c.ID, "the dead") }()
	eventually(t, "the sync is under way", func() bool { return s.google.Calls("events.list") > 0 })
	die()
	if err := <-done; err == nil {
		t.Fatal("the sync did not die")
	}
	s.clock.add(-24 * time.Hour)
	must[string](t)(cal.Add(once(1, monday.Add(30*time.Hour))))
	s.at(t, s.clock.Now())
	s.at(t, s.clock.Now().Add(4*time.Minute))
	s.sync(t, c.ID)
	if n := len(s.events(t, c.ID, false)); n != 1 {
		t.Errorf("%d events", n)
	}
}
