package v2_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"steno/internal/bot"
	"steno/internal/store/storetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

var anyID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// golden compares an answer with testdata/golden/<name>.json, in which ids are
// numbered and cursors are "cursor".
func golden(t *testing.T, name string, r reply) {
	t.Helper()
	seen := map[string]string{}
	text := anyID.ReplaceAllStringFunc(r.body, func(id string) string {
		if seen[id] == "" {
			seen[id] = "id-" + string(rune('1'+len(seen)))
		}
		return seen[id]
	})
	text = regexp.MustCompile(`"((?:prev_|next_)?cursor)":"[^"]+"`).ReplaceAllString(text, `"$1":"cursor"`)
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(text), "", "  "); err != nil {
		t.Fatalf("%s: not JSON: %s", name, r.body)
	}
	got := strings.TrimSpace(pretty.String()) + "\n"
	file := filepath.Join("testdata", "golden", name+".json")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: (-want +got)\n%s", name, diff)
	}
}

func TestAnswersHaveTheirShape(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	golden(t, "create", s.call(t, s.key, "POST", "/v2/bots", minimal))
	done := s.create(t, `{"bot_name":"Notetaker","meeting_url":"https://meet.google.com/abc-defg-hij","recording_mode":"gallery_view",
		"extra":{"customer":"42","<deep>":{"n":1.50}},"zoom_config":{"zak_token_url":"https://x.example/zak","obf_token":"canary"}}`)
	golden(t, "details-queued", s.call(t, s.key, "GET", "/v2/bots/"+done, ""))
	golden(t, "status", s.call(t, s.key, "GET", "/v2/bots/"+done+"/status", ""))
	s.finish(t, done)
	golden(t, "details-completed", s.call(t, s.key, "GET", "/v2/bots/"+done, ""))
	s.now = s.now.Add(time.Hour)
	failed := s.create(t, minimal)
	if err := s.bots.Fail(t.Context(), failed, bot.EndNotAccepted, "the host said no"); err != nil {
		t.Fatal(err)
	}
	golden(t, "details-failed", s.call(t, s.key, "GET", "/v2/bots/"+failed, ""))
	golden(t, "list-empty", s.call(t, s.key, "GET", "/v2/bots?bot_name=nobody", ""))
	golden(t, "list-first-page", s.call(t, s.key, "GET", "/v2/bots?limit=1", ""))
	golden(t, "list-all", s.call(t, s.key, "GET", "/v2/bots", ""))
	golden(t, "leave-conflict", s.call(t, s.key, "POST", "/v2/bots/"+failed+"/leave", ""))
	golden(t, "leave", s.call(t, s.key, "POST", "/v2/bots/"+s.create(t, minimal)+"/leave", "null"))
	golden(t, "delete-data", s.call(t, s.key, "DELETE", "/v2/bots/"+done+"/delete-data?delete_from_provider=true", "{}"))
	golden(t, "details-deleted", s.call(t, s.key, "GET", "/v2/bots/"+done, ""))
	golden(t, "not-found", s.call(t, s.key, "GET", "/v2/bots/00000000-0000-0000-0000-000000000000", ""))
	golden(t, "invalid", s.call(t, s.key, "POST", "/v2/bots", `{"bot_name":"","recording_mode":"film","timeout_config":{"silence_timeout":5},"callback_config":{"secret":"canary"}}`))
	golden(t, "invalid-platform", s.call(t, s.key, "POST", "/v2/bots", `{"bot_name":"N","meeting_url":"https://example.com/meet"}`))
}
