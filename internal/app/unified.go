package app

import (
	"github.com/go-chi/chi/v5"

	api "steno/internal/api/unified"
	"steno/internal/calendar/unified"
	"steno/internal/store"
)

// mountUnified puts the unified calendar API on r.
func (s *server) mountUnified(r chi.Router) {
	room := &unified.Service{
		Store: store.Unified{DB: s.DB}, Engine: s.calendars, Providers: s.calendars.Providers, Tokens: s.calendars.Tokens, Clock: s.Clock, Log: s.Log,
	}
	feeds := &unified.Feeds{Store: store.Unified{DB: s.DB}, Clock: s.Clock}
	(&api.Surface{Calendar: room, Feeds: feeds, Accounts: s.bearer, Rate: s.Quota, Log: s.Log, Version: s.version, Public: s.o.PublicURL}).Mount(r)
}
