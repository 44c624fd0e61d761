package bot_test

import (
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/fail"
)

// A bot that wants to be alone in its meeting is alone among those with its key
// (C68).
func TestADedupKeySetsBotsApart(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		another := false
		order := func(key string) error {
			_, err := h.Create(t.Context(), "red", bot.Request{Name: "N", MeetingURL: meetURL, AllowMultiple: &another, DedupKey: key})
			return err
		}
		for _, c := range []struct {
			key  string
			free bool
		}{{"", true}, {"", false}, {"a", true}, {"a", false}, {"A", true}, {"", false}, {"b", true}} {
			if err := order(c.key); (err == nil) != c.free || err != nil && (fail.As(err) == nil || fail.As(err).Code != bot.CodeAlreadyExists) {
				t.Errorf("key %q: %v, want free %v", c.key, err, c.free)
			}
		}
		h.now = h.now.Add(5*time.Minute + time.Second)
		if err := order("a"); err != nil {
			t.Errorf("after five minutes: %v", err)
		}
	})
}

// What only API v1 asks for is kept; the password of a Zoom app is sealed.
func TestWhatOnlyV1AsksForIsKept(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		asked := bot.V1{WebhookURL: "https://hooks.example", Provider: "Runpod", ZoomSDK: "sdk", ZoomSDKPwd: "canary"}
		id := h.create(t, "red", bot.Request{V1: &asked, DedupKey: "k"})
		d, err := h.Details(t.Context(), "red", id)
		if want := (bot.V1{WebhookURL: "https://hooks.example", Provider: "Runpod", ZoomSDK: "sdk"}); err != nil || d.Config.V1 == nil || *d.Config.V1 != want || d.Config.DedupKey != "k" {
			t.Errorf("%+v, %v", d.Config, err)
		}
		if _, err := h.Create(t.Context(), "red", bot.Request{Name: "N", MeetingURL: meetURL, V1: &bot.V1{WebhookURL: "http://x.example"}}); !fail.Is(err, fail.Invalid) {
			t.Errorf("a forbidden webhook_url: %v", err)
		}
	})
}
