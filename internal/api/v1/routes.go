package v1

import (
	"net/http"
	"strings"

	"steno/internal/account"
)

// route is one operation: what it is called, where it is, what a key needs to
// be allowed to call it, what does it.
type route struct {
	id       string
	method   string
	path     string
	scope    account.Scope
	status   int
	summary  string
	register register
}

// routes lists the operations on calendars (digest 3.0). Both spellings of a
// path, with and without a slash at its end, lead here: see package httpx.
var routes = []route{
	{"list_raw_calendars", http.MethodPost, "/calendars/raw", account.ScopeFull, http.StatusOK, "List the calendars of an account; nothing is stored", do((*Surface).listRawCalendars)},
	{"list_calendars", http.MethodGet, "/calendars", account.ScopeFull, http.StatusOK, "List connected calendars, newest first", do((*Surface).listCalendars)},
	{"create_calendar", http.MethodPost, "/calendars", account.ScopeFull, http.StatusOK, "Connect a calendar", do((*Surface).createCalendar)},
	{"get_calendar", http.MethodGet, "/calendars/{uuid}", account.ScopeFull, http.StatusOK, "Show a connected calendar", do((*Surface).getCalendar)},
	{"update_calendar", http.MethodPatch, "/calendars/{uuid}", account.ScopeFull, http.StatusOK, "Give a calendar other credentials; its bots are unscheduled", do((*Surface).updateCalendar)},
	{"delete_calendar", http.MethodDelete, "/calendars/{uuid}", account.ScopeFull, http.StatusOK, "Disconnect a calendar", do((*Surface).deleteCalendar)},
	{"resync_all_calendars", http.MethodPost, "/calendars/resync_all", account.ScopeFull, http.StatusOK, "Read all calendars anew", do((*Surface).resyncAll)},
	{"resync_all", http.MethodPost, "/internal/calendar/resync_all", account.ScopeFull, http.StatusOK, "The older path of resync_all_calendars (C58)", do((*Surface).resyncAll)},

	{"list_events", http.MethodGet, "/calendar_events", account.ScopeFull, http.StatusOK, "List events of a calendar in the order of their start", do((*Surface).listEvents)},
	{"get_event", http.MethodGet, "/calendar_events/{uuid}", account.ScopeFull, http.StatusOK, "Show an event", do((*Surface).getEvent)},
	{"schedule_record_event", http.MethodPost, "/calendar_events/{uuid}/bot", account.ScopeSend, http.StatusOK, "Put a bot on an event, or on all occurrences of its series", do((*Surface).scheduleEvent)},
	{"patch_bot", http.MethodPatch, "/calendar_events/{uuid}/bot", account.ScopeFull, http.StatusOK, "Change the bot of an event, or of all occurrences of its series", do((*Surface).patchEvent)},
	{"unschedule_record_event", http.MethodDelete, "/calendar_events/{uuid}/bot", account.ScopeFull, http.StatusOK, "Take the bot of an event, or of all occurrences of its series, away", do((*Surface).unscheduleEvent)},
}

// tag groups the operations in the OpenAPI document.
func (r route) tag() string {
	if strings.Contains(r.path, "calendar") {
		return "Calendars"
	}
	return "Bots"
}

// roots are what the paths of the surface begin with.
var roots = map[string]bool{"accounts": true, "bots": true, "calendars": true, "calendar_events": true, "internal": true, "zoom_oauth_connections": true}

// Serves says whether a path is one for this surface to answer, also to say that
// there is nothing.
func Serves(path string) bool {
	root, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return roots[root]
}
