// Package zoom is the room of Zoom credentials: the client id and secret of a
// team's Zoom app, and with an authorization code the tokens of a user who let
// that app act for them (digest 2.5).
//
// It knows no SQL and no HTTP. Zoom is called through OAuth, and never inside
// of a transaction. Secrets go in and do not come out but to the bot that needs
// them.
package zoom

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"steno/internal/clock"
	"steno/internal/fail"
	"steno/internal/ident"
)

// Codes of this package's errors (digest 1.5).
const (
	CodeNotFound   = "FST_ERR_ZOOM_CREDENTIAL_NOT_FOUND_BY_ID"
	CodeExchange   = "FST_ERR_ZOOM_OAUTH_EXCHANGE_FAILED"
	CodeValidation = "FST_ERR_VALIDATION"
)

// Kind says what a credential can do.
type Kind string

// The kinds: an app alone has the keys of the SDK, a user's credential also
// joins on behalf of that user.
const (
	App  Kind = "app"
	User Kind = "user"
)

// State says whether a credential works.
type State string

// The states.
const (
	Active  State = "active"
	Invalid State = "invalid"
)

// Credential is what may be shown of a credential.
type Credential struct {
	ID          string
	TeamID      string
	Name        string
	Kind        Kind
	State       State
	Person      Person // of a user's credential, as far as Zoom told
	Scopes      string // granted ones, with commas
	LastError   string // of the last failure to get a token; empty: none
	LastErrorAt *time.Time
	Extra       json.RawMessage // an object, or nil
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Person is the Zoom user who authorised the app. Fields that Zoom did not tell
// are empty.
type Person struct{ UserID, AccountID, Email, DisplayName string }

// Secrets are stored sealed and never shown.
type Secrets struct {
	ClientID     string    `json:"client_id"`
	ClientSecret string    `json:"client_secret"`
	AccessToken  string    `json:"access_token,omitempty"`
	RefreshToken string    `json:"refresh_token,omitempty"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"` // of the access token
}

// Grant is what Zoom gives for an authorization code.
type Grant struct {
	AccessToken, RefreshToken string
	ExpiresIn                 time.Duration
	Scopes                    string // with commas
	Person                    Person
}

// Code is an authorization code with what Zoom wants to see beside it.
type Code struct{ ClientID, ClientSecret, Code, RedirectURI string }

// OAuth is Zoom's authorization server. What it refuses is fail.Invalid with
// CodeExchange.
type OAuth interface {
	Exchange(ctx context.Context, c Code) (Grant, error)
}

// Store keeps credentials. Each call names the team first and finds nothing of
// another team; what is not there, or was deleted, is fail.NotFound with
// CodeNotFound.
type Store interface {
	Add(ctx context.Context, c Credential, s Secrets) error
	Credential(ctx context.Context, team, id string) (Credential, error)
	// Credentials returns all of a team, newest first.
	Credentials(ctx context.Context, team string) ([]Credential, error)
	// Change has fn change a credential while nobody else does.
	Change(ctx context.Context, team, id string, fn func(*Credential, *Secrets) error) (Credential, error)
	// Delete hides a credential; its row stays.
	Delete(ctx context.Context, team, id string, at time.Time) error
}

// Service is what may be done with credentials.
type Service struct {
	Store Store
	OAuth OAuth
	Clock clock.Clock
}

// New asks for a credential. With Code it is a user's.
type New struct {
	Name        string
	ClientID    string
	Secret      string
	Code        string
	RedirectURI string
	Extra       json.RawMessage
}

// The limits of digest 2.5, in characters.
const (
	maxName   = 100
	maxClient = 256
	maxCode   = 2000
	maxExtra  = 64 << 10 // bytes
)

func (n New) check() error {
	return firstOf(
		length("/name", n.Name, 1, maxName), length("/client_id", n.ClientID, 1, maxClient), length("/client_secret", n.Secret, 1, maxClient),
		length("/authorization_code", n.Code, 0, maxCode), small(n.Extra),
		require(n.Code == "" || n.RedirectURI != "", "/redirect_uri", "is required with authorization_code"),
	)
}

// Create stores a credential. A code is exchanged first; what Zoom refuses
// leaves nothing behind.
func (s *Service) Create(ctx context.Context, team string, n New) (Credential, error) {
	if err := n.check(); err != nil {
		return Credential{}, err
	}
	now := s.Clock.Now()
	c := Credential{ID: ident.New(), TeamID: team, Name: n.Name, Kind: App, State: Active, Extra: n.Extra, CreatedAt: now, UpdatedAt: now}
	secrets := Secrets{ClientID: n.ClientID, ClientSecret: n.Secret}
	if n.Code != "" {
		g, err := s.OAuth.Exchange(ctx, Code{n.ClientID, n.Secret, n.Code, n.RedirectURI})
		if err != nil {
			return Credential{}, err
		}
		g.into(&c, &secrets, s.Clock.Now())
	}
	return c, s.Store.Add(ctx, c, secrets)
}

// into makes a credential a user's.
func (g Grant) into(c *Credential, s *Secrets, now time.Time) {
	c.Kind, c.State, c.Person, c.Scopes = User, Active, g.Person, g.Scopes
	c.LastError, c.LastErrorAt = "", nil
	s.AccessToken, s.RefreshToken, s.ExpiresAt = g.AccessToken, g.RefreshToken, now.Add(g.ExpiresIn)
}

// Get returns a credential.
func (s *Service) Get(ctx context.Context, team, id string) (Credential, error) {
	return s.Store.Credential(ctx, team, id)
}

// Change is what is new about a credential; nil and empty fields stay as they
// are.
type Change struct {
	Name             *string
	ClientID, Secret string // both or none
	Code             string // needs RedirectURI, ClientID and Secret
	RedirectURI      string
	Extra            json.RawMessage
	SetExtra         bool // Extra replaces the old one; nil clears it
}

func (ch Change) check() error {
	pair := ch.ClientID != "" && ch.Secret != ""
	name := error(nil)
	if ch.Name != nil {
		name = length("/name", *ch.Name, 1, maxName)
	}
	return firstOf(
		name, length("/client_id", ch.ClientID, 0, maxClient), length("/client_secret", ch.Secret, 0, maxClient),
		length("/authorization_code", ch.Code, 0, maxCode), small(ch.Extra),
		require(pair || ch.ClientID == "", "/client_secret", "is required with client_id"),
		require(pair || ch.Secret == "", "/client_id", "is required with client_secret"),
		require(ch.Code == "" || ch.RedirectURI != "", "/redirect_uri", "is required with authorization_code"),
		require(ch.Code == "" || pair, "/client_id", "and client_secret are required with authorization_code"),
	)
}

// Update changes a credential. A new code makes it, or makes it again, that of
// the user who gave it.
func (s *Service) Update(ctx context.Context, team, id string, ch Change) (Credential, error) {
	if err := ch.check(); err != nil {
		return Credential{}, err
	}
	var grant *Grant
	if ch.Code != "" {
		// Codes work once: none is spent on a credential that is not there.
		if _, err := s.Store.Credential(ctx, team, id); err != nil {
			return Credential{}, err
		}
		g, err := s.OAuth.Exchange(ctx, Code{ch.ClientID, ch.Secret, ch.Code, ch.RedirectURI})
		if err != nil {
			return Credential{}, err
		}
		grant = &g
	}
	return s.Store.Change(ctx, team, id, func(c *Credential, secrets *Secrets) error {
		c.UpdatedAt = s.Clock.Now()
		if ch.Name != nil {
			c.Name = *ch.Name
		}
		if ch.SetExtra {
			c.Extra = ch.Extra
		}
		if ch.ClientID != "" {
			secrets.ClientID, secrets.ClientSecret = ch.ClientID, ch.Secret
		}
		if grant != nil {
			grant.into(c, secrets, c.UpdatedAt)
		}
		return nil
	})
}

// Delete hides a credential. Bots that still name it will not get a token.
func (s *Service) Delete(ctx context.Context, team, id string) error {
	return s.Store.Delete(ctx, team, id, s.Clock.Now())
}

// Find returns the id of the credential that a bot is given: by its id, by the
// Zoom user, or by both, which then must agree. A user of whom there are
// several credentials is refused: nobody could say which was meant.
func (s *Service) Find(ctx context.Context, team, id, user string) (string, error) {
	if id != "" {
		c, err := s.Store.Credential(ctx, team, id)
		if fail.Is(err, fail.NotFound) || (err == nil && user != "" && c.Person.UserID != user) {
			return "", fail.New(fail.NotFound, CodeNotFound, "there is no Zoom credential with this id (and user, if one is given)")
		}
		return c.ID, err
	}
	all, err := s.Store.Credentials(ctx, team)
	if err != nil {
		return "", err
	}
	var found []Credential
	for _, c := range all {
		if c.Person.UserID == user {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 1:
		return found[0].ID, nil
	case 0:
		return "", fail.New(fail.NotFound, CodeNotFound, "there is no Zoom credential of this user")
	}
	return "", fail.New(fail.Conflict, CodeNotFound, "there are %d Zoom credentials of this user; name one by credential_id", len(found))
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func require(ok bool, pointer, rule string) error {
	if ok {
		return nil
	}
	e := fail.New(fail.Invalid, CodeValidation, "%s: %s", pointer, rule)
	details, err := json.Marshal([]map[string]string{{"pointer": pointer, "rule": rule}})
	if err == nil { // texts only
		e.Details = string(details)
	}
	return e
}

func length(pointer, text string, low, high int) error {
	n := utf8.RuneCountInString(text)
	if strings.ContainsRune(text, 0) {
		return require(false, pointer, "must not contain the character U+0000")
	}
	if low > 0 {
		return require(n >= low && n <= high, pointer, "must have 1 to "+strconv.Itoa(high)+" characters")
	}
	return require(n <= high, pointer, "must have at most "+strconv.Itoa(high)+" characters")
}

func small(extra json.RawMessage) error {
	return require(len(bytes.TrimSpace(extra)) <= maxExtra, "/extra", "must have at most "+strconv.Itoa(maxExtra)+" bytes as JSON")
}

// User is Get for a credential of a user; one of an app alone is not found.
func (s *Service) User(ctx context.Context, team, id string) (Credential, error) {
	c, err := s.Store.Credential(ctx, team, id)
	if err == nil && c.Kind != User {
		return Credential{}, fail.New(fail.NotFound, CodeNotFound, "Zoom credential with ID '%s' not found", id)
	}
	return c, err
}

// DeleteUser is Delete for what User returns.
func (s *Service) DeleteUser(ctx context.Context, team, id string) error {
	if _, err := s.User(ctx, team, id); err != nil {
		return err
	}
	return s.Delete(ctx, team, id)
}
