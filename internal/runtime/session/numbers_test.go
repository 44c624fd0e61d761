package session

import (
	"testing"

	"steno/internal/record/journal"
)

// The numbers that a stream shows are those that the artifacts have in the end:
// in the order of coming, without the bot, the same for somebody who is back.
func TestPeopleAreNumberedAsInTheArtifacts(t *testing.T) {
	person := func(id, name string) journal.Entry {
		return journal.Entry{Person: &journal.Person{ID: id, Name: name}}
	}
	m := recall([]journal.Entry{
		{Session: &journal.Session{N: 1}},
		{Person: &journal.Person{ID: "me", Name: "Steno", Self: true}},
		person("a", ""), person("b", "Ben"), person("a", "Ada"),
		{Person: &journal.Person{ID: "b", Name: "Ben", Left: true}},
		person("b2", "Ben"), person("a2", "Ada"), // another of that name
		{Session: &journal.Session{N: 2}}, person("a3", "Ada"), person("c", "Cora"),
	})
	for id, want := range map[string]int{"me": 0, "a": 1, "b": 2, "b2": 2, "a2": 3, "a3": 1, "c": 4} {
		if got := m.numbers[id]; got != want {
			t.Errorf("%s is number %d, want %d", id, got, want)
		}
	}
}
