package transcription

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"steno/simulator/service"
)

// callable tells that a service takes an address to call back at: http or https,
// with a host that others can know as well.
func callable(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && (strings.Contains(u.Hostname(), ".") || net.ParseIP(u.Hostname()) != nil)
}

// tell calls back when a job has ended. It returns at once, unless the call is to
// come before whatever the caller does next.
func (s *Server) tell(j *job, method, address string, header http.Header, body any) {
	if j.stuck {
		return
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // our own types
	}
	build := func(ctx context.Context) (*http.Request, error) {
		if s.removed(j) {
			return nil, nil
		}
		req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		for k, v := range header {
			req.Header[k] = v
		}
		req.Header.Set("Content-Type", "application/json")
		return req, nil
	}
	work := s.o.Work
	if s.Happens(service.Slow, "push", j.id) {
		work += s.SlowFor
	}
	if s.Happens(service.PushBeforeReply, "push", j.id) {
		if s.after(work) {
			_, _, _ = s.Pushes.Now(context.Background(), build) // who does not take it hears no more
		}
		return
	}
	s.calls.Go(func() {
		if s.after(work) {
			s.Pushes.Send(j.id, build)
		}
	})
}

// after waits; false when the fake was closed meanwhile.
func (s *Server) after(wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.closing:
		return false
	}
}
