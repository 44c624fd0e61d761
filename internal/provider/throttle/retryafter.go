package throttle

import (
	"strconv"
	"strings"
	"time"
)

// httpDates are the forms of a date in a header (RFC 9110, section 5.6.7).
var httpDates = []string{time.RFC1123, "Mon, 02 Jan 2006 15:04:05 MST", time.RFC850, time.ANSIC}

// maxRetryAfter bounds what a service may ask for: nobody waits for a day
// because of a wrong clock.
const maxRetryAfter = time.Hour

// ParseRetryAfter reads a Retry-After header: seconds, also with a fraction, or
// an HTTP date. It returns 0 for none, nonsense and the past.
func ParseRetryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if header == "" {
		return 0
	}
	if s, err := strconv.ParseFloat(header, 64); err == nil {
		return bounded(s)
	}
	for _, layout := range httpDates {
		if at, err := time.Parse(layout, header); err == nil {
			return bounded(at.Sub(now).Seconds())
		}
	}
	return 0
}

func bounded(seconds float64) time.Duration {
	if !(seconds > 0) { // also NaN
		return 0
	}
	if seconds > maxRetryAfter.Seconds() {
		return maxRetryAfter
	}
	return time.Duration(seconds * float64(time.Second))
}
