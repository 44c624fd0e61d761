package microsoft

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"

	"steno/simulator/service"
	"steno/simulator/truth"
)

type dateTime struct {
	DateTime string `json:"dateTime"`
	TimeZone string `json:"timeZone"`
}

type address struct {
	EmailAddress struct {
		Name    string `json:"name"`
		Address string `json:"address"`
	} `json:"emailAddress"`
}

type status struct {
	Response string `json:"response"`
	Time     string `json:"time"`
}

type attendee struct {
	Type   string `json:"type"`
	Status status `json:"status"`
	address
}

type body struct {
	ContentType string `json:"contentType"`
	Content     string `json:"content"`
}

type place struct {
	DisplayName  string `json:"displayName"`
	LocationType string `json:"locationType"`
	UniqueIDType string `json:"uniqueIdType"`
}

type onlineMeeting struct {
	JoinURL string `json:"joinUrl"`
}

// event is a whole row. Bare rows and tombstones are other types.
type event struct {
	Type                  string         `json:"@odata.type,omitempty"`
	ETag                  string         `json:"@odata.etag"`
	ID                    string         `json:"id"`
	Created               string         `json:"createdDateTime"`
	Modified              string         `json:"lastModifiedDateTime"`
	ChangeKey             string         `json:"changeKey"`
	Categories            []string       `json:"categories"`
	TransactionID         *string        `json:"transactionId"`
	OriginalStartTimeZone string         `json:"originalStartTimeZone"`
	OriginalEndTimeZone   string         `json:"originalEndTimeZone"`
	ICalUID               string         `json:"iCalUId"`
	UID                   string         `json:"uid"`
	HasAttachments        bool           `json:"hasAttachments"`
	Subject               *string        `json:"subject"`
	BodyPreview           string         `json:"bodyPreview"`
	Importance            string         `json:"importance"`
	Sensitivity           string         `json:"sensitivity"`
	IsAllDay              bool           `json:"isAllDay"`
	IsCancelled           bool           `json:"isCancelled"`
	IsOrganizer           bool           `json:"isOrganizer"`
	SeriesMasterID        *string        `json:"seriesMasterId"`
	ShowAs                string         `json:"showAs"`
	EventType             string         `json:"type"`
	WebLink               string         `json:"webLink"`
	OnlineMeetingURL      *string        `json:"onlineMeetingUrl"`
	IsOnlineMeeting       bool           `json:"isOnlineMeeting"`
	OnlineMeetingProvider string         `json:"onlineMeetingProvider"`
	OriginalStart         string         `json:"originalStart,omitempty"`
	ResponseStatus        status         `json:"responseStatus"`
	Body                  *body          `json:"body"`
	Start                 dateTime       `json:"start"`
	End                   dateTime       `json:"end"`
	Location              *place         `json:"location"`
	Locations             []place        `json:"locations"`
	Recurrence            *recurrence    `json:"recurrence"`
	Attendees             []attendee     `json:"attendees"`
	Organizer             address        `json:"organizer"`
	OnlineMeeting         *onlineMeeting `json:"onlineMeeting"`

	extra map[string]any
	drop  []string
}

// MarshalJSON lays what a client wrote over the known fields, and leaves out
// what the service leaves out.
func (e *event) MarshalJSON() ([]byte, error) {
	if len(e.extra) == 0 && len(e.drop) == 0 {
		return json.Marshal((*plainEvent)(e))
	}
	data, err := json.Marshal((*plainEvent)(e))
	if err != nil {
		return nil, err
	}
	all := map[string]any{}
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	maps.Copy(all, e.extra)
	for _, name := range e.drop {
		delete(all, name)
	}
	return json.Marshal(all)
}

// plainEvent is an event without a MarshalJSON, which costs as much again: the
// encoder reads over what such a method returns.
type plainEvent event

func (e *event) row() any {
	if len(e.extra) == 0 && len(e.drop) == 0 {
		return (*plainEvent)(e)
	}
	return e
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }

func etag(rev int64) string { return fmt.Sprintf(`W/"%08x=="`, rev) }

// when writes a time in the zone of the answer; all-day events are at midnight
// in their own zone.
func (v view) when(t time.Time, c *truth.Content) dateTime {
	zone := v.zone
	if zone != "UTC" && v.c.happens(service.OtherZone) {
		zone = "UTC"
	}
	loc := time.UTC
	if iana, err := ianaName(zone); err == nil {
		if l, err := time.LoadLocation(iana); err == nil {
			loc = l
		}
	}
	t = truth.Begins(t, c.AllDay, c.Zone).In(loc)
	return dateTime{t.Format("2006-01-02T15:04:05.0000000"), zone}
}

// item writes a single event or a master.
func (v view) item(it *truth.Item) *event {
	e := v.content(it, it.Content, it.Rev, it.Updated)
	e.ID, e.EventType = v.id(it, ""), "singleInstance"
	e.Start, e.End = v.when(it.Content.Start, it.Content), v.when(it.Content.End, it.Content)
	if it.Rule != nil {
		e.EventType, e.Recurrence = "seriesMaster", formatRecurrence(it)
	}
	return e
}

// occurrence writes an occurrence in full, or a single event.
func (v view) occurrence(o truth.Occurrence) *event {
	if o.Slot == "" {
		return v.item(o.Item)
	}
	rev, updated := o.Item.Rev, o.Item.Updated
	if x := o.Item.Exceptions[o.Slot]; x != nil {
		rev, updated = x.Rev, x.Updated
	}
	e := v.content(o.Item, o.Content, rev, updated)
	master := v.id(o.Item, "")
	e.ID, e.EventType, e.SeriesMasterID = v.id(o.Item, o.Slot), "occurrence", &master
	e.ICalUID = o.Item.UID + "-" + o.Slot
	if o.Exception {
		e.EventType = "exception"
	}
	c := *o.Content
	c.AllDay = o.AllDay
	e.OriginalStart = truth.Begins(o.Original, len(o.Slot) == len("20060102"), o.Item.Content.Zone).UTC().Format("2006-01-02T15:04:05Z")
	e.Start, e.End = v.when(o.Start, &c), v.when(o.End, &c)
	return e
}

// bareRow is all that a delta says of an occurrence.
type bareRow struct {
	Type           string   `json:"@odata.type"`
	ETag           string   `json:"@odata.etag"`
	SeriesMasterID string   `json:"seriesMasterId"`
	EventType      string   `json:"type"`
	ID             string   `json:"id"`
	Start          dateTime `json:"start"`
	End            dateTime `json:"end"`
}

func (v view) bare(o truth.Occurrence) *bareRow {
	return &bareRow{Type: "#microsoft.graph.event", ETag: etag(o.Item.Rev), SeriesMasterID: v.id(o.Item, ""), EventType: "occurrence",
		ID: v.id(o.Item, o.Slot), Start: v.when(o.Start, o.Content), End: v.when(o.End, o.Content)}
}

// tombstone says that something is gone from the view.
type tombstone struct {
	Type    string            `json:"@odata.type"`
	ID      string            `json:"id"`
	Removed map[string]string `json:"@removed"`
}

var deleted = map[string]string{"reason": "deleted"}

func (v view) tombstone(it *truth.Item, slot string) *tombstone {
	return &tombstone{"#microsoft.graph.event", v.id(it, slot), deleted}
}

var tags = regexp.MustCompile(`<[^>]*>`)

func (v view) content(it *truth.Item, c *truth.Content, rev int64, updated time.Time) *event {
	owner := v.cal.Owner
	e := &event{ETag: etag(rev), Created: stamp(it.Created), Modified: stamp(updated), ChangeKey: fmt.Sprintf("%08x==", rev), Categories: []string{},
		OriginalStartTimeZone: windowsName(c.Zone), OriginalEndTimeZone: windowsName(c.Zone), ICalUID: it.UID, UID: it.UID, Importance: "normal",
		Sensitivity: "normal", IsAllDay: c.AllDay, IsCancelled: c.CalledOff, IsOrganizer: c.Organizer.Email == owner.Email, ShowAs: "busy",
		WebLink: "https://outlook.office365.com/owa/?itemid=" + it.ID, OnlineMeetingProvider: "unknown", Organizer: addressOf(c.Organizer),
		Locations: []place{}, Attendees: []attendee{}, extra: c.Extra}
	if c.Title != "" {
		e.Subject = &c.Title
	}
	if it.Token != "" {
		e.TransactionID = &it.Token
	}
	if c.CalledOff && e.Subject != nil {
		s := "Canceled: " + c.Title
		e.Subject = &s
	}
	v.flags(e, c)
	e.Body = &body{"text", c.Body}
	if c.HTML {
		e.Body = &body{"html", c.Body}
		if v.text {
			e.Body = &body{"text", tags.ReplaceAllString(c.Body, "")}
		}
	}
	e.BodyPreview = c.Body
	if c.HTML {
		e.BodyPreview = tags.ReplaceAllString(c.Body, "")
	}
	e.BodyPreview = strings.ToValidUTF8(e.BodyPreview[:min(len(e.BodyPreview), 200)], "")
	e.Location = &place{c.Location, "default", "unknown"}
	if c.Location != "" {
		e.Locations = append(e.Locations, *e.Location)
	}
	for _, a := range c.Attendees {
		kind := "required"
		if a.Optional {
			kind = "optional"
		}
		e.Attendees = append(e.Attendees, attendee{kind, statusOf(a.Response), addressOf(a.Person)})
	}
	return e
}

func (v view) flags(e *event, c *truth.Content) {
	if c.Free {
		e.ShowAs = "free"
	}
	if c.Unsure {
		e.ShowAs = "tentative"
	}
	if c.Private {
		e.Sensitivity = "private"
	}
	e.ResponseStatus = statusOf(c.ResponseOf(v.cal.Owner.Email))
	if e.IsOrganizer {
		e.ResponseStatus = status{"organizer", noTime}
	}
	if c.MeetingURL != "" && c.MeetingKind != "" {
		e.IsOnlineMeeting, e.OnlineMeetingProvider, e.OnlineMeeting = true, "teamsForBusiness", &onlineMeeting{c.MeetingURL}
	} else if c.MeetingURL != "" {
		e.OnlineMeetingURL = &c.MeetingURL
	}
}

const noTime = "0001-01-01T00:00:00Z"

func statusOf(r truth.Response) status {
	switch r {
	case truth.Accepted:
		return status{"accepted", noTime}
	case truth.Declined:
		return status{"declined", noTime}
	case truth.Tentative:
		return status{"tentativelyAccepted", noTime}
	}
	return status{"notResponded", noTime}
}

func addressOf(p truth.Person) address {
	var a address
	a.EmailAddress.Name, a.EmailAddress.Address = p.Name, p.Email
	if p.Name == "" {
		a.EmailAddress.Name = p.Email
	}
	return a
}
