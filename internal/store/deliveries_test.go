package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"steno/internal/fail"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/webhook"
)

var t0 = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// withTeam adds a team and one endpoint per id.
func withTeam(t *testing.T, db *store.DB, team string, endpoints ...webhook.Endpoint) {
	t.Helper()
	must(t, db.InTx(t.Context(), func(tx *store.Tx) error { return addTeam(t.Context(), tx, team) }))
	for _, e := range endpoints {
		e.TeamID, e.CreatedAt, e.Secret = team, t0, "sealed-"+e.ID
		if e.Participants == "" {
			e.Participants = webhook.Names
		}
		must(t, db.AddWebhook(t.Context(), e))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func emit(t *testing.T, db *store.DB, e webhook.Event) {
	t.Helper()
	must(t, db.InTx(t.Context(), func(tx *store.Tx) error { return tx.EmitWebhook(t.Context(), e) }))
}

func event(team string) webhook.Event {
	return webhook.Event{TeamID: team, Type: webhook.BotCompleted, BotID: "b1", Payload: []byte(`{"n":1}`), PayloadObjects: []byte(`{"o":1}`), At: t0}
}

func claim(t *testing.T, db *store.DB, lane string, limit int, now time.Time) (out []store.Claim) {
	t.Helper()
	must(t, db.InTx(t.Context(), func(tx *store.Tx) (err error) {
		out, err = tx.ClaimDeliveries(t.Context(), []store.Want{{Lane: lane, Limit: limit}}, store.Lease{By: "me", Now: now, Until: now.Add(45 * time.Second)})
		return err
	}))
	return out
}

func record(t *testing.T, db *store.DB, now time.Time, all ...store.Attempt) (off []string) {
	t.Helper()
	must(t, db.InTx(t.Context(), func(tx *store.Tx) (err error) {
		off, err = tx.RecordAttempts(t.Context(), all, now, webhook.FailedBefore(now))
		return err
	}))
	return off
}

func enable(t *testing.T, db *store.DB, team, id string) error {
	t.Helper()
	_, err := db.ChangeWebhook(t.Context(), team, id, func(e *webhook.Endpoint) error {
		e.Enabled, e.DisabledReason, e.DisabledAt, e.FailingSince = true, "", nil, nil
		return nil
	})
	return err
}

func lanes(t *testing.T, db *store.DB) []string {
	t.Helper()
	all, err := db.DeliveryLanes(t.Context())
	must(t, err)
	var names []string
	for _, l := range all {
		names = append(names, l.Name)
	}
	return names
}

func TestAnEventGoesToTheTeamsEnabledEndpointsThatWantIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		withTeam(t, db, "a",
			webhook.Endpoint{ID: "all", URL: "http://x/all", Enabled: true},
			webhook.Endpoint{ID: "objects", URL: "http://x/objects", Enabled: true, Participants: webhook.Objects, Events: []webhook.EventType{webhook.BotCompleted}},
			webhook.Endpoint{ID: "failed-only", Enabled: true, Events: []webhook.EventType{webhook.BotFailed}},
			webhook.Endpoint{ID: "off", Enabled: false})
		withTeam(t, db, "b", webhook.Endpoint{ID: "other-team", Enabled: true})
		emit(t, db, event("a"))
		if got := lanes(t, db); !slices.Equal(got, []string{"all", "objects"}) {
			t.Fatalf("lanes %v", got)
		}
		a, o := claim(t, db, "all", 9, t0)[0], claim(t, db, "objects", 9, t0)[0]
		if string(a.Payload) != `{"n":1}` || string(o.Payload) != `{"o":1}` {
			t.Errorf("payloads %s, %s", a.Payload, o.Payload)
		}
		if a.MessageID != o.MessageID || a.BotID != "b1" || a.TeamID != "a" || a.URL != "http://x/all" || a.Secret != "sealed-all" || a.Kind != webhook.ToEndpoint {
			t.Errorf("claims %+v, %+v", a, o)
		}
	})
}

func TestAnEventThatNobodyWantsStoresNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		withTeam(t, db, "a")
		emit(t, db, event("a"))
		if n := count(t, db, "SELECT COUNT(*) FROM webhook_messages"); n != 0 {
			t.Errorf("%d messages", n)
		}
	})
}

func TestAWebhookCommitsWithItsFactAndWakesTheSenderOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		withTeam(t, db, "a", webhook.Endpoint{ID: "e1", Enabled: true}, webhook.Endpoint{ID: "e2", Enabled: true})
		nudges := 0
		db.OnDelivery(func() { nudges++ })
		wrong := errors.New("changed my mind")
		err := db.InTx(t.Context(), func(tx *store.Tx) error {
			if err := tx.EmitWebhook(t.Context(), event("a")); err != nil {
				return err
			}
			return wrong
		})
		if !errors.Is(err, wrong) || nudges != 0 || len(lanes(t, db)) != 0 {
			t.Fatalf("after a rollback: %v, %d nudges, lanes %v", err, nudges, lanes(t, db))
		}
		emit(t, db, event("a"))
		if nudges != 1 || len(lanes(t, db)) != 2 {
			t.Fatalf("%d nudges, lanes %v", nudges, lanes(t, db))
		}
	})
}

// Proves J1 for webhooks: whichever statement of the transaction is the last
// to run, either the fact and its webhook are there or neither is.
func TestFactAndWebhookAreBothThereOrNeither(t *testing.T) {
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		type stop struct{}
		at := 0
		o.Step = func(n int) {
			if n == at {
				panic(stop{})
			}
		}
		db, err := store.Open(t.Context(), o)
		must(t, err)
		defer func() { must(t, db.Close()) }()
		withTeam(t, db, "team", webhook.Endpoint{ID: "e", Enabled: true})
		run := func(n int) (finished bool) {
			defer func() {
				at = 0
				if r := recover(); r != nil {
					if _, ours := r.(stop); !ours {
						panic(r)
					}
				}
			}()
			at = n
			must(t, db.InTx(t.Context(), func(tx *store.Tx) error {
				if err := addTeam(t.Context(), tx, fmt.Sprintf("fact-%d", n)); err != nil {
					return err
				}
				e := event("team")
				e.BotID = fmt.Sprintf("fact-%d", n)
				return tx.EmitWebhook(t.Context(), e)
			}))
			return true
		}
		n := 1
		for ; !run(n); n++ {
			facts := count(t, db, "SELECT COUNT(*) FROM teams WHERE id = $1", fmt.Sprintf("fact-%d", n))
			hooks := count(t, db, `SELECT COUNT(*) FROM webhook_deliveries d JOIN webhook_messages m ON m.id = d.message_id WHERE m.bot_id = $1`, fmt.Sprintf("fact-%d", n))
			if facts != hooks {
				t.Errorf("stopped at step %d: %d facts, %d webhooks", n, facts, hooks)
			}
		}
		if n < 5 {
			t.Fatalf("only %d steps were tried", n)
		}
	})
}

func TestCallbacksAreQueuedByHostAndTeam(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		withTeam(t, db, "a")
		for _, path := range []string{"/1", "/2"} {
			must(t, db.InTx(t.Context(), func(tx *store.Tx) error {
				return tx.EmitCallback(t.Context(), webhook.Callback{TeamID: "a", BotID: "b1", Type: webhook.BotFailed, URL: "https://x.example" + path,
					Method: "PUT", SealedSecret: "s", Payload: []byte("{}"), At: t0})
			}))
		}
		got := lanes(t, db)
		if len(got) != 1 {
			t.Fatalf("lanes %v", got)
		}
		c := claim(t, db, got[0], 9, t0)
		if len(c) != 2 || c[0].Kind != webhook.ToCallback || c[0].Method != "PUT" || c[0].Secret != "s" || c[0].URL != "https://x.example/1" || c[0].BotID != "b1" {
			t.Fatalf("claims %+v", c)
		}
	})
}

func TestEachLaneGivesAsManyAsAreAskedOfIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		withTeam(t, db, "a", webhook.Endpoint{ID: "e1", Enabled: true}, webhook.Endpoint{ID: "e2", Enabled: true}, webhook.Endpoint{ID: "e3", Enabled: true})
		for range 5 {
			emit(t, db, event("a"))
		}
		got := map[string]int{}
		must(t, db.InTx(t.Context(), func(tx *store.Tx) error {
			claims, err := tx.ClaimDeliveries(t.Context(), []store.Want{{Lane: "e1", Limit: 2}, {Lane: "none", Limit: 9}, {Lane: "e3", Limit: 9}},
				store.Lease{By: "me", Now: t0, Until: t0.Add(time.Minute)})
			for _, c := range claims {
				got[c.Lane]++
			}
			return err
		}))
		if len(got) != 2 || got["e1"] != 2 || got["e3"] != 5 {
			t.Errorf("claimed %v", got)
		}
		if n := len(claim(t, db, "e1", 9, t0)) + len(claim(t, db, "e2", 9, t0)) + len(claim(t, db, "e3", 9, t0)); n != 3+5 {
			t.Errorf("%d are left", n)
		}
	})
}

func TestALeaseExcludesOthersUntilItEnds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		withTeam(t, db, "a", webhook.Endpoint{ID: "e", Enabled: true})
		for range 5 {
			emit(t, db, event("a"))
		}
		first := claim(t, db, "e", 3, t0)
		rest := claim(t, db, "e", 9, t0)
		if len(first) != 3 || len(rest) != 2 || len(claim(t, db, "e", 9, t0.Add(44*time.Second))) != 0 {
			t.Fatalf("claimed %d, then %d", len(first), len(rest))
		}
		if again := claim(t, db, "e", 9, t0.Add(46*time.Second)); len(again) != 5 {
			t.Fatalf("after the lease: %d", len(again))
		}
	})
}

func TestLeasesOfADeadSenderAreReleased(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		withTeam(t, db, "a", webhook.Endpoint{ID: "e", Enabled: true})
		emit(t, db, event("a"))
		release := func(by string) (n int64) {
			must(t, db.InTx(t.Context(), func(tx *store.Tx) (err error) { n, err = tx.ReleaseLeases(t.Context(), by, t0); return err }))
			return n
		}
		for _, by := range []string{"me", ""} {
			if len(claim(t, db, "e", 9, t0)) != 1 {
				t.Fatal("not claimed")
			}
			if release("someone else") != 0 || release(by) != 1 || release(by) != 0 {
				t.Fatalf("release of %q", by)
			}
		}
	})
}

// Two senders on one database must not claim the same row.
func TestTwoSendersShareTheWorkWithoutOverlap(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		withTeam(t, db, "a", webhook.Endpoint{ID: "e", Enabled: true})
		const n = 60
		for range n {
			emit(t, db, event("a"))
		}
		got := make(chan string, 10*n)
		done := make(chan error, 4)
		for range 4 {
			go func() {
				done <- func() error {
					for empty := 0; empty < 3; {
						var c []store.Claim
						err := db.InTx(context.Background(), func(tx *store.Tx) (err error) {
							c, err = tx.ClaimDeliveries(context.Background(), []store.Want{{Lane: "e", Limit: 7}}, store.Lease{By: "x", Now: t0, Until: t0.Add(time.Minute)})
							return err
						})
						if err != nil {
							return err
						}
						if len(c) == 0 {
							empty++
						}
						for _, one := range c {
							got <- one.DeliveryID
						}
					}
					return nil
				}()
			}()
		}
		for range 4 {
			must(t, <-done)
		}
		close(got)
		seen := map[string]int{}
		for id := range got {
			seen[id]++
		}
		if len(seen) != n {
			t.Errorf("%d of %d claimed", len(seen), n)
		}
		for id, times := range seen {
			if times != 1 {
				t.Errorf("%s claimed %d times", id, times)
			}
		}
	})
}

func TestAttemptsMoveDeliveriesAndMayBeRecordedTwice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		withTeam(t, db, "a", webhook.Endpoint{ID: "e", Enabled: true})
		for range 3 {
			emit(t, db, event("a"))
		}
		emit(t, db, event("a"))
		c := claim(t, db, "e", 9, t0)
		all := []store.Attempt{
			{DeliveryID: c[0].DeliveryID, EndpointID: "e", N: 1, At: t0, Duration: 12 * time.Millisecond, Status: 204, State: webhook.Delivered},
			{DeliveryID: c[1].DeliveryID, EndpointID: "e", N: 1, At: t0, Status: 500, Response: "oops", State: webhook.Pending, NextAt: t0.Add(5 * time.Second)},
			{DeliveryID: c[2].DeliveryID, EndpointID: "e", N: 7, At: t0, Failure: webhook.TimedOut, State: webhook.Exhausted},
			{DeliveryID: c[3].DeliveryID, EndpointID: "e", N: 1, At: t0, Status: 503, State: webhook.Pending, NextAt: t0.Add(9 * time.Second)},
		}
		for range 2 {
			if off := record(t, db, t0, all...); len(off) != 0 {
				t.Fatalf("disabled %v", off)
			}
		}
		if n := count(t, db, "SELECT COUNT(*) FROM webhook_attempts"); n != 4 {
			t.Errorf("%d attempts", n)
		}
		for state, want := range map[webhook.State]int{webhook.Delivered: 1, webhook.Pending: 2, webhook.Exhausted: 1} {
			if n := count(t, db, "SELECT COUNT(*) FROM webhook_deliveries WHERE state = $1 AND attempt > 0", string(state)); n != want {
				t.Errorf("%d %s", n, state)
			}
		}
		again := claim(t, db, "e", 9, t0.Add(5*time.Second))
		if len(again) != 1 || again[0].Attempt != 1 || again[0].MessageID != c[1].MessageID {
			t.Errorf("due after 5 s: %+v", again)
		}
		if later := claim(t, db, "e", 9, t0.Add(9*time.Second)); len(later) != 1 || later[0].MessageID != c[3].MessageID {
			t.Errorf("due after 9 s: %+v", later)
		}
	})
}

func TestAnEndpointIsDisabledAfterFiveDaysWithoutSuccess(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		withTeam(t, db, "a", webhook.Endpoint{ID: "e", Enabled: true})
		emit(t, db, event("a"))
		emit(t, db, event("a"))
		c := claim(t, db, "e", 1, t0)[0]
		try := func(after time.Duration, state webhook.State) []string {
			now := t0.Add(after)
			return record(t, db, now, store.Attempt{DeliveryID: c.DeliveryID, EndpointID: "e", N: int(after/time.Hour) + 1, At: now, State: state, NextAt: now})
		}
		const day = 24 * time.Hour
		for _, after := range []time.Duration{0, day, 4 * day} {
			if off := try(after, webhook.Pending); len(off) != 0 {
				t.Fatalf("disabled after %s", after)
			}
		}
		try(4*day+time.Hour, webhook.Delivered) // resets the clock
		for _, after := range []time.Duration{5 * day, 9 * day} {
			if off := try(after, webhook.Pending); len(off) != 0 {
				t.Fatalf("disabled after %s although it had succeeded", after)
			}
		}
		if off := try(10*day, webhook.Pending); !slices.Equal(off, []string{"e"}) {
			t.Fatalf("disabled %v", off)
		}
		e, err := db.Webhook(t.Context(), "a", "e")
		must(t, err)
		if e.Enabled || e.DisabledReason == "" || len(lanes(t, db)) != 0 {
			t.Errorf("endpoint %+v, lanes %v", e, lanes(t, db))
		}
		emit(t, db, event("a")) // dropped while it is off
		must(t, enable(t, db, "a", "e"))
		if e, _ = db.Webhook(t.Context(), "a", "e"); !e.Enabled || e.FailingSince != nil || len(lanes(t, db)) != 0 {
			t.Errorf("after enabling: %+v, lanes %v", e, lanes(t, db))
		}
	})
}

func TestAnEndpointThatIsGoneIsDisabledAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		withTeam(t, db, "a", webhook.Endpoint{ID: "e", Enabled: true}, webhook.Endpoint{ID: "all", Enabled: true},
			webhook.Endpoint{ID: "told", Enabled: true, Events: []webhook.EventType{webhook.EndpointDisabled, webhook.DeliveryExhausted}})
		emit(t, db, event("a"))
		c := claim(t, db, "e", 1, t0)[0]
		off := record(t, db, t0, store.Attempt{DeliveryID: c.DeliveryID, EndpointID: "e", N: 1, At: t0, Status: 410, State: webhook.Exhausted, Disable: true})
		if !slices.Equal(off, []string{"e"}) {
			t.Errorf("disabled %v", off)
		}
		// Who names the events is told of them; "all" means those of bots and calendars.
		var told []webhook.EventType
		for _, c := range claim(t, db, "told", 9, t0) {
			told = append(told, c.Event)
		}
		slices.Sort(told)
		if !slices.Equal(told, []webhook.EventType{webhook.DeliveryExhausted, webhook.EndpointDisabled}) || len(claim(t, db, "all", 9, t0)) != 1 {
			t.Errorf("told of %v", told)
		}
		e, err := db.Webhook(t.Context(), "a", "e")
		if err != nil || e.DisabledReason != "the receiver answered 410 Gone" || !e.DisabledAt.Equal(t0) {
			t.Errorf("endpoint %+v, %v", e, err)
		}
		// What it misses is kept for some days.
		for _, after := range []time.Duration{time.Hour, webhook.KeepMissed + time.Hour} {
			late := event("a")
			late.At = t0.Add(after)
			emit(t, db, late)
		}
		if n := count(t, db, "SELECT COUNT(*) FROM webhook_deliveries WHERE endpoint_id = 'e' AND state = 'dropped'"); n != 1 {
			t.Errorf("%d missed messages kept", n)
		}
	})
}

func TestWebhooksOfAnotherTeamAreNotFound(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		withTeam(t, db, "a", webhook.Endpoint{ID: "e", Name: "mine", URL: "http://x", Enabled: true, Events: []webhook.EventType{webhook.BotFailed}})
		withTeam(t, db, "b")
		ctx := t.Context()
		_, err := db.Webhook(ctx, "b", "e")
		for _, err := range []error{err, db.RemoveWebhook(ctx, "b", "e"), enable(t, db, "b", "e"), db.RotateWebhook(ctx, "b", "e", "n", "o", t0)} {
			if !fail.Is(err, fail.NotFound) {
				t.Errorf("got %v", err)
			}
		}
		must(t, db.RotateWebhook(ctx, "a", "e", "new", "old", t0.Add(time.Hour)))
		all, err := db.Webhooks(ctx, "a")
		must(t, err)
		if len(all) != 1 || all[0].Secret != "new" || all[0].OldSecret != "old" || !all[0].OldSecretUntil.Equal(t0.Add(time.Hour)) ||
			all[0].Name != "mine" || !slices.Equal(all[0].Events, []webhook.EventType{webhook.BotFailed}) {
			t.Errorf("endpoints %+v", all)
		}
		emit(t, db, webhook.Event{TeamID: "a", Type: webhook.BotFailed, Payload: []byte("{}"), At: t0})
		must(t, db.RemoveWebhook(ctx, "a", "e"))
		if all, _ := db.Webhooks(ctx, "a"); len(all) != 0 || len(lanes(t, db)) != 0 {
			t.Errorf("after removing: %v, lanes %v", all, lanes(t, db))
		}
	})
}

func TestOldMessagesAreTrimmedButNotWhatIsOnItsWay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		withTeam(t, db, "a", webhook.Endpoint{ID: "e", Enabled: true})
		old := time.Now().Add(-time.Minute) // ids carry the real time
		for range 3 {
			e := event("a")
			e.At = old
			emit(t, db, e)
		}
		c := claim(t, db, "e", 2, old)
		for i := range c {
			record(t, db, old, store.Attempt{DeliveryID: c[i].DeliveryID, EndpointID: "e", N: 1, At: old, Status: 200, State: webhook.Delivered})
		}
		if n, err := db.Requeue(t.Context(), "a", "e", []string{c[1].DeliveryID}, false, time.Now().Add(time.Hour)); err != nil || n != 1 {
			t.Fatalf("%d queued, %v", n, err)
		}
		for i, want := range []int{1, 0} { // one is pending, one was replayed
			if n, err := db.TrimWebhooks(t.Context(), time.Now().Add(time.Minute)); err != nil || n != want {
				t.Errorf("trim %d removed %d, want %d (%v)", i+1, n, want, err)
			}
		}
		if n, a := count(t, db, "SELECT COUNT(*) FROM webhook_messages"), count(t, db, "SELECT COUNT(*) FROM webhook_attempts"); n != 2 || a != 1 {
			t.Errorf("%d messages and %d attempts left", n, a)
		}
		if n, err := db.TrimWebhooks(t.Context(), old); err != nil || n != 0 {
			t.Errorf("removed %d that are young, %v", n, err)
		}
	})
}
