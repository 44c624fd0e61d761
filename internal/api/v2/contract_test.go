package v2_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

// Every answer to the six operations must satisfy the reference document.
func TestAnswersSatisfyTheReferenceDocument(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	full := s.create(t, `{"bot_name":"N","meeting_url":"https://meet.google.com/abc-defg-hij","extra":{"a":1},"zoom_config":{"zak_token_url":"https://x.example"}}`)
	s.finish(t, full)
	queued, failed := s.create(t, minimal), s.create(t, minimal)
	if err := s.bots.Fail(t.Context(), failed, bot.EndCannotJoin, ""); err != nil {
		t.Fatal(err)
	}
	later := s.schedule(t, everything(s.now.Add(time.Hour)))
	soon := s.schedule(t, `{"bot_name":"N","meeting_url":"https://meet.google.com/abc-defg-hij","join_at":"2026-03-01T12:03:00Z"}`)
	timed := strings.Replace(minimal, "{", `{"join_at":"2026-03-01T13:00Z",`, 1)
	nobody := "00000000-0000-0000-0000-000000000000"
	s.satisfy(t, []request{
		{"POST", "/v2/bots", minimal}, {"POST", "/v2/bots", "{}"}, {"POST", "/v2/bots", `{"bot_name":"N","meeting_url":"https://example.com"}`},
		{"GET", "/v2/bots?limit=2", ""}, {"GET", "/v2/bots?limit=2&status=queued&bot_name=nobody", ""}, {"GET", "/v2/bots?limit=0", ""},
		{"GET", "/v2/bots/" + full, ""}, {"GET", "/v2/bots/" + queued, ""}, {"GET", "/v2/bots/" + failed, ""}, {"GET", "/v2/bots/" + nobody, ""}, {"GET", "/v2/bots/x", ""},
		{"GET", "/v2/bots/" + full + "/status", ""}, {"GET", "/v2/bots/" + nobody + "/status", ""},
		{"POST", "/v2/bots/" + queued + "/leave", ""}, {"POST", "/v2/bots/" + queued + "/leave", ""}, {"POST", "/v2/bots/" + nobody + "/leave", ""},
		{"PATCH", "/v2/bots/" + full + "/update-config", `{"extra":{"b":2}}`}, {"PATCH", "/v2/bots/" + nobody + "/update-config", `{"extra":null}`}, {"PATCH", "/v2/bots/" + full + "/update-config", `{}`},
		{"POST", "/v2/bots/batch", "[" + minimal + ",{}]"}, {"POST", "/v2/bots/batch", "[]"},
		{"POST", "/v2/bots/scheduled", timed}, {"POST", "/v2/bots/scheduled", minimal},
		{"POST", "/v2/bots/scheduled/batch", "[" + timed + "," + minimal + "]"}, {"POST", "/v2/bots/scheduled/batch", "{}"},
		{"GET", "/v2/bots/scheduled?limit=1", ""}, {"GET", "/v2/bots/scheduled?limit=0", ""}, {"GET", "/v2/bots/scheduled/" + later, ""}, {"GET", "/v2/bots/scheduled/" + soon, ""}, {"GET", "/v2/bots/scheduled/" + nobody, ""},
		{"PATCH", "/v2/bots/scheduled/" + later, `{"bot_name":"M"}`}, {"PATCH", "/v2/bots/scheduled/" + soon, `{"bot_name":"M"}`}, {"PATCH", "/v2/bots/scheduled/" + later, `{"join_at":"x"}`},
		{"DELETE", "/v2/bots/scheduled/" + soon, ""}, {"DELETE", "/v2/bots/scheduled/" + later, ""}, {"DELETE", "/v2/bots/scheduled/" + later, ""}, {"GET", "/v2/bots/scheduled/" + later, ""},
		{"DELETE", "/v2/bots/" + full + "/delete-data", ""}, {"DELETE", "/v2/bots/" + nobody + "/delete-data", ""}, {"GET", "/v2/bots/" + full, ""},
	})
}

// request is a call of the API.
type request struct{ method, path, body string }

// satisfy makes the calls; the stand's watch holds the answers against the
// reference.
func (s *stand) satisfy(t *testing.T, calls []request) {
	t.Helper()
	for _, c := range calls {
		s.call(t, s.key, c.method, c.path, c.body)
	}
}

// checkMessages holds all webhooks and callbacks that were written against the
// reference.
func (s *stand) checkMessages(t testing.TB) {
	t.Helper()
	if s.gone {
		return
	}
	err := s.db.Read(context.Background(), func(q store.Querier) error {
		rows, err := q.Query(context.Background(), `SELECT m.event, m.payload, m.payload_objects, d.kind FROM webhook_messages m
			LEFT JOIN webhook_deliveries d ON d.message_id = m.id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var event, names, objects string
			var kind *string // none: no receiver
			if err := rows.Scan(&event, &names, &objects, &kind); err != nil {
				return err
			}
			check := s.watch.Message
			if kind != nil && *kind == "callback" {
				check = s.watch.Callback
			}
			for _, payload := range []string{names, objects} {
				if payload != "" {
					check(event, []byte(payload))
				}
			}
		}
		return rows.Err()
	})
	if err != nil {
		t.Errorf("read the webhooks: %v", err)
	}
}
