// Package calendar_test drives the calendars of Steno against the simulated
// services: real clients, real protocol, real database. What stands in the
// simulators' calendars is what must stand in the database.
package calendar_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"steno/internal/account"
	"steno/internal/api/push"
	"steno/internal/app"
	"steno/internal/bot"
	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/ident"
	"steno/internal/meeting"
	"steno/internal/provider/all"
	"steno/internal/provider/throttle"
	"steno/internal/seal"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/simulator/google"
	"steno/simulator/microsoft"
	"steno/simulator/service"
	"steno/simulator/truth"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
	}
	flag.Parse()
	if !parallelSet() {
		_ = flag.Set("test.parallel", "6") // tests that wait most of the time, on any number of cores
	}
	os.Exit(storetest.Main(m))
}

// parallelSet tells whether somebody has said how many tests run at a time.
func parallelSet() (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "test.parallel" })
	return set
}

// wall is a clock that tests set, or the machine's.
type wall struct {
	mu   sync.Mutex
	at   time.Time
	real bool
}

func (w *wall) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.real {
		return time.Now().UTC()
	}
	return w.at
}

func (w *wall) set(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = at
}

func (w *wall) add(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// stand is Steno's calendars without servers: tests decide when what is done.
type stand struct {
	db     *store.DB
	clock  *wall
	rooms  *calendar.Service
	bots   *bot.Service
	team   string
	google *google.Server
	graph  *microsoft.Server
	web    *httptest.Server // the push endpoints

	key     string // seals
	log     *slog.Logger
	closers []func()
}

type signer struct{}

func (signer) URL(_ context.Context, key string) (string, error) {
	return "https://files.example/" + key, nil
}

// key is a secret key as an operator would make it.
func key(t testing.TB) string {
	var raw [32]byte
	if _, err := rand.Read(raw[:]); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw[:])
}

// quick is the clients' Sleep: the clock moves instead.
func (w *wall) quick(ctx context.Context, d time.Duration) error {
	if w.real {
		return throttle.Timer(ctx, d)
	}
	w.add(d)
	return ctx.Err()
}

var monday = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// addresses say where the simulators are.
func (s *stand) addresses() all.Options {
	return all.Options{
		GoogleAPI: s.google.APIURL(), GoogleToken: s.google.TokenURL(), MicrosoftGraph: s.graph.GraphURL(), MicrosoftLogin: s.graph.LoginURL(),
		Clock: s.clock, Sleep: throttle.Sleep(s.clock.quick), Unlimited: true,
	}
}

// house makes the rooms over a database, as a server does.
func house(db *store.DB, clk clock.Clock, at all.Options, secret string, log *slog.Logger) (*calendar.Service, *bot.Service, func(), error) {
	sealer, err := seal.Parse(secret)
	if err != nil {
		return nil, nil, nil, err
	}
	keep := store.Bots{DB: db, Vault: app.Vault{Webhooks: seal.Webhooks{Sealer: sealer}}}
	bots := &bot.Service{Store: keep, Clock: clk, Signer: signer{}, ValidURL: func(string) error { return nil }}
	providers, closeAll, err := all.New(at)
	if err != nil {
		return nil, nil, nil, err
	}
	cells := seal.Calendars{Sealer: sealer}
	return &calendar.Service{
		Store:  store.Calendars{DB: db, Vault: cells, Bots: app.BotRoom{Bots: bots, Store: keep}},
		Tokens: &store.Grants{DB: db, Vault: cells, Clock: clk}, Providers: providers, Clock: clk, Detect: app.Detector(meeting.Hosts{}), Log: log,
	}, bots, closeAll, nil
}

func newStand(t testing.TB, db *store.DB, o service.Options) *stand {
	t.Helper()
	s := buildStand(t, db, o)
	t.Cleanup(s.close)
	return s
}

// close ends the stand's servers.
func (s *stand) close() {
	for _, f := range slices.Backward(s.closers) {
		f()
	}
}

// buildStand is newStand for tests that close many of them on the way.
func buildStand(t testing.TB, db *store.DB, o service.Options) *stand {
	t.Helper()
	s := &stand{db: db, clock: &wall{at: monday, real: o.Clock != nil}, key: key(t)}
	o.Clock = s.clock
	var err error
	if s.google, err = google.Start(google.Options{Options: o}); err != nil {
		t.Fatal(err)
	}
	s.closers = append(s.closers, s.google.Close)
	if s.graph, err = microsoft.Start(microsoft.Options{Options: o}); err != nil {
		t.Fatal(err)
	}
	s.closers = append(s.closers, s.graph.Close)
	level := slog.LevelError
	if o.Polite {
		level = slog.LevelWarn
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level}))
	var closeAll func()
	if s.rooms, s.bots, closeAll, err = house(db, s.clock, s.addresses(), s.key, log); err != nil {
		t.Fatal(err)
	}
	s.closers = append(s.closers, closeAll)
	r := chi.NewRouter()
	(&push.Surface{Calendars: s.rooms, Log: log}).Mount(r)
	s.web = httptest.NewServer(r) // the simulators take http:// on this machine
	s.closers = append(s.closers, s.web.Close)
	s.rooms.Options.PushURL = s.web.URL
	s.log = log
	accounts := account.New(store.Accounts{DB: db}, s.clock, log)
	team, err := accounts.CreateTeam(t.Context(), ident.New())
	if err != nil {
		t.Fatal(err)
	}
	s.team = team.ID
	return s
}

// connect connects the first calendar of a new account.
func (s *stand) connect(t testing.TB, p calendar.Platform, email string) (calendar.Connection, *truth.Calendar) {
	t.Helper()
	c, cal, err := s.tryConnect(t.Context(), p, email)
	if err != nil {
		t.Fatal(err)
	}
	return c, cal
}

func (s *stand) tryConnect(ctx context.Context, p calendar.Platform, email string) (calendar.Connection, *truth.Calendar, error) {
	r := calendar.ConnectRequest{Platform: p}
	var cal *truth.Calendar
	if p == calendar.Google {
		a, err := s.google.AddAccount(email, "Ada", "Europe/Berlin")
		if err != nil {
			return calendar.Connection{}, nil, err
		}
		cal, r.RawID = a.Primary(), "primary"
		r.Credentials = calendar.Credentials{ClientID: a.ClientID, ClientSecret: a.ClientSecret, RefreshToken: a.RefreshToken}
	} else {
		a, err := s.graph.AddAccount(email, "Ada", "Europe/Berlin")
		if err != nil {
			return calendar.Connection{}, nil, err
		}
		cal, r.RawID = a.Primary(), a.Primary().ID
		r.Credentials = calendar.Credentials{ClientID: a.ClientID, ClientSecret: a.ClientSecret, RefreshToken: a.RefreshToken, Tenant: "common"}
	}
	c, err := s.rooms.Connect(ctx, s.team, r)
	return c, cal, err
}

// sync runs the sync that is due.
func (s *stand) sync(t testing.TB, id string) calendar.Connection {
	t.Helper()
	if err := s.rooms.Sync(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}
	c, err := s.rooms.Get(t.Context(), s.team, id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// poll lets the time of a poll come, and syncs.
func (s *stand) poll(t testing.TB, id string) calendar.Connection {
	t.Helper()
	s.clock.add(20 * time.Minute)
	return s.sync(t, id)
}

// events returns what is stored of a calendar.
func (s *stand) events(t testing.TB, id string, cancelled bool) []calendar.Event {
	t.Helper()
	var out []calendar.Event
	for cursor := ""; ; {
		page, err := s.rooms.Events(t.Context(), s.team, id, calendar.EventQuery{Cancelled: cancelled}, 100, cursor)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, page.Items...)
		if cursor = page.Next; cursor == "" {
			return out
		}
	}
}

var settings, _ = json.Marshal(bot.Request{Name: "Notetaker"})

const zoom = "https://us02web.zoom.us/j/%d?pwd=abc"

// standup is a weekly meeting that began a while ago.
func standup(n int) truth.Event {
	return truth.Event{
		Content: truth.Content{
			Title: fmt.Sprintf("Standup %d", n), Start: monday.Add(2 * time.Hour), End: monday.Add(150 * time.Minute), Zone: "Europe/Berlin",
			Location: fmt.Sprintf(zoom, 85900000000+n),
		},
		Rule: &truth.Rule{Freq: truth.Weekly, Days: []time.Weekday{time.Monday}},
	}
}

// once is a single meeting.
func once(n int, at time.Time) truth.Event {
	return truth.Event{Content: truth.Content{
		Title: fmt.Sprintf("Review %d", n), Start: at, End: at.Add(time.Hour), Zone: "Europe/Berlin", Location: fmt.Sprintf(zoom, 95900000000+n),
	}}
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

type storeDB = store.DB

func (s *stand) rows(t testing.TB, table string) (n int) {
	t.Helper()
	err := s.db.Read(t.Context(), func(q store.Querier) error {
		return q.QueryRow(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
