package v2_test

import (
	"net/http"
	"testing"
	"time"

	"steno/internal/store"
	"steno/internal/store/storetest"
)

// Past events go with all that belongs to them, piece by piece; what is ahead,
// series that go on and other teams stay as they are.
func TestPastEventsFollowRetention(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		cal := s.connect(t, "google", "primary")
		before := s.events(t, cal)
		weekly := titled(before, "Standup")
		if r := s.call(t, s.key, "POST", "/v2/calendars/"+cal+"/bots", `{"all_occurrences":true,"series_id":"`+weekly.SeriesID+`","bot_name":"N"}`); r.status != http.StatusCreated {
			t.Fatalf("%d %s", r.status, r.body)
		}
		if r := s.call(t, s.key, "POST", "/v2/calendars/"+cal+"/bots", `{"event_id":"`+titled(before, "Review <of> Q1").EventID+`","bot_name":"N"}`); r.status != http.StatusCreated {
			t.Fatalf("%d %s", r.status, r.body)
		}
		retention := store.Retention{DB: db}
		limit := s.now.Add(30 * time.Hour) // after the first standup and the review
		if n, err := retention.ExpireEvents(t.Context(), "another team", limit, 10); n != 0 || err != nil {
			t.Errorf("another team: %d %v", n, err)
		}
		for want := range []int{1, 1, 0} {
			n, err := retention.ExpireEvents(t.Context(), s.team.ID, limit, 1)
			if err != nil || n != []int{1, 1, 0}[want] {
				t.Errorf("piece %d: %d events, %v", want, n, err)
			}
		}
		after := s.events(t, cal)
		if len(after) != len(before)-2 || titled(after, "Review <of> Q1").EventID != "" || titled(after, "Standup with guests").EventID == "" || !titled(after, "Standup with guests").BotScheduled {
			t.Errorf("before: %+v\nafter: %+v", before, after)
		}
		count := func(query string) (n int) {
			if err := db.Read(t.Context(), func(q store.Querier) error { return q.QueryRow(t.Context(), query).Scan(&n) }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		for table, query := range map[string]string{
			"bots": "calendar_bots WHERE event_id NOT IN (SELECT id FROM events)", "details": "event_details WHERE event_id NOT IN (SELECT id FROM events)",
			"decisions": "event_decisions WHERE event_id NOT IN (SELECT id FROM events)", "rules": "bot_rules WHERE event_id <> '' AND event_id NOT IN (SELECT id FROM events)",
			"series": "event_series WHERE recurring = FALSE AND NOT EXISTS (SELECT 1 FROM events WHERE series_id = event_series.id)",
		} {
			if n := count("SELECT COUNT(*) FROM " + query); n != 0 {
				t.Errorf("%d %s are left of events that are gone", n, table)
			}
		}
		if n := count("SELECT COUNT(*) FROM bot_rules"); n != 1 {
			t.Errorf("%d rules, want that of the series", n)
		}
	})
}
