package freetime_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"steno/internal/calendar/freetime"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func week(days string, hours ...freetime.Hours) map[time.Weekday][]freetime.Hours {
	out := map[time.Weekday][]freetime.Hours{}
	for d := range time.Saturday + 1 {
		if strings.Contains(days, strings.ToLower(d.String()[:3])) {
			out[d] = hours
		}
	}
	return out
}

const all = "sun mon tue wed thu fri sat"

func TestSlotsAreFoundWhereTheMeetingFits(t *testing.T) {
	nine := freetime.Hours{From: 9 * 60, To: 17 * 60}
	tests := map[string]struct {
		zone, from, to string // local times of that zone
		minutes        int
		working        map[time.Weekday][]freetime.Hours
		step, max      int
		before, after  int
		busy           []string // local, from–to
		want           []string // with offsets
	}{
		"between two meetings, exactly": {
			zone: "Europe/Berlin", from: "2026-03-02 00:00", to: "2026-03-03 00:00", minutes: 60, working: week(all, nine), step: 30, max: 9,
			busy: []string{"2026-03-02 08:00/2026-03-02 11:00", "2026-03-02 12:00/2026-03-02 16:30"},
			want: []string{"2026-03-02T11:00+01:00"},
		},
		"starts stand on the clock, not where a meeting ends": {
			zone: "UTC", from: "2026-03-02 09:07", to: "2026-03-02 12:00", minutes: 30, working: week(all, nine), step: 15, max: 2,
			busy: []string{"2026-03-02 09:15/2026-03-02 10:05"},
			want: []string{"2026-03-02T10:15Z", "2026-03-02T10:30Z"},
		},
		"busy spans that overlap and come in any order": {
			zone: "UTC", from: "2026-03-02 09:00", to: "2026-03-02 13:00", minutes: 60, working: week(all, nine), step: 60, max: 9,
			busy: []string{"2026-03-02 11:00/2026-03-02 11:10", "2026-03-02 08:00/2026-03-02 10:30", "2026-03-02 09:00/2026-03-02 09:30"},
			want: []string{"2026-03-02T12:00Z"},
		},
		"a time of no length blocks nothing": {
			zone: "UTC", from: "2026-03-02 09:00", to: "2026-03-02 10:00", minutes: 60, working: week(all, nine), step: 60, max: 9,
			busy: []string{"2026-03-02 09:30/2026-03-02 09:30"}, want: []string{"2026-03-02T09:00Z"},
		},
		"room around the meeting, also outside of hours and window": {
			zone: "UTC", from: "2026-03-02 09:00", to: "2026-03-02 17:00", minutes: 60, working: week(all, nine), step: 60, max: 9, before: 15, after: 30,
			busy: []string{"2026-03-02 08:30/2026-03-02 08:50", "2026-03-02 11:15/2026-03-02 14:45", "2026-03-02 17:20/2026-03-02 18:00"},
			want: []string{"2026-03-02T15:00Z"},
		},
		"no weekend, and the next Monday": {
			zone: "UTC", from: "2026-03-06 16:00", to: "2026-03-10 00:00", minutes: 60, working: week("mon fri", nine), step: 60, max: 2,
			want: []string{"2026-03-06T16:00Z", "2026-03-09T09:00Z"},
		},
		"two pieces of a day": {
			zone: "UTC", from: "2026-03-02 00:00", to: "2026-03-03 00:00", minutes: 60, working: week(all, freetime.Hours{540, 630}, freetime.Hours{800, 900}), step: 30, max: 9,
			want: []string{"2026-03-02T09:00Z", "2026-03-02T09:30Z", "2026-03-02T13:20Z", "2026-03-02T13:50Z"},
		},
		"over midnight, where the days touch": {
			zone: "UTC", from: "2026-03-02 23:00", to: "2026-03-03 01:30", minutes: 90, working: week(all, freetime.Day), step: 60, max: 9,
			want: []string{"2026-03-02T23:00Z", "2026-03-03T00:00Z"},
		},
		"not over midnight, where they do not": {
			zone: "UTC", from: "2026-03-02 22:00", to: "2026-03-03 12:00", minutes: 90, working: week("mon", freetime.Day), step: 60, max: 9,
			want: []string{"2026-03-02T22:00Z"},
		},
		"the clock is set forward: three o'clock comes after one": {
			zone: "Europe/Berlin", from: "2026-03-29 01:00", to: "2026-03-29 05:00", minutes: 60, working: week(all, freetime.Day), step: 60, max: 9,
			want: []string{"2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00", "2026-03-29T04:00+02:00"},
		},
		"hours that begin where the clock leaps": {
			zone: "Europe/Berlin", from: "2026-03-29 00:00", to: "2026-03-29 12:00", minutes: 30, working: week(all, freetime.Hours{150, 240}), step: 30, max: 9,
			want: []string{"2026-03-29T03:00+02:00", "2026-03-29T03:30+02:00"},
		},
		"the clock is set back: two o'clock comes twice": {
			zone: "Europe/Berlin", from: "2026-10-25 01:00", to: "2026-10-25 04:00", minutes: 60, working: week(all, freetime.Day), step: 60, max: 9,
			want: []string{"2026-10-25T01:00+02:00", "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00", "2026-10-25T03:00+01:00"},
		},
		"nine stays nine on both sides of the change": {
			zone: "America/New_York", from: "2026-03-06 00:00", to: "2026-03-10 00:00", minutes: 480, working: week("fri mon", nine), step: 30, max: 9,
			want: []string{"2026-03-06T09:00-05:00", "2026-03-09T09:00-04:00"},
		},
		"a zone of a quarter": {
			zone: "Asia/Kathmandu", from: "2026-03-02 00:00", to: "2026-03-02 10:00", minutes: 60, working: week(all, nine), step: 60, max: 9,
			want: []string{"2026-03-02T09:00+05:45"},
		},
		"a zone that skipped a day": {
			zone: "Pacific/Apia", from: "2011-12-29 16:00", to: "2011-12-31 10:00", minutes: 60, working: week(all, nine), step: 60, max: 9,
			want: []string{"2011-12-29T16:00-10:00", "2011-12-31T09:00+14:00"},
		},
		"longer than the working day": {
			zone: "UTC", from: "2026-03-02 00:00", to: "2026-03-09 00:00", minutes: 481, working: week(all, nine), step: 1, max: 9,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			loc := zone(t, tt.zone)
			at := func(text string) time.Time {
				got, err := time.ParseInLocation("2006-01-02 15:04", text, loc)
				if err != nil {
					t.Fatal(err)
				}
				return got
			}
			r := freetime.Request{
				Window: freetime.Span{Start: at(tt.from), End: at(tt.to)}, Duration: time.Duration(tt.minutes) * time.Minute, Zone: loc, Working: tt.working,
				Step: time.Duration(tt.step) * time.Minute, Max: tt.max, Before: time.Duration(tt.before) * time.Minute, After: time.Duration(tt.after) * time.Minute,
			}
			for _, b := range tt.busy {
				from, to, _ := strings.Cut(b, "/")
				r.Busy = append(r.Busy, freetime.Span{Start: at(from), End: at(to)})
			}
			var got []string
			for _, s := range freetime.Find(r) {
				got = append(got, s.Start.In(loc).Format("2006-01-02T15:04Z07:00"))
				if s.End.Sub(s.Start) != r.Duration {
					t.Errorf("a slot of %s", s.End.Sub(s.Start))
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %v\nwant %v", got, tt.want)
			}
		})
	}
}

// slowly does the same minute by minute: it looks at the clock of each.
func slowly(r freetime.Request) (out []freetime.Span) {
	const margin = 24 * 60
	base := r.Window.Start.Truncate(time.Minute).Add(-margin * time.Minute)
	n := int(r.Window.End.Sub(base)/time.Minute) + 2*margin
	off, taken, grid := make([]bool, n), make([]bool, n), make([]bool, n)
	for i := range n {
		m := base.Add(time.Duration(i) * time.Minute)
		local := m.In(r.Zone)
		clock := local.Hour()*60 + local.Minute()
		off[i] = true
		for _, h := range r.Working[local.Weekday()] {
			if clock >= h.From && clock < h.To {
				off[i], grid[i] = false, (clock-h.From)%int(r.Step/time.Minute) == 0
			}
		}
		if m.Before(r.Window.Start) || !m.Before(r.Window.End) {
			off[i] = true
		}
		for _, b := range r.Busy {
			taken[i] = taken[i] || (m.Before(b.End) && m.Add(time.Minute).After(b.Start) && b.End.After(b.Start))
		}
	}
	count := int(r.Duration / time.Minute)
	for i := margin; i < n-margin && len(out) < r.Max; i++ {
		from, to := i-int(r.Before/time.Minute), i+count+int(r.After/time.Minute)
		if !grid[i] || slices.Contains(off[i:i+count], true) || slices.Contains(taken[from:to], true) {
			continue
		}
		s := base.Add(time.Duration(i) * time.Minute)
		out = append(out, freetime.Span{Start: s, End: s.Add(r.Duration)})
	}
	return out
}

func TestSlotsAreThoseThatAMinuteByMinuteSearchFinds(t *testing.T) {
	runs, seed := 200, uint64(1)
	if os.Getenv("STENO_STORM") != "" {
		runs, seed = 5_000, uint64(time.Now().UnixNano())
	}
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia", "Africa/Casablanca"}
	found := 0
	for run := range runs {
		rnd := rand.New(rand.NewPCG(seed, uint64(run)))
		loc := zone(t, zones[rnd.IntN(len(zones))])
		from := time.Date(2026, 1, 1, 0, rnd.IntN(366*24*60), 0, 0, time.UTC)
		if _, next := from.In(loc).ZoneBounds(); rnd.IntN(2) == 0 && next.Year() == 2026 {
			from = next.Add(-time.Duration(rnd.IntN(36*60)) * time.Minute) // the clock is set within the window
		}
		r := freetime.Request{
			Window: freetime.Span{Start: from, End: from.Add(time.Duration(1+rnd.IntN(3*24*60)) * time.Minute)}, Zone: loc,
			Duration: time.Duration(1+rnd.IntN(180)) * time.Minute, Step: time.Duration(1+rnd.IntN(90)) * time.Minute,
			Before: time.Duration(rnd.IntN(3)*10) * time.Minute, After: time.Duration(rnd.IntN(3)*10) * time.Minute, Max: 1 + rnd.IntN(200),
			Working: map[time.Weekday][]freetime.Hours{},
		}
		for d := range time.Saturday + 1 {
			switch rnd.IntN(4) {
			case 0:
			case 1:
				r.Working[d] = []freetime.Hours{freetime.Day}
			case 2:
				r.Working[d] = []freetime.Hours{{rnd.IntN(720), 720 + rnd.IntN(721)}}
			case 3:
				r.Working[d] = []freetime.Hours{{60, 60 + rnd.IntN(300)}, {360 + rnd.IntN(60), 1440}}
			}
		}
		for range rnd.IntN(8) {
			start := from.Add(time.Duration(rnd.IntN(4*24*60)-12*60) * time.Minute)
			r.Busy = append(r.Busy, freetime.Span{Start: start, End: start.Add(time.Duration(rnd.IntN(300)) * time.Minute)})
		}
		got, want := freetime.Find(r), slowly(r)
		found += len(want)
		if !slices.EqualFunc(got, want, func(a, b freetime.Span) bool { return a.Start.Equal(b.Start) && a.End.Equal(b.End) }) {
			t.Fatalf("seed %d, run %d: %+v\ngot  %v\nwant %v", seed, run, r, texts(got, loc), texts(want, loc))
		}
	}
	if found < runs {
		t.Errorf("only %d slots in %d runs: the test tests nothing", found, runs)
	}
}

func texts(spans []freetime.Span, loc *time.Location) (out []string) {
	for _, s := range spans {
		out = append(out, fmt.Sprint(s.Start.In(loc).Format("02T15:04Z07:00")))
	}
	return out
}
