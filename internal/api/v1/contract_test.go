package v1_test

import (
	"cmp"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"

	v1 "steno/internal/api/v1"
	"steno/internal/ident"
	"steno/internal/quota"
	"steno/internal/store/storetest"
	"steno/test/contract"
	"steno/test/hostile"
)

// Every operation is in the reference, at the documented place, and answers with
// every status that it can: the stand's watch holds each answer against the
// reference. The operations of the reference that are not served are named.
func TestEveryOperationAnswersAsTheReferenceSays(t *testing.T) {
	hostile.OneByOne(t)
	seen, ref := &contract.Watch{}, contract.LoadV1()
	shared := newWorld(t, storetest.SQLite(t)) // for requests that change nothing
	broken, limited := shared.broken(t), newWorld(t, storetest.SQLite(t))
	atTheLimit(t, limited)
	there := map[string]bool{}
	for _, o := range shared.operations(t) {
		there[o.id] = true
		documented := ref.Operations[o.id]
		if !ours[o.id] && documented.Method != o.method || !ours[o.id] && documented.Path != o.path {
			t.Errorf("%s is at %s %s, documented at %s %s", o.id, o.method, o.path, documented.Method, documented.Path)
		}
		t.Run(o.id, func(t *testing.T) {
			row := samples[o.id]
			w := shared
			if o.method != http.MethodGet {
				w = newWorld(t, storetest.SQLite(t))
			}
			if row.never400 == "" {
				w.expect(t, o.mistake(w.ids), 400)
			}
			if row.kind != "" {
				w.expect(t, o.call(w.ids.each(ident.New)), 404)
			}
			if !row.never500 {
				broken.expect(t, o.call(w.ids), 500)
			}
			if o.method != http.MethodGet {
				limited.expect(t, o.call(limited.ids), 429)
			}
			if row.ready != nil {
				row.ready(t, w)
			}
			w.expect(t, o.call(w.ids), cmp.Or(row.status, 200))
			seen.Add(w.watch)
			for status, how := range row.more {
				w := newWorld(t, storetest.SQLite(t))
				if row.ready != nil {
					row.ready(t, w)
				}
				if how.prepare != nil {
					how.prepare(t, w)
				}
				c := o.call(w.ids)
				if how.query != "" || how.body != "" {
					c = o.with(w.ids, how.query, how.body)
				}
				w.expect(t, c, status)
				seen.Add(w.watch)
			}
		})
	}
	for _, id := range ref.IDs() {
		if !there[id] || seen.Count(id, cmp.Or(samples[id].status, 200)) == 0 {
			t.Errorf("%s does not exist, or never succeeded", id)
		}
	}
	table := seen.TableV1()
	t.Logf("documented statuses, and after the bar the others, with how often each was seen:\n%s", table)
	if file := os.Getenv("STENO_CONTRACT_TABLE"); file != "" {
		if err := os.WriteFile(file+".v1", []byte(table), 0o644); err != nil {
			t.Error(err)
		}
	}
}

func (s *stand) expect(t *testing.T, c request, status int) {
	t.Helper()
	if r := s.send(t, c); r.status != status {
		t.Errorf("%s %s %s answers %d, want %d: %s", c.method, c.path, c.body, r.status, status, r.body)
	}
}

// broken is the surface without any room behind it: every call panics.
func (s *stand) broken(t *testing.T) *stand {
	t.Helper()
	out := *s
	out.serve(t, &v1.Surface{Accounts: s.accounts, Log: slog.New(slog.DiscardHandler), Version: "test"})
	return &out
}

// atTheLimit spends the one request that the team has in a second.
func atTheLimit(t *testing.T, w *world) {
	t.Helper()
	one := 1
	if _, err := w.quota.SetLimits(t.Context(), w.team.ID, quota.Change{RequestsPerSecond: &one}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.quota.Take(t.Context(), w.team.ID); err != nil {
		t.Fatal(err)
	}
}

// What is not there is refused in the words of v1, too.
func TestWhatIsNotThereIsRefusedInTheWordsOfV1(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	s.refuse(t, 404, "NotFound", "GET", "/calendars/x/y/z", "")
	s.refuse(t, 404, "NotFound", "POST", "/internal/nothing", "")
	s.refuse(t, 405, "MethodNotAllowed", "PUT", "/calendars/", "{}")
	s.refuse(t, 413, "BodyTooLarge", "POST", "/calendars/", `{"platform":"`+strings.Repeat("x", 1<<20)+`"}`)
	s.refuse(t, 400, "ValidationError", "GET", "/calendar_events?calendar_id=%zz", "")
	if r := s.call(t, "DELETE", "/calendar_events", ""); r.status != 405 || r.header.Get("Allow") != "GET" {
		t.Errorf("%d, allowed %q", r.status, r.header.Get("Allow"))
	}
	for path, is := range map[string]bool{"/bots/x": true, "/bots": true, "/calendars": true, "/calendar_events/x/bot": true, "/zoom_oauth_connections": true, "/v2/bots": false, "/": false, "/nothing": false, "/admin/v1/teams": false} {
		if v1.Serves(path) != is {
			t.Errorf("Serves(%q) is %v", path, !is)
		}
	}
}

// Clients of v1 send an empty body, null or {} where none is needed, a body with
// GET and DELETE, and paths with and without a slash at their end (digest 13.4).
func TestClientsOfV1AreUnderstood(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	for _, path := range []string{"/calendars", "/calendars/", "/calendar_events?calendar_id={calendar}", "/calendar_events/?calendar_id={calendar}", "/calendars/{calendar}", "/calendar_events/{event}/"} {
		for _, body := range []string{"", "null", "{}", `{"a":1}`} {
			w.expect(t, request{"GET", w.ids.fill(path), body}, 200)
		}
	}
	for _, path := range []string{"/calendars/resync_all", "/calendars/resync_all/?days=3", "/internal/calendar/resync_all", "/internal/calendar/resync_all?days=400"} {
		for _, body := range []string{"", "null", "{}"} {
			w.expect(t, request{"POST", path, body}, 200)
		}
	}
	for _, body := range []string{"", "null", "{}", `{"bot_name":"N"}`} {
		w.expect(t, request{"DELETE", w.ids.fill("/calendar_events/{event}/bot?all_occurrences=true"), body}, 200)
	}
	if r := w.call(t, "DELETE", w.ids.fill("/calendars/{calendar}/"), "{}"); r.status != 200 || r.body != "" {
		t.Errorf("delete: %d %q", r.status, r.body)
	}
	w.refuse(t, 404, "CalendarNotFound", "GET", w.ids.fill("/calendars/{calendar}"), "")
	w.refuse(t, 404, "EventNotFound", "GET", w.ids.fill("/calendar_events/{event}"), "")
}
