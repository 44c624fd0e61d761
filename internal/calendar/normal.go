package calendar

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"steno/internal/clock"
)

// Detector finds the meeting of an event. It returns a zero Link if there is
// none that a bot could join.
type Detector func(candidates []Candidate) Link

// eventOf brings an item of the service into the shape that is stored. Ids,
// numbers and times of the row are those of old.
func eventOf(it Item, old Event, detect Detector) (Event, Details) {
	e := old
	e.ProviderID, e.Slot = it.ID, it.Slot
	if e.Slot.IsZero() {
		e.Slot = old.Slot
	}
	e.Title, e.When, e.Exception = clean(it.Title), it.When, it.Exception
	e.NotMeeting, e.Declined, e.Status = it.NotMeeting, it.Declined, it.Status
	if e.Status == "" {
		e.Status = Confirmed
	}
	if e.Declined {
		e.Status = Cancelled
	}
	e.DeletedAt = nil
	e.Link = detect(it.Candidates)
	d := Details{
		Description: clean(it.Description), Location: clean(it.Location), Organizer: it.Organizer,
		Attendees: it.Attendees, Link: it.Link, Raw: it.Raw,
		HTML: it.HTML, Conference: conference(it.Candidates), OwnStatus: it.OwnStatus, Offsets: it.Offsets, Created: it.Created, Updated: it.Updated,
	}
	e.Hash, e.RawHash = digest(e, d), rawDigest(it.Raw)
	return e, d
}

// conference is the URL of the service's own field for online meetings.
func conference(candidates []Candidate) string {
	for _, c := range candidates {
		if c.Source == FromConference {
			return clean(c.Text)
		}
	}
	return ""
}

// clean takes out what PostgreSQL cannot store in a text.
func clean(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "") }

// digest is a hash of all that users and rules see of an event. What is not in
// it (reminders, colours, etags) may change without a word.
func digest(e Event, d Details) string {
	return hashOf(e.Title, e.When, e.Status, e.Declined, e.NotMeeting, e.Exception, e.Link, d.Description, d.Location, d.Organizer, d.Attendees)
}

func rawDigest(raw json.RawMessage) string {
	if raw == nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

func hashOf(parts ...any) string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, p := range parts {
		_ = enc.Encode(p) // our own types
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// slotOf is where an event stands in its series.
func slotOf(e Event) time.Time {
	if e.Slot.IsZero() {
		return e.When.Start
	}
	return e.Slot
}

// seriesOf brings a master, or the series of one that a single event is, into
// the shape that is stored.
func seriesOf(it Item, old Series, detect Detector) Series {
	s := old
	s.ProviderID, s.Recurring, s.DeletedAt = it.ID, it.Kind == Master, nil
	s.UID = family(it.UID)
	if !s.Recurring {
		s.Fields, s.Lineage, s.Hash = Fields{}, "", ""
		return s
	}
	s.Fields, s.Lineage = it.Fields, lineage(it.Fields, detect(it.Candidates))
	s.Fields.Title, s.Fields.Description, s.Fields.Location = clean(it.Title), clean(it.Description), clean(it.Location)
	s.Hash = hashOf(s.Fields, s.UID)
	return s
}

// hydrate completes a bare occurrence with the fields of its master.
func hydrate(it Item, master Fields) Item {
	when := it.When
	if when.Zone == "" {
		when.Zone = master.When.Zone
	}
	it.Fields, it.Bare = master, false
	it.When, it.Recurrence, it.Offsets = when, nil, nil
	return it
}

// slotDay is the date on which an occurrence stands in its series: what an
// occurrence keeps when the series moves to another hour.
func slotDay(slot time.Time, w When) string {
	if slot.IsZero() {
		slot = w.Start
	}
	if !w.AllDay {
		if zone, err := clock.Zone(w.Zone); err == nil && w.Zone != "" {
			slot = slot.In(zone)
		}
	}
	return slot.Format(time.DateOnly)
}
