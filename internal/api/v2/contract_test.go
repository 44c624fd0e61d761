package v2_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"

	"steno/internal/bot"
	"steno/internal/store/storetest"
)

// reference reads the OpenAPI document of the original service, which is not
// part of this repository: it lies beside it, in ../shared/contract.
func reference(t *testing.T) validator.Validator {
	t.Helper()
	file := filepath.Join("..", "..", "..", "..", "shared", "contract", "meetingbaas-v2.openapi.json")
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		t.Skipf("the reference document is not there (%s); the golden files and the SDK test still guard the shapes", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	strip(tree)
	if text, err = json.Marshal(tree); err != nil {
		t.Fatal(err)
	}
	doc, err := libopenapi.NewDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(doc)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return v
}

// strip removes $id and $schema, which lead the validator to other documents.
func strip(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "$id")
		delete(v, "$schema")
		for _, member := range v {
			strip(member)
		}
	case []any:
		for _, item := range v {
			strip(item)
		}
	}
}

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

// satisfy makes the calls and holds the answers against the reference document.
func (s *stand) satisfy(t *testing.T, calls []request) {
	t.Helper()
	v := reference(t)
	for _, c := range calls {
		r := s.call(t, s.key, c.method, c.path, c.body)
		req, err := http.NewRequestWithContext(t.Context(), c.method, "https://api.meetingbaas.com"+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		resp := &http.Response{StatusCode: r.status, Header: r.header, Body: io.NopCloser(bytes.NewReader(withoutExtras(t, r)))}
		valid, problems := v.ValidateHttpResponse(req, resp)
		if !valid {
			for _, p := range problems {
				t.Errorf("%s %s answered %d: %s: %s", c.method, c.path, r.status, p.Message, p.Reason)
				for _, e := range p.SchemaValidationErrors {
					t.Errorf("    %s at %s", e.Reason, e.FieldPath)
				}
			}
		}
	}
	t.Logf("%d answers satisfy the document", len(calls))
}

// withoutExtras takes out what we send beyond the document, on purpose: details
// in a 400, which clients need (C40), the audio of each participant, and what
// only the older reference names (C25).
func withoutExtras(t *testing.T, r reply) []byte {
	t.Helper()
	var p map[string]any
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		t.Fatal(err)
	}
	if r.status == http.StatusBadRequest {
		delete(p, "details")
	}
	delete(p, "next_cursor") // the older name of cursor (C2)
	parts, _ := p["data"].([]any)
	for _, part := range append(parts, p["data"]) {
		if data, ok := part.(map[string]any); ok {
			for _, extra := range []string{"participant_audio", "series_bot_scheduled", "deleted_at"} {
				delete(data, extra)
			}
		}
	}
	out, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
