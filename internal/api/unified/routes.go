package unified

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/account"
	"steno/internal/api/door"
)

// route is one operation: what it is called, where it is below the surface's
// path, what does it.
type route struct {
	id       string
	method   string
	path     string
	summary  string
	register func(*Surface, *door.Door, huma.Operation)
}

// routes lists all operations of the surface (digest 4). Each needs a key with
// full access.
var routes = []route{
	{"listCalendarEvents", http.MethodGet, "/events", "List the events of all connected calendars by time", do((*Surface).listEvents)},
	{"getCalendarEvent", http.MethodGet, "/events/{id}", "Show an event", do((*Surface).getEvent)},
	{"createCalendarEvent", http.MethodPost, "/events", "Create an event; Google and Microsoft notify the attendees", do((*Surface).createEvent)},
	{"updateCalendarEvent", http.MethodPatch, "/events/{id}", "Change an event, an occurrence or a series", do((*Surface).updateEvent)},
	{"deleteCalendarEvent", http.MethodDelete, "/events/{id}", "Delete an event, an occurrence or a series", do((*Surface).deleteEvent)},
	{"getCalendarAvailability", http.MethodGet, "/availability", "Tell when the owners of all connected calendars are busy", do((*Surface).availability)},
	{"findFreeSlots", http.MethodGet, "/free-slots", "Find times at which everybody is free", do((*Surface).freeSlots)},
	{"createCalendarFeed", http.MethodPost, "/feeds", "Make a feed that programs can subscribe to", do((*Surface).createFeed)},
	{"listCalendarFeeds", http.MethodGet, "/feeds", "List feeds", do((*Surface).listFeeds)},
	{"rotateCalendarFeed", http.MethodPost, "/feeds/{id}/rotate", "Give a feed another token; the old one no longer works", do((*Surface).rotateFeed)},
	{"deleteCalendarFeed", http.MethodDelete, "/feeds/{id}", "Delete a feed; its token no longer works", do((*Surface).deleteFeed)},
	{"preferCalendar", http.MethodPut, "/calendars/{calendarId}/default", "Have new events of its provider go to this calendar", do((*Surface).preferCalendar)},
}

// do makes a route of a handler.
func do[I, O any](handler func(s *Surface, ctx context.Context, c account.Caller, in *I) (*O, error)) func(*Surface, *door.Door, huma.Operation) {
	return func(s *Surface, d *door.Door, op huma.Operation) {
		door.Handle(d, op, account.ScopeFull, func(ctx context.Context, c account.Caller, in *I) (*O, error) { return handler(s, ctx, c, in) })
	}
}
