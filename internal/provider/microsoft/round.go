package microsoft

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"steno/internal/calendar"
	"steno/internal/provider/call"
)

// pageSize is how many rows a page has. Events bring their HTML bodies along
// (a delta knows no $select), so pages are small, and smaller still when the
// service was too slow (trap 29).
const pageSize = 200

// pageTimeout of one page. All tries together stay below the lease of a sync.
const pageTimeout = 40 * time.Second

// cursorPrefix marks delta links of this client. They carry their window.
const cursorPrefix = "m1:"

// Round implements calendar.Syncer through calendarView/delta. Occurrences of a
// series come bare and are left so; only whether they are whole days is found
// out here, because the engine cannot see it.
func (a *account) Round(ctx context.Context, r calendar.RoundRequest) (calendar.Page, error) {
	req, size, err := a.roundRequest(r)
	if err != nil {
		return calendar.Page{}, err
	}
	p, size, err := a.page(ctx, req, size)
	if err != nil {
		return calendar.Page{}, err
	}
	var page calendar.Page
	switch {
	case p.Next != "":
		if err := a.follow(&req, p.Next); err != nil {
			return calendar.Page{}, err
		}
		page.Next = strconv.Itoa(size) + "|" + p.Next
	case p.DeltaLink != "" && a.ours(p.DeltaLink):
		page.Cursor = cursorPrefix + calendar.Cursor(p.DeltaLink)
	case p.DeltaLink != "":
		return calendar.Page{}, a.fail(req.spec, calendar.Refused, "foreign_link", "the service handed out a link that leads elsewhere")
	default:
		return calendar.Page{}, a.fail(req.spec, calendar.Transient, "no_link", "the service's page has neither a next page nor an end")
	}
	page.Items, err = a.roundItems(ctx, req.spec, p.Value, r.Cursor == "")
	return page, err
}

// roundRequest is the request for a page: the first of a full round, the first
// of an increment, or the next of either.
func (a *account) roundRequest(r calendar.RoundRequest) (req request, size int, err error) {
	req = request{method: http.MethodGet, spec: a.spec("list events")}
	req.spec.Timeout = pageTimeout
	switch {
	case r.PageToken != "":
		n, link, ok := strings.Cut(r.PageToken, "|")
		size, err = strconv.Atoi(n)
		if !ok || err != nil || size < 1 {
			return req, 0, a.fail(req.spec, calendar.Refused, "page_token", "this is no page token")
		}
		return req, size, a.follow(&req, link)
	case r.Cursor != "":
		link, ok := strings.CutPrefix(string(r.Cursor), cursorPrefix)
		if !ok || !a.ours(link) { // of another server or version, or tampered with (trap 22)
			return req, 0, a.fail(req.spec, calendar.CursorLost, "foreign_link", "the delta link does not lead to the configured server")
		}
		req.link = link
	default:
		req.path, req.query = calendarPath(r.Calendar)+"/calendarView/delta", span(r.Window)
	}
	return req, pageSize, nil
}

// page fetches a page, in smaller pieces if it takes too long.
func (a *account) page(ctx context.Context, req request, size int) (p pageOf[row], used int, err error) {
	for try := 1; ; try++ {
		req.prefer = []string{inUTC, maxPage(size)}
		p = pageOf[row]{}
		err = a.do(ctx, req, &p)
		e := calendar.AsError(err)
		slow := e != nil && (e.Reason == call.TimedOut || e.Reason == call.TooLarge)
		if !slow || size <= 25 || try == 3 {
			break
		}
		size = max(size/4, 25)
	}
	a.learn(p.Context)
	return p, size, err
}

// roundItems translates the rows of a page. full says that no read of the
// series' occurrences follows, so that what is missing has to be found now.
func (a *account) roundItems(ctx context.Context, s call.Spec, rows []row, full bool) ([]calendar.Item, error) {
	masters := a.mastersOn(rows)
	items := make([]calendar.Item, 0, len(rows))
	for _, r := range rows {
		if r.ID == "" {
			continue
		}
		it := itemOf(r)
		switch {
		case it.Kind != calendar.Occurrence:
		case it.Bare:
			d, ok := a.days.get(a.connection, it.SeriesID)
			if !ok && full && wholeDays(it.When) {
				if _, err := masters.get(ctx, s, it.SeriesID); err != nil {
					return nil, err
				}
				d, ok = a.days.get(a.connection, it.SeriesID)
			}
			if ok {
				it.When = d.apply(it.When)
			}
		case r.incomplete():
			m := masters.known[it.SeriesID]
			if m == nil && full {
				var err error
				if m, err = masters.get(ctx, s, it.SeriesID); err != nil {
					return nil, err
				}
			}
			if m != nil {
				it = itemOf(inherit(r, *m))
			} else if !full {
				it.Bare = true // its series is read anyway
			}
		}
		items = append(items, it)
	}
	return append(items, masters.fetched...), nil
}

// masters are the series masters that are known while rows are translated.
type masters struct {
	a       *account
	known   map[string]*row // nil: there is none
	fetched []calendar.Item
}

func (a *account) mastersOn(rows []row) *masters {
	m := &masters{a: a, known: map[string]*row{}}
	for i, r := range rows {
		if r.Type == "seriesMaster" && !r.removed() {
			m.add(&rows[i])
		}
	}
	return m
}

func (m *masters) add(r *row) {
	m.known[r.ID] = r
	m.a.days.put(m.a.connection, r.ID, dayOf(*r))
}

// get fetches a master that was not on the page; nil if there is none any more.
func (m *masters) get(ctx context.Context, s call.Spec, id string) (*row, error) {
	if r, ok := m.known[id]; ok || id == "" {
		return r, nil
	}
	r, err := m.a.getEvent(ctx, s, id)
	if calendar.IsKind(err, calendar.NotFound) {
		m.known[id] = nil
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m.add(&r)
	it := itemOf(r)
	it.Kind = calendar.Master
	m.fetched = append(m.fetched, it)
	return &r, nil
}
