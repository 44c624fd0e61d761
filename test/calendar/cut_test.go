package calendar_test

import (
	"fmt"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/simulator/service"
	"steno/simulator/truth"
)

// eachService runs a test at both services, after an incremental round and
// after a full one.
func eachService(t *testing.T, run func(t *testing.T, p calendar.Platform, forget bool)) {
	for _, p := range []calendar.Platform{calendar.Google, calendar.Microsoft} {
		for _, forget := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/full=%v", p, forget), func(t *testing.T) {
				t.Parallel()
				run(t, p, forget)
			})
		}
	}
}

// booked connects a calendar with one series whose occurrences all have a bot.
func booked(t *testing.T, db *store.DB, p calendar.Platform) (s *stand, c calendar.Connection, cal *truth.Calendar, id string) {
	t.Helper()
	s = newStand(t, db, service.Options{Polite: true})
	c, cal = s.connect(t, p, "ada@example.com")
	e := standup(1)
	e.Start, e.End, e.Rule.Count = e.Start.AddDate(0, 0, 7), e.End.AddDate(0, 0, 7), 4
	id = must[string](t)(cal.Add(e))
	s.sync(t, c.ID)
	list := s.events(t, c.ID, false)
	if _, err := s.rooms.ScheduleBots(t.Context(), s.team, c.ID, calendar.Target{SeriesID: list[0].SeriesID, All: true}, settings); err != nil {
		t.Fatal(err)
	}
	return s, c, cal, id
}

// A series is cut in two, and the second half is changed on the way, while
// nobody looks: neither UID nor title nor hour say that it is the same meeting.
func TestTheSecondHalfOfACutSeriesKeepsItsBots(t *testing.T) {
	eachService(t, func(t *testing.T, p calendar.Platform, forget bool) {
		for _, one := range []struct {
			at   int // the slot at which it is cut, of four
			gone bool
			late bool // the slot after it was cancelled before, and it itself is afterwards
		}{{1, false, false}, {1, true, false}, {3, false, false}, {3, true, false}, {1, false, true}, {1, true, true}} {
			s, c, cal, id := booked(t, openQuick(t), p)
			slots := cal.Slots(id, monday, monday.AddDate(0, 0, 30))
			if one.late {
				if err := cal.CancelSlot(id, slots[one.at+1].Slot); err != nil {
					t.Fatal(err)
				}
				s.poll(t, c.ID)
			}
			half := must[string](t)(cal.Split(id, slots[one.at].Slot, func(x *truth.Content) {
				x.Title, x.Start, x.End = "New name", x.Start.Add(time.Hour), x.End.Add(time.Hour)
			}))
			want := 4 - one.at
			if one.late {
				want--
				if err := cal.CancelSlot(half, cal.Slots(half, monday, monday.AddDate(0, 0, 30))[0].Slot); err != nil {
					t.Fatal(err)
				}
			}
			if one.gone {
				if err := cal.Delete(id); err != nil {
					t.Fatal(err)
				}
			}
			if forget {
				cal.Expire()
			}
			s.clock.add(25 * time.Hour) // longer ago than the first half was stored
			s.sync(t, c.ID)
			n := 0
			for _, e := range s.events(t, c.ID, false) {
				if e.Title == "New name" {
					n++
				}
				if !e.BotScheduled {
					t.Errorf("%+v: %s at %v of %s has lost its bot", one, e.Title, e.When.Start, half)
				}
			}
			if n != want {
				t.Errorf("%+v: %d events of the second half", one, n)
			}
		}
	})
}

// allBooked fails where an event has no bot, or where there are not n.
func allBooked(t *testing.T, s *stand, id string, n int) {
	t.Helper()
	list := s.events(t, id, false)
	for _, e := range list {
		if !e.BotScheduled {
			t.Errorf("%s at %v has lost its bot", e.Title, e.When.Start)
		}
	}
	if len(list) != n {
		t.Errorf("%d events, want %d", len(list), n)
	}
}

// A sync that fails on the way has stored the second half already. The next one does
// not see it for the first time.
func TestTheSecondHalfKeepsItsBotsWhenASyncFailsOnTheWay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		for _, p := range []calendar.Platform{calendar.Google, calendar.Microsoft} {
			s, c, cal, id := booked(t, db, p)
			must[string](t)(cal.Split(id, cal.Slots(id, monday, monday.AddDate(0, 0, 30))[1].Slot, func(*truth.Content) {}))
			broken := service.Injection{Method: "events.instances", Kind: service.ServerError, Times: -1}
			s.google.Inject(broken)
			s.graph.Inject(broken)
			if c = s.poll(t, c.ID); c.SyncStatus != calendar.SyncFailed {
				t.Fatalf("%s: the sync ended with %s", p, c.SyncStatus)
			}
			s.google.Pacify()
			s.graph.Pacify()
			if c = s.poll(t, c.ID); c.SyncStatus != calendar.SyncSuccess {
				t.Fatalf("%s: the sync ended with %s", p, c.SyncStatus)
			}
			allBooked(t, s, c.ID, 4)
		}
	})
}

// Graph may show occurrences without their master, which moved to another room before it
// was cut.
func TestTheSecondHalfKeepsItsBotsWhenTheMasterIsNotShown(t *testing.T) {
	s, c, cal, id := booked(t, openQuick(t), calendar.Microsoft)
	s.graph.SetFaults(service.Faults{service.MissingMaster: 1})
	if err := cal.Edit(id, func(x *truth.Content) { x.Location = fmt.Sprintf(zoom, 86900000000) }); err != nil {
		t.Fatal(err)
	}
	must[string](t)(cal.Split(id, cal.Slots(id, monday, monday.AddDate(0, 0, 30))[1].Slot, func(*truth.Content) {}))
	s.poll(t, c.ID)
	allBooked(t, s, c.ID, 4)
}

// Some people have one room for all their meetings. A new series that they plan
// there is another meeting, also when they have just deleted one with a bot.
func TestAnotherSeriesInTheSameRoomGetsNoBotByItself(t *testing.T) {
	eachService(t, func(t *testing.T, p calendar.Platform, forget bool) {
		for _, other := range []struct {
			name   string
			delete bool
			change func(e *truth.Event)
		}{
			{"beside the old one", false, func(e *truth.Event) { e.Start, e.End = e.Start.Add(time.Hour), e.End.Add(time.Hour) }},
			{"on another day", true, func(e *truth.Event) {
				e.Start, e.End = e.Start.AddDate(0, 0, 2), e.End.AddDate(0, 0, 2)
				e.Rule = &truth.Rule{Freq: truth.Weekly, Days: []time.Weekday{time.Wednesday}}
			}},
			{"in another rhythm", true, func(e *truth.Event) { e.Rule = &truth.Rule{Freq: truth.Daily, Interval: 1} }},
			{"every other week", true, func(e *truth.Event) {
				e.Rule = &truth.Rule{Freq: truth.Weekly, Interval: 2, Days: []time.Weekday{time.Monday}}
			}},
		} {
			s, c, cal, id := booked(t, openQuick(t), p)
			if other.delete {
				if err := cal.Delete(id); err != nil {
					t.Fatal(err)
				}
			}
			e := standup(1)
			e.Title, e.Start, e.End = "Interviews", e.Start.AddDate(0, 0, 7), e.End.AddDate(0, 0, 7)
			other.change(&e)
			must[string](t)(cal.Add(e))
			if forget {
				cal.Expire()
			}
			s.poll(t, c.ID)
			n := 0
			for _, e := range s.events(t, c.ID, false) {
				if e.Title == "Interviews" {
					n++
					if e.BotScheduled {
						t.Errorf("%s: %v has a bot that nobody asked for", other.name, e.When.Start)
						break
					}
				}
			}
			if n == 0 {
				t.Errorf("%s: the new series is not there", other.name)
			}
		}
	})
}

// Of the first half nothing was left when somebody asked for bots at what there was:
// the second half. What comes back is another series, which goes on as the one with the
// bots and not the other way round.
func TestARuleOfTheSecondHalfDoesNotReachBack(t *testing.T) {
	eachService(t, func(t *testing.T, p calendar.Platform, forget bool) {
		s := newStand(t, openQuick(t), service.Options{Polite: true})
		c, cal := s.connect(t, p, "ada@example.com")
		e := standup(1)
		e.Start, e.End = e.Start.AddDate(0, 0, 7), e.End.AddDate(0, 0, 7)
		id := must[string](t)(cal.Add(e))
		slots := cal.Slots(id, monday, monday.AddDate(0, 0, 30))
		half := must[string](t)(cal.Split(id, slots[1].Slot, func(*truth.Content) {}))
		if err := cal.CancelSlot(id, slots[0].Slot); err != nil {
			t.Fatal(err)
		}
		s.sync(t, c.ID)
		list := s.events(t, c.ID, false)
		if _, err := s.rooms.ScheduleBots(t.Context(), s.team, c.ID, calendar.Target{SeriesID: list[0].SeriesID, All: true}, settings); err != nil {
			t.Fatal(err)
		}
		// At another hour its slot is another one, which nobody has cancelled.
		if err := cal.Edit(id, func(x *truth.Content) { x.Start, x.End = x.Start.Add(time.Hour), x.End.Add(time.Hour) }); err != nil {
			t.Fatal(err)
		}
		if forget {
			cal.Expire()
		}
		s.poll(t, c.ID)
		n := 0
		for _, e := range s.events(t, c.ID, false) {
			first := e.When.Start.Before(slots[1].Start)
			if first {
				n++
			}
			if e.BotScheduled == first {
				t.Errorf("%s at %v (the second half is %s): bot %v", e.Title, e.When.Start, half, e.BotScheduled)
			}
		}
		if n != 1 {
			t.Errorf("%d events of the first half", n)
		}
	})
}
