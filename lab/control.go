package lab

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// control adds the JSON API for people who use `steno lab` from a terminal:
//
//	GET  /control/meetings                     codes
//	POST /control/meetings                     opens a meeting; body: a scenario, YAML or JSON
//	GET  /control/meetings/{code}              State
//	GET  /control/meetings/{code}/truth        Truth
//	POST /control/meetings/{code}/{action}     admit, deny, remove, crash, freeze, busy, hush, unhush, end, say, chat, caption, add
//
// Bodies of actions: {"guest": id} (empty: all), say {"who", "clip"}, chat
// {"who", "text"}, add a Participant. Pages of other origins are refused.
func (s *Server) control(mux *http.ServeMux) {
	handle := func(pattern string, h func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { reply(w, r, h) })
	}
	handle("GET /control/meetings", func(*http.Request) (any, error) { return s.codes(), nil })
	handle("POST /control/meetings", s.controlOpen)
	handle("GET /control/meetings/{code}", s.withMeeting(func(m *Meeting, _ *http.Request) (any, error) { return m.State(), nil }))
	handle("GET /control/meetings/{code}/truth", s.withMeeting(func(m *Meeting, _ *http.Request) (any, error) { return m.Truth(), nil }))
	handle("POST /control/meetings/{code}/{action}", s.withMeeting(controlAct))
}

var errNoMeeting = errors.New("there is no such meeting")

func reply(w http.ResponseWriter, r *http.Request, h func(*http.Request) (any, error)) {
	w.Header().Set("Content-Type", "application/json")
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	out, err := h(r)
	if err != nil {
		code := http.StatusBadRequest
		if errors.Is(err, errNoMeeting) || errors.Is(err, errNobody) {
			code = http.StatusNotFound
		}
		w.WriteHeader(code)
		out = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(out) // the client is gone if this fails
}

func (s *Server) withMeeting(h func(*Meeting, *http.Request) (any, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		m := s.Meeting(r.PathValue("code"))
		if m == nil {
			return nil, errNoMeeting
		}
		return h(m, r)
	}
}

func (s *Server) codes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []string{}
	for code := range s.meetings {
		list = append(list, code)
	}
	return list
}

func (s *Server) controlOpen(r *http.Request) (any, error) {
	data, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	sc, err := ParseScenario(data)
	if err != nil {
		return nil, err
	}
	m, err := s.Open(r.Context(), sc)
	if err != nil {
		return nil, err
	}
	return map[string]string{"url": m.URL()}, nil
}

func controlAct(m *Meeting, r *http.Request) (any, error) {
	var body struct {
		Guest, Who, Clip, Text string
		Participant
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&body); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var err error
	switch r.PathValue("action") {
	case "admit":
		err = m.Admit(body.Guest)
	case "deny":
		err = m.Deny(body.Guest)
	case "remove":
		err = m.Remove(body.Guest)
	case "crash":
		err = m.CrashPage(body.Guest, Crash)
	case "freeze":
		err = m.CrashPage(body.Guest, Freeze)
	case "busy":
		err = m.CrashPage(body.Guest, Busy)
	case "hush":
		err = m.Hush(body.Who, true)
	case "unhush":
		err = m.Hush(body.Who, false)
	case "end":
		m.End()
	case "say":
		err = m.Say(body.Who, body.Clip)
	case "chat":
		m.Chat(body.Who, body.Text)
	case "caption":
		m.Caption(body.Who, body.Text)
	case "add":
		err = m.AddParticipant(context.WithoutCancel(r.Context()), body.Participant)
	default:
		err = errors.New("unknown action; there are admit, deny, remove, crash, freeze, busy, hush, unhush, end, say, chat, caption and add")
	}
	return m.State(), err
}
