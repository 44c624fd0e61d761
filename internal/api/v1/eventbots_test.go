package v1_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "steno/internal/api/v1"
	"steno/internal/bot"
	"steno/internal/calendar"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

// bots returns the names of the bots on the Standups, by the service's id of the
// event.
func (w *world) botsOf(t testing.TB) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, e := range w.list(t, w.ids["calendar"], "") {
		if e.IsRecurring {
			out[e.GoogleID] = "-"
			if e.BotParam != nil {
				out[e.GoogleID] = e.BotParam.BotName
			}
		}
	}
	return out
}

func googleIDs(list []v1.Event) (ids []string) {
	for _, e := range list {
		ids = append(ids, e.GoogleID)
	}
	return ids
}

// Appendix C 11: all_occurrences on each of the three operations, also where the
// uuid is that of a one-off.
func TestAllOccurrencesAreMeantOnlyWhenAskedFor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		path, all := "/calendar_events/"+w.ids["event"]+"/bot", []string{"weekly_i", "weekly_ii", "weekly_iii"}
		steps := []struct {
			method, path, body string
			affected           []string
			bots               string // of the three
		}{
			{"POST", path, `{"bot_name":"one"}`, all[:1], "one - -"},
			{"POST", path + "?all_occurrences=true", `{"bot_name":"all"}`, all[1:], "one all all"},
			{"PATCH", path + "?all_occurrences=false", `{"bot_name":"ONE"}`, all[:1], "ONE all all"},
			{"PATCH", path + "?all_occurrences=true", `{"bot_name":"ALL"}`, all, "ALL ALL ALL"},
			{"DELETE", path, "", all[:1], "- ALL ALL"},
			{"DELETE", path, "", all[:1], "- ALL ALL"}, // once more is no error
			{"POST", path, `{"bot_name":"back"}`, all[:1], "back ALL ALL"},
			{"DELETE", path + "?all_occurrences=true", "{}", all, "- - -"},
			{"DELETE", path + "?all_occurrences=true", "", all, "- - -"},
			{"POST", path + "/?all_occurrences=true", `{"bot_name":"again"}`, all, "again again again"},
			{"DELETE", path + "?all_occurrences=", "", all[:1], "- again again"},
			{"POST", path + "?all_occurrences=true", `{"bot_name":"more"}`, all[:1], "more again again"},
		}
		for _, step := range steps {
			got := ok[[]v1.Event](t, w.stand, step.method, step.path, step.body)
			bots := w.botsOf(t)
			if ids := googleIDs(got); !slices.Equal(ids, step.affected) {
				t.Errorf("%s %s %s: answers %v, want %v", step.method, step.path, step.body, ids, step.affected)
			}
			if now := strings.Join([]string{bots["weekly_i"], bots["weekly_ii"], bots["weekly_iii"]}, " "); now != step.bots {
				t.Errorf("%s %s %s: bots %s, want %s", step.method, step.path, step.body, now, step.bots)
			}
			for _, e := range got {
				if has := e.BotParam != nil; has != (step.method != "DELETE") {
					t.Errorf("%s %s: %s has a bot: %v", step.method, step.path, e.GoogleID, has)
				}
			}
		}
		one := "/calendar_events/" + w.ids["single"] + "/bot?all_occurrences=true"
		for _, method := range []string{"POST", "PATCH", "DELETE", "DELETE"} {
			if got := googleIDs(ok[[]v1.Event](t, w.stand, method, one, nameOnly)); !slices.Equal(got, []string{"rich"}) {
				t.Errorf("%s of a one-off: %v", method, got)
			}
		}
		w.refuse(t, 400, "ValidationError", "POST", path+"?all_occurrences=maybe", nameOnly)
	})
}

func TestBotsOfEventsAreRefusedWithAReason(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	path := "/calendar_events/" + w.ids["event"] + "/bot"
	w.refuse(t, 404, "CalendarBotNotFound", "PATCH", path, nameOnly)
	withBot(t, w)
	w.refuse(t, 409, "BotAlreadyScheduled", "POST", path, nameOnly)
	nearlyThere(t, w)
	w.refuse(t, 409, "BotLockWindow", "PATCH", path, nameOnly)
	w.refuse(t, 409, "BotLockWindow", "DELETE", path, "")
	if got := ok[[]v1.Event](t, w.stand, "DELETE", path+"?all_occurrences=true", ""); !slices.Equal(googleIDs(got), []string{"weekly_ii", "weekly_iii"}) {
		t.Errorf("the bot that joins soon is said to be gone: %v", googleIDs(got))
	}
	day := named(w.list(t, w.ids["calendar"], ""), "")[0].UUID
	w.refuse(t, 409, "MeetingUrlMissing", "POST", "/calendar_events/"+day+"/bot", nameOnly)
	w.now = w.now.Add(30 * time.Hour)
	w.refuse(t, 409, "EventEnded", "POST", "/calendar_events/"+w.ids["single"]+"/bot", nameOnly)
	w.google.Items = append(w.google.Items, calendar.Item{Kind: calendar.Tombstone, ID: "day"})
	w.again(t, w.ids["calendar"])
	w.refuse(t, 409, "EventCancelled", "POST", "/calendar_events/"+day+"/bot", nameOnly)
}

// An occurrence without a URL has the bot of its series when it gets one.
func TestAnOccurrenceWithoutAURLWaitsForIt(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	url := w.google.Items[4].Candidates
	w.google.Items[4].Candidates = nil
	w.again(t, w.ids["calendar"])
	got := ok[[]v1.Event](t, w.stand, "POST", "/calendar_events/"+w.ids["event"]+"/bot?all_occurrences=true", nameOnly)
	if len(got) != 3 || got[1].MeetingURL != "" || got[1].BotParam == nil {
		t.Fatalf("%+v", got)
	}
	w.google.Items[4].Candidates = url
	w.again(t, w.ids["calendar"])
	if e := ok[v1.Event](t, w.stand, "GET", "/calendar_events/"+got[1].UUID, ""); e.MeetingURL == "" || e.BotParam == nil {
		t.Errorf("%+v", e)
	}
}

// everySetting has a value for each member of BotParam2.
const everySetting = `{"bot_name":"N","bot_image":"https://x.example/i.png","deduplication_key":"k","enter_message":"hello","extra":{"a":1.50},
	"noone_joined_timeout":120,"silence_timeout":300,"waiting_room_timeout":1800,"recording_mode":"audio_only",
	"speech_to_text":{"provider":"Runpod","api_key":"canary-key"},"streaming_audio_frequency":"16khz","streaming_input":"wss://x.example/in",
	"streaming_output":"wss://x.example/out","transcription_custom_parameters":{"lang":"de"},"webhook_url":"https://hooks.example/v1",
	"zoom_access_token_url":"https://x.example/zak","zoom_obf_token":"canary-obf","zoom_obf_token_url":"https://x.example/obf",
	"zoom_obf_token_user_id":"zoom-user","zoom_sdk_id":"sdk","zoom_sdk_pwd":"canary-pwd"}`

func shownSettings(t testing.TB, w *world, method, body string) map[string]any {
	t.Helper()
	list := ok[[]struct {
		BotParam map[string]any `json:"bot_param"`
	}](t, w.stand, method, "/calendar_events/"+w.ids["event"]+"/bot", body)
	return list[0].BotParam
}

// What was asked for is shown as it was asked for, without what is secret;
// PATCH leaves what is absent and clears what is null.
func TestSettingsAreKeptShownAndPatched(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	all := map[string]any{
		"bot_name": "N", "bot_image": "https://x.example/i.png", "deduplication_key": "k", "enter_message": "hello", "extra": map[string]any{"a": 1.5},
		"noone_joined_timeout": 120.0, "waiting_room_timeout": 1800.0, "recording_mode": "audio_only", "speech_to_text_provider": "Runpod", "speech_to_text_api_key": nil,
		"streaming_audio_frequency": "16khz", "streaming_input": "wss://x.example/in", "streaming_output": "wss://x.example/out",
		"transcription_custom_parameters": map[string]any{"lang": "de"}, "webhook_url": "https://hooks.example/v1", "zoom_access_token_url": "https://x.example/zak",
		"zoom_obf_token": nil, "zoom_obf_token_url": "https://x.example/obf", "zoom_obf_token_user_id": "zoom-user", "zoom_sdk_id": "sdk", "zoom_sdk_pwd": nil,
	}
	if diff := cmp.Diff(all, shownSettings(t, w, "POST", everySetting)); diff != "" {
		t.Errorf("POST: %s", diff)
	}
	secret := w.stored(t)
	if secret.V1.ZoomSDKPwd != "canary-pwd" || secret.ZoomOBFToken != "canary-obf" || secret.Transcription.APIKey != "canary-key" || *secret.Timeouts.Silence != 300 || *secret.AllowMultiple {
		t.Errorf("stored: %+v", secret)
	}
	if diff := cmp.Diff(all, shownSettings(t, w, "PATCH", `{"bot_name":null}`)); diff != "" {
		t.Errorf("PATCH of nothing: %s", diff)
	}
	if diff := cmp.Diff(secret, w.stored(t)); diff != "" {
		t.Errorf("PATCH of nothing changes what is stored: %s", diff)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(everySetting), &members); err != nil {
		t.Fatal(err)
	}
	delete(members, "bot_name")
	for _, name := range slices.Sorted(maps.Keys(members)) { // one by one
		before := w.stored(t)
		got := shownSettings(t, w, "PATCH", `{"`+name+`":null}`)
		shown := map[string]string{"speech_to_text": "speech_to_text_provider"}[name]
		if shown == "" {
			shown = name
		}
		if v := got[shown]; v != nil && v != "" {
			t.Errorf("%s: null leaves %v", name, v)
		}
		if cmp.Equal(before, w.stored(t)) {
			t.Errorf("%s: null changes nothing", name)
		}
		if _, is := all[shown]; is { // silence_timeout is not shown
			all[shown] = got[shown]
		}
		if diff := cmp.Diff(all, got); diff != "" {
			t.Errorf("%s: null changes more: %s", name, diff)
		}
	}
	again := false
	if diff := cmp.Diff(bot.Request{Name: "N", AllowMultiple: &again, V1: &bot.V1{}}, w.stored(t)); diff != "" {
		t.Errorf("with everything cleared: %s", diff)
	}
	if got := shownSettings(t, w, "PATCH", `{"speech_to_text":"Default"}`); got["speech_to_text_provider"] != "Default" {
		t.Errorf("a provider by its name only: %v", got)
	}
}

// stored is what the rule of the event asks for.
func (w *world) stored(t testing.TB) (r bot.Request) {
	t.Helper()
	e, err := w.calendars.PlannedEvent(t.Context(), w.team.ID, w.ids["event"])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(e.Settings, &r); err != nil {
		t.Fatal(err)
	}
	for _, j := range []*json.RawMessage{&r.Extra, &r.ImageConfig} {
		if string(*j) == "null" {
			*j = nil
		}
	}
	return r
}

func TestSettingsAreCheckedUnderTheirNamesOfV1(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	for body, says := range map[string]string{
		`{}`: "/bot_name", `{"bot_name":""}`: "/bot_name", `{"bot_name":"N","noone_joined_timeout":5}`: "/noone_joined_timeout",
		`{"bot_name":"N","waiting_room_timeout":1801}`: "/waiting_room_timeout", `{"bot_name":"N","silence_timeout":299}`: "/silence_timeout",
		`{"bot_name":"N","streaming_input":"https://x.example"}`: "/streaming_input", `{"bot_name":"N","streaming_output":"ws://169.254.169.254/"}`: "/streaming_output",
		`{"bot_name":"N","webhook_url":"http://169.254.169.254/"}`: "/webhook_url", `{"bot_name":"N","bot_image":"http://169.254.169.254/"}`: "/bot_image",
		`{"bot_name":"N","zoom_access_token_url":"http://169.254.1.1"}`: "/zoom_access_token_url", `{"bot_name":"N","zoom_obf_token_url":"http://169.254.1.1"}`: "/zoom_obf_token_url",
		`{"bot_name":"N","zoom_obf_token_user_id":"nobody"}`: "/zoom_obf_token_user_id", `{"bot_name":"N","enter_message":"` + strings.Repeat("x", 501) + `"}`: "/enter_message",
		`{"bot_name":"N","deduplication_key":"` + strings.Repeat("x", 2000) + `"}`: "/deduplication_key", `{"bot_name":"N","extra":[1]}`: "/extra",
		`{"bot_name":"N","transcription_custom_parameters":"x"}`: "/transcription_custom_parameters", `{"bot_name":"N","speech_to_text":"Other"}`: "/speech_to_text",
		`{"bot_name":"N","speech_to_text":{"api_key":"x"}}`: "/speech_to_text", `{"bot_name":"N","recording_mode":"film"}`: "/recording_mode",
		`{"bot_name":"N","streaming_audio_frequency":"48khz"}`: "/streaming_audio_frequency",
	} {
		p := w.refuse(t, 400, "ValidationError", "POST", "/calendar_events/"+w.ids["event"]+"/bot", body)
		if !strings.HasPrefix(p.Message, says) {
			t.Errorf("%s: %q, want %s", body, p.Message, says)
		}
	}
	withBot(t, w)
	for body, says := range map[string]string{`{"noone_joined_timeout":5}`: "/noone_joined_timeout", `{"zoom_obf_token_user_id":"nobody"}`: "/zoom_obf_token_user_id", `{"bot_name":""}`: "/bot_name"} {
		if p := w.refuse(t, 400, "ValidationError", "PATCH", "/calendar_events/"+w.ids["event"]+"/bot", body); !strings.HasPrefix(p.Message, says) {
			t.Errorf("%s: %q, want %s", body, p.Message, says)
		}
	}
}
