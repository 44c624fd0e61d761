package v1_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	v1 "steno/internal/api/v1"
	"steno/internal/bot"
	"steno/internal/calendar"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

func credentials(platform, token string) string {
	return `{"platform":"` + platform + `","oauth_client_id":"new","oauth_client_secret":"new","oauth_refresh_token":"` + token + `"}`
}

// withBots puts bots on a one-off and on a series.
func (w *world) withBots(t testing.TB) {
	t.Helper()
	ok[[]any](t, w.stand, "POST", "/calendar_events/"+w.ids["single"]+"/bot", nameOnly)
	ok[[]any](t, w.stand, "POST", "/calendar_events/"+w.ids["event"]+"/bot?all_occurrences=true", nameOnly)
}

func (w *world) scheduled(t testing.TB) (n int) {
	t.Helper()
	for _, e := range w.list(t, w.ids["calendar"], "&status=all") {
		if e.BotParam != nil {
			n++
		}
	}
	return n
}

func (w *world) token(t testing.TB) string {
	t.Helper()
	g, err := w.calendars.Tokens.Grant(t.Context(), w.ids["calendar"])
	if err != nil {
		t.Fatal(err)
	}
	return g.RefreshToken
}

// An update replaces everything or nothing: with credentials that a service
// refuses, or for a calendar that is connected already, bots, credentials and
// the connection are as before.
func TestAnUpdateThatFailsChangesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.withBots(t)
		twin := w.connect(t, "Microsoft")
		before, path := w.everything(t), "/calendars/"+w.ids["calendar"]
		for _, c := range []struct {
			body   string
			status int
			code   string
		}{
			{credentials("Google", "revoked"), 401, "CalendarOauthRefreshFailed"}, {credentials("Microsoft", "no-scope"), 403, "CalendarPermissionDenied"},
			{credentials("Google", "down"), 503, "CalendarProviderUnavailable"}, {credentials("Microsoft", "fine"), 409, "CalendarAlreadyExists"},
			{credentials("Other", "fine"), 400, "ValidationError"}, {`{"platform":"Google"}`, 400, "ValidationError"},
		} {
			w.refuse(t, c.status, c.code, "PATCH", path, c.body)
			if after := w.everything(t); after != before || w.scheduled(t) != 4 || w.token(t) != "canary-token" {
				t.Errorf("%s: %d bots, token %q, and:\n%s\nbefore:\n%s", c.body, w.scheduled(t), w.token(t), after, before)
			}
		}
		k, err := w.calendars.Get(t.Context(), w.team.ID, w.ids["calendar"])
		if err != nil || k.Status != calendar.Active || k.Watch.ChannelID == "" || k.Sync.FullWanted {
			t.Errorf("%+v, %v", k, err)
		}
		_ = twin
	})
}

// An update unschedules every bot under the same uuid and reads the calendar
// anew as a whole.
func TestAnUpdateUnschedulesBotsAndReadsAnew(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.withBots(t)
		id := w.ids["calendar"]
		w.google.Items = slices.Delete(w.google.Items, 1, 2) // the event of a whole day
		got := ok[made](t, w.stand, "PATCH", "/calendars/"+id+"/", credentials("Google", "fresh")).Calendar
		if got.UUID != id || got.GoogleID != "ada@example.com" || got.ResourceID != nil || w.scheduled(t) != 0 || w.token(t) != "fresh" {
			t.Errorf("%+v, %d bots, token %q", got, w.scheduled(t), w.token(t))
		}
		w.sync(t, id)
		list := w.list(t, id, "")
		if want := []string{"weekly_i", "rich", "weekly_ii", "weekly_iii"}; !slices.Equal(googleIDs(list), want) || list[1].UUID != w.ids["single"] || w.scheduled(t) != 0 {
			t.Errorf("%v, %d bots", googleIDs(list), w.scheduled(t))
		}
		w.withBots(t)
		if w.scheduled(t) != 4 {
			t.Errorf("%d bots after they were scheduled again", w.scheduled(t))
		}
	})
}

// A calendar that moves to another service has that one's events under the same
// uuid; bots that are in a meeting stay there, as they do when the credentials
// are replaced.
func TestABotInAMeetingOutlivesAnUpdate(t *testing.T) {
	for _, to := range []string{"Google", "Microsoft"} {
		t.Run(to, func(t *testing.T) {
			w := newWorld(t, storetest.SQLite(t))
			w.withBots(t)
			for i := range w.microsoft.Items {
				w.microsoft.Items[i].ID = "ms-" + w.microsoft.Items[i].ID
				if w.microsoft.Items[i].SeriesID != "" {
					w.microsoft.Items[i].SeriesID = "ms-weekly"
				}
			}
			w.now = w.now.Add(2 * time.Hour)
			if _, _, err := w.calendars.RunDue(t.Context()); err != nil {
				t.Fatal(err)
			}
			live := w.live(t)
			if _, err := w.bots.Launch(t.Context(), live.ID, "host"); err != nil {
				t.Fatal(err)
			}
			if err := w.bots.Apply(t.Context(), live.ID, bot.Progress{Seq: 1, JoinedAt: &w.now, Transitions: []bot.Transition{{Status: bot.Recording, At: w.now}}}); err != nil {
				t.Fatal(err)
			}
			id := w.ids["calendar"]
			ok[made](t, w.stand, "PATCH", "/calendars/"+id, credentials(to, "fresh"))
			w.sync(t, id)
			for _, items := range [][]calendar.Item{w.google.Items, w.microsoft.Items} {
				items[3].Title = "Standup, with cake" // so that it is looked at once more
			}
			w.again(t, id)
			if b := w.live(t); b.LeaveRequestedAt != nil || b.EndedAt != nil {
				t.Errorf("the bot was told to leave: %+v", b)
			}
			list := w.list(t, id, "")
			if own := map[string]string{"Google": "rich", "Microsoft": "ms-rich"}[to]; len(list) != 5 || !slices.Contains(googleIDs(list), own) {
				t.Errorf("%v", googleIDs(list))
			}
			if k := ok[v1.Calendar](t, w.stand, "GET", "/calendars/"+id, ""); k.UUID != id {
				t.Errorf("%+v", k)
			}
			// Another bot on the same meeting would be one too many.
			e := named(list, "Standup, with cake")[0]
			if r := w.call(t, "POST", "/calendar_events/"+e.UUID+"/bot", nameOnly); r.status == 200 {
				if _, _, err := w.calendars.RunDue(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			w.live(t)
		})
	}
}

// live returns the one bot of the team.
func (w *world) live(t testing.TB) bot.Bot {
	t.Helper()
	page, err := w.bots.List(t.Context(), w.team.ID, bot.Filter{}, 10, "")
	ofEvents := slices.DeleteFunc(page.Bots, func(b bot.Bot) bool { return b.EventID == "" })
	if err != nil || len(ofEvents) != 1 {
		t.Fatalf("%d bots of events, %v", len(ofEvents), err)
	}
	return ofEvents[0]
}

// worker syncs calendars as soon as that is wanted, until the test ends. With still,
// what a sync looks at is changed between two.
func (s *stand) worker(t *testing.T, calendars ...string) (still func(change func())) {
	t.Helper()
	wanted := make(chan struct{}, 100)
	s.calendars.Nudge = func() {
		select {
		case wanted <- struct{}{}:
		default:
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var syncing sync.Mutex
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-wanted:
			}
			syncing.Lock()
			for _, id := range calendars {
				if err := s.calendars.Sync(ctx, id, "worker"); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
			syncing.Unlock()
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
	return func(change func()) {
		syncing.Lock()
		defer syncing.Unlock()
		change()
	}
}

type resynced struct {
	Synced []string    `json:"synced_calendars"`
	Errors [][2]string `json:"errors"`
}

// Appendix C 12: both paths, each calendar by itself, errors as arrays of two.
func TestResyncAllTellsOfEachCalendar(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		good, bad := s.connect(t, "Google"), s.connect(t, "Microsoft")
		trouble := calendar.PermissionDenied
		s.microsoft.Refusal = &trouble
		still := s.worker(t, good, bad)
		s.calendars.Options.RefreshWait = 10 * time.Second
		s.google.Items = append(s.google.Items, single("far", s.now.AddDate(0, 0, 80), ""))
		for _, path := range []string{"/calendars/resync_all", "/internal/calendar/resync_all?days=30"} {
			got := ok[resynced](t, s, "POST", path, "")
			if !slices.Equal(got.Synced, []string{good}) || len(got.Errors) != 1 || got.Errors[0][0] != bad || got.Errors[0][1] == "" {
				t.Errorf("%s: %+v", path, got)
			}
		}
		if list := s.list(t, good, ""); len(named(list, "far")) != 0 {
			t.Errorf("read further ahead than usual: %v", names(list))
		}
		still(func() { trouble = "" })
		if got := ok[resynced](t, s, "POST", "/internal/calendar/resync_all?days=90", "null"); len(got.Synced) != 2 || len(got.Errors) != 0 {
			t.Errorf("%+v", got)
		}
		if list := s.list(t, good, ""); len(named(list, "far")) != 1 {
			t.Errorf("not read 90 days ahead: %v", names(list))
		}
		// From now on the calendar is kept up to there.
		still(func() { s.now = s.now.AddDate(0, 0, 2) })
		ok[resynced](t, s, "POST", "/calendars/resync_all?days=1", "{}")
		k, err := s.calendars.Get(t.Context(), s.team.ID, good)
		if err != nil || k.Sync.Window.End.Before(s.now.AddDate(0, 0, 87)) {
			t.Errorf("kept until %v only, %v", k.Sync.Window.End, err)
		}
		if s.calendars.Options.RefreshWait = 0; len(ok[resynced](t, s, "POST", "/calendars/resync_all", "").Errors) != 2 {
			t.Error("calendars that are still being read are said to be up to date")
		}
	})
}
