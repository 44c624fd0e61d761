package app

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	api "steno/internal/api/unified"
	"steno/internal/calendar/unified"
	"steno/internal/store"
)

// mountUnified puts the unified calendar API on r.
func (s *server) mountUnified(r chi.Router) *api.Surface {
	room := &unified.Service{
		Store: store.Unified{DB: s.DB}, Engine: s.calendars, Providers: s.calendars.Providers, Tokens: s.calendars.Tokens, Clock: s.Clock, Log: s.Log,
	}
	feeds := &unified.Feeds{Store: store.Unified{DB: s.DB}, Clock: s.Clock}
	surface := &api.Surface{Calendar: room, Feeds: feeds, Accounts: s.bearer, Rate: s.Quota, Log: s.Log, Version: s.version, Public: s.o.PublicURL}
	surface.Mount(r)
	return surface
}

// inUnified lets the unified calendar answer for its own paths.
func inUnified(own, others http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if api.Serves(r.URL.Path) {
			own(w, r)
			return
		}
		others(w, r)
	}
}
