package microsoft

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/provider/providertest"
)

func TestEveryRefusalMeansWhatTheReferenceSays(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		after  string
		body   string
		want   calendar.ErrorKind
		calls  int
	}{
		{"403", 403, "", refused("ErrorAccessDenied"), calendar.PermissionDenied, 1},
		{"404", 404, "", refused("ErrorItemNotFound"), calendar.NotFound, 1},
		{"400 malformed id", 400, "", refused("ErrorInvalidIdMalformed"), calendar.NotFound, 1},
		{"400", 400, "", refused("ErrorInvalidRequest"), calendar.Refused, 1},
		{"404 mailbox not enabled", 404, "", refused("MailboxNotEnabledForRESTAPI"), calendar.Unlicensed, 1},
		{"404 mailbox not supported", 404, "", refused("MailboxNotSupportedForRESTAPI"), calendar.Unlicensed, 1},
		{"404 mailbox by text", 404, "", `{"error":{"code":"ErrorX","message":"The mailbox is either inactive, soft-deleted, or is hosted on-premise."}}`, calendar.Unlicensed, 1},
		{"429", 429, "", refused("TooManyRequests"), calendar.RateLimited, 3},
		{"429 by code in another case", 429, "", refused("applicationThrottled"), calendar.RateLimited, 3},
		{"trap 28: 503 without Retry-After", 503, "", `{"error":{"code":"ServiceUnavailable","message":"Application is over its MailboxConcurrency limit."}}`, calendar.RateLimited, 8},
		{"trap 28: 503 by code", 503, "", refused("ErrorServerBusy"), calendar.RateLimited, 8},
		{"trap 28: 429", 429, "", `{"error":{"code":"ApplicationThrottled","message":"Application is over its MailboxConcurrency limit."}}`, calendar.RateLimited, 8},
		{"trap 28: come back much later", 503, "60", refused("ErrorServerBusy"), calendar.RateLimited, 1},
		{"503 with Retry-After", 503, "1", refused("ServiceUnavailable"), calendar.RateLimited, 3},
		{"503", 503, "", "", calendar.Transient, 3},
		{"504", 504, "", "<html>", calendar.Transient, 3},
		{"500 transient", 500, "", refused("ErrorInternalServerTransientError"), calendar.Transient, 3},
		{"UnknownError with an empty message", 400, "", `{"error":{"code":"UnknownError","message":""}}`, calendar.Transient, 3},
		{"message limit", 400, "", refused("ErrorExceededMessageLimit"), calendar.RateLimited, 1},
		{"401 twice", 401, "", refused("InvalidAuthenticationToken"), calendar.PermissionDenied, 2},
		{"truncated JSON", 200, "", `{"value":[{"id":"a"`, calendar.Transient, 3},
		{"an empty answer", 200, "", ``, calendar.Transient, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
				if c.after != "" {
					w.Header().Set("Retry-After", c.after)
				}
				providertest.Answer(w, c.status, c.body)
			})
			_, err := acc.Event(t.Context(), "Cal", "e")
			if k := kind(t, err); k != c.want || len(f.Requests()) != c.calls {
				t.Errorf("kind %s after %d calls, want %s after %d: %v", k, len(f.Requests()), c.want, c.calls, err)
			}
		})
	}
}

// The AADSTS table of reference 2.2, and trap 36: what is not on it passes.
func TestTokenRefusalsMeanWhatTheReferenceSays(t *testing.T) {
	for code, want := range map[int]calendar.ErrorKind{
		700082: calendar.Revoked, 50173: calendar.Revoked, 70043: calendar.Revoked, 50076: calendar.Revoked, 50079: calendar.Revoked, 53003: calendar.Revoked,
		65001: calendar.PermissionDenied, 90094: calendar.PermissionDenied,
		700016: calendar.BadClient, 90002: calendar.BadClient, 500011: calendar.BadClient, 7000215: calendar.BadClient, 7000222: calendar.BadClient, 50194: calendar.BadClient,
		70000: calendar.Revoked, // believed only when it comes again, see package access
	} {
		for _, body := range []string{
			fmt.Sprintf(`{"error":"invalid_grant","error_codes":[%d],"error_description":"x"}`, code),
			fmt.Sprintf(`{"error":"invalid_grant","error_description":"AADSTS%d: words. Trace ID: 1"}`, code),
		} {
			e := classifyToken(400, []byte(body))
			if e.Kind != want || e.Reason != fmt.Sprintf("AADSTS%d", code) || e.Message == "" {
				t.Errorf("%s: %s %s, want %s", body, e.Kind, e.Reason, want)
			}
		}
	}
	for body, want := range map[string]calendar.ErrorKind{
		`{"error":"interaction_required"}`: calendar.Revoked, `{"error":"consent_required"}`: calendar.PermissionDenied,
		`{"error":"invalid_client"}`: calendar.BadClient, `{"error":"temporarily_unavailable"}`: calendar.Transient, `x`: calendar.Transient,
	} {
		if e := classifyToken(400, []byte(body)); e.Kind != want {
			t.Errorf("%s: %s, want %s", body, e.Kind, want)
		}
	}
	if e := classifyToken(401, []byte(`{"error":"invalid_grant"}`)); e.Kind != calendar.Transient {
		t.Errorf("invalid_grant with 401: %s, want transient", e.Kind)
	}
}

func TestTheTenantIsPartOfThePathAndNothingElse(t *testing.T) {
	e := tokenEndpoint("https://login.example", scopeFor("graph.microsoft.com"))
	for tenant, want := range map[string]string{
		"": "https://login.example/common/oauth2/v2.0/token", "consumers": "https://login.example/consumers/oauth2/v2.0/token",
		"contoso.onmicrosoft.com": "https://login.example/contoso.onmicrosoft.com/oauth2/v2.0/token",
		"../x":                    "", "a/b": "", "a?b": "", "a..b": "", "@evil.example": "", "a b": "",
	} {
		got, err := e.URL(calendar.Credentials{Tenant: tenant})
		if got != want || (want == "") != (err != nil) {
			t.Errorf("tenant %q: %q, %v", tenant, got, err)
		}
	}
	if s := scopeFor("graph.microsoft.us"); s != "offline_access https://graph.microsoft.us/.default" {
		t.Errorf("scope %s", s)
	}
}

// Trap 28: the fifth call at a time to one mailbox fails.
func TestTrap28AtMostFourCallsReachAMailbox(t *testing.T) {
	var mu sync.Mutex
	inFlight, most := 0, 0
	four := make(chan struct{})
	c, _, _ := client(t, func(w http.ResponseWriter, r providertest.Request) {
		mu.Lock()
		inFlight++
		most = max(most, inFlight)
		if inFlight == 4 {
			close(four)
			four = make(chan struct{})
		}
		wait, over := four, inFlight > 4
		mu.Unlock()
		if over {
			providertest.Answer(w, 503, refused("MailboxConcurrency"))
			return
		}
		select { // hold the others until four are in
		case <-wait:
		case <-time.After(20 * time.Millisecond):
		}
		mu.Lock()
		inFlight--
		mu.Unlock()
		providertest.Answer(w, 200, `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users('u1')/calendar/$entity","id":"e","isDefaultCalendar":true}`)
	})
	// Two connections of one mailbox, known as such from their first answers.
	accounts := []calendar.Account{c.Account("one", providertest.Tokens()), c.Account("two", providertest.Tokens())}
	for _, a := range accounts {
		if _, err := a.Calendar(t.Context(), "primary"); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			if _, err := accounts[i%2].Event(t.Context(), "Cal", "e"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most > 4 {
		t.Errorf("%d calls at a time reached the mailbox, want at most 4", most)
	}
}

func TestRetryAfterIsHonouredInSecondsAndAsDate(t *testing.T) {
	for _, header := range []string{"9", providertest.Start.Add(9 * time.Second).Format(http.TimeFormat)} {
		first := true
		acc, _, clk := connect(t, func(w http.ResponseWriter, r providertest.Request) {
			if first {
				first = false
				w.Header().Set("Retry-After", header)
				providertest.Answer(w, 429, refused("TooManyRequests"))
				return
			}
			providertest.Answer(w, 200, `{"id":"e"}`)
		})
		if _, err := acc.Event(t.Context(), "Cal", "e"); err != nil {
			t.Fatal(err)
		}
		if waited := clk.Now().Sub(providertest.Start); waited != 9*time.Second {
			t.Errorf("Retry-After %s: waited %s", header, waited)
		}
	}
}

// Trap 37 for this service, and the form of the token request.
func TestTheTokenRequestAsksForWhatTheUserGranted(t *testing.T) {
	acc, f, clk := connect(t, always(200, `{"id":"e"}`))
	for range 11 {
		if _, err := acc.Event(t.Context(), "Cal", "e"); err != nil {
			t.Fatal(err)
		}
		clk.Advance(6 * time.Minute)
	}
	if f.TokenCalls() != 2 { // at 0 and at 55 minutes or later
		t.Errorf("%d token calls in an hour, want 2", f.TokenCalls())
	}
	if h := f.Requests()[0].Header.Get("Authorization"); !strings.HasPrefix(h, "Bearer access-") {
		t.Errorf("Authorization %s", h)
	}
}
