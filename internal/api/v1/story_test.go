package v1_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v1 "steno/internal/api/v1"
	"steno/internal/app"
	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/deliver"
	"steno/internal/seal"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/webhook"
)

// teller is a stand with real seals and a sender, and receivers of what it tells.
type teller struct {
	*stand
	vault app.Vault
	ahead atomic.Int64 // of the sender's clock
	sink  *httptest.Server

	mu    sync.Mutex
	heard []heard
	fail  int // how many requests are answered with 500
}

// heard is one request to a receiver.
type heard struct {
	path, key, id string
	Event         string
	Data          map[string]any
	body          string
}

func newTeller(t *testing.T, db *store.DB) *teller {
	t.Helper()
	s := &teller{stand: newStand(t, db)}
	sealer, err := seal.Parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	if err != nil {
		t.Fatal(err)
	}
	s.vault = app.Vault{Webhooks: seal.Webhooks{Sealer: sealer}}
	keep := store.Bots{DB: db, Vault: s.vault, Requests: seal.Requests{Sealer: sealer}}
	s.bots.Store = keep
	s.calendars.Store = store.Calendars{DB: db, Vault: plain{}, Bots: app.BotRoom{Bots: s.bots, Store: keep}, Quota: app.NewQuotaRoom(s.quota, db)}
	s.sink = httptest.NewServer(http.HandlerFunc(s.hear))
	t.Cleanup(s.sink.Close)
	surface := &v1.Surface{Bots: s.bots, Calendars: s.calendars, Accounts: s.accounts, Log: slog.New(slog.DiscardHandler), Version: "test"}
	s.addBots(surface)
	surface.Webhooks = webhook.Service{Store: db, Vault: s.vault, Validate: func(string) error { return nil }, Clock: surface.Clock}
	s.serve(t, surface)
	return s
}

func (s *teller) hear(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h := heard{path: r.URL.Path, key: r.Header.Get("x-meeting-baas-api-key"), id: r.Header.Get("webhook-id"), body: string(body)}
	_ = json.Unmarshal(body, &h)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, h)
	if s.fail > 0 {
		s.fail--
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// deliver sends what is due, and what is due some seconds after a failure, until
// so many messages have come, and returns them in the order of their event.
func (s *teller) deliver(t *testing.T, n int) []heard {
	t.Helper()
	begin := time.Now()
	base := s.now.Add(time.Hour) // bots tell of times to come
	clk := clock.Func(func() time.Time { return base.Add(time.Since(begin) + time.Duration(s.ahead.Load())) })
	sender := deliver.New(deliver.Options{Queue: s.db, Client: http.DefaultClient, Secrets: s.vault, Clock: clk, Log: slog.New(slog.DiscardHandler), Name: "test"})
	stop := inBackground(t, sender)
	defer stop()
	deadline := time.Now().Add(20 * time.Second)
	for {
		s.mu.Lock()
		got := append([]heard(nil), s.heard...)
		if len(got) >= n {
			s.heard = nil
		}
		s.mu.Unlock()
		if len(got) >= n {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d messages of %d: %+v", len(got), n, got)
		}
		s.ahead.Add(int64(time.Second))
		sender.Nudge()
		time.Sleep(10 * time.Millisecond)
	}
}

func inBackground(t *testing.T, s *deliver.Sender) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// only returns the one message of an event.
func only(t *testing.T, list []heard, event string) heard {
	t.Helper()
	var found []heard
	for _, h := range list {
		if h.Event == event {
			found = append(found, h)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d messages %s: %+v", len(found), event, list)
	}
	return found[0]
}

func (s *teller) setURL(t *testing.T, path string) {
	t.Helper()
	ok[any](t, s.stand, "POST", "/accounts/webhook_url", `{"webhook_url":"`+s.sink.URL+path+`"}`)
}

// The story of a bot as its receiver hears it: every status of v1 and no other,
// the end in v1's words, the API key in the header, the same id at each attempt,
// and nothing at the endpoints of v2.
func TestTheStoryOfABotIsToldInTheWordsOfV1(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newTeller(t, db)
		s.setURL(t, "/account")
		hooks := webhook.Service{Store: db, Vault: s.vault, Validate: func(string) error { return nil }, Clock: clock.System{}}
		if _, _, err := hooks.Add(t.Context(), webhook.New{TeamID: s.team.ID, URL: s.sink.URL + "/v2"}); err != nil {
			t.Fatal(err)
		}
		id := s.join(t, `{"bot_name":"N","meeting_url":"https://zoom.us/j/1","extra":{"customer":"<42>"}}`)
		s.finish(t, id)
		s.fail = 1
		list := s.deliver(t, 6) // one of them twice
		ids, statuses := map[string]int{}, map[string]bool{}
		for _, h := range list {
			ids[h.id]++
			if h.path != "/account" || h.key != s.key || h.Data["bot_id"] != id {
				t.Errorf("told %+v", h)
			}
			if h.Event == "bot.status_change" {
				status := h.Data["status"].(map[string]any)
				statuses[status["code"].(string)] = true
				if start, has := status["start_time"]; has != (status["code"] == "in_call_recording") || has && start != float64(s.now.Add(time.Minute).Unix()) {
					t.Errorf("start_time: %s", h.body)
				}
			}
		}
		if len(ids) != 5 || len(statuses) != 4 || !statuses["joining_call"] || !statuses["call_ended"] {
			t.Errorf("ids %v, statuses %v", ids, statuses)
		}
		var complete heard
		for _, h := range list {
			if h.Event == "complete" {
				complete = h
			}
		}
		want := `{"event":"complete","data":{"bot_id":"` + id + `","event_uuid":null,"transcript":[],"speakers":["Ada"],"mp4":"https://files.example/` + id + `/video.mp4","audio":"https://files.example/` + id +
			`/output.flac","event":"complete","extra":{"customer":"<42>"}}}`
		if complete.body != want {
			t.Errorf("%s\nwant\n%s", complete.body, want)
		}
	})
}

// A bot's own address is told instead of the account's, with the key that sent
// the bot; a failure has v1's name, and the bot's in front of the message.
func TestABotsOwnAddressIsToldWithTheKeyThatSentIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newTeller(t, db)
		s.setURL(t, "/account")
		first := s.key
		s.key = s.newKey(t, s.team, "full")
		id := s.join(t, `{"bot_name":"N","meeting_url":"https://zoom.us/j/1","webhook_url":"`+s.sink.URL+`/own"}`)
		if _, err := s.bots.Launch(t.Context(), id, "host"); err != nil {
			t.Fatal(err)
		}
		err := s.bots.Apply(t.Context(), id, bot.Progress{
			Seq:         1,
			Transitions: []bot.Transition{{Status: bot.JoiningCall, At: s.now}, {Status: bot.MeetingError, At: s.now, Message: "a login page", Code: bot.EndLoginRequired}},
			Done:        &bot.Done{Status: bot.Failed, Code: bot.EndLoginRequired, At: s.now},
		})
		if err != nil {
			t.Fatal(err)
		}
		list := s.deliver(t, 3)
		for _, h := range list {
			if h.path != "/own" || h.key != s.key || h.key == first {
				t.Errorf("told %s with %s", h.path, h.key)
			}
		}
		f := only(t, list, "failed")
		if f.body != `{"event":"failed","data":{"bot_id":"`+id+`","event_uuid":null,"error":"authentication_error","message":"LoginRequired: The meeting admits signed-in users only.","extra":null}}` {
			t.Error(f.body)
		}
		if text := list[0].body + list[1].body + list[2].body; !strings.Contains(text, `"code":"meeting_error","created_at":"2026-03-01T12:00:00.000Z","error_message":"a login page","error_type":"LoginRequired"`) {
			t.Error(text)
		}
		err = db.Read(t.Context(), func(q store.Querier) error {
			for _, query := range []string{"SELECT secret FROM webhook_endpoints", "SELECT webhook_key || config FROM bot_configs", "SELECT MAX(secret) FROM webhook_deliveries"} {
				var stored string
				if err := q.QueryRow(t.Context(), query).Scan(&stored); err != nil {
					return err
				}
				if stored == "" || strings.Contains(stored, s.key) || strings.Contains(stored, first) {
					t.Errorf("%s: %q", query, stored)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		// The delivery log knows of it, shows no key, and can send it again.
		history := webhook.History{Store: db, Clock: clock.Func(func() time.Time { return s.now })}
		log, err := history.List(t.Context(), s.team.ID, webhook.Query{Limit: 10})
		if err != nil || len(log) != 3 || log[0].Kind != webhook.ToV1 {
			t.Fatalf("%+v, %v", log, err)
		}
		r, err := history.Get(t.Context(), s.team.ID, log[0].ID)
		if shown := r.RequestHeaders(webhook.Try{}); err != nil || shown.Get("x-meeting-baas-api-key") != "[redacted]" {
			t.Errorf("%v, %v", shown, err)
		}
		if err := history.Again(t.Context(), s.team.ID, log[0].ID); err != nil {
			t.Fatal(err)
		}
		if again := s.deliver(t, 1)[0]; again.id != r.MessageID || again.key != s.key {
			t.Errorf("again: %+v", again)
		}
	})
}

// One message for each sync that has changed something, and for the first.
func TestASyncIsToldOnceWithTheEventsThatItChanged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newTeller(t, db)
		s.setURL(t, "/account")
		id := s.connect(t, "Google")
		h := only(t, s.deliver(t, 1), "calendar.sync_events")
		all := s.list(t, id, "")
		if h.key != s.key || h.Data["calendar_id"] != id || h.Data["last_updated_ts"] != "2026-03-01T12:00:00.000Z" || len(h.Data["affected_event_uuids"].([]any)) != len(all) {
			t.Errorf("first sync of %d events: %s", len(all), h.body)
		}
		review := named(all, "Review <of> Q1")[0]
		for i := range s.google.Items {
			if s.google.Items[i].Title == review.Name {
				s.google.Items[i].Title = "Review"
			}
		}
		ok[any](t, s.stand, "POST", "/calendars/resync_all", "")
		s.sync(t, id)
		h = only(t, s.deliver(t, 1), "calendar.sync_events")
		if got := h.Data["affected_event_uuids"].([]any); len(got) != 1 || got[0] != review.UUID {
			t.Errorf("second sync: %s", h.body)
		}
	})
}

// The bot of an event is told of like any other, with the event that it is for;
// its address is called with the key that asked for it last.
func TestTheBotOfAnEventIsToldWithItsEvent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newTeller(t, db)
		event := named(s.list(t, s.connect(t, "Google"), ""), "Standup")[0].UUID
		ok[any](t, s.stand, "POST", "/calendar_events/"+event+"/bot", `{"bot_name":"N","webhook_url":"`+s.sink.URL+`/first"}`)
		s.key = s.newKey(t, s.team, "full")
		ok[any](t, s.stand, "PATCH", "/calendar_events/"+event+"/bot", `{"webhook_url":"`+s.sink.URL+`/second"}`)
		s.now = s.now.Add(2 * time.Hour)
		if _, _, err := s.calendars.RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		page, err := s.bots.List(t.Context(), s.team.ID, bot.Filter{}, 10, "")
		if err != nil || len(page.Bots) != 1 {
			t.Fatalf("%d bots, %v", len(page.Bots), err)
		}
		ok[any](t, s.stand, "DELETE", "/bots/"+page.Bots[0].ID, "")
		h := only(t, s.deliver(t, 1), "failed")
		if h.path != "/second" || h.key != s.key || h.Data["event_uuid"] != event || h.Data["error"] != "exiting_meeting_before_record" {
			t.Errorf("%+v", h)
		}
	})
}

// Bots of v2 are told to the endpoints of v2, also where the account has an
// address of v1.
func TestBotsOfV2AreNotToldToV1(t *testing.T) {
	s := newTeller(t, storetest.SQLite(t))
	s.setURL(t, "/account")
	hooks := webhook.Service{Store: s.db, Vault: s.vault, Validate: func(string) error { return nil }, Clock: clock.System{}}
	if _, _, err := hooks.Add(t.Context(), webhook.New{TeamID: s.team.ID, URL: s.sink.URL + "/v2"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.bots.Create(t.Context(), s.team.ID, bot.Request{Name: "N", MeetingURL: "https://zoom.us/j/1"}); err != nil {
		t.Fatal(err)
	}
	if h := s.deliver(t, 1)[0]; h.path != "/v2" || h.key != "" {
		t.Errorf("%+v", h)
	}
}
