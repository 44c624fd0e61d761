package providertest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/ident"
	"steno/simulator/truth"
)

// receiver takes pushes of either service and keeps their secrets.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	secrets []string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewTLSServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if token := q.URL.Query().Get("validationToken"); token != "" {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, token)
		return
	}
	var body struct {
		Value []struct {
			ClientState string `json:"clientState"`
		} `json:"value"`
	}
	json.NewDecoder(q.Body).Decode(&body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if q.Header.Get("X-Goog-Resource-State") == "exists" {
		r.secrets = append(r.secrets, q.Header.Get("X-Goog-Channel-Token"))
	}
	for _, v := range body.Value {
		r.secrets = append(r.secrets, v.ClientState)
	}
	w.WriteHeader(http.StatusAccepted)
}

// taken returns how many pushes with the secret came since the last call, and
// fails if there were others.
func (r *receiver) taken(t *testing.T, b *backend, secret string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	check(t, b.core.Settle(ctx))
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.secrets)
	for _, s := range r.secrets {
		if s != secret {
			t.Errorf("a push has the secret %q, want %q", s, secret)
		}
	}
	r.secrets = nil
	return n
}

func TestChangesArePushedUntilTheChannelIsStopped(t *testing.T) {
	each(t, false, func(t *testing.T, b *backend) {
		r := newReceiver(t)
		id := ident.New()
		secret := id + ".s3cret"
		acc := b.acc()
		until := b.clock.Now().Add(3 * 24 * time.Hour)
		ch := must[calendar.Channel](t)(acc.Watch(t.Context(), calendar.WatchRequest{
			Calendar: b.cal.ID, ID: id, Secret: secret, URL: r.URL + "/push", LifecycleURL: r.URL + "/push/lifecycle", Until: until,
		}))
		if ch.ID != id || ch.ProviderID == "" || ch.Expires.Sub(until).Abs() > time.Second {
			t.Errorf("channel %+v, want one until %s", ch, until)
		}
		event := must[string](t)(b.cal.Add(single("New", 5, 9)))
		if r.taken(t, b, secret) == 0 {
			t.Error("a new event was not pushed")
		}
		check(t, b.cal.Delete(event))
		if r.taken(t, b, secret) == 0 { // trap 9: also a deletion, without a body at Google
			t.Error("a deletion was not pushed")
		}
		longer := b.clock.Now().Add(6 * 24 * time.Hour)
		renewed, err := acc.Renew(t.Context(), ch, longer)
		if b.name == calendar.Google {
			kind(t, err, calendar.Unsupported)
		} else if check(t, err); renewed.Expires.Sub(longer).Abs() > time.Second || renewed.ProviderID != ch.ProviderID {
			t.Errorf("renewed to %+v", renewed)
		}
		for range 2 { // the second time it is gone already
			check(t, acc.Stop(t.Context(), ch))
		}
		must[string](t)(b.cal.Add(single("Later", 6, 9)))
		if n := r.taken(t, b, secret); n != 0 {
			t.Errorf("%d pushes after the channel was stopped", n)
		}
	})
}

func TestACalendarThatCannotBeWatchedIsUnsupported(t *testing.T) {
	each(t, false, func(t *testing.T, b *backend) {
		r := newReceiver(t)
		shared := b.account.AddCalendar("shared-calendar", "Shared")
		shared.Unwatchable = true
		_, err := b.acc().Watch(t.Context(), calendar.WatchRequest{Calendar: shared.ID, ID: ident.New(), Secret: "s", URL: r.URL, LifecycleURL: r.URL})
		kind(t, err, calendar.Unsupported)
		shared.Remove()
		_, err = b.acc().Watch(t.Context(), calendar.WatchRequest{Calendar: shared.ID, ID: ident.New(), Secret: "s", URL: r.URL, LifecycleURL: r.URL})
		kind(t, err, calendar.NotFound)
	})
}

// Trap 13 against the service: the second try of a watch needs a fresh id, and
// the provider does not make one by itself.
func TestAWatchWithAUsedIDIsRefused(t *testing.T) {
	each(t, false, func(t *testing.T, b *backend) {
		if b.name != calendar.Google {
			t.Skip("Graph makes the id itself")
		}
		r := newReceiver(t)
		q := calendar.WatchRequest{Calendar: b.cal.ID, ID: ident.New(), Secret: "s", URL: r.URL}
		must[calendar.Channel](t)(b.acc().Watch(t.Context(), q))
		_, err := b.acc().Watch(t.Context(), q)
		kind(t, err, calendar.Refused)
	})
}

// A second subscription to what is subscribed already replaces the first.
func TestWatchingAgainLeavesOneSubscription(t *testing.T) {
	each(t, false, func(t *testing.T, b *backend) {
		if b.name == calendar.Google {
			t.Skip("Google's channels are stopped one by one")
		}
		r := newReceiver(t)
		var last string
		for range 3 {
			id := ident.New()
			last = id + ".s"
			must[calendar.Channel](t)(b.acc().Watch(t.Context(), calendar.WatchRequest{Calendar: b.cal.ID, ID: id, Secret: last, URL: r.URL, LifecycleURL: r.URL}))
		}
		must[string](t)(b.cal.Add(single("New", 5, 9)))
		if r.taken(t, b, last) == 0 {
			t.Error("the last subscription is not live")
		}
	})
}

// Traps 31 and 20 against the service: zones of all kinds, and events with holes.
func TestEventsOfEveryZoneAreOnTheirDay(t *testing.T) {
	each(t, false, func(t *testing.T, b *backend) {
		for i, zone := range []string{"Asia/Tokyo", "America/New_York", "Europe/London", "Pacific/Auckland", "Asia/Kolkata", "Pacific/Honolulu", "UTC"} {
			must[string](t)(b.cal.Add(allDay("Day "+zone, 3+i, zone)))
			e := truth.Event{Content: allDay("Days "+zone, i-20, zone).Content, Rule: &truth.Rule{Freq: truth.Weekly}}
			must[string](t)(b.cal.Add(e))
			e = single("Timed "+zone, 3+i, 22)
			e.Zone = zone
			must[string](t)(b.cal.Add(e))
		}
		m := newMirror(b)
		check(t, m.sync(t.Context()))
		same(t, m, "full round")
	})
}
