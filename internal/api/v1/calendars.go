package v1

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/calendar"
)

// UUIDInput is the id in a path.
type UUIDInput struct {
	UUID string `path:"uuid" doc:"A UUID."`
}

func (in UUIDInput) id() (string, error) { return door.ID("/uuid", in.UUID) }

// Calendar is a connected calendar.
type Calendar struct {
	UUID       string  `json:"uuid" format:"uuid"`
	Name       string  `json:"name"`
	Email      string  `json:"email"`
	GoogleID   string  `json:"google_id" doc:"The service's id of the calendar, Microsoft's too."`
	ResourceID *string `json:"resource_id" doc:"The service's id of the push channel; null: there is none."`
}

func calendarOf(c calendar.Connection) Calendar {
	return Calendar{c.ID, c.Name, c.Email, c.RawID, text(c.Watch.ProviderID)}
}

// Credentials are those of the customer's own application. They are stored
// sealed and never shown.
type Credentials struct {
	ClientID     string `json:"oauth_client_id" minLength:"1" maxLength:"2048" doc:"Client id of your application."`
	ClientSecret string `json:"oauth_client_secret" minLength:"1" maxLength:"4096" doc:"Client secret of your application."`
	RefreshToken string `json:"oauth_refresh_token" minLength:"1" maxLength:"16384" doc:"Refresh token of the user."`
	Platform     string `json:"platform" enum:"Google,Microsoft"`
}

var platforms = map[string]calendar.Platform{"Google": calendar.Google, "Microsoft": calendar.Microsoft}

// room translates. The API has no word for a tenant of Microsoft.
func (c Credentials) room() (calendar.Platform, calendar.Credentials, error) {
	err := door.Plain(map[string]string{"/oauth_client_id": c.ClientID, "/oauth_client_secret": c.ClientSecret, "/oauth_refresh_token": c.RefreshToken})
	return platforms[c.Platform], calendar.Credentials{ClientID: c.ClientID, ClientSecret: c.ClientSecret, RefreshToken: c.RefreshToken, Tenant: "common"}, err
}

type listRawInput struct{ Body Credentials }

type listRawOutput struct {
	Body struct {
		Calendars []rawCalendar `json:"calendars"`
	}
}

type rawCalendar struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	IsPrimary bool   `json:"is_primary"`
}

func (s *Surface) listRawCalendars(ctx context.Context, _ account.Caller, in *listRawInput) (*listRawOutput, error) {
	p, secret, err := in.Body.room()
	if err != nil {
		return nil, err
	}
	found, err := s.Calendars.RawCalendars(ctx, p, secret)
	if err != nil {
		return nil, err
	}
	out := &listRawOutput{}
	out.Body.Calendars = make([]rawCalendar, 0, len(found))
	for _, i := range found {
		out.Body.Calendars = append(out.Body.Calendars, rawCalendar{i.ID, i.Email, i.Primary})
	}
	return out, nil
}

type listCalendarsOutput struct{ Body []Calendar }

func (s *Surface) listCalendars(ctx context.Context, c account.Caller, _ *struct{}) (*listCalendarsOutput, error) {
	all, err := s.Calendars.All(ctx, c.TeamID)
	if err != nil {
		return nil, err
	}
	out := &listCalendarsOutput{Body: make([]Calendar, 0, len(all))}
	for _, k := range all {
		out.Body = append(out.Body, calendarOf(k))
	}
	return out, nil
}

type createCalendarInput struct {
	Body struct {
		Credentials
		RawCalendarID string `json:"raw_calendar_id,omitempty" maxLength:"2048" doc:"Id of the calendar at the service. Default: the account's own."`
	}
}

type calendarOutput struct{ Body Calendar }

type madeCalendarOutput struct {
	Body struct {
		Calendar Calendar `json:"calendar"`
	}
}

func (s *Surface) createCalendar(ctx context.Context, c account.Caller, in *createCalendarInput) (*madeCalendarOutput, error) {
	p, secret, err := in.Body.room()
	if err != nil {
		return nil, err
	}
	raw := in.Body.RawCalendarID
	if err := door.Plain(map[string]string{"/raw_calendar_id": raw}); err != nil {
		return nil, err
	}
	if raw == "" {
		raw = calendar.Primary
	}
	k, err := s.Calendars.Connect(ctx, c.TeamID, calendar.ConnectRequest{Platform: p, Credentials: secret, RawID: raw})
	if err != nil {
		return nil, err
	}
	out := &madeCalendarOutput{}
	out.Body.Calendar = calendarOf(k)
	return out, nil
}

func (s *Surface) getCalendar(ctx context.Context, c account.Caller, in *UUIDInput) (*calendarOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	k, err := s.Calendars.Get(ctx, c.TeamID, id)
	if err != nil {
		return nil, err
	}
	return &calendarOutput{calendarOf(k)}, nil
}

type updateCalendarInput struct {
	UUIDInput
	Body Credentials
}

func (s *Surface) updateCalendar(ctx context.Context, c account.Caller, in *updateCalendarInput) (*madeCalendarOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	p, secret, err := in.Body.room()
	if err != nil {
		return nil, err
	}
	k, err := s.Calendars.Replace(ctx, c.TeamID, id, p, secret)
	if err != nil {
		return nil, err
	}
	out := &madeCalendarOutput{}
	out.Body.Calendar = calendarOf(k)
	return out, nil
}

func (s *Surface) deleteCalendar(ctx context.Context, c account.Caller, in *UUIDInput) (*struct{}, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	return nil, s.Calendars.Disconnect(ctx, c.TeamID, id)
}

type resyncInput struct {
	Days int `query:"days" minimum:"1" maximum:"400" doc:"How far ahead to read, if that is further than usual."`
}

type resyncOutput struct {
	Body struct {
		Synced []string  `json:"synced_calendars"`
		Errors []failure `json:"errors"`
	}
}

// failure is a calendar and why it could not be read: an array of two texts on
// the wire (digest 3.2).
type failure [2]string

// Schema says that there are two.
func (failure) Schema(huma.Registry) *huma.Schema {
	two := 2
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}, MinItems: &two, MaxItems: &two}
}

func (s *Surface) resyncAll(ctx context.Context, c account.Caller, in *resyncInput) (*resyncOutput, error) {
	all, err := s.Calendars.ResyncAll(ctx, c.TeamID, time.Duration(in.Days)*24*time.Hour)
	if err != nil {
		return nil, err
	}
	out := &resyncOutput{}
	out.Body.Synced, out.Body.Errors = []string{}, []failure{}
	for _, r := range all {
		if r.Problem == "" {
			out.Body.Synced = append(out.Body.Synced, r.CalendarID)
		} else {
			out.Body.Errors = append(out.Body.Errors, failure{r.CalendarID, r.Problem})
		}
	}
	return out, nil
}
