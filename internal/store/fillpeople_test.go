package store

import (
	"testing"

	"steno/internal/calendar"
)

// Rows of versions before API v1 are found by the people of their events, too.
func TestPeopleOfOldEventsAreFilledIn(t *testing.T) {
	db, err := Open(t.Context(), Options{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	person := func(email string) calendar.Person { return calendar.Person{Email: email} }
	packed, err := packDetails(calendar.Details{Organizer: person("Ada@Example.com"), Attendees: []calendar.Person{person("bob@example.com"), person("")}, Raw: []byte(`{"id":"x"}`)})
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, statement := range []string{"PRAGMA defer_foreign_keys = ON", "DELETE FROM event_details"} {
		if _, err := tx.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"a", "b"} {
		if _, err := tx.ExecContext(t.Context(), "INSERT INTO event_details (event_id, team_id, details) VALUES ($1, 'red', $2)", id, packed); err != nil {
			t.Fatal(err)
		}
	}
	if err := fillPeople(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	var n int
	err = tx.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM event_details WHERE organizer = 'ada@example.com' AND attendees = $1", "\nbob@example.com\n").Scan(&n)
	if err != nil || n != 2 {
		t.Errorf("%d rows, %v", n, err)
	}
}
