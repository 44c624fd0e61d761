package transcription

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"steno/simulator/service"
)

type deepgramVoice struct{}

func (deepgramVoice) TooMany(after int) service.Reply {
	r := deepgramVoice{}.TooManySilent(0)
	r.Header = http.Header{"Retry-After": {fmt.Sprint(after)}}
	return r
}

func (deepgramVoice) TooManySilent(uint64) service.Reply {
	return deepgramRefuse(429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later")
}

func (deepgramVoice) ServerError(n uint64) service.Reply {
	status := []int{500, 502, 503, 504}[n%4]
	return deepgramRefuse(status, "INTERNAL_SERVER_ERROR", http.StatusText(status))
}

func deepgramRefuse(status int, code, text string) service.Reply {
	return service.Reply{Status: status, Body: map[string]any{"err_code": code, "err_msg": text, "request_id": "00000000-0000-4000-a000-000000000000"}}
}

func deepgram(s *Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/listen", func(w http.ResponseWriter, r *http.Request) {
		key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Token ")
		now, leave := s.Enter("listen " + key)
		defer leave()
		s.handle(w, r, "listen", key, deepgramRefuse(401, "INVALID_AUTH", "Invalid credentials."), func() service.Reply {
			if s.o.MaxAtOnce > 0 && now > s.o.MaxAtOnce {
				return deepgramVoice{}.TooManySilent(0)
			}
			return s.listenTo(r, key)
		})
	})
	mux.HandleFunc("GET /v1/listen", s.deepgramLive)
	return mux
}

func (s *Server) listenTo(r *http.Request, key string) service.Reply {
	q := r.URL.Query()
	if m := q.Get("model"); m != "" && !known(m) {
		return deepgramRefuse(400, "Bad Request", "Bad Request: No such model/language/tier combination found.")
	}
	to := q.Get("callback")
	if to != "" && !callable(to) {
		return deepgramRefuse(400, "Bad Request", "Bad Request: the callback URL is invalid")
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, s.o.MaxBytes+1))
	if err == nil && int64(len(b)) > s.o.MaxBytes {
		return deepgramRefuse(413, "Payload Too Large", "The request body is too large")
	}
	j := s.start(s.prepare(key, "", b, nil))
	if j.heard == nil {
		return deepgramRefuse(400, "Bad Request", "Bad Request: failed to process audio: corrupt or unsupported data")
	}
	if j.fails || j.stuck {
		return deepgramRefuse(504, "GATEWAY_TIMEOUT", "The request took too long")
	}
	answer := s.deepgramResult(j, q)
	if to != "" {
		method := http.MethodPost
		if strings.EqualFold(q.Get("callback_method"), "put") {
			method = http.MethodPut
		}
		s.tell(j, method, to, nil, answer)
		return service.Reply{Body: map[string]any{"request_id": j.id}}
	}
	return service.Reply{Body: answer}
}

func known(model string) bool {
	for _, family := range []string{"nova-3", "nova-2", "nova", "enhanced", "base", "whisper"} {
		if model == family || strings.HasPrefix(model, family+"-") {
			return true
		}
	}
	return false
}

func (s *Server) deepgramResult(j *job, q url.Values) map[string]any {
	words := []map[string]any{}
	for _, w := range j.heard.Words {
		one := map[string]any{"word": bare(w.Text), "start": w.Start, "end": w.End, "confidence": 0.9}
		if q.Get("smart_format") == "true" || q.Get("punctuate") == "true" {
			one["punctuated_word"] = w.Text
		}
		if q.Get("diarize") == "true" {
			one["speaker"], one["speaker_confidence"] = w.Voice, 0.8
		}
		if q.Get("language") == "multi" {
			one["language"] = j.heard.Language
		}
		words = append(words, one)
	}
	channel := map[string]any{"alternatives": []any{map[string]any{"transcript": j.heard.text(), "confidence": 0.9, "words": words}}}
	if q.Get("detect_language") == "true" {
		channel["detected_language"], channel["language_confidence"] = j.heard.Language, 0.99
	}
	return map[string]any{
		"metadata": map[string]any{"transaction_key": "deprecated", "request_id": j.id, "sha256": "", "created": stamp(j.made), "duration": j.heard.Duration,
			"channels": 1, "models": []string{"1"}, "model_info": map[string]any{}},
		"results": map[string]any{"channels": []any{channel}},
	}
}
