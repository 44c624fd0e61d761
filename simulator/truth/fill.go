package truth

import (
	"fmt"
	"time"
)

// Fill puts many events into a calendar: events single ones spread evenly
// between two moments, and series weekly ones that begin there and do not end.
func (c *Calendar) Fill(events, series int, from, to time.Time) error {
	from = from.UTC().Truncate(15 * time.Minute)
	spread := to.Sub(from)
	for i := range events + series {
		at := from.Add(time.Duration(float64(spread) * float64(i) / float64(events+series))).Truncate(15 * time.Minute)
		n := i % 1000
		e := Event{Content: Content{Title: fmt.Sprint("Meeting ", i+1), Start: at, End: at.Add(30 * time.Minute), Location: fmt.Sprintf("Room %d", i%40),
			Body: "Agenda: what was done, what comes next, what is in the way."}}
		if i%2 == 0 {
			e.MeetingURL, e.MeetingKind = fmt.Sprintf("https://meet.google.com/abc-d%c%c%c-xyz", 'a'+n%26, 'a'+n/26%26, 'a'+n/676), "hangoutsMeet"
			if c.book.OwnZone {
				e.MeetingURL, e.MeetingKind = fmt.Sprintf("https://teams.microsoft.com/l/meetup-join/19%%3ameeting_%d%%40thread.v2/0", i), "teamsForBusiness"
			}
		}
		if i < series {
			e.Rule = &Rule{Freq: Weekly}
		}
		if _, err := c.Add(e); err != nil {
			return err
		}
	}
	return nil
}
