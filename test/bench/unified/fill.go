package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"steno/internal/calendar"
	"steno/internal/ident"
	"steno/internal/seal"
	"steno/internal/store"
)

const (
	connections = 10
	batch       = 500
	// stretch is how far events reach, around now: a third of them lies in the
	// list's 30 days.
	stretch = 90 * 24 * time.Hour
)

// fill connects ten calendars and stores events in them, evenly over time: one in
// twenty for whole days, one in fifty longer than that, one in ten cancelled.
func (s *stand) fill(ctx context.Context, events int) error {
	var raw [32]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return err
	}
	sealer, err := seal.Parse(base64.StdEncoding.EncodeToString(raw[:]))
	if err != nil {
		return err
	}
	keep := store.Calendars{DB: s.store.DB, Vault: seal.Calendars{Sealer: sealer}}
	now := time.Now().UTC()
	for n := range connections {
		c := calendar.Connection{
			ID: ident.New(), TeamID: s.team, Platform: calendar.Google, RawID: fmt.Sprint("raw ", n), Email: fmt.Sprintf("p%d@example.com", n), Name: "Calendar",
			TimeZone: "Europe/Berlin", Status: calendar.Active, CreatedAt: now, UpdatedAt: now,
		}
		if n%2 == 1 {
			c.Platform = calendar.Microsoft
		}
		c.Sync.Window, c.Sync.Announced = calendar.Window{Start: now.Add(-stretch), End: now.Add(stretch)}, true
		err := keep.InTx(ctx, func(tx calendar.Tx) error {
			if err := tx.InsertConnection(ctx, c, calendar.Grant{}); err != nil {
				return err
			}
			return tx.UpdateConnection(ctx, c)
		})
		if err != nil {
			return err
		}
		s.conns = append(s.conns, c)
		for first := 0; first < events/connections; first += batch {
			if err := keep.InTx(ctx, func(tx calendar.Tx) error { return insert(ctx, tx, c, now, first, events/connections) }); err != nil {
				return err
			}
		}
	}
	if s.sqlite {
		return nil // nobody does there what autovacuum does on PostgreSQL
	}
	return s.store.DB.InTx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "ANALYZE")
		return err
	})
}

// insert stores a batch of the events of a calendar, of which there are all.
func insert(ctx context.Context, tx calendar.Tx, c calendar.Connection, now time.Time, first, all int) error {
	var series []calendar.Series
	var events []calendar.Event
	var details []calendar.Details
	for i := first; i < min(all, first+batch); i++ {
		start := now.Add(-stretch/2 + stretch/time.Duration(all)*time.Duration(i)).Truncate(time.Minute)
		e := calendar.Event{
			ID: ident.New(), TeamID: c.TeamID, CalendarID: c.ID, SeriesID: ident.New(), ProviderID: fmt.Sprintf("%s%08d%s", c.Platform, i, strings.Repeat("x", 90)),
			Title: fmt.Sprint("Planning ", i), When: calendar.When{Start: start, End: start.Add(45 * time.Minute), Zone: "Europe/Berlin"}, Status: calendar.Confirmed,
			Link: calendar.Link{URL: "https://meet.google.com/abc-defg-hij", Platform: "meet", Key: "meet:abcdefghij"}, Hash: strings.Repeat("0", 64), RawHash: strings.Repeat("1", 64),
			CreatedAt: now, UpdatedAt: now,
		}
		switch {
		case i%20 == 0:
			day := start.Truncate(24 * time.Hour)
			e.When = calendar.When{Start: day, End: day.AddDate(0, 0, 1), AllDay: true}
		case i%50 == 1:
			e.When.End = start.Add(60 * time.Hour)
		case i%10 == 3:
			e.Status = calendar.Cancelled
		}
		series = append(series, calendar.Series{ID: e.SeriesID, TeamID: c.TeamID, CalendarID: c.ID, ProviderID: e.ProviderID, CreatedAt: now, UpdatedAt: now})
		events, details = append(events, e), append(details, detail(c, e, now))
	}
	if err := tx.InsertSeries(ctx, series); err != nil {
		return err
	}
	return tx.InsertEvents(ctx, events, details)
}

// detail is what an event with a description and six people holds.
func detail(c calendar.Connection, e calendar.Event, now time.Time) calendar.Details {
	d := calendar.Details{
		Description: strings.Repeat("We look at the backlog and at who does what until next week. ", 10), Location: "Room B", Organizer: calendar.Person{Email: c.Email, Name: "Ada Blue"},
		Link: "https://calendar.example/" + e.ProviderID, OwnStatus: "confirmed", Created: now, Updated: now,
	}
	if c.Platform == calendar.Microsoft {
		d.HTML, d.OwnStatus, d.Description = true, "busy", "<html><body><p>"+d.Description+"</p><div>Join: <a href=\"https://teams.example/\">here</a></div></body></html>"
	}
	for n := range 6 {
		d.Attendees = append(d.Attendees, calendar.Person{Email: fmt.Sprintf("person%d@example.com", n), Name: fmt.Sprint("Person ", n), Response: "accepted"})
	}
	raw := map[string]any{"id": e.ProviderID, "summary": e.Title, "description": d.Description, "attendees": d.Attendees, "etag": e.Hash, "iCalUID": e.ID}
	d.Raw, _ = json.Marshal(raw) // texts only
	return d
}
