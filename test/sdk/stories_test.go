package sdk

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"testing"

	"steno/demo"
	"steno/test/contract"
	"steno/test/internal/testbin"
)

// program is the one that the build made, else one built here.
func program(t *testing.T) string {
	t.Helper()
	file, remove, err := testbin.Find()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	return file
}

// serve starts a server process, and in front of it a proxy that holds every
// answer against the reference.
func serve(t *testing.T, s *demo.Stage) (base string, watch *contract.Watch) {
	t.Helper()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	to, err := url.Parse(s.Base)
	if err != nil {
		t.Fatal(err)
	}
	watch = &contract.Watch{Failed: t.Errorf}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.Transport = watch.Transport(http.DefaultTransport)
	web := httptest.NewServer(proxy)
	t.Cleanup(web.Close)
	return web.URL, watch
}

// The published SDK lives through whole stories with a real server process, and
// every answer on the way is held against the reference.
func TestStoriesOfThePublishedSDK(t *testing.T) {
	s, err := demo.NewStage(t.Context(), demo.StageOptions{Binary: program(t), Data: t.TempDir(), Args: []string{"--roles", "api"}, Env: []string{"STENO_LOG_FORMAT=json"}})
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	steno := func(args ...string) string {
		out, err := s.Command(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, team := range []string{"life", "batch", "schedule", "deduplication", "cap", "tokens", "pages", "zoom"} {
		steno("team", "create", team)
		keys[team] = steno("key", "create", "--team", team)
	}
	steno("limits", "set", "--team", "cap", "--bots-per-day", "7")
	steno("tokens", "give", "--team", "tokens", "2.25")
	base, _ := serve(t, s)

	text, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "stories.mjs")
	cmd.Env = append(os.Environ(), "MB_URL="+base, "MB_KEYS="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node stories.mjs: %v", err)
	}
	var told map[string]string
	if err := json.Unmarshal(out, &told); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for team := range keys {
		problem, ok := told[team]
		if !ok || problem != "" {
			t.Errorf("%s (told: %v): %s", team, ok, problem)
		}
	}
	if t.Failed() {
		t.Logf("the server's log:\n%s", s.Log())
	}
}
