package google

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"steno/simulator/service"
)

type errorItem struct {
	Domain       string `json:"domain"`
	Reason       string `json:"reason"`
	Message      string `json:"message"`
	LocationType string `json:"locationType,omitempty"`
	Location     string `json:"location,omitempty"`
}

type errorBody struct {
	Code    int         `json:"code"`
	Message string      `json:"message"`
	Errors  []errorItem `json:"errors"`
	Status  string      `json:"status,omitempty"`
	Details []any       `json:"details,omitempty"`
}

type envelope struct {
	Error errorBody `json:"error"`
}

// failure is an error as the API words it.
func failure(status int, domain, reason, message string) service.Reply {
	return service.Reply{Status: status, Body: envelope{errorBody{Code: status, Message: message,
		Errors: []errorItem{{Domain: domain, Reason: reason, Message: message}}}}}
}

// parameter is a failure that names a parameter.
func parameter(status int, domain, reason, message, name string) service.Reply {
	return service.Reply{Status: status, Body: envelope{errorBody{Code: status, Message: message,
		Errors: []errorItem{{domain, reason, message, "parameter", name}}}}}
}

func unauthorized() service.Reply {
	const message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential."
	return service.Reply{Status: http.StatusUnauthorized, Header: http.Header{"Www-Authenticate": {`Bearer realm="https://accounts.google.com/", error="invalid_token"`}},
		Body: envelope{errorBody{Code: http.StatusUnauthorized, Message: message, Status: "UNAUTHENTICATED",
			Errors: []errorItem{{"global", "authError", "Invalid Credentials", "header", "Authorization"}}}}}
}

func insufficient(accepted []string) service.Reply {
	const message = "Request had insufficient authentication scopes."
	return service.Reply{Status: http.StatusForbidden,
		Header: http.Header{"Www-Authenticate": {`Bearer realm="https://accounts.google.com/", error="insufficient_scope", scope="` + strings.Join(accepted, " ") + `"`}},
		Body: envelope{errorBody{Code: http.StatusForbidden, Message: message, Status: "PERMISSION_DENIED",
			Errors: []errorItem{{Domain: "global", Reason: "insufficientPermissions", Message: "Insufficient Permission"}},
			Details: []any{map[string]any{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
				"domain": "googleapis.com", "metadata": map[string]string{"service": "calendar-json.googleapis.com"}}}}}}
}

func goneToken() service.Reply {
	return parameter(http.StatusGone, "calendar", "fullSyncRequired", "Sync token is no longer valid, a full sync is required.", "syncToken")
}

// voice words the faults.
type voice struct{}

// TooMany is the 429 of a quota.
func (voice) TooMany(after int) service.Reply {
	r := failure(http.StatusTooManyRequests, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded")
	r.Header = http.Header{"Retry-After": {strconv.Itoa(after)}}
	return r
}

// TooManySilent is one of the 403s that mean the same, or a 429.
func (voice) TooManySilent(n uint64) service.Reply {
	switch n % 3 {
	case 0:
		return failure(http.StatusForbidden, "usageLimits", "userRateLimitExceeded", "User Rate Limit Exceeded")
	case 1:
		return failure(http.StatusForbidden, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded")
	}
	return failure(http.StatusTooManyRequests, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded")
}

// ServerError is a 500, or a 503 without JSON.
func (voice) ServerError(n uint64) service.Reply {
	if n%3 == 0 {
		return service.Reply{Status: http.StatusServiceUnavailable, Header: http.Header{"Content-Type": {"text/plain"}}, Body: "Service Unavailable"}
	}
	return failure(http.StatusInternalServerError, "global", "backendError", "Backend Error")
}

// quota counts requests of the last minute per user and per project.
type quota struct {
	user, project int

	mu   sync.Mutex
	seen map[string][]time.Time
}

func newQuota(user, project int) *quota {
	return &quota{user: user, project: project, seen: map[string][]time.Time{}}
}

func (q *quota) check(now time.Time, g service.Grant) (service.Reply, bool) {
	if q.user == 0 && q.project == 0 {
		return service.Reply{}, false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.user > 0 && q.over(now, "user "+g.Client+" "+g.Account, q.user) {
		return failure(http.StatusForbidden, "usageLimits", "userRateLimitExceeded", "User Rate Limit Exceeded"), true
	}
	if q.project > 0 && q.over(now, "project "+g.Client, q.project) {
		return failure(http.StatusForbidden, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded"), true
	}
	return service.Reply{}, false
}

func (q *quota) over(now time.Time, key string, limit int) bool {
	list := q.seen[key]
	for len(list) > 0 && now.Sub(list[0]) >= time.Minute {
		list = list[1:]
	}
	list = append(list, now)
	q.seen[key] = list
	return len(list) > limit
}
