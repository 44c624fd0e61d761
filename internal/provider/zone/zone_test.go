package zone

import (
	"testing"
	"time"
)

// Trap 31: names that no zone database loads.
func TestTrap31NamesOfWindowsAndNonsenseResolve(t *testing.T) {
	for _, c := range []struct {
		name    string
		names   []string
		want    string
		guessed bool
	}{
		{"Windows name", []string{"W. Europe Standard Time"}, "Europe/Berlin", false},
		{"Windows name in another case", []string{"pacific standard time"}, "America/Los_Angeles", false},
		{"Windows name in front of IANA", []string{"Tokyo Standard Time", "Europe/Rome"}, "Asia/Tokyo", false},
		{"IANA name", []string{"America/New_York"}, "America/New_York", false},
		{"old IANA name, missing in small systems", []string{"Asia/Calcutta"}, "Asia/Calcutta", false},
		{"UTC", []string{"UTC"}, "UTC", false},
		{"Microsoft's UTC", []string{"tzone://Microsoft/Utc"}, "UTC", false},
		{"Microsoft's custom zone, the calendar's helps", []string{"tzone://Microsoft/Custom", "Europe/Paris"}, "Europe/Paris", true},
		{"Customized Time Zone alone", []string{"Customized Time Zone"}, "UTC", true},
		{"localised text", []string{"(UTC+01:00) Amsterdam, Berlín, Berna"}, "UTC", true},
		{"path", []string{"../../etc/passwd"}, "UTC", true},
		{"the machine's own zone is no answer", []string{"Local"}, "UTC", true},
		{"no name at all is no guess", []string{"", " "}, "UTC", false},
		{"no name, the calendar's helps", []string{"", "Asia/Tokyo"}, "Asia/Tokyo", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			z := Resolve(c.names...)
			if z.Name != c.want || z.Guessed != c.guessed || z.Loc == nil {
				t.Errorf("Resolve(%q) = %q guessed %v loc %v; want %q guessed %v", c.names, z.Name, z.Guessed, z.Loc, c.want, c.guessed)
			}
		})
	}
}

func TestEveryWindowsZoneLoads(t *testing.T) {
	if len(windows) < 130 {
		t.Fatalf("%d Windows zones; CLDR 48 has 139", len(windows))
	}
	for name := range windows {
		z := Resolve(name)
		if z.Guessed || z.Loc == nil {
			t.Errorf("%s → %s does not load", name, windows[name])
		}
	}
}

func TestAWindowsZoneKnowsSummerTime(t *testing.T) {
	z := Resolve("GMT Standard Time") // London: not UTC in summer
	if got := time.Date(2026, 7, 1, 12, 0, 0, 0, z.Loc).UTC().Hour(); got != 11 {
		t.Errorf("noon in London in July is %d h UTC, want 11", got)
	}
}
