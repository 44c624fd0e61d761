package calendar

import "hash/maphash"

// seen notes the service's ids of what a run has stored: two hashes each, since
// ids may have 150 characters and a calendar 100,000 of them.
type seen struct {
	seeds [2]maphash.Seed
	ids   map[[2]uint64]bool
}

func newSeen() *seen {
	return &seen{[2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, map[[2]uint64]bool{}}
}

func (s *seen) key(id string) [2]uint64 {
	return [2]uint64{maphash.String(s.seeds[0], id), maphash.String(s.seeds[1], id)}
}

// add notes an id. single: a full round has shown it as a single event.
func (s *seen) add(id string, single bool) {
	k := s.key(id)
	s.ids[k] = single || s.ids[k]
}

func (s *seen) has(id string) bool {
	_, ok := s.ids[s.key(id)]
	return ok
}

func (s *seen) single(id string) bool { return s.ids[s.key(id)] }
