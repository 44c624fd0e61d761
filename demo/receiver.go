package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Receiver is a webhook receiver as a customer would write it: it checks each
// signature with the public Standard Webhooks library and answers 200 only to
// a good one.
type Receiver struct {
	url    string
	server *http.Server
	events chan Event

	mu       sync.Mutex
	verifier *standardwebhooks.Webhook
	good     int
	bad      int
	ids      map[string]int
}

// Event is a verified webhook.
type Event struct {
	ID   string
	Type string
	Body json.RawMessage // the data object
	Text json.RawMessage // the whole message
}

// NewReceiver listens on a free loopback port. Close ends it.
func NewReceiver() (*Receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start webhook receiver: %w", err)
	}
	r := &Receiver{url: "http://" + l.Addr().String() + "/hook", events: make(chan Event, 256), ids: map[string]int{}}
	r.server = &http.Server{Handler: http.HandlerFunc(r.serve), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = r.server.Serve(l) }() // ends with Close
	return r, nil
}

// URL is where the receiver listens.
func (r *Receiver) URL() string { return r.url }

// Events delivers each message once, whatever the number of its deliveries.
func (r *Receiver) Events() <-chan Event { return r.events }

// Trust sets the endpoint's secret (whsec_…). Before it, every webhook is
// refused, and so tried again.
func (r *Receiver) Trust(secret string) error {
	v, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return fmt.Errorf("read webhook secret: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verifier = v
	return nil
}

// Counts returns how many messages were verified, how many deliveries were
// repeats of one, and how many were refused.
func (r *Receiver) Counts() (messages, repeats, refused int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ids), r.good - len(r.ids), r.bad
}

// Close stops listening.
func (r *Receiver) Close() error { return r.server.Close() }

func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	if err != nil {
		http.Error(w, "cannot read the body", http.StatusBadRequest)
		return
	}
	event, fresh, ok := r.accept(req.Header, body)
	if !ok {
		http.Error(w, "bad signature", http.StatusUnauthorized)
		return
	}
	if fresh {
		select {
		case r.events <- event:
		default: // nobody reads; the counts are kept all the same
		}
	}
	w.WriteHeader(http.StatusOK)
}

func (r *Receiver) accept(header http.Header, body []byte) (Event, bool, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := header.Get("svix-id")
	// The public library reads the Standard Webhooks spelling of the headers.
	std := http.Header{}
	for _, name := range []string{"id", "timestamp", "signature"} {
		std.Set("webhook-"+name, header.Get("svix-"+name))
	}
	var envelope struct {
		Event string          `json:"event"`
		Data  json.RawMessage `json:"data"`
	}
	if r.verifier == nil || r.verifier.Verify(body, std) != nil || json.Unmarshal(body, &envelope) != nil {
		r.bad++
		return Event{}, false, false
	}
	r.good++
	r.ids[id]++
	return Event{ID: id, Type: envelope.Event, Body: envelope.Data, Text: body}, r.ids[id] == 1, true
}
