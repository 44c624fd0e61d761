package google

import (
	"net/http"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/provider/providertest"
)

// The table of reference 2.1. Trap 16 is in it: a scope that is missing is not a
// dead connection.
func TestEveryRefusalMeansWhatTheReferenceSays(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   calendar.ErrorKind
		calls  int
	}{
		{"400 invalid", 400, refused(400, "invalid"), calendar.Refused, 1},
		{"400 timeRangeEmpty", 400, refused(400, "timeRangeEmpty"), calendar.Refused, 1},
		{"400 sync token with restrictions", 400, refused(400, "syncTokenWithRequestRestrictions"), calendar.CursorLost, 1},
		{"400 sync token malformed", 400, `{"error":{"code":400,"message":"Invalid sync token value.","errors":[{"reason":"invalid"}]}}`, calendar.CursorLost, 1},
		{"400 page token", 400, `{"error":{"code":400,"message":"Invalid page token value.","errors":[{"reason":"invalid","location":"pageToken"}]}}`, calendar.CursorLost, 1},
		{"403 userRateLimitExceeded", 403, refused(403, "userRateLimitExceeded"), calendar.RateLimited, 3},
		{"403 rateLimitExceeded", 403, refused(403, "rateLimitExceeded"), calendar.RateLimited, 3},
		{"403 quotaExceeded", 403, refused(403, "quotaExceeded"), calendar.RateLimited, 1},
		{"trap 16: 403 insufficientPermissions", 403, refused(403, "insufficientPermissions"), calendar.PermissionDenied, 1},
		{"trap 16: 403 scope by detail", 403, `{"error":{"code":403,"message":"x","status":"PERMISSION_DENIED","details":[{"@type":"t","reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}`, calendar.PermissionDenied, 1},
		{"403 accessNotConfigured", 403, refused(403, "accessNotConfigured"), calendar.BadClient, 1},
		{"403 forbidden", 403, refused(403, "forbidden"), calendar.PermissionDenied, 1},
		{"403 notACalendarUser", 403, refused(403, "notACalendarUser"), calendar.Unlicensed, 1},
		{"404", 404, refused(404, "notFound"), calendar.NotFound, 1},
		{"410 updatedMinTooLongAgo", 410, refused(410, "updatedMinTooLongAgo"), calendar.CursorLost, 1},
		{"412", 412, refused(412, "conditionNotMet"), calendar.Refused, 1},
		{"429", 429, refused(429, "rateLimitExceeded"), calendar.RateLimited, 3},
		{"500", 500, refused(500, "backendError"), calendar.Transient, 3},
		{"503 of a gateway", 503, "<html>upstream</html>", calendar.Transient, 3},
		{"401 twice", 401, refused(401, "authError"), calendar.PermissionDenied, 2},
		{"truncated JSON", 200, `{"items":[{"id":"a","sum`, calendar.Transient, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			acc, f, _ := connect(t, always(c.status, c.body))
			_, err := acc.Round(t.Context(), calendar.RoundRequest{Calendar: "cal", Cursor: "g1:s"})
			if k := kindOf(t, err); k != c.want || len(f.Requests()) != c.calls {
				t.Errorf("kind %s after %d calls, want %s after %d: %v", k, len(f.Requests()), c.want, c.calls, err)
			}
		})
	}
}

func TestTokenRefusalsMeanWhatTheReferenceSays(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   calendar.ErrorKind
	}{
		{400, `{"error":"invalid_grant","error_description":"Token has been expired or revoked."}`, calendar.Revoked},
		{400, `{"error":"admin_policy_enforced"}`, calendar.Revoked},
		{400, `{"error":"invalid_grant","error_subtype":"invalid_rapt"}`, calendar.Revoked},
		{401, `{"error":"invalid_client"}`, calendar.BadClient},
		{401, `{"error":"deleted_client"}`, calendar.BadClient},
		{401, `{"error":"unauthorized_client"}`, calendar.BadClient},
		{403, `{"error":"invalid_grant"}`, calendar.Transient},
		{400, `<html>`, calendar.Transient},
		{400, ``, calendar.Transient},
		{400, `{"error":"temporarily_unavailable"}`, calendar.Transient},
		{400, `{"error":"invalid_scope"}`, calendar.PermissionDenied},
	} {
		if e := classifyToken(c.status, []byte(c.body)); e.Kind != c.want || e.Message == "" {
			t.Errorf("%d %s: %s %q, want %s", c.status, c.body, e.Kind, e.Message, c.want)
		}
	}
}

func TestAfterA401OneNewTokenIsTried(t *testing.T) {
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		if r.Header.Get("Authorization") == "Bearer access-1" {
			providertest.Answer(w, 401, refused(401, "authError"))
			return
		}
		providertest.Answer(w, 200, `{"nextSyncToken":"s"}`)
	})
	if _, err := acc.Round(t.Context(), calendar.RoundRequest{Calendar: "cal"}); err != nil {
		t.Fatal(err)
	}
	if f.TokenCalls() != 2 || len(f.Requests()) != 2 {
		t.Errorf("%d token calls and %d calls, want 2 and 2", f.TokenCalls(), len(f.Requests()))
	}
}

// Trap 28, Google's form: 403 rateLimitExceeded is 429, and Retry-After is kept.
func TestTrap28RetryAfterOfA403IsHonoured(t *testing.T) {
	first := true
	acc, _, clk := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		if first {
			first = false
			w.Header().Set("Retry-After", "7")
			providertest.Answer(w, 403, refused(403, "userRateLimitExceeded"))
			return
		}
		providertest.Answer(w, 200, `{"nextSyncToken":"s"}`)
	})
	if _, err := acc.Round(t.Context(), calendar.RoundRequest{Calendar: "cal"}); err != nil {
		t.Fatal(err)
	}
	if waited := clk.Now().Sub(providertest.Start); waited != 7*time.Second {
		t.Errorf("waited %s, want 7s", waited)
	}
}

func TestALongRetryAfterIsHandedOnAndKeepsTheMailboxSilent(t *testing.T) {
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		w.Header().Set("Retry-After", providertest.Start.Add(5*time.Minute).Format(http.TimeFormat))
		providertest.Answer(w, 429, refused(429, "userRateLimitExceeded"))
	})
	for range 3 {
		_, err := acc.Round(t.Context(), calendar.RoundRequest{Calendar: "cal"})
		if kindOf(t, err) != calendar.RateLimited || calendar.AsError(err).RetryAfter != 5*time.Minute {
			t.Errorf("err %v after %s, want limited for 5m", err, calendar.AsError(err).RetryAfter)
		}
	}
	if n := len(f.Requests()); n != 1 {
		t.Errorf("%d calls reached a service that asked to wait, want 1", n)
	}
}

func TestTheUsageLimitIsWaitedForLong(t *testing.T) {
	acc, _, _ := connect(t, always(403, refused(403, "quotaExceeded")))
	_, err := acc.Round(t.Context(), calendar.RoundRequest{Calendar: "cal"})
	if e := calendar.AsError(err); e == nil || e.RetryAfter != usagePause {
		t.Errorf("err %+v, want a wait of %s", err, usagePause)
	}
}
