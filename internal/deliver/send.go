package deliver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"steno/internal/netguard"
	"steno/internal/store"
	"steno/internal/webhook"
)

// Limits of what is kept of an answer or an error.
const (
	maxResponse = 1 << 10
	maxError    = 300
	maxHeaders  = 2 << 10
	// bodyTime bounds the reading of an answer whose status is known already.
	bodyTime = 5 * time.Second
)

// attempt makes one try and says what follows from it.
func (s *Sender) attempt(calls context.Context, c store.Claim) result {
	ctx, cancel := context.WithTimeout(calls, c.Kind.Timeout())
	defer cancel()
	if c.Replay {
		c.Payload = s.freshen(ctx, c)
	}
	at := s.Clock.Now()
	answer, heads, text, err := s.call(ctx, c)
	end := s.Clock.Now()
	d := c.Kind.Next(c.Attempt+1, answer, s.Random())
	aborted := calls.Err() != nil && answer.Status == 0
	return result{lane: c.Lane, kind: c.Kind, ok: answer.OK(), aborted: aborted, attempt: store.Attempt{
		DeliveryID: c.DeliveryID, EndpointID: c.EndpointID, N: c.Attempt + 1, At: at, Duration: end.Sub(at),
		Status: answer.Status, Failure: answer.Failure, Error: errorText(err), URL: c.URL, Headers: heads, Response: text,
		State: d.State, NextAt: end.Add(d.Delay), Disable: d.DisableEndpoint,
	}}
}

// freshen returns what to send of a replayed message.
func (s *Sender) freshen(ctx context.Context, c store.Claim) []byte {
	if s.Fresh == nil || c.BotID == "" || !c.Event.Final() {
		return c.Payload
	}
	payload, err := s.Fresh(ctx, c)
	if err != nil {
		s.Log.Warn("a replayed webhook is sent with the links that it had", "delivery_id", c.DeliveryID, "error", err)
	}
	if payload == nil {
		return c.Payload
	}
	return payload
}

// call sends the message and returns the answer, its headers as JSON, and the
// head of its body.
func (s *Sender) call(ctx context.Context, c store.Claim) (a webhook.Answer, heads, text string, err error) {
	req, err := s.request(ctx, c)
	if err != nil {
		return webhook.Answer{Failure: webhook.Misconfig}, "", "", err
	}
	res, err := s.Client.Do(req)
	if err != nil {
		return webhook.Answer{Failure: failureOf(err)}, "", "", err
	}
	// The status is the answer; a body that trickles must not hold the socket.
	stop := time.AfterFunc(bodyTime, func() { res.Body.Close() })
	body, _ := netguard.ReadBody(res)
	stop.Stop()
	return webhook.Answer{
		Status:     res.StatusCode,
		RetryAfter: webhook.ParseRetryAfter(res.Header.Get("Retry-After"), s.Clock.Now()),
	}, headersText(res.Header), storable(string(body), maxResponse), nil
}

// headersText returns the headers of an answer as JSON. Those for which there is
// no room are left out, and so are cookies, which are nobody else's business.
func headersText(all http.Header) string {
	kept, room := http.Header{}, maxHeaders
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if name == "Set-Cookie" {
			continue
		}
		for _, value := range all[name] {
			if room -= len(name) + len(value); room >= 0 {
				kept.Add(storable(name, len(name)), storable(value, len(value)))
			}
		}
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return "" // strings can be written
	}
	return string(text)
}

// request builds the call: signed for an account webhook, with the bot's secret
// for a callback, with an API key of the team for v1.
func (s *Sender) request(ctx context.Context, c store.Claim) (*http.Request, error) {
	method := http.MethodPost
	if c.Kind == webhook.ToCallback && webhook.ValidMethod(c.Method) {
		method = c.Method
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL, bytes.NewReader(c.Payload))
	if err != nil {
		return nil, errors.New("the address is no URL")
	}
	req.Header = webhook.Headers(c.Kind, c.Sequence)
	return req, s.authenticate(req.Header, c)
}

func (s *Sender) authenticate(h http.Header, c store.Claim) error {
	switch c.Kind {
	case webhook.ToCallback:
		return s.showSecret(h, c)
	case webhook.ToV1:
		return s.showKey(h, c)
	}
	secret, err := s.Secrets.OpenWebhookSecret(c.TeamID, c.EndpointID, c.Secret)
	if err != nil {
		return err
	}
	secrets := []string{secret}
	now := s.Clock.Now()
	if c.OldSecret != "" && now.Before(c.OldSecretUntil) {
		old, err := s.Secrets.OpenOldWebhookSecret(c.TeamID, c.EndpointID, c.OldSecret)
		if err != nil {
			return err
		}
		secrets = append(secrets, old)
	}
	signed, err := webhook.Sign(c.MessageID, now, c.Payload, secrets...)
	if err != nil {
		return err
	}
	for k, v := range signed {
		h[k] = v
	}
	return nil
}

func (s *Sender) showSecret(h http.Header, c store.Claim) error {
	if c.Secret == "" {
		return nil
	}
	secret, err := s.Secrets.OpenCallbackSecret(c.TeamID, c.BotID, c.Secret)
	if err != nil {
		return err
	}
	if strings.ContainsAny(secret, "\r\n\x00") {
		return errors.New("the callback secret cannot be a header")
	}
	h.Set("x-mb-secret", secret)
	return nil
}

func (s *Sender) showKey(h http.Header, c store.Claim) (err error) {
	var key string
	if c.EndpointID != "" {
		key, err = s.Secrets.OpenWebhookSecret(c.TeamID, c.EndpointID, c.Secret)
	} else {
		key, err = s.Secrets.OpenWebhookKey(c.TeamID, c.BotID, c.Secret)
	}
	if err != nil {
		return err
	}
	h.Set(webhook.KeyHeader, key)
	h.Set(webhook.MessageHeader, c.MessageID)
	return nil
}

// failureOf says why there was no answer.
func failureOf(err error) webhook.Failure {
	if netguard.RefusalIn(err) != nil {
		return webhook.NotAllowed
	}
	var n net.Error
	if errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &n) && n.Timeout()) {
		return webhook.TimedOut
	}
	return webhook.Network
}

// errorText drops the URL that the HTTP client puts into its errors: it may
// hold a token.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return storable(fmt.Sprint(err), maxError)
}

// storable cuts text and removes what PostgreSQL does not take in a TEXT.
func storable(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "?")
}
