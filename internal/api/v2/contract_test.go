package v2_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/test/contract"
	"steno/test/hostile"
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

// A3: what the reference lets be null may be null.
func TestMembersThatMayBeNullAreTakenAsNull(t *testing.T) {
	w, ref, tried := newWorld(t, storetest.SQLite(t)).hangUp(), contract.Load(), 0
	for _, o := range w.operations(t) {
		c := o.call(w.ids)
		body := c.body
		if o.id == "createScheduledBot" {
			body = everything(w.now.Add(time.Hour)) // with what the others leave out
		}
		for _, path := range hostile.Members(ref, ref.Operations[o.id].Body, nil, 0) {
			var tree any
			if body == "" || !nullable(ref, ref.Operations[o.id].Body, path) {
				continue
			}
			if err := json.Unmarshal([]byte(body), &tree); err != nil {
				t.Fatal(err)
			}
			root, _ := tree.(map[string]any)
			if len(path) > 2 && root == nil || len(path) > 1 && root != nil && root[path[0]] == nil {
				continue // a member of something that is not there
			}
			if flag := strings.TrimSuffix(path[0], "_config") + "_enabled"; len(path) == 1 && root[flag] != nil {
				root[flag] = false // it needs what is null now
			}
			text, err := json.Marshal(hostile.Put(tree, path, nil))
			if err != nil {
				t.Fatal(err)
			}
			c.body = string(text)
			if r := w.send(t, w.key, c); r.status == http.StatusBadRequest || strings.Contains(r.body, `"VALIDATION_ERROR"`) {
				t.Errorf("%s with %s null: %s", o.id, strings.Join(path, "/"), r.body)
			}
			tried++
		}
	}
	t.Logf("%d members", tried)
	if tried < 50 {
		t.Errorf("only %d members were tried", tried)
	}
}

// nullable reports whether the reference lets a member of a body be null.
func nullable(ref *contract.Reference, s contract.Schema, path []string) bool {
	s = ref.Resolve(s)
	for _, word := range []string{"anyOf", "oneOf", "allOf"} {
		for _, one := range hostile.Each(s[word]) {
			if nullable(ref, one, path) {
				return true
			}
		}
	}
	if len(path) == 0 {
		types, _ := s["type"].([]any)
		return s["type"] == "null" || slices.Contains(types, any("null"))
	}
	properties, _ := s["properties"].(map[string]any)
	member, _ := properties[path[0]].(map[string]any)
	if path[0] == "0" {
		member, _ = s["items"].(map[string]any)
	}
	return member != nil && nullable(ref, member, path[1:])
}
