package webhook

import (
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Proves D4: the table of delays, exactly.
func TestTheTableOfDelays(t *testing.T) {
	want := map[Kind][]time.Duration{
		ToEndpoint: {5 * time.Second, 10 * time.Second, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, 2 * time.Hour},
		ToV1:       {5 * time.Second, 10 * time.Second, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, 2 * time.Hour},
		ToCallback: {time.Second, 5 * time.Second, 15 * time.Second},
	}
	if ToV1.Timeout() != 10*time.Second || ToEndpoint.Timeout() != 30*time.Second || ToCallback.Timeout() != 30*time.Second {
		t.Errorf("timeouts %s, %s, %s", ToV1.Timeout(), ToEndpoint.Timeout(), ToCallback.Timeout())
	}
	for kind, delays := range want {
		if kind.Attempts() != len(delays)+1 {
			t.Errorf("%s: %d attempts", kind, kind.Attempts())
		}
		for i, d := range delays {
			if got := kind.Next(i+1, Answer{Status: 500}, 0.5); got.State != Pending || got.Delay != d {
				t.Errorf("%s, after attempt %d: %+v, want %s", kind, i+1, got, d)
			}
		}
		if got := kind.Next(len(delays)+1, Answer{Status: 500}, 0.5); got.State != Exhausted {
			t.Errorf("%s, after the last attempt: %+v", kind, got)
		}
	}
}

// Proves D4: whatever the answer and the jitter, a delay stays in its band,
// never ends beyond the cap, and no delivery is tried more often than it may.
func TestDelaysStayInTheirBand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]Kind{ToEndpoint, ToV1, ToCallback}).Draw(t, "kind")
		n := rapid.IntRange(1, kind.Attempts()+2).Draw(t, "n")
		a := Answer{
			Status:     rapid.IntRange(100, 599).Draw(t, "status"),
			RetryAfter: time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "retry_after")),
			Failure:    rapid.SampledFrom([]Failure{NoFailure, TimedOut, Network, NotAllowed, Misconfig}).Draw(t, "failure"),
		}
		random := rapid.Float64Range(0, 0.999999).Draw(t, "random")
		d := kind.Next(n, a, random)
		if a.OK() != (d.State == Delivered) {
			t.Fatalf("%+v became %s", a, d.State)
		}
		if d.State != Pending {
			return
		}
		if n >= kind.Attempts() {
			t.Fatalf("attempt %d is not the last", n)
		}
		base := kind.delays()[n]
		if kind == ToCallback {
			if d.Delay != base {
				t.Fatalf("callback delay %s", d.Delay)
			}
			return
		}
		least, most := time.Duration(0.8*float64(base)), time.Duration(1.2*float64(base))
		if a.Status == 429 || a.Failure == TimedOut {
			least, most = max(least, SlowDown), max(most, SlowDown)
		}
		asked := min(a.RetryAfter, MaxRetryAfter)
		least, most = max(least, asked), max(most, asked)
		if d.Delay < least || d.Delay > most {
			t.Fatalf("delay %s is not within %s and %s", d.Delay, least, most)
		}
	})
}

func TestOnlySuccessIsSuccess(t *testing.T) {
	for status, want := range map[int]State{
		200: Delivered, 201: Delivered, 204: Delivered, 299: Delivered, 100: Pending, 199: Pending, 300: Pending, 301: Pending, 302: Pending, 304: Pending,
		400: Pending, 404: Pending, 408: Pending, 410: Exhausted, 429: Pending, 500: Pending, 503: Pending, 0: Pending,
	} {
		if got := ToEndpoint.Next(1, Answer{Status: status}, 0.5); got.State != want || got.DisableEndpoint != (status == 410) {
			t.Errorf("endpoint, %d: %+v", status, got)
		}
	}
	for _, f := range []Failure{TimedOut, Network, NotAllowed, Misconfig} {
		if got := ToEndpoint.Next(1, Answer{Failure: f}, 0.5); got.State != Pending {
			t.Errorf("endpoint, %s: %+v", f, got)
		}
		retried := f == TimedOut || f == Network
		if got := ToCallback.Next(1, Answer{Failure: f}, 0.5); (got.State == Pending) != retried {
			t.Errorf("callback, %s: %+v", f, got)
		}
	}
	for _, status := range []int{301, 400, 404, 408, 410, 429, 499} {
		if got := ToCallback.Next(1, Answer{Status: status}, 0.5); got.State != Exhausted || got.DisableEndpoint {
			t.Errorf("callback, %d: %+v", status, got)
		}
	}
}

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, " 5 ": 5 * time.Second, "-5": 0, "1.5": 0, "soon": 0, "99999999999999999999": 0,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second, now.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		if got := ParseRetryAfter(value, now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}
