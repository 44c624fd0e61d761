package deliver

import (
	"slices"
	"time"

	"steno/internal/store"
)

// Limits of a lane: calls in flight to one receiver. It starts in the middle,
// grows with each success and halves with each failure, so that a fast receiver
// gets all it can take and a hanging one soon holds a single socket.
const (
	firstLimit = 4
	maxLimit   = 32
)

// A lane that fails again and again gets no call for at least restTime each time,
// until one succeeds: a receiver that refuses at once would otherwise take as many
// turns of the sender as a healthy one. All such lanes wake at the same moments,
// so that a turn serves many of them.
const (
	restAfter = 8 // failures in a row
	restTime  = 100 * time.Millisecond
)

type lane struct {
	limit    int
	inFlight int
	failed   int       // in a row
	rest     time.Time // nothing is started before
}

// lanes divides the sockets among receivers. It is not for concurrent use.
type lanes struct {
	by       map[string]*lane
	inFlight int
	max      int
}

func newLanes(max int) lanes { return lanes{by: map[string]*lane{}, max: max} }

// free is how many more calls may start.
func (l *lanes) free() int { return l.max - l.inFlight }

func (l *lanes) get(name string) *lane {
	one := l.by[name]
	if one == nil {
		one = &lane{limit: firstLimit}
		l.by[name] = one
	}
	return one
}

// forget drops idle lanes that have nothing to deliver. A lane that waits for a
// retry is still in all, and so keeps its limit.
func (l *lanes) forget(all []store.Lane) {
	if len(l.by) <= 2*len(all)+1000 {
		return
	}
	keep := make(map[string]*lane, len(all))
	for _, a := range all {
		if one := l.by[a.Name]; one != nil {
			keep[a.Name] = one
		}
	}
	for name, one := range l.by {
		if one.inFlight > 0 {
			keep[name] = one
		}
	}
	l.by = keep
}

// plan says how many to claim from which lane now, and how long to wait at most
// before the next row is due. The lanes with the fewest calls in flight come
// first; when there are too few sockets for all, each gets its share. full says
// that something due must wait for a call to end.
func (l *lanes) plan(all []store.Lane, now time.Time, most time.Duration) (want []store.Want, wait time.Duration, full bool) {
	wait = most
	for _, a := range all {
		if in := a.Next.Sub(now); in > 0 {
			wait = min(wait, in)
			continue
		}
		one := l.get(a.Name)
		if in := one.rest.Sub(now); in > 0 {
			wait = min(wait, in)
			continue
		}
		if room := one.limit - one.inFlight; room > 0 {
			want = append(want, store.Want{Lane: a.Name, Limit: room})
		} else {
			full = true
		}
	}
	wait = max(wait, time.Millisecond)
	if len(want) == 0 {
		return nil, wait, full
	}
	slices.SortStableFunc(want, func(a, b store.Want) int { return l.by[a.Lane].inFlight - l.by[b.Lane].inFlight })
	free := l.free()
	share := max(1, free/len(want))
	for i := range want {
		want[i].Limit = min(want[i].Limit, share, free)
		if free -= want[i].Limit; want[i].Limit == 0 {
			return want[:i], wait, true
		}
	}
	return want, wait, full
}

// claimed counts the claims. more: some lane gave as many as were asked for, so
// it may have more that is due; again: and it and we have room for them now.
func (l *lanes) claimed(want []store.Want, claims []store.Claim) (more, again bool) {
	got := make(map[string]int, len(want))
	for _, c := range claims {
		got[c.Lane]++
		l.get(c.Lane).inFlight++
		l.inFlight++
	}
	for _, w := range want {
		if got[w.Lane] >= w.Limit {
			more = true
			one := l.get(w.Lane)
			again = again || (one.inFlight < one.limit && l.free() > 0)
		}
	}
	return more, again
}

// done counts an attempt that ended now. It returns when somebody may take its
// place.
func (l *lanes) done(name string, ok bool, now time.Time) time.Time {
	one, crowded := l.get(name), l.free() == 0
	one.inFlight--
	l.inFlight--
	if ok {
		one.limit, one.failed, one.rest = min(one.limit+1, maxLimit), 0, time.Time{}
		return now
	}
	one.limit = max(one.limit/2, 1)
	if one.failed++; one.failed < restAfter {
		return now
	}
	one.rest = now.Add(restTime - 1).Truncate(restTime).Add(restTime)
	if crowded {
		return now // for a call of another lane
	}
	return one.rest
}
