package microsoft

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"steno/internal/calendar"
	"steno/internal/provider/providertest"
)

func TestAnEventIsWrittenInUTCWithATransaction(t *testing.T) {
	acc, f, _ := connect(t, always(201, rich))
	when := calendar.When{Start: at("2026-11-12T09:00:00Z"), End: at("2026-11-12T10:00:00Z"), Zone: "Europe/Berlin"}
	it, err := acc.Create(t.Context(), "Cal", calendar.Change{RequestID: "req", Title: p("x"), Description: p("d"), Location: p("l"), When: &when, Conference: true,
		Attendees: p([]calendar.Person{{Email: "a@example.com", Name: "A"}})})
	if err != nil || it.ID != "e" {
		t.Fatal(err)
	}
	want := map[string]any{
		"transactionId": "req", "subject": "x", "body": map[string]any{"contentType": "text", "content": "d"}, "location": map[string]any{"displayName": "l"},
		"start": map[string]any{"dateTime": "2026-11-12T09:00:00.0000000", "timeZone": "UTC"}, "end": map[string]any{"dateTime": "2026-11-12T10:00:00.0000000", "timeZone": "UTC"},
		"isAllDay": false, "isOnlineMeeting": true,
		"attendees": []any{map[string]any{"type": "required", "emailAddress": map[string]any{"name": "A", "address": "a@example.com"}}},
	}
	if d := cmp.Diff(want, f.Requests()[0].JSON(t)); d != "" || f.Requests()[0].Path != "/v1.0/me/calendars/Cal/events" {
		t.Errorf("%s (-want +got):\n%s", f.Requests()[0].Path, d)
	}
}

func TestARepeatedCreateFindsTheFirstOne(t *testing.T) {
	posts := 0
	acc, _, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		switch {
		case r.Method == "GET":
			providertest.Answer(w, 200, `{"value":[{"id":"other","type":"singleInstance","subject":"x"},{"id":"made","type":"singleInstance","subject":"x","transactionId":"REQ"}]}`)
		case posts == 0:
			posts++
			panic(http.ErrAbortHandler) // it was made, and the answer got lost
		default:
			providertest.Answer(w, 409, refused("ErrorDuplicateTransactionId"))
		}
	})
	when := calendar.When{Start: at("2026-11-12T09:00:00Z"), End: at("2026-11-12T10:00:00Z")}
	it, err := acc.Create(t.Context(), "Cal", calendar.Change{RequestID: "req", Title: p("x"), When: &when})
	if err != nil || it.ID != "made" {
		t.Errorf("%+v, %v", it, err)
	}
}

func TestWithoutARequestIDACreateIsNotRepeated(t *testing.T) {
	acc, f, _ := connect(t, always(503, ""))
	if _, err := acc.Create(t.Context(), "Cal", calendar.Change{Title: p("x")}); kind(t, err) != calendar.Transient || len(f.Requests()) != 1 {
		t.Errorf("%d calls, %v", len(f.Requests()), err)
	}
}

// Trap 15 of this service: a body without the Teams part breaks the join link.
func TestTrap15ANewDescriptionKeepsTheTeamsPartOfTheBody(t *testing.T) {
	teams := `<div>________________________________________________________________________________</div><div><a href="https://teams.microsoft.com/l/meetup-join/x">Join</a></div></body></html>`
	for _, c := range []struct{ name, old, want string }{
		{"with Teams' part", `{"id":"e","isOnlineMeeting":true,"onlineMeeting":{"joinUrl":"https://teams.microsoft.com/l/meetup-join/x"},"body":{"contentType":"html","content":"<html><body><div>old</div>` + strings.ReplaceAll(teams, `"`, `\"`) + `"}}`,
			`html <div>a &lt; b<br>c</div>` + teams},
		{"the part is not found", `{"id":"e","isOnlineMeeting":true,"onlineMeeting":{"joinUrl":"https://t.example/?a=1&b=2"},"body":{"contentType":"html","content":"<p>old</p>"}}`,
			`html <div>a &lt; b<br>c</div><br><a href="https://t.example/?a=1&amp;b=2">https://t.example/?a=1&amp;b=2</a>`},
		{"no online meeting", `{"id":"e","isOnlineMeeting":false,"onlineMeeting":null,"body":{"contentType":"html","content":"<p>old</p>"}}`, "text a < b\nc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			acc, f, _ := connect(t, always(200, c.old))
			if _, err := acc.Patch(t.Context(), "Cal", "e", calendar.Change{Description: p("a < b\nc")}); err != nil {
				t.Fatal(err)
			}
			last := f.Requests()[len(f.Requests())-1].JSON(t)
			body := last["body"].(map[string]any)
			if got := body["contentType"].(string) + " " + body["content"].(string); got != c.want || len(last) != 1 {
				t.Errorf("patch %v\nbody %s\nwant %s", last, got, c.want)
			}
		})
	}
}

// Trap 68: a patch says what was asked for and nothing else; Graph mails all
// attendees about any change.
func TestTrap68APatchHoldsTheGivenFieldsOnly(t *testing.T) {
	acc, f, _ := connect(t, always(200, `{"id":"e"}`))
	if _, err := acc.Patch(t.Context(), "Cal", "e", calendar.Change{Title: p("")}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]any{"subject": ""}, f.Requests()[0].JSON(t)); d != "" || len(f.Requests()) != 1 {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestDeletingWhatIsGoneIsNoError(t *testing.T) {
	for status, ok := range map[int]bool{204: true, 404: true, 410: true, 403: false} {
		acc, _, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
			if status == 204 {
				w.WriteHeader(204)
				return
			}
			providertest.Answer(w, status, refused("X"))
		})
		if err := acc.Delete(t.Context(), "Cal", "e"); (err == nil) != ok {
			t.Errorf("%d: %v", status, err)
		}
	}
}

const own = `{"id":"Cal","isDefaultCalendar":true,"owner":{"name":"Me","address":"me@example.com"}}`

func TestBusyTimeComesFromTheScheduleOfTheDefaultCalendar(t *testing.T) {
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		if r.Method == "GET" {
			providertest.Answer(w, 200, own)
			return
		}
		providertest.Answer(w, 200, `{"value":[{"scheduleId":"me@example.com","scheduleItems":[
			{"status":"tentative","start":{"dateTime":"2026-11-13T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-11-13T10:00:00.0000000","timeZone":"UTC"}},
			{"status":"free","start":{"dateTime":"2026-11-13T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-11-13T10:00:00.0000000","timeZone":"UTC"}},
			{"status":"oof","start":{"dateTime":"2026-11-12T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-11-12T10:00:00.0000000","timeZone":"UTC"}}],
			"workingHours":{"timeZone":{"@odata.type":"#microsoft.graph.customTimeZone"}}}]}`)
	})
	busy, err := acc.FreeBusy(t.Context(), []string{"Cal"}, window)
	want := []calendar.Busy{
		{Calendar: "Cal", Start: at("2026-11-12T09:00:00Z"), End: at("2026-11-12T10:00:00Z"), Kind: "oof"},
		{Calendar: "Cal", Start: at("2026-11-13T09:00:00Z"), End: at("2026-11-13T10:00:00Z"), Kind: "tentative"},
	}
	if d := cmp.Diff(want, busy); d != "" || err != nil {
		t.Errorf("err %v (-want +got):\n%s", err, d)
	}
	q := f.Requests()[1].JSON(t)
	if d := cmp.Diff(map[string]any{"dateTime": "2026-11-12T09:00:00", "timeZone": "UTC"}, q["startTime"]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestBusyTimeComesFromEventsWhereThereIsNoSchedule(t *testing.T) {
	events := `{"value":[
		{"id":"a","type":"occurrence","showAs":"busy","start":{"dateTime":"2026-11-13T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-11-13T10:00:00.0000000","timeZone":"UTC"}},
		{"id":"b","showAs":"busy","isCancelled":true,"start":{"dateTime":"2026-11-13T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-11-13T10:00:00.0000000","timeZone":"UTC"}},
		{"id":"c","showAs":"tentative","responseStatus":{"response":"declined"},"start":{"dateTime":"2026-11-13T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-11-13T10:00:00.0000000","timeZone":"UTC"}},
		{"id":"d","showAs":"free","start":{"dateTime":"2026-11-13T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-11-13T10:00:00.0000000","timeZone":"UTC"}}]}`
	want := []calendar.Busy{{Calendar: "Cal", Start: at("2026-11-13T09:00:00Z"), End: at("2026-11-13T10:00:00Z"), Kind: "busy"}}
	for name, schedule := range map[string]struct {
		status int
		body   string
	}{
		"personal account": {403, refused("ErrorAccessDenied")}, "not supported": {400, refused("UnsupportedQueryOption")},
		"too many entries": {200, `{"value":[{"error":{"responseCode":"5006","message":"too many"}}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			acc, _, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
				switch {
				case strings.HasSuffix(r.Path, "/getSchedule"):
					providertest.Answer(w, schedule.status, schedule.body)
				case strings.HasSuffix(r.Path, "/calendarView"):
					providertest.Answer(w, 200, events)
				default:
					providertest.Answer(w, 200, own)
				}
			})
			busy, err := acc.FreeBusy(t.Context(), []string{"Cal"}, window)
			if d := cmp.Diff(want, busy); d != "" || err != nil {
				t.Errorf("err %v (-want +got):\n%s", err, d)
			}
		})
	}
	acc, _, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		if strings.HasSuffix(r.Path, "/getSchedule") {
			providertest.Answer(w, 503, "")
			return
		}
		providertest.Answer(w, 200, own)
	})
	if _, err := acc.FreeBusy(t.Context(), []string{"Cal"}, window); kind(t, err) != calendar.Transient {
		t.Errorf("a service that is down is not a service without schedules: %v", err)
	}
}

func TestCalendarsAreListedToTheEnd(t *testing.T) {
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		if r.Query.Get("$skip") == "" {
			providertest.Answer(w, 200, `{"value":[{"id":"shared","name":"Team","owner":{"address":"team@example.com"}}],"@odata.nextLink":"http://`+r.Host+`/v1.0/me/calendars?$skip=1"}`)
			return
		}
		providertest.Answer(w, 200, `{"value":[{"id":"Cal","name":null,"isDefaultCalendar":true,"canEdit":true,"owner":{"address":"me@example.com"}}]}`)
	})
	got, err := acc.Calendars(t.Context())
	want := []calendar.Info{
		{ID: "shared", Name: "Team", Email: "me@example.com"},
		{ID: "Cal", Name: "Cal", Email: "me@example.com", Primary: true, CanWrite: true},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(calendar.Info{}, "Metadata")); d != "" || err != nil || len(f.Requests()) != 2 {
		t.Errorf("err %v (-want +got):\n%s", err, d)
	}
}

func TestACalendarKnowsTheAddressOfItsAccount(t *testing.T) {
	acc, _, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		switch r.Path {
		case "/v1.0/me/calendar":
			providertest.Answer(w, 200, own)
		case "/v1.0/me/calendars/Shared%2F1":
			providertest.Answer(w, 200, `{"id":"Shared/1","name":"Team","owner":{"address":"team@example.com"}}`)
		default:
			providertest.Answer(w, 404, refused("ErrorItemNotFound"))
		}
	})
	info, err := acc.Calendar(t.Context(), "Shared/1")
	if err != nil || info.Email != "me@example.com" || info.ID != "Shared/1" || info.Primary {
		t.Errorf("%+v, %v", info, err)
	}
	if info, err = acc.Calendar(t.Context(), "primary"); err != nil || info.ID != "Cal" || !info.Primary {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err = acc.Calendar(t.Context(), "unknown"); kind(t, err) != calendar.NotFound {
		t.Error(err)
	}
}
