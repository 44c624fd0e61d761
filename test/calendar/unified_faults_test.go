package calendar_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/simulator/service"
	"steno/simulator/truth"
)

// both connects a calendar of each service with an event tomorrow and one in
// half a year, which is beyond what is stored.
func both(t *testing.T, d *desk) map[calendar.Platform]calendar.Connection {
	out := map[calendar.Platform]calendar.Connection{}
	for i, p := range []calendar.Platform{calendar.Google, calendar.Microsoft} {
		c, cal := d.connect(t, p, "ada@"+string(p)+".example")
		must[string](t)(cal.Add(once(10+i, monday.Add(24*time.Hour))))
		must[string](t)(cal.Add(once(20+i, monday.AddDate(0, 6, 0))))
		d.sync(t, c.ID)
		out[p] = c
	}
	return out
}

// halfYear is a range beyond what is stored.
var halfYear = fmt.Sprintf("/events?start=%s&end=%s", monday.AddDate(0, 6, -5).Format(time.DateOnly), monday.AddDate(0, 6, 5).Format(time.DateOnly))

// A service that fails, or does not answer, keeps nobody else's events back, and
// what is stored needs no service.
func TestAServiceThatFailsDoesNotHoldUpTheOthers(t *testing.T) {
	for _, x := range []struct {
		name string
		in   service.Injection
		code string
	}{
		{"it fails", service.Injection{Method: "calendarView", Kind: service.ServerError, Times: -1}, "PROVIDER_ERROR"},
		{"it hangs", service.Injection{Method: "calendarView", Kind: service.Slow, Delay: time.Minute, Times: -1}, "PROVIDER_TIMEOUT"},
	} {
		t.Run(x.name, func(t *testing.T) {
			d := newDesk(t, openQuick(t))
			conns := both(t, d)
			d.room.Options.LiveTime = 300 * time.Millisecond
			d.graph.Inject(x.in)
			a := d.ok(t, "GET", halfYear, "")
			if a.Count != 1 || a.Events[0].Title != "Review 20" {
				t.Errorf("%s", a.text)
			}
			if len(a.Errors) != 1 || a.Errors[0].Provider != "microsoft" || a.Errors[0].CalendarID != conns[calendar.Microsoft].ID || a.Errors[0].Code != x.code || a.Errors[0].Error == "" {
				t.Errorf("%s", a.text)
			}
			if a := d.ok(t, "GET", "/events", ""); a.Count != 2 || len(a.Errors) != 0 {
				t.Errorf("%s", a.text)
			}
		})
	}
}

// A connection that may recover shows what is stored; a dead one shows nothing.
// Both are named.
func TestConnectionsThatDoNotWorkAreNamed(t *testing.T) {
	for _, x := range []struct {
		status calendar.ConnectionStatus
		count  int
	}{{calendar.Failing, 2}, {calendar.Dead, 1}, {calendar.NoAccess, 1}} {
		t.Run(string(x.status), func(t *testing.T) {
			d := newDesk(t, openQuick(t))
			conns := both(t, d)
			err := d.db.InTx(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec(t.Context(), "UPDATE calendars SET status = $1 WHERE id = $2", string(x.status), conns[calendar.Google].ID)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			a := d.ok(t, "GET", "/events", "")
			if a.Count != x.count || len(a.Errors) != 1 || a.Errors[0].Code != "CALENDAR_INACTIVE" {
				t.Errorf("%s", a.text)
			}
		})
	}
}

// When people are busy: both services, by time, not merged; what fails is an
// error, unless a part will do.
func TestAvailabilityNamesWhatFails(t *testing.T) {
	d := newDesk(t, openQuick(t))
	g, gc := d.connect(t, calendar.Google, "ada@google.example")
	m, mc := d.connect(t, calendar.Microsoft, "ada@microsoft.example")
	add := func(cal *truth.Calendar, from, to string, free bool) {
		at := func(text string) time.Time {
			v, err := time.Parse(time.RFC3339, "2026-03-20T"+text+":00Z")
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		must[string](t)(cal.Add(truth.Event{Content: truth.Content{Title: "B", Start: at(from), End: at(to), Free: free}}))
	}
	add(gc, "10:00", "11:00", false)
	add(gc, "15:00", "16:00", true)
	add(mc, "10:30", "11:30", false)
	add(mc, "09:15", "09:30", false)
	d.sync(t, g.ID)
	d.sync(t, m.ID)
	const ask = "/availability?start=2026-03-20T09:00:00Z&end=2026-03-20T17:00:00Z"
	want := "[{2026-03-20T09:15:00Z 2026-03-20T09:30:00Z microsoft} {2026-03-20T10:00:00Z 2026-03-20T11:00:00Z google} {2026-03-20T10:30:00Z 2026-03-20T11:30:00Z microsoft}]"
	if a := d.ok(t, "GET", ask, ""); fmt.Sprint(a.Busy) != want {
		t.Errorf("%v", a.Busy)
	}
	// A year is asked for in pieces that the services take.
	if a := d.ok(t, "GET", "/availability?start=2026-01-20T09:00:00Z&end=2026-12-20T17:00:00Z", ""); fmt.Sprint(a.Busy) != want {
		t.Errorf("%v", a.Busy)
	}
	d.graph.User("ada@microsoft.example").Personal = true
	if a := d.ok(t, "GET", ask, ""); fmt.Sprint(a.Busy) != want {
		t.Errorf("a personal account: %v", a.Busy)
	}
	d.google.Inject(service.Injection{Method: "freebusy.query", Kind: service.ServerError, Times: -1})
	if a := d.call(t, "GET", ask, ""); a.status != http.StatusBadGateway || a.Code != "PROVIDER_ERROR" || !strings.Contains(a.Error, "google") || !strings.Contains(a.Error, g.ID) {
		t.Errorf("%d %s", a.status, a.text)
	}
	a := d.ok(t, "GET", ask+"&partial=true", "")
	if len(a.Busy) != 2 || len(a.Errors) != 1 || a.Errors[0].Provider != "google" || a.Errors[0].CalendarID != g.ID {
		t.Errorf("%s", a.text)
	}
}

// A write waits for the sync of its calendar that is under way, or does without:
// what it wrote is neither undone nor doubled, and shows at once.
func TestAWriteAndASyncAtTheSameTime(t *testing.T) {
	eachPair(t, func(t *testing.T, db *store.DB, p calendar.Platform) {
		d := newDesk(t, db)
		c, cal := d.connect(t, p, "ada@example.com")
		at := monday.Add(30 * time.Hour)
		for i := range 3 {
			must[string](t)(cal.Add(once(i, at.Add(time.Duration(i)*time.Hour))))
		}
		d.sync(t, c.ID)
		read := map[calendar.Platform]string{calendar.Google: "events.list", calendar.Microsoft: "calendarView.delta"}[p]
		slow := service.Injection{Method: read, Kind: service.LateAnswer, Delay: 400 * time.Millisecond}
		list := d.month(t)
		for round := range 3 {
			// The sync has read what stood there before, and is not done.
			d.google.Inject(slow)
			d.graph.Inject(slow)
			d.clock.add(20 * time.Minute)
			done := make(chan error, 1)
			go func() { done <- d.rooms.Sync(t.Context(), c.ID, "test") }()
			d.called(t, read)
			title := fmt.Sprintf("Written %d", round)
			switch round {
			case 0:
				d.ok(t, "POST", "/events", body(t, map[string]any{"provider": p, "title": title, "startTime": at, "endTime": at.Add(time.Hour)}))
			case 1:
				d.ok(t, "PATCH", path(list[0].ID), body(t, map[string]any{"provider": p, "title": title}))
			case 2:
				d.ok(t, "DELETE", path(list[1].ID)+"?provider="+string(p), "")
			}
			check := func(when string) {
				t.Helper()
				if n := len(d.titled(t, title)); round < 2 && n != 1 {
					t.Errorf("%s: %q is there %d times", when, title, n)
				}
				if n := len(d.titled(t, list[1].Title)); round == 2 && n != 0 {
					t.Errorf("%s: what was deleted is back", when)
				}
			}
			check("at once")
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			check("after the sync")
			d.poll(t, c.ID)
			check("after the next one")
		}
	})
}

// called waits until the service has got a call.
func (d *desk) called(t *testing.T, method string) {
	t.Helper()
	calls := func() int { return d.google.Calls(method) + d.graph.Calls(method) }
	before := d.seen[method]
	for end := time.Now().Add(10 * time.Second); calls() == before; {
		if time.Now().After(end) {
			t.Fatalf("no call of %s", method)
		}
		<-time.After(5 * time.Millisecond)
	}
	if d.seen == nil {
		d.seen = map[string]int{}
	}
	d.seen[method] = calls()
}

// While a long sync holds a calendar, a write does not wait for its end: lists
// ask the service until a later sync has seen it.
func TestAWriteDuringALongSyncShowsAtOnce(t *testing.T) {
	eachPair(t, func(t *testing.T, db *store.DB, p calendar.Platform) {
		d := newDesk(t, db)
		d.rooms.Options.WriteWait = 50 * time.Millisecond
		c, cal := d.connect(t, p, "ada@example.com")
		at := monday.Add(30 * time.Hour)
		must[string](t)(cal.Add(once(1, at)))
		d.sync(t, c.ID)
		// Somebody else syncs, and does not come to an end.
		err := d.db.InTx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE calendars SET sync_by = 'other', sync_until = $1 WHERE id = $2", d.clock.Now().Add(time.Minute).UnixMilli(), c.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		d.ok(t, "POST", "/events", body(t, map[string]any{"provider": p, "title": "New", "startTime": at, "endTime": at.Add(time.Hour)}))
		if n := len(d.titled(t, "New")); n != 1 {
			t.Errorf("it is there %d times", n)
		}
		if n := len(d.events(t, c.ID, false)); n != 1 {
			t.Errorf("%d events are stored: the write must not touch what a sync is about to sweep", n)
		}
		d.clock.add(2 * time.Minute) // the other one has died
		c = d.sync(t, c.ID)
		if c.Sync.StaleAt != nil || len(d.titled(t, "New")) != 1 || len(d.events(t, c.ID, false)) != 2 {
			t.Errorf("after the next sync: stale %v, %d in the list, %d stored", c.Sync.StaleAt, len(d.titled(t, "New")), len(d.events(t, c.ID, false)))
		}
	})
}

// The attendees are told of what is written, by the service itself.
func TestGoogleNotifiesAttendees(t *testing.T) {
	d := newDesk(t, openQuick(t))
	c, _ := d.connect(t, calendar.Google, "ada@example.com")
	d.sync(t, c.ID)
	e := d.ok(t, "POST", "/events", body(t, map[string]any{"title": "T", "startTime": "2026-03-21T15:00:00Z", "endTime": "2026-03-21T16:00:00Z", "attendees": []any{map[string]string{"email": "alex@example.com"}}})).Event
	d.ok(t, "PATCH", path(e.ID), `{"title":"U"}`)
	got := d.ok(t, "PATCH", path(e.ID), `{"attendees":[{"email":"ada@example.com"},{"email":"alex@example.com","name":null},{"email":"jordan@example.com"}]}`).Event
	if len(got.Attendees) != 3 || got.Attendees[0].Status != "accepted" {
		t.Errorf("%+v", got)
	}
	d.ok(t, "DELETE", path(e.ID), "")
	if n := d.google.Calls("mail"); n != 4 {
		t.Errorf("the service mailed %d times, want 4", n)
	}
}

// What services said and what requests came to is kept for as long as it is of
// use, and goes with its calendar.
func TestKeptAnswersAreForgotten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := newDesk(t, db)
		both(t, d)
		d.ok(t, "GET", halfYear, "")
		d.ok(t, "POST", "/events", body(t, map[string]any{"title": "T", "startTime": "2026-03-21T15:00:00Z", "endTime": "2026-03-21T16:00:00Z"}), "Idempotency-Key", "k")
		d.ok(t, "GET", halfYear, "")
		if l, k := d.rows(t, "calendar_lookups"), d.rows(t, "request_keys"); l != 4 || k != 1 {
			t.Fatalf("%d lookups, %d keys", l, k)
		}
		now := d.clock.Now()
		for _, x := range []struct {
			after         time.Duration
			lookups, keys int
		}{{-time.Minute, 4, 1}, {time.Minute, 0, 1}} {
			if err := (store.Retention{DB: db}).DropAnswers(t.Context(), now.Add(x.after), now.Add(-time.Hour)); err != nil {
				t.Fatal(err)
			}
			if l, k := d.rows(t, "calendar_lookups"), d.rows(t, "request_keys"); l != x.lookups || k != x.keys {
				t.Errorf("%d lookups, %d keys; want %d and %d", l, k, x.lookups, x.keys)
			}
		}
		if err := (store.Retention{DB: db}).DropAnswers(t.Context(), now, now.Add(time.Minute)); err != nil || d.rows(t, "request_keys") != 0 {
			t.Errorf("%d keys, %v", d.rows(t, "request_keys"), err)
		}
	})
}
