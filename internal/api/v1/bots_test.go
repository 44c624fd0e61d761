package v1_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

const everyJoin = `{"bot_name":"N","meeting_url":"https://zoom.us/j/77","reserved":true,"bot_image":"https://pics.example/a.png","deduplication_key":"k","entry_message":"Hi",
	"automatic_leave":{"waiting_room_timeout":120,"noone_joined_timeout":1800,"silence_timeout":300},"extra":{"a":1},"recording_mode":"audio_only",
	"speech_to_text":{"provider":"Runpod","api_key":"canary-key"},"streaming":{"input":"wss://in.example","output":"wss://out.example","audio_frequency":"16khz"},
	"transcription_custom_parameters":{"x":[1]},"webhook_url":"https://hook.example/a","zoom_access_token_url":"https://zak.example","zoom_obf_token":"canary-obf",
	"zoom_obf_token_url":"https://obf.example","zoom_obf_token_user_id":"zoom-user","zoom_sdk_id":"sdk","zoom_sdk_pwd":"canary-pwd"}`

type data struct {
	MP4, Audio string
	BotData    struct {
		Bot       map[string]any
		EventUUID *string `json:"event_uuid"`
	} `json:"bot_data"`
}

// What was asked of a bot is shown as it was asked, and what is secret is not.
func TestEverySettingOfABotIsShownAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		id := s.join(t, everyJoin)
		r := s.call(t, "GET", "/bots/meeting_data?bot_id="+id, "")
		if strings.Contains(r.body, "canary") || strings.Contains(r.body, s.key) {
			t.Errorf("a secret is shown: %s", r.body)
		}
		b := decode[data](t, r).BotData.Bot
		for member, want := range map[string]any{
			"bot_name": "N", "meeting_url": "https://zoom.us/j/77", "bot_image": "https://pics.example/a.png", "deduplication_key": "k", "enter_message": "Hi",
			"waiting_room_timeout": 120.0, "noone_joined_timeout": 1800.0, "silence_timeout": 300.0, "recording_mode": "audio_only",
			"speech_to_text_provider": "Runpod", "speech_to_text_api_key": nil, "streaming_input": "wss://in.example", "streaming_output": "wss://out.example",
			"streaming_audio_frequency": "16khz", "webhook_url": "https://hook.example/a", "zoom_access_token_url": "https://zak.example", "zoom_obf_token": nil,
			"zoom_obf_token_url": "https://obf.example", "zoom_obf_token_user_id": "zoom-user", "zoom_sdk_id": "sdk", "zoom_sdk_pwd": nil,
		} {
			if b[member] != want {
				t.Errorf("%s is %v, want %v", member, b[member], want)
			}
		}
		if text, _ := json.Marshal([]any{b["extra"], b["transcription_custom_parameters"]}); string(text) != `[{"a":1},{"x":[1]}]` {
			t.Errorf("objects: %s", text)
		}
	})
}

func TestWhatIsWrongWithARequestToJoinIsNamedInItsOwnWords(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	for member, says := range map[string]string{
		`"bot_nme":"N"`: "bot_nme", `"automatic_leave":{"waiting_room_timeout":119}`: "/automatic_leave/waiting_room_timeout: must be 120 to 1800",
		`"automatic_leave":{"noone_joined_timeout":1801}`: "/automatic_leave/noone_joined_timeout", `"automatic_leave":{"silence_timeout":299}`: "/automatic_leave/silence_timeout: must be 300 to 1800",
		`"entry_message":"` + strings.Repeat("x", 501) + `"`: "/entry_message", `"webhook_url":"http://169.254.1.1"`: "/webhook_url", `"streaming":{"input":"https://x.example"}`: "/streaming/input",
		`"start_time":1772366400000`: "/start_time: must be within the next 90 days", `"start_time":"soon"`: "/start_time", `"zoom_obf_token_user_id":"nobody"`: "/zoom_obf_token_user_id",
		`"recording_mode":"film"`: "/recording_mode", `"streaming":{"audio_frequency":"48khz"}`: "/streaming/audio_frequency",
	} {
		p := s.refuse(t, 400, "ValidationError", "POST", "/bots/", `{"bot_name":"N","meeting_url":"https://zoom.us/j/1",`+member+`}`)
		if !strings.Contains(p.Message, says) {
			t.Errorf("%s: %s", member, p.Message)
		}
	}
}

// A bot with a start_time in the future is scheduled, also for the next seconds;
// one in the past joins at once.
func TestAStartTimeInTheFutureSchedulesABot(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		at := func(d time.Duration) string {
			return s.join(t, fmt.Sprintf(`{"bot_name":"N","meeting_url":"https://zoom.us/j/1","start_time":%d,"deduplication_key":"%s","webhook_url":"https://hook.example"}`, s.now.Add(d).Unix(), d))
		}
		for _, d := range []time.Duration{time.Second, time.Hour} {
			id := at(d)
			sc, err := s.bots.Scheduled(t.Context(), s.team.ID, id)
			if err != nil || !sc.JoinAt.Equal(s.now.Add(d)) || sc.V1 == nil || sc.V1.WebhookKey != s.key {
				t.Errorf("in %s: %+v, %v", d, sc, err)
			}
			s.refuse(t, 404, "BotNotFound", "GET", "/bots/meeting_data?bot_id="+id, "")
			s.now = s.now.Add(d)
			if _, _, err := s.bots.RunDue(t.Context()); err != nil {
				t.Fatal(err)
			}
			b := ok[data](t, s, "GET", "/bots/meeting_data?bot_id="+id, "").BotData.Bot
			if b["scheduled_bot_id"] != b["id"] {
				t.Errorf("scheduled_bot_id %v, id %v", b["scheduled_bot_id"], b["id"])
			}
			if got, err := s.bots.Get(t.Context(), s.team.ID, id); err != nil || got.Surface != bot.SurfaceV1 {
				t.Errorf("%+v, %v", got, err)
			}
		}
		for _, d := range []time.Duration{0, -time.Hour, -s.now.Sub(time.Unix(0, 0))} {
			if b, err := s.bots.Get(t.Context(), s.team.ID, at(d)); err != nil || b.Status != bot.Queued {
				t.Errorf("%s ago: %+v, %v", d, b, err)
			}
		}
	})
}

func TestASecondBotInAMeetingNeedsAnotherKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		try := func(key string, status int) {
			t.Helper()
			body := `{"bot_name":"N","meeting_url":"https://zoom.us/j/5"` + key + `}`
			if r := s.call(t, "POST", "/bots", body); r.status != status {
				t.Errorf("%s: %d %s", key, r.status, r.body)
			}
		}
		a, b := `,"deduplication_key":"a"`, `,"deduplication_key":"b"`
		try("", 200)
		try("", 409)
		try(`,"deduplication_key":null`, 409)
		try(a, 200)
		try(a, 409)
		try(b, 200)
		s.now = s.now.Add(5*time.Minute + time.Second)
		try("", 200)
		try(a, 200)
	})
}

// The integers that stand for UUIDs are always the same, differ, and are the
// team's own.
func TestTheNumbersOfBotsStay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		red := newWorld(t, db)
		blue := red.other(t)
		number := func(w *world, kind string) (id, account float64) {
			b := ok[data](t, w.stand, "GET", "/bots/meeting_data?bot_id="+w.ids[kind], "").BotData.Bot
			return b["id"].(float64), b["account_id"].(float64)
		}
		one, red1 := number(red, "bot")
		two, red2 := number(red, "done")
		again, _ := number(red, "bot")
		_, other := number(blue, "bot")
		if one == two || again != one || red1 != red2 || other == red1 || one < 1 || two < 1 {
			t.Errorf("bots %v, %v, again %v; accounts %v, %v, the other one's %v", one, two, again, red1, red2, other)
		}
	})
}

func TestTheListOfBotsIsFilteredSortedAndPaged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.now = w.now.Add(time.Second)
		w.join(t, `{"bot_name":"Ünï","meeting_url":"https://meet.google.com/abc-defg-hij","extra":{"n":"3"}}`)
		w.now = w.now.Add(100 * 24 * time.Hour) // no bot is too old
		type list struct {
			Bots []struct {
				BotName  string `json:"bot_name"`
				Duration *int
				Speakers []string
			}
			Next *string `json:"next_cursor"`
		}
		names := func(query string) (out []string, next *string) {
			l := ok[list](t, w.stand, "GET", "/bots/bots_with_metadata"+query, "")
			for _, b := range l.Bots {
				out = append(out, b.BotName)
			}
			return out, l.Next
		}
		for query, want := range map[string][]string{
			"": {"Ünï", "Done", "N"}, "?bot_name=ÜN": {"Ünï"}, "?meeting_url=GOOGLE": {"Ünï"}, "?speaker_name=ada": {"Done"}, "?speaker_name=grace": nil,
			"?ended_after=2026-03-01T00:00:00": {"Done"}, "?created_after=2026-03-01T12:00:01Z": {"Ünï"}, "?created_before=2026-03-01T12:00:01": {"Done", "N"},
			"?filter_by_extra=customer:42,n:1": {"Done"}, "?filter_by_extra=customer:4": nil, "?sort_by_extra=n": {"Done", "N", "Ünï"}, "?sort_by_extra=n:desc": {"Ünï", "N", "Done"},
			"?sort_by_extra=customer:asc": {"Done", "Ünï", "N"}, "?sort_by_extra=none": {"Ünï", "Done", "N"},
		} {
			if got, next := names(query); !slices.Equal(got, want) || next != nil {
				t.Errorf("%s: %v, next %v, want %v", query, got, next, want)
			}
		}
		var all []string
		for query := "?limit=1"; ; {
			got, next := names(query)
			if all = append(all, got...); next == nil {
				break
			}
			query = "?limit=1&cursor=" + *next
		}
		if !slices.Equal(all, []string{"Ünï", "Done", "N"}) {
			t.Errorf("page by page: %v", all)
		}
		for _, query := range []string{"?limit=0", "?limit=51", "?cursor=x", "?created_after=yesterday", "?filter_by_extra=a", "?filter_by_extra=:b", "?sort_by_extra=a:up", "?sort_by_extra=:asc", "?bot_name=%00", "?bot_name=%ff"} {
			w.refuse(t, 400, "ValidationError", "GET", "/bots/bots_with_metadata"+query, "")
		}
	})
}

func TestDeletingDataSaysWhatThereWasAndIsLimited(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		erase := func(kind, want string) {
			t.Helper()
			got := ok[struct {
				OK     bool
				Status string
			}](t, w.stand, "POST", "/bots/"+w.ids[kind]+"/delete_data", "")
			if !got.OK || got.Status != want {
				t.Errorf("%s: %+v, want %s", kind, got, want)
			}
		}
		erase("done", "deleted")
		erase("done", "alreadyDeleted")
		erase("bot", "noDataFound")
		d := ok[data](t, w.stand, "GET", "/bots/meeting_data?bot_id="+w.ids["done"], "")
		if d.MP4 != "" || d.Audio != "" || d.BotData.Bot["bot_name"] != "Done" || d.BotData.Bot["mp4_s3_path"] != "" {
			t.Errorf("after the deletion: %+v", d)
		}
		if shots := ok[[]any](t, w.stand, "GET", "/bots/"+w.ids["done"]+"/screenshots", ""); len(shots) != 0 {
			t.Errorf("%d screenshots after the deletion", len(shots))
		}
		erase("done", "alreadyDeleted")
		w.now = w.now.Add(30 * time.Second)
		erase("done", "alreadyDeleted")
		r := w.call(t, "POST", "/bots/"+w.ids["done"]+"/delete_data", "")
		if r.status != 429 || r.header.Get("Retry-After") != "30" {
			t.Errorf("the sixth: %d, %s", r.status, r.header.Get("Retry-After"))
		}
		first := w.key
		w.key = w.newKey(t, w.team, "full")
		erase("done", "alreadyDeleted") // another key
		w.key = first
		w.now = w.now.Add(30 * time.Second)
		erase("done", "alreadyDeleted")
	})
}
