package calendar_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"steno/internal/account"
	"steno/internal/api/httpx"
	v1 "steno/internal/api/v1"
	"steno/internal/calendar"
	"steno/internal/store"
	"steno/simulator/service"
	"steno/simulator/truth"
	"steno/test/contract"
)

// customer calls API v1 as a customer would. Every answer is held against the
// reference.
type customer struct {
	t   *testing.T
	url string
	key string
}

func (s *stand) customer(t *testing.T) customer {
	t.Helper()
	accounts := account.New(store.Accounts{DB: s.db}, s.clock, s.log)
	key, _, err := accounts.CreateKey(t.Context(), account.NewKey{TeamID: s.team, Name: "test", Permission: account.Full})
	if err != nil {
		t.Fatal(err)
	}
	surface := &v1.Surface{Bots: s.bots, Calendars: s.rooms, Accounts: accounts, Log: s.log, Version: "test"}
	r := chi.NewRouter()
	surface.Mount(r)
	watch := &contract.Watch{Failed: t.Errorf}
	web := httptest.NewServer(watch.Handler(httpx.Wrap(r, httpx.Options{Log: s.log, Clock: s.clock, Panic: surface.Panicked})))
	t.Cleanup(web.Close)
	return customer{t, web.URL, key}
}

// do makes a call and returns its status; out, unless nil, is read from the body.
func (c customer) do(method, path, body string, out any) int {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("x-meeting-baas-api-key", c.key)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && out != nil && resp.StatusCode == http.StatusOK {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		c.t.Fatalf("%s %s: %d %s: %v", method, path, resp.StatusCode, text, err)
	}
	return resp.StatusCode
}

// must is do for a call that has to succeed.
func (c customer) must(method, path, body string, out any) {
	c.t.Helper()
	if status := c.do(method, path, body, out); status != http.StatusOK {
		c.t.Fatalf("%s %s %s: %d", method, path, body, status)
	}
}

func (c customer) events(id string) []v1.Event {
	c.t.Helper()
	var page struct{ Data []v1.Event }
	c.must("GET", "/calendar_events/?calendar_id="+id, "", &page)
	return page.Data
}

// account makes one at a service, and returns what a customer says of it.
func (s *stand) account(t *testing.T, p calendar.Platform, email string) (body string, cal *truth.Calendar) {
	t.Helper()
	const form = `{"platform":%q,"oauth_client_id":%q,"oauth_client_secret":%q,"oauth_refresh_token":%q}`
	if p == calendar.Google {
		a, err := s.google.AddAccount(email, "Ada", "Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf(form, "Google", a.ClientID, a.ClientSecret, a.RefreshToken), a.Primary()
	}
	a, err := s.graph.AddAccount(email, "Ada", "Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(form, "Microsoft", a.ClientID, a.ClientSecret, a.RefreshToken), a.Primary()
}

func (s *stand) channels(p calendar.Platform, cal *truth.Calendar) int {
	if p == calendar.Google {
		return len(s.google.Channels(cal))
	}
	return len(s.graph.Subscriptions(cal))
}

// A story of API v1: the account's own calendar without naming it, a bot for
// every occurrence, a meeting that moves, the bot at the new time with what was
// asked for, and a calendar that is gone.
func TestACustomerOfV1RecordsASeries(t *testing.T) {
	eachPair(t, func(t *testing.T, db *store.DB, p calendar.Platform) {
		s := newStand(t, db, service.Options{Polite: true})
		c := s.customer(t)
		who, cal := s.account(t, p, "ada@example.com")
		series := must[string](t)(cal.Add(standup(1)))
		var raw struct {
			Calendars []struct {
				ID        string
				IsPrimary bool `json:"is_primary"`
			}
		}
		other, _ := s.account(t, p, "eve@example.com") // a refresh token of Microsoft's is good for one use
		c.must("POST", "/calendars/raw", other, &raw)
		if len(raw.Calendars) != 1 || !raw.Calendars[0].IsPrimary {
			t.Fatalf("%+v", raw)
		}
		var made struct{ Calendar v1.Calendar }
		c.must("POST", "/calendars/", who, &made)
		id := made.Calendar.UUID
		if made.Calendar.GoogleID != cal.ID || made.Calendar.Email != "ada@example.com" {
			t.Errorf("%+v", made)
		}
		s.sync(t, id)
		if err := s.rooms.Watch(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		list := c.events(id)
		if len(list) != 5 || !list[0].IsRecurring || list[0].RecurringEventID == nil || list[0].MeetingURL == "" || len(list[0].Raw) < 100 {
			t.Fatalf("%+v", list)
		}
		var planned []v1.Event
		c.must("POST", "/calendar_events/"+list[1].UUID+"/bot?all_occurrences=true",
			`{"bot_name":"Scribe","webhook_url":"https://hooks.example/v1","deduplication_key":"mine","extra":{"n":1},"recording_mode":"audio_only"}`, &planned)
		if len(planned) != 5 || planned[4].BotParam == nil || planned[4].BotParam.WebhookURL != "https://hooks.example/v1" {
			t.Fatalf("%+v", planned)
		}
		// The first occurrence has no bot, the second moves by two hours.
		c.must("DELETE", "/calendar_events/"+list[0].UUID+"/bot", "", &planned)
		second, err := time.Parse(time.RFC3339, list[1].StartTime)
		if err != nil {
			t.Fatal(err)
		}
		slot := cal.Occurrences(second, second.Add(time.Minute))[0].Slot
		if err := cal.EditSlot(series, slot, func(x *truth.Content) { x.Start, x.End = x.Start.Add(2*time.Hour), x.End.Add(2*time.Hour) }); err != nil {
			t.Fatal(err)
		}
		s.poll(t, id)
		var moved v1.Event
		c.must("GET", "/calendar_events/"+list[1].UUID, "", &moved)
		if moved.StartTime == list[1].StartTime || moved.BotParam == nil || moved.LastUpdatedAt == list[1].LastUpdatedAt {
			t.Errorf("%+v", moved)
		}
		s.at(t, second.Add(time.Hour))
		if n := len(s.allBots(t)); n != 0 {
			t.Errorf("%d bots before the new time", n)
		}
		s.at(t, second.Add(2*time.Hour))
		all := s.allBots(t)
		if len(all) != 1 || all[0].Name != "Scribe" || all[0].EventID != moved.UUID || string(all[0].Extra) != `{"n":1}` {
			t.Fatalf("%+v", all)
		}
		d, err := s.bots.Details(t.Context(), s.team, all[0].ID)
		if err != nil || d.Config.V1 == nil || d.Config.V1.WebhookURL != "https://hooks.example/v1" || d.Config.DedupKey != "mine" || d.Config.AllowMultiple {
			t.Errorf("%+v, %v", d.Config, err)
		}
		c.must("DELETE", "/calendars/"+id, "", nil)
		if status := c.do("GET", "/calendars/"+id, "", nil); status != http.StatusNotFound {
			t.Errorf("a deleted calendar answers %d", status)
		}
		if err := s.rooms.Drop(t.Context(), id); err != nil || s.channels(p, cal) != 0 {
			t.Errorf("%d channels are open, %v", s.channels(p, cal), err)
		}
	})
}

// A story of API v1: a calendar that moves to the other service under its uuid,
// by itself, with pushes from there and none from where it was.
func TestACustomerOfV1MovesACalendarToTheOtherService(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, db *store.DB, from calendar.Platform) {
		s := live(t, db, service.Options{Polite: true})
		s.rooms.Options.RefreshWait = 20 * time.Second
		c := s.customer(t)
		to := map[calendar.Platform]calendar.Platform{calendar.Google: calendar.Microsoft, calendar.Microsoft: calendar.Google}[from]
		start := time.Now().UTC().Truncate(time.Hour).Add(50 * time.Hour)
		oldWho, oldCal := s.account(t, from, "ada@example.com")
		newWho, newCal := s.account(t, to, "ada@example.org")
		must[string](t)(oldCal.Add(once(1, start)))
		moving := must[string](t)(newCal.Add(once(2, start)))
		var made, moved struct{ Calendar v1.Calendar }
		c.must("POST", "/calendars", oldWho, &made)
		id := made.Calendar.UUID
		eventually(t, "the old service's event is there, and watched", func() bool { return len(c.events(id)) == 1 && s.channels(from, oldCal) == 1 })
		var planned []v1.Event
		c.must("POST", "/calendar_events/"+c.events(id)[0].UUID+"/bot", `{"bot_name":"N"}`, &planned)

		if status := c.do("PATCH", "/calendars/"+id, strings.Replace(newWho, `refresh_token":"`, `refresh_token":"x`, 1), nil); status != http.StatusUnauthorized {
			t.Errorf("a bad token answers %d", status)
		}
		if list := c.events(id); len(list) != 1 || list[0].BotParam == nil {
			t.Errorf("a failed update has changed something: %+v", list)
		}
		c.must("PATCH", "/calendars/"+id, newWho, &moved)
		if moved.Calendar.UUID != id || moved.Calendar.GoogleID == made.Calendar.GoogleID || moved.Calendar.Email != "ada@example.org" {
			t.Errorf("%+v", moved)
		}
		eventually(t, "the new service's event is there alone", func() bool {
			list := c.events(id)
			return len(list) == 1 && list[0].Name == "Review 2" && list[0].BotParam == nil
		})
		eventually(t, "only the new service tells of changes", func() bool { return s.channels(from, oldCal) == 0 && s.channels(to, newCal) == 1 })
		c.must("POST", "/calendar_events/"+c.events(id)[0].UUID+"/bot", `{"bot_name":"N"}`, &planned)
		if err := newCal.Edit(moving, func(x *truth.Content) { x.Title = "Review, moved" }); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a push from the new service arrives", func() bool { return c.events(id)[0].Name == "Review, moved" })
		var all struct {
			Synced []string `json:"synced_calendars"`
			Errors [][2]string
		}
		c.must("POST", "/internal/calendar/resync_all?days=60", "", &all)
		if len(all.Synced) != 1 || all.Synced[0] != id || len(all.Errors) != 0 {
			t.Errorf("%+v", all)
		}
		if list := c.events(id); len(list) != 1 || list[0].BotParam == nil {
			t.Errorf("%+v", list)
		}
		var gone struct{ Data []v1.Event }
		c.must("GET", "/calendar_events?calendar_id="+id+"&updated_at_gte=2026-01-01&status=all", "", &gone)
		if len(gone.Data) != 2 {
			t.Errorf("who asks what has changed hears of %d events, want 2 with the one of the old service", len(gone.Data))
		}
	})
}

// Two calendars with the same meeting share a bot, unless their bots have
// different keys (C68).
func TestBotsWithDifferentKeysDoNotShareAMeeting(t *testing.T) {
	for keys, want := range map[[2]string]int{{"", ""}: 1, {"a", "a"}: 1, {"a", "b"}: 2, {"a", ""}: 2} {
		s := newStand(t, openQuick(t), service.Options{Polite: true})
		c, start := s.customer(t), monday.Add(30*time.Hour)
		for i, key := range keys {
			conn, cal := s.connect(t, calendar.Google, fmt.Sprintf("u%d@example.com", i))
			must[string](t)(cal.Add(once(1, start)))
			s.sync(t, conn.ID)
			var planned []v1.Event
			c.must("POST", "/calendar_events/"+c.events(conn.ID)[0].UUID+"/bot", fmt.Sprintf(`{"bot_name":"N","deduplication_key":%q}`, key), &planned)
		}
		s.at(t, start)
		all := s.allBots(t)
		for _, b := range all {
			if b.EndedAt != nil {
				t.Errorf("%q: a bot has failed: %s", keys, b.EndCode)
			}
		}
		if len(all) != want {
			t.Errorf("%q: %d bots, want %d", keys, len(all), want)
		}
	}
}
