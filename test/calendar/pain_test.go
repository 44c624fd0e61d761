package calendar_test

import (
	"testing"
	"time"

	"steno/internal/account"
	"steno/internal/calendar"
	"steno/internal/ident"
	"steno/internal/store"
	"steno/simulator/google"
	"steno/simulator/service"
	"steno/simulator/truth"
)

// tenant is a team with an application of its own and one calendar.
type tenant struct {
	s     *stand
	team  string
	email string
	conn  calendar.Connection
	cal   *truth.Calendar
	n     int // events added
}

func (s *stand) tenant(t *testing.T, name string) *tenant {
	t.Helper()
	team, err := account.New(store.Accounts{DB: s.db}, s.clock, s.log).CreateTeam(t.Context(), ident.New())
	if err != nil {
		t.Fatal(err)
	}
	x := &tenant{s: s, team: team.ID, email: name + "@example.com"}
	a, err := s.google.AddAccount(x.email, name, "Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	s.google.Grants.AddClient(name, "secret")
	token, _ := s.google.Grants.Issue(x.email, name, []string{google.ScopeCalendar})
	x.cal = a.Primary()
	x.conn, err = s.rooms.Connect(t.Context(), x.team, calendar.ConnectRequest{Platform: calendar.Google, RawID: "primary",
		Credentials: calendar.Credentials{ClientID: name, ClientSecret: "secret", RefreshToken: token}})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, name+" is read and watched", func() bool {
		c, err := s.rooms.Get(t.Context(), x.team, x.conn.ID)
		return err == nil && c.SyncedAt != nil && c.Watch.ChannelID != ""
	})
	return x
}

// add puts an event into the calendar at the service.
func (x *tenant) add(t *testing.T) {
	t.Helper()
	x.n++
	must[string](t)(x.cal.Add(once(x.n, time.Now().UTC().Truncate(time.Hour).Add(time.Duration(30+x.n)*time.Hour))))
}

// arrives waits until all events are there and no sync is under way.
func (x *tenant) arrives(t *testing.T, when string) {
	t.Helper()
	eventually(t, x.email+" has its events, "+when, func() bool {
		page, err := x.s.rooms.Events(t.Context(), x.team, x.conn.ID, calendar.EventQuery{}, 100, "")
		c, cerr := x.s.rooms.Get(t.Context(), x.team, x.conn.ID)
		return err == nil && cerr == nil && len(page.Items) == x.n && c.Sync.By == ""
	})
}

func (x *tenant) calls() int { return x.s.google.Calls("* " + x.email) }

// Proves C3: whatever the service does to some connections, another team's
// calendar is kept current with the calls that it takes anyway; each of the
// connections keeps within a few calls, and is right again afterwards.
func TestBrokenConnectionsAreNotFeltByAnotherTeam(t *testing.T) {
	t.Parallel()
	s := live(t, openQuick(t), service.Options{Polite: true})
	s.rooms.Options.Gap = 20 * time.Millisecond
	good := s.tenant(t, "good")
	change := func(when string) (calls int) {
		before := good.calls()
		for range 3 {
			good.add(t)
			good.arrives(t, when)
		}
		return good.calls() - before
	}
	usual := change("nothing being wrong")
	pains := []struct {
		name  string
		fault service.Injection
		most  int // calls of one sync
	}{
		{"retry-after", service.Injection{Kind: service.TooMany, RetryAfter: 1}, 3},
		{"too-many", service.Injection{Kind: service.TooManySilent}, 3},
		{"5xx", service.Injection{Kind: service.ServerError}, 3},
		{"hangs", service.Injection{Kind: service.Slow, Delay: 5 * time.Second}, 1},
		{"half-of-the-json", service.Injection{Kind: service.Truncated}, 3},
		{"no-json", service.Injection{Kind: service.Garbage}, 3},
		// Of what is cut off on a kept connection, net/http makes another try itself.
		{"hangs-up", service.Injection{Kind: service.HangUp}, 3 * 8},
	}
	var broken []*tenant
	var before []int
	for i, pain := range pains {
		bad := s.tenant(t, pain.name)
		broken = append(broken, bad)
		pain.fault.Account, pain.fault.Times = bad.email, -1
		s.google.Inject(pain.fault)
		before = append(before, bad.calls())
		bad.add(t)
		eventually(t, pain.name+" is being synced", func() bool { return bad.calls() > before[i] })
		if n := change("while " + pain.name); n > usual { // those before go on, too
			t.Errorf("%s: %d calls for three changes, usually %d", pain.name, n, usual)
		}
	}
	for i, pain := range pains {
		bad := broken[i]
		eventually(t, pain.name+" is given up, or hangs", func() bool {
			c, err := s.rooms.Get(t.Context(), bad.team, bad.conn.ID)
			return err == nil && (c.SyncStatus == calendar.SyncFailed && c.Sync.By == "" || pain.fault.Kind == service.Slow)
		})
		if n := bad.calls() - before[i]; n > pain.most {
			t.Errorf("%s: %d calls of one sync, at most %d", pain.name, n, pain.most)
		}
	}
	s.google.Pacify()
	for _, bad := range broken {
		bad.add(t)
	}
	for _, bad := range broken {
		bad.arrives(t, "when all is well again")
	}
}
