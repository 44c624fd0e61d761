package calendar

import (
	"testing"
	"time"
)

// The rules of calendar bots, one line for each thing that may happen to an
// event. C11, C12, and the decisions on late and declined events.
func TestWhatBecomesOfTheBotOfAnEvent(t *testing.T) {
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	soon, later := now.Add(2*time.Hour), now.Add(50*time.Hour)
	room, other := Link{URL: "https://zoom.us/j/1", Platform: "zoom", Key: "zoom:1"}, Link{URL: "https://zoom.us/j/2", Platform: "zoom", Key: "zoom:2"}
	event := func(change ...func(*Event)) Event {
		e := Event{ID: "e", When: When{Start: soon, End: soon.Add(time.Hour)}, Status: Confirmed, Link: room}
		for _, f := range change {
			f(&e)
		}
		return e
	}
	at := func(start time.Time) func(*Event) {
		return func(e *Event) { e.When = When{Start: start, End: start.Add(time.Hour)} }
	}
	in := func(l Link) func(*Event) { return func(e *Event) { e.Link = l } }
	declined := func(e *Event) { e.Declined, e.Status = true, Cancelled }
	deleted := func(e *Event) { e.DeletedAt, e.Status = &now, Cancelled }
	rule, off := &Rule{ID: "r"}, &Rule{ID: "r2", Off: true}
	had := func(s ScheduleState, start time.Time, r Reason) Schedule {
		return Schedule{EventID: "e", RuleID: "r", BotID: "b", State: s, JoinAt: start, Link: room, Reason: r}
	}
	planned := had(Scheduled, soon, ByRule)
	for _, c := range []struct {
		name  string
		event Event
		rule  *Rule
		old   Schedule
		bot   BotPhase
		state ScheduleState
		why   Reason
		do    step
		fresh bool // another bot
	}{
		{name: "nobody asked", event: event()},
		{name: "asked for", event: event(), rule: rule, state: Scheduled, why: ByRule, fresh: true},
		{name: "asked for while it goes on", event: event(at(now.Add(-30 * time.Minute))), rule: rule, state: Scheduled, why: ByRule, fresh: true},
		{name: "asked for, over", event: event(at(now.Add(-2 * time.Hour))), rule: rule},
		{name: "asked for, no URL", event: event(in(Link{})), rule: rule, state: Waiting, why: NoURL},
		{name: "asked for, no meeting", event: event(func(e *Event) { e.NotMeeting = true }), rule: rule, state: Withdrawn, why: NotAMeeting},
		{name: "the URL comes", event: event(), rule: rule, old: had(Waiting, time.Time{}, NoURL), state: Scheduled, why: ByRule},
		{name: "nothing changed", event: event(), rule: rule, old: planned, state: Scheduled, why: ByRule},
		{name: "moved", event: event(at(later)), rule: rule, old: planned, state: Scheduled, why: EventMoved},
		{name: "moved a minute before its start", event: event(at(now.Add(2 * time.Hour))), rule: rule, old: had(Scheduled, now.Add(time.Minute), ByRule), state: Scheduled, why: EventMoved},
		{name: "another URL", event: event(in(other)), rule: rule, old: planned, state: Scheduled, why: EventMoved},
		{name: "the URL goes", event: event(in(Link{})), rule: rule, old: planned, state: Scheduled, why: ByRule},
		{name: "declined", event: event(declined), rule: rule, old: planned, state: Withdrawn, why: WasDeclined},
		{name: "accepted again", event: event(), rule: rule, old: had(Withdrawn, soon, WasDeclined), state: Scheduled, why: Reaccepted},
		{name: "accepted for the first time since it was asked for", event: event(), rule: rule, old: Schedule{EventID: "e", State: Withdrawn, Reason: WasDeclined}, state: Scheduled, why: Reaccepted, fresh: true},
		{name: "cancelled", event: event(func(e *Event) { e.Status = Cancelled }), rule: rule, old: planned, state: Withdrawn, why: WasCancelled},
		{name: "deleted", event: event(deleted), rule: rule, old: planned, state: Withdrawn, why: WasDeleted},
		{name: "deleted, never had one", event: event(deleted), rule: nil},
		{name: "withdrawn by the user", event: event(), old: planned, state: Withdrawn, why: NoRule},
		{name: "switched off by the user", event: event(), rule: off, old: planned, state: Withdrawn, why: SwitchedOff},
		{name: "switched off stays off when it moves", event: event(at(later)), rule: off, old: had(Withdrawn, soon, SwitchedOff), state: Withdrawn, why: SwitchedOff},
		{name: "other settings", event: event(), rule: &Rule{ID: "r9"}, old: planned, state: Scheduled, why: UpdatedByUser},

		{name: "launched", event: event(), rule: rule, old: had(Launched, soon, BotLaunched), bot: BotWaiting, state: Launched, why: BotLaunched},
		{name: "launched, a little later", event: event(at(now.Add(3 * time.Minute))), rule: rule, old: had(Launched, now, BotLaunched), bot: BotWaiting, state: Launched, why: NearStart},
		{name: "launched, another URL", event: event(at(now), in(other)), rule: rule, old: had(Launched, now, BotLaunched), bot: BotWaiting, state: Launched, why: Repointed, do: repoint},
		{name: "launched, tomorrow", event: event(at(later)), rule: rule, old: had(Launched, now, BotLaunched), bot: BotWaiting, state: Scheduled, why: BotTakenBack, do: stop, fresh: true},
		{name: "inside, tomorrow", event: event(at(later)), rule: rule, old: had(Launched, now, BotLaunched), bot: BotInside, state: Launched, why: NearStart},
		{name: "inside, declined", event: event(at(now), declined), rule: rule, old: had(Launched, now, BotLaunched), bot: BotInside, state: Withdrawn, why: WasDeclined, do: stop},
		{name: "inside, deleted", event: event(at(now), deleted), rule: rule, old: had(Launched, now, BotLaunched), bot: BotInside, state: Withdrawn, why: WasDeleted, do: stop},
		{name: "was there", event: event(at(now.Add(-2 * time.Hour))), rule: rule, old: had(Launched, now.Add(-2*time.Hour), BotLaunched), bot: BotEnded, state: Launched, why: BotLaunched},
		{name: "was there, deleted afterwards", event: event(at(now.Add(-2*time.Hour)), deleted), rule: rule, old: had(Launched, now.Add(-2*time.Hour), BotLaunched), bot: BotEnded, state: Launched, why: BotLaunched},
		{name: "was there, from past to future (trap 47)", event: event(at(later)), rule: rule, old: had(Launched, now.Add(-2*time.Hour), BotLaunched), bot: BotEnded, state: Scheduled, why: BotOfOldTime, fresh: true},
		{name: "failed, the same again", event: event(), rule: rule, old: had(Missed, soon, LaunchFailed), state: Missed, why: LaunchFailed},
		{name: "failed, then moved", event: event(at(later)), rule: rule, old: had(Missed, soon, LaunchFailed), state: Scheduled, why: ByRule},
		{name: "stopped, then accepted again", event: event(), rule: rule, old: had(Withdrawn, now, WasDeclined), bot: BotEnded, state: Scheduled, why: Reaccepted, fresh: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := decide(c.event, c.rule, c.old, c.bot, now)
			if r.next.State != c.state || r.next.Reason != c.why || r.do != c.do || r.fresh != c.fresh {
				t.Fatalf("%s (%s), %q, fresh %v; want %s (%s), %q, fresh %v", r.next.State, r.next.Reason, r.do, r.fresh, c.state, c.why, c.do, c.fresh)
			}
			if r.changed != (r.next.State != c.old.State || r.next.Reason != c.old.Reason || !r.next.JoinAt.Equal(c.old.JoinAt)) {
				t.Errorf("changed: %v", r.changed)
			}
			if r.next.State == Scheduled && (!r.next.JoinAt.Equal(c.event.When.Start) || r.next.Link.URL == "") {
				t.Errorf("joins %v at %v", r.next.Link, r.next.JoinAt)
			}
			// Deciding again changes nothing.
			if again := decide(c.event, c.rule, r.next, c.bot, now); r.changed && !r.fresh && r.do == nothing && again.changed {
				t.Errorf("a second look decides otherwise: %+v", again)
			}
		})
	}
}

func TestOnlyWhatUsersSeeMakesAnEventAnotherOne(t *testing.T) {
	start := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	base := Item{Kind: Single, ID: "x", Fields: Fields{Title: "T", When: When{Start: start, End: start.Add(time.Hour)}, Status: Confirmed}, Raw: []byte(`{"etag":1}`)}
	detect := func(c []Candidate) Link {
		if len(c) == 0 {
			return Link{}
		}
		return Link{URL: c[0].Text, Key: c[0].Text}
	}
	hash := func(change func(*Item)) string {
		it := base
		change(&it)
		e, _ := eventOf(it, Event{}, detect)
		return e.Hash
	}
	same := hash(func(*Item) {})
	for name, change := range map[string]func(*Item){
		"raw": func(it *Item) { it.Raw = []byte(`{"etag":2,"reminders":[]}`) }, "updated": func(it *Item) { it.Updated = start },
		"recurrence": func(it *Item) { it.Recurrence = []string{"RRULE"} }, "uid": func(it *Item) { it.UID = "u" }, "free": func(it *Item) { it.Free = true },
	} {
		if hash(change) != same {
			t.Errorf("%s alone makes another event", name)
		}
	}
	for name, change := range map[string]func(*Item){
		"title": func(it *Item) { it.Title = "U" }, "start only": func(it *Item) { it.When.Start = start.Add(time.Minute) },
		"end only": func(it *Item) { it.When.End = start.Add(2 * time.Hour) }, "all-day": func(it *Item) { it.When.AllDay = true },
		"status": func(it *Item) { it.Status = Tentative }, "declined": func(it *Item) { it.Declined = true }, "description": func(it *Item) { it.Description = "D" },
		"location": func(it *Item) { it.Location = "L" }, "meeting": func(it *Item) { it.Candidates = []Candidate{{Text: "https://zoom.us/j/1"}} },
		"organizer": func(it *Item) { it.Organizer.Email = "o@example.com" }, "attendees": func(it *Item) { it.Attendees = []Person{{Email: "a@example.com"}} },
		"exception": func(it *Item) { it.Exception = true }, "kind": func(it *Item) { it.NotMeeting = true },
	} {
		if hash(change) == same {
			t.Errorf("another %s is not noticed", name)
		}
	}
}

func TestTheSlotOfAnOccurrenceIsADateInItsOwnZone(t *testing.T) {
	for _, c := range []struct {
		slot time.Time
		when When
		want string
	}{
		{time.Date(2026, 3, 2, 23, 30, 0, 0, time.UTC), When{Zone: "Europe/Berlin"}, "2026-03-03"},
		{time.Date(2026, 3, 2, 23, 30, 0, 0, time.UTC), When{Zone: "America/New_York"}, "2026-03-02"},
		{time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), When{AllDay: true, Zone: "America/New_York"}, "2026-03-02"},
		{time.Date(2026, 3, 2, 23, 30, 0, 0, time.UTC), When{Zone: "Mars/Base"}, "2026-03-02"},
		{time.Time{}, When{Start: time.Date(2026, 3, 4, 1, 0, 0, 0, time.UTC)}, "2026-03-04"},
	} {
		if got := slotDay(c.slot, c.when); got != c.want {
			t.Errorf("%v %+v: %s, want %s", c.slot, c.when, got, c.want)
		}
	}
}
