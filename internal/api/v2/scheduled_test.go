package v2_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"steno/internal/account"
	"steno/internal/bot"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

func (s *stand) schedule(t *testing.T, body string) string {
	t.Helper()
	r := s.call(t, s.key, "POST", "/v2/bots/scheduled", body)
	var out struct {
		Data struct {
			BotID string `json:"bot_id"`
		}
	}
	if err := json.Unmarshal([]byte(r.body), &out); err != nil || r.status != 201 || strings.Count(r.body, ":") != 3 {
		t.Fatalf("schedule: %d %s", r.status, r.body)
	}
	return out.Data.BotID
}

// everything is a scheduled bot with all that can be said of one.
func everything(at time.Time) string {
	return fmt.Sprintf(`{"bot_name":"N","meeting_url":"https://meet.google.com/abc-defg-hij","join_at":%q,"bot_image":["https://x.example/1.png","https://x.example/2.png"],
		"bot_image_config":{"loop_mode":"auto","image_duration":20},"allow_multiple_bots":false,"recording_mode":"gallery_view","entry_message":"hello",
		"timeout_config":{"waiting_room_timeout":120,"no_one_joined_timeout":130,"silence_timeout":300,"grace_period":5},
		"zoom_config":{"zak_token_url":"https://x.example/zak","obf_token":"canary"},"extra":{"customer":"42"},
		"streaming_enabled":true,"streaming_config":{"output_url":"wss://x.example"},
		"transcription_enabled":true,"transcription_config":{"api_key":"canary","custom_params":{"language":"en"}},
		"callback_enabled":true,"callback_config":{"url":"https://x.example/cb","secret":"shh"}}`, at.Format(time.RFC3339))
}

func TestScheduledBotsHaveTheirShape(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	full := s.schedule(t, everything(s.now.Add(time.Hour)))
	plain := s.schedule(t, `{"bot_name":"N","meeting_url":"https://meet.google.com/abc-defg-hij","join_at":"2026-03-01T12:30:00.250Z"}`)
	golden(t, "scheduled-full", s.call(t, s.key, "GET", "/v2/bots/scheduled/"+full, ""))
	golden(t, "scheduled-plain", s.call(t, s.key, "GET", "/v2/bots/scheduled/"+plain, ""))
	golden(t, "scheduled-list", s.call(t, s.key, "GET", "/v2/bots/scheduled?limit=1", ""))
	golden(t, "scheduled-update", s.call(t, s.key, "PATCH", "/v2/bots/scheduled/"+plain, `{}`))
	golden(t, "scheduled-delete", s.call(t, s.key, "DELETE", "/v2/bots/scheduled/"+plain, `{}`))
	golden(t, "scheduled-delete-conflict", s.call(t, s.key, "DELETE", "/v2/bots/scheduled/"+plain, ""))
	golden(t, "scheduled-cancelled", s.call(t, s.key, "GET", "/v2/bots/scheduled/"+plain, ""))
	golden(t, "scheduled-batch", s.call(t, s.key, "POST", "/v2/bots/scheduled/batch", `[`+everything(s.now.Add(time.Hour))+`,{"bot_name":"N"}]`))
	for _, path := range []string{"/" + full, "?limit=10"} {
		if r := s.call(t, s.key, "GET", "/v2/bots/scheduled"+path, ""); strings.Contains(r.body, "canary") {
			t.Errorf("%s tells a secret: %s", path, r.body)
		}
	}
}

// A PATCH changes what it names. The published SDK names three fields more than
// its user does, and those are reset: the server cannot tell (C49).
func TestScheduledBotIsChangedByWhatIsNamed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		id := s.schedule(t, everything(s.now.Add(time.Hour)))
		show := func() map[string]any {
			var out struct{ Data map[string]any }
			if err := json.Unmarshal([]byte(s.call(t, s.key, "GET", "/v2/bots/scheduled/"+id, "").body), &out); err != nil {
				t.Fatal(err)
			}
			return out.Data
		}
		for _, step := range []struct {
			body string
			want map[string]any
		}{
			{`{"bot_name":"Other"}`, map[string]any{"bot_name": "Other"}},
			{`{"join_at":"2026-03-01T12:04Z","meeting_url":"https://zoom.us/j/123"}`, map[string]any{"join_at": "2026-03-01T12:04:00.000Z", "meeting_url": "https://zoom.us/j/123", "meeting_platform": "zoom"}},
			{`{"entry_message":null,"extra":null,"bot_image":null,"zoom_config":null}`, map[string]any{"entry_message": nil, "extra": nil, "bot_image": nil, "zoom_config": nil}},
			{`{"streaming_enabled":false,"callback_enabled":false,"transcription_enabled":false}`, map[string]any{"streaming_config": nil, "callback_config": nil, "transcription_config": nil}},
			{`{"timeout_config":{"waiting_room_timeout":200}}`, map[string]any{"timeout_config": map[string]any{"waiting_room_timeout": 200.0, "no_one_joined_timeout": 130.0}}},
			{
				`{"bot_name":"N","allow_multiple_bots":true,"recording_mode":"speaker_view","timeout_config":{"waiting_room_timeout":600,"no_one_joined_timeout":600,"silence_timeout":600}}`,
				map[string]any{"bot_name": "N", "allow_multiple_bots": true, "recording_mode": "speaker_view", "timeout_config": map[string]any{"waiting_room_timeout": 600.0, "no_one_joined_timeout": 600.0}},
			},
		} {
			want := show()
			if r := s.call(t, s.key, "PATCH", "/v2/bots/scheduled/"+id, step.body); r.status != 200 {
				t.Fatalf("%s: %d %s", step.body, r.status, r.body)
			}
			got := show()
			for k, v := range step.want {
				want[k] = v
			}
			want["updated_at"] = got["updated_at"]
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", step.body, diff)
			}
		}
	})
}

func TestScheduledBotBecomesABotUnderItsID(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		sending := s.newKey(t, s.team, account.Sending)
		r := s.call(t, sending, "POST", "/v2/bots/scheduled/batch", `[{"bot_name":"A","meeting_url":"https://zoom.us/j/1","join_at":"2026-03-01T12:05:00Z","extra":{"k":"1"}},
			{"bot_name":"B","meeting_url":"https://zoom.us/j/1","join_at":"2026-03-01T12:00:30Z"},{"bot_name":"C","meeting_url":"https://example.com","join_at":"2026-03-01T12:05:00Z"}]`)
		if diff := cmp.Diff([]string{`0 ok {"k":"1"}`, "1 VALIDATION_ERROR null", "2 INVALID_MEETING_PLATFORM null"}, r.summary(t)); diff != "" {
			t.Error(diff)
		}
		var made struct {
			Data []struct {
				BotID string `json:"bot_id"`
			}
		}
		if err := json.Unmarshal([]byte(r.body), &made); err != nil {
			t.Fatal(err)
		}
		id := made.Data[0].BotID
		if r := s.call(t, s.key, "GET", "/v2/bots/"+id, ""); r.status != 404 {
			t.Errorf("before its time: %d", r.status)
		}
		s.now = s.now.Add(5 * time.Minute)
		if _, _, err := s.bots.RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r := s.call(t, s.key, "GET", "/v2/bots/"+id, ""); r.status != 200 || !strings.Contains(r.body, `"status":"queued"`) || !strings.Contains(r.body, `"extra":{"k":"1"}`) {
			t.Errorf("at its time: %d %s", r.status, r.body)
		}
		for _, c := range []request{{"PATCH", "/v2/bots/scheduled/" + id, "{}"}, {"DELETE", "/v2/bots/scheduled/" + id, ""}} {
			r := s.call(t, s.key, c.method, c.path, c.body)
			if code, message, _ := r.problem(t); r.status != 409 || code != bot.CodeStatus || message != "Status of bot '"+id+"' is: completed. Operation not permitted in this state." {
				t.Errorf("%s: %d %s", c.method, r.status, r.body)
			}
		}
		if r := s.call(t, s.key, "POST", "/v2/bots/"+id+"/leave", ""); r.status != 200 {
			t.Errorf("leave: %d %s", r.status, r.body)
		}
	})
}

func TestScheduledBotsAreFiltered(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		a := s.schedule(t, `{"bot_name":"Sales ÄB","meeting_url":"https://meet.google.com/abc-defg-hij","join_at":"2026-03-02T12:00:00Z","extra":{"k":"1","n":5}}`)
		b := s.schedule(t, `{"bot_name":"Other","meeting_url":"https://zoom.us/j/77","join_at":"2026-03-01T13:00:00Z","extra":{"k":"2"}}`)
		s.call(t, s.key, "DELETE", "/v2/bots/scheduled/"+b, "")
		for query, want := range map[string][]string{
			"": {b, a}, "bot_name=sales%20%C3%A4": {a}, "bot_id=" + strings.ToUpper(a[20:]): {a}, "meeting_url=ZOOM": {b}, "meeting_platform=zoom,teams": {b}, "platform=meet": {a},
			"status=scheduled": {a}, "status=cancelled,failed": {b}, "status=completed": nil, "scheduled_after=2026-03-01T13:00:00.001Z": {a}, "scheduled_before=2026-03-01T13:01Z": {b},
			"scheduled_after=2026-03-01T13:00Z&scheduled_before=2026-03-02T12:00Z": {b}, "extra=k:1,n:5": {a}, "extra=k:1,n:6": nil, "extra=K:1": nil,
			"status=null&bot_name=&extra=null&scheduled_after=null&cursor=null": {b, a},
		} {
			r := s.call(t, s.key, "GET", "/v2/bots/scheduled?"+query, "")
			var out struct {
				Data []struct {
					BotID string `json:"bot_id"`
				}
			}
			if err := json.Unmarshal([]byte(r.body), &out); err != nil || r.status != 200 {
				t.Fatalf("%s: %d %s", query, r.status, r.body)
			}
			var got []string
			for _, d := range out.Data {
				got = append(got, d.BotID)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", query, diff)
			}
		}
	})
}
