package google

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	api "google.golang.org/api/calendar/v3"

	"steno/internal/calendar"
	"steno/internal/provider/providertest"
)

func item(t *testing.T, text, calendarZone string) calendar.Item {
	t.Helper()
	var e api.Event
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	return itemOf(&e, calendarZone)
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

// Traps 6, 7 and 8: what cancelled rows hold.
func TestTrap6CancelledRowsNeedNoStart(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       calendar.Item
	}{
		{"trap 6: the skeleton of a cancelled occurrence",
			`{"id":"m_20261112T090000Z","recurringEventId":"m","originalStartTime":{"dateTime":"2026-11-12T10:00:00+01:00"},"status":"cancelled"}`,
			calendar.Item{Kind: calendar.CancelledSlot, ID: "m_20261112T090000Z", SeriesID: "m", Slot: at("2026-11-12T09:00:00Z"), Fields: calendar.Fields{Status: calendar.Cancelled}}},
		{"of an all-day series",
			`{"id":"m_20261112","recurringEventId":"m","originalStartTime":{"date":"2026-11-12"},"status":"cancelled"}`,
			calendar.Item{Kind: calendar.CancelledSlot, ID: "m_20261112", SeriesID: "m", Slot: at("2026-11-12T00:00:00Z"), SlotAllDay: true, Fields: calendar.Fields{Status: calendar.Cancelled}}},
		{"trap 8: a deleted series is one row", `{"id":"m","status":"cancelled"}`,
			calendar.Item{Kind: calendar.Tombstone, ID: "m", Fields: calendar.Fields{Status: calendar.Cancelled}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, item(t, c.text, "Europe/Berlin")); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// Trap 41: the slot is an instant, however it is written. Trap 40: it stays
// where it was when the occurrence moves.
func TestTrap41ASlotIsAnInstantAndStaysWhenTheOccurrenceMoves(t *testing.T) {
	a := item(t, `{"id":"o","recurringEventId":"m","status":"confirmed","originalStartTime":{"dateTime":"2026-11-12T10:00:00+01:00"},"start":{"dateTime":"2026-11-14T15:00:00+09:00"},"end":{"dateTime":"2026-11-14T16:00:00+09:00"}}`, "")
	b := item(t, `{"id":"o","recurringEventId":"m","status":"confirmed","originalStartTime":{"dateTime":"2026-11-12T09:00:00Z"},"start":{"dateTime":"2026-11-12T09:00:00Z"},"end":{"dateTime":"2026-11-12T10:00:00Z"}}`, "")
	if !a.Slot.Equal(b.Slot) || a.Slot != b.Slot {
		t.Errorf("slots %v and %v", a.Slot, b.Slot)
	}
	if !a.Exception || b.Exception || a.When.Start != at("2026-11-14T06:00:00Z") {
		t.Errorf("exception %v and %v, moved to %v", a.Exception, b.Exception, a.When.Start)
	}
}

func TestTimesAreInstantsAndAllDayEventsAreDates(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       calendar.When
	}{
		{"timed", `{"start":{"dateTime":"2026-07-01T09:00:00+02:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"2026-07-01T09:30:00+02:00"}}`,
			calendar.When{Start: at("2026-07-01T07:00:00Z"), End: at("2026-07-01T07:30:00Z"), Zone: "Europe/Berlin"}},
		{"without a zone: the calendar's", `{"start":{"dateTime":"2026-07-01T09:00:00+02:00"},"end":{"dateTime":"2026-07-01T09:30:00+02:00"}}`,
			calendar.When{Start: at("2026-07-01T07:00:00Z"), End: at("2026-07-01T07:30:00Z"), Zone: "America/New_York"}},
		{"a zone that nobody knows: the offset counts", `{"start":{"dateTime":"2026-07-01T09:00:00+02:00","timeZone":"Mars/Base"},"end":{"dateTime":"2026-07-01T09:30:00+02:00"}}`,
			calendar.When{Start: at("2026-07-01T07:00:00Z"), End: at("2026-07-01T07:30:00Z"), Zone: "America/New_York"}},
		{"trap 30: all-day is a date, whatever the zone", `{"start":{"date":"2026-03-29"},"end":{"date":"2026-03-31"}}`,
			calendar.When{Start: at("2026-03-29T00:00:00Z"), End: at("2026-03-31T00:00:00Z"), AllDay: true}},
		{"trap 45: all-day without an end", `{"start":{"date":"2026-03-29"},"end":{"date":"2026-03-29"}}`,
			calendar.When{Start: at("2026-03-29T00:00:00Z"), End: at("2026-03-30T00:00:00Z"), AllDay: true}},
		{"trap 45: end before start", `{"start":{"dateTime":"2026-07-01T09:00:00Z","timeZone":"UTC"},"end":{"dateTime":"2026-07-01T08:00:00Z"}}`,
			calendar.When{Start: at("2026-07-01T09:00:00Z"), End: at("2026-07-01T09:00:00Z"), Zone: "UTC"}},
		{"trap 45: ten years", `{"start":{"dateTime":"2026-07-01T09:00:00Z","timeZone":"UTC"},"end":{"dateTime":"2036-07-01T08:00:00Z"}}`,
			calendar.When{Start: at("2026-07-01T09:00:00Z"), End: at("2036-07-01T08:00:00Z"), Zone: "UTC"}},
		{"no end at all", `{"start":{"dateTime":"2026-07-01T09:00:00Z","timeZone":"UTC"},"endTimeUnspecified":true}`,
			calendar.When{Start: at("2026-07-01T09:00:00Z"), End: at("2026-07-01T09:00:00Z"), Zone: "UTC"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, item(t, c.text, "America/New_York").When); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

const rich = `{"id":"e","iCalUID":"uid","status":"tentative","summary":"Plan","description":"<b>see</b> https://zoom.us/j/1","location":"https://teams.microsoft.com/l/x",
 "htmlLink":"https://calendar.google.com/e","created":"2026-11-01T08:00:00.000Z","updated":"2026-11-02T08:00:00.123Z","transparency":"transparent","visibility":"private",
 "start":{"dateTime":"2026-11-12T09:00:00Z","timeZone":"UTC"},"end":{"dateTime":"2026-11-12T10:00:00Z"},
 "organizer":{"email":"boss@example.com","displayName":"Boss"},
 "attendees":[{"email":"boss@example.com","organizer":true,"responseStatus":"accepted"},{"email":"alias@example.com","self":true,"responseStatus":"declined","displayName":"Me"},{"email":"x@example.com"}],
 "hangoutLink":"https://meet.google.com/abc-defg-hij",
 "conferenceData":{"entryPoints":[{"entryPointType":"phone","uri":"tel:+1"},{"entryPointType":"video","uri":"https://us02web.zoom.us/j/2?pwd=x"}],"conferenceSolution":{"key":{"type":"addOn"}}},
 "extendedProperties":{"shared":{"b":"plain","a":"https://one.example"},"private":{"z":"see https://two.example"}},
 "source":{"url":"https://three.example"}}`

func TestFieldsOfAnEvent(t *testing.T) {
	got := item(t, rich, "")
	want := calendar.Fields{
		UID: "uid", Title: "Plan", Description: "<b>see</b> https://zoom.us/j/1", HTML: true, Location: "https://teams.microsoft.com/l/x",
		When:   calendar.When{Start: at("2026-11-12T09:00:00Z"), End: at("2026-11-12T10:00:00Z"), Zone: "UTC"},
		Status: calendar.Tentative, Declined: true, Free: true, Private: true,
		Organizer: calendar.Person{Email: "boss@example.com", Name: "Boss", Organizer: true},
		Attendees: []calendar.Person{
			{Email: "boss@example.com", Response: "accepted", Organizer: true},
			{Email: "alias@example.com", Name: "Me", Response: "declined", Self: true},
			{Email: "x@example.com", Response: "needsAction"},
		},
		Candidates: []calendar.Candidate{
			{Source: calendar.FromConference, Text: "https://us02web.zoom.us/j/2?pwd=x"},
			{Source: calendar.FromConference, Text: "https://meet.google.com/abc-defg-hij", Auto: true},
			{Source: calendar.FromLocation, Text: "https://teams.microsoft.com/l/x"},
			{Source: calendar.FromBody, Text: "<b>see</b> https://zoom.us/j/1"},
			{Source: calendar.FromExtended, Text: "https://one.example"},
			{Source: calendar.FromExtended, Text: "see https://two.example"},
			{Source: calendar.FromExtended, Text: "https://three.example"},
			{Source: calendar.FromTitle, Text: "Plan"},
		},
		Link: "https://calendar.google.com/e", OwnStatus: "tentative", Created: at("2026-11-01T08:00:00Z"), Updated: at("2026-11-02T08:00:00.123Z"),
	}
	if d := cmp.Diff(want, got.Fields); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestTheRawEventIsWhatGoogleWrote(t *testing.T) {
	const own = `{"id":"e","status":"confirmed","summary":"x","brandNew":{"a":[1,2]},"start":{"date":"2026-11-12"},"end":{"date":"2026-11-13"}}`
	acc, _, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		if strings.HasSuffix(r.Path, "/events") && r.Method == "GET" {
			providertest.Answer(w, 200, `{"items":[{"id":"c","status":"cancelled"},`+own+`],"nextSyncToken":"s"}`)
			return
		}
		providertest.Answer(w, 200, own)
	})
	page, err := acc.Round(t.Context(), calendar.RoundRequest{Calendar: "cal"})
	if err != nil || len(page.Items) != 2 || page.Items[0].Raw != nil || string(page.Items[1].Raw) != own {
		t.Errorf("%+v, %v", page.Items, err)
	}
	for _, read := range []func() (calendar.Item, error){
		func() (calendar.Item, error) { return acc.Event(t.Context(), "cal", "e") },
		func() (calendar.Item, error) { return acc.Create(t.Context(), "cal", calendar.Change{}) },
		func() (calendar.Item, error) { return acc.Patch(t.Context(), "cal", "e", calendar.Change{}) },
	} {
		if it, err := read(); err != nil || string(it.Raw) != own {
			t.Errorf("%s, %v", it.Raw, err)
		}
	}
}

// Trap 69: the owner is who Google says, not who has the same address.
func TestTrap69TheOwnerIsToldByGoogleNotByAddress(t *testing.T) {
	e := item(t, `{"id":"e","organizer":{"email":"me@example.com","self":true},"attendees":[{"email":"me@example.com","responseStatus":"declined"}]}`, "")
	if e.Declined || !e.Organizer.Self {
		t.Errorf("declined %v, organizer %+v: an attendee without self is somebody else", e.Declined, e.Organizer)
	}
}

func TestKindsOfEventsThatAreNoMeetings(t *testing.T) {
	for kind, want := range map[string]bool{"workingLocation": true, "birthday": true, "default": false, "outOfOffice": false, "focusTime": false, "fromGmail": false, "": false} {
		if e := item(t, `{"id":"e","eventType":"`+kind+`"}`, ""); e.NotMeeting != want {
			t.Errorf("%q: no meeting %v, want %v", kind, e.NotMeeting, want)
		}
	}
}

func TestAMeetLinkThatGoogleAddedIsMarked(t *testing.T) {
	e := item(t, `{"id":"e","hangoutLink":"https://meet.google.com/a","conferenceData":{"entryPoints":[{"entryPointType":"video","uri":"https://meet.google.com/a"}],"conferenceSolution":{"key":{"type":"hangoutsMeet"}}}}`, "")
	if d := cmp.Diff([]calendar.Candidate{{Source: calendar.FromConference, Text: "https://meet.google.com/a", Auto: true}}, e.Candidates); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestEventsWithHolesDoNotPanic(t *testing.T) {
	for _, text := range []string{`{}`, `{"id":"e"}`, `{"id":"e","start":null,"attendees":[null],"conferenceData":{"entryPoints":[null]}}`, `{"id":"e","start":{},"end":{}}`,
		`{"id":"e","start":{"dateTime":"yesterday"},"end":{"date":"x"}}`, `{"id":"e","recurringEventId":"m","status":"cancelled"}`} {
		item(t, text, "")
	}
}
