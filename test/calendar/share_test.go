package calendar_test

import (
	"errors"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/simulator/service"
)

// A sync that finds no place has done nothing: it is due as before, and the
// place that a sync had is free when it has ended, also when it failed.
func TestASyncWithoutAPlaceIsMadeLater(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db, service.Options{Polite: true})
		c, cal := s.connect(t, calendar.Google, "ada@example.com")
		s.sync(t, c.ID)
		room, places := false, 0
		s.rooms.Share = func(team string, p calendar.Platform) (func(), bool) {
			if team != s.team || p != calendar.Google {
				t.Errorf("a place for %s at %s", team, p)
			}
			if !room {
				return nil, false
			}
			places++
			return func() { places-- }, true
		}
		must[string](t)(cal.Add(once(1, s.clock.Now().Add(40*time.Hour))))
		s.clock.add(time.Hour)
		calls := s.calls(calendar.Google, "*")
		if err := s.rooms.Sync(t.Context(), c.ID, "worker"); !errors.Is(err, calendar.ErrBusy) {
			t.Fatalf("without a place: %v", err)
		}
		if s.calls(calendar.Google, "*") != calls || len(s.events(t, c.ID, false)) != 0 {
			t.Error("a sync without a place did something")
		}
		room = true
		s.google.Grants.ExpireAccess("")
		s.sync(t, c.ID)
		if n := len(s.events(t, c.ID, false)); n != 1 || places != 0 {
			t.Errorf("%d events, %d places not given back", n, places)
		}
	})
}
