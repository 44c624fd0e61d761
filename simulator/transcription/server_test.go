package transcription

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"steno/simulator/service"
)

// wav is a second of silence; of its kind only the length counts.
func wav(seconds int) []byte {
	b := make([]byte, 44+32000*seconds)
	copy(b, "RIFF")
	copy(b[8:], "WAVE")
	binary.LittleEndian.PutUint32(b[28:], 32000)
	return b
}

type clk struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clk) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clk) add(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.mu.Unlock()
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	o.Polite = true
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// auth is the header with the key, service by service.
var auth = map[string][2]string{"gladia": {"x-gladia-key", ""}, "assemblyai": {"Authorization", ""}, "deepgram": {"Authorization", "Token "}, "openai": {"Authorization", "Bearer "}}

func (s *Server) send(t *testing.T, key, method, path, kind string, body []byte) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(method, s.Address()+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set(auth[s.o.Service][0], auth[s.o.Service][1]+key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	_ = json.Unmarshal(text, &out) // some answers have no body
	return res.StatusCode, out
}

func form(t *testing.T, field string, file []byte, values ...string) (string, []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(values); i += 2 {
		if err := w.WriteField(values[i], values[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if field != "" {
		f, err := w.CreateFormFile(field, "a.wav")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = f.Write(file)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

func TestRefusals(t *testing.T) {
	const js = "application/json"
	openaiForm := func(values ...string) func(*testing.T) (string, []byte) {
		return func(t *testing.T) (string, []byte) { return form(t, "file", wav(1), values...) }
	}
	raw := func(kind, body string) func(*testing.T) (string, []byte) {
		return func(*testing.T) (string, []byte) { return kind, []byte(body) }
	}
	for name, tc := range map[string]struct {
		service, key, path string
		body               func(*testing.T) (string, []byte)
		status             int
		says               string
	}{
		"gladia: wrong key":               {"gladia", "x", "/v2/pre-recorded", raw(js, `{}`), 401, "gladia key not found"},
		"gladia: no file":                 {"gladia", Key, "/v2/upload", func(t *testing.T) (string, []byte) { return form(t, "", nil) }, 400, "field audio"},
		"gladia: no audio":                {"gladia", Key, "/v2/upload", func(t *testing.T) (string, []byte) { return form(t, "audio", []byte("text")) }, 400, "not a valid audio"},
		"gladia: no audio_url":            {"gladia", Key, "/v2/pre-recorded", raw(js, `{"diarization":true}`), 400, "audio_url must be a URL"},
		"gladia: unknown field":           {"gladia", Key, "/v2/pre-recorded", raw(js, `{"audio_url":"x","diarisation":true}`), 400, "property diarisation should not exist"},
		"gladia: not JSON":                {"gladia", Key, "/v2/pre-recorded", raw("text/plain", `{}`), 415, ""},
		"gladia: metadata too long":       {"gladia", Key, "/v2/pre-recorded", raw(js, `{"audio_url":"x","custom_metadata":{"a":"`+strings.Repeat("x", 2000)+`"}}`), 400, "2000 characters"},
		"gladia: a callback nowhere":      {"gladia", Key, "/v2/pre-recorded", raw(js, `{"audio_url":"x","callback":true}`), 400, "callback_config.url must be a URL"},
		"gladia: a callback by mail":      {"gladia", Key, "/v2/pre-recorded", raw(js, `{"audio_url":"x","callback":true,"callback_config":{"url":"mailto:a@b.example"}}`), 400, "callback_config.url must be a URL"},
		"gladia: a callback in the house": {"gladia", Key, "/v2/pre-recorded", raw(js, `{"audio_url":"x","callback_url":"http://steno:8080/"}`), 400, "callback_config.url must be a URL"},
		"assemblyai: a callback to files": {"assemblyai", Key, "/v2/transcript", raw(js, `{"audio_url":"x","webhook_url":"ftp://a.example/"}`), 400, "webhook_url"},
		"deepgram: a callback to files":   {"deepgram", Key, "/v1/listen?callback=ftp://a.example/", raw("audio/wav", "text"), 400, "callback"},
		"assemblyai: wrong key":           {"assemblyai", "x", "/v2/transcript", raw(js, `{}`), 401, "Authentication error"},
		"assemblyai: no audio_url":        {"assemblyai", Key, "/v2/transcript", raw(js, `{}`), 400, "audio_url"},
		"assemblyai: unknown field":       {"assemblyai", Key, "/v2/transcript", raw(js, `{"audio_url":"x","speakers":1}`), 400, "Invalid endpoint schema"},
		"assemblyai: two languages":       {"assemblyai", Key, "/v2/transcript", raw(js, `{"audio_url":"x","language_code":"en","language_detection":true}`), 400, "language_code"},
		"assemblyai: empty upload":        {"assemblyai", Key, "/v2/upload", raw("application/octet-stream", ""), 422, "Upload failed"},
		"deepgram: wrong key":             {"deepgram", "x", "/v1/listen", raw("audio/wav", ""), 401, "INVALID_AUTH"},
		"deepgram: no audio":              {"deepgram", Key, "/v1/listen", raw("audio/wav", "text"), 400, "corrupt or unsupported data"},
		"deepgram: unknown model":         {"deepgram", Key, "/v1/listen?model=super", raw("audio/wav", "text"), 400, "No such model"},
		"openai: wrong key":               {"openai", "x", "/v1/audio/transcriptions", openaiForm("model", "whisper-1"), 401, "invalid_api_key"},
		"openai: no file":                 {"openai", Key, "/v1/audio/transcriptions", func(t *testing.T) (string, []byte) { return form(t, "", nil, "model", "whisper-1") }, 400, "Field required"},
		"openai: no model":                {"openai", Key, "/v1/audio/transcriptions", openaiForm(), 400, "model parameter"},
		"openai: unknown model":           {"openai", Key, "/v1/audio/transcriptions", openaiForm("model", "ear-9"), 404, "model_not_found"},
		"openai: no times of this model":  {"openai", Key, "/v1/audio/transcriptions", openaiForm("model", "gpt-4o-transcribe", "response_format", "verbose_json"), 400, "not compatible"},
		"openai: times want a format":     {"openai", Key, "/v1/audio/transcriptions", openaiForm("model", "whisper-1", "timestamp_granularities[]", "word"), 400, "verbose_json"},
		"openai: unknown field":           {"openai", Key, "/v1/audio/transcriptions", openaiForm("model", "whisper-1", "speed", "2"), 400, "Unrecognized"},
		"openai: no audio":                {"openai", Key, "/v1/audio/transcriptions", func(t *testing.T) (string, []byte) { return form(t, "file", []byte("text"), "model", "whisper-1") }, 400, "corrupted or unsupported"},
		"openai: too large":               {"openai", Key, "/v1/audio/transcriptions", func(t *testing.T) (string, []byte) { return form(t, "file", wav(30), "model", "whisper-1") }, 413, "size limit"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, Options{Service: tc.service, MaxBytes: 500_000})
			kind, body := tc.body(t)
			status, got := s.send(t, tc.key, http.MethodPost, tc.path, kind, body)
			text, _ := json.Marshal(got)
			if status != tc.status || !strings.Contains(string(text), tc.says) {
				t.Errorf("%d %s, want %d with %q", status, text, tc.status, tc.says)
			}
		})
	}
	if _, err := Start(Options{Service: "nobody"}); err == nil {
		t.Error("a service that does not exist was started")
	}
}

// submit makes a job at a service that has jobs, and returns its path.
func (s *Server) submit(t *testing.T, more map[string]any) (path string, status int) {
	t.Helper()
	if more == nil {
		more = map[string]any{}
	}
	base := "/v2/transcript"
	if s.o.Service == "gladia" {
		base = "/v2/pre-recorded"
		kind, body := form(t, "audio", wav(4))
		_, up := s.send(t, Key, http.MethodPost, "/v2/upload", kind, body)
		more["audio_url"] = up["audio_url"]
	} else {
		_, up := s.send(t, Key, http.MethodPost, "/v2/upload", "application/octet-stream", wav(4))
		more["audio_url"] = up["upload_url"]
	}
	text, err := json.Marshal(more)
	if err != nil {
		t.Fatal(err)
	}
	status, job := s.send(t, Key, http.MethodPost, base, "application/json", text)
	id, _ := job["id"].(string)
	return base + "/" + id, status
}

func TestJobsGoThroughTheirLife(t *testing.T) {
	for name, want := range map[string][]string{"gladia": {"queued", "processing", "done", "error"}, "assemblyai": {"queued", "processing", "completed", "error"}} {
		t.Run(name, func(t *testing.T) {
			c := &clk{now: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)}
			s := start(t, Options{Service: name, Work: time.Minute, MaxAtOnce: 3, Options: service.Options{Clock: c}})
			s.Inject(service.Injection{Method: "job", Kind: service.JobFails, Skip: 1})
			s.Inject(service.Injection{Method: "job", Kind: service.JobStuck, Skip: 2})
			var paths []string
			for range 3 {
				path, _ := s.submit(t, nil)
				paths = append(paths, path)
			}
			if name == "gladia" {
				if _, status := s.submit(t, nil); status != 429 {
					t.Errorf("the fourth job at a time is answered with %d", status)
				}
			}
			status := func(path string) any {
				_, job := s.send(t, Key, http.MethodGet, path, "", nil)
				return job["status"]
			}
			for i := range 3 {
				if got := status(paths[0]); got != want[i] {
					t.Errorf("after %d half minutes the job is %v, want %s", i, got, want[i])
				}
				c.add(30 * time.Second)
			}
			if got := status(paths[1]); got != want[3] {
				t.Errorf("the job that fails is %v", got)
			}
			c.add(time.Hour)
			if got := status(paths[2]); got != want[1] {
				t.Errorf("the job that never ends is %v", got)
			}
			if code, _ := s.send(t, "x", http.MethodGet, paths[0], "", nil); code != 401 {
				t.Errorf("a stranger is answered with %d", code)
			}
		})
	}
}

func TestJobsCallBack(t *testing.T) {
	heard := make(chan map[string]any, 4)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body map[string]any
		_ = json.NewDecoder(r.Body).Decode(&body)
		body["method"], body["auth"] = r.Method, r.Header.Get("X-Auth")
		heard <- body
	}))
	defer receiver.Close()
	gladia := start(t, Options{Service: "gladia"})
	gladia.submit(t, map[string]any{"callback": true, "callback_config": map[string]any{"url": receiver.URL, "method": "PUT"}})
	if got := <-heard; got["event"] != "transcription.success" || got["payload"] == nil || got["method"] != "PUT" {
		t.Errorf("gladia calls back with %v", got)
	}
	assembly := start(t, Options{Service: "assemblyai"})
	assembly.submit(t, map[string]any{"webhook_url": receiver.URL, "webhook_auth_header_name": "X-Auth", "webhook_auth_header_value": "secret"})
	if got := <-heard; got["status"] != "completed" || got["auth"] != "secret" {
		t.Errorf("assemblyai calls back with %v", got)
	}
	deepgram := start(t, Options{Service: "deepgram"})
	if status, got := deepgram.send(t, Key, http.MethodPost, "/v1/listen?callback="+receiver.URL, "audio/wav", wav(2)); status != 200 || got["results"] != nil || got["request_id"] == nil {
		t.Errorf("deepgram answers %d %v", status, got)
	}
	if got := <-heard; got["results"] == nil {
		t.Errorf("deepgram calls back with %v", got)
	}
}

// Callbacks get lost, come twice, late or before the answer to their request, and
// are tried again where their receiver fails; of a job that was deleted, or does not
// end, there is none.
func TestCallbacksGoAstray(t *testing.T) {
	for name, tc := range map[string]struct {
		kind   service.Kind // in "push", or in "job"
		method string
		fails  int // of the receiver's answers
		status int // of its failures
		want   int
	}{
		"once":                       {want: 1},
		"never":                      {kind: service.PushDrop, method: "push"},
		"twice":                      {kind: service.PushDuplicate, method: "push", want: 2},
		"late":                       {kind: service.Slow, method: "push", want: 1},
		"before the answer":          {kind: service.PushBeforeReply, method: "push", want: 1},
		"of a job that fails":        {kind: service.JobFails, method: "job", want: 1},
		"of a job that never ends":   {kind: service.JobStuck, method: "job"},
		"to a receiver that fails":   {fails: 2, status: 500, want: 3},
		"to a receiver that refuses": {fails: 2, status: 404, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			for _, name := range []string{"gladia", "assemblyai"} {
				s, n, answered := start(t, Options{Service: name, Options: service.Options{SlowFor: 100 * time.Millisecond, PushRetry: time.Millisecond}}), make(chan bool, 10), make(chan struct{})
				receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					before := true
					select {
					case <-answered:
						before = false
					default:
					}
					if n <- before; len(n) <= tc.fails {
						w.WriteHeader(tc.status)
					}
				}))
				defer receiver.Close()
				if tc.kind != "" {
					s.Inject(service.Injection{Method: tc.method, Kind: tc.kind})
				}
				_, status := s.submit(t, map[string]map[string]any{"gladia": {"callback": true, "callback_config": map[string]any{"url": receiver.URL}}, "assemblyai": {"webhook_url": receiver.URL}}[name])
				close(answered)
				s.calls.Wait()
				if err := s.Settle(t.Context()); err != nil {
					t.Fatal(err)
				}
				if status/100 != 2 || len(n) != tc.want {
					t.Fatalf("%s: answered with %d, %d calls, want %d", name, status, len(n), tc.want)
				}
				if tc.kind == service.PushBeforeReply && !<-n {
					t.Errorf("%s calls after its answer", name)
				}
			}
		})
	}
}

func TestTheScriptIsReadWhereThereIsAVoice(t *testing.T) {
	h, err := reader("one two three").hear(wav(3))
	if err != nil || h.Duration != 3 || len(h.Words) < 8 || h.Words[3].Text != "one" {
		t.Fatalf("%+v, %v", h, err)
	}
	shaken := h.shaken(1, 80*time.Millisecond)
	for i, w := range shaken.Words {
		if d := w.Start - h.Words[i].Start; d > 0.0801 || d < -0.0801 || w.End <= w.Start || w.End > h.Duration {
			t.Errorf("word %d is off by %g s", i, d)
		}
	}
	again := h.shaken(1, 80*time.Millisecond)
	for i := range again.Words {
		if again.Words[i] != shaken.Words[i] {
			t.Fatal("the same audio is heard in another way")
		}
	}
}
