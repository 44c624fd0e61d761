package deliver

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/webhook"
)

// Proves D3 in short form: while 20 receivers hang and hold all they can get, and
// others trickle their answer, reset the connection or flood it, another one is
// served, and the sockets that hang stay within their limits. The long form with
// figures is test/bench/webhooks.
func TestBrokenReceiversDoNotHoldUpOthers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newBench(db)
		var hung, most atomic.Int64
		hang := newSink(t, func(_ http.ResponseWriter, r *http.Request) {
			n := hung.Add(1)
			defer hung.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			<-r.Context().Done()
		})
		for range 20 {
			b.endpoint(hang.URL)
		}
		trickle := newSink(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			http.NewResponseController(w).Flush()
			<-r.Context().Done() // the rest of the body never comes
		})
		reset := newSink(t, func(w http.ResponseWriter, _ *http.Request) { hijack(w, "") })
		flood := newSink(t, endless(500))
		for range 5 {
			b.endpoint(trickle.URL)
			b.endpoint(reset.URL)
			b.endpoint(flood.URL)
		}
		o := b.options()
		o.MaxSockets = 150
		stop := b.run(t, o)
		b.emit("bot", 5, 5) // 100 calls that hang, and 75 others
		waitFor(t, "every hanging lane to be full", func() bool { return hung.Load() == 20*firstLimit })
		healthy := newSink(t, nil)
		b.endpoint(healthy.URL)
		b.emit("bot", 20, 1)
		waitFor(t, "the healthy receiver", func() bool { n, _ := healthy.distinct(); return n == 20 })
		if m := most.Load(); m > 20*firstLimit {
			t.Errorf("%d calls hung at once", m)
		}
		for _, s := range []*sink{hang, trickle, flood} {
			s.CloseClientConnections()
		}
		stop()
	})
}

func TestALaneGrowsWithSuccessAndShrinksWithFailure(t *testing.T) {
	l, now := newLanes(1000), time.Unix(1000, 0)
	for range 2 * maxLimit {
		l.inFlight, l.get("a").inFlight = 1, 1
		l.done("a", true, now)
	}
	if got := l.get("a").limit; got != maxLimit {
		t.Errorf("after successes: %d", got)
	}
	for range 10 {
		l.inFlight, l.get("a").inFlight = 1, 1
		l.done("a", false, now)
	}
	if got := l.get("a").limit; got != 1 {
		t.Errorf("after failures: %d", got)
	}
	due := []store.Lane{{Name: "a", Next: now}}
	if want, wait, full := l.plan(due, now, time.Second); len(want) != 0 || wait != restTime || full {
		t.Errorf("a lane that fails again and again: want %v, wait %s, full %v", want, wait, full)
	}
	if want, _, _ := l.plan(due, now.Add(restTime), time.Second); len(want) != 1 || want[0].Limit != 1 {
		t.Errorf("after its rest: %v", want)
	}
	l.inFlight, l.get("a").inFlight = 1, 1
	l.done("a", true, now)
	if want, _, _ := l.plan(due, now, time.Second); len(want) != 1 || want[0].Limit != 2 {
		t.Errorf("after a success: %v", want)
	}
}

func TestLanesThatFailAgainAndAgainWakeTogether(t *testing.T) {
	l, now := newLanes(1000), time.Unix(1000, 0)
	for name, ago := range map[string]time.Duration{"a": 0, "b": 30 * time.Millisecond, "c": 99 * time.Millisecond} {
		var room time.Time
		for range restAfter {
			l.inFlight, l.get(name).inFlight = 1, 1
			room = l.done(name, false, now.Add(-ago))
		}
		if want := now.Add(restTime); !room.Equal(want) || !l.get(name).rest.Equal(want) {
			t.Errorf("%s may go on at %v, want %v", name, room, want)
		}
	}
	l.inFlight, l.get("a").inFlight = l.max, 1
	if room := l.done("a", false, now); room.After(now) {
		t.Error("the socket is kept from other lanes")
	}
}

func TestScarceSocketsAreSharedFairly(t *testing.T) {
	now := time.Unix(1000, 0)
	var due []store.Lane
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		due = append(due, store.Lane{Name: name, Next: now})
	}
	l := newLanes(10)
	want, _, _ := l.plan(due, now, time.Second)
	total := 0
	for _, w := range want {
		total += w.Limit
		if w.Limit != 2 {
			t.Errorf("lane %s gets %d", w.Lane, w.Limit)
		}
	}
	if total != 10 {
		t.Errorf("%d sockets given", total)
	}
	l = newLanes(3)
	l.get("a").inFlight, l.inFlight = 1, 1 // a has one already: the others come first
	want, _, full := l.plan(due, now, time.Second)
	if len(want) != 2 || want[0].Lane != "b" || want[1].Lane != "c" || !full {
		t.Errorf("want %v, full %v", want, full)
	}
	_, wait, full := newLanesFull().plan(due[:1], now, time.Second)
	if wait != time.Second || !full {
		t.Errorf("a full lane: wait %s, full %v", wait, full)
	}
	_, wait, _ = l.plan([]store.Lane{{Name: "z", Next: now.Add(300 * time.Millisecond)}}, now, time.Second)
	if wait != 300*time.Millisecond {
		t.Errorf("wait %s for a row due in 300 ms", wait)
	}
}

func newLanesFull() *lanes {
	l := newLanes(100)
	l.get("a").inFlight, l.inFlight = firstLimit, firstLimit
	return &l
}

// A sender that is told to stop lets calls in flight end and records them.
func TestStoppingRecordsWhatIsInFlight(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newBench(db)
		arrived, release := make(chan struct{}), make(chan struct{})
		s := newSink(t, func(http.ResponseWriter, *http.Request) {
			close(arrived)
			<-release
		})
		b.endpoint(s.URL)
		stop := b.run(t, b.options())
		b.emit("bot", 1, 1)
		<-arrived
		stopped := make(chan struct{})
		go func() { stop(); close(stopped) }()
		close(release)
		<-stopped
		if n := b.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'delivered' AND lease_by = ''`); n != 1 {
			t.Errorf("%d delivered", n)
		}
	})
}

// Proves J2 for deliveries: what a dead sender had in flight is sent again at
// once by the next with its name (on SQLite: by any).
func TestLeasesOfADeadSenderAreTakenOverAtStart(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newBench(db)
		s := newSink(t, nil)
		id, _ := b.endpoint(s.URL)
		b.emit("bot", 3, 3)
		now := time.Now()
		out, err := db.DeliveryTurn(t.Context(), store.Turn{
			Lease: store.Lease{By: "sender", Now: now, Until: now.Add(leaseTime)}, Want: []store.Want{{Lane: id, Limit: 9}},
		})
		must(err)
		if len(out.Claims) != 3 {
			t.Fatalf("%d claimed", len(out.Claims))
		}
		b.run(t, b.options())
		waitFor(t, "all three", func() bool { n, _ := s.distinct(); return n == 3 })
	})
}

// flaky is a queue whose database goes away for a while.
type flaky struct {
	*store.DB
	away atomic.Bool
	hits atomic.Int64
}

func (f *flaky) DeliveryTurn(ctx context.Context, turn store.Turn) (store.TurnResult, error) {
	if f.away.Load() {
		f.hits.Add(1)
		return store.TurnResult{}, http.ErrHandlerTimeout
	}
	return f.DB.DeliveryTurn(ctx, turn)
}

// Proves D2 for the sender: it waits for the database and goes on by itself;
// what was sent meanwhile is recorded afterwards and not sent again.
func TestTheSenderSurvivesAnOutageOfTheDatabase(t *testing.T) {
	b := newBench(storetest.SQLite(t))
	f := &flaky{DB: b.db}
	s := newSink(t, func(http.ResponseWriter, *http.Request) { f.away.Store(true) })
	b.endpoint(s.URL)
	o := b.options()
	o.Queue = f
	b.run(t, o)
	b.emit("bot", 1, 1)
	waitFor(t, "some failed turns", func() bool { return f.hits.Load() >= 3 })
	b.emit("bot", 1, 1)
	f.away.Store(false)
	waitFor(t, "the first to be recorded", func() bool {
		return b.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = $1`, string(webhook.Delivered)) >= 1
	})
	f.away.Store(false)
	waitFor(t, "both to be recorded", func() bool {
		f.away.Store(false)
		return b.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = $1`, string(webhook.Delivered)) == 2
	})
	if messages, requests := s.distinct(); messages != 2 || requests != 2 {
		t.Errorf("%d messages in %d requests", messages, requests)
	}
}

func TestLanesThatAreDoneAreForgotten(t *testing.T) {
	l := newLanes(10)
	for i := range 3000 {
		l.get(botName(i))
	}
	l.get("busy").inFlight = 1
	l.forget([]store.Lane{{Name: botName(7)}})
	var left []string
	for name := range l.by {
		left = append(left, name)
	}
	slices.Sort(left)
	if !slices.Equal(left, []string{"bot-7", "busy"}) {
		t.Errorf("left %d lanes", len(left))
	}
}
