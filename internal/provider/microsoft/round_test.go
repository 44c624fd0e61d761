package microsoft

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/provider/providertest"
)

const deltaPath = "/v1.0/me/calendars/Cal/calendarView/delta"

// round reads a whole round.
func round(t *testing.T, acc calendar.Account, q calendar.RoundRequest) (items []calendar.Item, cursor calendar.Cursor) {
	t.Helper()
	for {
		p, err := acc.Round(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if p.Next != "" && p.Cursor != "" {
			t.Fatal("a page that is not the last has a cursor")
		}
		items = append(items, p.Items...)
		if q.PageToken = p.Next; p.Next == "" {
			return items, p.Cursor
		}
	}
}

// Trap 24: ids change when the user moves an event, unless every request asks
// for immutable ones, that of the subscription too.
func TestTrap24EveryRequestAsksForImmutableIDs(t *testing.T) {
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		switch {
		case strings.HasSuffix(r.Path, "/delta") && !r.Query.Has("$deltatoken"):
			providertest.Answer(w, 200, page(r, "@odata.deltaLink", deltaPath+"?$deltatoken=d"))
		case strings.HasSuffix(r.Path, "/delta"):
			providertest.Answer(w, 200, page(r, "@odata.deltaLink", deltaPath+"?$deltatoken=e"))
		case strings.Contains(r.Path, "subscriptions") || r.Method == "PATCH" || r.Method == "POST":
			providertest.Answer(w, 200, `{"id":"x"}`)
		default:
			providertest.Answer(w, 200, `{"id":"x","isDefaultCalendar":true,"value":[]}`)
		}
	})
	ctx := t.Context()
	_, cursor := round(t, acc, calendar.RoundRequest{Calendar: "Cal", Window: window})
	round(t, acc, calendar.RoundRequest{Calendar: "Cal", Window: window, Cursor: cursor})
	for _, err := range []error{
		second(acc.Occurrences(ctx, calendar.OccurrenceRequest{Calendar: "Cal", Window: window})),
		second(acc.Occurrences(ctx, calendar.OccurrenceRequest{Calendar: "Cal", Series: "m", Window: window})),
		second(acc.Event(ctx, "Cal", "e")), second(acc.Calendars(ctx)), second(acc.Calendar(ctx, "Cal")),
		second(acc.Watch(ctx, calendar.WatchRequest{Calendar: "Cal", ID: "c"})), second(acc.Renew(ctx, calendar.Channel{ProviderID: "s"}, time.Time{})),
		acc.Stop(ctx, calendar.Channel{ProviderID: "s"}), second(acc.FreeBusy(ctx, []string{"Cal"}, window)),
		second(acc.Create(ctx, "Cal", calendar.Change{RequestID: "r", Title: p("x")})), second(acc.Patch(ctx, "Cal", "e", calendar.Change{Title: p("x")})),
		acc.Delete(ctx, "Cal", "e"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if len(f.Requests()) < 14 {
		t.Errorf("%d requests, want at least 14", len(f.Requests()))
	}
	for _, r := range f.Requests() {
		if !strings.Contains(r.Header.Get("Prefer"), `IdType="ImmutableId"`) {
			t.Errorf("%s %s: Prefer %q", r.Method, r.Path, r.Header.Get("Prefer"))
		}
	}
	first := f.Requests()[0]
	if first.Path != deltaPath || first.Query.Encode() != "endDateTime=2026-12-13T09%3A00%3A00Z&startDateTime=2026-11-12T09%3A00%3A00Z" {
		t.Errorf("first request %s?%s: a delta takes its window and nothing else", first.Path, first.Query.Encode())
	}
	if got := first.Header.Get("Prefer"); got != `IdType="ImmutableId", outlook.timezone="UTC", odata.maxpagesize=200` {
		t.Errorf("Prefer %s", got)
	}
}

func second[T any](_ T, err error) error { return err }

// Trap 17: bare occurrences. The master is not an event, the rows are marked.
func TestTrap17BareOccurrencesAreKeptAndMarked(t *testing.T) {
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		providertest.Answer(w, 200, page(r, "@odata.deltaLink", deltaPath+"?$deltatoken=d",
			bare("o1", "M", "2026-11-16T09:00:00.0000000", "2026-11-16T10:00:00.0000000"),
			master("M", "Weekly", false, "W. Europe Standard Time"),
			bare("o2", "M", "2026-11-23T09:00:00.0000000", "2026-11-23T10:00:00.0000000"),
			bare("o3", "not on the page", "2026-11-30T09:00:00.0000000", "2026-11-30T10:00:00.0000000")))
	})
	items, _ := round(t, acc, calendar.RoundRequest{Calendar: "Cal", Window: window})
	var kinds []string
	for _, it := range items {
		kinds = append(kinds, fmt.Sprint(it.ID, " ", it.Kind, " ", it.Bare, " ", it.SeriesID, " ", it.When.Start.Format("01-02 15:04")))
	}
	want := []string{"o1 3 true M 11-16 09:00", "M 2 false  01-06 09:00", "o2 3 true M 11-23 09:00", "o3 3 true not on the page 11-30 09:00"}
	if !slices.Equal(kinds, want) {
		t.Errorf("got  %q\nwant %q", kinds, want)
	}
	if n := len(f.Requests()); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
}

// Traps 17 and 30 together: a bare row does not say whether it is all-day.
func TestTrap30BareAllDayOccurrencesBecomeDates(t *testing.T) {
	for _, c := range []struct {
		name, zone, start, end string
		want                   string
	}{
		{"Tokyo", "Tokyo Standard Time", "2026-11-15T15:00:00.0000000", "2026-11-16T15:00:00.0000000", "2026-11-16"},
		{"New York", "Eastern Standard Time", "2026-11-16T05:00:00.0000000", "2026-11-17T05:00:00.0000000", "2026-11-16"},
		{"London, the day clocks change", "GMT Standard Time", "2026-10-24T23:00:00.0000000", "2026-10-26T00:00:00.0000000", "2026-10-25"},
		{"Auckland, 13 hours ahead", "New Zealand Standard Time", "2026-11-15T11:00:00.0000000", "2026-11-16T11:00:00.0000000", "2026-11-16"},
	} {
		for _, where := range []string{"on the page", "on an earlier page", "nowhere"} {
			t.Run(c.name+", master "+where, func(t *testing.T) {
				m, o := master("M", "Holiday", true, c.zone), bare("o1", "M", c.start, c.end)
				acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
					switch {
					case r.Path == "/v1.0/me/events/M":
						providertest.Answer(w, 200, m)
					case where == "on the page":
						providertest.Answer(w, 200, page(r, "@odata.deltaLink", deltaPath+"?$deltatoken=d", o, m))
					case where == "on an earlier page" && !r.Query.Has("$skiptoken"):
						providertest.Answer(w, 200, page(r, "@odata.nextLink", deltaPath+"?$skiptoken=s", m))
					default:
						providertest.Answer(w, 200, page(r, "@odata.deltaLink", deltaPath+"?$deltatoken=d", o))
					}
				})
				items, _ := round(t, acc, calendar.RoundRequest{Calendar: "Cal", Window: window})
				if len(items) != 2 || len(f.Requests()) > 2 {
					t.Fatalf("%d items after %d calls; want the occurrence and its master", len(items), len(f.Requests()))
				}
				for _, it := range items {
					if it.Kind == calendar.Occurrence && (!it.When.AllDay || it.When.Start.Format(time.DateOnly) != c.want || it.When.End.Sub(it.When.Start) != 24*time.Hour || !it.Bare) {
						t.Errorf("occurrence %+v, want the date %s", it.When, c.want)
					}
				}
			})
		}
	}
}

func TestAnIncrementDoesNotAskForMasters(t *testing.T) {
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		providertest.Answer(w, 200, page(r, "@odata.deltaLink", deltaPath+"?$deltatoken=e",
			bare("o1", "M", "2026-11-15T15:00:00.0000000", "2026-11-16T15:00:00.0000000"),
			`{"id":"x","seriesMasterId":"M","type":"exception","start":{"dateTime":"2026-11-16T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-11-16T10:00:00.0000000","timeZone":"UTC"}}`))
	})
	items, _ := round(t, acc, calendar.RoundRequest{Calendar: "Cal", Cursor: "m1:" + calendar.Cursor(f.URL) + deltaPath + "?$deltatoken=d"})
	if len(items) != 2 || len(f.Requests()) != 1 || !items[1].Bare || !items[1].Exception {
		t.Errorf("%d items after %d calls: %+v; the engine reads the series' occurrences anyway", len(items), len(f.Requests()), items)
	}
}

// Trap 66: exceptions may leave out what is as in the master.
func TestTrap66ExceptionsInheritWhatTheyLeaveOut(t *testing.T) {
	exception := `{"id":"x","seriesMasterId":"M","type":"exception","location":null,"originalStart":"2026-11-16T09:00:00Z","start":{"dateTime":"2026-11-17T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-11-17T10:00:00.0000000","timeZone":"UTC"}}`
	for _, onPage := range []bool{true, false} {
		acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
			m := master("M", "Weekly", false, "UTC")
			switch {
			case r.Path == "/v1.0/me/events/M":
				providertest.Answer(w, 200, m)
			case strings.HasSuffix(r.Path, "/instances"):
				providertest.Answer(w, 200, `{"value":[`+exception+`]}`)
			case onPage:
				providertest.Answer(w, 200, page(r, "@odata.deltaLink", deltaPath+"?$deltatoken=d", exception, m))
			default:
				providertest.Answer(w, 200, page(r, "@odata.deltaLink", deltaPath+"?$deltatoken=d", exception))
			}
		})
		items, _ := round(t, acc, calendar.RoundRequest{Calendar: "Cal", Window: window})
		it := items[0]
		if it.Title != "Weekly" || it.Organizer.Email != "boss@example.com" || it.Location != "" || it.Bare || !it.Exception || !it.Slot.Equal(at("2026-11-16T09:00:00Z")) {
			t.Errorf("master on page %v: %+v", onPage, it)
		}
		q, err := acc.Occurrences(t.Context(), calendar.OccurrenceRequest{Calendar: "Cal", Series: "M", Window: window})
		if err != nil || len(q.Items) != 1 || q.Items[0].Title != "Weekly" {
			t.Errorf("occurrences %+v, %v (%d calls)", q.Items, err, len(f.Requests()))
		}
	}
}

// Traps 19 and 20: tombstones and nulls.
func TestTrap19And20TombstonesAndNullsAreRead(t *testing.T) {
	acc, _, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		providertest.Answer(w, 200, page(r, "@odata.deltaLink", deltaPath+"?$deltatoken=d",
			`{"id":"gone","@removed":{"reason":"deleted"}}`,
			`{"id":"Gone","@removed":{"reason":"deleted"},"type":"occurrence","seriesMasterId":"M"}`,
			`{"id":"n","type":"singleInstance","subject":null,"seriesMasterId":null,"iCalUId":null,"location":null,"locations":null,"body":null,"organizer":null,"attendees":null,"onlineMeeting":null,"responseStatus":null,"recurrence":null,"isAllDay":false,"start":{"dateTime":"2026-11-16T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-11-16T10:00:00.0000000","timeZone":"UTC"}}`,
			`{"id":"odd","type":"singleInstance","subject":7,"attendees":"none","start":"today"}`,
			`null`, `{}`))
	})
	items, cursor := round(t, acc, calendar.RoundRequest{Calendar: "Cal", Window: window})
	if len(items) != 4 || cursor == "" {
		t.Fatalf("%d items, want 4: %+v", len(items), items)
	}
	// Trap 23: ids that differ in case only are two events.
	if items[0].Kind != calendar.Tombstone || items[0].ID != "gone" || items[1].Kind != calendar.Tombstone || items[1].ID != "Gone" {
		t.Errorf("tombstones %+v %+v", items[0], items[1])
	}
	if n := items[2]; n.Kind != calendar.Single || n.Title != "" || n.SeriesID != "" || n.Bare || n.Recurrence != nil || n.Attendees != nil {
		t.Errorf("nulls %+v", n)
	}
	if items[3].Kind != calendar.Single || items[3].Title != "" {
		t.Errorf("odd types %+v", items[3])
	}
}

// Trap 21: 410 is handled, a 40x with a code is not.
func TestTrap21EveryResetSignalIsALostCursor(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
	}{
		{410, ""}, {410, refused("SyncStateNotFound")}, {400, refused("SyncStateNotFound")}, {404, refused("syncStateNotFound")},
		{400, refused("resyncRequired")}, {400, refused("SyncStateInvalid")},
		{400, `{"error":{"code":"BadRequest","message":"x","innerError":{"code":"syncStateNotFound"}}}`},
		{400, `{"error":{"code":"BadRequest","message":"The skiptoken is malformed"}}`},
	} {
		acc, f, _ := connect(t, always(c.status, c.body))
		_, err := acc.Round(t.Context(), calendar.RoundRequest{Calendar: "Cal", Cursor: "m1:" + calendar.Cursor(f.URL) + deltaPath + "?$deltatoken=d"})
		if kind(t, err) != calendar.CursorLost || len(f.Requests()) != 1 {
			t.Errorf("%d %s: %v after %d calls", c.status, c.body, err, len(f.Requests()))
		}
	}
}

// Trap 22: a delta link that leads to a foreign host.
func TestTrap22LinksLeadToTheConfiguredServerOnly(t *testing.T) {
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a stranger was called") }))
	defer stranger.Close()
	link := deltaPath + "?$deltatoken=d"
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		providertest.Answer(w, 200, `{"value":[],"@odata.nextLink":"`+stranger.URL+link+`"}`)
	})
	host := strings.TrimPrefix(f.URL, "http://")
	for _, bad := range []string{
		stranger.URL + link, "http://" + host + "@" + strings.TrimPrefix(stranger.URL, "http://") + link, "https://" + host + link,
		f.URL + "/beta" + strings.TrimPrefix(link, "/v1.0"), f.URL + "/v1.0/../admin", "/v1.0/relative", "file:///etc/passwd", "",
	} {
		if _, err := acc.Round(t.Context(), calendar.RoundRequest{Calendar: "Cal", Cursor: "m1:" + calendar.Cursor(bad)}); kind(t, err) != calendar.CursorLost {
			t.Errorf("cursor to %q: %v, want lost", bad, err)
		}
		if _, err := acc.Round(t.Context(), calendar.RoundRequest{Calendar: "Cal", PageToken: "200|" + bad}); kind(t, err) != calendar.Refused {
			t.Errorf("page token to %q: %v, want refused", bad, err)
		}
		if _, err := acc.Occurrences(t.Context(), calendar.OccurrenceRequest{Calendar: "Cal", PageToken: bad, Window: window}); bad != "" && kind(t, err) != calendar.Refused {
			t.Errorf("occurrences of %q: %v, want refused", bad, err)
		}
	}
	n := len(f.Requests())
	if _, err := acc.Round(t.Context(), calendar.RoundRequest{Calendar: "Cal", Window: window}); kind(t, err) != calendar.Refused || len(f.Requests()) != n+1 {
		t.Errorf("a next link to a stranger: %v", err)
	}
}

func TestAPageThatLeadsToItselfEndsTheRound(t *testing.T) {
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		providertest.Answer(w, 200, page(r, "@odata.nextLink", deltaPath+"?$skiptoken=s"))
	})
	p, err := acc.Round(t.Context(), calendar.RoundRequest{Calendar: "Cal", Window: window})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := acc.Round(t.Context(), calendar.RoundRequest{Calendar: "Cal", PageToken: p.Next}); kind(t, err) != calendar.Transient || len(f.Requests()) != 2 {
		t.Errorf("err %v after %d calls", err, len(f.Requests()))
	}
	acc, _, _ = connect(t, always(200, `{"value":[]}`))
	if _, err := acc.Round(t.Context(), calendar.RoundRequest{Calendar: "Cal", Window: window}); kind(t, err) != calendar.Transient {
		t.Errorf("a page without any link: %v", err)
	}
}

// Trap 29: a page of a big calendar takes too long.
func TestTrap29ASlowPageIsAskedForInSmallerPieces(t *testing.T) {
	var sizes []string
	c, f, _ := client(t, func(w http.ResponseWriter, r providertest.Request) {
		size := r.Header.Get("Prefer")[strings.LastIndex(r.Header.Get("Prefer"), "=")+1:]
		sizes = append(sizes, size)
		if n, _ := strconv.Atoi(size); n > 50 {
			panic(http.ErrAbortHandler)
		}
		if r.Query.Has("$skiptoken") {
			providertest.Answer(w, 200, page(r, "@odata.deltaLink", deltaPath+"?$deltatoken=d"))
			return
		}
		providertest.Answer(w, 200, page(r, "@odata.nextLink", deltaPath+"?$skiptoken=s"))
	})
	// A connection that is cut stands in for one that times out.
	c.caller.HTTP = &http.Client{Transport: timingOut{f.HTTP().Transport}}
	round(t, c.Account("conn", providertest.Tokens()), calendar.RoundRequest{Calendar: "Cal", Window: window})
	if !slices.Equal(sizes, []string{"200", "50", "50"}) {
		t.Errorf("page sizes %q, want 200, then 50 also for the next page", sizes)
	}
}

type timingOut struct{ http.RoundTripper }

func (t timingOut) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		err = timeoutError{}
	}
	return res, err
}

type timeoutError struct{}

func (timeoutError) Error() string   { return "net/http: timeout awaiting response headers" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// The goal of a change: one delta call.
func TestOneChangeIsOneDeltaCall(t *testing.T) {
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		providertest.Answer(w, 200, page(r, "@odata.deltaLink", deltaPath+"?$deltatoken=e", `{"id":"a","type":"singleInstance","subject":"x","start":{"dateTime":"2026-11-16T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-11-16T10:00:00.0000000","timeZone":"UTC"}}`))
	})
	cursor := "m1:" + calendar.Cursor(f.URL) + deltaPath + "?$deltatoken=d"
	for range 3 {
		if items, next := round(t, acc, calendar.RoundRequest{Calendar: "Cal", Cursor: cursor}); len(items) != 1 || !strings.HasSuffix(string(next), "$deltatoken=e") {
			t.Errorf("%d items, cursor %s", len(items), next)
		}
	}
	if len(f.Requests()) != 3 || f.TokenCalls() != 1 {
		t.Errorf("%d calls and %d token calls, want 3 and 1", len(f.Requests()), f.TokenCalls())
	}
}

func TestOccurrencesAreCompleteAndWithoutCancelledSlots(t *testing.T) {
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		if r.Path == "/v1.0/me/events/M" {
			providertest.Answer(w, 200, master("M", "Weekly", false, "UTC"))
			return
		}
		if r.Query.Get("$skip") == "" {
			providertest.Answer(w, 200, `{"value":[`+bare("o1", "M", "2026-11-16T09:00:00.0000000", "2026-11-16T10:00:00.0000000")+`],"@odata.nextLink":"http://`+r.Host+r.Path+`?$skip=1"}`)
			return
		}
		providertest.Answer(w, 200, `{"value":[{"id":"o2","seriesMasterId":"M","type":"exception","subject":"x","isAllDay":false,"isCancelled":true,"organizer":null,"body":null},{"id":"s","type":"singleInstance","subject":"one","isAllDay":false}]}`)
	})
	var ids []string
	q := calendar.OccurrenceRequest{Calendar: "Cal", Window: window}
	for {
		p, err := acc.Occurrences(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range p.Items {
			ids = append(ids, it.ID+" "+it.Title)
			if it.Bare {
				t.Errorf("%s is bare", it.ID)
			}
		}
		if q.PageToken = p.Next; p.Next == "" {
			break
		}
	}
	if !slices.Equal(ids, []string{"o1 Weekly", "s one"}) {
		t.Errorf("occurrences %q", ids)
	}
	if r := f.Requests()[0]; r.Path != "/v1.0/me/calendars/Cal/calendarView" || r.Query.Get("$top") != "200" {
		t.Errorf("%s?%s: without $top there are ten a page", r.Path, r.Query.Encode())
	}
}

func TestTheOccurrencesOfASeriesThatIsGoneAreNotFound(t *testing.T) {
	acc, _, _ := connect(t, always(404, refused("ErrorItemNotFound")))
	if _, err := acc.Occurrences(t.Context(), calendar.OccurrenceRequest{Calendar: "Cal", Series: "M", Window: window}); kind(t, err) != calendar.NotFound {
		t.Error(err)
	}
	if _, err := acc.Event(t.Context(), "Cal", "../me"); kind(t, err) != calendar.NotFound {
		t.Error(err)
	}
}
