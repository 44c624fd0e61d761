package call_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/provider/access"
	"steno/internal/provider/call"
	"steno/internal/provider/providertest"
	"steno/internal/provider/throttle"
)

func caller(t *testing.T, h func(http.ResponseWriter, providertest.Request)) (*call.Caller, *providertest.Fake, *providertest.Clock) {
	f := providertest.NewFake(t, h)
	clk := providertest.NewClock()
	c := &call.Caller{
		Service: call.Service{Platform: calendar.Google, Classify: func(status int, _ http.Header, _ []byte) *calendar.Error {
			switch {
			case status == 429:
				return &calendar.Error{Kind: calendar.RateLimited, Message: "slow down"}
			case status >= 500:
				return &calendar.Error{Kind: calendar.Transient, Message: "down"}
			}
			return &calendar.Error{Kind: calendar.Refused, Message: "no"}
		}},
		HTTP: f.HTTP(), Clock: clk, Sleep: clk.Sleep, Limiter: throttle.New(throttle.Limits{InFlight: 4}, clk, clk.Sleep),
	}
	c.Tokens = access.New(access.Endpoint{Platform: calendar.Google, URL: func(calendar.Credentials) (string, error) { return f.URL + "/token", nil }}, c.HTTP, clk, clk.Sleep)
	return c, f, clk
}

func send(ctx context.Context, c *call.Caller, f *providertest.Fake, s call.Spec, method, body string) (string, error) {
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, f.URL+"/thing?secret-token=1", r)
	if err != nil {
		return "", err
	}
	s.Op, s.Account = "do something", call.Account{Connection: "c", Store: providertest.Tokens()}
	res, err := c.Do(ctx, s, req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}

func TestWhatPassesByItselfIsTriedAgainWithTheSameBody(t *testing.T) {
	for name, fail := range map[string]func(w http.ResponseWriter){
		"503":               func(w http.ResponseWriter) { w.WriteHeader(503) },
		"429":               func(w http.ResponseWriter) { w.WriteHeader(429) },
		"hangs up":          func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"breaks off":        func(w http.ResponseWriter) { w.Header().Set("Content-Length", "100"); io.WriteString(w, `{"a":`) },
		"half of the JSON":  func(w http.ResponseWriter) { io.WriteString(w, `{"a":`) },
		"a page of HTML":    func(w http.ResponseWriter) { io.WriteString(w, `<!DOCTYPE html>`) },
		"a redirect is one": func(w http.ResponseWriter) { w.Header().Set("Location", "/elsewhere"); w.WriteHeader(302) },
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			c, f, _ := caller(t, func(w http.ResponseWriter, r providertest.Request) {
				if n++; n < 3 {
					fail(w)
					return
				}
				providertest.Answer(w, 200, r.Body)
			})
			if got, err := send(t.Context(), c, f, call.Spec{}, "POST", `{"x":1}`); err != nil || got != `{"x":1}` || n != 3 {
				t.Errorf("%q after %d tries, %v", got, n, err)
			}
		})
	}
}

func TestACallThatMayHaveBeenDoneIsNotRepeatedIfItMustNot(t *testing.T) {
	for name, c := range map[string]struct {
		fail func(w http.ResponseWriter)
		want int
	}{
		"503":                      {func(w http.ResponseWriter) { w.WriteHeader(503) }, 1},
		"hangs up":                 {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 1},
		"429 was surely not done":  {func(w http.ResponseWriter) { w.WriteHeader(429) }, 3},
		"the answer is incomplete": {func(w http.ResponseWriter) { io.WriteString(w, `{`) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			cl, f, _ := caller(t, func(w http.ResponseWriter, _ providertest.Request) { c.fail(w) })
			if _, err := send(t.Context(), cl, f, call.Spec{Once: true}, "POST", `{}`); err == nil || len(f.Requests()) != c.want {
				t.Errorf("%d tries, want %d: %v", len(f.Requests()), c.want, err)
			}
		})
	}
}

func TestPatienceEnds(t *testing.T) {
	c, f, clk := caller(t, func(w http.ResponseWriter, _ providertest.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(429)
	})
	_, err := send(t.Context(), c, f, call.Spec{}, "GET", "")
	if e := calendar.AsError(err); e == nil || e.Kind != calendar.RateLimited || e.RetryAfter != 7*time.Second {
		t.Errorf("err %+v", err)
	}
	if !slices.Equal(clk.Slept(), []time.Duration{7 * time.Second}) || len(f.Requests()) != 2 {
		t.Errorf("slept %v over %d calls; a second wait is the job's", clk.Slept(), len(f.Requests()))
	}
}

func TestAnAnswerThatIsTooLargeIsNotReadToItsEnd(t *testing.T) {
	c, f, _ := caller(t, func(w http.ResponseWriter, _ providertest.Request) {
		for range 1000 {
			if _, err := io.WriteString(w, strings.Repeat(" ", 1000)); err != nil {
				return
			}
		}
	})
	c.Most = 10_000
	_, err := send(t.Context(), c, f, call.Spec{}, "GET", "")
	if e := calendar.AsError(err); e == nil || e.Reason != call.TooLarge || len(f.Requests()) != 1 {
		t.Errorf("err %+v after %d calls", err, len(f.Requests()))
	}
}

func TestTheCallersEndIsNotTheServicesFault(t *testing.T) {
	arrived := make(chan struct{})
	c, f, _ := caller(t, func(w http.ResponseWriter, r providertest.Request) { close(arrived); <-t.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err := send(ctx, c, f, call.Spec{}, "GET", "")
	if !errors.Is(err, context.Canceled) || calendar.AsError(err) != nil {
		t.Errorf("err %#v, want the context's", err)
	}
}

// Trap 57: secrets in errors.
func TestTrap57ErrorsHoldNeitherURLsNorTokens(t *testing.T) {
	c, f, _ := caller(t, func(http.ResponseWriter, providertest.Request) { panic(http.ErrAbortHandler) })
	_, err := send(t.Context(), c, f, call.Spec{}, "GET", "")
	e := calendar.AsError(err)
	if e == nil {
		t.Fatal(err)
	}
	for _, text := range []string{e.Error(), e.Err.Error()} {
		if strings.Contains(text, "secret") || strings.Contains(text, "http://") || strings.Contains(text, "access-") {
			t.Errorf("the error shows %q", text)
		}
	}
}
