package calendar_test

import (
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/fail"
	"steno/internal/store"
	"steno/simulator/service"
)

// A revoked connection that is given bad credentials says "error", and what
// says so is tried every hour: it works again when the old ones do, and is
// revoked again when they do not.
func TestARevokedConnectionThatGetsBadCredentialsIsTriedAgain(t *testing.T) {
	eachPair(t, func(t *testing.T, db *store.DB, p calendar.Platform) {
		s := newStand(t, db, service.Options{Polite: true})
		c, cal := s.connect(t, p, "ada@example.com")
		s.sync(t, c.ID)
		sim := s.google.Core
		if p == calendar.Microsoft {
			sim = s.graph.Core
		}
		revoke := func(is bool) {
			sim.Grants.Each(cal.Owner.Email, func(g *service.Grant) { g.Revoked = is })
			sim.Grants.ExpireAccess(cal.Owner.Email)
		}
		revoke(true)
		s.clock.add(2 * time.Hour)
		if k := s.sync(t, c.ID); k.Status != calendar.Dead || k.Sync.At != nil {
			t.Fatalf("%s, next sync %v", k.Status, k.Sync.At)
		}
		for _, back := range []bool{false, true} {
			bad := "not a token"
			if _, err := s.rooms.Reconnect(t.Context(), s.team, c.ID, calendar.CredentialsChange{RefreshToken: &bad}); !fail.Is(err, fail.Unauthorized) {
				t.Fatalf("the bad credentials: %v", err)
			}
			k, err := s.rooms.Get(t.Context(), s.team, c.ID)
			if err != nil || k.Status != calendar.Failing || k.Sync.At == nil {
				t.Fatalf("%s, next sync %v, %v", k.Status, k.Sync.At, err)
			}
			if in := k.Sync.At.Sub(s.clock.Now()); in < 30*time.Minute || in > 90*time.Minute {
				t.Errorf("tried again in %s", in)
			}
			revoke(!back)
			must[string](t)(cal.Add(once(1, s.clock.Now().Add(40*time.Hour))))
			s.clock.add(90 * time.Minute)
			k = s.sync(t, c.ID)
			if !back && (k.Status != calendar.Dead || k.Sync.At != nil) {
				t.Errorf("still revoked: %s, next sync %v", k.Status, k.Sync.At)
			}
			if back && (k.Status != calendar.Active || len(s.events(t, c.ID, false)) != 2 || k.Watch.RenewAt == nil) {
				t.Errorf("granted again: %s, %d events, watched again %v", k.Status, len(s.events(t, c.ID, false)), k.Watch.RenewAt)
			}
		}
	})
}
