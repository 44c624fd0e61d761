package sdk

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"steno/demo"
	"steno/internal/provider/zoom/zoomtest"
)

// The published SDK, which speaks API v1 unless it is told otherwise, calls all
// methods that are not about calendars; every answer is held against the
// reference, and a bot's own address hears of its end with the key that sent it.
func TestTheBotsOfV1WithThePublishedSDK(t *testing.T) {
	zoom := zoomtest.New(t)
	hook := newEar(t)
	s, err := demo.NewStage(t.Context(), demo.StageOptions{
		Binary: program(t), Data: t.TempDir(), Args: []string{"--roles", "api,worker", "--allow-private-targets", "127.0.0.0/8"},
		Env: []string{"STENO_ZOOM_OAUTH_URL=" + zoom.URL, "STENO_ZOOM_API_URL=" + zoom.API()},
	})
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.Command(t.Context(), "key", "create")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Command(t.Context(), "limits", "set", "--requests-per-second", "none"); err != nil {
		t.Fatal(err)
	}
	base, watch := serve(t, s)
	app, err := json.Marshal(map[string]string{
		"client_id": zoom.ClientID, "client_secret": zoom.ClientSecret, "redirect_uri": zoom.RedirectURI,
		"code": zoom.Authorise("once", zoomtest.User{ID: "zoom-user", Account: "zoom-account"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "bots-v1.mjs")
	cmd.Env = append(os.Environ(), "MB_URL="+base, "MB_KEY="+key, "MB_HOOK="+hook.URL, "MB_ZOOM="+string(app))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("node bots-v1.mjs: %v\n%s\nthe server's log:\n%s", err, out, s.Log())
	}
	for id, status := range map[string]int{
		"join": 200, "leave": 200, "get_meeting_data": 200, "delete_data": 200, "bots_with_metadata": 200, "retranscribe_bot": 422, "get_screenshots": 200,
		"webhook_documentation": 200, "bot_webhook_documentation": 200, "calendar_webhook_documentation": 200,
		"list_zoom_oauth_connections": 200, "create_zoom_oauth_connection": 201, "get_zoom_oauth_connection": 200, "delete_zoom_oauth_connection": 204,
	} {
		if watch.Count(id, status) == 0 {
			t.Errorf("the SDK was not answered %d by %s", status, id)
		}
	}
	hook.wait(t, key, "failed")
}

// ear is a receiver of webhooks.
type ear struct {
	*httptest.Server
	mu    sync.Mutex
	heard map[string]string // the API key that came with it, by event
}

func newEar(t *testing.T) *ear {
	t.Helper()
	e := &ear{heard: map[string]string{}}
	e.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct{ Event string }
		_ = json.NewDecoder(r.Body).Decode(&m)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.heard[m.Event] = r.Header.Get("x-meeting-baas-api-key")
	}))
	t.Cleanup(e.Close)
	return e
}

// wait waits for an event, which must come with that key.
func (e *ear) wait(t *testing.T, key, event string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		e.mu.Lock()
		got, ok := e.heard[event]
		e.mu.Unlock()
		if ok {
			if got != key {
				t.Errorf("%s came with the key %q", event, got)
			}
			return
		}
	}
	t.Errorf("%s was not told", event)
}
