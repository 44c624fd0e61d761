package google

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"steno/internal/calendar"
	"steno/internal/provider/access"
)

// tokenEndpoint of Google (reference 2.1, OAuth). The refresh token usually
// stays the same.
func tokenEndpoint(target string) access.Endpoint {
	return access.Endpoint{
		Platform: calendar.Google,
		URL:      func(calendar.Credentials) (string, error) { return target, nil },
		Classify: classifyToken,
	}
}

// classifyToken reads {"error":"invalid_grant","error_description":"…"}. Only
// invalid_grant and its like say that the user has to consent again; the rest
// is about the customer's application.
func classifyToken(status int, body []byte) *calendar.Error {
	var a struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Subtype     string `json:"error_subtype"`
	}
	_ = json.Unmarshal(body, &a) // what is unreadable has no reason and is not believed
	e := &calendar.Error{Reason: a.Error}
	switch a.Error {
	case "invalid_grant", "admin_policy_enforced":
		e.Kind, e.Message = calendar.Revoked, "the refresh token has expired or was revoked; connect the account again"
		if a.Subtype == "invalid_rapt" {
			e.Message = "the organisation asks for a new sign-in; connect the account again"
		}
		if status != http.StatusBadRequest {
			e.Kind = calendar.Transient
		}
	case "invalid_client", "deleted_client", "unauthorized_client", "disabled_client", "org_internal", "invalid_request", "unsupported_grant_type":
		e.Kind, e.Message = calendar.BadClient, "the OAuth client id or secret is wrong, or the client was deleted"
	case "invalid_scope", "access_denied":
		e.Kind, e.Message = calendar.PermissionDenied, "the granted scopes do not allow this"
	default:
		e.Kind, e.Message = calendar.Transient, fmt.Sprintf("the token endpoint answered %d", status)
	}
	return e
}

// envelope is the body of a refusal (reference 2.1, error envelope).
type envelope struct {
	Error struct {
		Message string `json:"message"`
		Status  string `json:"status"`
		Errors  []struct {
			Reason   string `json:"reason"`
			Location string `json:"location"`
		} `json:"errors"`
		Details []struct {
			Reason string `json:"reason"`
		} `json:"details"`
	} `json:"error"`
}

// refusal is what classify needs to know of an envelope.
type refusal struct{ reason, detail, location, message string }

func readRefusal(body []byte) refusal {
	var v envelope
	_ = json.Unmarshal(body, &v) // an HTML page of a gateway has no reason
	r := refusal{message: v.Error.Message}
	if len(v.Error.Errors) > 0 {
		r.reason, r.location = v.Error.Errors[0].Reason, v.Error.Errors[0].Location
	}
	for _, d := range v.Error.Details {
		if d.Reason != "" {
			r.detail = d.Reason
			break
		}
	}
	if r.reason == "" {
		r.reason = r.detail
	}
	return r
}

// mentions reports whether the refusal is about a parameter.
func (r refusal) mentions(location, words string) bool {
	return r.location == location || strings.Contains(strings.ToLower(r.message), words)
}

// usagePause is the wait after quotaExceeded, which is no limit per minute but
// one of Workspace against abuse.
const usagePause = 30 * time.Minute

// classify implements the table of reference 2.1.
func classify(status int, header http.Header, body []byte) *calendar.Error {
	r := readRefusal(body)
	e := &calendar.Error{Reason: r.reason}
	set := func(k calendar.ErrorKind, message string) *calendar.Error {
		e.Kind, e.Message = k, message
		return e
	}
	switch {
	case status == http.StatusBadRequest && (r.mentions("syncToken", "sync token") || r.reason == "syncTokenWithRequestRestrictions"):
		return set(calendar.CursorLost, "the sync token is not accepted")
	case status == http.StatusBadRequest && r.mentions("pageToken", "page token"):
		e.Reason = badPage
		return set(calendar.CursorLost, "the page token is not accepted")
	case status == http.StatusForbidden:
		return forbidden(e, r, header)
	case status == http.StatusNotFound:
		return set(calendar.NotFound, "the calendar or event does not exist or is not visible to this account")
	case status == http.StatusGone && r.reason == "deleted":
		return set(calendar.NotFound, "the event has been deleted")
	case status == http.StatusGone:
		return set(calendar.CursorLost, "the sync token is no longer valid")
	case status == http.StatusTooManyRequests:
		return set(calendar.RateLimited, "the service's rate limit is reached")
	case status >= 500 || status == http.StatusRequestTimeout:
		return set(calendar.Transient, fmt.Sprintf("the service answered %d", status))
	}
	return set(calendar.Refused, fmt.Sprintf("the service refused the request with %d", status))
}

// forbidden tells the many meanings of 403 apart: limits, a scope that the user
// did not grant, an API that the customer's project has not enabled, and a
// calendar that this account may not see. None of them kills the grant.
func forbidden(e *calendar.Error, r refusal, header http.Header) *calendar.Error {
	switch {
	case r.reason == "rateLimitExceeded" || r.reason == "userRateLimitExceeded":
		e.Kind, e.Message = calendar.RateLimited, "the service's rate limit is reached"
	case r.reason == "quotaExceeded" || r.reason == "dailyLimitExceeded":
		e.Kind, e.Message, e.RetryAfter = calendar.RateLimited, "the calendar's usage limit is reached", usagePause
	case r.reason == "accessNotConfigured" || r.detail == "SERVICE_DISABLED":
		e.Kind, e.Message = calendar.BadClient, "the Google Calendar API is not enabled in the project of this OAuth client"
	case r.reason == "notACalendarUser":
		e.Kind, e.Message = calendar.Unlicensed, "the account has no Google Calendar"
	case r.reason == "insufficientPermissions" || r.detail == "ACCESS_TOKEN_SCOPE_INSUFFICIENT" || strings.Contains(header.Get("WWW-Authenticate"), "insufficient_scope"):
		e.Kind, e.Reason, e.Message = calendar.PermissionDenied, noScope, "the granted scopes do not allow this"
	default:
		e.Kind, e.Message = calendar.PermissionDenied, "this account is not allowed to do this on this calendar"
	}
	return e
}

// badPage is the Reason of a page token that the service does not take.
const badPage = "pageToken"

// noScope is the Reason of a call that another scope would allow.
const noScope = "insufficientPermissions"

// wholeProject: rateLimitExceeded counts all users of a project,
// userRateLimitExceeded one.
func wholeProject(e *calendar.Error) bool { return e.Reason == "rateLimitExceeded" }
