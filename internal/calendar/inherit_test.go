package calendar

import (
	"testing"
	"time"
)

// Where neither UID nor title tell, only a cut that can be seen makes a new
// series the second half of an old one.
func TestANewSeriesContinuesAnOldOneOnlyWhereThatWasCut(t *testing.T) {
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	slot := time.Date(2026, 3, 13, 15, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
	daily := []string{"EXDATE:20260304T150000Z", "RRULE:FREQ=DAILY;INTERVAL=2"}
	graph := []string{`{"pattern":{"type":"daily","interval":2},"range":{"type":"noEnd","endDate":"0001-01-01"}}`}
	for _, c := range []struct {
		name          string
		old, heir     []string
		touched, lost *time.Time // the old master, and its slot
		first         time.Time
		want          bool
	}{
		{"later on the day of the lost slot", daily, daily, ago(72 * time.Hour), ago(0), slot.Add(time.Hour), true},
		{"the same at Microsoft", graph, graph, ago(72 * time.Hour), ago(0), slot.Add(time.Hour), true},
		{"nothing is known of the new rhythm", daily, nil, ago(72 * time.Hour), ago(0), slot, true},
		{"the slot was lost long ago", daily, daily, ago(72 * time.Hour), ago(72 * time.Hour), slot, false},
		{"no slot was lost", daily, daily, ago(0), nil, slot, false},
		{"on another day", daily, daily, ago(0), ago(0), slot.Add(26 * time.Hour), false},
		{"in another rhythm", daily, []string{"RRULE:FREQ=DAILY"}, ago(0), ago(0), slot, false},
		{"in another rhythm at Microsoft", graph, []string{`{"pattern":{"type":"weekly","interval":2}}`}, ago(0), ago(0), slot, false},
		{"where the old one was made to end", []string{"RRULE:FREQ=DAILY;UNTIL=20260313T145959Z"}, []string{"RRULE:FREQ=WEEKLY"}, ago(time.Hour), nil, slot, true},
		{"where all-day slots were made to end", []string{"RRULE:FREQ=DAILY;UNTIL=20260312"}, daily, ago(time.Hour), nil, slot.Truncate(24 * time.Hour), true},
		{"where it was made to end at Microsoft", []string{`{"pattern":{"type":"daily"},"range":{"type":"endDate","endDate":"2026-03-12"}}`}, graph, ago(time.Hour), nil, slot, true},
		{"where the old one has always ended", []string{"RRULE:FREQ=DAILY;UNTIL=20260313T145959Z"}, daily, ago(72 * time.Hour), nil, slot, false},
		{"long after the old one was made to end", []string{"RRULE:FREQ=DAILY;UNTIL=20260301T145959Z"}, daily, ago(time.Hour), nil, slot, false},
	} {
		old := Series{UID: "a", Fields: Fields{Title: "Standup", Recurrence: c.old}, UpdatedAt: *c.touched}
		heir := Series{UID: "b", Fields: Fields{Title: "New name", Recurrence: c.heir}, CreatedAt: now}
		rest := []Event{{Slot: slot.Add(-48 * time.Hour), Status: Confirmed}, {Slot: slot, DeletedAt: c.lost, Status: Cancelled}}
		if got := continues(old, heir, rest, c.first); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		heir.UID = "a"
		if !continues(old, heir, rest, c.first) {
			t.Errorf("%s: not although the service says so", c.name)
		}
	}
}
