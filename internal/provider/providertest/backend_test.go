package providertest_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/provider/all"
	"steno/internal/provider/providertest"
	google "steno/simulator/google"
	"steno/simulator/service"
	"steno/simulator/truth"
)

// monday is when the simulators' world begins; the suite's window is the month
// after it.
var (
	monday = time.Date(2026, 11, 9, 9, 0, 0, 0, time.UTC)
	window = calendar.Window{Start: monday, End: monday.AddDate(0, 0, 30)}
)

// backend is a simulator with one account, and the provider connected to it.
// Another provider needs a row in backends and nothing else.
type backend struct {
	t        *testing.T
	name     calendar.Platform
	core     *service.Core
	cal      *truth.Calendar
	account  *truth.Account
	provider calendar.Provider
	clock    *providertest.Clock
	tokens   *calendar.LooseTokens
	creds    calendar.Credentials
	// narrow returns credentials that lack the permission to write.
	narrow func() calendar.Credentials
	// api names the simulator's calls in Core's counters and injections.
	api map[string]string
}

func (b *backend) acc() calendar.Account { return b.provider.Account("conn", b.tokens) }

// reconnect is what a user does whose grant is dead.
func (b *backend) reconnect() {
	c := b.creds
	c.RefreshToken, _ = b.core.Grants.Issue("ada@example.com", c.ClientID, []string{"Calendars.ReadWrite", "offline_access"})
	b.tokens = calendar.NewLooseTokens(c)
}

var backends = map[string]func(t *testing.T, faults bool, seed uint64) *backend{
	"google": newGoogle,
}

// each runs a case against every provider and its simulator.
func each(t *testing.T, faults bool, run func(t *testing.T, b *backend)) {
	for name, open := range backends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, open(t, faults, 1))
		})
	}
}

func options(clk *providertest.Clock, faults bool, seed uint64) service.Options {
	return service.Options{Polite: !faults, Seed: seed, Clock: clk, SlowFor: time.Millisecond, PushRetry: time.Millisecond,
		Faults: service.Faults{service.Slow: 0}}
}

func connect(t *testing.T, clk *providertest.Clock, name calendar.Platform, o all.Options) calendar.Provider {
	t.Helper()
	o.Clock, o.Sleep, o.Unlimited = clk, clk.Sleep, true
	services, closeAll, err := all.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeAll)
	return services[name]
}

func newGoogle(t *testing.T, faults bool, seed uint64) *backend {
	t.Helper()
	clk := providertest.NewClock()
	clk.Advance(monday.Sub(clk.Now()))
	s, err := google.Start(google.Options{Options: options(clk, faults, seed)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	add := func(email string, scopes ...string) (*google.Account, calendar.Credentials) {
		a, err := s.AddAccount(email, "Ada Blue", "Europe/Berlin", scopes...)
		if err != nil {
			t.Fatal(err)
		}
		return a, calendar.Credentials{ClientID: a.ClientID, ClientSecret: a.ClientSecret, RefreshToken: a.RefreshToken}
	}
	a, creds := add("ada@example.com")
	return &backend{
		t: t, name: calendar.Google, core: s.Core, cal: a.Primary(), account: a.Account, clock: clk, creds: creds, tokens: calendar.NewLooseTokens(creds),
		provider: connect(t, clk, calendar.Google, all.Options{GoogleAPI: s.APIURL(), GoogleToken: s.TokenURL()}),
		narrow: func() calendar.Credentials {
			_, c := add("narrow@example.com", google.ScopeReadonly)
			return c
		},
		api: map[string]string{"round": "events.list", "create": "events.insert", "token": "token"},
	}
}

// mirror does with a provider what the engine does, without a database: it is
// right exactly if the provider is.
type mirror struct {
	b       *backend
	acc     calendar.Account
	cursor  calendar.Cursor
	singles map[string]calendar.Item
	series  map[string]map[string]calendar.Item
}

func newMirror(b *backend) *mirror { return &mirror{b: b, acc: b.acc()} }

// stubborn repeats what passes by itself, as the job queue does.
func stubborn(fn func() error) error {
	for n := 0; ; n++ {
		err := fn()
		if e := calendar.AsError(err); n == 30 || e == nil || (e.Kind != calendar.Transient && e.Kind != calendar.RateLimited) {
			return err
		}
	}
}

// sync makes a round, a full one if there is no cursor or it was lost.
func (m *mirror) sync(ctx context.Context) error {
	err := m.round(ctx)
	if calendar.IsKind(err, calendar.CursorLost) {
		m.cursor = ""
		err = m.round(ctx)
	}
	return err
}

func (m *mirror) round(ctx context.Context) error {
	full := m.cursor == ""
	items, cursor, err := m.pages(ctx)
	if err != nil {
		return err
	}
	if full {
		m.singles, m.series = map[string]calendar.Item{}, map[string]map[string]calendar.Item{}
	}
	if full && m.b.provider.Traits().RoundExpands {
		m.cursor = cursor
		return m.dress(ctx, items)
	}
	touched := map[string]bool{}
	for _, it := range items {
		switch it.Kind {
		case calendar.Single:
			m.singles[it.ID] = it
			delete(m.series, it.ID)
		case calendar.Master:
			delete(m.singles, it.ID)
			touched[it.ID] = true
		case calendar.Occurrence, calendar.CancelledSlot:
			touched[it.SeriesID] = true
		case calendar.Tombstone:
			delete(m.singles, it.ID)
			for id, occ := range m.series {
				if _, ok := occ[it.ID]; ok || id == it.ID {
					touched[id] = true
				}
			}
		}
	}
	for id := range touched {
		if err := m.readSeries(ctx, id); err != nil {
			return err
		}
	}
	m.cursor = cursor
	return nil
}

// dress takes a full round that holds occurrences, bare ones with the fields of
// their master.
func (m *mirror) dress(ctx context.Context, items []calendar.Item) error {
	masters := map[string]calendar.Item{}
	for _, it := range items {
		switch it.Kind {
		case calendar.Master:
			masters[it.ID] = it
		case calendar.Single:
			m.singles[it.ID] = it
		}
	}
	for _, it := range items {
		if it.Kind != calendar.Occurrence {
			continue
		}
		if it.Bare {
			master, ok := masters[it.SeriesID]
			if !ok {
				err := stubborn(func() (err error) { master, err = m.acc.Event(ctx, m.b.cal.ID, it.SeriesID); return err })
				if err != nil {
					return err
				}
				masters[it.SeriesID] = master
			}
			when := it.When
			it.Fields = master.Fields
			it.When = when
		}
		if m.series[it.SeriesID] == nil {
			m.series[it.SeriesID] = map[string]calendar.Item{}
		}
		m.series[it.SeriesID][it.ID] = it
	}
	return nil
}

func (m *mirror) pages(ctx context.Context) (items []calendar.Item, cursor calendar.Cursor, err error) {
	q := calendar.RoundRequest{Calendar: m.b.cal.ID, Cursor: m.cursor, Window: window}
	for {
		var p calendar.Page
		if err := stubborn(func() (err error) { p, err = m.acc.Round(ctx, q); return err }); err != nil {
			return nil, "", err
		}
		if (p.Next == "") != (p.Cursor != "") {
			return nil, "", fmt.Errorf("a page with next %q and cursor %q", p.Next, p.Cursor)
		}
		items = append(items, p.Items...)
		if q.PageToken = p.Next; p.Next == "" {
			return items, p.Cursor, nil
		}
	}
}

func (m *mirror) readSeries(ctx context.Context, id string) error {
	items, err := m.occurrences(ctx, id)
	if calendar.IsKind(err, calendar.NotFound) {
		delete(m.series, id)
		return nil
	}
	m.series[id] = map[string]calendar.Item{}
	for _, it := range items {
		if it.Bare || it.Kind != calendar.Occurrence || it.SeriesID != id {
			return fmt.Errorf("an occurrence of %s that is not complete: %+v", id, it)
		}
		m.series[id][it.ID] = it
	}
	return err
}

func (m *mirror) occurrences(ctx context.Context, series string) (items []calendar.Item, err error) {
	q := calendar.OccurrenceRequest{Calendar: m.b.cal.ID, Series: series, Window: window}
	for {
		var p calendar.Page
		if err := stubborn(func() (err error) { p, err = m.acc.Occurrences(ctx, q); return err }); err != nil {
			return nil, err
		}
		items = append(items, p.Items...)
		if q.PageToken = p.Next; p.Next == "" {
			return items, nil
		}
	}
}

// lines is what stands in the mirror, well inside of the window.
func (m *mirror) lines() []string {
	var out []string
	add := func(it calendar.Item) {
		if it.Status != calendar.Cancelled {
			out = append(out, line(it.Title, it.When.Start, it.When.End, it.When.AllDay, it.Declined))
		}
	}
	for _, it := range m.singles {
		add(it)
	}
	for _, occ := range m.series {
		for _, it := range occ {
			add(it)
		}
	}
	return tidy(out)
}

// truthLines is the same, asked from the simulator's own expansion.
func (b *backend) truthLines() []string {
	var out []string
	for _, o := range b.cal.Occurrences(window.Start, window.End) {
		if o.Cancelled || o.Content.CalledOff {
			continue
		}
		out = append(out, line(o.Content.Title, o.Start, o.End, o.AllDay, o.Response == truth.Declined))
	}
	return tidy(out)
}

// line is empty for what touches the window's edges: what counts as inside
// there is the engine's business.
func line(title string, start, end time.Time, allDay, declined bool) string {
	if start.Before(window.Start.AddDate(0, 0, 2)) || end.After(window.End.AddDate(0, 0, -2)) {
		return ""
	}
	return fmt.Sprintf("%s %s–%s all-day=%v declined=%v", title, start.UTC().Format("01-02 15:04"), end.UTC().Format("01-02 15:04"), allDay, declined)
}

func tidy(lines []string) []string {
	lines = append([]string{}, lines...)
	lines = slices.DeleteFunc(lines, func(s string) bool { return s == "" })
	slices.SortFunc(lines, cmp.Compare[string])
	return lines
}

// kind fails unless err is of the kind.
func kind(t *testing.T, err error, want calendar.ErrorKind) {
	t.Helper()
	if !calendar.IsKind(err, want) {
		t.Errorf("err %v, want kind %s", err, want)
	}
}
