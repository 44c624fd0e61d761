package v2

import (
	"context"
	"encoding/json"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
	"steno/internal/zoom"
)

// ZoomCredentials is what the surface needs of the room of Zoom credentials.
type ZoomCredentials interface {
	Create(ctx context.Context, team string, n zoom.New) (zoom.Credential, error)
	List(ctx context.Context, team string, f zoom.Filter) ([]zoom.Credential, error)
	Get(ctx context.Context, team, id string) (zoom.Credential, error)
	Update(ctx context.Context, team, id string, ch zoom.Change) (zoom.Credential, error)
	Delete(ctx context.Context, team, id string) error
}

// zoomCredential has every field at every time; null stands for nothing.
type zoomCredential struct {
	CredentialID     string          `json:"credential_id" format:"uuid"`
	Name             string          `json:"name"`
	CredentialType   string          `json:"credential_type" enum:"app,user"`
	ZoomUserID       *string         `json:"zoom_user_id"`
	ZoomAccountID    *string         `json:"zoom_account_id"`
	ZoomEmail        *string         `json:"zoom_email"`
	ZoomDisplayName  *string         `json:"zoom_display_name"`
	Scopes           *string         `json:"scopes" doc:"With commas."`
	State            string          `json:"state" enum:"active,invalid"`
	LastErrorMessage *string         `json:"last_error_message"`
	LastErrorAt      *string         `json:"last_error_at" format:"date-time"`
	CreatedAt        string          `json:"created_at" format:"date-time"`
	UpdatedAt        string          `json:"updated_at" format:"date-time"`
	Extra            json.RawMessage `json:"extra"`
}

func zoomOut(c zoom.Credential) zoomCredential {
	return zoomCredential{
		CredentialID: c.ID, Name: c.Name, CredentialType: string(c.Kind), ZoomUserID: text(c.Person.UserID), ZoomAccountID: text(c.Person.AccountID),
		ZoomEmail: text(c.Person.Email), ZoomDisplayName: text(c.Person.DisplayName), Scopes: text(c.Scopes), State: string(c.State),
		LastErrorMessage: text(c.LastError), LastErrorAt: maybeStamp(c.LastErrorAt), CreatedAt: stamp(c.CreatedAt), UpdatedAt: stamp(c.UpdatedAt),
		Extra: orNull(c.Extra),
	}
}

type zoomOutput struct {
	Body struct {
		Success bool           `json:"success"`
		Data    zoomCredential `json:"data"`
	}
}

func zoomAnswer(c zoom.Credential, err error) (*zoomOutput, error) {
	if err != nil {
		return nil, err
	}
	out := &zoomOutput{}
	out.Body.Success, out.Body.Data = true, zoomOut(c)
	return out, nil
}

type createZoomInput struct {
	Body struct {
		Name              string          `json:"name" minLength:"1" maxLength:"100" doc:"For people; need not be unique."`
		ClientID          string          `json:"client_id" minLength:"1" maxLength:"256" doc:"Of the Zoom app. Never returned."`
		ClientSecret      string          `json:"client_secret" minLength:"1" maxLength:"256" doc:"Of the Zoom app. Never returned."`
		AuthorizationCode string          `json:"authorization_code,omitempty" maxLength:"2000" doc:"Makes it the credential of the user who gave the code. Never returned."`
		RedirectURI       string          `json:"redirect_uri,omitempty" format:"uri" doc:"The one that the code was made for; required with a code."`
		Extra             json.RawMessage `json:"extra,omitempty" doc:"A JSON object of your own."`
	}
}

func (s *Surface) createZoomCredential(ctx context.Context, c account.Caller, in *createZoomInput) (*zoomOutput, error) {
	b := in.Body
	extra, err := door.Object("/extra", b.Extra)
	if err != nil {
		return nil, err
	}
	return zoomAnswer(s.Zoom.Create(ctx, c.TeamID, zoom.New{
		Name: b.Name, ClientID: b.ClientID, Secret: b.ClientSecret, Code: b.AuthorizationCode, RedirectURI: b.RedirectURI, Extra: extra,
	}))
}

type listZoomInput struct {
	Name            string `query:"name" doc:"Part of the name, in any case."`
	ZoomEmail       string `query:"zoom_email" doc:"Part of the address, in any case."`
	ZoomDisplayName string `query:"zoom_display_name" doc:"Part of the user's name, in any case."`
	ZoomUserID      string `query:"zoom_user_id" doc:"Exactly."`
	CredentialType  string `query:"credential_type" doc:"app or user, or both with a comma."`
	State           string `query:"state" doc:"active or invalid, or both with a comma."`
	Extra           string `query:"extra" doc:"key:value, with commas; all must match exactly."`
}

func (in *listZoomInput) filter() (zoom.Filter, error) {
	p := filterParser{}
	f := zoom.Filter{
		Name: p.text("/name", in.Name), Email: p.text("/zoom_email", in.ZoomEmail),
		DisplayName: p.text("/zoom_display_name", in.ZoomDisplayName), UserID: p.text("/zoom_user_id", in.ZoomUserID),
		Kinds:  oneOf(&p, "/credential_type", in.CredentialType, []zoom.Kind{zoom.App, zoom.User}),
		States: oneOf(&p, "/state", in.State, []zoom.State{zoom.Active, zoom.Invalid}),
	}
	for _, pair := range p.extra(in.Extra) {
		f.Extra = append(f.Extra, zoom.Pair(pair))
	}
	if len(p.issues) > 0 {
		return f, bot.Invalid(p.issues...)
	}
	return f, nil
}

type listZoomOutput struct {
	Body struct {
		Success bool             `json:"success"`
		Data    []zoomCredential `json:"data"`
	}
}

func (s *Surface) listZoomCredentials(ctx context.Context, c account.Caller, in *listZoomInput) (*listZoomOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	all, err := s.Zoom.List(ctx, c.TeamID, f)
	if err != nil {
		return nil, err
	}
	out := &listZoomOutput{}
	out.Body.Success, out.Body.Data = true, make([]zoomCredential, 0, len(all))
	for _, z := range all {
		out.Body.Data = append(out.Body.Data, zoomOut(z))
	}
	return out, nil
}

type zoomInput struct {
	ID string `path:"id" doc:"The id of the credential, a UUID."`
}

func (s *Surface) getZoomCredential(ctx context.Context, c account.Caller, in *zoomInput) (*zoomOutput, error) {
	id, err := door.ID("/id", in.ID)
	if err != nil {
		return nil, err
	}
	return zoomAnswer(s.Zoom.Get(ctx, c.TeamID, id))
}

type updateZoomInput struct {
	ID   string `path:"id" doc:"The id of the credential, a UUID."`
	Body struct {
		Name              *string         `json:"name,omitempty" minLength:"1" maxLength:"100"`
		ClientID          string          `json:"client_id,omitempty" minLength:"1" maxLength:"256" doc:"Together with client_secret."`
		ClientSecret      string          `json:"client_secret,omitempty" minLength:"1" maxLength:"256" doc:"Together with client_id."`
		AuthorizationCode string          `json:"authorization_code,omitempty" maxLength:"2000" doc:"Together with redirect_uri, client_id and client_secret."`
		RedirectURI       string          `json:"redirect_uri,omitempty" format:"uri"`
		Extra             json.RawMessage `json:"extra,omitempty" doc:"Replaces the old object; null clears it."`
	}
}

func (s *Surface) updateZoomCredential(ctx context.Context, c account.Caller, in *updateZoomInput) (*zoomOutput, error) {
	id, err := door.ID("/id", in.ID)
	if err != nil {
		return nil, err
	}
	b := in.Body
	extra, err := door.Object("/extra", b.Extra)
	if err != nil {
		return nil, err
	}
	return zoomAnswer(s.Zoom.Update(ctx, c.TeamID, id, zoom.Change{
		Name: b.Name, ClientID: b.ClientID, Secret: b.ClientSecret, Code: b.AuthorizationCode, RedirectURI: b.RedirectURI,
		Extra: extra, SetExtra: len(b.Extra) > 0,
	}))
}

func (s *Surface) deleteZoomCredential(ctx context.Context, c account.Caller, in *zoomInput) (*messageOutput, error) {
	id, err := door.ID("/id", in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.Zoom.Delete(ctx, c.TeamID, id); err != nil {
		return nil, err
	}
	return say("Zoom credential deleted successfully"), nil
}
