package calendar_test

import (
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/store"
	"steno/simulator/service"
	"steno/simulator/truth"
	"steno/test/contract"
)

// Each of the seven events is told, in the form of the reference document.
func TestMessagesHaveTheFormOfTheReference(t *testing.T) {
	watch := &contract.Watch{Failed: t.Errorf}
	s := newStand(t, openQuick(t), service.Options{Polite: true})
	s.listen(t)
	c, cal := s.connect(t, calendar.Google, "ada@example.com")
	must[string](t)(cal.Add(standup(1)))
	day := truth.Event{Content: truth.Content{Title: "Day", Start: monday.Truncate(24*time.Hour).AddDate(0, 0, 2), End: monday.Truncate(24*time.Hour).AddDate(0, 0, 3), AllDay: true}}
	must[string](t)(cal.Add(day))
	s.sync(t, c.ID)
	id := must[string](t)(cal.Add(once(1, monday.Add(40*time.Hour))))
	s.poll(t, c.ID)
	if err := cal.Edit(id, func(x *truth.Content) { x.Title = "Other" }); err != nil {
		t.Fatal(err)
	}
	s.poll(t, c.ID)
	if err := cal.Delete(id); err != nil {
		t.Fatal(err)
	}
	s.poll(t, c.ID)
	g, err := s.rooms.Tokens.Grant(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.google.Grants.Revoke(g.RefreshToken)
	s.clock.add(time.Hour)
	s.sync(t, c.ID)
	if err := s.rooms.Disconnect(t.Context(), s.team, c.ID); err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	err = s.db.Read(t.Context(), func(q store.Querier) error {
		rows, err := q.Query(t.Context(), "SELECT event, payload FROM webhook_messages WHERE team_id = $1", s.team)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var event, payload string
			if err := rows.Scan(&event, &payload); err != nil {
				return err
			}
			told[event] = true
			watch.Message(event, []byte(payload))
		}
		return rows.Err()
	})
	if err != nil || len(told) != 7 {
		t.Errorf("told: %v, %v", told, err)
	}
}
