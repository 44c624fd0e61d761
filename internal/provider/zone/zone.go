// Package zone turns the names that providers give time zones into locations:
// Windows names, IANA names, and what calendars make of either. It is pure and
// never fails: an event whose zone nobody knows keeps its instants and gets a
// warning (reference, trap 31).
package zone

import (
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // CLDR names zones that small systems lack (Asia/Calcutta)
)

// Zone is a resolved time zone. The zero value is unresolved.
type Zone struct {
	// Name is the IANA name, never "Local".
	Name string
	Loc  *time.Location
	// Guessed says that none of the given names was known: the zone is a
	// fallback, and dates of all-day events may be off by one.
	Guessed bool
}

// UTC is the zone of last resort.
var UTC = Zone{Name: "UTC", Loc: time.UTC}

// Resolve tries names in order: the event's own, then the calendar's. Each may
// be a Windows name, an IANA name, a link such as "tzone://Microsoft/Utc", or
// nonsense ("Customized Time Zone", a localised text). If the first name that
// is not empty is unknown, the result is Guessed, also when a later one helps.
func Resolve(names ...string) Zone {
	guessed := false
	for _, n := range names {
		n = strings.TrimSpace(n)
		if n == "" {
			continue
		}
		if z, ok := lookUp(n); ok {
			z.Guessed = guessed
			return z
		}
		guessed = true
	}
	return Zone{Name: UTC.Name, Loc: UTC.Loc, Guessed: guessed}
}

// known keeps look-ups: loading a location parses a file, and a calendar names
// the same few zones thousands of times. Only names that were found are kept,
// so that strangers' texts do not fill it.
var known sync.Map // string → Zone

func lookUp(name string) (Zone, bool) {
	if z, ok := known.Load(name); ok {
		return z.(Zone), true
	}
	iana := name
	switch lower := strings.ToLower(name); {
	case lower == "utc" || lower == "tzone://microsoft/utc" || lower == "etc/utc" || lower == "z":
		iana = "UTC"
	case windowsLower()[lower] != "":
		iana = windowsLower()[lower]
	case lower == "local" || strings.ContainsAny(name, `\:`) || strings.HasPrefix(name, "/") || strings.Contains(name, ".."):
		return Zone{}, false
	}
	loc, err := time.LoadLocation(iana)
	if err != nil {
		return Zone{}, false
	}
	z := Zone{Name: iana, Loc: loc}
	known.Store(name, z)
	return z, true
}

// windowsLower is the table with keys in lower case: some writers change it.
var windowsLower = sync.OnceValue(func() map[string]string {
	m := make(map[string]string, len(windows))
	for k, v := range windows {
		m[strings.ToLower(k)] = v
	}
	return m
})
