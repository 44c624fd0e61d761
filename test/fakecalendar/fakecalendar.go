// Package fakecalendar is a calendar service in memory with one account and an
// agenda, for tests of API surfaces. Package simulator has services that speak
// the real protocols.
package fakecalendar

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"steno/internal/calendar"
)

// Service is a calendar service with one account. What it refuses is said by the
// credentials: a refresh token such as "revoked" is one.
type Service struct {
	Name    calendar.Platform
	Items   []calendar.Item
	Refusal *calendar.ErrorKind // what it says to every call; empty: what the credentials say
}

// Platform, Traits and Account implement calendar.Provider.
func (f *Service) Platform() calendar.Platform { return f.Name }
func (f *Service) Traits() calendar.Traits {
	return calendar.Traits{RoundExpands: true, CursorFixesWindow: true, ChannelLife: 7 * 24 * time.Hour}
}
func (f *Service) Account(connection string, tokens calendar.TokenStore) calendar.Account {
	return &account{service: f, connection: connection, tokens: tokens}
}

type account struct {
	service    *Service
	connection string
	tokens     calendar.TokenStore
	calendar.BusyReader
	calendar.Writer
}

var refusals = map[string]calendar.ErrorKind{
	"revoked": calendar.Revoked, "no-scope": calendar.PermissionDenied, "no-mailbox": calendar.Unlicensed, "down": calendar.Transient,
}

func (a *account) access(ctx context.Context) error {
	g, err := a.tokens.Grant(ctx, a.connection)
	if err != nil {
		return err
	}
	kind := refusals[g.RefreshToken]
	if g.ClientSecret == "wrong" {
		kind = calendar.BadClient
	}
	if *a.service.Refusal != "" {
		kind = *a.service.Refusal
	}
	if kind == "" {
		return nil
	}
	return &calendar.Error{Kind: kind, Platform: a.service.Name, Op: "refresh the access token", Reason: "made_up", Message: "the service says no"}
}

func (a *account) Calendars(ctx context.Context) ([]calendar.Info, error) {
	return []calendar.Info{
		{ID: "ada@example.com", Name: "Ada", Email: "ada@example.com", Primary: true, CanWrite: true},
		{ID: "team", Name: "Team", Email: "ada@example.com"},
	}, a.access(ctx)
}

func (a *account) Calendar(ctx context.Context, id string) (calendar.Info, error) {
	if err := a.access(ctx); err != nil {
		return calendar.Info{}, err
	}
	if id == "primary" {
		id = "ada@example.com"
	}
	if id == "unknown" {
		return calendar.Info{}, &calendar.Error{Kind: calendar.NotFound, Platform: a.service.Name, Op: "get calendar", Message: "there is no such calendar"}
	}
	return calendar.Info{ID: id, Name: "Ada", Email: "ada@example.com", Primary: true, TimeZone: "Europe/Berlin", Metadata: json.RawMessage(`{"summary":"Ada"}`)}, nil
}

func (a *account) Round(ctx context.Context, _ calendar.RoundRequest) (calendar.Page, error) {
	return calendar.Page{Items: a.service.Items, Cursor: "c1"}, a.access(ctx)
}

func (a *account) Occurrences(ctx context.Context, _ calendar.OccurrenceRequest) (calendar.Page, error) {
	return calendar.Page{}, a.access(ctx)
}

func (a *account) Event(context.Context, string, string) (calendar.Item, error) {
	return calendar.Item{}, &calendar.Error{Kind: calendar.NotFound, Platform: a.service.Name, Op: "get event", Message: "gone"}
}

func (a *account) Watch(_ context.Context, r calendar.WatchRequest) (calendar.Channel, error) {
	return calendar.Channel{ID: r.ID, ProviderID: "0197f000-0000-7000-8000-00000000cafe", Calendar: r.Calendar, Expires: r.Until}, nil
}

func (a *account) Renew(_ context.Context, c calendar.Channel, until time.Time) (calendar.Channel, error) {
	c.Expires = until
	return c, nil
}

func (a *account) Stop(context.Context, calendar.Channel) error { return nil }

// Agenda is what stands in the fake's calendar: a single event with everything,
// an all-day one without anything, and a series with an exception.
func Agenda(now time.Time) []calendar.Item {
	zoom := func(n string) []calendar.Candidate {
		return []calendar.Candidate{{Source: calendar.FromConference, Text: "https://us02web.zoom.us/j/" + n + "?pwd=abc"}}
	}
	hour := func(h int) calendar.When {
		start := now.Add(time.Duration(h) * time.Hour)
		return calendar.When{Start: start, End: start.Add(time.Hour), Zone: "Europe/Berlin"}
	}
	rich := calendar.Fields{
		UID: "rich", Title: "Review <of> Q1", Description: "Agenda & notes", Location: "Room 1", When: hour(26), Status: calendar.Tentative,
		Organizer:  calendar.Person{Email: "ada@example.com", Name: "Ada", Self: true},
		Attendees:  []calendar.Person{{Email: "ada@example.com", Name: "Ada", Response: "accepted", Organizer: true, Self: true}, {Email: "bob@example.com", Response: "needsAction"}},
		Candidates: zoom("85900000001"),
	}
	day := now.Truncate(24*time.Hour).AddDate(0, 0, 3)
	weekly := calendar.Fields{UID: "weekly", Title: "Standup", When: hour(2), Status: calendar.Confirmed, Candidates: zoom("85900000002")}
	items := []calendar.Item{
		{Kind: calendar.Single, ID: "rich", Fields: rich, Raw: json.RawMessage(`{"id":"rich","summary":"Review <of> Q1"}`)},
		{Kind: calendar.Single, ID: "day", Fields: calendar.Fields{Title: "", When: calendar.When{Start: day, End: day.AddDate(0, 0, 1), AllDay: true}, Status: calendar.Confirmed}},
		{Kind: calendar.Master, ID: "weekly", Fields: weekly},
	}
	for week := range 3 {
		o := weekly
		o.When = hour(2 + 7*24*week)
		it := calendar.Item{Kind: calendar.Occurrence, ID: "weekly_" + strings.Repeat("i", week+1), SeriesID: "weekly", Slot: o.When.Start, Fields: o}
		if week == 1 {
			it.Exception, it.Title = true, "Standup with guests"
		}
		items = append(items, it)
	}
	return items
}
