package transcription

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"steno/simulator/service"
)

type openaiVoice struct{}

func (openaiVoice) TooMany(after int) service.Reply {
	r := openaiVoice{}.TooManySilent(0)
	r.Header = http.Header{"Retry-After": {fmt.Sprint(after)}}
	return r
}

func (openaiVoice) TooManySilent(uint64) service.Reply {
	return openaiRefuse(429, "Rate limit reached for requests", "requests", nil, "rate_limit_exceeded")
}

func (openaiVoice) ServerError(n uint64) service.Reply {
	return openaiRefuse([]int{500, 502, 503}[n%3], "The server had an error while processing your request. Sorry about that!", "server_error", nil, nil)
}

func openaiRefuse(status int, message, kind string, param, code any) service.Reply {
	return service.Reply{Status: status, Body: map[string]any{"error": map[string]any{"message": message, "type": kind, "param": param, "code": code}}}
}

func openaiInvalid(status int, message string, param, code any) service.Reply {
	return openaiRefuse(status, message, "invalid_request_error", param, code)
}

// openaiFields are what the form takes.
var openaiFields = []string{"file", "model", "language", "prompt", "response_format", "temperature", "timestamp_granularities[]", "include[]", "stream",
	"chunking_strategy", "known_speaker_names[]", "known_speaker_references[]"}

func openai(s *Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/audio/transcriptions", func(w http.ResponseWriter, r *http.Request) {
		key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		now, leave := s.Enter("transcriptions " + key)
		defer leave()
		wrong := openaiInvalid(401, "Incorrect API key provided. You can find your API key in your account.", nil, "invalid_api_key")
		s.handle(w, r, "transcriptions", key, wrong, func() service.Reply {
			if s.o.MaxAtOnce > 0 && now > s.o.MaxAtOnce {
				return openaiVoice{}.TooManySilent(0)
			}
			return s.openaiAnswer(r, key)
		})
	})
	return mux
}

func (s *Server) openaiAnswer(r *http.Request, key string) service.Reply {
	tooLarge := openaiInvalid(413, fmt.Sprintf("Maximum content size limit (%d) exceeded", s.o.MaxBytes), nil, nil)
	r.Body = http.MaxBytesReader(nil, r.Body, s.o.MaxBytes+64<<10)
	f, head, err := r.FormFile("file")
	if err != nil {
		if strings.Contains(err.Error(), "too large") {
			return tooLarge
		}
		return openaiInvalid(400, "[{'type': 'missing', 'loc': ('body', 'file'), 'msg': 'Field required'}]", nil, nil)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil || head.Size > s.o.MaxBytes {
		return tooLarge
	}
	form := r.MultipartForm.Value
	for name := range form {
		if !slices.Contains(openaiFields, name) {
			return openaiInvalid(400, "Unrecognized request argument supplied: "+name, nil, nil)
		}
	}
	first := func(name string) string { return strings.Join(form[name][:min(1, len(form[name]))], "") }
	model, format := first("model"), first("response_format")
	switch {
	case model == "":
		return openaiInvalid(400, "you must provide a model parameter", "model", nil)
	case model != "whisper-1" && !strings.Contains(model, "transcribe") && !strings.Contains(model, "whisper"):
		return openaiInvalid(404, "The model `"+model+"` does not exist or you do not have access to it.", nil, "model_not_found")
	case format == "verbose_json" && strings.Contains(model, "transcribe"):
		return openaiInvalid(400, "response_format 'verbose_json' is not compatible with model '"+model+"'. Use 'json' or 'text' instead.", "response_format", "unsupported_value")
	case len(form["timestamp_granularities[]"]) > 0 && format != "verbose_json":
		return openaiInvalid(400, "timestamp_granularities are only supported with response_format verbose_json", "timestamp_granularities", nil)
	}
	j := s.start(s.prepare(key, "", b, nil))
	switch {
	case j.heard == nil:
		return openaiInvalid(400, "Audio file might be corrupted or unsupported", "file", "invalid_value")
	case j.heard.Duration < 0.1:
		return openaiInvalid(400, "Audio file is too short. Minimum audio length is 0.1 seconds.", "file", "audio_too_short")
	case j.fails || j.stuck:
		return openaiVoice{}.ServerError(0)
	}
	header := http.Header{"X-Request-Id": {"req_" + strings.ReplaceAll(j.id, "-", "")}}
	switch format {
	case "verbose_json":
		return service.Reply{Header: header, Body: verbose(*j.heard, form["timestamp_granularities[]"])}
	case "text":
		header.Set("Content-Type", "text/plain")
		return service.Reply{Header: header, Body: j.heard.text() + "\n"}
	case "", "json":
		return service.Reply{Header: header, Body: map[string]any{"text": j.heard.text()}}
	}
	return openaiInvalid(400, "the simulator answers with json, text and verbose_json only", "response_format", nil)
}

// names of languages, of which the service tells in words.
var names = map[string]string{"en": "english", "de": "german", "fr": "french", "es": "spanish"}

func verbose(h Heard, times []string) map[string]any {
	out := map[string]any{"task": "transcribe", "language": names[h.Language], "duration": h.Duration, "text": h.text()}
	if len(times) == 0 || slices.Contains(times, "segment") {
		segments := []map[string]any{}
		for i, part := range h.parts() {
			texts := make([]string, len(part))
			for k, w := range part {
				texts[k] = w.Text
			}
			segments = append(segments, map[string]any{"id": i, "seek": 0, "start": part[0].Start, "end": part[len(part)-1].End, "text": " " + strings.Join(texts, " "),
				"tokens": []int{}, "temperature": 0, "avg_logprob": -0.2, "compression_ratio": 1.2, "no_speech_prob": 0.01})
		}
		out["segments"] = segments
	}
	if slices.Contains(times, "word") {
		words := []map[string]any{}
		for _, w := range h.Words {
			words = append(words, map[string]any{"word": strings.Trim(w.Text, ".,!?"), "start": w.Start, "end": w.End})
		}
		out["words"] = words
	}
	return out
}
