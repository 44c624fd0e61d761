package app

import (
	"testing"

	"steno/internal/calendar"
)

func TestATeamAndAServiceHaveSharesOfTheSyncs(t *testing.T) {
	s := &shares{ofTeam: 2, ofService: 3}
	enter := func(team string, p calendar.Platform, want bool) func() {
		t.Helper()
		leave, ok := s.enter(team, p)
		if ok != want {
			t.Errorf("%s at %s got a place: %v, want %v", team, p, ok, want)
		}
		return leave
	}
	first := enter("red", calendar.Google, true)
	enter("red", calendar.Google, true)
	enter("red", calendar.Microsoft, false) // it has its share
	enter("blue", calendar.Google, true)
	enter("green", calendar.Google, false) // the service has its share
	enter("green", calendar.Microsoft, true)
	first()
	first() // gives back one place only
	enter("red", calendar.Google, true)
	enter("red", calendar.Google, false)
}
