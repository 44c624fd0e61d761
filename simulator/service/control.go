package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"steno/simulator/truth"
)

// Fake is what the control surface needs of a service.
type Fake interface {
	// Open opens an account that has allowed the app.
	Open(email, name, zone string, scopes []string) (Credentials, error)
	// OpenCalendar opens another calendar of an account.
	OpenCalendar(email, name string) (*truth.Calendar, error)
	// Push tells a calendar's watchers that something changed.
	Push(*truth.Calendar) int
	// Word is the API's id of an occurrence.
	Word(truth.Occurrence) string
}

// Credentials are what a client needs to act for an account.
type Credentials struct {
	Email        string `json:"email"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	RefreshToken string `json:"refresh_token"` // the first one; Microsoft replaces it
	CalendarID   string `json:"calendar_id"`   // of the first calendar
}

type control struct {
	*Core
	fake Fake
}

// Control is the JSON API by which a fake is steered from outside. Its paths
// begin with /control/; docs/simulators.md lists them. Pages of other origins
// are refused. A nil fake has no calendars: faults and calls are all there is.
func (c *Core) Control(fake Fake) http.Handler {
	x := &control{c, fake}
	mux := http.NewServeMux()
	handle := func(pattern string, h func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { x.reply(w, r, h) })
	}
	x.steerFaults(handle)
	if fake == nil {
		return mux
	}
	handle("GET /control/accounts", x.accounts)
	handle("POST /control/accounts", x.openAccount)
	handle("POST /control/accounts/{email}/calendars", x.openCalendar)
	handle("POST /control/accounts/{email}/{action}", x.actOnAccount)
	handle("GET /control/calendars/{calendar}/occurrences", x.occurrences)
	handle("POST /control/calendars/{calendar}/events", x.addEvent)
	handle("POST /control/calendars/{calendar}/events/{event}/{action}", x.actOnEvent)
	handle("POST /control/calendars/{calendar}/{action}", x.actOnCalendar)
	return mux
}

// steerFaults is what all fakes have.
func (x *control) steerFaults(handle func(string, func(*http.Request) (any, error))) {
	handle("GET /control/faults", func(*http.Request) (any, error) { return x.Rates(), nil })
	handle("PATCH /control/faults", x.changeFaults)
	handle("DELETE /control/faults", func(*http.Request) (any, error) { x.Pacify(); return x.Rates(), nil })
	handle("POST /control/faults", x.injectFault)
	handle("GET /control/calls", func(*http.Request) (any, error) { return x.AllCalls(), nil })
	handle("DELETE /control/calls", func(*http.Request) (any, error) { x.ResetCalls(); return x.AllCalls(), nil })
}

// Beside puts the control surface beside a service's own paths.
func (c *Core) Beside(fake Fake, service http.Handler) http.Handler {
	control := c.Control(fake)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/control/") {
			control.ServeHTTP(w, r)
			return
		}
		service.ServeHTTP(w, r)
	})
}

var errNothing = errors.New("there is no such thing")

func (x *control) reply(w http.ResponseWriter, r *http.Request, h func(*http.Request) (any, error)) {
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	out, err := h(r)
	status := http.StatusOK
	if err != nil {
		status = http.StatusBadRequest
		if errors.Is(err, errNothing) || errors.Is(err, truth.ErrNoItem) || errors.Is(err, truth.ErrNoSlot) {
			status = http.StatusNotFound
		}
		out = map[string]string{"error": err.Error()}
	}
	WriteReply(w, Reply{Status: status, Body: out})
}

type calendarState struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Zone   string `json:"zone"`
	Events int    `json:"events"`
}

func (x *control) accounts(*http.Request) (any, error) {
	list := []any{}
	for _, a := range x.Book.Accounts() {
		calendars := []calendarState{}
		for _, cal := range a.List() {
			calendars = append(calendars, calendarState{cal.ID, cal.Name, cal.Zone, len(cal.IDs())})
		}
		list = append(list, map[string]any{"email": a.Email, "name": a.Name, "calendars": calendars})
	}
	return list, nil
}

func (x *control) openAccount(r *http.Request) (any, error) {
	var body struct {
		Email, Name, Zone string
		Scopes            []string
	}
	if err := ReadJSON(r, &body); err != nil {
		return nil, err
	}
	if body.Email == "" {
		return nil, errors.New("email is missing")
	}
	if body.Zone == "" {
		body.Zone = "UTC"
	}
	return x.fake.Open(body.Email, body.Name, body.Zone, body.Scopes)
}

func (x *control) openCalendar(r *http.Request) (any, error) {
	var body struct {
		Name, Zone, Role string
		Unwatchable      bool
	}
	if err := ReadJSON(r, &body); err != nil {
		return nil, err
	}
	if x.Book.Account(r.PathValue("email")) == nil {
		return nil, fmt.Errorf("%w: account %s", errNothing, r.PathValue("email"))
	}
	cal, err := x.fake.OpenCalendar(r.PathValue("email"), body.Name)
	if err != nil {
		return nil, err
	}
	if body.Zone != "" {
		cal.Zone = body.Zone
	}
	if body.Role != "" {
		cal.Role = body.Role
	}
	cal.Unwatchable = body.Unwatchable
	return calendarState{ID: cal.ID, Name: cal.Name, Zone: cal.Zone}, nil
}

// actOnAccount: revoke, expire (access tokens), fail (refreshes, with a code).
func (x *control) actOnAccount(r *http.Request) (any, error) {
	email := r.PathValue("email")
	if x.Book.Account(email) == nil {
		return nil, fmt.Errorf("%w: account %s", errNothing, email)
	}
	var body struct{ Code string }
	if err := ReadJSON(r, &body); err != nil {
		return nil, err
	}
	switch r.PathValue("action") {
	case "revoke":
		x.Grants.Each(email, func(g *Grant) { g.Revoked = true })
	case "expire":
		x.Grants.ExpireAccess(email)
	case "fail":
		x.Grants.Each(email, func(g *Grant) { g.Failure = body.Code })
	default:
		return nil, fmt.Errorf("%w: action %s; there are revoke, expire, fail", errNothing, r.PathValue("action"))
	}
	return map[string]bool{"ok": true}, nil
}

func (x *control) calendar(r *http.Request) (*truth.Calendar, error) {
	id := r.PathValue("calendar")
	for _, a := range x.Book.Accounts() {
		if cal := a.Find(id); cal != nil {
			return cal, nil
		}
	}
	return nil, fmt.Errorf("%w: calendar %s", errNothing, id)
}

type shown struct {
	APIID string `json:"id"`
	truth.Occurrence
}

func (x *control) occurrences(r *http.Request) (any, error) {
	cal, err := x.calendar(r)
	if err != nil {
		return nil, err
	}
	from, to, err := between(r.URL.Query(), x.Now())
	if err != nil {
		return nil, err
	}
	list := []shown{}
	for _, o := range cal.Occurrences(from, to) {
		list = append(list, shown{x.fake.Word(o), o})
	}
	return list, nil
}

// between reads from and to; by default the 30 days from now.
func between(q url.Values, now time.Time) (from, to time.Time, err error) {
	from, to = now, now.AddDate(0, 0, 30)
	for name, into := range map[string]*time.Time{"from": &from, "to": &to} {
		if s := q.Get(name); s != "" {
			if *into, err = time.Parse(time.RFC3339, s); err != nil {
				return from, to, err
			}
		}
	}
	return from, to, nil
}

func (x *control) addEvent(r *http.Request) (any, error) {
	cal, err := x.calendar(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		truth.Content
		Rule *truth.Rule `json:"rule"`
		Skip []time.Time `json:"skip"`
	}
	if err := ReadJSON(r, &body); err != nil {
		return nil, err
	}
	id, err := cal.Add(truth.Event{Content: body.Content, Rule: body.Rule, Skip: body.Skip})
	if err != nil {
		return nil, err
	}
	return map[string]string{"item_id": id}, nil
}

// actOnCalendar: expire (sync tokens), push, remove, fill, shake.
func (x *control) actOnCalendar(r *http.Request) (any, error) {
	cal, err := x.calendar(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		Seed           uint64
		Edits, N       int
		Events, Series int
	}
	if err := ReadJSON(r, &body); err != nil {
		return nil, err
	}
	from, to, err := between(r.URL.Query(), x.Now())
	if err != nil {
		return nil, err
	}
	switch r.PathValue("action") {
	case "expire":
		cal.Expire()
	case "remove":
		cal.Remove()
	case "push":
		n := 0
		for range max(body.N, 1) {
			n += x.fake.Push(cal)
		}
		return map[string]int{"pushes": n}, nil
	case "fill":
		return map[string]bool{"ok": true}, cal.Fill(body.Events, body.Series, from, to)
	case "shake":
		rng := rand.New(rand.NewPCG(body.Seed, 1))
		did := []string{}
		for range max(body.Edits, 1) {
			did = append(did, cal.Shake(rng, from, to))
		}
		return did, nil
	default:
		return nil, fmt.Errorf("%w: action %s; there are expire, push, remove, fill, shake", errNothing, r.PathValue("action"))
	}
	return map[string]bool{"ok": true}, nil
}

// actOnEvent: edit, move, cancel, split, delete, rezone, respond, touch. With a
// slot it is about one occurrence.
func (x *control) actOnEvent(r *http.Request) (any, error) {
	cal, err := x.calendar(r)
	if err != nil {
		return nil, err
	}
	var body change
	if err := ReadJSON(r, &body); err != nil {
		return nil, err
	}
	id, slot := r.PathValue("event"), body.Slot
	edit := func(f func(*truth.Content)) error {
		if slot != "" {
			return cal.EditSlot(id, slot, f)
		}
		return cal.Edit(id, f)
	}
	out := map[string]string{"item_id": id}
	switch action := r.PathValue("action"); action {
	case "edit":
		var old truth.Content
		if !cal.Get(id, func(it *truth.Item) { old = *it.Content }) {
			return nil, truth.ErrNoItem
		}
		if err = json.Unmarshal(body.Fields, &old); err == nil { // a copy, to see whether it can be read
			err = edit(func(c *truth.Content) { _ = json.Unmarshal(body.Fields, c) })
		}
	case "move":
		var by time.Duration
		if by, err = time.ParseDuration(body.By); err == nil {
			err = edit(func(c *truth.Content) { c.Start, c.End = c.Start.Add(by), c.End.Add(by) })
		}
	case "respond":
		err = edit(func(c *truth.Content) { c.SetResponse(cal.Owner, body.Response) })
	case "cancel":
		err = cal.CancelSlot(id, slot)
	case "split":
		out["item_id"], err = cal.Split(id, slot, func(c *truth.Content) { _ = json.Unmarshal(body.Fields, c) })
	case "delete":
		err = cal.Delete(id)
	case "rezone":
		err = cal.Rezone(id, body.Zone)
	case "touch":
		err = cal.Touch(id)
	default:
		err = fmt.Errorf("%w: action %s; there are edit, move, respond, cancel, split, delete, rezone, touch", errNothing, action)
	}
	return out, err
}

type change struct {
	Slot     string          `json:"slot"`
	By       string          `json:"by"` // as in "-30m"
	Zone     string          `json:"zone"`
	Response truth.Response  `json:"response"`
	Fields   json.RawMessage `json:"fields"` // of truth.Content
}

func (x *control) changeFaults(r *http.Request) (any, error) {
	var f Faults
	if err := ReadJSON(r, &f); err != nil {
		return nil, err
	}
	if err := f.Check(); err != nil {
		return nil, err
	}
	x.SetFaults(f)
	return x.Rates(), nil
}

func (x *control) injectFault(r *http.Request) (any, error) {
	var i Injection
	if err := ReadJSON(r, &i); err != nil {
		return nil, err
	}
	if i.Status == 0 {
		if err := (Faults{i.Kind: 1}).Check(); err != nil {
			return nil, err
		}
	}
	x.Inject(i)
	return i, nil
}
