package transcription

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"
)

// call posts what a job has to tell, three times at most.
func (s *Server) call(method, url string, header http.Header, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // our own types
	}
	for range 3 {
		req, err := http.NewRequest(method, url, bytes.NewReader(text))
		if err != nil {
			return
		}
		for k, v := range header {
			req.Header[k] = v
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := s.o.Callbacks.Do(req)
		if err != nil {
			continue
		}
		res.Body.Close()
		if res.StatusCode < http.StatusMultipleChoices || res.StatusCode >= 400 && res.StatusCode < 500 {
			return
		}
	}
}

// tell posts the callback of a job once it has ended.
func (s *Server) tell(j *job, post func()) {
	if j.stuck {
		return
	}
	s.calls.Go(func() {
		t := time.NewTimer(s.o.Work)
		defer t.Stop()
		select {
		case <-t.C:
			post()
		case <-s.closing:
		}
	})
}
