package main

import (
	"io"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"steno/internal/app"
	"steno/internal/config"
	"steno/internal/store"
	"steno/internal/webhook"
)

// steno runs a command line and returns its exit status and what it printed.
func steno(t *testing.T, dir string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	oldOut, oldErr := os.Stdout, os.Stderr
	out, outText := capture(t)
	err, errText := capture(t)
	os.Stdout, os.Stderr = out, err
	defer func() { os.Stdout, os.Stderr = oldOut, oldErr }()
	t.Setenv("STENO_DATA", dir)
	status = run(t.Context(), args)
	return status, outText(), errText()
}

// capture returns a file to print to and a function that reads it.
func capture(t *testing.T) (*os.File, func() string) {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	return f, func() string {
		defer f.Close()
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// house opens the data folder as a server would.
func house(t *testing.T, dir string, f func(h *app.House)) {
	t.Helper()
	h, err := app.Open(t.Context(), config.Storage{Data: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	f(h)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

var anyUUID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// The whole life of an endpoint on the command line.
func TestWebhooksAreManagedOnTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	ok := func(args ...string) string {
		t.Helper()
		status, out, errs := steno(t, dir, args...)
		if status != 0 {
			t.Fatalf("steno %s: status %d: %s", strings.Join(args, " "), status, errs)
		}
		return out
	}
	fails := func(want int, says string, args ...string) {
		t.Helper()
		status, _, errs := steno(t, dir, args...)
		if status != want || !strings.Contains(errs, says) {
			t.Errorf("steno %s: status %d, %q; want %d and %q", strings.Join(args, " "), status, errs, want, says)
		}
	}
	ok("key", "create")
	secret := ok("webhook", "add", "https://example.com/hook", "--name", "crm", "--event", "bot.failed")
	fails(1, "private", "webhook", "add", "http://10.0.0.1/")
	id := anyUUID.FindString(ok("webhook", "list"))
	if !strings.HasPrefix(secret, "whsec_") || id == "" {
		t.Fatalf("secret %q, id %q", secret, id)
	}
	fails(1, "say what to change", "webhook", "update", id)
	fails(1, "unknown event", "webhook", "update", id, "--event", "bot.exploded")
	fails(1, "private", "webhook", "update", id, "--url", "http://192.168.0.1/")
	fails(1, "there is no webhook", "webhook", "update", "nobody", "--name", "x")
	ok("webhook", "update", id, "--all-events", "--name", "billing", "--participants", "objects")
	if rotated := ok("webhook", "rotate", id); !strings.HasPrefix(rotated, "whsec_") || rotated == secret {
		t.Errorf("rotated to %q", rotated)
	}
	ok("webhook", "disable", id)
	if list := ok("webhook", "list"); !strings.Contains(list, "disabled") || !strings.Contains(list, "billing") || !strings.Contains(list, "all") || !strings.Contains(list, "objects") {
		t.Errorf("list:\n%s", list)
	}
	fails(1, "enable it first", "webhook", "recover", id, "--since", "1d")
	ok("webhook", "enable", id)

	house(t, dir, func(h *app.House) {
		team, err := h.Accounts.FindTeam(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		err = h.DB.InTx(t.Context(), func(tx *store.Tx) error {
			return tx.EmitWebhook(t.Context(), webhook.Event{TeamID: team.ID, Type: webhook.BotFailed, BotID: "b1", Payload: []byte(`{"event":"bot.failed"}`), At: time.Now().Add(-time.Hour)})
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	delivery := anyUUID.FindString(ok("webhook", "log", id, "--state", "pending"))
	fails(1, "on its way", "webhook", "replay", delivery)
	house(t, dir, func(h *app.House) {
		err := h.DB.InTx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.RecordAttempts(t.Context(), []store.Attempt{{
				DeliveryID: delivery, EndpointID: id, N: 7, At: time.Now(), Status: 503, State: webhook.Exhausted, Response: "\x1b[31mdown", Headers: `{"Server":["x"]}`, URL: "https://example.com/hook",
			}}, time.Now(), time.Time{})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	if log := ok("webhook", "log", id, "--since", "1d", "--bot", "b1"); !strings.Contains(log, "exhausted") || !strings.Contains(log, "503") {
		t.Errorf("log:\n%s", log)
	}
	show := ok("webhook", "show", delivery)
	for _, want := range []string{"POST https://example.com/hook", `{"event":"bot.failed"}`, "> X-Steno-Sequence: \"1\"", "> Webhook-Signature: \"[redacted]\"", "< 503", `\x1b[31mdown`} {
		if !strings.Contains(show, want) {
			t.Errorf("show lacks %q:\n%s", want, show)
		}
	}
	if out := ok("webhook", "recover", id, "--since", "1d"); out != "1 messages queued\n" {
		t.Errorf("recover: %q", out)
	}
	if out := ok("webhook", "recover", id, "--since", "2026-01-01"); out != "0 messages queued\n" {
		t.Errorf("recover again: %q", out)
	}
	fails(2, "how long ago", "webhook", "recover", id, "--since", "soon")
	fails(2, "since", "webhook", "recover", id)
	fails(1, "--until goes with --since", "webhook", "replay", delivery, "--until", "1d")
	fails(1, "there is no delivery", "webhook", "show", "nothing")
	ok("team", "rename", "default", "red")
	if !strings.Contains(ok("team", "list"), "red") {
		t.Error("the team has its old name")
	}
	ok("webhook", "remove", id)
	fails(1, "there is no webhook", "webhook", "remove", id)
	status, key, hint := steno(t, dir, "key", "admin")
	if status != 0 || !strings.HasPrefix(key, "sta_") || !strings.Contains(hint, "STENO_ADMIN_KEY=sha256:") || strings.Contains(hint, strings.TrimSpace(key)) {
		t.Errorf("admin key %q, %q", key, hint)
	}
}
