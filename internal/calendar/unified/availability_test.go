package unified

import (
	"context"
	"errors"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/fail"
)

// oneAccount is a store with one connection to a service that says when its owner
// is busy.
type oneAccount struct {
	Store
	calendar.Provider
	calendar.Account
	busy []calendar.Busy
	err  error
}

func (f *oneAccount) TeamConnections(context.Context, string) ([]calendar.Connection, error) {
	return []calendar.Connection{{ID: "c", RawID: "raw", Platform: calendar.Microsoft, Status: calendar.Active}}, nil
}

func (f *oneAccount) FreeBusy(_ context.Context, _ []string, w calendar.Window) (out []calendar.Busy, err error) {
	for _, b := range f.busy {
		if b.End.After(w.Start) && b.Start.Before(w.End) {
			out = append(out, b)
		}
	}
	return out, f.err
}

// provider hands out the one account.
type provider struct {
	calendar.Provider
	account calendar.Account
}

func (p provider) Account(string, calendar.TokenStore) calendar.Account { return p.account }

func service(f *oneAccount) *Service {
	return &Service{Store: f, Providers: map[calendar.Platform]calendar.Provider{calendar.Microsoft: provider{account: f}}}
}

func TestBusyIsWhatKeepsPeopleFromAMeeting(t *testing.T) {
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	span := func(from, to time.Duration, kind string) calendar.Busy {
		return calendar.Busy{Calendar: "raw", Start: start.Add(from), End: start.Add(to), Kind: kind}
	}
	for name, c := range map[string]struct {
		busy []calendar.Busy
		want [][2]time.Duration
	}{
		"working elsewhere is no reason": {
			[]calendar.Busy{span(0, time.Hour, "workingElsewhere"), span(time.Hour, 2*time.Hour, "tentative"), span(2*time.Hour, 3*time.Hour, "oof")},
			[][2]time.Duration{{time.Hour, 2 * time.Hour}, {2 * time.Hour, 3 * time.Hour}},
		},
		"what overlaps is told apart": {
			[]calendar.Busy{span(0, 2*time.Hour, "busy"), span(time.Hour, 3*time.Hour, "busy")},
			[][2]time.Duration{{0, 2 * time.Hour}, {time.Hour, 3 * time.Hour}},
		},
		"cut to the range": {
			[]calendar.Busy{span(-time.Hour, time.Hour, "busy"), span(99*day, 101*day, "busy")},
			[][2]time.Duration{{0, time.Hour}, {99 * day, 100 * day}},
		},
		"one that lies across two questions comes once": {
			[]calendar.Busy{span(59*day, 61*day, "busy")},
			[][2]time.Duration{{59 * day, 61 * day}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := service(&oneAccount{busy: c.busy}).Availability(t.Context(), "team", calendar.Window{Start: start, End: start.Add(100 * day)}, false)
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Busy) != len(c.want) {
				t.Fatalf("%+v", a.Busy)
			}
			for i, b := range a.Busy {
				if got := [2]time.Duration{b.Start.Sub(start), b.End.Sub(start)}; got != c.want[i] {
					t.Errorf("span %d: %v, want %v", i, got, c.want[i])
				}
			}
		})
	}
}

func TestAMissingAnswerIsNoFreeTime(t *testing.T) {
	f := &oneAccount{err: errors.New("no answer")}
	w := calendar.Window{Start: time.Unix(0, 0), End: time.Unix(3600, 0)}
	if _, err := service(f).Availability(t.Context(), "team", w, false); !fail.Is(err, fail.Upstream) {
		t.Errorf("%v", err)
	}
	a, err := service(f).Availability(t.Context(), "team", w, true)
	if err != nil || len(a.Troubles) != 1 || a.Troubles[0].CalendarID != "c" {
		t.Errorf("a part: %+v, %v", a, err)
	}
}
