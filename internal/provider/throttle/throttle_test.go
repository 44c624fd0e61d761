package throttle

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"steno/internal/clock"
)

func TestRetryAfterIsReadInSecondsAndAsDate(t *testing.T) {
	now := time.Date(2026, 11, 12, 9, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"":                                 0,
		"7":                                7 * time.Second,
		" 120 ":                            2 * time.Minute,
		"0":                                0,
		"-5":                               0,
		"1.5":                              1500 * time.Millisecond,
		"NaN":                              0,
		"99999999":                         time.Hour,
		"Thu, 12 Nov 2026 09:00:30 GMT":    30 * time.Second,
		"Thu, 12 Nov 2026 08:00:30 GMT":    0,
		"Thursday, 12-Nov-26 09:01:00 GMT": time.Minute,
		"soon":                             0,
	} {
		if got := ParseRetryAfter(header, now); got != want {
			t.Errorf("Retry-After %q: %s, want %s", header, got, want)
		}
	}
}

// Trap 28: more than four calls at a time to one mailbox.
func TestTrap28AMailboxHasFourCallsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Limits{InFlight: 4}, clock.System{}, Timer)
		inFlight, most, done := 0, 0, make(chan struct{})
		step := make(chan struct{}, 1)
		for range 20 {
			go func() {
				release, err := l.Acquire(t.Context(), "app", "box")
				if err != nil {
					t.Error(err)
					return
				}
				step <- struct{}{}
				inFlight++
				most = max(most, inFlight)
				<-step
				time.Sleep(time.Second)
				step <- struct{}{}
				inFlight--
				<-step
				release()
				done <- struct{}{}
			}()
		}
		for range 20 {
			<-done
		}
		if most != 4 {
			t.Errorf("at most %d calls were in flight, want 4", most)
		}
	})
}

func TestMailboxesAndClientsDoNotHoldUpEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Limits{InFlight: 1}, clock.System{}, Timer)
		start := time.Now()
		for _, k := range [][2]string{{"app", "a"}, {"app", "b"}, {"other", "a"}} {
			if _, err := l.Acquire(t.Context(), k[0], k[1]); err != nil {
				t.Fatal(err)
			}
		}
		l.PauseMailbox("app", "a", 10*time.Second)
		if _, err := l.Acquire(t.Context(), "app", "c"); err != nil || time.Since(start) != 0 {
			t.Errorf("another mailbox waited %s: %v", time.Since(start), err)
		}
		l.PauseClient("app", 10*time.Second)
		if _, err := l.Acquire(t.Context(), "other", "b"); err != nil || time.Since(start) != 0 {
			t.Errorf("another application waited %s: %v", time.Since(start), err)
		}
		if _, err := l.Acquire(t.Context(), "app", "d"); err != nil || time.Since(start) != 10*time.Second {
			t.Errorf("the paused application waited %s, want 10s: %v", time.Since(start), err)
		}
	})
}

func TestTheRateOfAWindowIsNeverExceeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Google, clock.System{}, Timer)
		var calls []time.Time
		for n := range 1500 {
			release, err := l.Acquire(t.Context(), "app", "box")
			if err != nil {
				t.Fatalf("call %d: %v", n, err)
			}
			calls = append(calls, clock.System{}.Now())
			release()
		}
		for i := range calls {
			if i >= 600 && calls[i].Sub(calls[i-600]) < time.Minute {
				t.Fatalf("600 calls of one user within %s", calls[i].Sub(calls[i-600]))
			}
		}
	})
}

func TestALongPauseIsAnErrorNotABlockedWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Limits{InFlight: 4}, clock.System{}, Timer)
		release, err := l.Acquire(t.Context(), "app", "box")
		if err != nil {
			t.Fatal(err)
		}
		release()
		l.PauseMailbox("app", "box", time.Minute)
		l.PauseMailbox("app", "box", time.Second) // a shorter one takes nothing back
		start := time.Now()
		_, err = l.Acquire(t.Context(), "app", "box")
		var d *Delay
		if !errors.As(err, &d) || d.For != time.Minute || time.Since(start) != 0 {
			t.Errorf("err %v after %s, want a Delay of a minute at once", err, time.Since(start))
		}
		time.Sleep(time.Minute)
		for range 4 { // a refused call must have given its slot back
			if _, err := l.Acquire(t.Context(), "app", "box"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestACallGivenUpLeavesNoSlotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Limits{InFlight: 1}, clock.System{}, Timer)
		release, err := l.Acquire(t.Context(), "app", "box")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Acquire(ctx, "app", "box"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err %v, want the context's", err)
		}
		release()
		release() // twice is once
		if _, err := l.Acquire(t.Context(), "app", "box"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestBucketsOfThePastAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Graph, clock.System{}, Timer)
		for i := range 1000 {
			release, err := l.Acquire(t.Context(), "app", fmt.Sprint(i))
			if err != nil {
				t.Fatal(err)
			}
			if i > 0 { // the first one is still busy
				release()
			}
		}
		time.Sleep(2 * keep)
		if _, err := l.Acquire(t.Context(), "app", "new"); err != nil {
			t.Fatal(err)
		}
		if n := len(l.mailboxes); n != 2 {
			t.Errorf("%d mailboxes are remembered, want the busy one and the new one", n)
		}
	})
}

// Several servers crowd one mailbox: each makes do with less, until it has been
// calm for a while.
func TestACrowdedMailboxGetsFewerSlotsForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Limits{InFlight: 4}, clock.System{}, Timer)
		fits := func() (n int) {
			t.Helper()
			var held []func()
			for {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				release, err := l.Acquire(ctx, "app", "box")
				cancel()
				if err != nil {
					break
				}
				held = append(held, release)
			}
			for _, release := range held {
				release()
			}
			return len(held)
		}
		if n := fits(); n != 4 {
			t.Fatalf("%d slots, want 4", n)
		}
		for range 3 { // refusals of one moment are one
			l.Crowded("app", "box", 500*time.Millisecond)
		}
		if n := fits(); n != 2 {
			t.Errorf("%d slots after a refusal, want 2", n)
		}
		for range 3 {
			l.Crowded("app", "box", 500*time.Millisecond)
			time.Sleep(time.Second)
		}
		if n := fits(); n != 1 {
			t.Errorf("%d slots after more of them, want 1", n)
		}
		time.Sleep(widenAfter)
		if n := fits(); n != 2 {
			t.Errorf("%d slots after a calm while, want 2", n)
		}
		time.Sleep(widenAfter)
		if n := fits(); n != 4 {
			t.Errorf("%d slots after another, want all 4", n)
		}
	})
}
