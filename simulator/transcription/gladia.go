package transcription

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"steno/simulator/service"
)

type gladiaVoice struct{}

func (gladiaVoice) TooMany(after int) service.Reply {
	return service.Reply{Status: 429, Header: http.Header{"Retry-After": {fmt.Sprint(after)}}, Body: gladiaError(429, "Too many requests")}
}

func (gladiaVoice) TooManySilent(uint64) service.Reply {
	return service.Reply{Status: 429, Body: gladiaError(429, "Too many requests")}
}

func (gladiaVoice) ServerError(n uint64) service.Reply {
	status := []int{500, 502, 503}[n%3]
	return service.Reply{Status: status, Body: gladiaError(status, http.StatusText(status))}
}

func gladiaError(status int, message string) map[string]any {
	return map[string]any{"statusCode": status, "message": message, "timestamp": "2026-01-01T00:00:00.000Z", "path": "/v2", "request_id": "G-00000000"}
}

func gladiaRefuse(status int, message string, issues ...string) service.Reply {
	body := gladiaError(status, message)
	if len(issues) > 0 {
		body["validation_errors"] = issues
	}
	return service.Reply{Status: status, Body: body}
}

// gladiaFields are what POST /v2/pre-recorded takes.
var gladiaFields = strings.Fields(`audio_url context_prompt custom_vocabulary custom_vocabulary_config detect_language enable_code_switching
	code_switching_config language language_config callback_url callback callback_config subtitles subtitles_config diarization
	diarization_config translation translation_config summarization summarization_config moderation named_entity_recognition
	chapterization name_consistency custom_spelling custom_spelling_config structured_data_extraction structured_data_extraction_config
	sentiment_analysis audio_to_llm audio_to_llm_config pii_redaction pii_redaction_config custom_metadata sentences display_mode
	punctuation_enhanced model`)

func gladia(s *Server) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern, method string, do func(*http.Request, string) service.Reply) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			key := r.Header.Get("x-gladia-key")
			s.handle(w, r, method, key, gladiaRefuse(401, "gladia key not found"), func() service.Reply { return do(r, key) })
		})
	}
	handle("POST /v2/upload", "upload", s.gladiaUpload)
	handle("POST /v2/pre-recorded", "create", s.gladiaCreate)
	handle("GET /v2/pre-recorded", "list", s.gladiaList)
	handle("GET /v2/pre-recorded/{id}", "get", func(r *http.Request, key string) service.Reply {
		j := s.find(key, r.PathValue("id"))
		if j == nil || s.removed(j) {
			return gladiaRefuse(404, "Pre-recorded job not found")
		}
		return service.Reply{Body: s.gladiaJob(j)}
	})
	handle("DELETE /v2/pre-recorded/{id}", "delete", func(r *http.Request, key string) service.Reply {
		j := s.find(key, r.PathValue("id"))
		if j == nil || !s.remove(j) {
			return gladiaRefuse(404, "Pre-recorded job not found")
		}
		return service.Reply{Status: 202}
	})
	return mux
}

func (s *Server) gladiaUpload(r *http.Request, key string) service.Reply {
	audio, reply := s.formFile(r, "audio")
	if audio == nil {
		return reply
	}
	h, err := s.o.Ear(audio)
	if err != nil {
		return gladiaRefuse(400, "The uploaded file is not a valid audio or video file")
	}
	id := s.uuid()
	url := s.Address() + "/file/" + id
	s.store(url, key, audio)
	return service.Reply{Body: map[string]any{"audio_url": url, "audio_metadata": map[string]any{"id": id, "filename": "audio.ogg", "extension": "ogg",
		"size": len(audio), "audio_duration": h.Duration, "number_of_channels": 1}}}
}

// formFile reads a file out of a form; nil and a refusal if there is none.
func (s *Server) formFile(r *http.Request, name string) ([]byte, service.Reply) {
	r.Body = http.MaxBytesReader(nil, r.Body, s.o.MaxBytes+64<<10)
	f, head, err := r.FormFile(name)
	if err != nil {
		if strings.Contains(err.Error(), "too large") {
			return nil, gladiaRefuse(413, "File too large")
		}
		return nil, gladiaRefuse(400, "A file is expected in the field "+name)
	}
	defer f.Close()
	if head.Size > s.o.MaxBytes {
		return nil, gladiaRefuse(413, "File too large")
	}
	b, err := io.ReadAll(f)
	if err != nil || len(b) == 0 {
		return nil, gladiaRefuse(400, "The file is empty")
	}
	return b, service.Reply{}
}

func (s *Server) gladiaCreate(r *http.Request, key string) service.Reply {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return gladiaRefuse(415, "Unsupported Media Type")
	}
	params := map[string]any{}
	if err := service.ReadJSON(r, &params); err != nil {
		return gladiaRefuse(400, "Invalid JSON")
	}
	var issues []string
	for name := range params {
		if !slices.Contains(gladiaFields, name) {
			issues = append(issues, "property "+name+" should not exist")
		}
	}
	url, _ := params["audio_url"].(string)
	if url == "" {
		issues = append(issues, "audio_url must be a URL address")
	}
	if meta, set := params["custom_metadata"]; set {
		text, _ := json.Marshal(meta)
		if _, object := meta.(map[string]any); !object || len(text) > 2000 {
			issues = append(issues, "custom_metadata must be an object of at most 2000 characters")
		}
	}
	if to, _ := gladiaCallback(params); to != "" && !callable(to) || to == "" && params["callback"] == true {
		issues = append(issues, "callback_config.url must be a URL address")
	}
	if len(issues) > 0 {
		slices.Sort(issues)
		return gladiaRefuse(400, "Validation error", issues...)
	}
	if s.busy(key) {
		return gladiaVoice{}.TooMany(2)
	}
	up, ok := s.uploaded(url)
	if !ok || up.key != key {
		return gladiaRefuse(404, "The audio file was not found")
	}
	j := s.start(s.prepare(key, url, up.audio, params))
	s.gladiaTell(j)
	return service.Reply{Status: 201, Body: map[string]any{"id": j.id, "result_url": s.Address() + "/v2/pre-recorded/" + j.id}}
}

func (s *Server) gladiaStatus(j *job) string {
	return map[int]string{queued: "queued", working: "processing", done: "done", failed: "error"}[s.state(j)]
}

func (s *Server) gladiaJob(j *job) map[string]any {
	out := map[string]any{"id": j.id, "request_id": "G-" + j.id[:8], "version": 2, "kind": "pre-recorded", "status": s.gladiaStatus(j),
		"created_at": stamp(j.made), "completed_at": nil, "custom_metadata": j.params["custom_metadata"], "error_code": nil, "result": nil,
		"file": map[string]any{"id": j.id, "filename": "audio.ogg", "source": j.url}, "request_params": j.params}
	switch s.state(j) {
	case done:
		out["completed_at"] = stamp(j.made.Add(s.o.Work))
		out["file"].(map[string]any)["audio_duration"] = j.heard.Duration
		out["result"] = s.gladiaResult(j)
	case failed:
		out["completed_at"] = stamp(j.made.Add(s.o.Work))
		if out["error_code"] = 500; j.heard == nil {
			out["error_code"] = 400
		}
	}
	return out
}

func (s *Server) gladiaResult(j *job) map[string]any {
	type word struct {
		Word       string  `json:"word"`
		Start      float64 `json:"start"`
		End        float64 `json:"end"`
		Confidence float64 `json:"confidence"`
	}
	utterances := []map[string]any{}
	for _, part := range j.heard.parts() {
		words := []word{}
		texts := []string{}
		for _, w := range part {
			words = append(words, word{" " + w.Text, w.Start, w.End, 0.9})
			texts = append(texts, w.Text)
		}
		u := map[string]any{"text": strings.Join(texts, " "), "language": j.heard.Language, "start": words[0].Start, "end": words[len(words)-1].End,
			"confidence": 0.9, "channel": 0, "words": words}
		if j.params["diarization"] == true {
			u["speaker"] = part[0].Voice
		}
		utterances = append(utterances, u)
	}
	languages := []string{}
	if len(utterances) > 0 {
		languages = append(languages, j.heard.Language)
	}
	return map[string]any{
		"metadata":      map[string]any{"audio_duration": j.heard.Duration, "number_of_distinct_channels": 1, "billing_time": j.heard.Duration, "transcription_time": s.o.Work.Seconds()},
		"transcription": map[string]any{"full_transcript": j.heard.text(), "languages": languages, "utterances": utterances},
	}
}

func (s *Server) gladiaList(r *http.Request, key string) service.Reply {
	q := r.URL.Query()
	want := map[string]any{}
	if text := q.Get("custom_metadata"); text != "" {
		if json.Unmarshal([]byte(text), &want) != nil {
			return gladiaRefuse(400, "Validation error", "custom_metadata must be JSON")
		}
	}
	limit, offset := 20, 0
	_, _ = fmt.Sscan(q.Get("limit"), &limit)
	_, _ = fmt.Sscan(q.Get("offset"), &offset)
	items := []map[string]any{}
	for _, j := range s.newest(key) {
		meta, _ := j.params["custom_metadata"].(map[string]any)
		fits := true
		for name, v := range want {
			fits = fits && fmt.Sprint(meta[name]) == fmt.Sprint(v)
		}
		if !fits || s.removed(j) || len(q["status"]) > 0 && !slices.Contains(q["status"], s.gladiaStatus(j)) {
			continue
		}
		items = append(items, s.gladiaJob(j))
	}
	from := min(max(offset, 0), len(items))
	page := items[from:min(from+max(limit, 1), len(items))]
	var next any
	if from+len(page) < len(items) {
		next = fmt.Sprintf("%s/v2/pre-recorded?offset=%d&limit=%d", s.Address(), from+len(page), limit)
	}
	return service.Reply{Body: map[string]any{"first": s.Address() + "/v2/pre-recorded?offset=0", "current": s.Address() + r.URL.RequestURI(), "next": next, "items": page}}
}

// gladiaCallback says where a job calls back, in the new way or in the old.
func gladiaCallback(params map[string]any) (url, method string) {
	url, _ = params["callback_url"].(string)
	method = http.MethodPost
	if c, _ := params["callback_config"].(map[string]any); c != nil && params["callback"] == true {
		url, _ = c["url"].(string)
		if m, _ := c["method"].(string); m != "" {
			method = m
		}
	}
	return url, method
}

func (s *Server) gladiaTell(j *job) {
	url, method := gladiaCallback(j.params)
	if url == "" {
		return
	}
	body := map[string]any{"id": j.id, "event": "transcription.success", "custom_metadata": j.params["custom_metadata"]}
	if j.heard != nil && !j.fails {
		body["payload"] = s.gladiaResult(j)
	} else {
		body["event"], body["error"] = "transcription.error", map[string]any{"code": 500, "message": "transcription failed"}
	}
	s.tell(j, method, url, nil, body)
}
