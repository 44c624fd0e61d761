package v2

import (
	"context"
	"encoding/json"
	"strings"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
	"steno/internal/calendar"
)

type calendarInput struct {
	CalendarID string `path:"calendar_id" doc:"The id of the calendar, a UUID."`
}

func (c calendarInput) id() (string, error) { return door.ID("/calendar_id", c.CalendarID) }

// Credentials are those of the customer's own application. They are stored
// sealed and never shown.
type Credentials struct {
	ClientID     string `json:"oauth_client_id" minLength:"1" maxLength:"2048" doc:"Client id of your application."`
	ClientSecret string `json:"oauth_client_secret" minLength:"1" maxLength:"4096" doc:"Client secret of your application."`
	RefreshToken string `json:"oauth_refresh_token" minLength:"1" maxLength:"16384" doc:"Refresh token of the user."`
	TenantID     string `json:"oauth_tenant_id,omitempty" maxLength:"255" doc:"Microsoft only: tenant id, common, organizations or consumers. Default: common."`
}

func (c Credentials) room() (calendar.Credentials, error) {
	err := door.Plain(map[string]string{"/oauth_client_id": c.ClientID, "/oauth_client_secret": c.ClientSecret, "/oauth_refresh_token": c.RefreshToken, "/oauth_tenant_id": c.TenantID})
	return calendar.Credentials{ClientID: c.ClientID, ClientSecret: c.ClientSecret, RefreshToken: c.RefreshToken, Tenant: orCommon(c.TenantID)}, err
}

func orCommon(tenant string) string {
	if tenant == "" {
		return "common"
	}
	return tenant
}

type listRawInput struct {
	Body struct {
		Platform string `json:"calendar_platform" enum:"google,microsoft"`
		Credentials
	}
}

type listRawOutput struct {
	Body struct {
		Success bool          `json:"success"`
		Data    []rawCalendar `json:"data"`
	}
}

type rawCalendar struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Email     string `json:"email"`
	IsPrimary bool   `json:"is_primary"`
}

func (s *Surface) listRawCalendars(ctx context.Context, _ account.Caller, in *listRawInput) (*listRawOutput, error) {
	c, err := in.Body.room()
	if err != nil {
		return nil, err
	}
	found, err := s.Calendars.RawCalendars(ctx, calendar.Platform(in.Body.Platform), c)
	if err != nil {
		return nil, err
	}
	out := &listRawOutput{}
	out.Body.Success, out.Body.Data = true, make([]rawCalendar, 0, len(found))
	for _, i := range found {
		out.Body.Data = append(out.Body.Data, rawCalendar{ID: i.ID, Name: i.Name, Email: i.Email, IsPrimary: i.Primary})
	}
	return out, nil
}

type createCalendarInput struct {
	Body struct {
		Platform string `json:"calendar_platform" enum:"google,microsoft"`
		Credentials
		RawCalendarID string `json:"raw_calendar_id" minLength:"1" maxLength:"2048" doc:"Id of the calendar at the service; primary for the account's own at Google."`
	}
}

type createdCalendar struct {
	CalendarID   string `json:"calendar_id" format:"uuid"`
	Platform     string `json:"calendar_platform" enum:"google,microsoft"`
	AccountEmail string `json:"account_email"`
	Status       string `json:"status" enum:"active,error,revoked,permission_denied"`
	CreatedAt    string `json:"created_at" format:"date-time"`
}

type createCalendarOutput struct {
	Body struct {
		Success bool            `json:"success"`
		Data    createdCalendar `json:"data"`
	}
}

func (s *Surface) createCalendar(ctx context.Context, c account.Caller, in *createCalendarInput) (*createCalendarOutput, error) {
	secret, err := in.Body.room()
	if err != nil {
		return nil, err
	}
	if err := door.Plain(map[string]string{"/raw_calendar_id": in.Body.RawCalendarID}); err != nil {
		return nil, err
	}
	made, err := s.Calendars.Connect(ctx, c.TeamID, calendar.ConnectRequest{
		Platform: calendar.Platform(in.Body.Platform), Credentials: secret, RawID: in.Body.RawCalendarID,
	})
	if err != nil {
		return nil, err
	}
	out := &createCalendarOutput{}
	out.Body.Success, out.Body.Data = true, createdCalendar{made.ID, string(made.Platform), made.Email, string(made.Status), stamp(made.CreatedAt)}
	return out, nil
}

type listCalendarsInput struct {
	Limit        int    `query:"limit" minimum:"1" maximum:"250" default:"20" doc:"A page never holds more than 100."`
	Cursor       string `query:"cursor" doc:"cursor or prev_cursor of the page before."`
	AccountEmail string `query:"account_email" doc:"Part of the address, in any case."`
	Platform     string `query:"calendar_platform" doc:"google, microsoft, with commas."`
	PlatformOld  string `query:"platform" doc:"Another name of calendar_platform."`
	Status       string `query:"status" doc:"active, error, revoked, permission_denied, with commas."`
}

type listCalendarsOutput struct {
	Body struct {
		Success    bool             `json:"success"`
		Data       []listedCalendar `json:"data"`
		Cursor     *string          `json:"cursor"`
		PrevCursor *string          `json:"prev_cursor"`
	}
}

type listedCalendar struct {
	CalendarID   string  `json:"calendar_id" format:"uuid"`
	Platform     string  `json:"calendar_platform"`
	AccountEmail string  `json:"account_email"`
	Status       string  `json:"status"`
	SyncedAt     *string `json:"synced_at" format:"date-time"`
	CreatedAt    string  `json:"created_at" format:"date-time"`
}

func (s *Surface) listCalendars(ctx context.Context, c account.Caller, in *listCalendarsInput) (*listCalendarsOutput, error) {
	p := filterParser{now: s.Clock.Now()}
	q := calendar.ConnectionQuery{
		Email:     p.text("/account_email", in.AccountEmail),
		Platforms: choices(&p, "/calendar_platform", in.Platform+","+in.PlatformOld, calendar.Google, calendar.Microsoft),
		Statuses:  choices(&p, "/status", in.Status, calendar.ConnectionStatuses...),
	}
	if len(p.issues) > 0 {
		return nil, bot.Invalid(p.issues...)
	}
	page, err := s.Calendars.Connections(ctx, c.TeamID, q, in.Limit, value(in.Cursor))
	if err != nil {
		return nil, err
	}
	out := &listCalendarsOutput{}
	out.Body.Success, out.Body.Data = true, make([]listedCalendar, 0, len(page.Items))
	for _, i := range page.Items {
		out.Body.Data = append(out.Body.Data, listedCalendar{i.ID, string(i.Platform), i.Email, string(i.Status), maybeStamp(i.SyncedAt), stamp(i.CreatedAt)})
	}
	out.Body.Cursor, out.Body.PrevCursor = text(page.Next), text(page.Prev)
	return out, nil
}

// choices reads a list with commas of which every item is one of a few words.
func choices[T ~string](p *filterParser, pointer, v string, allowed ...T) (out []T) {
	for _, item := range p.items(pointer, v) {
		known := false
		for _, a := range allowed {
			if string(a) == item {
				known, out = true, append(out, a)
			}
		}
		if !known {
			names := make([]string, 0, len(allowed))
			for _, a := range allowed {
				names = append(names, string(a))
			}
			p.broke(pointer, "must be one of "+strings.Join(names, ", "), item)
		}
	}
	return out
}

type getCalendarOutput struct {
	Body struct {
		Success bool            `json:"success"`
		Data    calendarDetails `json:"data"`
	}
}

// calendarDetails has every field at every time; null stands for nothing.
type calendarDetails struct {
	CalendarID            string          `json:"calendar_id" format:"uuid"`
	Platform              string          `json:"calendar_platform"`
	AccountEmail          string          `json:"account_email"`
	Status                string          `json:"status"`
	StatusMessage         *string         `json:"status_message"`
	SubscriptionID        *string         `json:"subscription_id"`
	SubscriptionExpiresAt *string         `json:"subscription_expires_at" format:"date-time"`
	SyncedAt              *string         `json:"synced_at" format:"date-time"`
	SyncStatus            *string         `json:"sync_status" enum:"success,failed,partial"`
	SyncError             *string         `json:"sync_error"`
	ProviderMetadata      json.RawMessage `json:"provider_metadata"`
	CreatedAt             string          `json:"created_at" format:"date-time"`
	UpdatedAt             string          `json:"updated_at" format:"date-time"`
}

func (s *Surface) getCalendar(ctx context.Context, c account.Caller, in *calendarInput) (*getCalendarOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	k, err := s.Calendars.Get(ctx, c.TeamID, id)
	if err != nil {
		return nil, err
	}
	out := &getCalendarOutput{}
	out.Body.Success = true
	out.Body.Data = calendarDetails{
		CalendarID: k.ID, Platform: string(k.Platform), AccountEmail: k.Email, Status: string(k.Status), StatusMessage: text(k.StatusMessage),
		SubscriptionID: text(subscription(k)), SubscriptionExpiresAt: maybeStamp(k.Watch.Expires), SyncedAt: maybeStamp(k.SyncedAt),
		SyncStatus: text(string(k.SyncStatus)), SyncError: text(k.SyncError), ProviderMetadata: orNull(k.Metadata),
		CreatedAt: stamp(k.CreatedAt), UpdatedAt: stamp(k.UpdatedAt),
	}
	return out, nil
}

// subscription is the id under which the service knows the push channel: its
// own at Microsoft, ours at Google.
func subscription(k calendar.Connection) string {
	if k.Platform == calendar.Microsoft {
		return k.Watch.ProviderID
	}
	return k.Watch.ChannelID
}

type updateCalendarInput struct {
	CalendarID string `path:"calendar_id" doc:"The id of the calendar, a UUID."`
	Body       struct {
		ClientID     *string `json:"oauth_client_id,omitempty" minLength:"1" maxLength:"2048"`
		ClientSecret *string `json:"oauth_client_secret,omitempty" minLength:"1" maxLength:"4096"`
		RefreshToken *string `json:"oauth_refresh_token,omitempty" minLength:"1" maxLength:"16384"`
		TenantID     *string `json:"oauth_tenant_id,omitempty" minLength:"1" maxLength:"255"`
	}
}

type updateCalendarOutput struct {
	Body struct {
		Success bool            `json:"success"`
		Data    updatedCalendar `json:"data"`
	}
}

type updatedCalendar struct {
	CalendarID   string `json:"calendar_id" format:"uuid"`
	Platform     string `json:"calendar_platform"`
	AccountEmail string `json:"account_email"`
	Status       string `json:"status"`
	UpdatedAt    string `json:"updated_at" format:"date-time"`
}

func (s *Surface) updateCalendar(ctx context.Context, c account.Caller, in *updateCalendarInput) (*updateCalendarOutput, error) {
	id, err := door.ID("/calendar_id", in.CalendarID)
	if err != nil {
		return nil, err
	}
	b := in.Body
	if b.ClientID == nil && b.ClientSecret == nil && b.RefreshToken == nil && b.TenantID == nil {
		return nil, bot.Invalid(bot.Issue{Pointer: "/", Rule: "must hold at least one of oauth_client_id, oauth_client_secret, oauth_refresh_token, oauth_tenant_id"})
	}
	for pointer, v := range map[string]*string{"/oauth_client_id": b.ClientID, "/oauth_client_secret": b.ClientSecret, "/oauth_refresh_token": b.RefreshToken, "/oauth_tenant_id": b.TenantID} {
		if v != nil {
			if err := door.Plain(map[string]string{pointer: *v}); err != nil {
				return nil, err
			}
		}
	}
	k, err := s.Calendars.Reconnect(ctx, c.TeamID, id, calendar.CredentialsChange{ClientID: b.ClientID, ClientSecret: b.ClientSecret, RefreshToken: b.RefreshToken, Tenant: b.TenantID})
	if err != nil {
		return nil, err
	}
	out := &updateCalendarOutput{}
	out.Body.Success, out.Body.Data = true, updatedCalendar{k.ID, string(k.Platform), k.Email, string(k.Status), stamp(k.UpdatedAt)}
	return out, nil
}

func (s *Surface) deleteCalendar(ctx context.Context, c account.Caller, in *calendarInput) (*messageOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	if err := s.Calendars.Disconnect(ctx, c.TeamID, id); err != nil {
		return nil, err
	}
	return say("Calendar deleted"), nil
}

func (s *Surface) syncCalendar(ctx context.Context, c account.Caller, in *calendarInput) (*messageOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	done, err := s.Calendars.Refresh(ctx, c.TeamID, id)
	if err != nil {
		return nil, err
	}
	if !done {
		return say("Calendar sync started; it goes on in the background"), nil
	}
	return say("Calendar synced"), nil
}

type resubscribeOutput struct {
	Body struct {
		Success bool         `json:"success"`
		Data    resubscribed `json:"data"`
	}
}

type resubscribed struct {
	CalendarID     string `json:"calendar_id" format:"uuid"`
	ResubscribedAt string `json:"resubscribed_at" format:"date-time"`
}

func (s *Surface) resubscribeCalendar(ctx context.Context, c account.Caller, in *calendarInput) (*resubscribeOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	at, err := s.Calendars.Resubscribe(ctx, c.TeamID, id)
	if err != nil {
		return nil, err
	}
	out := &resubscribeOutput{}
	out.Body.Success, out.Body.Data = true, resubscribed{id, stamp(at)}
	return out, nil
}
