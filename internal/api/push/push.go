// Package push is the door through which calendar services tell of changes, and
// transcription services of jobs that have ended. It reads their messages and
// hands them on; who sent one is checked by the room before anything else is done,
// the work is queued, and the answer comes at once: Graph counts a receiver that
// needs more than three seconds as slow.
//
// It must not call a service, and must not show a stranger whether a channel
// exists.
package push

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"steno/internal/api/httpx"
	"steno/internal/calendar"
	"steno/internal/ident"
	"steno/internal/transcript"
)

// Calendars is what the door needs of the room.
type Calendars interface {
	Receive(ctx context.Context, pushes []calendar.Push) ([]calendar.PushResult, error)
}

// Transcripts is what the door needs of those who transcribe.
type Transcripts interface {
	// Receive takes a call about a part of a recording; ok is false if the token is
	// not that of its name.
	Receive(ctx context.Context, name, token string) (ok bool, err error)
}

// Surface answers the pushes. All fields are required.
type Surface struct {
	Calendars   Calendars
	Transcripts Transcripts
	Log         *slog.Logger

	inbox inbox
}

const (
	// maxBody bounds a notification; Graph's have some hundred bytes an item.
	maxBody = 1 << 20
	// maxItems bounds how many items of one notification are looked at.
	maxItems = 2000
	// maxToken bounds what is echoed to validate an endpoint.
	maxToken = 4 << 10

	codeUnavailable = "FST_ERR_SERVICE_UNAVAILABLE"
)

// Mount puts the endpoints on r.
func (s *Surface) Mount(r chi.Router) {
	s.inbox.receive = s.Calendars.Receive
	r.Post("/push/google", s.google)
	r.Post("/push/microsoft", s.microsoft)
	r.Post("/push/microsoft/lifecycle", s.microsoft)
	r.Post("/push/transcription/{part}", s.transcription)
}

// google answers a message of a watch channel: all of it is in the headers
// (calendar-providers reference, 2.1). The first message says "sync" and tells
// of no change.
func (s *Surface) google(w http.ResponseWriter, r *http.Request) {
	h := r.Header
	p := calendar.Push{
		ChannelID: h.Get("X-Goog-Channel-ID"), Secret: h.Get("X-Goog-Channel-Token"), ProviderID: h.Get("X-Goog-Resource-ID"),
		Hello: h.Get("X-Goog-Resource-State") == "sync",
	}
	if !ident.Valid(p.ChannelID) || p.Secret == "" {
		http.Error(w, "no channel", http.StatusNotFound)
		return
	}
	results, err := s.inbox.put(r.Context(), []calendar.Push{p})
	switch {
	case err != nil:
		s.failed(w, err)
	case results[0] != calendar.PushTaken:
		http.Error(w, "no channel", http.StatusNotFound)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

// notification is the body of Graph's messages, lifecycle ones included.
type notification struct {
	Value []struct {
		SubscriptionID string `json:"subscriptionId"`
		ClientState    string `json:"clientState"`
		LifecycleEvent string `json:"lifecycleEvent"`
	} `json:"value"`
}

// microsoft answers a batch of Graph. An item that is not ours is passed over;
// the others of its batch are not its fault (trap 27).
func (s *Surface) microsoft(w http.ResponseWriter, r *http.Request) {
	if token := r.URL.Query().Get("validationToken"); token != "" {
		validate(w, token)
		return
	}
	var n notification
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&n); err != nil {
		http.Error(w, "not a notification", http.StatusBadRequest)
		return
	}
	var pushes []calendar.Push
	for _, item := range n.Value[:min(len(n.Value), maxItems)] {
		// The state is "<our id>.<secret>": the subscription's own id may not be
		// stored yet when the first message comes.
		id, _, ok := strings.Cut(item.ClientState, ".")
		if !ok || !ident.Valid(id) {
			continue
		}
		p := calendar.Push{ChannelID: id, Secret: item.ClientState, ProviderID: item.SubscriptionID}
		switch item.LifecycleEvent {
		case "reauthorizationRequired":
			p.Renew = true
		case "subscriptionRemoved":
			p.Renew, p.Lost = true, true
		case "missed":
			p.Lost = true
		}
		pushes = append(pushes, p)
	}
	if len(pushes) > 0 {
		if _, err := s.inbox.put(r.Context(), pushes); err != nil {
			s.failed(w, err)
			return
		}
	}
	w.WriteHeader(http.StatusAccepted)
}

// validate echoes the token with which Graph makes sure, while a subscription
// is being created, that the endpoint wants it.
func validate(w http.ResponseWriter, token string) {
	if len(token) > maxToken {
		http.Error(w, "the token is too long", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, token) // the client may be gone
}

// transcription answers a service whose job has ended, or so it says: the body,
// in which a whole transcript may be, is not read.
func (s *Surface) transcription(w http.ResponseWriter, r *http.Request) {
	token := r.Header.Get(transcript.CallbackToken)
	if token == "" {
		token = r.URL.Query().Get(transcript.CallbackToken)
	}
	ok, err := s.Transcripts.Receive(r.Context(), chi.URLParam(r, "part"), token)
	switch {
	case err != nil:
		s.failed(w, err)
	case !ok:
		http.Error(w, "no such callback", http.StatusNotFound)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// failed has the service send the message again.
func (s *Surface) failed(w http.ResponseWriter, err error) {
	s.Log.Error("a push could not be taken", "error", err)
	httpx.Problem(w, http.StatusServiceUnavailable, codeUnavailable, "the push could not be stored; try again in a moment", httpx.RetryAfter)
}
