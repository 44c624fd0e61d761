package transcription

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"steno/simulator/service"
)

type assemblyVoice struct{}

func (assemblyVoice) TooMany(after int) service.Reply {
	r := assemblyRefuse(429, "Too many requests")
	r.Header = http.Header{"Retry-After": {fmt.Sprint(after)}}
	return r
}

func (assemblyVoice) TooManySilent(uint64) service.Reply {
	return assemblyRefuse(429, "Too many requests")
}

func (assemblyVoice) ServerError(n uint64) service.Reply {
	return assemblyRefuse([]int{500, 502, 503, 504}[n%4], "Server error, developers have been alerted.")
}

func assemblyRefuse(status int, text string) service.Reply {
	return service.Reply{Status: status, Body: map[string]any{"error": text}}
}

// assemblyFields are what POST /v2/transcript takes.
var assemblyFields = strings.Fields(`audio_url audio_start_from audio_end_at auto_chapters auto_highlights content_safety content_safety_confidence
	custom_spelling custom_topics disfluencies domain entity_detection filter_profanity format_text iab_categories keyterms_prompt
	language_code language_codes language_confidence_threshold language_detection language_detection_options multichannel prompt punctuate
	redact_pii redact_pii_audio redact_pii_audio_options redact_pii_audio_quality redact_pii_policies redact_pii_sub redact_static_entities
	sentiment_analysis speaker_labels speaker_options speakers_expected speech_model speech_models speech_threshold speech_understanding
	summarization summary_model summary_type temperature throttled topics webhook_auth_header_name webhook_auth_header_value webhook_url word_boost boost_param`)

func assembly(s *Server) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern, method string, do func(*http.Request, string) service.Reply) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			s.handle(w, r, method, key, assemblyRefuse(401, "Authentication error, API token missing/invalid"), func() service.Reply { return do(r, key) })
		})
	}
	handle("POST /v2/upload", "upload", s.assemblyUpload)
	handle("POST /v2/transcript", "create", s.assemblyCreate)
	handle("GET /v2/transcript", "list", s.assemblyList)
	byID := func(do func(*job) service.Reply) func(*http.Request, string) service.Reply {
		return func(r *http.Request, key string) service.Reply {
			j := s.find(key, r.PathValue("id"))
			if j == nil {
				return assemblyRefuse(400, "Transcript lookup error, transcript id not found")
			}
			return do(j)
		}
	}
	handle("GET /v2/transcript/{id}", "get", byID(func(j *job) service.Reply {
		return service.Reply{Body: s.assemblyJob(j)}
	}))
	handle("DELETE /v2/transcript/{id}", "delete", byID(func(j *job) service.Reply {
		s.remove(j)
		return service.Reply{Body: s.assemblyJob(j)}
	}))
	mux.HandleFunc("GET /v3/ws", s.assemblyLive)
	return mux
}

// assemblyUpload takes any bytes: whether they are audio shows in the job.
func (s *Server) assemblyUpload(r *http.Request, key string) service.Reply {
	b, err := io.ReadAll(io.LimitReader(r.Body, s.o.MaxBytes+1))
	switch {
	case err != nil || len(b) == 0:
		return assemblyRefuse(422, "Upload failed, please try again")
	case int64(len(b)) > s.o.MaxBytes:
		return assemblyRefuse(413, "Request entity too large")
	}
	url := s.Address() + "/upload/" + s.uuid()
	s.store(url, key, b)
	return service.Reply{Body: map[string]any{"upload_url": url}}
}

func (s *Server) assemblyCreate(r *http.Request, key string) service.Reply {
	params := map[string]any{}
	if service.ReadJSON(r, &params) != nil {
		return assemblyRefuse(400, "Invalid JSON in request body")
	}
	for name := range params {
		if !slices.Contains(assemblyFields, name) {
			return assemblyRefuse(400, "Invalid endpoint schema, please refer to documentation for examples.")
		}
	}
	url, _ := params["audio_url"].(string)
	if url == "" {
		return assemblyRefuse(400, "This endpoint requires an 'audio_url' parameter.")
	}
	if params["language_code"] != nil && params["language_detection"] == true {
		return assemblyRefuse(400, "language_detection is not available when language_code is specified.")
	}
	if hook := params["webhook_url"]; hook != nil && !callable(fmt.Sprint(hook)) {
		return assemblyRefuse(400, "The 'webhook_url' parameter must be a valid URL.")
	}
	up, ok := s.uploaded(url)
	if ok && up.key != key {
		return assemblyRefuse(403, "Cannot access uploaded file")
	}
	j := s.prepare(key, url, up.audio, params)
	switch {
	case !ok:
		j.heard, j.why = nil, "Download error, unable to download "+url
	case j.heard == nil:
		j.why = "Transcoding failed. File does not appear to contain audio. File type is text/plain (ASCII text)."
	case len(j.heard.Words) == 0 && params["language_detection"] == true:
		j.heard, j.why = nil, "language_detection cannot be performed on files with no spoken audio."
	}
	s.start(j)
	s.assemblyTell(j)
	return service.Reply{Body: s.assemblyJob(j)}
}

func (s *Server) assemblyStatus(j *job) string {
	return map[int]string{queued: "queued", working: "processing", done: "completed", failed: "error"}[s.state(j)]
}

func (s *Server) assemblyJob(j *job) map[string]any {
	out := map[string]any{"id": j.id, "status": s.assemblyStatus(j), "audio_url": j.url, "text": nil, "words": nil, "utterances": nil,
		"confidence": nil, "audio_duration": nil, "language_code": j.params["language_code"], "webhook_url": j.params["webhook_url"],
		"webhook_auth": j.params["webhook_auth_header_name"] != nil, "webhook_auth_header_name": j.params["webhook_auth_header_name"],
		"speaker_labels": j.params["speaker_labels"], "acoustic_model": "assemblyai_default", "language_model": "assemblyai_default"}
	if s.removed(j) {
		out["text"], out["audio_url"] = "Deleted by user.", "http://deleted_by_user"
		return out
	}
	switch s.state(j) {
	case failed:
		if out["error"] = j.why; j.heard != nil {
			out["error"] = "Server error, developers have been alerted. Please try again."
		}
	case done:
		labels := j.params["speaker_labels"] == true
		words := []map[string]any{}
		for _, w := range j.heard.Words {
			one := map[string]any{"text": w.Text, "start": int(w.Start * 1000), "end": int(w.End * 1000), "confidence": 0.9, "speaker": nil}
			if labels {
				one["speaker"] = string(rune('A' + w.Voice))
			}
			words = append(words, one)
		}
		out["text"], out["words"], out["confidence"], out["audio_duration"] = j.heard.text(), words, 0.9, int(j.heard.Duration+0.5)
		if out["language_code"] == nil {
			out["language_code"] = j.heard.Language
		}
	}
	return out
}

func (s *Server) assemblyList(r *http.Request, key string) service.Reply {
	q := r.URL.Query()
	limit := 10
	if text := q.Get("limit"); text != "" {
		if _, err := fmt.Sscan(text, &limit); err != nil || limit < 1 || limit > 200 {
			return assemblyRefuse(400, "limit must be between 1 and 200")
		}
	}
	all := s.newest(key)
	if before := q.Get("before_id"); before != "" {
		all = all[slices.IndexFunc(all, func(j *job) bool { return j.id == before })+1:]
	}
	list := []map[string]any{}
	for _, j := range all[:min(limit, len(all))] {
		one := s.assemblyJob(j)
		list = append(list, map[string]any{"id": j.id, "resource_url": s.Address() + "/v2/transcript/" + j.id, "status": one["status"],
			"created": j.made.Format("2006-01-02T15:04:05.000000"), "completed": nil, "audio_url": one["audio_url"], "error": one["error"]})
	}
	var older any
	if len(list) < len(all) {
		older = fmt.Sprintf("%s/v2/transcript?limit=%d&before_id=%s", s.Address(), limit, list[len(list)-1]["id"])
	}
	return service.Reply{Body: map[string]any{"transcripts": list, "page_details": map[string]any{"limit": limit, "result_count": len(list),
		"current_url": s.Address() + r.URL.RequestURI(), "prev_url": older, "next_url": nil}}}
}

func (s *Server) assemblyTell(j *job) {
	url, _ := j.params["webhook_url"].(string)
	if url == "" {
		return
	}
	header := http.Header{}
	if name, _ := j.params["webhook_auth_header_name"].(string); name != "" {
		header.Set(name, fmt.Sprint(j.params["webhook_auth_header_value"]))
	}
	s.tell(j, http.MethodPost, url, header, map[string]any{"transcript_id": j.id, "status": map[bool]string{true: "completed", false: "error"}[j.heard != nil && !j.fails]})
}
