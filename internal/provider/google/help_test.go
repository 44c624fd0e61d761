package google

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"steno/internal/calendar"
	"steno/internal/provider/providertest"
	"steno/internal/provider/throttle"
)

// connect returns an account of a service whose answers the test writes.
func connect(t *testing.T, handler func(w http.ResponseWriter, r providertest.Request)) (calendar.Account, *providertest.Fake, *providertest.Clock) {
	t.Helper()
	f := providertest.NewFake(t, handler)
	clk := providertest.NewClock()
	c, err := New(Options{APIURL: f.URL, TokenURL: f.URL, HTTP: f.HTTP(), Clock: clk, Sleep: clk.Sleep, Limits: throttle.Google})
	if err != nil {
		t.Fatal(err)
	}
	return c.Account("conn", providertest.Tokens()), f, clk
}

// always answers every call the same.
func always(status int, body string) func(http.ResponseWriter, providertest.Request) {
	return func(w http.ResponseWriter, _ providertest.Request) { providertest.Answer(w, status, body) }
}

// refused is Google's error envelope.
func refused(code int, reason string) string {
	return fmt.Sprintf(`{"error":{"code":%d,"message":"no","errors":[{"domain":"calendar","reason":%q,"message":"no"}]}}`, code, reason)
}

func kindOf(t *testing.T, err error) calendar.ErrorKind {
	t.Helper()
	e := calendar.AsError(err)
	if e == nil {
		t.Fatalf("err %v, want a *calendar.Error", err)
	}
	if e.Platform != calendar.Google || e.Op == "" || e.Message == "" {
		t.Errorf("error without platform, op or message: %#v", e)
	}
	for _, secret := range []string{"secret", "access-", "127.0.0.1", "syncToken="} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows %q: %v", secret, err)
		}
	}
	return e.Kind
}

func only(t *testing.T, p calendar.Page, err error) calendar.Item {
	t.Helper()
	if err != nil || len(p.Items) != 1 {
		t.Fatalf("%d items, err %v; want 1", len(p.Items), err)
	}
	return p.Items[0]
}
