package v2_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"steno/internal/bot"
	"steno/internal/netguard"
	"steno/internal/netguard/netguardtest"
	"steno/internal/store/storetest"
)

// urlFields are all fields of a bot that take an address, and what their
// address begins with.
var urlFields = map[string]string{
	"/bot_image/0": "http", "/bot_image/1": "https", "/streaming_config/input_url": "ws", "/streaming_config/output_url": "wss",
	"/zoom_config/obf_token_url": "https", "/zoom_config/zak_token_url": "http", "/callback_config/url": "https",
}

// botAt returns the settings of a bot all of whose addresses lead to a host.
func botAt(t *testing.T, host string) string {
	t.Helper()
	at := func(field string) string { return urlFields[field] + "://" + host + "/x" }
	text, err := json.Marshal(map[string]any{
		"bot_name": "N", "bot_image": []string{at("/bot_image/0"), at("/bot_image/1")}, "callback_enabled": true, "callback_config": map[string]string{"url": at("/callback_config/url")},
		"streaming_enabled": true, "streaming_config": map[string]string{"input_url": at("/streaming_config/input_url"), "output_url": at("/streaming_config/output_url")},
		"zoom_config": map[string]string{"obf_token_url": at("/zoom_config/obf_token_url"), "zak_token_url": at("/zoom_config/zak_token_url")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Proves S4 for the API: no field that takes an address takes one of the corpus,
// when a bot is sent, scheduled or put on an event, when these are changed,
// and when a callback is retried; and no meeting is there.
func TestNoFieldTakesAForbiddenAddress(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	s.bots.ValidURL = netguard.New(netguard.Options{}).Validate
	done := s.create(t, `{`+transcribed+`}`)
	s.finish(t, done)
	cal := s.connect(t, "google", "primary")
	event := s.events(t, cal)[0]
	later := `"join_at":"2026-03-01T13:00:00Z"`
	scheduled := s.schedule(t, strings.Replace(minimal, "{", "{"+later+",", 1))
	if r := s.call(t, s.key, "POST", "/v2/calendars/"+cal+"/bots", `{"bot_name":"N","event_id":"`+event.EventID+`"}`); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	for _, host := range netguardtest.ForbiddenHosts {
		body := botAt(t, host)
		with := func(fields string) string { return strings.Replace(body, "{", "{"+fields+",", 1) }
		meet, on := `"meeting_url":"https://meet.google.com/abc-defg-hij"`, `"event_id":"`+event.EventID+`"`
		for _, c := range []request{
			{"POST", "/v2/bots", with(meet)},
			{"POST", "/v2/bots/scheduled", with(meet + `,` + later)},
			{"PATCH", "/v2/bots/scheduled/" + scheduled, body},
			{"POST", "/v2/calendars/" + cal + "/bots", with(on)},
			{"PATCH", "/v2/calendars/" + cal + "/bots", with(on)},
			{"POST", "/v2/bots", `{"bot_name":"N","meeting_url":"https://` + host + `/abc-defg-hij"}`},
			{"PATCH", "/v2/bots/scheduled/" + scheduled, `{"meeting_url":"https://` + host + `/abc-defg-hij"}`},
			{"POST", "/v2/bots/" + done + "/retry-callback", `{"url":"http://` + host + `/"}`},
		} {
			path := c.method + " " + c.path
			r := s.call(t, s.key, c.method, c.path, c.body)
			if r.status != http.StatusBadRequest {
				t.Fatalf("%s: %s: %d %s", host, path, r.status, r.body)
			}
			if !strings.Contains(c.body, "bot_image") {
				continue
			}
			_, _, details := r.problem(t)
			var issues []bot.Issue
			if err := json.Unmarshal([]byte(details), &issues); err != nil {
				t.Fatalf("%s: %s: %s", host, path, r.body)
			}
			refused := map[string]bool{}
			for _, i := range issues {
				refused[i.Pointer] = true
			}
			for field := range urlFields {
				if !refused[field] {
					t.Errorf("%s passed as %s at %s", host, field, path)
				}
			}
		}
	}
}

// Proves S5 for the API: other schemes, control characters and addresses of 8 kB
// are refused when they are written.
func TestNoFieldTakesAnAddressOfABadForm(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	s.bots.ValidURL = netguard.New(netguard.Options{}).Validate
	bad := []string{
		"file:///etc/passwd", "gopher://example.com/", "ftp://example.com/", "data:text/plain,x", "javascript:alert(1)", "//example.com/", "example.com",
		"https://example.com/\r\nX-A: b", "https://example.com/\x00", "https://user:pw@example.com/", "https://example.com:25/", "https://" + strings.Repeat("a", 8<<10) + ".example/",
	}
	for _, u := range bad {
		for field, shape := range map[string]any{
			"bot_image": u, "streaming_config": map[string]string{"output_url": u}, "zoom_config": map[string]string{"zak_token_url": u}, "zoom_access_token_url": u,
			"callback_config": map[string]string{"url": u}, "meeting_url": u,
		} {
			text, err := json.Marshal(map[string]any{"bot_name": "N", "meeting_url": "https://meet.google.com/abc-defg-hij", "callback_enabled": field == "callback_config", field: shape})
			if err != nil {
				t.Fatal(err)
			}
			if r := s.call(t, s.key, "POST", "/v2/bots", string(text)); r.status != http.StatusBadRequest {
				t.Errorf("%q as %s: %d %s", u, field, r.status, r.body)
			}
		}
	}
	for _, field := range []string{"input_url", "output_url"} {
		if r := s.call(t, s.key, "POST", "/v2/bots", `{"bot_name":"N","meeting_url":"https://meet.google.com/abc-defg-hij","streaming_config":{"`+field+`":"https://example.com/"}}`); r.status != http.StatusBadRequest {
			t.Errorf("a stream over http: %d %s", r.status, r.body)
		}
	}
	if r := s.call(t, s.key, "POST", "/v2/bots", strings.Replace(botAt(t, "example.com"), "{", `{"meeting_url":"https://meet.google.com/abc-defg-hij",`, 1)); r.status != http.StatusCreated {
		t.Errorf("public addresses: %d %s", r.status, r.body)
	}
}
