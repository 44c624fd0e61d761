package v2_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"steno/internal/account"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

func TestBadRequestsAreNamed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		bad := func(fields string) string {
			return `{"bot_name":"N","meeting_url":"https://meet.google.com/abc-defg-hij",` + fields + `}`
		}
		for name, c := range map[string]struct {
			method, path, body string
			status             int
			code, says         string // says is in the details
		}{
			"no body":              {"POST", "/v2/bots", "", 400, "FST_ERR_VALIDATION", "required"},
			"null":                 {"POST", "/v2/bots", "null", 400, "FST_ERR_VALIDATION", "expected object"},
			"not JSON":             {"POST", "/v2/bots", `{"bot_name"`, 400, "FST_ERR_VALIDATION", "unexpected end"},
			"two documents":        {"POST", "/v2/bots", minimal + minimal, 400, "FST_ERR_VALIDATION", "after top-level"},
			"array":                {"POST", "/v2/bots", "[]", 400, "FST_ERR_VALIDATION", "expected object"},
			"missing fields":       {"POST", "/v2/bots", "{}", 400, "FST_ERR_VALIDATION", `{"pointer":"/bot_name","rule":"is required"}`},
			"null for required":    {"POST", "/v2/bots", `{"bot_name":null,"meeting_url":"https://zoom.us/j/1"}`, 400, "FST_ERR_VALIDATION", "/bot_name"},
			"wrong type":           {"POST", "/v2/bots", bad(`"allow_multiple_bots":"no"`), 400, "FST_ERR_VALIDATION", `{"pointer":"/allow_multiple_bots","rule":"expected boolean","value":"no"}`},
			"huge number":          {"POST", "/v2/bots", bad(`"timeout_config":{"silence_timeout":1e400}`), 400, "FST_ERR_VALIDATION", ""},
			"fraction":             {"POST", "/v2/bots", bad(`"timeout_config":{"silence_timeout":300.5}`), 400, "FST_ERR_VALIDATION", "/timeout_config/silence_timeout"},
			"extra is text":        {"POST", "/v2/bots", bad(`"extra":"x"`), 400, "FST_ERR_VALIDATION", "/extra"},
			"NUL in extra":         {"POST", "/v2/bots", bad(`"extra":{"a":"\u0000"}`), 400, "FST_ERR_VALIDATION", "U+0000"},
			"NUL in name":          {"POST", "/v2/bots", `{"bot_name":"a\u0000b","meeting_url":"https://zoom.us/j/1"}`, 400, "FST_ERR_VALIDATION", "/bot_name"},
			"unknown platform":     {"POST", "/v2/bots", `{"bot_name":"N","meeting_url":"https://example.com"}`, 400, "FST_ERR_INVALID_MEETING_PLATFORM", ""},
			"bad URL":              {"POST", "/v2/bots", `{"bot_name":"N","meeting_url":"http://[::1"}`, 400, "FST_ERR_VALIDATION", "/meeting_url"},
			"callback forbidden":   {"POST", "/v2/bots", bad(`"callback_enabled":true,"callback_config":{"url":"http://169.254.169.254/"}`), 400, "FST_ERR_VALIDATION", "/callback_config/url"},
			"callback without":     {"POST", "/v2/bots", bad(`"callback_enabled":true`), 400, "FST_ERR_VALIDATION", "/callback_config/url"},
			"too many images":      {"POST", "/v2/bots", bad(`"bot_image":["a:b","a:b","a:b","a:b","a:b","a:b"]`), 400, "FST_ERR_VALIDATION", "/bot_image"},
			"oversize":             {"POST", "/v2/bots", bad(`"extra":{"x":"` + strings.Repeat("x", 1<<20) + `"}`), 413, "FST_ERR_CTP_BODY_TOO_LARGE", ""},
			"id":                   {"GET", "/v2/bots/cal_123", "", 400, "FST_ERR_VALIDATION", "/bot_id"},
			"id of no version":     {"GET", "/v2/bots/00000000-0000-0000-0000-000000000001", "", 400, "FST_ERR_VALIDATION", "/bot_id"},
			"limit 0":              {"GET", "/v2/bots?limit=0", "", 400, "FST_ERR_VALIDATION", "/limit"},
			"limit 251":            {"GET", "/v2/bots?limit=251", "", 400, "FST_ERR_VALIDATION", "/limit"},
			"limit text":           {"GET", "/v2/bots?limit=ten", "", 400, "FST_ERR_VALIDATION", "/limit"},
			"status":               {"GET", "/v2/bots?status=queued,flying", "", 400, "FST_ERR_VALIDATION", "/status"},
			"platform":             {"GET", "/v2/bots?meeting_platform=webex", "", 400, "FST_ERR_VALIDATION", "/meeting_platform"},
			"date with offset":     {"GET", "/v2/bots?created_after=2026-02-20T00:00:00%2B02:00", "", 400, "FST_ERR_VALIDATION", "/created_after"},
			"date in the future":   {"GET", "/v2/bots?created_after=2026-03-02T00:00:00Z", "", 400, "FST_ERR_VALIDATION", "/created_after"},
			"date long ago":        {"GET", "/v2/bots?created_before=2025-01-01T00:00:00Z", "", 400, "FST_ERR_VALIDATION", "/created_before"},
			"NUL in a filter":      {"GET", "/v2/bots?bot_name=%00", "", 400, "FST_ERR_VALIDATION", "/bot_name"},
			"bytes in a filter":    {"GET", "/v2/bots?extra=a:%ff", "", 400, "FST_ERR_VALIDATION", "/extra"},
			"extra without value":  {"GET", "/v2/bots?extra=abc", "", 400, "FST_ERR_VALIDATION", "/extra"},
			"cursor":               {"GET", "/v2/bots?cursor=xyz", "", 400, "FST_ERR_VALIDATION", "/cursor"},
			"switch":               {"DELETE", "/v2/bots/00000000-0000-0000-0000-000000000000/delete-data?delete_from_provider=maybe", "", 400, "FST_ERR_VALIDATION", "/delete_from_provider"},
			"unknown route":        {"GET", "/v2/nothing", "", 404, "FST_ERR_NOT_FOUND", ""},
			"outside":              {"GET", "/", "", 404, "FST_ERR_NOT_FOUND", ""},
			"empty batch":          {"POST", "/v2/bots/batch", "[]", 400, "FST_ERR_VALIDATION", "array of 1 to 100"},
			"batch of null":        {"POST", "/v2/bots/batch", "null", 400, "FST_ERR_VALIDATION", ""},
			"batch of text":        {"POST", "/v2/bots/batch", `"bots"`, 400, "FST_ERR_VALIDATION", "array of 1 to 100"},
			"batch too long":       {"POST", "/v2/bots/batch", "[" + strings.Repeat("{},", 100) + "{}]", 400, "FST_ERR_VALIDATION", "at most 100"},
			"scheduled batch":      {"POST", "/v2/bots/scheduled/batch", "{}", 400, "FST_ERR_VALIDATION", "array of 1 to 100"},
			"no join time":         {"POST", "/v2/bots/scheduled", minimal, 400, "FST_ERR_VALIDATION", `{"pointer":"/join_at","rule":"is required"}`},
			"join time with zone":  {"POST", "/v2/bots/scheduled", bad(`"join_at":"2026-03-01T13:00:00+02:00"`), 400, "FST_ERR_VALIDATION", "/join_at"},
			"join time is a word":  {"POST", "/v2/bots/scheduled", bad(`"join_at":"noon"`), 400, "FST_ERR_VALIDATION", "/join_at"},
			"join time too soon":   {"POST", "/v2/bots/scheduled", bad(`"join_at":"2026-03-01T12:00:59.999Z"`), 400, "FST_ERR_VALIDATION", "/join_at"},
			"join time too far":    {"POST", "/v2/bots/scheduled", bad(`"join_at":"2026-05-30T12:00:00.001Z"`), 400, "FST_ERR_VALIDATION", "/join_at"},
			"join time with NUL":   {"POST", "/v2/bots/scheduled", bad(`"join_at":"2026-03-01T13:00:00Z","entry_message":"\u0000"`), 400, "FST_ERR_VALIDATION", "/entry_message"},
			"scheduled platform":   {"POST", "/v2/bots/scheduled", `{"bot_name":"N","meeting_url":"https://example.com","join_at":"2026-03-01T13:00:00Z"}`, 400, "FST_ERR_INVALID_MEETING_PLATFORM", ""},
			"scheduled id":         {"GET", "/v2/bots/scheduled/cal_123", "", 400, "FST_ERR_VALIDATION", "/bot_id"},
			"scheduled unknown":    {"GET", "/v2/bots/scheduled/00000000-0000-0000-0000-000000000000", "", 404, "FST_ERR_SCHEDULED_BOT_NOT_FOUND_BY_ID", ""},
			"patch of an unknown":  {"PATCH", "/v2/bots/scheduled/00000000-0000-0000-0000-000000000000", "{}", 404, "FST_ERR_SCHEDULED_BOT_NOT_FOUND_BY_ID", ""},
			"delete of an unknown": {"DELETE", "/v2/bots/scheduled/00000000-0000-0000-0000-000000000000", "", 404, "FST_ERR_SCHEDULED_BOT_NOT_FOUND_BY_ID", ""},
			"flag without config":  {"PATCH", "/v2/bots/scheduled/00000000-0000-0000-0000-000000000000", `{"callback_enabled":true}`, 400, "FST_ERR_VALIDATION", "/callback_config"},
			"patched join time":    {"PATCH", "/v2/bots/scheduled/00000000-0000-0000-0000-000000000000", `{"join_at":"soon"}`, 400, "FST_ERR_VALIDATION", "/join_at"},
			"scheduled limit":      {"GET", "/v2/bots/scheduled?limit=101", "", 400, "FST_ERR_VALIDATION", "/limit"},
			"scheduled status":     {"GET", "/v2/bots/scheduled?status=active", "", 400, "FST_ERR_VALIDATION", "/status"},
			"scheduled too far":    {"GET", "/v2/bots/scheduled?scheduled_before=2026-05-30T12:00:01Z", "", 400, "FST_ERR_VALIDATION", "/scheduled_before"},
			"scheduled too old":    {"GET", "/v2/bots/scheduled?scheduled_after=2025-11-01T00:00:00Z", "", 400, "FST_ERR_VALIDATION", "/scheduled_after"},
			"scheduled cursor":     {"GET", "/v2/bots/scheduled?cursor=LTEw", "", 400, "FST_ERR_VALIDATION", "/cursor"},
			"no extra":             {"PATCH", "/v2/bots/00000000-0000-0000-0000-000000000000/update-config", "{}", 400, "FST_ERR_VALIDATION", `{"pointer":"/extra","rule":"is required"}`},
			"extra of text":        {"PATCH", "/v2/bots/00000000-0000-0000-0000-000000000000/update-config", `{"extra":"x"}`, 400, "FST_ERR_VALIDATION", "/extra"},
			"method":               {"PUT", "/v2/bots", "{}", 405, "FST_ERR_METHOD_NOT_ALLOWED", ""},
			"panic":                {"GET", "/panic", "", 500, "FST_ERR_INTERNAL_SERVER_ERROR", ""},
		} {
			r := s.call(t, s.key, c.method, c.path, c.body)
			code, _, details := r.problem(t)
			if r.status != c.status || code != c.code || !strings.Contains(details, c.says) {
				t.Errorf("%s: got %d %s, want %d %s saying %q", name, r.status, r.body, c.status, c.code, c.says)
			}
			if strings.Contains(r.body, "canary") {
				t.Errorf("%s: the answer tells too much: %s", name, r.body)
			}
		}
		page := s.call(t, s.key, "GET", "/v2/bots", "")
		if !strings.Contains(page.body, `"data":[]`) {
			t.Errorf("something was left behind: %s", page.body)
		}
	})
}

// What clients really send must be taken as it is (digest 13.2).
func TestTolerance(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	id := s.create(t, `{"bot_name":"N","meeting_url":"https://meet.google.com/abc-defg-hij","bot_image":null,"extra":null,"entry_message":null,
		"timeout_config":{"silence_timeout":300,"unknown":1},"zoom_config":null,"streaming_config":null,"callback_config":null,
		"transcription_config":{"provider":"gladia","api_key":null,"custom_params":null},"a_new_field":[1,2]}`)
	s.create(t, `{"bot_name":"N","meeting_url":"https://meet.google.com/abc-defg-hij","bot_image":"https://x.example/a.png","extra":{"a":"\ud800","a":2}}`)
	s.create(t, `{"bot_name":"N","meeting_url":"https://meet.google.com/abc-defg-hij","bot_image":["https://x.example/a.png"],"zoom_access_token_url":"https://x.example"}`)
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/v2/bots/", "{}"}, {"GET", "/v2/bots?limit=50", "null"}, {"GET", "/v2/bots/" + id + "/", ""},
		{"GET", "/v2/bots/" + strings.ToUpper(id) + "/status/", "{}"},
		{"GET", "/v2/bots?status=null&extra=&created_after=null&meeting_platform=&limit=20&cursor=null", ""},
		{"GET", "/v2/bots?status=joining,queued&created_after=2026-02-01T00:00Z&created_before=2026-02-28T23:59:59.999Z&platform=zoom", ""},
		{"POST", "/v2/bots/" + id + "/leave/", "{}"}, {"DELETE", "/v2/bots/" + id + "/delete-data/", "null"},
	} {
		if r := s.call(t, s.key, c.method, c.path, c.body); r.status != http.StatusOK {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, r.status, r.body)
		}
	}
}

func TestKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		id := s.create(t, minimal)
		blue, err := s.accounts.CreateTeam(t.Context(), "blue")
		if err != nil {
			t.Fatal(err)
		}
		foreign := s.newKey(t, blue, account.Full)
		sending := s.newKey(t, s.team, account.Sending)
		revoked := s.newKey(t, s.team, account.Full)
		if r := s.call(t, revoked, "GET", "/v2/bots", ""); r.status != http.StatusOK {
			t.Fatalf("before it is revoked: %d", r.status)
		}
		keys, err := s.accounts.Keys(t.Context(), s.team.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.accounts.RevokeKey(t.Context(), keys[len(keys)-1].ID); err != nil {
			t.Fatal(err)
		}
		unknown := "stn_" + strings.Repeat("0", 43)
		routes := []struct{ method, path, body string }{
			{"POST", "/v2/bots", minimal}, {"GET", "/v2/bots", ""}, {"GET", "/v2/bots/" + id, ""}, {"GET", "/v2/bots/" + id + "/status", ""},
			{"POST", "/v2/bots/" + id + "/leave", ""}, {"DELETE", "/v2/bots/" + id + "/delete-data", ""},
		}
		for i, c := range routes {
			for name, key := range map[string]string{"no key": "", "unknown": unknown, "malformed": "x", "revoked": revoked} {
				r := s.call(t, key, c.method, c.path, c.body)
				if code, _, _ := r.problem(t); r.status != http.StatusUnauthorized || code != account.CodeUnauthorized {
					t.Errorf("%s, %s %s: %d %s", name, c.method, c.path, r.status, r.body)
				}
			}
			r := s.call(t, sending, c.method, c.path, c.body)
			if i == 0 {
				if r.status != http.StatusCreated {
					t.Errorf("a sending key creates: %d %s", r.status, r.body)
				}
				continue
			}
			if code, _, _ := r.problem(t); r.status != http.StatusForbidden || code != account.CodeForbidden {
				t.Errorf("sending key, %s %s: %d %s", c.method, c.path, r.status, r.body)
			}
			if i < 2 {
				continue
			}
			// Another team's bot answers exactly as one that does not exist.
			other := "0198c0de-0000-7000-8000-000000000000"
			theirs := s.call(t, foreign, c.method, c.path, c.body)
			nobody := s.call(t, foreign, c.method, strings.ReplaceAll(c.path, id, other), c.body)
			if theirs.status != http.StatusNotFound || strings.ReplaceAll(theirs.body, id, other) != nobody.body {
				t.Errorf("another team, %s %s: %s\nbut unknown: %s", c.method, c.path, theirs.body, nobody.body)
			}
		}
	})
}

func TestKeyRevokedElsewhereStopsWithinSeconds(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	key := s.newKey(t, s.team, account.Full)
	s.call(t, key, "GET", "/v2/bots", "") // remembered now
	keys, err := s.accounts.Keys(t.Context(), s.team.ID)
	if err != nil {
		t.Fatal(err)
	}
	last := keys[len(keys)-1]
	if err := (store.Accounts{DB: s.db}).RevokeKey(t.Context(), last.ID, s.now); err != nil { // by another process
		t.Fatal(err)
	}
	s.now = s.now.Add(3 * time.Second)
	if r := s.call(t, key, "GET", "/v2/bots", ""); r.status != http.StatusUnauthorized {
		t.Errorf("three seconds later: %d", r.status)
	}
}

// D2, the API's part: a database that is away is a 503 to try again, never a
// 401 and never a 500.
func TestDatabaseAwayIs503(t *testing.T) {
	u := storetest.PostgresURL(t)
	db, err := store.Open(t.Context(), store.Options{DatabaseURL: u})
	if err != nil {
		t.Fatal(err)
	}
	s := newStand(t, db)
	s.call(t, s.key, "GET", "/v2/bots", "")
	cold := s.newKey(t, s.team, account.Full) // not remembered
	storetest.Vanish(t, u)
	s.gone = true
	defer func() { _ = db.Close() }()
	for _, key := range []string{s.key, cold} {
		r := s.call(t, key, "GET", "/v2/bots", "")
		if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
			t.Errorf("%d %s %v", r.status, r.body, r.header)
		}
		r.problem(t)
	}
}

func TestRequestIDs(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	seen := map[string]bool{}
	for range 3 {
		id := s.call(t, s.key, "GET", "/v2/bots", "").header.Get("X-Request-Id")
		if id == "" || seen[id] {
			t.Errorf("request id %q", id)
		}
		seen[id] = true
	}
	for sent, taken := range map[string]bool{"abc-123": true, "no spaces": false, strings.Repeat("x", 65): false, "\"quote": false} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/v2/bots", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Request-Id", sent)
		resp, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("X-Request-Id"); (got == sent) != taken {
			t.Errorf("sent %q, got %q", sent, got)
		}
	}
	if !strings.Contains(s.log.String(), "request_id=abc-123") || strings.Contains(s.log.String(), fmt.Sprint(s.key)) {
		t.Error("the log lacks the request id, or holds the key")
	}
}
