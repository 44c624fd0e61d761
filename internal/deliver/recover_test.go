package deliver

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"steno/internal/fail"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/webhook"
)

// dial is a clock that the test turns.
type dial struct{ ms atomic.Int64 }

func (d *dial) Now() time.Time { return time.UnixMilli(d.ms.Load()).UTC() }

func (d *dial) turn(by time.Duration) { d.ms.Add(by.Milliseconds()) }

// nudged is a queue whose sender the test can wake.
type nudged struct {
	*store.DB
	wake func()
}

func (n *nudged) OnDelivery(f func()) {
	n.wake = f
	n.DB.OnDelivery(f)
}

// days is a sender in days that pass as fast as it works.
type days struct {
	bench
	dial
	queue *nudged
	log   webhook.History
}

func newDays(t *testing.T, db *store.DB) *days {
	d := &days{bench: newBench(db), queue: &nudged{DB: db}}
	d.ms.Store(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	d.hooks.Clock = d
	d.log = webhook.History{Store: db, Clock: d}
	o := d.options()
	o.Queue, o.Clock, o.Random = d.queue, d, func() float64 { return 0.5 }
	d.run(t, o)
	return d
}

// emitNow commits an event of a bot.
func (d *days) emitNow(t *testing.T, bot string, types ...webhook.EventType) {
	t.Helper()
	e := webhook.Event{TeamID: team, Type: webhook.BotStatusChange, BotID: bot, Payload: []byte(`{"bot":"` + bot + `"}`), At: d.Now()}
	if len(types) > 0 {
		e.Type = types[0]
	}
	must(d.db.InTx(t.Context(), func(tx *store.Tx) error { return tx.EmitWebhook(t.Context(), e) }))
}

// settle waits until nothing is due and nothing in flight. Some milliseconds
// pass, for the rests of lanes that fail.
func (d *days) settle(t *testing.T) {
	t.Helper()
	waitFor(t, "nothing to be due", func() bool {
		d.turn(20 * time.Millisecond)
		d.queue.wake()
		return d.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'pending' AND (next_at <= $1 OR lease_by <> '')`, d.ms.Load()) == 0
	})
}

// ids returns the message ids of the requests that a sink got, in order.
func ids(all []request) (out []string) {
	for _, r := range all {
		out = append(out, r.header.Get("webhook-id"))
	}
	return out
}

// Proves D8: an endpoint that fails for five days is disabled, and those who ask
// are told so; enabled again, "recover since" sends exactly what did not arrive:
// what was given up, what was dropped, and what came about while it was off.
func TestRecoverSendsExactlyWhatDidNotArrive(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := newDays(t, db)
		var broken atomic.Bool
		flaky := newSink(t, func(w http.ResponseWriter, _ *http.Request) {
			if broken.Load() {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})
		healthy, watcher := newSink(t, nil), newSink(t, nil)
		id, _ := d.endpoint(flaky.URL)
		d.endpoint(healthy.URL)
		_, _, err := d.hooks.Add(t.Context(), webhook.New{TeamID: team, URL: watcher.URL, Events: []string{"webhook.endpoint_disabled", "webhook.delivery_exhausted"}})
		must(err)
		start := d.Now()
		for step := range 14 { // seven days
			broken.Store(step >= 2) // the first two arrive
			d.emitNow(t, "bot")
			d.settle(t)
			d.turn(12 * time.Hour)
			d.settle(t)
		}
		e, err := d.hooks.Get(t.Context(), team, id)
		must(err)
		if e.Enabled || e.DisabledReason != "no message was accepted for five days" || e.DisabledAt.Sub(*e.FailingSince) < webhook.DisableAfter ||
			e.DisabledAt.Sub(*e.FailingSince) > webhook.DisableAfter+12*time.Hour {
			t.Fatalf("endpoint %+v", e)
		}
		all := ids(healthy.requests())
		arrived := ids(flaky.requests())[:2]
		exhausted := d.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'exhausted'`)
		dropped := d.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'dropped'`)
		if len(all) != 14 || exhausted == 0 || dropped == 0 || exhausted+dropped != 12 {
			t.Fatalf("%d messages, %d exhausted, %d dropped", len(all), exhausted, dropped)
		}
		d.judgeNotices(t, watcher, id, exhausted)

		if _, err := d.log.Replay(t.Context(), team, webhook.Scope{EndpointID: id, Since: start, FailedOnly: true}); fail.As(err) == nil || fail.As(err).Code != webhook.CodeDisabled {
			t.Errorf("recovery of a disabled endpoint: %v", err)
		}
		broken.Store(false)
		on := true
		_, err = d.hooks.Update(t.Context(), team, id, webhook.Change{Enabled: &on})
		must(err)
		before := len(flaky.requests())
		for again, want := range []int{12, 0} {
			q, err := d.log.Replay(t.Context(), team, webhook.Scope{EndpointID: id, Since: start, FailedOnly: true})
			must(err)
			if q.Messages != want || q.Next != "" {
				t.Errorf("recovery %d queued %+v, want %d", again+1, q, want)
			}
			d.settle(t)
		}
		got := ids(flaky.requests())[before:]
		want := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return slices.Contains(arrived, id) })
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("recovered %v, want %v", got, want)
		}
		// All of a range is another wish: what arrived is sent, too.
		q, err := d.log.Replay(t.Context(), team, webhook.Scope{EndpointID: id, Since: start, Until: start.Add(24 * time.Hour)})
		must(err)
		d.settle(t)
		again, first := ids(flaky.requests())[before+12:], all[:2]
		slices.Sort(again)
		slices.Sort(first)
		if q.Messages != 2 || !slices.Equal(again, first) {
			t.Errorf("replay of a range: %+v, %v, want %v", q, again, first)
		}
	})
}

func (d *days) judgeNotices(t *testing.T, watcher *sink, endpoint string, exhausted int) {
	t.Helper()
	kinds := map[string]int{}
	for _, r := range watcher.requests() {
		var p struct {
			Event string
			Data  struct {
				EndpointID string `json:"endpoint_id"`
				Reason     string
				Attempts   int
			}
		}
		must(json.Unmarshal(r.body, &p))
		kinds[p.Event]++
		if p.Data.EndpointID != endpoint || (p.Event == "webhook.delivery_exhausted" && p.Data.Attempts != 7) ||
			(p.Event == "webhook.endpoint_disabled" && p.Data.Reason != "no message was accepted for five days") {
			t.Errorf("notice %s", r.body)
		}
	}
	if want := map[string]int{"webhook.endpoint_disabled": 1, "webhook.delivery_exhausted": exhausted}; !maps.Equal(kinds, want) {
		t.Errorf("notices %v, want %v", kinds, want)
	}
}

// Proves D7: every attempt and every replay of a message carries the same id and
// number; the numbers of a bot's messages have no gaps.
func TestIdsAndNumbersAreStable(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := newDays(t, db)
		var refused atomic.Int64
		s := newSink(t, func(w http.ResponseWriter, _ *http.Request) {
			if refused.Add(1)%2 == 1 {
				w.WriteHeader(503)
			}
		})
		id, _ := d.endpoint(s.URL)
		for i := range 10 {
			d.emitNow(t, botName(i%2))
		}
		d.emitNow(t, "", webhook.CalendarUpdated)
		start := d.Now()
		for range 8 {
			d.settle(t)
			d.turn(3 * time.Hour)
		}
		d.settle(t)
		if _, err := d.log.Replay(t.Context(), team, webhook.Scope{EndpointID: id, Since: start}); err != nil {
			t.Fatal(err)
		}
		d.settle(t)
		numbers, times := map[string]string{}, map[string]int{}
		byBot := map[string][]int{}
		for _, r := range s.requests() {
			id, number := r.header.Get("webhook-id"), r.header.Get(webhook.SequenceHeader)
			if r.header.Get("svix-id") != id || !strings.HasPrefix(id, "msg_") {
				t.Fatalf("ids %v", r.header)
			}
			times[id]++
			if times[id] > 1 {
				if numbers[id] != number {
					t.Errorf("%s is number %s, then %s", id, numbers[id], number)
				}
				continue
			}
			numbers[id] = number
			if number != "" {
				n, err := strconv.Atoi(number)
				must(err)
				byBot[string(r.body)] = append(byBot[string(r.body)], n)
			}
		}
		if len(times) != 11 {
			t.Errorf("%d messages", len(times))
		}
		for id, n := range times {
			if n < 2 {
				t.Errorf("%s was sent %d times", id, n)
			}
		}
		for bot, n := range byBot {
			slices.Sort(n)
			if !slices.Equal(n, []int{1, 2, 3, 4, 5}) {
				t.Errorf("%s: numbers %v", bot, n)
			}
		}
	})
}

// The log tells what was sent and what came back, and keeps no secret.
func TestTheLogTellsWhatWasSentAndWhatCameBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := newDays(t, db)
		s := newSink(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Answer", "yes\xff")
			w.Header().Set("Set-Cookie", "canary=1")
			w.Header().Set("X-Long", strings.Repeat("x", 10_000))
			w.WriteHeader(502)
			w.Write([]byte("not today"))
		})
		id, secret := d.endpoint(s.URL + "/hook?token=1")
		d.emitNow(t, "bot")
		d.settle(t)
		d.turn(6 * time.Second)
		d.settle(t)
		list, err := d.log.List(t.Context(), team, webhook.Query{EndpointID: id, Limit: 10})
		must(err)
		if len(list) != 1 || list[0].State != webhook.Pending || list[0].Attempts != 2 || list[0].LastStatus != 502 || list[0].Sequence != 1 || list[0].BotID != "bot" || list[0].NextAt == nil {
			t.Fatalf("log %+v", list)
		}
		r, err := d.log.Get(t.Context(), team, list[0].ID)
		must(err)
		if r.URL != s.URL+"/hook?token=1" || r.Method != "POST" || string(r.Body) != `{"bot":"bot"}` || len(r.Attempts) != 2 {
			t.Fatalf("record %+v", r)
		}
		for i, try := range r.Attempts {
			h := r.RequestHeaders(try)
			got := s.requests()[i].header
			for name := range h {
				if want := got.Get(name); h.Get(name) != want && !strings.HasSuffix(name, "-Signature") {
					t.Errorf("attempt %d: the log says %s: %s, the receiver got %s", i+1, name, h.Get(name), want)
				}
			}
			if h.Get("webhook-signature") != "[redacted]" || h.Get("webhook-id") == "" || h.Get(webhook.SequenceHeader) != "1" {
				t.Errorf("request headers %v", h)
			}
			text, err := json.Marshal(try)
			must(err)
			if try.Status != 502 || try.ResponseBody != "not today" || try.ResponseHeaders.Get("X-Answer") != "yes?" || len(text) > 3000 ||
				strings.Contains(string(text), "canary") || strings.Contains(string(text), secret) {
				t.Errorf("attempt %s", text)
			}
		}
		if err := d.log.Again(t.Context(), team, r.ID); fail.As(err) == nil || fail.As(err).Code != webhook.CodePending {
			t.Errorf("replay of what is on its way: %v", err)
		}
		_, err = d.log.Get(t.Context(), "other", r.ID)
		for _, err := range []error{err, d.log.Again(t.Context(), "other", r.ID)} {
			if !fail.Is(err, fail.NotFound) {
				t.Errorf("another team: %v", err)
			}
		}
	})
}

// A replayed final event carries fresh links; all else is sent as it was.
func TestReplayedFinalEventsAreMadeAnew(t *testing.T) {
	b := newBench(storetest.SQLite(t))
	s := newSink(t, nil)
	id, _ := b.endpoint(s.URL)
	o := b.options()
	o.Fresh = func(_ context.Context, c store.Claim) ([]byte, error) {
		if c.BotID == "gone" {
			return nil, nil
		}
		return []byte("fresh " + c.BotID), nil
	}
	b.run(t, o)
	history := webhook.History{Store: b.db, Clock: o.Clock}
	for _, e := range []webhook.Event{{Type: webhook.BotCompleted, BotID: "a"}, {Type: webhook.BotFailed, BotID: "gone"}, {Type: webhook.BotStatusChange, BotID: "b"}} {
		e.TeamID, e.Payload, e.At = team, []byte("first "+e.BotID), time.Now()
		must(b.db.InTx(t.Context(), func(tx *store.Tx) error { return tx.EmitWebhook(t.Context(), e) }))
	}
	waitFor(t, "three", func() bool { return b.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'delivered'`) == 3 })
	_, err := history.Replay(t.Context(), team, webhook.Scope{EndpointID: id, Since: time.Now().Add(-time.Hour)})
	must(err)
	waitFor(t, "six", func() bool { return len(s.requests()) == 6 })
	got := map[string]int{}
	for _, r := range s.requests() {
		got[string(r.body)]++
	}
	if want := map[string]int{"first a": 1, "fresh a": 1, "first gone": 2, "first b": 2}; !maps.Equal(got, want) {
		t.Errorf("bodies %v", got)
	}
}
