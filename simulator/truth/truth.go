// Package truth is what really stands in the calendars of the simulators: the
// events, the edits and the occurrences that follow from them. The fake
// services speak about it in their own protocols; tests ask it directly.
//
// It is test equipment. Its expansion of recurrences is its own, so that it can
// be the oracle of a program that has its occurrences from the provider. It
// must not know a protocol, and product code must not import it.
package truth

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Errors of the edits.
var (
	ErrNoItem = errors.New("no such event")
	ErrNoSlot = errors.New("the series has no such occurrence")
	ErrTime   = errors.New("the event's time makes no sense")
)

// Person is an organiser or attendee.
type Person struct {
	Email string `json:"email"`
	Name  string `json:"name,omitempty"`
}

// Response is an attendee's answer.
type Response string

// The answers.
const (
	NeedsAction Response = "needsAction"
	Accepted    Response = "accepted"
	Tentative   Response = "tentative"
	Declined    Response = "declined"
)

// Attendee is a person with an answer.
type Attendee struct {
	Person
	Response Response `json:"response"`
	Optional bool     `json:"optional,omitempty"`
}

// Content is what an event says. Values of it are never changed in place:
// edits make a new one, so that readers need no lock.
type Content struct {
	Title    string `json:"title"`
	Body     string `json:"body,omitempty"`
	HTML     bool   `json:"html,omitempty"` // Body is HTML
	Location string `json:"location,omitempty"`
	// Start and End: UTC instants, or midnight UTC of the dates when AllDay;
	// the end is exclusive.
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
	AllDay bool      `json:"all_day,omitempty"`
	// Zone is the IANA name of the zone in which a series keeps its wall clock.
	Zone string `json:"zone"`
	// MeetingURL is the event's own conference; MeetingKind is how the service
	// calls it ("hangoutsMeet", "addOn", "teamsForBusiness").
	MeetingURL  string     `json:"meeting_url,omitempty"`
	MeetingKind string     `json:"meeting_kind,omitempty"`
	Organizer   Person     `json:"organizer"`
	Attendees   []Attendee `json:"attendees,omitempty"`
	Free        bool       `json:"free,omitempty"`    // does not take time
	Private     bool       `json:"private,omitempty"` // others see only that there is something
	Unsure      bool       `json:"unsure,omitempty"`  // status tentative
	// CalledOff: the organiser cancelled, the attendee's copy stays (Graph).
	CalledOff bool `json:"called_off,omitempty"`
	// Extra is what a client wrote beyond the above, in the service's words.
	Extra map[string]any `json:"extra,omitempty"`
}

// clone copies the content so deep that an edit cannot reach the old one.
func (c Content) clone() Content {
	c.Attendees = slices.Clone(c.Attendees)
	c.Extra = maps.Clone(c.Extra)
	return c
}

// ResponseOf returns the answer of the person with the address, Accepted for
// the organiser.
func (c *Content) ResponseOf(email string) Response {
	for _, a := range c.Attendees {
		if a.Email == email {
			return a.Response
		}
	}
	if c.Organizer.Email == email {
		return Accepted
	}
	return NeedsAction
}

// SetResponse sets the answer of a person, who becomes an attendee if he is
// none.
func (c *Content) SetResponse(owner Person, r Response) {
	for i := range c.Attendees {
		if c.Attendees[i].Email == owner.Email {
			c.Attendees[i].Response = r
			return
		}
	}
	c.Attendees = append(c.Attendees, Attendee{Person: owner, Response: r})
}

func (c *Content) check() error {
	if c.Start.IsZero() || c.End.Before(c.Start) {
		return fmt.Errorf("%w: it starts at %v and ends at %v", ErrTime, c.Start, c.End)
	}
	if _, err := location(c.Zone); err != nil {
		return fmt.Errorf("%w: %w", ErrTime, err)
	}
	return nil
}

// Exception is an occurrence that was changed or cancelled on its own.
type Exception struct {
	Slot      string // see SlotOf
	Original  time.Time
	AllDay    bool // of the slot
	Cancelled bool
	// Orphan: the series has no such slot any more.
	Orphan  bool
	Content *Content
	own     field // what was changed on its own and does not follow the series
	Updated time.Time
	Rev     int64
}

// Item is a single event or a series.
type Item struct {
	ID      string
	UID     string // iCalUID
	Seq     int64  // order of creation in its calendar, from 1
	Rev     int64  // calendar's revision of the last change of the item itself
	Touched int64  // the same, exceptions included
	Moved   int    // how often it was moved: ids that are not immutable change
	Created time.Time
	Updated time.Time
	Deleted bool
	Content *Content
	Rule    *Rule // nil: a single event
	Skipped map[string]bool
	// Exceptions by slot.
	Exceptions map[string]*Exception
	// Token is a client's key of the creation (Graph's transactionId).
	Token string
}

// Account is a user of a service.
type Account struct {
	Person
	Zone string
	book *Book

	Calendars []*Calendar
}

// Calendar is one calendar of an account. All methods may be called from any
// goroutine.
type Calendar struct {
	ID      string
	Name    string
	Zone    string
	Primary bool
	// Role is what the account may do: "owner", "writer", "reader",
	// "freeBusyReader".
	Role  string
	Owner Person
	// Unwatchable calendars refuse push (holidays, delegated ones).
	Unwatchable bool

	book  *Book
	mu    sync.RWMutex
	gone  bool
	items []*Item
	byID  map[string]*Item
	log   []Change
	rev   int64
	epoch int64 // grows when the calendar forgets its history
}

// Change is one line of a calendar's history.
type Change struct {
	Rev  int64
	Item *Item
	Slot string // "" for the item itself
	New  bool   // the item's first
}

// Book holds the accounts of one service.
type Book struct {
	// Now tells the time of created and updated fields.
	Now func() time.Time
	// NewID makes the id of an item that comes without one.
	NewID func() string
	// OwnZone: all-day events begin at midnight in their own zone, not in that
	// of the calendar.
	OwnZone bool
	// OnChange is told after every change, outside all locks.
	OnChange func(*Calendar, Change)

	mu       sync.RWMutex
	accounts map[string]*Account
	order    []*Account
}

// AddAccount opens an account with its primary calendar.
func (b *Book) AddAccount(p Person, zone, primaryID string) (*Account, error) {
	if _, err := location(zone); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.accounts[p.Email] != nil {
		return nil, fmt.Errorf("there is an account %s already", p.Email)
	}
	if b.accounts == nil {
		b.accounts = map[string]*Account{}
	}
	a := &Account{Person: p, Zone: zone, book: b}
	a.Calendars = []*Calendar{b.calendar(a, primaryID, p.Email, true)}
	b.accounts[p.Email] = a
	b.order = append(b.order, a)
	return a, nil
}

func (b *Book) calendar(a *Account, id, name string, primary bool) *Calendar {
	return &Calendar{ID: id, Name: name, Zone: a.Zone, Primary: primary, Role: "owner", Owner: a.Person, book: b, byID: map[string]*Item{}}
}

// Account returns the account with the address, or nil.
func (b *Book) Account(email string) *Account {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.accounts[email]
}

// Accounts returns all accounts in the order of their opening.
func (b *Book) Accounts() []*Account {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return slices.Clone(b.order)
}

// AddCalendar opens another calendar.
func (a *Account) AddCalendar(id, name string) *Calendar {
	a.book.mu.Lock()
	defer a.book.mu.Unlock()
	c := a.book.calendar(a, id, name, false)
	a.Calendars = append(a.Calendars, c)
	return c
}

// List returns the account's calendars that are not deleted.
func (a *Account) List() []*Calendar {
	a.book.mu.RLock()
	defer a.book.mu.RUnlock()
	var list []*Calendar
	for _, c := range a.Calendars {
		if !c.Gone() {
			list = append(list, c)
		}
	}
	return list
}

// Primary returns the account's first calendar.
func (a *Account) Primary() *Calendar { return a.Calendars[0] }

// Find returns the account's calendar with the id, or nil. It finds deleted
// calendars not.
func (a *Account) Find(id string) *Calendar {
	for _, c := range a.List() {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// Remove deletes the calendar with all in it.
func (c *Calendar) Remove() {
	c.mu.Lock()
	c.gone = true
	c.mu.Unlock()
}

// Gone tells that the calendar was deleted.
func (c *Calendar) Gone() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.gone
}

// Rev is the calendar's revision: it grows with every change.
func (c *Calendar) Rev() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.rev
}

// Expire makes the calendar forget its history: sync tokens and delta links of
// an earlier epoch are refused.
func (c *Calendar) Expire() {
	c.mu.Lock()
	c.epoch++
	c.mu.Unlock()
}

// Epoch is what a token must carry to be good.
func (c *Calendar) Epoch() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.epoch
}

// View calls f with the calendar locked for reading. f gets the items in the
// order of creation and the history; it must change and keep nothing of it but
// the contents.
func (c *Calendar) View(f func(items []*Item, log []Change)) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	f(c.items, c.log)
}

// Get calls f with an item, locked for reading. It reports whether there is
// one; deleted items are there, too.
func (c *Calendar) Get(id string, f func(*Item)) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	it := c.byID[id]
	if it == nil {
		return false
	}
	f(it)
	return true
}
