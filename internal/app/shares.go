package app

import (
	"sync"

	"steno/internal/calendar"
)

// shares counts the syncs under way in this process.
type shares struct {
	ofTeam, ofService int // how many at most

	mu       sync.Mutex
	teams    map[string]int
	services map[calendar.Platform]int
}

// enter takes a place, if the team and the service may have another.
func (s *shares) enter(team string, p calendar.Platform) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.teams == nil {
		s.teams, s.services = map[string]int{}, map[calendar.Platform]int{}
	}
	if s.teams[team] >= s.ofTeam || s.services[p] >= s.ofService {
		return nil, false
	}
	s.teams[team]++
	s.services[p]++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.services[p]--
		if s.teams[team]--; s.teams[team] == 0 {
			delete(s.teams, team)
		}
	}), true
}
