package v2_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"steno/internal/api/httpx"
	v2 "steno/internal/api/v2"
	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/store/storetest"
)

// listening serves the stand as `steno serve` does and returns its address.
func (s *stand) listening(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web, ended := httpx.Server(s.Config.Handler, slog.New(slog.DiscardHandler)), make(chan error)
	go func() { ended <- web.Serve(httpx.Refuse(l, v2.Refusal)) }()
	t.Cleanup(func() { _ = web.Close(); <-ended })
	return l.Addr().String()
}

// raw sends bytes and reads one answer. A request that ends early ends there.
func raw(t *testing.T, addr, text string, ends bool) reply {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		_, _ = io.WriteString(conn, text) // the server may have had enough
		if ends {
			_ = conn.(*net.TCPConn).CloseWrite()
		}
	}()
	method, _, _ := strings.Cut(text, " ")
	r, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%.60q: %v", text, err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("%.60q: %v", text, err)
	}
	return reply{r.StatusCode, r.Header, string(body)}
}

// Whatever comes over the wire, the answer is JSON with the six keys, and no
// 5xx but for what we really do not speak.
func TestEveryRefusalIsJSON(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	addr, key, typed := s.listening(t), "X-Meeting-Baas-Api-Key: "+s.key+"\r\n", "Content-Type: application/json\r\n"
	get := func(path, headers string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + key + headers + "\r\n"
	}
	post := func(headers, body string) string {
		return "POST /v2/bots HTTP/1.1\r\nHost: x\r\n" + key + headers + "\r\n" + body
	}
	as := func(method, target string) string { return strings.Replace(get(target, ""), "GET", method, 1) }
	for name, c := range map[string]struct {
		text   string
		status int
		code   string
		ends   bool
	}{
		"HEAD": {as("HEAD", "/v2/bots"), 405, "", false}, "OPTIONS": {as("OPTIONS", "/v2/bots"), 405, "FST_ERR_METHOD_NOT_ALLOWED", false},
		"OPTIONS *": {as("OPTIONS", "*"), 404, "FST_ERR_NOT_FOUND", false}, "TRACE": {as("TRACE", "/v2/bots"), 405, "FST_ERR_METHOD_NOT_ALLOWED", false},
		"CONNECT": {as("CONNECT", "x.example:80"), 404, "FST_ERR_NOT_FOUND", false}, "small letters": {as("get", "/v2/bots"), 405, "FST_ERR_METHOD_NOT_ALLOWED", false},
		"unknown method": {as("FOO", "/v2/bots"), 405, "FST_ERR_METHOD_NOT_ALLOWED", false}, "unknown method, unknown path": {as("FOO", "/v2/x"), 405, "FST_ERR_METHOD_NOT_ALLOWED", false},
		"absolute": {get("http://x/v2/nothing", ""), 404, "FST_ERR_NOT_FOUND", false}, "double slash": {get("//v2//bots", ""), 404, "FST_ERR_NOT_FOUND", false},
		"dots": {get("/v2/../v2/bots", ""), 404, "FST_ERR_NOT_FOUND", false}, "NUL in the path": {get("/v2/bots/%00", ""), 400, "FST_ERR_VALIDATION", false},
		"bad escape in the path": {get("/v2/bots/%zz", ""), 400, "FST_ERR_BAD_REQUEST", false}, "slash in an id": {get("/v2/bots/a%2fb", ""), 400, "FST_ERR_VALIDATION", false},
		"bad escape in the query": {get("/v2/bots?limit=%zz", ""), 400, "FST_ERR_VALIDATION", false}, "semicolon": {get("/v2/bots?limit=1;status=2", ""), 400, "FST_ERR_VALIDATION", false},
		"HTTP/1.0": {"GET /v2/nothing HTTP/1.0\r\n\r\n", 404, "FST_ERR_NOT_FOUND", false}, "HTTP/0.9": {"GET /v2/nothing\r\n\r\n", 400, "FST_ERR_BAD_REQUEST", false},
		"HTTP/3": {"GET /v2/nothing HTTP/3.0\r\nHost: x\r\n\r\n", 505, "FST_ERR_BAD_REQUEST", false}, "HTTP/2": {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 405, "FST_ERR_METHOD_NOT_ALLOWED", false},
		"upgrade to HTTP/2":    {get("/v2/nothing", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"), 404, "FST_ERR_NOT_FOUND", false},
		"upgrade to WebSocket": {get("/v2/bots/x", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"), 400, "FST_ERR_VALIDATION", false},
		"no host":              {"GET /v2/bots HTTP/1.1\r\n\r\n", 400, "FST_ERR_BAD_REQUEST", false}, "two hosts": {get("/v2/bots", "Host: y\r\n"), 400, "FST_ERR_BAD_REQUEST", false},
		"strange expectation": {get("/v2/bots", "Expect: miracles\r\n"), 417, "FST_ERR_BAD_REQUEST", false},
		"TLS":                 {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400, "FST_ERR_BAD_REQUEST", false}, "large header": {get("/v2/bots", "X: "+strings.Repeat("x", 100<<10)+"\r\n"), 431, "FST_ERR_BAD_REQUEST", false},
		"NUL in a header": {get("/v2/bots", "X: a\x00b\r\n"), 400, "FST_ERR_BAD_REQUEST", false}, "space in a header": {get("/v2/bots", "X : a\r\n"), 400, "FST_ERR_BAD_REQUEST", false},
		"unknown encoding": {post(typed+"Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501, "FST_ERR_BAD_REQUEST", false}, "negative length": {post(typed+"Content-Length: -1\r\n", ""), 400, "FST_ERR_BAD_REQUEST", false},
		"two lengths": {post(typed+"Content-Length: 2\r\nContent-Length: 3\r\n", "{}"), 400, "FST_ERR_BAD_REQUEST", false}, "bad chunk": {post(typed+"Transfer-Encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n"), 400, "FST_ERR_VALIDATION", false},
		"bad end of a chunk": {post(typed+"Transfer-Encoding: chunked\r\n", "2\r\n{}xx0\r\n\r\n"), 400, "FST_ERR_VALIDATION", false}, "huge chunk": {post(typed+"Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n{}"), 400, "FST_ERR_VALIDATION", false},
		"cut chunk": {post(typed+"Transfer-Encoding: chunked\r\n", "20\r\n{}"), 400, "FST_ERR_VALIDATION", true}, "cut body": {post(typed+"Content-Length: 20\r\n", "{}"), 400, "FST_ERR_VALIDATION", true},
		"text": {post("Content-Type: text/plain\r\nContent-Length: 2\r\n", "{}"), 415, "FST_ERR_CTP_INVALID_MEDIA_TYPE", false}, "form": {post("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n", "a="), 415, "FST_ERR_CTP_INVALID_MEDIA_TYPE", false},
		"multipart": {post("Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 2\r\n", "a="), 415, "FST_ERR_CTP_INVALID_MEDIA_TYPE", false}, "strange type": {post("Content-Type: ;;;\r\nContent-Length: 2\r\n", "{}"), 400, "FST_ERR_VALIDATION", false},
		"compressed":  {post(typed+"Content-Encoding: gzip\r\nContent-Length: 4\r\n", "\x1f\x8b\x08\x00"), 400, "FST_ERR_VALIDATION", false},
		"HTML wanted": {strings.Replace(post(typed+"Content-Length: 2\r\n", "{}"), "\r\n", "\r\nAccept: text/html\r\n", 1), 400, "FST_ERR_VALIDATION", false},
		"odd wishes":  {get("/v2/bots/x", "Accept: ;;;,,/\r\n"), 400, "FST_ERR_VALIDATION", false}, "CBOR wanted": {get("/v2/bots/x", "Accept: application/cbor;q=0.1, application/json;q=0\r\n"), 400, "FST_ERR_VALIDATION", false},
	} {
		r := raw(t, addr, c.text, c.ends)
		if c.code == "" { // no body
			if r.status != c.status || r.header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: %d %v", name, r.status, r.header)
			}
			continue
		}
		if code, _, _ := r.problem(t); r.status != c.status || code != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, r.status, r.body, c.status, c.code)
		}
		if allow := r.header.Get("Allow"); strings.HasSuffix(name, "OPTIONS") && allow != "GET, POST" {
			t.Errorf("%s: allowed are %q", name, allow)
		}
	}
	// The worst wishes are no reason to fail, where all else is well.
	if r := raw(t, addr, get("/v2/bots", "Accept: ;;;,,/\r\nRange: bytes=0-1\r\nIf-None-Match: *\r\n"), false); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// A client may close its half of the connection behind its request: it still
// gets its answer. Which of the two the server sees first is a matter of luck.
func TestAHalfClosedConnectionGetsItsAnswer(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	addr := s.listening(t)
	for range 30 {
		text := "GET /v2/bots HTTP/1.1\r\nHost: x\r\nX-Meeting-Baas-Api-Key: " + s.key + "\r\n\r\n"
		if r := raw(t, addr, text, true); r.status != http.StatusOK {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
}

// A client that sends too much hears so, instead of a broken connection.
func TestTooMuchIsRefusedInWords(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	addr := s.listening(t)
	for name, body := range map[string]io.Reader{
		"known length":   bytes.NewReader(bytes.Repeat([]byte("x"), 10<<20)),
		"unknown length": io.MultiReader(strings.NewReader(`{"bot_name":"`), bytes.NewReader(bytes.Repeat([]byte("x"), 10<<20))),
	} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr+"/v2/bots", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(v2.KeyHeader, s.key)
		r.Header.Set("Content-Type", "application/json")
		resp, err := s.Client().Do(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if code, _, _ := (reply{resp.StatusCode, resp.Header, string(text)}).problem(t); code != "FST_ERR_CTP_BODY_TOO_LARGE" {
			t.Errorf("%s: %d %s", name, resp.StatusCode, text)
		}
	}
}

// slowBots never answer by themselves.
type slowBots struct{ v2.Bots }

func (slowBots) TranscriptionStatus(ctx context.Context, _, _ string) (bot.Bot, string, error) {
	<-ctx.Done()
	return bot.Bot{}, "", ctx.Err()
}

// late is a body that does not come.
type late struct{}

func (late) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

func TestWhatTakesTooLongIsAnsweredAllTheSame(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	for _, c := range []struct {
		method, path string
		body         io.Reader
		patience     time.Duration
		status       int
		code         string
	}{
		{"GET", "/v2/bots/" + nobody + "/status", nil, time.Millisecond, 503, "FST_ERR_SERVICE_UNAVAILABLE"},
		{"POST", "/v2/bots", late{}, time.Minute, 408, "FST_ERR_REQUEST_TIMEOUT"},
	} {
		r := chi.NewRouter()
		(&v2.Surface{
			Bots: slowBots{}, Accounts: s.accounts, Clock: clock.Func(func() time.Time { return s.now }), Log: slog.New(slog.DiscardHandler), Patience: c.patience,
		}).Mount(r)
		req, err := http.NewRequestWithContext(t.Context(), c.method, c.path, c.body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(v2.KeyHeader, s.key)
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		if code, _, _ := (reply{w.Code, w.Header(), w.Body.String()}).problem(t); w.Code != c.status || code != c.code {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
	}
}

// Issues name field, rule and value; of many, the first are told and counted.
func TestIssuesAreBounded(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	r := s.call(t, s.key, "POST", "/v2/bots", `{"bot_name":7,"meeting_url":"https://zoom.us/j/1","bot_image":[`+strings.Repeat("1,", 5)+`1],"recording_mode":"`+strings.Repeat("x", 5000)+`","timeout_config":{"silence_timeout":1}}`)
	_, message, details := r.problem(t)
	var issues []bot.Issue
	if err := json.Unmarshal([]byte(details), &issues); err != nil || len(issues) == 0 || len(issues) > 20 || len(r.body) > 10_000 {
		t.Errorf("%d issues in %d bytes (%v): %s", len(issues), len(r.body), err, r.body)
	}
	for _, want := range []string{`{"pointer":"/bot_name","rule":"expected string","value":7}`, `{"pointer":"/timeout_config/silence_timeout","rule":"expected number >= 300","value":1}`} {
		if !strings.Contains(details, want) {
			t.Errorf("%s is not in %s (%s)", want, details, message)
		}
	}
	r = s.call(t, s.key, "GET", "/v2/bots?status="+strings.Repeat("x,", 40)+"y&created_after=x", "")
	if _, message, details = r.problem(t); !strings.Contains(message, "(and 41 more)") || strings.Count(details, "pointer") != 20 {
		t.Errorf("%s: %s", message, details)
	}
}
