package unified

import (
	"context"
	"errors"
	"fmt"
	"time"

	"steno/internal/calendar"
)

// monthOf is the beginning of the month that a time lies in.
func monthOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// maxPages bounds what one month may have: some 25,000 events.
const maxPages = 100

// read asks a service for what is not stored, month by month until there are
// enough. What it says about a month is kept for a while.
func (s *Service) read(ctx context.Context, team string, c calendar.Connection, windows []calendar.Window, most int) (out []Event, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.Log.Error("reading a calendar panicked", "calendar_id", c.ID, "panic", p)
			err = fmt.Errorf("the calendar's events could not be read")
		}
	}()
	acc, err := s.account(c)
	if err != nil {
		return nil, err
	}
	zone := zoneOf(c)
	for _, w := range windows {
		n := 0
		for month := monthOf(w.Start.UTC()); month.Before(w.End) && n < most; month = month.AddDate(0, 1, 0) {
			events, err := s.month(ctx, team, c, acc, month)
			if err != nil {
				return out, err
			}
			for _, e := range events {
				if overlaps(e.When, w, zone) {
					out = append(out, e)
					n++
				}
			}
		}
	}
	return out, nil
}

// month returns the events that overlap a month.
func (s *Service) month(ctx context.Context, team string, c calendar.Connection, acc calendar.Account, month time.Time) ([]Event, error) {
	now := s.Clock.Now()
	if c.Sync.StaleAt == nil {
		kept, err := s.Store.Lookups(ctx, team, c.ID, []time.Time{month}, now.Add(-s.keepFor()))
		if events, ok := kept[month]; err != nil || ok {
			return events, err
		}
	}
	edits, err := s.Store.Edits(ctx, team, c.ID)
	if err != nil {
		return nil, err
	}
	q := calendar.OccurrenceRequest{Calendar: c.RawID, Window: calendar.Window{Start: month.Add(-calendar.Early), End: month.AddDate(0, 1, 0).Add(calendar.Early)}}
	var out []Event
	for range maxPages {
		page, err := acc.Occurrences(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, it := range page.Items {
			if it.Status != calendar.Cancelled && !it.Declined && it.Kind != calendar.CancelledSlot && it.Kind != calendar.Tombstone {
				out = append(out, ofItem(it, c))
			}
		}
		if q.PageToken = page.Next; q.PageToken == "" {
			break
		}
	}
	if err := s.Store.KeepLookup(ctx, team, c.ID, month, edits, out, now); err != nil {
		s.Log.Warn("what a service said could not be kept", "calendar_id", c.ID, "error", err)
	}
	return out, nil
}

// trouble says why a calendar did not contribute.
func trouble(c calendar.Connection, err error) Trouble {
	t := Trouble{Provider: c.Platform, CalendarID: c.ID, Code: CodeProvider, Message: "the calendar could not be read"}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Code, t.Message = CodeSlow, "the service did not answer in time; try again in a moment"
	}
	if e := calendar.AsError(err); e != nil {
		t.Message = e.Error()
		if e.Kind == calendar.Revoked {
			t.Code = CodeRevoked
		}
	}
	return t
}
