package unified

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"steno/internal/calendar"
	"steno/internal/calendar/freetime"
	"steno/internal/fail"
)

// Bounds of a search for free time.
const (
	// MaxSlotRange fits, with the room around a meeting, into what Graph takes in
	// one question: 62 days.
	MaxSlotRange = 60 * 24 * time.Hour
	MaxPeople    = 50
	MaxSlots     = 250
	MaxBuffer    = 4 * time.Hour
	// maxAsked is how many accounts are asked about somebody, one after the other.
	maxAsked = 5
)

// CodePerson says that no connected account may see when somebody is busy.
const CodePerson = "PERSON_NOT_VISIBLE"

// SlotQuery asks for times at which a meeting fits. Its Busy is filled in.
type SlotQuery struct {
	freetime.Request
	// People are calendars by our ids, and people by their e-mail addresses; none:
	// all calendars that are connected.
	People []string
	// Partial takes those for busy times that can be told.
	Partial bool
}

// Slots are times at which a meeting fits.
type Slots struct {
	Slots    []freetime.Span
	Troubles []Trouble // only where a part was asked for
}

func (q SlotQuery) check() error {
	length := q.Window.End.Sub(q.Window.Start)
	problem := ""
	switch {
	case length <= 0:
		problem = "end: must be after start"
	case length > MaxSlotRange:
		problem = "end: must be within 60 days of start; ask for the rest in another request"
	case q.Duration < time.Minute || q.Duration > 24*time.Hour:
		problem = "duration: must be 1 to 1440 minutes"
	case q.Step < time.Minute || q.Step > 24*time.Hour:
		problem = "step: must be 1 to 1440 minutes"
	case q.Before < 0 || q.Before > MaxBuffer:
		problem = "bufferBefore: must be 0 to 240 minutes"
	case q.After < 0 || q.After > MaxBuffer:
		problem = "bufferAfter: must be 0 to 240 minutes"
	case q.Max < 1 || q.Max > MaxSlots:
		problem = "maxResults: must be 1 to 250"
	case len(q.People) > MaxPeople:
		problem = "people: at most 50 can be asked about at a time"
	}
	if problem != "" {
		return fail.New(fail.Invalid, CodeValidation, "%s", problem)
	}
	return nil
}

// FreeSlots finds the first times at which everybody is free. What is tentative
// or out of office takes time; what is free or worked elsewhere does not. Somebody
// who cannot be asked about is an error, because everything would look free,
// unless a part will do.
func (s *Service) FreeSlots(ctx context.Context, team string, q SlotQuery) (out Slots, err error) {
	if err := q.check(); err != nil {
		return out, err
	}
	all, err := s.Store.TeamConnections(ctx, team)
	if err != nil {
		return out, err
	}
	conns, emails, err := whom(all, q.People)
	if err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.liveTime())
	defer cancel()
	w := calendar.Window{Start: q.Window.Start.Add(-q.Before), End: q.Window.End.Add(q.After)}
	asking := asking{s: s, w: w}
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() { asking.calendar(ctx, c) })
	}
	wg.Go(func() { asking.people(ctx, all, emails) })
	wg.Wait()
	if !q.Partial && len(asking.failed) > 0 {
		return out, asking.failed[0]
	}
	q.Busy, out.Troubles = asking.busy, asking.troubles
	slices.SortFunc(out.Troubles, func(a, b Trouble) int {
		return cmp.Or(cmp.Compare(a.CalendarID, b.CalendarID), cmp.Compare(a.Message, b.Message))
	})
	out.Slots = freetime.Find(q.Request)
	return out, nil
}

// whom sorts out who is meant.
func whom(all []calendar.Connection, people []string) (conns []calendar.Connection, emails []string, err error) {
	if len(people) == 0 {
		for _, c := range all {
			if c.Status == calendar.Active {
				conns = append(conns, c)
			}
		}
		if len(conns) == 0 {
			return nil, nil, fail.New(fail.Invalid, CodeNotConnected, "people: no active calendar is connected; connect one with POST /v2/calendars")
		}
		return conns, nil, nil
	}
	for _, p := range people {
		i := slices.IndexFunc(all, func(c calendar.Connection) bool { return c.ID == p })
		name, domain, address := strings.Cut(p, "@")
		switch {
		case i >= 0:
			conns = append(conns, all[i])
		case address && name != "" && domain != "" && len(p) <= 254 && !strings.ContainsAny(p, " \t\r\n\x00<>,;"):
			emails = append(emails, strings.ToLower(p))
		case address:
			return nil, nil, fail.New(fail.Invalid, CodeValidation, "people: %q is not an e-mail address", p)
		default:
			return nil, nil, fail.New(fail.NotFound, CodeNoCalendar, "people: no calendar with the id %q is connected; GET /v2/calendars lists them", p)
		}
	}
	slices.Sort(emails)
	return conns, slices.Compact(emails), nil
}

// asking gathers what services say.
type asking struct {
	s *Service
	w calendar.Window

	mu       sync.Mutex
	busy     []freetime.Span
	troubles []Trouble
	failed   []error
}

func (a *asking) add(list []calendar.Busy) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, b := range list {
		if b.Taken() {
			a.busy = append(a.busy, freetime.Span{Start: b.Start, End: b.End})
		}
	}
}

func (a *asking) trouble(t Trouble, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.troubles, a.failed = append(a.troubles, t), append(a.failed, err)
}

// calendar asks when the owner of a connected calendar is busy.
func (a *asking) calendar(ctx context.Context, c calendar.Connection) {
	t, _ := inactive(c)
	var busy []calendar.Busy
	var err error
	if t == nil {
		var acc calendar.Account
		if acc, err = a.s.account(c); err == nil {
			busy, err = acc.FreeBusy(ctx, []string{c.RawID}, a.w)
		}
		if err != nil {
			x := trouble(c, err)
			t = &x
		}
	}
	if t != nil {
		a.trouble(*t, fail.Wrap(err, fail.Upstream, t.Code, "%s could not say when calendar %s is busy; try again, or leave it out with partial=true: %s", c.Platform, c.ID, t.Message))
		return
	}
	a.add(busy)
}

// people asks about people, each of the account that is most likely to know
// first.
func (a *asking) people(ctx context.Context, all []calendar.Connection, emails []string) {
	var last error // of an account that could not be asked
	for round := 0; round < maxAsked && len(emails) > 0; round++ {
		of := map[int][]string{}
		var lost []string
		for _, e := range emails {
			if order := likely(all, e); round < len(order) {
				of[order[round]] = append(of[order[round]], e)
			} else {
				lost = append(lost, e)
			}
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		for i, list := range of {
			wg.Go(func() {
				busy, unknown, err := a.peopleOf(ctx, all[i], list)
				a.add(busy)
				mu.Lock()
				defer mu.Unlock()
				lost = append(lost, unknown...)
				if err != nil {
					last = err
				}
			})
		}
		wg.Wait()
		emails = lost
		if len(of) == 0 {
			break
		}
	}
	for _, e := range emails {
		t := Trouble{Code: CodePerson, Message: "none of the connected accounts may see when " + e + " is busy"}
		err := fail.New(fail.Invalid, CodePerson, "people: %s; leave them out with partial=true", t.Message)
		if last != nil {
			t = Trouble{Code: CodeProvider, Message: "no service could say when " + e + " is busy"}
			if errors.Is(last, context.DeadlineExceeded) {
				t.Code = CodeSlow
			}
			err = fail.Wrap(last, fail.Upstream, t.Code, "people: %s; try again, or leave them out with partial=true", t.Message)
		}
		a.trouble(t, err)
	}
}

func (a *asking) peopleOf(ctx context.Context, c calendar.Connection, emails []string) (busy []calendar.Busy, unknown []string, err error) {
	acc, err := a.s.account(c)
	if err == nil {
		busy, unknown, err = acc.PeopleBusy(ctx, emails, a.w)
	}
	if err != nil {
		return nil, emails, err
	}
	return busy, unknown, nil
}

// likely returns the accounts to be asked about somebody: that person's own, then
// those of the same domain, then others; each account once.
func likely(all []calendar.Connection, email string) (order []int) {
	_, domain, _ := strings.Cut(email, "@")
	distance := func(i int) int {
		mail := strings.ToLower(all[i].Email)
		switch {
		case mail == email:
			return 0
		case strings.HasSuffix(mail, "@"+domain):
			return 1
		}
		return 2
	}
	seen := map[string]bool{}
	for i, c := range all {
		account := string(c.Platform) + " " + strings.ToLower(c.Email)
		if c.Status == calendar.Active && !seen[account] {
			seen[account] = true
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(x, y int) int { return distance(x) - distance(y) })
	return order
}
