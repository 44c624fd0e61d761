package calendar

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// splitMark is what Google puts behind the id of a series when it cuts it in
// two: base_R20261112T090000.
var splitMark = regexp.MustCompile(`_R[0-9]{8}(T[0-9]{6}Z?)?`)

// family is the UID without the mark of a split: equal for the parts.
func family(uid string) string { return splitMark.ReplaceAllString(uid, "") }

// lineage is equal for two series that may be parts of one: the same person
// invites to the same place of meeting.
func lineage(f Fields, l Link) string {
	if l.Key == "" {
		return ""
	}
	return hashOf(strings.ToLower(f.Organizer.Email), l.Key)
}

// inherit carries rules over to series that continue others: a service that
// cuts a series in two gives the second part a new id.
func (r *run) inherit(ctx context.Context) error {
	if !r.conn.Sync.Announced {
		return nil
	}
	// Those of a run before this one that did not come to its end, too.
	err := r.s.Store.InTx(ctx, func(tx Tx) error {
		found, err := tx.Newcomers(ctx, r.conn)
		for _, s := range found {
			if !r.fresh[s.ID] {
				r.fresh[s.ID], r.heirs = true, append(r.heirs, s)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, s := range r.heirs {
		if err := r.s.Store.InTx(ctx, func(tx Tx) error { return r.inheritTo(ctx, tx, s) }); err != nil {
			return fmt.Errorf("carry rules over: %w", err)
		}
	}
	return nil
}

func (r *run) inheritTo(ctx context.Context, tx Tx, heir Series) error {
	now := r.s.Clock.Now()
	if err := r.guard(ctx, tx, now); err != nil {
		return err
	}
	kin, err := tx.Kin(ctx, heir)
	if err != nil || len(kin) == 0 {
		return err
	}
	events, err := tx.EventsIn(ctx, heir.TeamID, heir.ID)
	if err != nil {
		return err
	}
	first := firstSlot(heir, events, r.window)
	for _, old := range kin {
		rules, err := tx.Rules(ctx, old.TeamID, []string{old.ID}, nil)
		if err != nil {
			return err
		}
		whole, ok := seriesRule(rules, old.ID)
		if !ok {
			continue
		}
		rest, err := tx.EventsIn(ctx, old.TeamID, old.ID)
		if err != nil {
			return err
		}
		if goesOn(rest, first, r.window) || !continues(old, heir, rest, first) {
			continue // another meeting of the same people
		}
		return r.s.copyRule(ctx, tx, r.conn, whole, heir, events, now)
	}
	return nil
}

// firstSlot is where a series begins in the window: at its master's start, if that was
// shown, since its first slots may be cancelled already; or with what is stored of it.
func firstSlot(s Series, events []Event, w Window) (first time.Time) {
	if start := s.Fields.When.Start; len(s.Fields.Recurrence) > 0 && start.After(w.Start) {
		return start
	}
	for _, e := range events {
		if e.DeletedAt == nil && (first.IsZero() || slotOf(e).Before(first)) {
			first = slotOf(e)
		}
	}
	if first.IsZero() {
		return s.Fields.When.Start
	}
	return first
}

// goesOn reports whether a series has live slots at or after a time, as far as
// the window tells: what lies outside of it may be out of date.
func goesOn(events []Event, from time.Time, w Window) bool {
	for _, e := range events {
		if e.Live() && e.When.surely(w) && !slotOf(e).Before(from) {
			return true
		}
	}
	return false
}

const (
	// splitWithin is how far apart a service may show the two halves of a cut.
	splitWithin = 24 * time.Hour
	// splitNear is how far from the slot at which a series was cut the second
	// half may begin: who cuts a series often moves it to another hour, too.
	splitNear = 24 * time.Hour
)

// continues reports whether a new series, which begins at first, is what an old
// one goes on as. The old one is kin to it, has a rule, and has no slot left
// from there on; rest are the old one's events.
//
// The service's own word is the UID, which both parts share, or the title. Some
// services give the second half a UID of its own, and people change its title
// and its hour as they cut. Then the cut must be seen: the new series begins
// where the old one lost a slot just now, and in the same rhythm, or where the
// old one was just made to end. That the place of meeting is the same is not
// enough, nor that the old series is gone: some people have one room for all
// their meetings, and what they plan there at another time is another meeting.
func continues(old, heir Series, rest []Event, first time.Time) bool {
	if (old.UID != "" && old.UID == heir.UID) || strings.EqualFold(old.Fields.Title, heir.Fields.Title) {
		return true
	}
	a, b := rhythmOf(old.Fields.Recurrence), rhythmOf(heir.Fields.Recurrence)
	if !a.end.IsZero() && heir.CreatedAt.Sub(old.UpdatedAt) < splitWithin {
		// The end is the day of the last slot, or that before the cut.
		if gap := first.Sub(a.end); gap > -splitNear && gap < 24*time.Hour+splitNear {
			return true
		}
	}
	if a.beat != b.beat && a.beat != "" && b.beat != "" {
		return false
	}
	for _, e := range rest {
		if e.DeletedAt != nil && heir.CreatedAt.Sub(*e.DeletedAt) < splitWithin && slotOf(e).Sub(first).Abs() < splitNear {
			return true
		}
	}
	return false
}

// rhythm is what two halves of a series have in common, and where one ends.
type rhythm struct {
	beat string    // unit and interval, as "weekly 2"; empty: unknown
	end  time.Time // the last day or instant; zero: none is said
}

// rhythmOf reads RRULE lines (RFC 5545, 3.3.10) or Graph's patternedRecurrence,
// as far as they can be understood.
func rhythmOf(rules []string) rhythm {
	for _, line := range rules {
		if rule, ok := strings.CutPrefix(line, "RRULE:"); ok {
			return rhythmOfRule(rule)
		}
		if strings.HasPrefix(line, "{") {
			return rhythmOfGraph(line)
		}
	}
	return rhythm{}
}

func rhythmOfRule(rule string) (r rhythm) {
	unit, interval := "", "1"
	for part := range strings.SplitSeq(rule, ";") {
		switch name, value, _ := strings.Cut(part, "="); name {
		case "FREQ":
			unit = strings.ToLower(value)
		case "INTERVAL":
			interval = value
		case "UNTIL":
			for _, layout := range []string{"20060102T150405Z", "20060102T150405", "20060102"} {
				if at, err := time.Parse(layout, value); err == nil {
					r.end = at
				}
			}
		}
	}
	if unit != "" {
		r.beat = unit + " " + interval
	}
	return r
}

func rhythmOfGraph(text string) (r rhythm) {
	var g struct {
		Pattern struct {
			Type     string
			Interval int
		}
		Range struct{ Type, EndDate string }
	}
	if json.Unmarshal([]byte(text), &g) != nil {
		return rhythm{}
	}
	if g.Pattern.Type != "" {
		r.beat = fmt.Sprintf("%s %d", strings.ToLower(g.Pattern.Type), max(g.Pattern.Interval, 1))
	}
	if g.Range.Type == "endDate" {
		r.end, _ = time.Parse(time.DateOnly, g.Range.EndDate) // zero where it is none
	}
	return r
}
