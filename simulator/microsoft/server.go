// Package microsoft is a fake of the calendar part of Microsoft Graph v1.0 and
// of the Microsoft identity platform's token endpoint, for tests and the demo.
// It speaks the protocol as learn.microsoft.com/graph describes it and as it
// was seen to behave, refuses what the real service refuses, and misbehaves a
// little unless it is told to be polite.
//
// It must not know the product's client: the two meet at the protocol only.
package microsoft

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	"steno/simulator/service"
	"steno/simulator/truth"
)

// The app that every account has allowed.
const (
	ClientID     = "5e9c0000-0000-4000-8000-000000000001"
	ClientSecret = "simulator~secret"
	// Tenant may be used instead of common.
	Tenant = "7e9a0000-0000-4000-8000-000000000001"
)

// Options of Start.
type Options struct {
	service.Options
	// SingleTenant: the app is not for all tenants; /common is refused.
	SingleTenant bool
}

// Server is a running fake.
type Server struct {
	*service.Core
	singleTenant bool

	mu    sync.Mutex
	subs  map[string]*subscription
	users map[string]*Account
}

// Account is a Microsoft account with a grant for the app.
type Account struct {
	*truth.Account
	// RefreshToken is the first one; each use replaces it.
	RefreshToken string
	ClientID     string
	ClientSecret string
	Grant        *service.Grant
	ID           string
	// Personal accounts have no getSchedule.
	Personal bool
	// NoMailbox: the user has no licence for a mailbox.
	NoMailbox bool
}

// Always are the ways of the real service that even a polite fake has.
func Always() service.Faults { return service.Faults{service.Bare: 1} }

// Faults are the rates of a fake that is not polite.
func Faults() service.Faults {
	f := service.Common()
	f[service.GoneSilently] = .005
	f[service.MissingTomb] = .5
	f[service.MissingMaster] = .3
	f[service.StrayTomb] = .1
	f[service.NoFields] = .3
	f[service.DoubledRow] = .05
	f[service.PushStray] = .05
	f[service.PushExtra] = .3
	f[service.LifecycleMissed] = .3
	f[service.OtherZone] = .02
	return f
}

// Start starts a fake. It runs until Close.
func Start(o Options) (*Server, error) {
	s := &Server{Core: service.NewCore(o.Options, Faults(), Always()), singleTenant: o.SingleTenant, subs: map[string]*subscription{}, users: map[string]*Account{}}
	s.Grants.Rotate = true
	s.Book.NewID = func() string { return s.Random(service.Letters, 20) }
	s.Book.OwnZone = true
	s.Book.OnChange = s.changed
	s.Grants.AddClient(ClientID, ClientSecret)
	if err := s.Serve(s.routes()); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// GraphURL is the value of STENO_MICROSOFT_GRAPH_URL.
func (s *Server) GraphURL() string { return s.Address() + "/v1.0" }

// LoginURL is the value of STENO_MICROSOFT_LOGIN_URL.
func (s *Server) LoginURL() string { return s.Address() }

// Env lists the variables that point Steno to the fake.
func (s *Server) Env() []string {
	return []string{"STENO_MICROSOFT_GRAPH_URL=" + s.GraphURL(), "STENO_MICROSOFT_LOGIN_URL=" + s.LoginURL()}
}

// AddAccount opens an account with its default calendar and allows the app the
// scopes, by default Calendars.ReadWrite, User.Read and offline_access.
func (s *Server) AddAccount(email, name, zone string, scopes ...string) (*Account, error) {
	a, err := s.Book.AddAccount(truth.Person{Email: email, Name: name}, zone, s.calendarID())
	if err != nil {
		return nil, err
	}
	a.Primary().Name = "Calendar"
	if len(scopes) == 0 {
		scopes = []string{"Calendars.ReadWrite", "User.Read", "offline_access"}
	}
	token, grant := s.Grants.Issue(email, ClientID, scopes)
	account := &Account{Account: a, RefreshToken: token, ClientID: ClientID, ClientSecret: ClientSecret, Grant: grant,
		ID: s.Random("0123456789abcdef", 8) + "-0000-4000-8000-" + s.Random("0123456789abcdef", 12)}
	s.mu.Lock()
	s.users[email] = account
	s.mu.Unlock()
	return account, nil
}

func (s *Server) calendarID() string { return "AAMkAGCal" + s.Random(service.Letters, 24) + "AAA=" }

// User returns the account with the address, or nil.
func (s *Server) User(email string) *Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.users[email]
}

// AddCalendar opens another calendar.
func (s *Server) AddCalendar(a *Account, name string) *truth.Calendar {
	return a.AddCalendar(s.calendarID(), name)
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

// Word is IDOf.
func (s *Server) Word(o truth.Occurrence) string { return IDOf(o) }

// call is one authorised request.
type call struct {
	s       *Server
	r       *http.Request
	grant   service.Grant
	account *Account
	method  string
}

type handler func(*call) service.Reply

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	read := []string{"Calendars.Read", "Calendars.ReadWrite", "Calendars.Read.Shared", "Calendars.ReadWrite.Shared"}
	write := []string{"Calendars.ReadWrite", "Calendars.ReadWrite.Shared"}
	user := []string{"User.Read", "User.ReadWrite", "User.ReadBasic.All"}
	const one = "/me/calendars/{calendar}"
	add := func(name string, scopes []string, do handler, patterns ...string) {
		for _, p := range patterns {
			method, path, _ := strings.Cut(p, " ")
			mux.HandleFunc(method+" /v1.0"+path, s.method(name, scopes, do))
		}
	}
	add("me", user, getMe, "GET /me")
	add("calendars.list", read, listCalendars, "GET /me/calendars")
	add("calendars.get", read, getCalendar, "GET /me/calendar", "GET "+one)
	add("calendarView", read, calendarView, "GET /me/calendarView", "GET /me/calendar/calendarView", "GET "+one+"/calendarView")
	add("calendarView.delta", read, calendarDelta, "GET /me/calendarView/delta", "GET /me/calendar/calendarView/delta", "GET "+one+"/calendarView/delta")
	add("events.list", read, listEvents, "GET /me/events", "GET /me/calendar/events", "GET "+one+"/events")
	add("events.get", read, getEvent, "GET /me/events/{event}", "GET /me/calendar/events/{event}", "GET "+one+"/events/{event}")
	add("events.instances", read, listInstances, "GET /me/events/{event}/instances", "GET "+one+"/events/{event}/instances")
	add("events.create", write, createEvent, "POST /me/events", "POST /me/calendar/events", "POST "+one+"/events")
	add("events.update", write, updateEvent, "PATCH /me/events/{event}", "PATCH "+one+"/events/{event}")
	add("events.delete", write, deleteEvent, "DELETE /me/events/{event}", "DELETE "+one+"/events/{event}")
	add("events.cancel", write, cancelEvent, "POST /me/events/{event}/cancel", "POST "+one+"/events/{event}/cancel")
	for verb, response := range map[string]truth.Response{"accept": truth.Accepted, "decline": truth.Declined, "tentativelyAccept": truth.Tentative} {
		add("events."+verb, write, respond(response), "POST /me/events/{event}/"+verb, "POST "+one+"/events/{event}/"+verb)
	}
	add("getSchedule", read, getSchedule, "POST /me/calendar/getSchedule", "POST "+one+"/getSchedule")
	add("subscriptions.create", read, createSubscription, "POST /subscriptions")
	add("subscriptions.list", nil, listSubscriptions, "GET /subscriptions")
	add("subscriptions.get", nil, getSubscription, "GET /subscriptions/{id}")
	add("subscriptions.renew", nil, renewSubscription, "PATCH /subscriptions/{id}")
	add("subscriptions.reauthorize", nil, reauthorize, "POST /subscriptions/{id}/reauthorize")
	add("subscriptions.delete", nil, deleteSubscription, "DELETE /subscriptions/{id}")
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", s.token)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		service.WriteReply(w, s.failure(http.StatusBadRequest, "BadRequest", "Resource not found for the segment '"+r.URL.Path+"'."))
	})
	return s.Beside(s, mux)
}

// atOnce is how many calls of one app a mailbox takes at a time.
const atOnce = 4

// mailbox tells the methods that need one.
func mailbox(name string) bool { return name != "me" && !strings.HasPrefix(name, "subscriptions.") }

func (s *Server) method(name string, accepted []string, do handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		grant, ok := s.Grants.Bearer(r)
		account := s.User(grant.Account)
		if !ok || account == nil {
			s.Count(name, "")
			service.WriteReply(w, s.failure(http.StatusUnauthorized, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."))
			return
		}
		if mailbox(name) {
			now, leave := s.Enter(grant.Account)
			defer leave()
			if now > atOnce {
				s.Count(name, grant.Account)
				s.Count("throttled", grant.Account)
				service.WriteReply(w, s.crowded(s.Calls("throttled")))
				return
			}
		}
		s.Run(w, r, name, grant.Account, voice{s}, func() service.Reply {
			switch {
			case len(accepted) > 0 && !anyOf(grant.Scopes, accepted):
				return s.failure(http.StatusForbidden, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
			case account.NoMailbox && (mailbox(name) || name == "subscriptions.create"):
				return s.failure(http.StatusNotFound, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise.")
			}
			reply := do(&call{s: s, r: r, grant: grant, account: account, method: name})
			if reply.Header == nil {
				reply.Header = http.Header{}
			}
			reply.Header.Set("Request-Id", s.requestID())
			return reply
		})
	}
}

func anyOf(have, want []string) bool {
	for _, h := range have {
		for _, w := range want {
			if strings.EqualFold(h, w) {
				return true
			}
		}
	}
	return false
}

// calendar finds the calendar of the path; without one it is the default.
func (c *call) calendar() (*truth.Calendar, service.Reply, bool) {
	id := c.r.PathValue("calendar")
	cal := c.account.Primary()
	if id != "" {
		cal = c.account.Find(id)
	}
	if cal == nil || cal.Gone() {
		return nil, c.s.notFound(), false
	}
	return cal, service.Reply{}, true
}

func (c *call) happens(k service.Kind) bool { return c.s.Happens(k, c.method, c.grant.Account) }

// prefers reads a preference of the request's Prefer headers: `IdType`,
// `outlook.timezone`, `odata.maxpagesize`.
func (c *call) prefers(name string) string {
	for _, line := range c.r.Header.Values("Prefer") {
		for part := range strings.SplitSeq(line, ",") {
			k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
			if strings.EqualFold(strings.TrimSpace(k), name) {
				return strings.Trim(strings.TrimSpace(v), `"`)
			}
		}
	}
	return ""
}

func (c *call) immutable() bool { return strings.EqualFold(c.prefers("IdType"), "ImmutableId") }
