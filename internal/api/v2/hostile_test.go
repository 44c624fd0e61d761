package v2_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	v2 "steno/internal/api/v2"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/test/contract"
	"steno/test/hostile"
)

// attack sends requests past the network and keeps the worst.
type attack struct {
	*world
	t       *testing.T
	sent    map[int]int // by status
	slowest time.Duration
	slow    string
}

func (a *attack) send(name string, c request) reply {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), c.method, "http://steno.example"+c.path, strings.NewReader(c.body))
	if err != nil {
		a.t.Fatalf("%s: %v", name, err)
	}
	r.Header.Set(v2.KeyHeader, a.key)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	begin := time.Now()
	a.Config.Handler.ServeHTTP(w, r)
	if took := time.Since(begin); took > a.slowest {
		a.slowest, a.slow = took, name
	}
	a.sent[w.Code]++
	if w.Code >= 500 {
		a.t.Errorf("%s: %s %.300s %.600s answers %d: %s", name, c.method, c.path, c.body, w.Code, w.Body)
	}
	if w.Body.Len() > 64<<10 && w.Code >= 400 {
		a.t.Errorf("%s: the refusal has %d bytes", name, w.Body.Len())
	}
	return reply{w.Code, w.Header(), w.Body.String()}
}

// A2: whatever stands in a body, a path or a query, the answer is no 5xx, there
// is no panic, the refusal is of moderate size, memory comes back, and what was
// taken in does no harm later. The slowest answer is reported.
func TestHostileRequestsBreakNothing(t *testing.T) {
	hostile.OneByOne(t)
	a := &attack{world: newWorld(t, storetest.SQLite(t)).hangUp(), t: t, sent: map[int]int{}}
	a.watch.Failed = t.Errorf
	operations := a.operations(t)
	before := heap()
	for _, o := range operations {
		a.bodies(o)
		a.paths(o)
		a.queries(o)
	}
	a.readAll()
	if grown := int64(heap()) - int64(before); grown > 32<<20 {
		t.Errorf("%d MB of memory did not come back", grown>>20)
	}
	total := 0
	for _, n := range a.sent {
		total += n
	}
	t.Logf("%d requests, by status %v; the slowest took %v: %s", total, a.sent, a.slowest.Round(time.Millisecond), a.slow)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (a *attack) bodies(o operation) {
	c := o.call(a.ids)
	body := c.body
	if body == "" {
		for name, text := range hostile.Texts("{}") {
			if hostile.Chosen(o.id, name, 8) && len(text) < 1<<20 {
				c.body = text
				a.send(o.id+", which has no body, "+name, c)
			}
		}
		return
	}
	for name, text := range hostile.Texts(body) {
		if long := len(text) > 100_000 && name != "10 MB text"; long && !hostile.Chosen(o.id, name, 6) {
			continue // the long ones cost most; each has its turn with some operation
		}
		c.body = text
		a.send(o.id+", "+name, c)
	}
	ref := contract.Load()
	for _, path := range hostile.Members(ref, ref.Operations[o.id].Body, nil, 0) {
		place := "/" + strings.Join(path, "/")
		for _, v := range hostile.Values {
			if hostile.Chosen(o.id+place, v, 10) {
				c.body = hostile.With(body, path, v)
				a.send(fmt.Sprintf("%s%s = %.60s", o.id, place, v), c)
			}
		}
	}
}

// oldNames are parameters that only we know, besides the reference's.
var oldNames = []string{"limit", "cursor", "platform", "start_after", "start_before", "include_deleted", "delete_transcription", "unknown"}

func (a *attack) paths(o operation) {
	for _, p := range o.parameters() {
		kind := o.kind(p)
		for _, w := range hostile.Words {
			if w == "" || w == "." || w == ".." || !hostile.Chosen(o.id+p, w, 4) {
				continue // another path
			}
			ids := maps.Clone(a.ids)
			ids[kind] = url.PathEscape(w)
			a.send(fmt.Sprintf("%s {%s} = %.60q", o.id, p, w), o.call(ids))
		}
	}
}

func (a *attack) queries(o operation) {
	names := slices.Clone(oldNames)
	for _, p := range contract.Load().Operations[o.id].Parameters {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	every := uint32(3)
	if o.method != http.MethodGet || len(names) == len(oldNames) {
		every = 16
	}
	c := o.call(a.ids)
	path, _, _ := strings.Cut(c.path, "?")
	for _, name := range names {
		for _, w := range hostile.Words {
			if hostile.Chosen(o.id+name, w, every) {
				c.path = path + "?" + name + "=" + url.QueryEscape(w)
				a.send(fmt.Sprintf("%s?%s=%.60q", o.id, name, w), c)
			}
		}
	}
	for _, raw := range []string{"?", "?&&&", "?=", "?limit", "?limit=1&limit=2", "?limit=%zz", "?%zz=1", "?limit=1;status=2", "?" + strings.Repeat("a=b&", 10000), "?limit[]=1", "?limit=1#x"} {
		c.path = path + raw
		a.send(o.id+raw[:min(len(raw), 30)], c)
	}
}

// readAll reads everything that was taken in, with every filter.
func (a *attack) readAll() {
	for _, path := range []string{
		"/v2/bots?limit=250&extra=a:b", "/v2/bots?limit=250&extra=k1:1,z:0", "/v2/bots?limit=250&extra=" + url.QueryEscape(`a"b:c'd`), "/v2/bots?limit=250&bot_name=%25&meeting_url=_&participant_name=x",
		"/v2/zoom-credentials?extra=a:b", "/v2/zoom-credentials", "/v2/calendars?limit=250",
	} {
		for path != "" {
			r := a.call(a.t, a.key, "GET", path, "")
			var page struct{ Cursor *string }
			if r.status != http.StatusOK {
				a.t.Errorf("%s: %d %s", path, r.status, r.body)
				break
			}
			decode(a.t, r, &page)
			base, _, _ := strings.Cut(path, "&cursor=")
			if path = ""; page.Cursor != nil {
				path = base + "&cursor=" + url.QueryEscape(*page.Cursor)
			}
		}
	}
}

// On PostgreSQL, what differs there: texts that it cannot store, numbers that it
// cannot hold, filters.
func TestHostileTextsOnPostgreSQL(t *testing.T) {
	hostile.OneByOne(t)
	db, err := store.Open(t.Context(), store.Options{DatabaseURL: storetest.PostgresURL(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	a := &attack{world: newWorld(t, db).hangUp(), t: t, sent: map[int]int{}}
	for _, o := range a.operations(t) {
		c, ref := o.call(a.ids), contract.Load()
		for _, path := range hostile.Members(ref, ref.Operations[o.id].Body, nil, 0) {
			for _, v := range hostile.Values {
				if place := strings.Join(path, "/"); place == "extra" || hostile.Chosen(o.id+place, v, 40) {
					c.body = hostile.With(o.call(a.ids).body, path, v)
					a.send(fmt.Sprintf("%s/%s = %.60s", o.id, place, v), c)
				}
			}
		}
		if o.id == "listBots" || o.id == "listZoomCredentials" || o.id == "listEvents" {
			a.queries(o)
		}
	}
	a.readAll()
	t.Logf("requests by status %v; the slowest took %v: %s", a.sent, a.slowest.Round(time.Millisecond), a.slow)
}
