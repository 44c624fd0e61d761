package unified

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"steno/internal/calendar"
	"steno/internal/fail"
)

// maxID bounds the ids of services: Google's have up to 1024 characters.
const maxID = 1024

// found is an event and the calendar that it is in.
type found struct {
	conn calendar.Connection
	// event is what the API shows; item what the service said, if it was asked.
	event Event
	item  *calendar.Item
}

// Event returns an event by the service's id.
func (s *Service) Event(ctx context.Context, team string, p calendar.Platform, id string) (Event, error) {
	f, err := s.find(ctx, team, p, id, false)
	return f.event, err
}

// find looks for an event in all calendars of a service: in the database, then
// at the service. live: at the service in any case, which also says what only
// the service knows.
func (s *Service) find(ctx context.Context, team string, p calendar.Platform, id string, live bool) (found, error) {
	conns, err := s.active(ctx, team, p)
	if err != nil {
		return found{}, err
	}
	if id == "" || len(id) > maxID {
		return found{}, unknown(p, id)
	}
	ids := make([]string, 0, len(conns))
	for _, c := range conns {
		ids = append(ids, c.ID)
	}
	rows, err := s.Store.StoredByProvider(ctx, team, ids, id)
	if err != nil {
		return found{}, err
	}
	now := s.Clock.Now()
	for _, x := range rows {
		i := slices.IndexFunc(conns, func(c calendar.Connection) bool { return c.ID == x.CalendarID })
		if x.DeletedAt != nil || i < 0 {
			continue
		}
		c := conns[i]
		if !live && c.Sync.StaleAt == nil && x.When.End.After(c.Sync.Window.Start) && x.When.Start.Before(c.Sync.Window.End) && now.Before(c.Sync.Window.End) {
			return found{conn: c, event: ofStored(x, c)}, nil
		}
		conns = []calendar.Connection{c} // no need to ask the others
		break
	}
	return s.ask(ctx, conns, p, id)
}

func unknown(p calendar.Platform, id string) error {
	return fail.New(fail.NotFound, CodeNoEvent, "no calendar of %s that is connected has an event with the id %q; ids are those of the service, and provider says which", p, short(id))
}

// short is as much of a text as an answer repeats.
func short(text string) string {
	const most = 100
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// ask looks for an event at the service, in all calendars at once.
func (s *Service) ask(ctx context.Context, conns []calendar.Connection, p calendar.Platform, id string) (found, error) {
	ctx, cancel := context.WithTimeout(ctx, s.liveTime())
	defer cancel()
	items, errs := make([]calendar.Item, len(conns)), make([]error, len(conns))
	var wg sync.WaitGroup
	for i, c := range conns {
		wg.Go(func() {
			acc, err := s.account(c)
			if err == nil {
				items[i], err = acc.Event(ctx, c.RawID, id)
			}
			errs[i] = err
		})
	}
	wg.Wait()
	for i, c := range conns {
		if it := items[i]; errs[i] == nil && it.Kind != calendar.CancelledSlot && it.Kind != calendar.Tombstone {
			return found{conn: c, event: ofItem(it, c), item: &it}, nil
		}
	}
	for i, c := range conns {
		if errs[i] != nil && !calendar.IsKind(errs[i], calendar.NotFound) {
			return found{}, s.failed(c, errs[i])
		}
	}
	return found{}, unknown(p, id)
}

// failed turns the failure of a service into an answer. The connection is named,
// because a team may have many.
func (s *Service) failed(c calendar.Connection, err error) error {
	e := calendar.AsError(err)
	switch {
	case fail.As(err) != nil:
		return err
	case e == nil && errors.Is(err, context.DeadlineExceeded):
		return fail.Wrap(err, fail.Upstream, CodeSlow, "%s did not answer in time (calendar %s); try again in a moment", c.Platform, c.ID)
	case e == nil:
		return err
	}
	switch e.Kind {
	case calendar.NotFound:
		return fail.Wrap(err, fail.NotFound, CodeNoEvent, "%s has no such event or calendar any more: %s", c.Platform, e.Message)
	case calendar.PermissionDenied, calendar.Unlicensed:
		return fail.Wrap(err, fail.Forbidden, CodeReadOnly, "%s does not allow this with the scopes that calendar %s was connected with: %s; connect it again with %s", c.Platform, c.ID, e.Message, writeScope[c.Platform])
	case calendar.Refused, calendar.Unsupported:
		code := CodeValidation
		if e.Reason == calendar.Inexpressible {
			code = CodeRecurrence
			return fail.Wrap(err, fail.Invalid, code, "recurrence: %s", e.Message)
		}
		return fail.Wrap(err, fail.Invalid, code, "%s refuses this: %s", c.Platform, e.Message)
	case calendar.Revoked, calendar.BadClient:
		return fail.Wrap(err, fail.Upstream, CodeRevoked, "%s does not accept the credentials of calendar %s any more; give it new ones with PATCH /v2/calendars/%s: %s", c.Platform, c.ID, c.ID, e.Message)
	}
	f := fail.Wrap(err, fail.Upstream, CodeProvider, "%s does not answer as it should (calendar %s); try again in a moment: %s", c.Platform, c.ID, e.Message)
	f.RetryAfter = e.RetryAfter
	return f
}

// writeScope is what a connection needs to write.
var writeScope = map[calendar.Platform]string{
	calendar.Google: "https://www.googleapis.com/auth/calendar.events", calendar.Microsoft: "Calendars.ReadWrite",
}

// soon is a context for a call that is worth waiting for.
func (s *Service) soon(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 2*s.liveTime()+time.Second)
}
