package microsoft

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"steno/simulator/service"
	"steno/simulator/truth"
)

// The life of a subscription to events.
const (
	maxLife = 10080 * time.Minute
	minLife = 45 * time.Minute
)

// subscription as the API shows it.
type subscription struct {
	ID            string  `json:"id"`
	Resource      string  `json:"resource"`
	ApplicationID string  `json:"applicationId"`
	ChangeType    string  `json:"changeType"`
	ClientState   *string `json:"clientState"`
	URL           string  `json:"notificationUrl"`
	LifecycleURL  *string `json:"lifecycleNotificationUrl"`
	Expires       string  `json:"expirationDateTime"`
	CreatorID     string  `json:"creatorId"`
	TLS           string  `json:"latestSupportedTlsVersion"`

	account   string
	cal       *truth.Calendar
	end       time.Time
	immutable bool
	pending   bool // its receiver has not answered yet
}

var resourceShape = regexp.MustCompile(`(?i)^/?(?:me|users/[^/]+)/(?:calendars/([^/]+)/)?events$`)

func createSubscription(c *call) service.Reply {
	var body struct {
		ChangeType, NotificationURL, LifecycleNotificationURL, Resource, ExpirationDateTime, ClientState, LatestSupportedTLSVersion string
	}
	if err := service.ReadJSON(c.r, &body); err != nil {
		return c.s.failure(http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload.")
	}
	end, reply, ok := c.expiration(body.ExpirationDateTime)
	if !ok {
		return reply
	}
	for kind := range strings.SplitSeq(body.ChangeType, ",") {
		if k := strings.TrimSpace(kind); k != "created" && k != "updated" && k != "deleted" {
			return c.s.invalid("Invalid 'changeType' attribute: '" + body.ChangeType + "'.")
		}
	}
	for _, u := range []string{body.NotificationURL, body.LifecycleNotificationURL} {
		if u != "" && !service.GoodReceiver(u) || body.NotificationURL == "" {
			return c.s.invalid("Notification endpoint must be an HTTPS URL: '" + u + "'.")
		}
	}
	if len(body.ClientState) > 128 {
		return c.s.invalid("clientState is longer than 128 characters.")
	}
	cal, reply, ok := c.watched(body.Resource)
	if !ok {
		return reply
	}
	sub := &subscription{ID: c.s.requestID(), Resource: body.Resource, ApplicationID: c.grant.Client, ChangeType: body.ChangeType, URL: body.NotificationURL,
		Expires: stamp(end), CreatorID: c.account.ID, TLS: "v1_2", account: c.grant.Account, cal: cal, end: end, immutable: c.immutable(), pending: true}
	if body.ClientState != "" {
		sub.ClientState = &body.ClientState
	}
	if body.LifecycleNotificationURL != "" {
		sub.LifecycleURL = &body.LifecycleNotificationURL
	}
	if !c.s.open(sub) {
		return c.s.failure(http.StatusConflict, "ExtensionError", "Operation: Create; Exception: [Status Code: Conflict; Reason: Subscription with the same resource and changeType exists already.]")
	}
	for _, u := range []string{body.NotificationURL, body.LifecycleNotificationURL} {
		if u == "" {
			continue
		}
		if why := c.s.handshake(c.r.Context(), u); why != "" {
			c.s.drop(sub.ID)
			return c.s.failure(http.StatusBadRequest, "ValidationError", "Subscription validation request failed. "+why)
		}
	}
	c.s.mu.Lock()
	sub.pending = false
	answer := *sub
	c.s.mu.Unlock()
	return service.Reply{Status: http.StatusCreated, Body: &answer}
}

// watched finds the calendar of a resource.
func (c *call) watched(resource string) (*truth.Calendar, service.Reply, bool) {
	m := resourceShape.FindStringSubmatch(resource)
	if m == nil {
		return nil, c.s.invalid("Resource '" + resource + "' is not supported."), false
	}
	cal := c.account.Primary()
	if m[1] != "" {
		cal = c.account.Find(m[1])
	}
	switch {
	case cal == nil || cal.Gone():
		return nil, c.s.failure(http.StatusNotFound, "ResourceNotFound", "The object was not found."), false
	case cal.Unwatchable:
		return nil, c.s.failure(http.StatusForbidden, "ErrorAccessDenied", "Access is denied. Check credentials and try again."), false
	}
	return cal, service.Reply{}, true
}

// expiration reads when a subscription is to end: at least 45 minutes from
// now, at most 10,080.
func (c *call) expiration(s string) (time.Time, service.Reply, bool) {
	end, err := time.Parse(time.RFC3339, s)
	now := c.s.Now()
	switch {
	case err != nil || !end.After(now):
		return end, c.s.invalid("Subscription expiration is not a time in the future: '" + s + "'."), false
	case end.Sub(now) > maxLife:
		return end, c.s.invalid("Subscription expiration can only be 10080 minutes in the future."), false
	case end.Sub(now) < minLife:
		end = now.Add(minLife)
	}
	return end.UTC(), service.Reply{}, true
}

// open takes a subscription up unless there is one like it.
func (s *Server) open(sub *subscription) bool {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, o := range s.subs {
		if !o.end.After(now) {
			delete(s.subs, id)
			continue
		}
		if o.account == sub.account && o.ApplicationID == sub.ApplicationID && o.cal == sub.cal && o.ChangeType == sub.ChangeType {
			return false
		}
	}
	s.subs[sub.ID] = sub
	return true
}

func (s *Server) drop(id string) {
	s.mu.Lock()
	delete(s.subs, id)
	s.mu.Unlock()
}

// mine finds a live subscription of the caller.
func (c *call) mine(id string) *subscription {
	now := c.s.Now()
	sub := c.s.subs[id]
	if sub == nil || sub.account != c.grant.Account || sub.ApplicationID != c.grant.Client || !sub.end.After(now) {
		return nil
	}
	return sub
}

func (c *call) noSubscription() service.Reply {
	return c.s.failure(http.StatusNotFound, "ResourceNotFound", "The object was not found.")
}

// withMine answers with what f makes of the subscription of the path.
func (c *call) withMine(f func(*subscription) service.Reply) service.Reply {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	sub := c.mine(c.r.PathValue("id"))
	if sub == nil {
		return service.Reply{Status: -1}
	}
	return f(sub)
}

func (c *call) orMissing(r service.Reply) service.Reply {
	if r.Status == -1 {
		return c.noSubscription()
	}
	return r
}

func getSubscription(c *call) service.Reply {
	return c.orMissing(c.withMine(func(sub *subscription) service.Reply {
		show := *sub
		show.ClientState = nil
		return service.Reply{Body: &show}
	}))
}

func listSubscriptions(c *call) service.Reply {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	list := []subscription{}
	for id := range c.s.subs {
		if sub := c.mine(id); sub != nil {
			show := *sub
			show.ClientState = nil
			list = append(list, show)
		}
	}
	return service.Reply{Body: map[string]any{"value": list}}
}

func renewSubscription(c *call) service.Reply {
	var body struct{ ExpirationDateTime string }
	if err := service.ReadJSON(c.r, &body); err != nil {
		return c.s.failure(http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload.")
	}
	end, reply, ok := c.expiration(body.ExpirationDateTime)
	if !ok {
		return reply
	}
	return c.orMissing(c.withMine(func(sub *subscription) service.Reply {
		sub.end, sub.Expires = end, stamp(end)
		show := *sub
		return service.Reply{Body: &show}
	}))
}

func reauthorize(c *call) service.Reply {
	return c.orMissing(c.withMine(func(*subscription) service.Reply { return service.Reply{Status: http.StatusNoContent} }))
}

func deleteSubscription(c *call) service.Reply {
	return c.orMissing(c.withMine(func(sub *subscription) service.Reply {
		delete(c.s.subs, sub.ID)
		return service.Reply{Status: http.StatusNoContent}
	}))
}
