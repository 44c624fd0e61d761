package v2_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/calendar"
	"steno/internal/quota"
	"steno/internal/store/storetest"
)

// The bot of an event starts ahead of its time, as a scheduled one does, and
// fails for the same reasons.
func TestABotOfAnEventStartsAheadAndFailsAtTheCap(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	s.calendars.Options.Lead = 30 * time.Second
	cal := s.connect(t, "google", "primary")
	weekly := titled(s.events(t, cal), "Standup")
	if r := s.call(t, s.key, "POST", "/v2/calendars/"+cal+"/bots", fmt.Sprintf(`{"bot_name":"N","series_id":%q,"all_occurrences":true}`, weekly.SeriesID)); r.status != 201 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	bots := func() string {
		t.Helper()
		if _, _, err := s.calendars.RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s.call(t, s.key, "GET", "/v2/bots", "").body
	}
	first := s.now.Add(2 * time.Hour)
	s.now = first.Add(-30*time.Second - time.Millisecond)
	if got := bots(); strings.Contains(got, "bot_id") {
		t.Errorf("a moment too early: %s", got)
	}
	s.now = s.now.Add(time.Millisecond)
	if got := bots(); strings.Count(got, `"status":"queued"`) != 1 {
		t.Errorf("half a minute before: %s", got)
	}
	s.limit(t, quota.Change{BotsPerDay: num(0)})
	s.now = first.Add(7 * 24 * time.Hour)
	if got := bots(); strings.Count(got, `"error_code":"`+string(bot.EndDailyCap)+`"`) != 1 {
		t.Errorf("over the cap: %s", got)
	}
}

func TestATeamsLimitOfCalendarsHolds(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	s.limit(t, quota.Change{Calendars: num(1)})
	s.connect(t, "google", "primary")
	r := s.call(t, s.key, "POST", "/v2/calendars", connectBody("microsoft", "primary"))
	if code, _, _ := r.problem(t); r.status != http.StatusForbidden || code != calendar.CodeLimit {
		t.Errorf("%d %s", r.status, r.body)
	}
}
