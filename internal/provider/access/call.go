package access

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"steno/internal/calendar"
	"steno/internal/provider/throttle"
)

// maxAnswer bounds the answer of a token endpoint: access tokens have up to
// 2 KB at Google and more at Microsoft, error texts a few.
const maxAnswer = 256 << 10

// answer is the success of a refresh (RFC 6749, section 5.1). expires_in comes
// as a number, from some gateways as a text.
type answer struct {
	AccessToken  string      `json:"access_token"`
	RefreshToken string      `json:"refresh_token"`
	Scope        string      `json:"scope"`
	ExpiresIn    json.Number `json:"expires_in"`
}

// call makes one request to the token endpoint.
func (s *Source) call(ctx context.Context, g calendar.Grant) (calendar.Grant, error) {
	target, err := s.endpoint.URL(g.Credentials)
	if err != nil {
		return g, s.fail(calendar.BadClient, "", err.Error(), nil)
	}
	started := s.clock.Now()
	tryCtx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(tryCtx, http.MethodPost, target, strings.NewReader(s.form(g).Encode()))
	if err != nil {
		return g, s.fail(calendar.BadClient, "", "the token endpoint's address is no URL", nil)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	res, err := s.http.Do(req)
	if err != nil {
		return g, s.unreachable(ctx, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return g, s.unreachable(ctx, err)
	}
	if res.StatusCode != http.StatusOK {
		return g, s.refusal(res, body)
	}
	return s.accept(g, body, started)
}

// accept reads a success into the grant.
func (s *Source) accept(g calendar.Grant, body []byte, started time.Time) (calendar.Grant, error) {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil || a.AccessToken == "" {
		// The cause is left out: parts of a token may stand in it.
		return g, s.fail(calendar.Transient, "", "the token endpoint's answer holds no access token", nil)
	}
	lifetime, err := a.ExpiresIn.Int64()
	if err != nil || lifetime <= 0 {
		lifetime = 3600
	}
	g.AccessToken = a.AccessToken
	// Counted from before the call: the token may be older than its answer.
	g.AccessExpires = started.Add(time.Duration(min(lifetime, 30*24*3600)) * time.Second)
	if a.Scope != "" {
		g.Scopes = strings.Fields(a.Scope)
	}
	if a.RefreshToken != "" && a.RefreshToken != g.RefreshToken {
		g.PreviousRefresh, g.RefreshToken = g.RefreshToken, a.RefreshToken
	}
	return g, nil
}

// refusal says what an answer other than 200 means. Only 400 and 401 speak of
// the grant or the client; all others pass by themselves (trap 36).
func (s *Source) refusal(res *http.Response, body []byte) error {
	var e *calendar.Error
	switch res.StatusCode {
	case http.StatusTooManyRequests:
		e = s.fail(calendar.RateLimited, "", "the token endpoint asks to wait", nil)
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound: // 404: an unknown tenant, or a wrong URL
		e = s.endpoint.Classify(res.StatusCode, body)
	default:
		e = s.fail(calendar.Transient, "", "the token endpoint answered "+res.Status, nil)
	}
	e.Platform, e.Op, e.AuthStage = s.endpoint.Platform, op, true
	if e.RetryAfter == 0 {
		e.RetryAfter = throttle.ParseRetryAfter(res.Header.Get("Retry-After"), s.clock.Now())
	}
	return e
}

func (s *Source) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return s.fail(calendar.Transient, "", "the token endpoint could not be reached", err)
}

func (s *Source) fail(k calendar.ErrorKind, reason, message string, cause error) *calendar.Error {
	return &calendar.Error{Kind: k, Platform: s.endpoint.Platform, Op: op, Reason: reason, Message: message, AuthStage: true, Err: cause}
}
