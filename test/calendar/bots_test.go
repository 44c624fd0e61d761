package calendar_test

import (
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/calendar"

	"steno/simulator/service"
	"steno/simulator/truth"
)

// scheduled connects a calendar with one meeting that has a bot.
func scheduled(t *testing.T, s *stand, email string, e truth.Event) (calendar.Connection, *truth.Calendar, string, calendar.Event) {
	t.Helper()
	c, cal := s.connect(t, calendar.Google, email)
	id := must[string](t)(cal.Add(e))
	s.sync(t, c.ID)
	list := s.events(t, c.ID, false)
	out, err := s.rooms.ScheduleBots(t.Context(), s.team, c.ID, calendar.Target{EventID: list[0].ID}, settings)
	if err != nil || out[0].Code != "" {
		t.Fatalf("%+v, %v", out, err)
	}
	return c, cal, id, list[0]
}

// at lets a time come and does what is due.
func (s *stand) at(t *testing.T, when time.Time) {
	t.Helper()
	s.clock.add(when.Sub(s.clock.Now()))
	if _, _, err := s.rooms.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (s *stand) allBots(t *testing.T) []bot.Bot {
	t.Helper()
	page, err := s.bots.List(t.Context(), s.team, bot.Filter{}, 100, "")
	if err != nil {
		t.Fatal(err)
	}
	return page.Bots
}

// join reports that a bot is in its meeting.
func (s *stand) join(t *testing.T, id string) {
	t.Helper()
	if _, err := s.bots.Launch(t.Context(), id, "host"); err != nil {
		t.Fatal(err)
	}
	now := s.clock.Now()
	if err := s.bots.Apply(t.Context(), id, bot.Progress{Seq: 1, JoinedAt: &now, Transitions: []bot.Transition{{Status: bot.Recording, At: now}}}); err != nil {
		t.Fatal(err)
	}
}

// The same meeting in two calendars of one team has two schedules and one bot;
// the bot stays until neither wants it (trap 50).
func TestOneMeetingInTwoCalendarsGetsOneBot(t *testing.T) {
	s := newStand(t, openQuick(t), service.Options{Polite: true})
	start := monday.Add(30 * time.Hour)
	a, calA, idA, eventA := scheduled(t, s, "ada@example.com", once(1, start))
	b, calB, idB, eventB := scheduled(t, s, "bob@example.com", once(1, start.Add(time.Minute)))
	s.at(t, start)
	s.at(t, start.Add(time.Minute))
	bots := s.allBots(t)
	if len(bots) != 1 {
		t.Fatalf("%d bots", len(bots))
	}
	story, err := s.rooms.Decisions(t.Context(), s.team, b.ID, eventB.ID)
	if err != nil || story[len(story)-1].Reason != calendar.BotShared || story[len(story)-1].BotID != bots[0].ID {
		t.Fatalf("%+v, %v", story, err)
	}
	s.join(t, bots[0].ID)
	if err := calA.Delete(idA); err != nil {
		t.Fatal(err)
	}
	s.poll(t, a.ID)
	if got := s.allBots(t)[0]; got.LeaveRequestedAt != nil {
		t.Fatal("the bot was told to leave although the other calendar wants it")
	}
	if err := calB.Delete(idB); err != nil {
		t.Fatal(err)
	}
	s.poll(t, b.ID)
	if got := s.allBots(t)[0]; got.LeaveRequestedAt == nil {
		t.Fatal("nobody wants the bot any more, and it stays")
	}
	_ = eventA
}

// Late edits: never a second bot.
func TestALateEditKeepsTheOneBot(t *testing.T) {
	for _, c := range []struct {
		name   string
		inside bool
		edit   func(x *truth.Content)
		gone   bool
		check  func(t *testing.T, s *stand, b bot.Bot)
	}{
		{name: "another room before it starts", edit: func(x *truth.Content) { x.Location = "https://us02web.zoom.us/j/81112223334" },
			check: func(t *testing.T, _ *stand, b bot.Bot) {
				if b.MeetingURL != "https://us02web.zoom.us/j/81112223334" || b.Status != bot.Queued {
					t.Errorf("%s, %s", b.MeetingURL, b.Status)
				}
			}},
		{name: "another room when it is inside", inside: true, edit: func(x *truth.Content) { x.Location = "https://us02web.zoom.us/j/81112223334" },
			check: func(t *testing.T, _ *stand, b bot.Bot) {
				if b.LeaveRequestedAt != nil || b.MeetingURL == "https://us02web.zoom.us/j/81112223334" {
					t.Errorf("%s, leaves %v", b.MeetingURL, b.LeaveRequestedAt)
				}
			}},
		{name: "two minutes later", edit: func(x *truth.Content) { x.Start = x.Start.Add(2 * time.Minute) },
			check: func(t *testing.T, _ *stand, b bot.Bot) {
				if b.Status != bot.Queued {
					t.Errorf("%s", b.Status)
				}
			}},
		{name: "declined when it is inside", inside: true, edit: nil,
			check: func(t *testing.T, _ *stand, b bot.Bot) {
				if b.LeaveRequestedAt == nil {
					t.Error("it stays")
				}
			}},
		{name: "deleted before it starts", gone: true,
			check: func(t *testing.T, _ *stand, b bot.Bot) {
				if b.Status != bot.Failed || b.EndCode != bot.EndExitBeforeRecord {
					t.Errorf("%s %s", b.Status, b.EndCode)
				}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t, openQuick(t), service.Options{Polite: true})
			start := monday.Add(30 * time.Hour)
			e := once(1, start)
			e.Organizer, e.Attendees = truth.Person{Email: "boss@example.com"}, []truth.Attendee{{Person: truth.Person{Email: "ada@example.com"}, Response: truth.Accepted}}
			conn, cal, id, _ := scheduled(t, s, "ada@example.com", e)
			s.at(t, start)
			b := s.allBots(t)[0]
			if c.inside {
				s.join(t, b.ID)
			}
			var err error
			switch {
			case c.gone:
				err = cal.Delete(id)
			case c.edit == nil:
				err = cal.Respond(id, truth.Declined)
			default:
				err = cal.Edit(id, c.edit)
			}
			if err != nil {
				t.Fatal(err)
			}
			s.poll(t, conn.ID)
			s.at(t, s.clock.Now().Add(5*time.Minute))
			all := s.allBots(t)
			if len(all) != 1 {
				t.Fatalf("%d bots", len(all))
			}
			c.check(t, s, all[0])
		})
	}
}

// Trap 47: moved from the past to the future after its bot had been there.
func TestAMeetingThatIsHeldAgainGetsANewBot(t *testing.T) {
	s := newStand(t, openQuick(t), service.Options{Polite: true})
	start := monday.Add(30 * time.Hour)
	c, cal, id, _ := scheduled(t, s, "ada@example.com", once(1, start))
	s.at(t, start)
	if err := s.bots.Fail(t.Context(), s.allBots(t)[0].ID, bot.EndInternalError, "gone"); err != nil {
		t.Fatal(err)
	}
	again := start.Add(24 * time.Hour)
	if err := cal.Edit(id, func(x *truth.Content) { x.Start, x.End = again, again.Add(time.Hour) }); err != nil {
		t.Fatal(err)
	}
	s.poll(t, c.ID)
	s.at(t, again)
	if all := s.allBots(t); len(all) != 2 || all[0].Status != bot.Queued || all[0].ID == all[1].ID {
		t.Fatalf("%+v", all)
	}
}

// Deleting a calendar withdraws what is planned and keeps what runs; afterwards
// nothing of it is left.
func TestADeletedCalendarLeavesNothingButItsBots(t *testing.T) {
	eachPair(t, func(t *testing.T, db *storeDB, p calendar.Platform) {
		s := newStand(t, db, service.Options{Polite: true})
		c, cal := s.connect(t, p, "ada@example.com")
		must[string](t)(cal.Add(standup(1)))
		s.sync(t, c.ID)
		if err := s.rooms.Watch(t.Context(), c.ID); err != nil {
			t.Fatal(err)
		}
		list := s.events(t, c.ID, false)
		if _, err := s.rooms.ScheduleBots(t.Context(), s.team, c.ID, calendar.Target{SeriesID: list[0].SeriesID, All: true}, settings); err != nil {
			t.Fatal(err)
		}
		s.at(t, list[0].When.Start)
		s.desk(t).ok(t, "GET", halfYear, "") // something is kept of what the service says
		if err := s.rooms.Disconnect(t.Context(), s.team, c.ID); err != nil {
			t.Fatal(err)
		}
		s.at(t, list[1].When.Start.Add(time.Second))
		if n := len(s.allBots(t)); n != 1 {
			t.Errorf("%d bots", n)
		}
		for range 2 {
			if err := s.rooms.Drop(t.Context(), c.ID); err != nil {
				t.Fatal(err)
			}
		}
		for _, table := range []string{"calendars", "calendar_grants", "calendar_channels", "event_series", "events", "event_details", "bot_rules", "calendar_bots", "event_decisions", "calendar_lookups"} {
			if n := s.rows(t, table); n != 0 {
				t.Errorf("%d rows of %s are left", n, table)
			}
		}
	})
}

// A series that is moved to another hour gets new ids at Google; its events,
// and what users asked for them, stay.
func TestASeriesThatMovesKeepsItsEvents(t *testing.T) {
	for _, p := range []calendar.Platform{calendar.Google, calendar.Microsoft} {
		t.Run(string(p), func(t *testing.T) {
			s := newStand(t, openQuick(t), service.Options{Polite: true})
			c, cal := s.connect(t, p, "ada@example.com")
			id := must[string](t)(cal.Add(standup(1)))
			s.sync(t, c.ID)
			before := s.events(t, c.ID, false)
			if _, err := s.rooms.ScheduleBots(t.Context(), s.team, c.ID, calendar.Target{EventID: before[2].ID}, settings); err != nil {
				t.Fatal(err)
			}
			if err := cal.Edit(id, func(x *truth.Content) { x.Start, x.End = x.Start.Add(3*time.Hour), x.End.Add(3*time.Hour) }); err != nil {
				t.Fatal(err)
			}
			s.poll(t, c.ID)
			after := s.events(t, c.ID, true)
			if len(after) != len(before) {
				t.Fatalf("%d events, had %d", len(after), len(before))
			}
			for i, e := range after {
				if e.ID != before[i].ID || !e.When.Start.Equal(before[i].When.Start.Add(3*time.Hour)) || e.BotScheduled != (i == 2) {
					t.Errorf("number %d: %s at %v, bot %v; was %s", i, e.ID, e.When.Start, e.BotScheduled, before[i].ID)
				}
			}
		})
	}
}
