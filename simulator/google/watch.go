package google

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"sync/atomic"
	"time"

	"steno/simulator/service"
	"steno/simulator/truth"
)

// channel is a watch on the events of one calendar.
type channel struct {
	id, token, address string
	resource, uri      string
	client             string
	account            string
	cal                *truth.Calendar
	expires            time.Time
	number             atomic.Int64
}

var channelID = regexp.MustCompile(`^[A-Za-z0-9\-_+/=]{1,64}$`)

func watchEvents(c *call) service.Reply {
	cal, reply, ok := c.calendar()
	if !ok {
		return reply
	}
	var body struct {
		ID, Type, Address, Token string
		Expiration               any
		Params                   struct {
			TTL any `json:"ttl"`
		}
	}
	if err := service.ReadJSON(c.r, &body); err != nil {
		return failure(http.StatusBadRequest, "global", "parseError", "Parse Error")
	}
	bad := func(domain, reason, message string) service.Reply {
		return failure(http.StatusBadRequest, domain, reason, message)
	}
	switch {
	case body.Type != "web_hook" && body.Type != "webhook":
		return bad("global", "push.channelTypeNotSupported", "Channel type "+body.Type+" not supported")
	case !channelID.MatchString(body.ID):
		return bad("global", "invalid", "Invalid channel id")
	case len(body.Token) > 256:
		return bad("global", "invalid", "Channel token too long")
	case !service.GoodReceiver(body.Address):
		return bad("global", "push.webhookUrlNotHttps", "WebHook callback must be HTTPS: "+body.Address)
	case cal.Unwatchable:
		return bad("calendar", "pushNotSupportedForRequestedResource", "Push notifications are not supported by this resource.")
	}
	ch := &channel{id: body.ID, token: body.Token, address: body.Address, resource: resourceID(cal), client: c.grant.Client, account: c.grant.Account, cal: cal,
		uri: c.s.APIURL() + "calendars/" + cal.ID + "/events?alt=json", expires: c.s.channelEnd(body.Expiration, body.Params.TTL)}
	if !c.s.open(ch) {
		return bad("global", "channelIdNotUnique", "Channel id "+body.ID+" not unique")
	}
	sync := ch.push("sync")
	if c.happens(service.PushBeforeReply) {
		if _, _, err := c.s.Pushes.Now(c.r.Context(), sync); err != nil {
			c.s.Log.Warn("sync message not delivered", "channel", ch.id, "error", err)
		}
	} else {
		c.s.Pushes.Send(ch.id, sync)
	}
	answer := map[string]any{"kind": "api#channel", "id": ch.id, "resourceId": ch.resource, "resourceUri": ch.uri,
		"expiration": strconv.FormatInt(ch.expires.UnixMilli(), 10)}
	if ch.token != "" {
		answer["token"] = ch.token
	}
	return service.Reply{Body: answer}
}

func (s *Server) open(ch *channel) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used[ch.id] {
		return false
	}
	s.used[ch.id] = true
	s.channels[ch.id] = ch
	return true
}

func resourceID(cal *truth.Calendar) string { return "r_" + fmt.Sprintf("%x", cal.ID) }

// channelEnd is when a channel ends: as asked for, at most MaxTTL from now.
func (s *Server) channelEnd(expiration, ttl any) time.Time {
	now := s.Now()
	end := now.Add(time.Duration(s.maxTTL) * time.Second)
	if n, err := strconv.ParseInt(fmt.Sprint(ttl), 10, 64); err == nil && n > 0 {
		end = earlier(end, now.Add(time.Duration(n)*time.Second))
	}
	switch v := expiration.(type) {
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			end = earlier(end, time.UnixMilli(n))
		}
	case float64:
		end = earlier(end, time.UnixMilli(int64(v)))
	}
	return end.UTC().Truncate(time.Millisecond)
}

// push makes a message of the channel. It has headers only.
func (ch *channel) push(state string) func(context.Context) (*http.Request, error) {
	step := int64(1)
	if state != "sync" {
		step += ch.number.Load() % 3 // grows, with gaps
	}
	number := ch.number.Add(step)
	return func(ctx context.Context) (*http.Request, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, ch.address, http.NoBody)
		if err != nil {
			return nil, err
		}
		h := req.Header
		h.Set("User-Agent", "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)")
		h.Set("X-Goog-Channel-ID", ch.id)
		h.Set("X-Goog-Channel-Expiration", ch.expires.Format(http.TimeFormat))
		h.Set("X-Goog-Resource-ID", ch.resource)
		h.Set("X-Goog-Resource-URI", ch.uri)
		h.Set("X-Goog-Resource-State", state)
		h.Set("X-Goog-Message-Number", strconv.FormatInt(number, 10))
		if ch.token != "" {
			h.Set("X-Goog-Channel-Token", ch.token)
		}
		return req, nil
	}
}

// changed tells the watchers of a calendar. Like the real service it says only
// that something changed.
func (s *Server) changed(cal *truth.Calendar, _ truth.Change) {
	if !cal.Gone() {
		s.Push(cal)
	}
}

// Push sends a message to every live channel of a calendar, as a change would,
// and returns how many there are.
func (s *Server) Push(cal *truth.Calendar) int {
	live := s.Channels(cal)
	for _, ch := range live {
		s.Pushes.Send(ch.id, ch.push("exists"))
	}
	return len(live)
}

// Channels returns the live channels of a calendar.
func (s *Server) Channels(cal *truth.Calendar) []*channel {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var live []*channel
	for id, ch := range s.channels {
		if !ch.expires.After(now) {
			delete(s.channels, id)
		} else if ch.cal == cal {
			live = append(live, ch)
		}
	}
	return live
}

func stopChannel(c *call) service.Reply {
	var body struct {
		ID         string `json:"id"`
		ResourceID string `json:"resourceId"`
	}
	if err := service.ReadJSON(c.r, &body); err != nil {
		return failure(http.StatusBadRequest, "global", "parseError", "Parse Error")
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	ch := c.s.channels[body.ID]
	if ch == nil || ch.resource != body.ResourceID || ch.client != c.grant.Client || ch.account != c.grant.Account || !ch.expires.After(c.s.Now()) {
		return failure(http.StatusNotFound, "global", "notFound", fmt.Sprintf("Channel '%s' not found for project '%s'", body.ID, c.grant.Client))
	}
	delete(c.s.channels, body.ID)
	return service.Reply{Status: http.StatusNoContent}
}
