package contract

import (
	"net/http"
	"strings"
	"testing"
)

func TestReferenceHoldsFactsAndNoSentences(t *testing.T) {
	r := Load()
	if len(r.Operations) != 39 || len(r.Webhooks) != 11 || len(r.Callbacks) != 2 {
		t.Errorf("%d operations, %d webhooks, %d callbacks", len(r.Operations), len(r.Webhooks), len(r.Callbacks))
	}
	for _, o := range r.Operations {
		if o.Success() == 0 || o.Statuses["400"] == nil || o.Statuses["500"] == nil {
			t.Errorf("%s: statuses %v", o.ID, o.Statuses)
		}
		for status, s := range o.Statuses {
			if r.compiled[nameOf(s)] == nil {
				t.Errorf("%s %s has no schema", o.ID, status)
			}
		}
		if got, ok := r.Find(o.Method, o.Path); !ok || got.ID != o.ID {
			t.Errorf("%s %s is found as %q", o.Method, o.Path, got.ID)
		}
	}
	var walk func(path string, s any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				if !strings.HasSuffix(path, "/properties") && (k == "description" || k == "title" || k == "summary" || k == "example" || k == "examples") {
					t.Errorf("%s/%s is a sentence", path, k)
				}
				walk(path+"/"+k, x)
			}
		case []any:
			for _, x := range v {
				walk(path, x)
			}
		}
	}
	for name, s := range r.Schemas {
		walk(name, map[string]any(s))
	}
}

// A check that lets everything through would be worth nothing.
func TestBrokenAnswersAreFound(t *testing.T) {
	const id = "0198c0de-0000-7000-8000-000000000000"
	good := `{"success":true,"data":{"bot_id":"` + id + `","status":"queued","transcription_status":"not-applicable","updated_at":"2026-03-01T12:00:00.000Z"}}`
	gone := `{"success":false,"error":"Not Found","code":"X","statusCode":404,"message":"m","details":null}`
	path := "/v2/bots/" + id + "/status"
	for _, c := range []struct {
		name, path string
		status     int
		body       string
		header     http.Header
		breaks     bool
	}{
		{"as documented", path, 200, good, nil, false},
		{"slash at the end", path + "/", 200, good, nil, false},
		{"error", path, 404, gone, nil, false},
		{"unknown path", "/v2/nothing", 404, gone, nil, false},
		{"member missing", path, 200, strings.Replace(good, `"status":"queued",`, "", 1), nil, true},
		{"member more", path, 200, strings.Replace(good, `"status"`, `"stat":1,"status"`, 1), nil, true},
		{"wrong type", path, 200, strings.Replace(good, `"queued"`, `7`, 1), nil, true},
		{"not in the enum", path, 200, strings.Replace(good, "queued", "flying", 1), nil, true},
		{"no UUID", path, 200, strings.Replace(good, id, "cal_123", 1), nil, true},
		{"offset", path, 200, strings.Replace(good, "000Z", "000+02:00", 1), nil, true},
		{"null", path, 200, strings.Replace(good, `"queued"`, "null", 1), nil, true},
		{"success is false", path, 200, strings.Replace(good, "true", "false", 1), nil, true},
		{"two documents", path, 200, good + good, nil, true},
		{"empty", path, 204, "", nil, true},
		{"status nobody knows", path, 418, strings.ReplaceAll(gone, "404", "418"), nil, true},
		{"key missing", path, 404, strings.Replace(gone, `,"details":null`, "", 1), nil, true},
		{"other status inside", path, 404, strings.Replace(gone, "404", "400", 1), nil, true},
		{"retryAfter missing", path, 429, strings.ReplaceAll(gone, "404", "429"), nil, true},
		{"retryAfter differs", path, 429, strings.Replace(strings.ReplaceAll(gone, "404", "429"), `null`, `null,"retryAfter":3`, 1), http.Header{"Retry-After": {"1"}}, true},
		{"retryAfter", path, 429, strings.Replace(strings.ReplaceAll(gone, "404", "429"), `null`, `null,"retryAfter":3`, 1), http.Header{"Retry-After": {"3"}}, false},
		{"text", path, 404, gone, http.Header{"Content-Type": {"text/plain"}}, true},
		{"unknown operation succeeds", "/v2/nothing", 200, `{"success":true}`, nil, true},
	} {
		h := http.Header{"Content-Type": {"application/json"}}
		for k, v := range c.header {
			h[k] = v
		}
		if bad := Load().Answer("GET", c.path, c.status, h, []byte(c.body)); (len(bad) > 0) != c.breaks {
			t.Errorf("%s: %q", c.name, bad)
		}
	}
}

func TestBrokenPayloadsAreFound(t *testing.T) {
	good := `{"event":"bot.failed","data":{"bot_id":"0198c0de-0000-7000-8000-000000000000","event_id":null,"error_message":"m","error_code":"c","sent_at":"2026-03-01T12:00:00.000Z"},"extra":null}`
	if bad := Load().Message("bot.failed", []byte(good)); len(bad) > 0 {
		t.Error(bad)
	}
	if bad := Load().Callback("bot.failed", []byte(good)); len(bad) > 0 {
		t.Error(bad)
	}
	for _, broken := range []string{strings.Replace(good, `,"extra":null`, "", 1), strings.Replace(good, "null", "7", 1), strings.Replace(good, "bot.failed", "bot.completed", 1), good[1:]} {
		if bad := Load().Message("bot.failed", []byte(broken)); len(bad) == 0 {
			t.Errorf("let through: %s", broken)
		}
	}
}
