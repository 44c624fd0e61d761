package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// A panic is answered in the words of the surface that it happened in.
func TestPanicsOfTheUnifiedCalendarAreItsOwn(t *testing.T) {
	var by string
	said := func(name string) http.HandlerFunc { return func(http.ResponseWriter, *http.Request) { by = name } }
	h := inUnified(said("unified"), byPath(said("v1"), said("v2")))
	for path, want := range map[string]string{
		"/api/v2/calendar": "unified", "/api/v2/calendar/events/x": "unified", "/api/v2/calendars": "v2", "/v2/calendars": "v2", "/calendars/x": "v1",
	} {
		if h(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil)); by != want {
			t.Errorf("%s is answered by %s, want %s", path, by, want)
		}
	}
}
