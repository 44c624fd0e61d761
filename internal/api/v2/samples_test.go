package v2_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"steno/internal/api/httpx"
	v2 "steno/internal/api/v2"
	"steno/internal/bot"
	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/ident"
	"steno/internal/provider/zoom/zoomtest"
	"steno/internal/quota"
	"steno/internal/store"
	"steno/internal/webhook"
)

// world is a team that has something of everything, and an endpoint that is
// told of all of it.
type world struct {
	*stand
	ids ids
}

// ids are ids by kind: bot, done (a completed bot), calendar, event, series,
// credential, zoom user (who has one, too), scheduled (a bot), calling and paused
// (bots in a call).
type ids map[string]string

func newWorld(t testing.TB, db *store.DB) *world {
	t.Helper()
	w := &world{stand: newStand(t, db), ids: ids{}}
	err := db.AddWebhook(t.Context(), webhook.Endpoint{
		ID: ident.New(), TeamID: w.team.ID, Name: "all", URL: "https://receiver.example", Participants: webhook.Names, Enabled: true, CreatedAt: w.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.fill(t)
	return w
}

// fill makes the team's things.
func (w *world) fill(t testing.TB) {
	t.Helper()
	w.ids["bot"] = w.create(t, minimal)
	w.ids["done"] = w.create(t, `{"bot_name":"N","meeting_url":"https://zoom.us/j/1","callback_enabled":true,"callback_config":{"url":"https://receiver.example"},"transcription_enabled":true,"live_transcript":{"webhook":true}}`)
	w.finish(t, w.ids["done"])
	w.heard(t, w.ids["done"], "The budget of "+w.team.Name)
	w.ids["calendar"] = w.connect(t, "google", "primary")
	list := w.events(t, w.ids["calendar"])
	w.ids["event"], w.ids["series"] = titled(list, "Standup").EventID, titled(list, "Standup").SeriesID
	w.ids["credential"] = w.credential(t, appKeys)
	user := zoomtest.User{ID: ident.New(), Account: "za-1", Email: w.team.Name + "@example.com"}
	w.zoom.Authorise("code-"+w.team.Name, user)
	w.credential(t, userCredential("User", "code-"+w.team.Name))
	w.ids["zoom user"] = user.ID
	var made struct {
		Data struct {
			ID string `json:"bot_id"`
		}
	}
	decode(t, w.call(t, w.key, "POST", "/v2/bots/scheduled", inTwoHours), &made)
	w.ids["scheduled"] = made.Data.ID
	w.ids["calling"], w.ids["paused"] = w.inCall(t, bot.Recording), w.inCall(t, bot.Recording, bot.Paused)
}

// hangUp puts a bot that is in no call in the place of those that are: nobody
// runs them, so that requests would wait for an answer.
func (w *world) hangUp() *world {
	w.ids["calling"], w.ids["paused"] = w.ids["bot"], w.ids["bot"]
	return w
}

// obeying is the state in which a bot does what it is told, or says why not.
func obeying(kind string, answer bot.CommandState, then bot.Status) state {
	return state{prepare: func(t testing.TB, w *world) {
		w.bots.CommandWait = 20 * time.Second
		w.host(t, w.db, w.ids[kind], 2, answer, "no", then)
	}}
}

// fill puts ids in the place of their kinds in braces.
func (i ids) fill(text string) string {
	for kind, id := range i {
		text = strings.ReplaceAll(text, "{"+kind+"}", id)
	}
	return text
}

// each returns the same kinds with other ids.
func (i ids) each(make func() string) ids {
	out := ids{}
	for kind := range i {
		out[kind] = make()
	}
	return out
}

// sample says how an operation is called so that it succeeds, and how its other
// documented statuses come about. 400, 404 and 500 come about by themselves
// unless they are named here. Texts hold ids as {kind}.
type sample struct {
	path  map[string]string // kinds of the path's ids where they are not the usual ones
	query string
	body  string
	ready func(t testing.TB, w *world) // comes before every call
	bad   request                      // replaces the usual mistake; its path is a query
	more  map[int]state
	never map[int]string // documented, cannot happen, and why
}

// state is how a status comes about. Without a request the sample's is sent.
type state struct {
	prepare func(t testing.TB, w *world)
	request
}

// kinds are the usual meanings of path parameters.
var kinds = map[string]string{"bot_id": "bot", "calendar_id": "calendar", "event_id": "event", "id": "credential"}

const (
	oneEvent   = `"event_id":"{event}","series_id":"{series}","all_occurrences":false}`
	botOnEvent = `{"bot_name":"N",` + oneEvent
	inTwoHours = `{"bot_name":"N","meeting_url":"https://zoom.us/j/3","join_at":"2026-03-01T14:00:00Z"}`
)

const reading = "reading is free: it is never limited (C31)"

// samples has a row for each operation of the surface.
var samples = map[string]sample{
	"createBot": {
		body: minimal, bad: request{body: `{"bot_name":7}`},
		more: map[int]state{
			402: {prepare: withoutTokens},
			409: {request: request{"POST", "/v2/bots", minimal[:len(minimal)-1] + `,"allow_multiple_bots":false}`}},
		},
	},
	"batchCreateBots":    {body: "[" + minimal + "]", bad: request{body: "[]"}},
	"listBots":           {query: "?limit=2", bad: request{path: "?limit=0"}},
	"getBotDetails":      {path: map[string]string{"bot_id": "done"}},
	"getBotStatus":       {},
	"leaveBot":           {more: map[int]state{409: {request: request{"POST", "/v2/bots/{done}/leave", ""}}}},
	"deleteBotData":      {path: map[string]string{"bot_id": "done"}},
	"updateBotConfig":    {body: `{"extra":{"a":1}}`},
	"resendFinalWebhook": {path: map[string]string{"bot_id": "done"}, more: map[int]state{409: {request: request{"POST", "/v2/bots/{bot}/resend-webhook", ""}}}},
	"retryCallback": {
		path: map[string]string{"bot_id": "done"}, body: `{"url":"https://other.example"}`,
		more: map[int]state{409: {request: request{"POST", "/v2/bots/{bot}/retry-callback", "null"}}},
	},
	"streamTranscript":  {path: map[string]string{"bot_id": "done"}, more: map[int]state{409: {request: request{"GET", "/v2/bots/{bot}/transcript/stream", ""}}}},
	"getBotScreenshots": {path: map[string]string{"bot_id": "done"}, query: "?limit=2"},

	"sendChatMessage": {
		path: map[string]string{"bot_id": "calling"}, body: `{"message":"m"}`,
		more: map[int]state{
			200: obeying("calling", bot.CommandDone, ""), 422: obeying("calling", bot.CommandDisabled, ""),
			409: {request: request{"POST", "/v2/bots/{bot}/send-chat-message", `{"message":"m"}`}},
		},
	},
	"pauseBotRecording": {
		path: map[string]string{"bot_id": "calling"}, body: `{"chat_message":"m"}`,
		more: map[int]state{200: obeying("calling", bot.CommandDone, bot.Paused), 409: {request: request{"POST", "/v2/bots/{bot}/pause-recording", ""}}},
	},
	"resumeBotRecording": {
		path: map[string]string{"bot_id": "paused"}, body: `{"chat_message":"m"}`,
		more: map[int]state{200: obeying("paused", bot.CommandDone, bot.Resumed), 409: {request: request{"POST", "/v2/bots/{calling}/resume-recording", ""}}},
	},

	"createScheduledBot":       {body: inTwoHours, bad: request{body: `{"bot_name":"N"}`}},
	"batchCreateScheduledBots": {body: "[" + inTwoHours + "]", bad: request{body: "[]"}},
	"listScheduledBots":        {query: "?limit=2", bad: request{path: "?limit=101"}},
	"getScheduledBotDetails":   {},
	"updateScheduledBot":       {body: `{"bot_name":"M"}`, more: map[int]state{409: {prepare: nearlyThere}}},
	"deleteScheduledBot":       {more: map[int]state{409: {prepare: nearlyThere}}},

	"listRawCalendars": {
		body: `{"calendar_platform":"google",` + secretsOK + `}`, bad: request{body: `{"calendar_platform":"yahoo"}`},
		more: map[int]state{401: refusing(calendar.Revoked), 403: refusing(calendar.Unlicensed)},
	},
	"createCalendarConnection": {
		body: connectBody("google", "team"), bad: request{body: `{}`},
		more: map[int]state{
			401: refusing(calendar.Revoked), 409: {request: request{"POST", "/v2/calendars", connectBody("google", "primary")}},
		},
	},
	"listCalendars":            {query: "?limit=2", bad: request{path: "?limit=x"}},
	"getCalendarDetails":       {},
	"updateCalendarConnection": {body: "{" + secretsOK + "}", more: map[int]state{401: refusing(calendar.Revoked), 403: refusing(calendar.PermissionDenied)}},
	"deleteCalendarConnection": {},
	"syncCalendar":             {more: map[int]state{401: refusing(calendar.Revoked)}},
	"resubscribeCalendar":      {more: map[int]state{401: refusing(calendar.Revoked), 403: refusing(calendar.PermissionDenied)}},
	"listEvents":               {},
	"getEventDetails":          {},
	"listEventDecisions":       {},
	"listEventSeries":          {},
	"createCalendarBot":        {body: botOnEvent},
	"updateCalendarBot":        {body: `{"bot_name":"M",` + oneEvent, ready: withCalendarBot, more: map[int]state{409: {prepare: nearlyThere}}},
	"deleteCalendarBot":        {body: `{` + oneEvent, ready: withCalendarBot, more: map[int]state{409: {prepare: nearlyThere}}},

	"searchTranscripts": {query: "?q=budget&limit=2", bad: request{path: "?q=%22%22"}},

	"createZoomCredential": {body: appKeys, bad: request{body: `{"name":""}`}},
	"listZoomCredentials":  {bad: request{path: "?state=odd"}},
	"getZoomCredential":    {},
	"updateZoomCredential": {body: `{"name":"Other"}`},
	"deleteZoomCredential": {},
}

// refusing is the state in which the calendar services refuse every call.
func refusing(k calendar.ErrorKind) state {
	return state{prepare: func(_ testing.TB, w *world) { w.refusal = k }}
}

// withoutTokens leaves less than a bot needs.
func withoutTokens(t testing.TB, w *world) {
	t.Helper()
	if _, err := w.quota.Give(t.Context(), w.team.ID, quota.Reservation-1, "test"); err != nil {
		t.Fatal(err)
	}
}

// atTheLimit spends the one request that the team has in a second.
func atTheLimit(t testing.TB, w *world) {
	t.Helper()
	one := 1
	if _, err := w.quota.SetLimits(t.Context(), w.team.ID, quota.Change{RequestsPerSecond: &one}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.quota.Take(t.Context(), w.team.ID); err != nil {
		t.Fatal(err)
	}
}

// withCalendarBot puts a bot on the event.
func withCalendarBot(t testing.TB, w *world) {
	t.Helper()
	if r := w.call(t, w.key, "POST", "/v2/calendars/"+w.ids["calendar"]+"/bots", w.ids.fill(botOnEvent)); r.status != http.StatusCreated {
		t.Fatalf("put a bot on an event: %d %s", r.status, r.body)
	}
}

// nearlyThere makes it three minutes before the event begins.
func nearlyThere(_ testing.TB, w *world) { w.now = w.now.Add(2*time.Hour - 3*time.Minute) }

// operation is a route of the surface as its own document shows it.
type operation struct{ id, method, path string }

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// call makes the request of a sample with some ids.
func (o operation) call(i ids) request {
	s := samples[o.id]
	path := pathParameter.ReplaceAllStringFunc(o.path, func(p string) string { return i[o.kind(p[1:len(p)-1])] })
	return request{o.method, path + s.query, i.fill(s.body)}
}

// kind is what a path parameter stands for.
func (o operation) kind(parameter string) string {
	if k := samples[o.id].path[parameter]; k != "" {
		return k
	}
	if parameter == "bot_id" && strings.Contains(o.path, "/scheduled/") {
		return "scheduled"
	}
	return kinds[parameter]
}

// parameters are the ids of the path.
func (o operation) parameters() (names []string) {
	for _, m := range pathParameter.FindAllStringSubmatch(o.path, -1) {
		names = append(names, m[1])
	}
	return names
}

// mistake is a request that is refused with 400.
func (o operation) mistake(i ids) request {
	c, bad := o.call(i), samples[o.id].bad
	switch {
	case bad.body != "":
		c.body = bad.body
	case bad.path != "":
		c.path, _, _ = strings.Cut(c.path, "?")
		c.path += bad.path
	default:
		c = o.call(i.each(func() string { return "cal_123" }))
	}
	return c
}

func (s *stand) send(t testing.TB, key string, c request) reply {
	t.Helper()
	return s.call(t, key, c.method, c.path, c.body)
}

// operations reads the surface's own document.
func (s *stand) operations(t testing.TB) (list []operation) {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		}
	}
	decode(t, s.call(t, "", "GET", "/v2/openapi.json", ""), &doc)
	for path, methods := range doc.Paths {
		for method, o := range methods {
			if _, ok := samples[o.OperationID]; !ok {
				t.Errorf("the operation %s (%s %s) has no row in the table of samples", o.OperationID, method, path)
				continue
			}
			list = append(list, operation{o.OperationID, strings.ToUpper(method), path})
		}
	}
	slices.SortFunc(list, func(a, b operation) int { return strings.Compare(a.id, b.id) })
	return list
}

func decode(t testing.TB, r reply, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), to); err != nil {
		t.Fatalf("status %d: %v: %s", r.status, err, r.body)
	}
}

// broken is the surface without any room behind it: every call panics.
func (s *stand) broken(t testing.TB) *stand {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	surface := &v2.Surface{Accounts: s.accounts, Clock: clock.Func(func() time.Time { return s.now }), Log: log, Version: "test"}
	r := chi.NewRouter()
	surface.Mount(r)
	out := *s
	out.Server = httptest.NewServer(s.watch.Handler(httpx.Wrap(r, httpx.Options{Log: log, Clock: surface.Clock, Panic: surface.Panicked})))
	t.Cleanup(out.Server.Close)
	return &out
}
