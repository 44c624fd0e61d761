package calendar_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"steno/internal/store/storetest"
	"steno/test/contract"
	"steno/test/hostile"
)

// attack sends requests that are meant to break something.
type attack struct {
	*office
	t    *testing.T
	sent map[int]int // by status
}

func newAttack(t *testing.T, o *office) *attack {
	return &attack{office: o, t: t, sent: map[int]int{}}
}

func (a *attack) try(name string, c request) {
	a.t.Helper()
	r := a.send(a.t, bearer(a.key), c)
	a.sent[r.status]++
	if r.status >= 500 {
		a.t.Errorf("%s: %s %.300s %.600s answers %s", name, c.method, c.path, c.body, r.shown())
	}
	if len(r.text) > 16<<10 && r.status >= 400 {
		a.t.Errorf("%s: the refusal has %d bytes", name, len(r.text))
	}
}

// A2: whatever stands in a body, a path or a query, the answer is no 5xx, there is
// no panic, the refusal is of moderate size and in the surface's words, and what
// was taken in can be read.
func TestHostileRequestsToTheUnifiedCalendarBreakNothing(t *testing.T) {
	a := newAttack(t, newOffice(t, openQuick(t)))
	a.ids["token"] = a.token
	for _, op := range a.operations(t) {
		if op.method == http.MethodDelete { // it works, and then there is nothing left to attack
			continue
		}
		if samples[op.id].body != "" {
			a.bodies(op)
			a.members(op, 6)
		}
		a.paths(op)
		a.queries(op)
	}
	a.readAll()
	t.Logf("requests by status: %v", a.sent)
}

// On PostgreSQL, what differs there: texts that it cannot store.
func TestHostileTextsToTheUnifiedCalendarOnPostgreSQL(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storeDB) {
		if !db.Shared() {
			t.Skip("done with everything else")
		}
		a := newAttack(t, newOffice(t, db))
		a.ids["token"] = a.token
		for _, op := range a.operations(t) {
			switch {
			case samples[op.id].body != "":
				a.members(op, 40)
			case samples[op.id].kind != "":
				for _, id := range []string{"%00", "a%00b", "%FF%FE", "%ED%A0%80"} {
					a.try(op.id, op.call(ids{samples[op.id].kind: id}))
				}
			}
			for _, key := range []string{"\xff", "é", strings.Repeat("k", 255), strings.Repeat("k", 256)} {
				if samples[op.id].body != "" {
					c := op.call(a.ids)
					h := bearer(a.key)
					h.Set("Idempotency-Key", key)
					if r := a.send(t, h, c); r.status >= 500 {
						t.Errorf("%s, Idempotency-Key %.20q: %s", op.id, key, r.shown())
					}
				}
			}
		}
		a.readAll()
		t.Logf("requests by status: %v", a.sent)
	})
}

func (a *attack) bodies(op operation) {
	c := op.call(a.ids)
	for name, text := range hostile.Texts(c.body) {
		if len(text) < 100_000 || hostile.Chosen(op.id, name, 4) { // the long ones cost most; each has its turn with some operation
			a.try(op.id+", "+name, request{c.method, c.path, text})
		}
	}
}

// members puts values in the place of every member of a body.
func (a *attack) members(op operation, of uint32) {
	c, ref := op.call(a.ids), contract.LoadUnified()
	for _, path := range hostile.Members(ref, ref.Operations[op.id].Body, nil, 0) {
		place := "/" + strings.Join(path, "/")
		for _, v := range hostile.Values {
			if hostile.Chosen(op.id+place, v, of) || strings.Contains(v, `\u0000`) {
				a.try(op.id+place+" = "+v[:min(60, len(v))], request{c.method, c.path, hostile.With(c.body, path, v)})
			}
		}
	}
}

func (a *attack) paths(op operation) {
	for _, w := range hostile.Words {
		if samples[op.id].kind == "" || w == "" || w == ".." || w == "../.." || !hostile.Chosen(op.id, w, 2) {
			continue // another path
		}
		i := maps.Clone(a.ids)
		i[samples[op.id].kind] = url.PathEscape(w)
		a.try(op.id+" by "+w[:min(60, len(w))], op.call(i))
	}
}

func (a *attack) queries(op operation) {
	c := op.call(a.ids)
	path, query, _ := strings.Cut(c.path, "?")
	names := []string{"unknown"}
	for _, p := range contract.LoadUnified().Operations[op.id].Parameters {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	for _, name := range names {
		with, err := url.ParseQuery(query)
		if err != nil {
			a.t.Fatal(err)
		}
		for _, w := range hostile.Words {
			if hostile.Chosen(op.id+name, w, 3) {
				with.Set(name, w)
				a.try(op.id+"?"+name+"="+w[:min(60, len(w))], request{c.method, path + "?" + with.Encode(), c.body})
			}
		}
	}
	for _, raw := range []string{"?", "?&&&", "?=", "?start=%zz", "?%zz=1", "?start=1;end=2", "?" + strings.Repeat("a=b&", 10000), "?start[]=1", "?start=2026-03-01&start=x&end=2026-03-02&duration=30&duration=-1"} {
		a.try(op.id+raw[:min(len(raw), 30)], request{c.method, path + raw, c.body})
	}
}

// readAll reads what was taken in.
func (a *attack) readAll() {
	a.t.Helper()
	for _, path := range []string{"/events?maxResults=250", "/feeds", "/events.ics?token=" + a.token} {
		if r := a.ask(a.t, "GET", path, ""); r.status != http.StatusOK && !(r.status == http.StatusUnauthorized && strings.Contains(path, "token")) {
			a.t.Errorf("%s: %.500s", path, r.shown())
		}
	}
}

// A target for each operation that takes a body, and one for each list with many
// parameters:
//
//	go test -run '^$' -fuzz '^FuzzCreateCalendarEvent$' -fuzztime 10m ./test/calendar
//
// Without -fuzz each runs its seeds only. TestEveryBodyOfTheUnifiedCalendarHasAFuzzTarget
// fails when one is missing.

func FuzzCreateCalendarEvent(f *testing.F) { fuzzBody(f, "createCalendarEvent") }
func FuzzUpdateCalendarEvent(f *testing.F) { fuzzBody(f, "updateCalendarEvent") }
func FuzzCreateCalendarFeed(f *testing.F)  { fuzzBody(f, "createCalendarFeed") }

// FuzzCalendarQueries is for the queries of what reads.
func FuzzCalendarQueries(f *testing.F) {
	paths := []string{"/events", "/availability", "/free-slots", "/events.ics"}
	for i := range paths {
		f.Add(i, "duration=30&timeZone=Europe/Berlin&workingHours=mon-thu+09:00-17:00,fri+09:00-13:00&weekdays=sat-mon&people=a@b.example&step=7&bufferBefore=5&bufferAfter=5&maxResults=3&partial=true&token=x&"+march)
	}
	o := newOffice(f, storetest.SQLite(f))
	f.Fuzz(func(t *testing.T, i int, query string) {
		r := httptest.NewRequest(http.MethodGet, "/api/v2/calendar"+paths[uint(i)%uint(len(paths))], nil)
		r.URL.RawQuery = query
		o.fuzzed(t, r)
	})
}

func fuzzBody(f *testing.F, id string) {
	f.Helper()
	o := newOffice(f, storetest.SQLite(f))
	for _, op := range o.operations(f) {
		if op.id != id {
			continue
		}
		c := op.call(o.ids)
		for _, seed := range []string{c.body, "", "null", "[]", "{}", `{"title":"\ud800"}`, `{"startTime":"2026-03-22","endTime":"2026-03-23"}`, `{"attendees":[{"email":null}]}`, c.body + c.body, "\ufeff" + c.body} {
			f.Add([]byte(seed))
		}
		f.Fuzz(func(t *testing.T, body []byte) {
			o.fuzzed(t, httptest.NewRequest(c.method, c.path, strings.NewReader(string(body))))
		})
	}
}

// fuzzed sends a request; the watch holds the answer against the reference.
func (o *office) fuzzed(t *testing.T, r *http.Request) {
	t.Helper()
	r.Header.Set("Authorization", "Bearer "+o.key)
	r.Header.Set("Content-Type", "application/json")
	out := httptest.NewRecorder()
	o.watch.Failed = t.Errorf
	o.handler.ServeHTTP(out, r)
	if out.Code >= 500 {
		t.Errorf("%d %s", out.Code, out.Body)
	}
}

func TestEveryBodyOfTheUnifiedCalendarHasAFuzzTarget(t *testing.T) {
	text, err := os.ReadFile("unified_hostile_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for id, s := range samples {
		if s.body != "" && !strings.Contains(string(text), `fuzzBody(f, "`+id+`")`) {
			t.Errorf("no fuzz target for the body of %s", id)
		}
	}
}
