package v1

import (
	"context"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/zoom"
)

// ZoomCredentials is what the surface needs of the room of Zoom credentials: its
// connections are those credentials that a user gave.
type ZoomCredentials interface {
	Create(ctx context.Context, team string, n zoom.New) (zoom.Credential, error)
	List(ctx context.Context, team string, f zoom.Filter) ([]zoom.Credential, error)
	User(ctx context.Context, team, id string) (zoom.Credential, error)
	DeleteUser(ctx context.Context, team, id string) error
}

// zoomConnection has no zone in its times, as the contract has it.
type zoomConnection struct {
	UUID          string       `json:"uuid" format:"uuid"`
	ZoomUserID    string       `json:"zoom_user_id"`
	ZoomAccountID *string      `json:"zoom_account_id"`
	Scopes        *string      `json:"scopes" doc:"With commas."`
	State         string       `json:"state" enum:"connected,refresh_failed"`
	Failure       *zoomFailure `json:"connection_failure_data,omitempty"`
	CreatedAt     string       `json:"created_at" doc:"UTC."`
	UpdatedAt     string       `json:"updated_at" doc:"UTC."`
}

type zoomFailure struct {
	Message string  `json:"message"`
	At      *string `json:"at"`
}

const withoutZone = "2006-01-02T15:04:05.000"

func connectionOf(c zoom.Credential) zoomConnection {
	out := zoomConnection{
		UUID: c.ID, ZoomUserID: c.Person.UserID, ZoomAccountID: text(c.Person.AccountID), Scopes: text(c.Scopes), State: "connected",
		CreatedAt: c.CreatedAt.UTC().Format(withoutZone), UpdatedAt: c.UpdatedAt.UTC().Format(withoutZone),
	}
	if c.State == zoom.Invalid {
		out.State, out.Failure = "refresh_failed", &zoomFailure{c.LastError, maybeStamp(c.LastErrorAt)}
	}
	return out
}

type zoomOutput struct{ Body zoomConnection }

func zoomAnswer(c zoom.Credential, err error) (*zoomOutput, error) {
	return &zoomOutput{connectionOf(c)}, err
}

type createZoomInput struct {
	Body struct {
		Code         string `json:"authorization_code" minLength:"1" maxLength:"2000" doc:"Never returned."`
		RedirectURI  string `json:"redirect_uri" minLength:"1" maxLength:"2048" doc:"The one that the code was made for."`
		ClientID     string `json:"zoom_client_id" minLength:"1" maxLength:"256" doc:"Of the Zoom app. Never returned."`
		ClientSecret string `json:"zoom_client_secret" minLength:"1" maxLength:"256" doc:"Of the Zoom app. Never returned."`
	}
}

// zoomName is what API v2 shows of a connection, whose API has no names.
const zoomName = "API v1"

func (s *Surface) createZoom(ctx context.Context, c account.Caller, in *createZoomInput) (*zoomOutput, error) {
	b := in.Body
	err := door.Plain(map[string]string{"/authorization_code": b.Code, "/redirect_uri": b.RedirectURI, "/zoom_client_id": b.ClientID, "/zoom_client_secret": b.ClientSecret})
	if err != nil {
		return nil, err
	}
	return zoomAnswer(s.Zoom.Create(ctx, c.TeamID, zoom.New{Name: zoomName, ClientID: b.ClientID, Secret: b.ClientSecret, Code: b.Code, RedirectURI: b.RedirectURI}))
}

type listZoomOutput struct{ Body []zoomConnection }

func (s *Surface) listZoom(ctx context.Context, c account.Caller, _ *struct{}) (*listZoomOutput, error) {
	all, err := s.Zoom.List(ctx, c.TeamID, zoom.Filter{Kinds: []zoom.Kind{zoom.User}})
	if err != nil {
		return nil, err
	}
	out := &listZoomOutput{Body: make([]zoomConnection, 0, len(all))}
	for _, one := range all {
		out.Body = append(out.Body, connectionOf(one))
	}
	return out, nil
}

func (s *Surface) getZoom(ctx context.Context, c account.Caller, in *UUIDInput) (*zoomOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	return zoomAnswer(s.Zoom.User(ctx, c.TeamID, id))
}

func (s *Surface) deleteZoom(ctx context.Context, c account.Caller, in *UUIDInput) (*nothing, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	return nil, s.Zoom.DeleteUser(ctx, c.TeamID, id)
}
