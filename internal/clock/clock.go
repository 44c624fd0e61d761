// Package clock is the only place that reads the time, so that tests can
// inject it. Everything else takes a Clock.
package clock

import "time"

// Clock tells the time in UTC.
type Clock interface {
	Now() time.Time
}

// System is the machine's clock.
type System struct{}

// Now returns the present time in UTC, with its monotonic reading.
func (System) Now() time.Time { return time.Now().UTC() }

// Func makes a Clock of a function, for tests.
type Func func() time.Time

// Now calls f.
func (f Func) Now() time.Time { return f() }
