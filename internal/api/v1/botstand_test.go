package v1_test

import (
	"context"
	"testing"
	"time"

	v1 "steno/internal/api/v1"
	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/fail"
	"steno/internal/scribe"
	"steno/internal/store"
	"steno/internal/webhook"
	"steno/internal/zoom"
)

// addBots gives a surface the rooms that its operations on bots need.
func (s *stand) addBots(surface *v1.Surface) {
	clk := clock.Func(func() time.Time { return s.now })
	surface.Clock = clk
	surface.Zoom = &zoom.Service{Store: store.Zoom{DB: s.db, Vault: plain{}}, OAuth: plain{}, Clock: clk}
	surface.Webhooks = webhook.Service{Store: s.db, Vault: plain{}, Validate: s.bots.ValidURL, Clock: clk}
	s.bots.Services = scribe.Services{ByName: map[string]scribe.Provider{"gladia": {Ready: true}, "deepgram": {}}, Default: "gladia"}
}

func (plain) SealZoom(_, _ string, plain []byte) (string, error) { return string(plain), nil }
func (plain) OpenZoom(_, _, sealed string) ([]byte, error)       { return []byte(sealed), nil }

func (plain) SealWebhookSecret(_, _, secret string) (string, error) { return "sealed " + secret, nil }
func (plain) SealOldWebhookSecret(_, _, secret string) (string, error) {
	return "sealed " + secret, nil
}
func (plain) OpenWebhookSecret(_, _, sealed string) (string, error) { return sealed, nil }

// Exchange gives a grant for any code but one.
func (plain) Exchange(_ context.Context, c zoom.Code) (zoom.Grant, error) {
	if c.Code == "used" {
		return zoom.Grant{}, fail.New(fail.Invalid, zoom.CodeExchange, "Zoom refuses the code")
	}
	return zoom.Grant{AccessToken: "t", RefreshToken: "r", ExpiresIn: time.Hour, Scopes: "user:read:user", Person: zoom.Person{UserID: "zoom-user", AccountID: "acc"}}, nil
}

// fillBots makes the team's bots and its Zoom connection.
func (w *world) fillBots(t testing.TB) {
	t.Helper()
	w.ids["bot"] = w.join(t, `{"bot_name":"N","meeting_url":"https://zoom.us/j/1","extra":{"n":"2"}}`)
	w.ids["done"] = w.join(t, `{"bot_name":"Done","meeting_url":"https://zoom.us/j/2","extra":{"n":"1","customer":"42"}}`)
	w.finish(t, w.ids["done"])
	r := w.call(t, "POST", "/zoom_oauth_connections/", zoomCode)
	w.ids["connection"] = decode[struct{ UUID string }](t, r).UUID
}

const zoomCode = `{"authorization_code":"c","redirect_uri":"https://app.example/zoom","zoom_client_id":"id","zoom_client_secret":"canary-secret"}`

func (s *stand) join(t testing.TB, body string) string {
	t.Helper()
	return ok[struct {
		BotID string `json:"bot_id"`
	}](t, s, "POST", "/bots/", body).BotID
}

// finish has a bot record half an hour.
func (s *stand) finish(t testing.TB, id string) {
	t.Helper()
	if _, err := s.bots.Launch(t.Context(), id, "host"); err != nil {
		t.Fatal(err)
	}
	joined, left := s.now.Add(time.Minute), s.now.Add(31*time.Minute)
	people := []bot.Participant{{N: 1, Name: "Ada", TalkMS: 900}, {N: 2, Name: "Grace"}}
	err := s.bots.Apply(t.Context(), id, bot.Progress{
		Seq: 1, JoinedAt: &joined, ExitedAt: &left,
		Transitions: []bot.Transition{{Status: bot.JoiningCall, At: s.now}, {Status: bot.InCall, At: joined}, {Status: bot.Recording, At: joined}, {Status: bot.CallEnded, At: left}},
		Artifacts: []bot.StoredArtifact{
			{Kind: bot.KindVideo, Key: id + "/video.mp4"}, {Kind: bot.KindAudio, Key: id + "/output.flac"}, {Kind: bot.KindDiarization, Key: id + "/diarization.jsonl"},
			{Kind: bot.KindScreenshot, Name: bot.ShotName(1), Key: id + "/1.jpg"}, {Kind: bot.KindScreenshot, Name: bot.ShotName(2), Key: id + "/2.jpg"},
		},
		Result: &bot.Result{Duration: 30 * time.Minute, Participants: people, Speakers: people[:1]},
		Done:   &bot.Done{Status: bot.Completed, Code: bot.EndMeetingEnded, At: left},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func init() {
	for id, row := range map[string]sample{
		"join": {body: toZoom, bad: `{"bot_name":"N","meeting_url":"https://zoom.us/j/9","name":"unknown"}`, more: map[int]state{
			409: {body: `{"bot_name":"N","meeting_url":"https://zoom.us/j/1"}`},
		}},
		"leave":              {kind: "bot", more: map[int]state{409: {prepare: func(t testing.TB, w *world) { w.ids["bot"] = w.ids["done"] }}}},
		"get_meeting_data":   {kind: "done", query: "?bot_id={done}"},
		"delete_data":        {kind: "done", more: map[int]state{429: {prepare: deletedFive}}},
		"bots_with_metadata": {bad: "?limit=51"},
		"retranscribe_bot": {kind: "done", body: `{"bot_uuid":"{done}"}`, status: 202, more: map[int]state{
			409: {body: `{"bot_uuid":"{bot}"}`},
			422: {prepare: func(_ testing.TB, w *world) { w.bots.Services = nil }},
		}},
		"get_screenshots":                {kind: "done"},
		"webhook_documentation":          {never400: "it takes nothing", never500: true},
		"bot_webhook_documentation":      {never400: "it takes nothing", never500: true},
		"calendar_webhook_documentation": {never400: "it takes nothing", never500: true},
		"get_webhook_url":                {never400: "it takes nothing"},
		"set_webhook_url":                {body: `{"webhook_url":"https://hook.example"}`, bad: `{"webhook_url":"http://169.254.169.254/"}`},
		"list_zoom_oauth_connections":    {never400: "it takes nothing"},
		"create_zoom_oauth_connection":   {body: zoomCode, bad: `{"authorization_code":"used","redirect_uri":"https://app.example/zoom","zoom_client_id":"id","zoom_client_secret":"s"}`, status: 201},
		"get_zoom_oauth_connection":      {kind: "connection"},
		"delete_zoom_oauth_connection":   {kind: "connection", status: 204},
	} {
		samples[id] = row
	}
	sendingKeysMay["join"] = true
}

const toZoom = `{"bot_name":"N","meeting_url":"https://zoom.us/j/9"}`

func deletedFive(t testing.TB, w *world) {
	t.Helper()
	for range 5 {
		ok[any](t, w.stand, "POST", "/bots/"+w.ids["done"]+"/delete_data", "")
	}
}

// ours are operations that the reference does not have: an address that it only
// speaks of (digest 3.0).
var ours = map[string]bool{"get_webhook_url": true, "set_webhook_url": true}
