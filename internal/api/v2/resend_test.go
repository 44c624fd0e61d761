package v2_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/webhook"
)

// sent is a delivery as the database has it.
type sent struct{ event, endpoint, url, method, secret, payload, objects string }

// deliveries returns what was queued so far and forgets it.
func (s *stand) deliveries(t *testing.T) (out []sent) {
	t.Helper()
	err := s.db.InTx(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Query(t.Context(), `SELECT m.event, d.endpoint_id, d.url, d.method, d.secret, m.payload, m.payload_objects
			FROM webhook_deliveries d JOIN webhook_messages m ON m.id = d.message_id WHERE d.state = 'pending' ORDER BY d.id`)
		if err != nil {
			return err
		}
		out = nil
		for rows.Next() {
			var d sent
			if err := rows.Scan(&d.event, &d.endpoint, &d.url, &d.method, &d.secret, &d.payload, &d.objects); err != nil {
				return err
			}
			out = append(out, d)
		}
		if err := rows.Close(); err != nil {
			return err
		}
		_, err = tx.Exec(t.Context(), "UPDATE webhook_deliveries SET state = 'delivered'")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *stand) addEndpoint(t *testing.T, id string, events ...webhook.EventType) {
	t.Helper()
	err := s.db.AddWebhook(t.Context(), webhook.Endpoint{
		ID: id, TeamID: s.team.ID, URL: "https://" + id + ".example", Events: events, Participants: webhook.Names, Enabled: true, CreatedAt: s.now, Secret: "sealed",
	})
	if err != nil {
		t.Fatal(err)
	}
}

const transcribed = `"transcription_enabled":true,"meeting_url":"https://meet.google.com/abc-defg-hij","bot_name":"N"`

// The final message of a bot goes to all endpoints that take it, as often as
// anybody asks, each time as a new message with fresh links and a new sent_at.
func TestTheFinalWebhookIsSentAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		for _, id := range []string{"all-1", "all-2"} {
			s.addEndpoint(t, id)
		}
		s.addEndpoint(t, "failures", webhook.BotFailed)
		id := s.create(t, minimal)
		path := "/v2/bots/" + id + "/resend-webhook"
		early := s.call(t, s.key, "POST", path, "")
		if code, message, _ := early.problem(t); early.status != http.StatusConflict || code != bot.CodeStatus || !strings.Contains(message, "queued") {
			t.Errorf("while it is queued: %d %s", early.status, early.body)
		}
		s.finish(t, id)
		first := s.deliveries(t)
		original := first[len(first)-1]
		for _, body := range []string{"", "null", "{}"} {
			s.now = s.now.Add(5 * time.Hour)
			if r := s.call(t, s.key, "POST", path, body); r.status != http.StatusOK || !strings.Contains(r.body, `"message":`) {
				t.Fatalf("body %q: %d %s", body, r.status, r.body)
			}
			got := s.deliveries(t)
			if len(got) != 2 || got[0].endpoint != "all-1" || got[1].endpoint != "all-2" {
				t.Fatalf("sent %+v", got)
			}
			if payload := strings.Replace(got[0].payload, sentAt(t, got[0]), sentAt(t, original), 1); payload != original.payload || got[0].objects == "" {
				t.Errorf("payload\n%s, at first\n%s", payload, original.payload)
			}
			if !strings.HasPrefix(sentAt(t, got[0]), s.now.Format("2006-01-02T15:04")) {
				t.Errorf("sent at %s, now is %s", sentAt(t, got[0]), s.now)
			}
		}
		failed := s.create(t, minimal)
		if err := s.bots.Fail(t.Context(), failed, bot.EndCannotJoin, ""); err != nil {
			t.Fatal(err)
		}
		s.deliveries(t)
		s.call(t, s.key, "POST", "/v2/bots/"+failed+"/resend-webhook", "")
		if got := s.deliveries(t); len(got) != 3 || got[0].event != "bot.failed" {
			t.Errorf("of a failed bot: %+v", got)
		}
	})
}

func sentAt(t *testing.T, d sent) string {
	t.Helper()
	var p struct {
		Data struct {
			SentAt string `json:"sent_at"`
		}
	}
	if err := json.Unmarshal([]byte(d.payload), &p); err != nil || p.Data.SentAt == "" {
		t.Fatalf("%s: %v", d.payload, err)
	}
	return p.Data.SentAt
}

// Digest 2.2: absent, null and {} mean the bot's own callback; an object
// replaces it as a whole.
func TestACallbackIsRetried(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		with := s.create(t, `{`+transcribed+`,"callback_enabled":true,"callback_config":{"url":"https://own.example/x","method":"PUT","secret":"own"}}`)
		s.finish(t, with)
		s.deliveries(t)
		own := sent{event: "bot.completed", url: "https://own.example/x", method: "PUT", secret: "***"}
		for body, want := range map[string]sent{
			"": own, "null": own, "{}": own, " \n": own,
			`{"url":"https://other.example"}`:                                           {event: "bot.completed", url: "https://other.example", method: "POST"},
			`{"url":"https://other.example","method":"PUT","secret":"other"}`:           {event: "bot.completed", url: "https://other.example", method: "PUT", secret: "*****"},
			`{"url":"https://other.example","method":null,"secret":null,"unknown":[1]}`: {event: "bot.completed", url: "https://other.example", method: "POST"},
		} {
			if r := s.call(t, s.key, "POST", "/v2/bots/"+with+"/retry-callback", body); r.status != http.StatusOK {
				t.Errorf("body %q: %d %s", body, r.status, r.body)
			}
			got := s.deliveries(t)
			if len(got) != 1 || !strings.Contains(got[0].payload, `"video":"https://files.example/`) {
				t.Fatalf("body %q: sent %+v", body, got)
			}
			got[0].payload = ""
			if got[0] != want {
				t.Errorf("body %q: sent %+v, want %+v", body, got[0], want)
			}
		}
		s.call(t, s.key, "POST", "/v2/bots/"+with+"/retry-callback", `{"url":"https://other.example","participants":"objects"}`)
		if got := s.deliveries(t); len(got) != 1 || !strings.Contains(got[0].payload, `{"name":"Ada"`) {
			t.Errorf("with people as objects: %+v", got)
		}
	})
}

func TestCallbacksThatCannotBeRetriedAreRefused(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	callback := `,"callback_enabled":true,"callback_config":{"url":"https://own.example/x"}}`
	queued := s.create(t, `{`+transcribed+callback)
	none := s.create(t, `{`+transcribed+`}`)
	silent := s.create(t, strings.TrimSuffix(minimal, "}")+callback)
	s.finish(t, none)
	s.finish(t, silent)
	s.deliveries(t)
	const other = `{"url":"https://other.example"}`
	for _, c := range []struct {
		name, id, body string
		status         int
		code           string
	}{
		{"not ended", queued, "", 409, bot.CodeStatus},
		{"not ended, with another callback", queued, other, 409, bot.CodeStatus},
		{"no callback", none, "null", 409, bot.CodeNoCallback},
		{"no transcription", silent, "", 409, bot.CodeNoTranscription},
		{"no transcription, with another callback", silent, other, 409, bot.CodeNoTranscription},
		{"unknown", "00000000-0000-0000-0000-000000000000", "", 404, bot.CodeNotFound},
		{"no id", "x", "", 400, bot.CodeValidation},
		{"a list", none, "[]", 400, bot.CodeValidation},
		{"a text", none, `"x"`, 400, bot.CodeValidation},
		{"torn", none, `{"url":`, 400, bot.CodeValidation},
		{"two", none, `{}{}`, 400, bot.CodeValidation},
		{"no url", none, `{"secret":"canary"}`, 400, bot.CodeValidation},
		{"url of another type", none, `{"url":7}`, 400, bot.CodeValidation},
		{"forbidden address", none, `{"url":"http://169.254.169.254/"}`, 400, bot.CodeValidation},
		{"method", none, `{"url":"https://other.example","method":"DELETE"}`, 400, bot.CodeValidation},
		{"secret that is no header", none, `{"url":"https://other.example","secret":"canary\r\nx: y"}`, 400, bot.CodeValidation},
		{"people", none, `{"url":"https://other.example","participants":"xml"}`, 400, bot.CodeValidation},
	} {
		r := s.call(t, s.key, "POST", "/v2/bots/"+c.id+"/retry-callback", c.body)
		if code, _, _ := r.problem(t); r.status != c.status || code != c.code {
			t.Errorf("%s: %d %s", c.name, r.status, r.body)
		}
		if strings.Contains(r.body, "canary") {
			t.Errorf("%s: the answer repeats the secret: %s", c.name, r.body)
		}
	}
	if r := s.call(t, s.key, "POST", "/v2/bots/"+none+"/retry-callback", other); r.status != 200 {
		t.Errorf("a bot without a callback of its own, with another: %d %s", r.status, r.body)
	}
	if got := s.deliveries(t); len(got) != 1 {
		t.Errorf("sent %+v", got)
	}
}

func TestAnswersOfResendingSatisfyTheReferenceDocument(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	queued := s.create(t, minimal)
	done := s.create(t, `{`+transcribed+`}`)
	s.finish(t, done)
	nobody := "/v2/bots/00000000-0000-0000-0000-000000000000"
	var calls []request
	for _, op := range []string{"/resend-webhook", "/retry-callback"} {
		calls = append(calls, request{"POST", "/v2/bots/" + queued + op, ""}, request{"POST", nobody + op, ""}, request{"POST", "/v2/bots/x" + op, ""})
	}
	calls = append(calls, request{"POST", "/v2/bots/" + done + "/resend-webhook", ""},
		request{"POST", "/v2/bots/" + done + "/retry-callback", `{"url":"https://x.example"}`}, request{"POST", "/v2/bots/" + done + "/retry-callback", "null"})
	s.satisfy(t, calls)
}
