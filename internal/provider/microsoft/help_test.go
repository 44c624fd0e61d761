package microsoft

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/provider/providertest"
	"steno/internal/provider/throttle"
)

type handler = func(w http.ResponseWriter, r providertest.Request)

// connect returns an account of a service whose answers the test writes.
func connect(t *testing.T, h handler) (calendar.Account, *providertest.Fake, *providertest.Clock) {
	t.Helper()
	c, f, clk := client(t, h)
	return c.Account("conn", providertest.Tokens()), f, clk
}

func client(t *testing.T, h handler) (*Client, *providertest.Fake, *providertest.Clock) {
	t.Helper()
	f := providertest.NewFake(t, h)
	clk := providertest.NewClock()
	c, err := New(Options{GraphURL: f.URL, LoginURL: f.URL, HTTP: f.HTTP(), Clock: clk, Sleep: clk.Sleep, Limits: throttle.Graph})
	if err != nil {
		t.Fatal(err)
	}
	return c, f, clk
}

func always(status int, body string) handler {
	return func(w http.ResponseWriter, _ providertest.Request) { providertest.Answer(w, status, body) }
}

// refused is Graph's error envelope.
func refused(code string) string {
	return fmt.Sprintf(`{"error":{"code":%q,"message":"no","innerError":{"request-id":"x","date":"2026-11-12T09:00:00"}}}`, code)
}

func kind(t *testing.T, err error) calendar.ErrorKind {
	t.Helper()
	e := calendar.AsError(err)
	if e == nil {
		t.Fatalf("err %v, want a *calendar.Error", err)
	}
	if e.Platform != calendar.Microsoft || e.Op == "" || e.Message == "" {
		t.Errorf("error without platform, op or message: %#v", e)
	}
	for _, secret := range []string{"secret", "access-", "127.0.0.1", "deltatoken="} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows %q: %v", secret, err)
		}
	}
	return e.Kind
}

// page is an answer of a delta: rows, and a link relative to the server.
func page(r providertest.Request, link, target string, rows ...string) string {
	return `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#Collection(event)","value":[` + strings.Join(rows, ",") + `],"` + link + `":"http://` + r.Host + target + `"}`
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func p[T any](v T) *T { return &v }

func rowOf(t *testing.T, text string) row {
	t.Helper()
	var r row
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

var window = calendar.Window{Start: at("2026-11-12T09:00:00Z"), End: at("2026-12-13T09:00:00Z")}

// bare is an occurrence as a delta shows it.
func bare(id, master, start, end string) string {
	return fmt.Sprintf(`{"@odata.type":"#microsoft.graph.event","@odata.etag":"W/\"x\"","id":%q,"seriesMasterId":%q,"type":"occurrence","start":{"dateTime":%q,"timeZone":"UTC"},"end":{"dateTime":%q,"timeZone":"UTC"}}`, id, master, start, end)
}

func master(id, subject string, allDay bool, zone string) string {
	return fmt.Sprintf(`{"id":%q,"type":"seriesMaster","subject":%q,"isAllDay":%v,"originalStartTimeZone":%q,"iCalUId":"uid","organizer":{"emailAddress":{"name":"Boss","address":"boss@example.com"}},"body":{"contentType":"html","content":"<p>hi</p>"},"location":{"displayName":"Room"},"recurrence":{"pattern":{"type":"weekly"}},"start":{"dateTime":"2020-01-06T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2020-01-06T10:00:00.0000000","timeZone":"UTC"}}`, id, subject, allDay, zone)
}
