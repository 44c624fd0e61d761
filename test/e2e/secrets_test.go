package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"steno/lab"
	simulator "steno/simulator/service"
	"steno/simulator/transcription"
)

// Proves A5: secrets that were put in everywhere are found nowhere in clear:
// not in the database and its log, not in the bot's folder, not in what the
// server prints and answers, not in the environment and arguments of the bot's
// processes; also not after a crash.
func TestNoSecretLeaks(t *testing.T) {
	t.Parallel()
	masterKey := make([]byte, 32)
	if _, err := rand.Read(masterKey); err != nil {
		t.Fatal(err)
	}
	canaries := map[string]string{
		"master key": base64.StdEncoding.EncodeToString(masterKey), "callback secret": canary(), "transcription key": canary(),
		"live transcript's key": canary(), "wrong API key": "stn_" + canary(),
	}
	service, err := transcription.Start(transcription.Options{
		Options: simulator.Options{Polite: true}, Service: "deepgram", Keys: []string{canaries["transcription key"], canaries["live transcript's key"]},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	h := openWith(t, []string{"STENO_SECRET_KEY=" + canaries["master key"], "STENO_DEEPGRAM_URL=" + service.Address()}, nil)
	canaries["API key"] = h.Key
	secret, err := h.Command(t.Context(), "webhook", "add", h.hooks.URL()+"/second")
	if err != nil {
		t.Fatal(err)
	}
	canaries["webhook secret"] = strings.TrimPrefix(secret, "whsec_")

	called := make(chan string, 8)
	callback := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called <- r.Header.Get("x-mb-secret")
	}))
	defer callback.Close()
	m := h.meet(lab.Conversation("abc-defg-hij", 2, 12*time.Second))
	id := h.send(m, map[string]any{
		"recording_mode": "audio_only", "callback_enabled": true,
		"callback_config":       map[string]any{"url": callback.URL, "secret": canaries["callback secret"]},
		"transcription_enabled": true, "transcription_config": map[string]any{"provider": "deepgram", "api_key": canaries["transcription key"]},
		"live_transcript": map[string]any{"provider": "deepgram", "api_key": canaries["live transcript's key"]},
	})
	seen := h.watch(id)
	h.eventually("a recording", time.Minute, func() bool { return seen.epoch() > 0 })
	pid, err := h.BotPID(id)
	if err != nil {
		t.Fatal(err)
	}
	h.eventually("the live transcript's key is used", time.Minute, func() bool { return service.Sessions() > 0 })
	for where, text := range processTexts(t, pid) {
		wantClean(t, where, text, canaries)
	}
	for where, text := range h.answers(canaries["wrong API key"]) {
		wantClean(t, where, text, canaries)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := m.WaitAllSaid(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantFilesClean(t, h.data, canaries) // with journal, segments and the database's log
	m.End()
	h.final(id, "bot.completed")
	select {
	case got := <-called:
		if got != canaries["callback secret"] {
			t.Errorf("the callback carries the secret %q", got)
		}
	case <-time.After(20 * time.Second):
		t.Error("the callback did not come")
	}
	if err := h.Stop(); err != nil {
		t.Fatal(err)
	}
	wantFilesClean(t, h.data, canaries)
}

func canary() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b)
	return "canary" + hex.EncodeToString(b)
}

// answers collects what the server says to bad and good requests.
func (h *house) answers(wrongKey string) map[string]string {
	h.t.Helper()
	texts := map[string]string{}
	ask := func(name, method, path, key, body string) {
		req, err := http.NewRequestWithContext(h.t.Context(), method, h.Base+path, strings.NewReader(body))
		if err != nil {
			h.t.Fatal(err)
		}
		req.Header.Set("x-meeting-baas-api-key", key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			h.t.Fatal(err)
		}
		defer resp.Body.Close()
		data, _ := io.ReadAll(resp.Body)
		texts[name] = string(data)
	}
	ask("answer to a wrong key", http.MethodGet, "/v2/bots", wrongKey, "")
	ask("answer to broken JSON", http.MethodPost, "/v2/bots", h.Key, `{"bot_name": `)
	ask("list", http.MethodGet, "/v2/bots", h.Key, "")
	ask("metrics", http.MethodGet, "/metrics", "", "")
	ask("openapi", http.MethodGet, "/openapi.json", "", "")
	return texts
}

// processTexts reads arguments and environment of a process and all below it.
func processTexts(t *testing.T, pid int) map[string]string {
	t.Helper()
	texts := map[string]string{}
	var walk func(pid int)
	walk = func(pid int) {
		dir := "/proc/" + strconv.Itoa(pid)
		for _, file := range []string{"cmdline", "environ"} {
			if data, err := os.ReadFile(filepath.Join(dir, file)); err == nil {
				texts[file+" of "+strconv.Itoa(pid)] = string(data)
			}
		}
		tasks, _ := filepath.Glob(dir + "/task/*/children")
		for _, task := range tasks {
			list, _ := os.ReadFile(task)
			for _, child := range strings.Fields(string(list)) {
				if n, err := strconv.Atoi(child); err == nil {
					walk(n)
				}
			}
		}
	}
	walk(pid)
	if len(texts) < 6 {
		t.Errorf("only %d texts of the bot's processes were read; expected bot, browser and composer", len(texts))
	}
	return texts
}

func wantFilesClean(t *testing.T, dir string, canaries map[string]string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // a file that went away meanwhile holds nothing
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil //nolint:nilerr // the same
		}
		files++
		for name, value := range canaries {
			if bytes.Contains(data, []byte(value)) {
				t.Errorf("%s is in clear in %s", name, path)
			}
		}
		return nil
	})
	if err != nil || files < 3 {
		t.Errorf("%d files looked at, %v", files, err)
	}
}

func wantClean(t *testing.T, where, text string, canaries map[string]string) {
	t.Helper()
	for name, value := range canaries {
		if strings.Contains(text, value) {
			t.Errorf("%s is in clear in the %s", name, where)
		}
	}
}
