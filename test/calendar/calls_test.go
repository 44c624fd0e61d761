package calendar_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/fail"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/simulator/service"
	"steno/simulator/truth"
)

// The floors that the services set: pages of 2,500 at Google; one call for a
// change, and one more for a series that it touches.
func TestASyncMakesNoCallTooMuch(t *testing.T) {
	s := newStand(t, openQuick(t), service.Options{Polite: true})
	c, cal := s.connect(t, calendar.Google, "ada@example.com")
	for i := range 10_000 {
		must[string](t)(cal.Add(once(i, monday.Add(time.Duration(24*60+i)*time.Minute))))
	}
	s.resetCalls()
	begin := time.Now()
	if c = s.sync(t, c.ID); c.SyncStatus != calendar.SyncSuccess {
		t.Fatal(c.SyncError)
	}
	t.Logf("10,000 events in %s", time.Since(begin).Round(time.Millisecond))
	if n := s.google.Calls("events.list"); n != 4 || s.google.Calls("*") != 4 {
		t.Errorf("full sync of 10,000: %d list calls, %v in all", n, s.google.AllCalls())
	}
	series := must[string](t)(cal.Add(standup(1)))
	s.poll(t, c.ID)
	graph, graphCal := s.connect(t, calendar.Microsoft, "ada@example.com")
	graphSeries := must[string](t)(graphCal.Add(standup(2)))
	single := must[string](t)(graphCal.Add(once(1, monday.Add(30*time.Hour))))
	s.sync(t, graph.ID)
	for _, one := range []struct {
		name  string
		p     calendar.Platform
		id    string
		edit  func() error
		calls map[string]int
		most  int // of all calls, tokens left out
	}{
		{"nothing", calendar.Google, c.ID, func() error { return nil }, map[string]int{"events.list": 1, "events.instances": 0}, 1},
		{"a single event", calendar.Google, c.ID, func() error { _, err := cal.Add(once(20_000, monday.Add(40*time.Hour))); return err }, map[string]int{"events.list": 1, "events.instances": 0}, 1},
		{"a whole series", calendar.Google, c.ID, func() error { return cal.Edit(series, func(x *truth.Content) { x.Title = "New" }) }, map[string]int{"events.list": 1, "events.instances": 1}, 2},
		{"one occurrence", calendar.Google, c.ID, func() error {
			return cal.CancelSlot(series, cal.Slots(series, monday, monday.AddDate(0, 1, 0))[1].Slot)
		}, map[string]int{"events.list": 1, "events.instances": 0}, 1},
		{"nothing", calendar.Microsoft, graph.ID, func() error { return nil }, nil, 1},
		{"a single event", calendar.Microsoft, graph.ID, func() error { return graphCal.Edit(single, func(x *truth.Content) { x.Title = "New" }) }, nil, 1},
		{"a whole series", calendar.Microsoft, graph.ID, func() error { return graphCal.Edit(graphSeries, func(x *truth.Content) { x.Title = "New" }) }, nil, 2},
		{"a new series", calendar.Microsoft, graph.ID, func() error { _, err := graphCal.Add(standup(3)); return err }, nil, 2},
	} {
		t.Run(string(one.p)+"/"+one.name, func(t *testing.T) {
			if err := one.edit(); err != nil {
				t.Fatal(err)
			}
			s.resetCalls()
			if c := s.poll(t, one.id); c.SyncStatus != calendar.SyncSuccess {
				t.Fatal(c.SyncError)
			}
			for method, want := range one.calls {
				if n := s.calls(one.p, method); n != want {
					t.Errorf("%s: %d calls, want %d", method, n, want)
				}
			}
			if n := s.calls(one.p, "*") - s.calls(one.p, "token"); n > one.most {
				t.Errorf("%d calls: %v %v", n, s.google.AllCalls(), s.graph.AllCalls())
			}
		})
	}
}

// One token call in 55 minutes, one windowed list a day, and a channel that is
// renewed before it runs out, through nine days.
func TestUpkeepStaysWithinItsBudget(t *testing.T) {
	for _, p := range []calendar.Platform{calendar.Google, calendar.Microsoft} {
		t.Run(string(p), func(t *testing.T) {
			s := newStand(t, openQuick(t), service.Options{Polite: true})
			c, cal := s.connect(t, p, "ada@example.com")
			must[string](t)(cal.Add(standup(1)))
			s.sync(t, c.ID)
			if err := s.rooms.Watch(t.Context(), c.ID); err != nil {
				t.Fatal(err)
			}
			s.resetCalls()
			const days = 9
			syncs := 0
			k := s.sync(t, c.ID)
			for end := s.clock.Now().AddDate(0, 0, days); s.clock.Now().Before(end); {
				next := *k.Sync.At // from one thing that is due to the next
				if k.Watch.RenewAt.Before(next) {
					next = *k.Watch.RenewAt
				}
				s.clock.set(next)
				due, err := s.rooms.Store.DueWatches(t.Context(), s.clock.Now(), 10)
				if err != nil {
					t.Fatal(err)
				}
				for _, id := range due {
					if err := s.rooms.Watch(t.Context(), id); err != nil {
						t.Fatal(err)
					}
				}
				before := s.calls(p, lists(p))
				k = s.sync(t, c.ID)
				if s.calls(p, lists(p)) > before {
					syncs++
				}
				if k.Watch.Expires == nil || k.Watch.Expires.Sub(s.clock.Now()) < 12*time.Hour {
					t.Fatalf("the channel ends at %v, now %v", k.Watch.Expires, s.clock.Now())
				}
				if k.Sync.Window.End.Sub(s.clock.Now()) < 30*24*time.Hour {
					t.Fatalf("the window ends at %v, now %v", k.Sync.Window.End, s.clock.Now())
				}
			}
			if n := s.calls(p, "token"); n > days*24*60/55+1 {
				t.Errorf("%d token calls", n)
			}
			polls := days * 24 * 4
			if n := s.calls(p, lists(p)); n < polls*8/10 || n > polls*14/10+2*days {
				t.Errorf("%d list calls in %d syncs, want about %d", n, syncs, polls)
			}
			if got := len(s.events(t, c.ID, false)); got < 5 {
				t.Errorf("%d Mondays in the window", got)
			}
			t.Logf("%d days: %d syncs, %d list calls, %d token calls", days, syncs, s.calls(p, lists(p)), s.calls(p, "token"))
		})
	}
}

// Proves C4: many users of one expired grant, in two processes, and a service
// that takes every refresh token once.
func TestManySyncsOfARotatingGrantRefreshOnce(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		t.Parallel()
		db, err := store.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		s := newStand(t, db, service.Options{Polite: true, Clock: clock.System{}, Latency: 5 * time.Millisecond})
		c, cal := s.connect(t, calendar.Microsoft, "ada@example.com")
		must[string](t)(cal.Add(once(1, time.Now().Add(30*time.Hour))))
		twin, _, closeTwin, err := house(db, s.clock, s.addresses(), s.key, slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(closeTwin)
		for round := range 3 {
			s.graph.Grants.ExpireAccess("")
			if err := expire(t.Context(), s.rooms.Tokens, c.ID); err != nil {
				t.Fatal(err)
			}
			s.resetCalls()
			var all sync.WaitGroup
			for i := range 20 {
				rooms := []*calendar.Service{s.rooms, twin}[i%2]
				all.Go(func() {
					if _, err := rooms.Providers[calendar.Microsoft].Account(c.ID, rooms.Tokens).Calendar(t.Context(), c.RawID); err != nil {
						t.Errorf("round %d: %v", round, err)
					}
				})
			}
			all.Wait()
			if n := s.graph.Calls("token"); n != 1 {
				t.Errorf("round %d: %d token calls", round, n)
			}
		}
		g, err := s.rooms.Tokens.Grant(t.Context(), c.ID)
		if err != nil || !s.graph.Grants.Live(g.RefreshToken) {
			t.Errorf("the stored refresh token is not the live one (%v)", err)
		}
		// And twenty syncs of the one connection at once are one sync.
		s.resetCalls()
		var all sync.WaitGroup
		for i := range 20 {
			rooms := []*calendar.Service{s.rooms, twin}[i%2]
			all.Go(func() {
				if err := rooms.Sync(t.Context(), c.ID, fmt.Sprintf("worker %d", i)); err != nil && !fail.Is(err, fail.Unavailable) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := s.graph.Calls(lists(calendar.Microsoft)); n != 1 {
			t.Errorf("%d list calls", n)
		}
	})
}

// expire makes the stored access token one that has run out.
func expire(ctx context.Context, tokens calendar.TokenStore, id string) error {
	_, err := tokens.Refresh(ctx, id, func(_ context.Context, g calendar.Grant) (calendar.Grant, error) {
		g.AccessExpires = time.Now().Add(-time.Minute)
		return g, nil
	})
	return err
}

// Proves C2: the token is lost on the first, a middle or the last page. Ids,
// bots and what was deleted meanwhile are right afterwards, and there is one
// full round.
func TestALostTokenCostsOneFullRoundAndNothingElse(t *testing.T) {
	const many, size = 350, 100 // four pages
	for _, p := range []calendar.Platform{calendar.Google, calendar.Microsoft} {
		for page := range 3 {
			t.Run(fmt.Sprintf("%s/page %d", p, page+1), func(t *testing.T) {
				s := newStand(t, openQuick(t), service.Options{Polite: true, MaxPage: size})
				s.listen(t)
				c, cal := s.connect(t, p, "ada@example.com")
				var ids []string
				for i := range many {
					ids = append(ids, must[string](t)(cal.Add(once(i, monday.Add(time.Duration(30*60+i*10)*time.Minute)))))
				}
				series := must[string](t)(cal.Add(standup(1)))
				s.sync(t, c.ID)
				before, bots := map[string]string{}, map[string]bool{}
				for i, e := range s.events(t, c.ID, false) {
					before[e.ProviderID] = e.ID
					if i%10 != 0 {
						continue
					}
					bots[e.ID] = true
					if _, err := s.rooms.ScheduleBots(t.Context(), s.team, c.ID, calendar.Target{EventID: e.ID}, settings); err != nil {
						t.Fatal(err)
					}
				}
				if err := errorsOf(cal.Delete(ids[3]), cal.CancelSlot(series, cal.Slots(series, monday, monday.AddDate(0, 1, 0))[1].Slot)); err != nil {
					t.Fatal(err)
				}
				for _, id := range append(ids, series) {
					_ = cal.Touch(id) // so that the round has several pages; one is deleted
				}
				sim := s.google.Core
				if p == calendar.Microsoft {
					sim = s.graph.Core
				}
				sim.Inject(service.Injection{Method: lists(p), Kind: service.Gone, Skip: page})
				s.resetCalls()
				s.poll(t, c.ID)
				if n := s.calls(p, lists(p)); n <= page+1 {
					t.Fatalf("%d list calls: the token was not lost on page %d", n, page+1)
				}
				if k := s.poll(t, c.ID); k.SyncStatus != calendar.SyncSuccess {
					t.Fatal(k.SyncError)
				}
				after := s.events(t, c.ID, false)
				if len(after) != len(before)-2 {
					t.Fatalf("%d events, want %d", len(after), len(before)-2)
				}
				for _, e := range after {
					if before[e.ProviderID] != e.ID || e.BotScheduled != bots[e.ID] {
						t.Errorf("%s has id %s, had %s; bot %v", e.ProviderID, e.ID, before[e.ProviderID], e.BotScheduled)
					}
				}
				if n := s.count(t, calendar.MsgEventCancelled); n != 2 {
					t.Errorf("%d cancellations were told", n)
				}
				for event, want := range map[string]int{calendar.MsgEventCreated: 0, calendar.MsgEventUpdated: 0, calendar.MsgSynced: 1 + many/2500} {
					if n := s.count(t, event); n != want {
						t.Errorf("%s was told %d times, want %d", event, n, want)
					}
				}
			})
		}
	}
}

// Proves C3 in part: a service that fails in every way it knows costs attempts
// with growing pauses, keeps the connection active, and other calendars go on.
func TestAServiceInPainIsLeftAloneForAWhile(t *testing.T) {
	for _, p := range []calendar.Platform{calendar.Google, calendar.Microsoft} {
		for _, kind := range []service.Kind{service.TooMany, service.TooManySilent, service.ServerError, service.Truncated, service.Garbage, service.HangUp} {
			t.Run(string(p)+"/"+string(kind), func(t *testing.T) {
				s := newStand(t, openQuick(t), service.Options{Polite: true})
				c, cal := s.connect(t, p, "ada@example.com")
				s.sync(t, c.ID)
				must[string](t)(cal.Add(once(1, monday.Add(40*time.Hour))))
				sim := s.google.Core
				if p == calendar.Microsoft {
					sim = s.graph.Core
				}
				sim.SetFaults(service.Faults{kind: 1})
				s.resetCalls()
				var pauses []time.Duration
				s.clock.add(20 * time.Minute)
				for range 6 {
					k := s.sync(t, c.ID)
					if k.Status != calendar.Active || k.SyncStatus != calendar.SyncFailed || k.SyncError == "" || k.Sync.At == nil {
						t.Fatalf("%s, %s: %s", k.Status, k.SyncStatus, k.SyncError)
					}
					pauses = append(pauses, k.Sync.At.Sub(s.clock.Now()))
					s.clock.add(k.Sync.At.Sub(s.clock.Now())) // so short that no token is needed: a lost answer there costs the grant
				}
				if pauses[5] < 2*pauses[0] && pauses[5] < time.Minute {
					t.Errorf("pauses do not grow: %v", pauses)
				}
				if n := s.calls(p, "*"); n > 6*8 {
					t.Errorf("%d calls for 6 syncs", n)
				}
				sim.SetFaults(service.Faults{kind: 0})
				s.clock.add(time.Hour)
				if k := s.sync(t, c.ID); k.SyncStatus != calendar.SyncSuccess || len(s.events(t, c.ID, false)) != 1 {
					t.Errorf("afterwards: %s, %s", k.SyncStatus, k.SyncError)
				}
			})
		}
	}
}

// A grant that was revoked is told once, and nothing is tried any more until
// the user comes back.
func TestARevokedGrantIsToldOnceAndHealedByNewCredentials(t *testing.T) {
	eachPair(t, func(t *testing.T, db *store.DB, p calendar.Platform) {
		s := newStand(t, db, service.Options{Polite: true})
		s.listen(t)
		c, cal := s.connect(t, p, "ada@example.com")
		s.sync(t, c.ID)
		g, err := s.rooms.Tokens.Grant(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		sim, app := s.google.Core, calendar.Credentials{ClientID: g.ClientID}
		if p == calendar.Microsoft {
			sim = s.graph.Core
		}
		if !sim.Grants.Revoke(g.RefreshToken) {
			t.Fatal("not revoked")
		}
		for range 3 {
			s.clock.add(2 * time.Hour)
			s.sync(t, c.ID)
		}
		k, err := s.rooms.Get(t.Context(), s.team, c.ID)
		if err != nil || k.Status != calendar.Dead || k.Sync.At != nil {
			t.Fatalf("%s, next sync %v: %v", k.Status, k.Sync.At, err)
		}
		if n := s.count(t, calendar.MsgChanged); n != 1 || s.count(t, calendar.MsgFailed) != 0 {
			t.Errorf("%d messages about the connection", n)
		}
		scopes := []string{"https://www.googleapis.com/auth/calendar"}
		if p == calendar.Microsoft {
			scopes = []string{"Calendars.ReadWrite", "User.Read", "offline_access"}
		}
		token, _ := sim.Grants.Issue(cal.Owner.Email, app.ClientID, scopes)
		if _, err := s.rooms.Reconnect(t.Context(), s.team, c.ID, calendar.CredentialsChange{RefreshToken: &token}); err != nil {
			t.Fatal(err)
		}
		must[string](t)(cal.Add(once(1, s.clock.Now().Add(40*time.Hour))))
		if k := s.sync(t, c.ID); k.Status != calendar.Active || len(s.events(t, c.ID, false)) != 1 || s.count(t, calendar.MsgChanged) != 2 {
			t.Errorf("afterwards: %+v", k)
		}
	})
}
