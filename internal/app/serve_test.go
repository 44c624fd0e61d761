package app

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"steno/internal/account"
	"steno/internal/config"
	"steno/internal/provider/zoom/zoomtest"
	"steno/internal/store/storetest"
	"steno/internal/webhook"
)

func TestMain(m *testing.M) {
	if os.Getenv(retainVariable) != "" {
		os.Exit(retainChild())
	}
	os.Exit(storetest.Main(m))
}

// safeBuffer is a log that tests may read while the server writes.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// running is a server inside the test.
type running struct {
	url  string
	log  *safeBuffer
	stop func() error
}

func options(t *testing.T, dir, databaseURL string) config.Serve {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return config.Serve{
		Storage: config.Storage{Data: dir, DatabaseURL: databaseURL}, Listen: l.Addr().String(), Roles: []string{"api", "worker"},
		Targets: config.Targets{AllowPrivateTargets: []string{"127.0.0.0/8"}},
	}
}

func start(t *testing.T, o config.Serve) *running {
	t.Helper()
	log := &safeBuffer{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(ctx, o, "test", slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	}()
	once := sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = once() })
	deadline := time.After(30 * time.Second)
	for {
		resp, err := http.Get("http://" + o.Listen + "/health") //nolint:noctx // a test
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return &running{url: "http://" + o.Listen, log: log, stop: once}
			}
		}
		select {
		case err := <-ended:
			t.Fatalf("the server ended: %v", err)
		case <-deadline:
			t.Fatalf("the server is not ready: %s", log)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestServerStartsAnswersAndStops(t *testing.T) {
	storetestURLs(t, func(t *testing.T, databaseURL string) {
		r := start(t, options(t, t.TempDir(), databaseURL))
		for path, want := range map[string]string{
			"/health": `"ok"`, "/liveness": `"ok"`, "/status/features": `"selfHosted":true`, "/metrics": "steno_http_request_seconds",
			"/openapi.json": `"operationId":"create_calendar"`, "/v2/openapi.json": `"operationId":"createBot"`, "/artifacts/x/y": `"success":false`, "/nothing": "FST_ERR_NOT_FOUND",
			"/v2/nothing": "FST_ERR_NOT_FOUND", "/calendars/": `"code":"InvalidApiKey"`, "/calendars/a/b/c": `"code":"NotFound"`,
		} {
			resp, err := http.Get(r.url + path) //nolint:noctx // a test
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || !strings.Contains(string(text), want) {
				t.Errorf("%s: %.300s (%v), want %s", path, text, err, want)
			}
		}
		if err := r.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
		if _, err := http.Get(r.url + "/health"); err == nil { //nolint:noctx // a test
			t.Error("it still answers")
		}
	})
}

func storetestURLs(t *testing.T, test func(t *testing.T, databaseURL string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, "") })
	t.Run("postgres", func(t *testing.T) { test(t, storetest.PostgresURL(t)) })
}

// The admin API is there for operators only, and not at all without a key.
func TestTheAdminAPIIsOffUntilItHasAKey(t *testing.T) {
	key, hashed := account.NewAdminKey()
	with := options(t, t.TempDir(), "")
	with.AdminKey = []string{hashed}
	on, off := start(t, with), start(t, options(t, t.TempDir(), ""))
	status := func(url, key string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	for path, want := range map[string]int{"/admin/v1/teams": 200, "/admin/v1/openapi.json": 200, "/v2/bots": 401} {
		if got := status(on.url+path, key); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
		if got := status(off.url+path, key); path != "/v2/bots" && got != http.StatusNotFound {
			t.Errorf("%s without a configured key: %d", path, got)
		}
	}
	if got := status(on.url+"/admin/v1/teams", key+"x"); got != http.StatusUnauthorized {
		t.Errorf("a wrong key: %d", got)
	}
}

// What an operator gets wrong must be told in a line that says what to do.
func TestMistakesOfTheOperatorAreExplained(t *testing.T) {
	dir := t.TempDir()
	o := options(t, dir, "")
	start(t, o)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken := options(t, t.TempDir(), "")
	taken.Listen = o.Listen
	second := options(t, dir, "")
	badKey := options(t, t.TempDir(), "")
	badKey.SecretKey = "short"
	badStorage := options(t, t.TempDir(), "")
	badStorage.StorageURL = "ftp://x"
	badListen := options(t, t.TempDir(), "")
	badListen.Listen = "nonsense"
	for name, c := range map[string]struct {
		o    config.Serve
		want []string
	}{
		"port taken":         {taken, []string{o.Listen, "taken", "--listen"}},
		"data folder in use": {second, []string{"another steno serve", dir, "--data"}},
		"data in a file":     {options(t, filepath.Join(file, "data"), ""), []string{file, "--data"}},
		"database URL":       {options(t, t.TempDir(), "postgres://nobody:hush@127.0.0.1:1/none"), []string{"127.0.0.1:1/none", "--database-url"}},
		"no database URL":    {options(t, t.TempDir(), "postgres://%zz hush"), []string{"--database-url"}},
		"secret key":         {badKey, []string{"32 bytes"}},
		"storage":            {badStorage, []string{"--storage-url"}},
		"address":            {badListen, []string{"nonsense", "--listen"}},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := Serve(ctx, c.o, "test", slog.New(slog.DiscardHandler))
		cancel()
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
		}
		if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q", name, err)
		}
	}
}

// Proves A5 for the server: secrets that were planted as API key, callback
// secret, keys of services and tokens leave no trace in clear in the database,
// its log, our log, or what the API answers.
func TestNoSecretLeaves(t *testing.T) {
	canaries := map[string]string{
		"callback": "canary-callback-3f9a", "gladia": "canary-gladia-77b1", "obf": "canary-obf-c0de", "unused": "canary-unused-5e5e", "wrong key": "canary-wrong-key-9d2c",
	}
	got := make(chan http.Header, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header }))
	t.Cleanup(receiver.Close)
	dir := t.TempDir()
	house, err := Open(t.Context(), config.Storage{Data: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	team, err := house.Accounts.CreateTeam(t.Context(), "red")
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := house.Accounts.CreateKey(t.Context(), account.NewKey{TeamID: team.ID, Name: "k", Permission: account.Full})
	if err != nil {
		t.Fatal(err)
	}
	canaries["api key"] = key[8:] // the hint shows the beginning
	hooks := webhook.Service{Store: house.DB, Vault: house.Vault, Validate: func(string) error { return nil }, Clock: house.Clock}
	_, secret, err := hooks.Add(t.Context(), webhook.New{TeamID: team.ID, URL: receiver.URL})
	if err != nil {
		t.Fatal(err)
	}
	canaries["webhook"] = strings.TrimPrefix(secret, "whsec_")
	if err := house.Close(); err != nil {
		t.Fatal(err)
	}
	o, zoom := options(t, dir, ""), zoomtest.New(t)
	o.ZoomOAuthURL, o.ZoomAPIURL = zoom.URL, zoom.API()
	zoom.Authorise("canary-zoom-code", zoomtest.User{ID: "zu-1"})
	canaries["zoom secret"], canaries["zoom code and tokens"] = zoom.ClientSecret, "canary-zoom-code"
	r := start(t, o)
	var answers strings.Builder
	call := func(key, method, path, body string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("x-meeting-baas-api-key", key)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		answers.Write(text)
		return string(text)
	}
	secrets := `"transcription_enabled":true,"transcription_config":{"api_key":"` + canaries["gladia"] + `"},"zoom_config":{"obf_token":"` + canaries["obf"] +
		`"},"callback_enabled":true,"callback_config":{"url":"` + receiver.URL + `","secret":"` + canaries["callback"] + `"}`
	made := call(key, "POST", "/v2/bots", `{"bot_name":"N","meeting_url":"https://zoom.us/j/1",`+secrets+`}`)
	var out struct {
		Data struct {
			BotID string `json:"bot_id"`
		}
	}
	if err := json.Unmarshal([]byte(made), &out); err != nil || out.Data.BotID == "" {
		t.Fatalf("create: %s", made)
	}
	call(key, "POST", "/v2/bots", `{"bot_name":"",`+secrets+`}`)                                                          // refused
	call(key, "POST", "/v2/bots", `{"bot_name":"N","callback_config":{"secret":["`+canaries["unused"]+`"]},`+secrets+`}`) // of the wrong type
	call(key, "POST", "/v2/bots", `{"callback_config":{"secret":"`+canaries["unused"]+`"`)                                // torn
	call(canaries["wrong key"], "GET", "/v2/bots", "")                                                                    // unknown
	call(key, "GET", "/v2/bots", "")                                                                                      // all
	call(key, "GET", "/v2/bots/"+out.Data.BotID, "")                                                                      // details
	call(key, "POST", "/v2/bots/"+out.Data.BotID+"/leave", "")                                                            // ends: callback and webhooks
	keys := `"client_id":"` + zoom.ClientID + `","client_secret":"` + zoom.ClientSecret + `","redirect_uri":"` + zoom.RedirectURI + `","authorization_code":"canary-zoom-code"`
	if made := call(key, "POST", "/v2/zoom-credentials", `{"name":"Z",`+keys+`}`); !strings.Contains(made, "zu-1") {
		t.Fatalf("create: %s", made)
	}
	call(key, "POST", "/v2/zoom-credentials", `{"name":"Z",`+keys+`}`) // the code was used; Zoom repeats it in its refusal
	call(key, "POST", "/v2/zoom-credentials", `{"name":5,`+keys+`}`)
	call(key, "GET", "/v2/zoom-credentials", "")
	call("", "GET", "/metrics", "")
	waitForCallback(t, got, canaries["callback"])
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"log": r.log.String(), "answers": answers.String()}
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		texts[filepath.Base(path)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(texts["steno.db"]) == 0 {
		t.Fatal("the database was not looked at")
	}
	for where, text := range texts {
		for name, canary := range canaries {
			if strings.Contains(text, canary) {
				t.Errorf("the secret %q is in clear in: %s", name, where)
			}
		}
	}
}

// waitForCallback waits until the receiver got the bot's callback, which must
// carry the secret in clear: it is meant for that receiver alone.
func waitForCallback(t *testing.T, got <-chan http.Header, secret string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case h := <-got:
			if h.Get("x-mb-secret") == secret {
				return
			}
		case <-deadline:
			t.Fatal("the callback did not come")
		}
	}
}

func TestHostKeepsItsName(t *testing.T) {
	dir := t.TempDir()
	first, err := hostID(dir)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := hostID(dir); err != nil || second != first {
		t.Errorf("%s, then %s (%v)", first, second, err)
	}
}
