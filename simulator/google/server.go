// Package google is a fake of the Google Calendar API v3 and of Google's token
// endpoint, for tests and the demo. It speaks the protocol as
// developers.google.com/workspace/calendar/api describes it, refuses what the
// real service refuses, and misbehaves a little unless it is told to be polite.
//
// It must not know the product's client: the two meet at the protocol only.
package google

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	"steno/simulator/service"
	"steno/simulator/truth"
)

// The scopes that matter.
const (
	scopePrefix     = "https://www.googleapis.com/auth/"
	ScopeCalendar   = scopePrefix + "calendar"
	ScopeReadonly   = scopePrefix + "calendar.readonly"
	ScopeEvents     = scopePrefix + "calendar.events"
	ScopeEventsRead = scopePrefix + "calendar.events.readonly"
	ScopeFreeBusy   = scopePrefix + "calendar.freebusy"
)

// The app that every account has allowed.
const (
	ClientID     = "simulator.apps.googleusercontent.com"
	ClientSecret = "GOCSPX-simulator"
)

// Options of Start.
type Options struct {
	service.Options
	// MaxTTL shortens the life of push channels, in seconds; default 604,800.
	MaxTTL int64
	// PerUserMinute and PerProjectMinute are the quotas in requests a minute.
	// 0: no limit (Google's are 600 and 10,000).
	PerUserMinute, PerProjectMinute int
}

// Server is a running fake.
type Server struct {
	*service.Core
	maxTTL int64
	quota  *quota

	mu       sync.Mutex
	channels map[string]*channel
	used     map[string]bool // channel ids, also those of dead channels
	users    map[string]*Account
}

// Account is a Google account with a grant for the app.
type Account struct {
	*truth.Account
	RefreshToken string
	ClientID     string
	ClientSecret string
	Grant        *service.Grant
}

// Start starts a fake. It runs until Close.
func Start(o Options) (*Server, error) {
	if o.MaxTTL == 0 {
		o.MaxTTL = 604800
	}
	s := &Server{Core: service.NewCore(o.Options, service.Common(), nil), maxTTL: o.MaxTTL, quota: newQuota(o.PerUserMinute, o.PerProjectMinute),
		channels: map[string]*channel{}, used: map[string]bool{}, users: map[string]*Account{}}
	s.Book.NewID = func() string { return s.Random("0123456789abcdefghijklmnopqrstuv", 26) }
	s.Book.OnChange = s.changed
	s.Grants.AddClient(ClientID, ClientSecret)
	if err := s.Serve(s.routes()); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// APIURL is the value of STENO_GOOGLE_API_URL.
func (s *Server) APIURL() string { return s.Address() + "/calendar/v3/" }

// TokenURL is the value of STENO_GOOGLE_TOKEN_URL.
func (s *Server) TokenURL() string { return s.Address() + "/token" }

// Env lists the variables that point Steno to the fake.
func (s *Server) Env() []string {
	return []string{"STENO_GOOGLE_API_URL=" + s.APIURL(), "STENO_GOOGLE_TOKEN_URL=" + s.TokenURL()}
}

// AddAccount opens an account whose primary calendar has the address as its
// id, and allows the app the scopes, by default everything about calendars.
func (s *Server) AddAccount(email, name, zone string, scopes ...string) (*Account, error) {
	a, err := s.Book.AddAccount(truth.Person{Email: email, Name: name}, zone, email)
	if err != nil {
		return nil, err
	}
	if len(scopes) == 0 {
		scopes = []string{ScopeCalendar}
	}
	token, grant := s.Grants.Issue(email, ClientID, scopes)
	account := &Account{Account: a, RefreshToken: token, ClientID: ClientID, ClientSecret: ClientSecret, Grant: grant}
	s.mu.Lock()
	s.users[email] = account
	s.mu.Unlock()
	return account, nil
}

// User returns the account with the address, or nil.
func (s *Server) User(email string) *Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.users[email]
}

// AddCalendar opens a secondary calendar.
func (s *Server) AddCalendar(a *Account, name string) *truth.Calendar {
	return a.AddCalendar("c_"+s.Random("0123456789abcdef", 24)+"@group.calendar.google.com", name)
}

// Open is AddAccount for the control surface.
func (s *Server) Open(email, name, zone string, scopes []string) (service.Credentials, error) {
	a, err := s.AddAccount(email, name, zone, scopes...)
	if err != nil {
		return service.Credentials{}, err
	}
	return service.Credentials{Email: email, ClientID: a.ClientID, ClientSecret: a.ClientSecret, RefreshToken: a.RefreshToken, CalendarID: a.Primary().ID}, nil
}

// OpenCalendar is AddCalendar for the control surface.
func (s *Server) OpenCalendar(email, name string) (*truth.Calendar, error) {
	a := s.User(email)
	if a == nil {
		return nil, fmt.Errorf("there is no account %s", email)
	}
	return s.AddCalendar(a, name), nil
}

// Word is InstanceID.
func (s *Server) Word(o truth.Occurrence) string { return InstanceID(o) }

// InstanceID is the id of an occurrence.
func InstanceID(o truth.Occurrence) string {
	if o.Slot == "" {
		return o.ItemID
	}
	return instanceID(o.ItemID, o.Slot)
}

func instanceID(item, slot string) string {
	return item + "_" + strings.NewReplacer("-", "", ":", "").Replace(slot)
}

// splitID undoes instanceID; slot is "" for the id of an item.
func splitID(id string) (item, slot string) {
	if i := strings.LastIndexByte(id, '_'); i > 0 {
		if _, _, err := truth.ParseSlot(id[i+1:]); err == nil {
			return id[:i], id[i+1:]
		}
	}
	return id, ""
}

// call is one authorised request.
type call struct {
	s       *Server
	r       *http.Request
	grant   service.Grant
	account *truth.Account
	method  string
}

type handler func(*call) service.Reply

// routes lists the methods with the scopes that each takes (any one of them):
// calendar-providers reference, 2.1.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	read := scopes("calendar", "calendar.readonly", "calendar.events", "calendar.events.readonly", "calendar.events.owned",
		"calendar.events.owned.readonly", "calendar.app.created", "calendar.events.freebusy", "calendar.events.public.readonly")
	write := scopes("calendar", "calendar.events", "calendar.events.owned", "calendar.app.created")
	lists := scopes("calendar", "calendar.readonly", "calendar.calendarlist", "calendar.calendarlist.readonly")
	busy := scopes("calendar", "calendar.readonly", "calendar.freebusy", "calendar.events.freebusy")
	const events = "/calendars/{calendar}/events"
	for _, route := range []struct {
		method, path, name string
		scopes             []string
		do                 handler
	}{
		{"GET", "/users/me/calendarList", "calendarList.list", lists, listCalendars},
		{"GET", "/users/me/calendarList/{calendar}", "calendarList.get", lists, getCalendarEntry},
		{"GET", "/calendars/{calendar}", "calendars.get", lists, getCalendar},
		{"GET", events, "events.list", read, listEvents},
		{"GET", events + "/{event}", "events.get", read, getEvent},
		{"GET", events + "/{event}/instances", "events.instances", read, listInstances},
		{"POST", events, "events.insert", write, insertEvent},
		{"PATCH", events + "/{event}", "events.patch", write, patchEvent},
		{"PUT", events + "/{event}", "events.update", write, updateEvent},
		{"DELETE", events + "/{event}", "events.delete", write, deleteEvent},
		{"POST", events + "/watch", "events.watch", read, watchEvents},
		{"POST", "/channels/stop", "channels.stop", nil, stopChannel},
		{"POST", "/freeBusy", "freebusy.query", busy, queryFreeBusy},
	} {
		h := s.method(route.name, route.scopes, route.do)
		mux.HandleFunc(route.method+" /calendar/v3"+route.path, h)
		mux.HandleFunc(route.method+" "+route.path, h)
	}
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /revoke", s.revoke)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		service.WriteReply(w, failure(http.StatusNotFound, "global", "notFound", "Not Found"))
	})
	return s.Beside(s, mux)
}

func scopes(names ...string) []string {
	for i, n := range names {
		names[i] = scopePrefix + n
	}
	return names
}

// method checks who calls and whether the grant is enough, then answers.
func (s *Server) method(name string, accepted []string, do handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		grant, ok := s.Grants.Bearer(r)
		if !ok {
			s.Count(name, "")
			service.WriteReply(w, unauthorized())
			return
		}
		s.Run(w, r, name, grant.Account, voice{}, func() service.Reply {
			_, leave := s.Enter(grant.Account)
			defer leave()
			if reply, over := s.quota.check(s.Now(), grant); over {
				return reply
			}
			if len(accepted) > 0 && !anyOf(grant.Scopes, accepted) {
				return insufficient(accepted)
			}
			account := s.Book.Account(grant.Account)
			if account == nil {
				return unauthorized()
			}
			return do(&call{s: s, r: r, grant: grant, account: account, method: name})
		})
	}
}

func anyOf(have, want []string) bool {
	for _, h := range have {
		for _, w := range want {
			if h == w {
				return true
			}
		}
	}
	return false
}

// calendar finds the calendar of the path, with its alias "primary".
func (c *call) calendar() (*truth.Calendar, service.Reply, bool) {
	id := c.r.PathValue("calendar")
	if id == "primary" {
		id = c.account.Primary().ID
	}
	cal := c.account.Find(id)
	if cal == nil {
		return nil, failure(http.StatusNotFound, "global", "notFound", "Not Found"), false
	}
	return cal, service.Reply{}, true
}

func (c *call) happens(k service.Kind) bool { return c.s.Happens(k, c.method, c.grant.Account) }

func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

func (c *call) invalid(name string) service.Reply {
	return parameter(http.StatusBadRequest, "global", "invalid", fmt.Sprintf("Invalid value for: %s", name), name)
}
