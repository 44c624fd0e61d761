package v1_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"steno/internal/account"
	"steno/internal/api/httpx"
	v1 "steno/internal/api/v1"
	"steno/internal/app"
	"steno/internal/bot"
	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/fail"
	"steno/internal/meeting"
	"steno/internal/quota"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/test/contract"
	"steno/test/fakecalendar"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// stand is the surface over a real database behind a real server, with one team.
type stand struct {
	*httptest.Server
	db        *store.DB
	bots      *bot.Service
	calendars *calendar.Service
	accounts  *account.Service
	quota     *quota.Service
	google    *fakecalendar.Service
	microsoft *fakecalendar.Service
	team      account.Team
	key       string // of team, with full access
	now       time.Time
	log       bytes.Buffer
	watch     *contract.Watch    // of every answer
	refusal   calendar.ErrorKind // of the calendar services, to every call
}

// plain stands for package seal, which has tests of its own, and for the room of
// Zoom credentials: the team has that of one user.
type plain struct{}

func (plain) SealBot(_, _, _, text string) (string, error) {
	return strings.Repeat("*", len(text)), nil
}
func (plain) SealGrant(_, _ string, plain []byte) (string, error)   { return string(plain), nil }
func (plain) OpenGrant(_, _, sealed string) ([]byte, error)         { return []byte(sealed), nil }
func (plain) SealRule(_, _ string, plain []byte) (string, error)    { return string(plain), nil }
func (plain) OpenRule(_, _, sealed string) ([]byte, error)          { return []byte(sealed), nil }
func (plain) SealRequest(_, _ string, plain []byte) (string, error) { return string(plain), nil }
func (plain) OpenRequest(_, _, sealed string) ([]byte, error)       { return []byte(sealed), nil }
func (plain) URL(_ context.Context, key string) (string, error) {
	return "https://files.example/" + key, nil
}
func (plain) Find(_ context.Context, _, _, user string) (string, error) {
	if user == "zoom-user" {
		return "", nil
	}
	return "", fail.New(fail.NotFound, "NONE", "the team has no credential of that user")
}

func newStand(t testing.TB, db *store.DB) *stand {
	t.Helper()
	s := &stand{db: db, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	clk := clock.Func(func() time.Time { return s.now })
	log := slog.New(slog.NewTextHandler(&s.log, nil))
	s.accounts, s.quota = account.New(store.Accounts{DB: db}, clk, log), app.NewQuota(db, clk)
	rooms := app.NewQuotaRoom(s.quota, db)
	keep := store.Bots{DB: db, Vault: plain{}, Requests: plain{}, Quota: rooms}
	s.bots = &bot.Service{Store: keep, Clock: clk, Signer: plain{}, Zoom: plain{}, ValidURL: func(u string) error {
		if strings.Contains(u, "169.254.") {
			return errors.New("leads to a forbidden address")
		}
		return nil
	}}
	s.google = &fakecalendar.Service{Name: calendar.Google, Items: fakecalendar.Agenda(s.now), Refusal: &s.refusal}
	s.microsoft = &fakecalendar.Service{Name: calendar.Microsoft, Items: fakecalendar.Agenda(s.now), Refusal: &s.refusal}
	s.calendars = &calendar.Service{
		Store:  store.Calendars{DB: db, Vault: plain{}, Bots: app.BotRoom{Bots: s.bots, Store: keep}, Quota: rooms},
		Tokens: &store.Grants{DB: db, Vault: plain{}, Clock: clk}, Clock: clk, Detect: app.Detector(meeting.Hosts{}), Log: log,
		Options: calendar.Options{PushURL: "https://steno.example"}, Random: func() float64 { return 0.5 },
		Providers: map[calendar.Platform]calendar.Provider{calendar.Google: s.google, calendar.Microsoft: s.microsoft},
	}
	s.team, s.key = s.newTeam(t, "red")
	surface := &v1.Surface{Bots: s.bots, Calendars: s.calendars, Accounts: s.accounts, Quota: s.quota, Log: log, Version: "test"}
	s.addBots(surface)
	s.watch = &contract.Watch{Failed: t.Errorf}
	s.serve(t, surface)
	return s
}

// serve puts a surface behind a server.
func (s *stand) serve(t testing.TB, surface *v1.Surface) {
	t.Helper()
	r := chi.NewRouter()
	surface.Mount(r)
	r.NotFound(surface.NotFound)
	r.MethodNotAllowed(surface.MethodNotAllowed)
	clk := clock.Func(func() time.Time { return s.now })
	s.Server = httptest.NewServer(s.watch.Handler(httpx.Wrap(r, httpx.Options{Log: surface.Log, Clock: clk, Panic: surface.Panicked})))
	t.Cleanup(s.Server.Close)
}

// newTeam makes a team and a key. The stand's clock stands still, so that its
// requests all come in one second: they are not limited.
func (s *stand) newTeam(t testing.TB, name string) (account.Team, string) {
	t.Helper()
	team, err := s.accounts.CreateTeam(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	none := quota.NoLimit
	if _, err := s.quota.SetLimits(t.Context(), team.ID, quota.Change{RequestsPerSecond: &none}); err != nil {
		t.Fatal(err)
	}
	return team, s.newKey(t, team, account.Full)
}

func (s *stand) newKey(t testing.TB, team account.Team, p account.Permission) string {
	t.Helper()
	key, _, err := s.accounts.CreateKey(t.Context(), account.NewKey{TeamID: team.ID, Name: "test", Permission: p})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// reply is an answer with its body read.
type reply struct {
	status int
	header http.Header
	body   string
}

// call sends a request with the team's key.
func (s *stand) call(t testing.TB, method, path, body string) reply {
	t.Helper()
	return s.callAs(t, http.Header{v1.KeyHeader: {s.key}}, method, path, body)
}

func (s *stand) callAs(t testing.TB, header http.Header, method, path, body string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header.Set(name, values[0])
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(text)}
}

// ok makes a call that must succeed, and reads its answer.
func ok[T any](t testing.TB, s *stand, method, path, body string) (out T) {
	t.Helper()
	r := s.call(t, method, path, body)
	if r.status != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, r.status, r.body)
	}
	if r.body == "" {
		return out
	}
	if err := json.Unmarshal([]byte(r.body), &out); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, r.body)
	}
	return out
}

// refuse makes a call that must be refused.
func (s *stand) refuse(t testing.TB, status int, code, method, path, body string) v1.Problem {
	t.Helper()
	r := s.call(t, method, path, body)
	var p v1.Problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil || r.status != status || p.Code != code {
		t.Errorf("%s %s %s: %d %s, want %d %s", method, path, body, r.status, r.body, status, code)
	}
	return p
}

const secrets = `"oauth_client_id":"app","oauth_client_secret":"canary-secret","oauth_refresh_token":"canary-token"`

type made struct{ Calendar v1.Calendar }

// connect connects the account's own calendar, reads it and watches it.
func (s *stand) connect(t testing.TB, platform string) string {
	t.Helper()
	id := ok[made](t, s, "POST", "/calendars/", `{"platform":"`+platform+`",`+secrets+`}`).Calendar.UUID
	s.sync(t, id)
	if err := s.calendars.Watch(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return id
}

func (s *stand) sync(t testing.TB, id string) {
	t.Helper()
	if err := s.calendars.Sync(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}
}

type events struct {
	Data []v1.Event
	Next *string
}

func (s *stand) list(t testing.TB, calendar, query string) []v1.Event {
	t.Helper()
	return ok[events](t, s, "GET", "/calendar_events/?calendar_id="+calendar+query, "").Data
}

// named returns the events of that name.
func named(list []v1.Event, name string) (out []v1.Event) {
	for _, e := range list {
		if e.Name == name {
			out = append(out, e)
		}
	}
	return out
}

func names(list []v1.Event) (out []string) {
	for _, e := range list {
		out = append(out, e.Name)
	}
	return out
}
