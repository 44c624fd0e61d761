package v2_test

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
	v2 "steno/internal/api/v2"
	"steno/internal/app"
	"steno/internal/bot"
	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/meeting"
	"steno/internal/netguard"
	zoomoauth "steno/internal/provider/zoom"
	"steno/internal/provider/zoom/zoomtest"
	"steno/internal/quota"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/transcript"
	"steno/internal/zoom"
	"steno/test/contract"
	"steno/test/fakecalendar"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// stand is the surface over a real database behind a real server.
type stand struct {
	streamed time.Duration // by bots that finish, into the meeting; out of it twice as much
	*httptest.Server
	db        *store.DB
	bots      *bot.Service
	calendars *calendar.Service
	accounts  *account.Service
	quota     *quota.Service
	zoom      *zoomtest.Zoom
	team      account.Team
	key       string // of team, with full access
	now       time.Time
	log       bytes.Buffer
	watch     *contract.Watch    // of every answer
	gone      bool               // the database was taken away
	refusal   calendar.ErrorKind // of the calendar services, to every call
}

type files struct{}

func (files) URL(_ context.Context, key string) (string, error) {
	return "https://files.example/" + key, nil
}

func (files) SealBot(_, _, _, plain string) (string, error) {
	return strings.Repeat("*", len(plain)), nil
}

func newStand(t testing.TB, db *store.DB) *stand {
	t.Helper()
	s := &stand{db: db, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	clk := clock.Func(func() time.Time { return s.now })
	log := slog.New(slog.NewTextHandler(&s.log, nil))
	s.accounts = account.New(store.Accounts{DB: db}, clk, log)
	s.quota = app.NewQuota(db, clk)
	s.bots = &bot.Service{
		Store: store.Bots{DB: db, Vault: files{}, Requests: files{}, Quota: app.NewQuotaRoom(s.quota, db)}, Clock: clk, Signer: files{},
		ValidURL: func(u string) error {
			if strings.Contains(u, "169.254.") {
				return errors.New("leads to a forbidden address")
			}
			return nil
		},
	}
	var err error
	if s.team, err = s.accounts.CreateTeam(t.Context(), "red"); err != nil {
		t.Fatal(err)
	}
	s.key = s.newKey(t, s.team, account.Full)
	s.calendars = newCalendars(db, clk, s)
	// The stand's clock stands still, so that its requests all come in one second.
	none := quota.NoLimit
	if _, err := s.quota.SetLimits(t.Context(), s.team.ID, quota.Change{RequestsPerSecond: &none}); err != nil {
		t.Fatal(err)
	}
	credentials := newZoom(t, s, clk)
	surface := &v2.Surface{Bots: s.bots, Calendars: s.calendars, Accounts: s.accounts, Quota: s.quota, Zoom: credentials, Clock: clk, Log: log, Version: "test",
		Transcripts: &transcript.Searcher{Finder: store.Search{DB: db}, MeetingKey: s.bots.MeetingKey}}
	r := chi.NewRouter()
	surface.Mount(r)
	r.Get("/panic", func(http.ResponseWriter, *http.Request) { panic("canary in a panic") })
	s.watch = &contract.Watch{Failed: t.Errorf}
	s.Server = httptest.NewServer(s.watch.Handler(httpx.Wrap(r, httpx.Options{Log: log, Clock: clk, Panic: surface.Panicked})))
	t.Cleanup(func() { s.Close(); s.checkMessages(t) })
	return s
}

// newZoom makes the room of Zoom credentials over a Zoom of its own.
func newZoom(t testing.TB, s *stand, clk clock.Clock) *zoom.Service {
	t.Helper()
	s.zoom = zoomtest.New(t)
	client, err := zoomoauth.New(s.zoom.URL, s.zoom.API(), netguard.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	room := &zoom.Service{Store: store.Zoom{DB: s.db, Vault: files{}}, OAuth: client, Clock: clk}
	s.bots.Zoom = room
	return room
}

func (files) SealZoom(_, _ string, plain []byte) (string, error) { return string(plain), nil }
func (files) OpenZoom(_, _, sealed string) ([]byte, error)       { return []byte(sealed), nil }

func newCalendars(db *store.DB, clk clock.Clock, s *stand) *calendar.Service {
	items, keep := fakecalendar.Agenda(s.now), store.Bots{DB: db, Vault: files{}, Quota: app.NewQuotaRoom(s.quota, db)}
	return &calendar.Service{
		Store:  store.Calendars{DB: db, Vault: files{}, Bots: app.BotRoom{Bots: s.bots, Store: keep}, Quota: app.NewQuotaRoom(s.quota, db)},
		Tokens: &store.Grants{DB: db, Vault: files{}, Clock: clk}, Clock: clk, Detect: app.Detector(meeting.Hosts{}),
		Log: slog.New(slog.NewTextHandler(&s.log, nil)), Options: calendar.Options{PushURL: "https://steno.example"},
		Random: func() float64 { return 0.5 },
		Providers: map[calendar.Platform]calendar.Provider{
			calendar.Google: &fakecalendar.Service{Name: calendar.Google, Items: items, Refusal: &s.refusal}, calendar.Microsoft: &fakecalendar.Service{Name: calendar.Microsoft, Items: items, Refusal: &s.refusal},
		},
	}
}

func (files) SealGrant(_, _ string, plain []byte) (string, error)   { return string(plain), nil }
func (files) OpenGrant(_, _, sealed string) ([]byte, error)         { return []byte(sealed), nil }
func (files) SealRequest(_, _ string, plain []byte) (string, error) { return string(plain), nil }
func (files) OpenRequest(_, _, sealed string) ([]byte, error)       { return []byte(sealed), nil }
func (files) SealRule(_, _ string, plain []byte) (string, error)    { return string(plain), nil }
func (files) OpenRule(_, _, sealed string) ([]byte, error)          { return []byte(sealed), nil }

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

// call sends a request with a key; a body makes it JSON.
func (s *stand) call(t testing.TB, key, method, path, body string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set(v2.KeyHeader, key)
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

// problem reads an error and checks that it has the six keys that clients need.
func (r reply) problem(t testing.TB) (code, message, details string) {
	t.Helper()
	var p map[string]any
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		t.Fatalf("status %d, not JSON: %s", r.status, r.body)
	}
	for _, key := range []string{"success", "error", "code", "statusCode", "message", "details"} {
		if _, ok := p[key]; !ok {
			t.Errorf("the key %q is missing: %s", key, r.body)
		}
	}
	if p["success"] != false || p["statusCode"] != float64(r.status) || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("status %d, %s: %s", r.status, r.header.Get("Content-Type"), r.body)
	}
	code, _ = p["code"].(string)
	message, _ = p["message"].(string)
	details, _ = p["details"].(string)
	return code, message, details
}

const minimal = `{"bot_name":"Notetaker","meeting_url":"https://meet.google.com/abc-defg-hij"}`

func (s *stand) create(t testing.TB, body string) string {
	t.Helper()
	r := s.call(t, s.key, "POST", "/v2/bots", body)
	var out struct {
		Data struct {
			BotID string `json:"bot_id"`
		}
	}
	if err := json.Unmarshal([]byte(r.body), &out); err != nil || r.status != http.StatusCreated {
		t.Fatalf("create: %d %s", r.status, r.body)
	}
	return out.Data.BotID
}

// finish brings a bot to its end.
func (s *stand) finish(t testing.TB, id string) {
	t.Helper()
	if _, err := s.bots.Launch(t.Context(), id, "host"); err != nil {
		t.Fatal(err)
	}
	joined, left := s.now.Add(time.Minute), s.now.Add(31*time.Minute)
	people := []bot.Participant{{N: 1, Name: "Ada", TalkMS: 900, Picture: "https://pics.example/ada.png"}, {N: 2, Name: "Grace", DisplayName: "Grace (guest)"}}
	err := s.bots.Apply(t.Context(), id, bot.Progress{
		Seq: 1, JoinedAt: &joined, ExitedAt: &left,
		Transitions: []bot.Transition{{Status: bot.Recording, At: joined}, {Status: bot.CallEnded, At: left}},
		Artifacts: []bot.StoredArtifact{
			{Kind: bot.KindVideo, Key: "x/video.mp4"}, {Kind: bot.KindAudio, Key: "x/output.flac"}, {Kind: bot.KindDiarization, Key: "x/diarization.jsonl"},
			{Kind: "participant_audio", Name: "1-Ada", Key: "x/participants/1-Ada.opus"},
		},
		Result: &bot.Result{Duration: 30 * time.Minute, Participants: people, Speakers: people[:1]},
		Done:   &bot.Done{Status: bot.Completed, Code: bot.EndMeetingEnded, At: left, StreamedIn: s.streamed, StreamedOut: 2 * s.streamed},
	})
	if err != nil {
		t.Fatal(err)
	}
}
