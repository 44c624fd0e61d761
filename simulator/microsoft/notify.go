package microsoft

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"steno/simulator/service"
	"steno/simulator/truth"
)

// handshake asks a receiver to give back a token, as Graph does while the
// subscription is being made. It returns why the receiver failed, or "".
func (s *Server) handshake(ctx context.Context, receiver string) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	token := "Validation: Testing client application reachability for subscription Request-Id: " + s.requestID()
	join := "?"
	if strings.Contains(receiver, "?") {
		join = "&"
	}
	kind := ""
	status, body, err := s.Pushes.Now(ctx, func(ctx context.Context) (*http.Request, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, receiver+join+"validationToken="+url.QueryEscape(token), http.NoBody)
		if err == nil {
			req.Header.Set("Content-Type", "text/plain; charset=utf-8")
		}
		return req, err
	}, &kind)
	switch {
	case err != nil:
		return "The request timed out or the endpoint cannot be reached."
	case status != http.StatusOK:
		return "Must respond with 200 OK to this request."
	case !strings.HasPrefix(kind, "text/plain"):
		return "The content type of the response must be text/plain."
	case string(body) != token:
		return "The response does not have the validation token as its body."
	}
	return ""
}

type item struct {
	ChangeType     string        `json:"changeType,omitempty"`
	Lifecycle      string        `json:"lifecycleEvent,omitempty"`
	ClientState    *string       `json:"clientState,omitempty"`
	Resource       string        `json:"resource,omitempty"`
	ResourceData   *resourceData `json:"resourceData,omitempty"`
	Expires        string        `json:"subscriptionExpirationDateTime"`
	SubscriptionID string        `json:"subscriptionId"`
	TenantID       string        `json:"tenantId"`
}

type resourceData struct {
	Type string `json:"@odata.type"`
	OID  string `json:"@odata.id"`
	ETag string `json:"@odata.etag"`
	ID   string `json:"id"`
}

// changed notifies the subscribers of a calendar. A change of one occurrence
// is announced as one of its master.
func (s *Server) changed(cal *truth.Calendar, change truth.Change) {
	kind := "updated"
	var id, immutable, tag string
	cal.Get(change.Item.ID, func(it *truth.Item) {
		if it.Deleted {
			kind = "deleted"
		} else if change.New {
			kind = "created"
		}
		id, immutable, tag = mutableID(it.ID, "", it.Moved), ImmutableID(it.ID, ""), etag(it.Touched)
	})
	s.notify(cal, kind, id, immutable, tag)
}

func (s *Server) notify(cal *truth.Calendar, kind, id, immutable, tag string) {
	for _, sub := range s.Subscriptions(cal) {
		if !strings.Contains(sub.ChangeType, kind) {
			continue
		}
		it := sub.item()
		it.ChangeType, it.Resource = kind, "Users/"+sub.CreatorID+"/Events/"+id
		it.ResourceData = &resourceData{"#Microsoft.Graph.Event", "Users/" + sub.CreatorID + "/Events/" + id, tag, id}
		if sub.immutable {
			it.ResourceData.ID = immutable
		}
		batch := []item{it}
		if s.Happens(service.PushExtra, "push", sub.account) {
			batch = append(batch, it)
		}
		if s.Happens(service.PushStray, "push", sub.account) {
			batch = append(s.strangers(it), batch...)
		}
		if !s.post(sub.ID, sub.URL, batch) && s.Happens(service.LifecycleMissed, "push", sub.account) {
			s.lifecycle(&sub, "missed")
		}
	}
}

// strangers are items that a receiver must not believe: of a subscription it
// does not know, and of one it knows with another state.
func (s *Server) strangers(it item) []item {
	unknown, forged := it, it
	unknown.SubscriptionID = s.requestID()
	wrong := "forged"
	forged.ClientState = &wrong
	return []item{unknown, forged}
}

func (sub *subscription) item() item {
	return item{ClientState: sub.ClientState, Expires: sub.Expires, SubscriptionID: sub.ID, TenantID: Tenant}
}

// post reports false when the notification is lost by a fault.
func (s *Server) post(key, receiver string, batch []item) bool {
	data, err := json.Marshal(map[string]any{"value": batch})
	if err != nil {
		return false
	}
	return s.Pushes.Send(key, func(ctx context.Context) (*http.Request, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, receiver, bytes.NewReader(data))
		if err == nil {
			req.Header.Set("Content-Type", "application/json; charset=utf-8")
		}
		return req, err
	})
}

// Subscriptions returns copies of the live subscriptions of a calendar.
func (s *Server) Subscriptions(cal *truth.Calendar) []subscription {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var live []subscription
	for id, sub := range s.subs {
		if !sub.end.After(now) {
			delete(s.subs, id)
		} else if sub.cal == cal && !sub.pending {
			live = append(live, *sub)
		}
	}
	return live
}

// Push notifies the subscribers of a calendar without a change, and returns
// how many there are.
func (s *Server) Push(cal *truth.Calendar) int {
	live := s.Subscriptions(cal)
	s.notify(cal, "updated", mutableID("none", "", 0), ImmutableID("none", ""), etag(0))
	return len(live)
}

// Lifecycle sends a lifecycle notification to the subscribers of a calendar:
// "missed", "reauthorizationRequired", or "subscriptionRemoved", which removes
// the subscription first. It returns how many there are.
func (s *Server) Lifecycle(cal *truth.Calendar, event string) int {
	live := s.Subscriptions(cal)
	for _, sub := range live {
		if event == "subscriptionRemoved" {
			s.drop(sub.ID)
		}
		s.lifecycle(&sub, event)
	}
	return len(live)
}

func (s *Server) lifecycle(sub *subscription, event string) {
	if sub.LifecycleURL == nil {
		return
	}
	it := sub.item()
	it.Lifecycle = event
	s.post(sub.ID+"/lifecycle", *sub.LifecycleURL, []item{it})
}
