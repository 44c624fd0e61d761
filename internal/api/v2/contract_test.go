package v2_test

import (
	"context"
	"testing"

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
	nobody := "00000000-0000-0000-0000-000000000000"
	s.satisfy(t, []request{
		{"POST", "/v2/bots", minimal}, {"POST", "/v2/bots", "{}"}, {"POST", "/v2/bots", `{"bot_name":"N","meeting_url":"https://example.com"}`},
		{"GET", "/v2/bots?limit=2", ""}, {"GET", "/v2/bots?limit=2&status=queued&bot_name=nobody", ""}, {"GET", "/v2/bots?limit=0", ""},
		{"GET", "/v2/bots/" + full, ""}, {"GET", "/v2/bots/" + queued, ""}, {"GET", "/v2/bots/" + failed, ""}, {"GET", "/v2/bots/" + nobody, ""}, {"GET", "/v2/bots/x", ""},
		{"GET", "/v2/bots/" + full + "/status", ""}, {"GET", "/v2/bots/" + nobody + "/status", ""},
		{"POST", "/v2/bots/" + queued + "/leave", ""}, {"POST", "/v2/bots/" + queued + "/leave", ""}, {"POST", "/v2/bots/" + nobody + "/leave", ""},
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
	err := s.db.Read(context.Background(), func(q store.Querier) error {
		rows, err := q.Query(context.Background(), "SELECT event, payload, payload_objects FROM webhook_messages")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var event, names, objects string
			if err := rows.Scan(&event, &names, &objects); err != nil {
				return err
			}
			for _, payload := range []string{names, objects} {
				if payload != "" {
					s.watch.Message(event, []byte(payload))
				}
			}
		}
		return rows.Err()
	})
	if err != nil && !s.gone {
		t.Errorf("read the webhooks: %v", err)
	}
}
