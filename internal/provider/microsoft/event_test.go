package microsoft

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"steno/internal/calendar"
)

const rich = `{"id":"e","type":"singleInstance","iCalUId":"uid","subject":"Plan","body":{"contentType":"html","content":"<a href=\"https://zoom.us/j/1\">x</a>"},
 "isAllDay":false,"isCancelled":false,"isOrganizer":false,"showAs":"tentative","sensitivity":"private","webLink":"https://outlook.example/e",
 "createdDateTime":"2026-11-01T08:00:00.1234567Z","lastModifiedDateTime":"2026-11-02T08:00:00Z",
 "originalStartTimeZone":"W. Europe Standard Time","start":{"dateTime":"2026-11-12T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-11-12T10:00:00.0000000","timeZone":"UTC"},
 "organizer":{"emailAddress":{"name":"Boss","address":"boss@example.com"}},"responseStatus":{"response":"tentativelyAccepted"},
 "attendees":[{"type":"required","status":{"response":"none"},"emailAddress":{"address":"Boss@example.com"}},{"type":"optional","status":{"response":"tentativelyAccepted"},"emailAddress":{"name":"Me","address":"me@example.com"}},{"type":"resource","status":{"response":"accepted"},"emailAddress":{"address":"room@example.com"}}],
 "location":{"displayName":"https://us02web.zoom.us/j/2","locationUri":"https://maps.example"},"locations":[{"displayName":"https://us02web.zoom.us/j/2"},{"displayName":"Room 5"}],
 "onlineMeeting":{"joinUrl":"https://teams.microsoft.com/l/meetup-join/x"},"onlineMeetingUrl":"https://old.example","recurrence":null}`

func TestFieldsOfAnEvent(t *testing.T) {
	it := itemOf(rowOf(t, rich))
	want := calendar.Fields{
		UID: "uid", Title: "Plan", Description: `<a href="https://zoom.us/j/1">x</a>`, HTML: true, Location: "https://us02web.zoom.us/j/2",
		When:   calendar.When{Start: at("2026-11-12T09:00:00Z"), End: at("2026-11-12T10:00:00Z"), Zone: "Europe/Berlin"},
		Status: calendar.Tentative, Private: true,
		Organizer: calendar.Person{Email: "boss@example.com", Name: "Boss", Organizer: true},
		Attendees: []calendar.Person{
			{Email: "Boss@example.com", Response: "needsAction", Organizer: true},
			{Email: "me@example.com", Name: "Me", Response: "tentative"},
			{Email: "room@example.com", Response: "accepted"},
		},
		Candidates: []calendar.Candidate{
			{Source: calendar.FromConference, Text: "https://teams.microsoft.com/l/meetup-join/x"},
			{Source: calendar.FromConference, Text: "https://old.example"},
			{Source: calendar.FromLocation, Text: "https://us02web.zoom.us/j/2"},
			{Source: calendar.FromLocation, Text: "https://maps.example"},
			{Source: calendar.FromLocation, Text: "Room 5"},
			{Source: calendar.FromBody, Text: `<a href="https://zoom.us/j/1">x</a>`},
			{Source: calendar.FromTitle, Text: "Plan"},
		},
		Link: "https://outlook.example/e", OwnStatus: "tentative", Created: at("2026-11-01T08:00:00.1234567Z"), Updated: at("2026-11-02T08:00:00Z"),
	}
	if d := cmp.Diff(want, it.Fields); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if it.Kind != calendar.Single || it.Bare || !json.Valid(it.Raw) || string(it.Raw) != rich {
		t.Errorf("kind %v, bare %v; the raw event is kept as it came", it.Kind, it.Bare)
	}
}

// Trap 33: an attendee's copy stays and says that it is cancelled.
func TestTrap33ACancelledCopyIsCancelled(t *testing.T) {
	it := itemOf(rowOf(t, `{"id":"e","type":"singleInstance","subject":"Canceled: Plan","isCancelled":true,"showAs":"free","isAllDay":false}`))
	if it.Kind != calendar.Single || it.Status != calendar.Cancelled {
		t.Errorf("kind %v status %s", it.Kind, it.Status)
	}
	it = itemOf(rowOf(t, `{"id":"e","@removed":{"reason":"deleted"}}`)) // the organizer's
	if it.Kind != calendar.Tombstone {
		t.Errorf("kind %v", it.Kind)
	}
}

// Trap 69: the owner is who Graph says, not who has the same address.
func TestTrap69TheOwnerIsToldByGraphNotByAddress(t *testing.T) {
	for _, c := range []struct {
		isOrganizer string
		response    string
		declined    bool
	}{{"false", "declined", true}, {"true", "organizer", false}, {"false", "accepted", false}, {"false", "notResponded", false}} {
		it := itemOf(rowOf(t, `{"id":"e","type":"singleInstance","subject":"","isAllDay":false,"isOrganizer":`+c.isOrganizer+`,"responseStatus":{"response":"`+c.response+`"},"organizer":{"emailAddress":{"address":"a@example.com"}},"attendees":[{"emailAddress":{"address":"a@example.com"},"status":{"response":"declined"}}]}`))
		if it.Declined != c.declined || it.Organizer.Self != (c.isOrganizer == "true") {
			t.Errorf("%+v: declined %v, self %v", c, it.Declined, it.Organizer.Self)
		}
	}
}

func whenText(allDay bool, planned, zone, start, end string) string {
	b, _ := json.Marshal(map[string]any{"id": "e", "type": "singleInstance", "subject": "", "isAllDay": allDay, "originalStartTimeZone": planned,
		"start": map[string]string{"dateTime": start, "timeZone": zone}, "end": map[string]string{"dateTime": end, "timeZone": zone}})
	return string(b)
}

// Traps 30, 31 and 67: days, names of zones, and zones that were not asked for.
func TestTimes(t *testing.T) {
	day := func(from, to string) calendar.When {
		return calendar.When{Start: at(from + "T00:00:00Z"), End: at(to + "T00:00:00Z"), AllDay: true}
	}
	guessed := func(w calendar.When) calendar.When { w.ZoneGuessed = true; return w }
	timed := calendar.When{Start: at("2026-11-12T09:00:00Z"), End: at("2026-11-12T10:00:00Z")}
	in := func(w calendar.When, zone string) calendar.When { w.Zone = zone; return w }
	for _, c := range []struct {
		name, text string
		want       calendar.When
	}{
		{"trap 30: Tokyo", whenText(true, "Tokyo Standard Time", "UTC", "2026-11-11T15:00:00.0000000", "2026-11-12T15:00:00.0000000"), day("2026-11-12", "2026-11-13")},
		{"trap 30: New York", whenText(true, "Eastern Standard Time", "UTC", "2026-11-12T05:00:00.0000000", "2026-11-13T05:00:00.0000000"), day("2026-11-12", "2026-11-13")},
		{"trap 30: London, over the change of clocks", whenText(true, "GMT Standard Time", "UTC", "2026-03-29T00:00:00.0000000", "2026-03-29T23:00:00.0000000"), day("2026-03-29", "2026-03-30")},
		{"trap 30: New York, a week over the change of clocks", whenText(true, "America/New_York", "UTC", "2026-10-30T04:00:00.0000000", "2026-11-06T05:00:00.0000000"), day("2026-10-30", "2026-11-06")},
		{"trap 30: the service did not convert", whenText(true, "Tokyo Standard Time", "UTC", "2026-11-12T00:00:00.0000000", "2026-11-13T00:00:00.0000000"), day("2026-11-12", "2026-11-13")},
		{"trap 30: the service answers in the event's zone", whenText(true, "Tokyo Standard Time", "Tokyo Standard Time", "2026-11-12T00:00:00.0000000", "2026-11-13T00:00:00.0000000"), day("2026-11-12", "2026-11-13")},
		{"traps 30, 31: a custom zone east of Greenwich", whenText(true, "tzone://Microsoft/Custom", "UTC", "2026-11-11T23:00:00.0000000", "2026-11-12T23:00:00.0000000"), guessed(day("2026-11-12", "2026-11-13"))},
		{"traps 30, 31: a custom zone west of Greenwich", whenText(true, "Customized Time Zone", "UTC", "2026-11-12T08:00:00.0000000", "2026-11-13T08:00:00.0000000"), guessed(day("2026-11-12", "2026-11-13"))},
		{"all-day of no length", whenText(true, "UTC", "UTC", "2026-11-12T00:00:00.0000000", "2026-11-12T00:00:00.0000000"), day("2026-11-12", "2026-11-13")},
		{"trap 31: a Windows zone", whenText(false, "W. Europe Standard Time", "UTC", "2026-11-12T09:00:00.0000000", "2026-11-12T10:00:00.0000000"), in(timed, "Europe/Berlin")},
		{"trap 31: a zone that nobody knows", whenText(false, "tzone://Microsoft/Custom", "UTC", "2026-11-12T09:00:00.0000000", "2026-11-12T10:00:00.0000000"), guessed(timed)},
		{"trap 67: an answer in another zone than asked", whenText(false, "Pacific Standard Time", "Pacific Standard Time", "2026-11-12T01:00:00.0000000", "2026-11-12T02:00:00.0000000"), in(timed, "America/Los_Angeles")},
		{"trap 45: end before start", whenText(false, "UTC", "UTC", "2026-11-12T09:00:00.0000000", "2026-11-12T08:00:00.0000000"), calendar.When{Start: timed.Start, End: timed.Start, Zone: "UTC"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, itemOf(rowOf(t, c.text)).When); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestASlotStaysWhereItWasWhenTheOccurrenceMoves(t *testing.T) {
	it := itemOf(rowOf(t, `{"id":"o","seriesMasterId":"M","type":"exception","subject":"x","isAllDay":false,"organizer":null,"originalStart":"2026-11-16T09:00:00Z","start":{"dateTime":"2026-12-24T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-12-24T10:00:00.0000000","timeZone":"UTC"}}`))
	if !it.Slot.Equal(at("2026-11-16T09:00:00Z")) || it.SlotAllDay || !it.Exception || it.Kind != calendar.Occurrence || it.SeriesID != "M" {
		t.Errorf("%+v", it)
	}
	it = itemOf(rowOf(t, `{"id":"o","seriesMasterId":"M","type":"occurrence","subject":"x","isAllDay":true,"originalStartTimeZone":"Tokyo Standard Time","originalStart":"2026-11-15T15:00:00Z","start":{"dateTime":"2026-11-15T15:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-11-16T15:00:00.0000000","timeZone":"UTC"}}`))
	if !it.Slot.Equal(at("2026-11-16T00:00:00Z")) || !it.SlotAllDay || it.Bare {
		t.Errorf("%+v", it)
	}
}

func TestAMasterHoldsItsRule(t *testing.T) {
	it := itemOf(rowOf(t, master("M", "Weekly", false, "UTC")))
	if it.Kind != calendar.Master || len(it.Recurrence) != 1 || it.Recurrence[0] != `{"pattern":{"type":"weekly"}}` || it.SeriesID != "" {
		t.Errorf("%+v", it)
	}
}

func TestNearestMidnight(t *testing.T) {
	for in, want := range map[string]string{
		"2026-11-11T13:00:00Z": "2026-11-12", "2026-11-11T23:00:00Z": "2026-11-12", "2026-11-12T00:00:00Z": "2026-11-12",
		"2026-11-12T08:00:00Z": "2026-11-12", "2026-11-12T12:00:00Z": "2026-11-12", "2026-11-11T18:30:00Z": "2026-11-12",
	} {
		if got := nearestMidnight(at(in)); !got.Equal(at(want + "T00:00:00Z")) {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
