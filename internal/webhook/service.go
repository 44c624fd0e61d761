package webhook

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"steno/internal/clock"
	"steno/internal/fail"
	"steno/internal/ident"
)

// Error codes of this package.
const (
	CodeBadURL    = "WEBHOOK_URL_INVALID"
	CodeBadEvent  = "WEBHOOK_EVENT_UNKNOWN"
	CodeBadFormat = "WEBHOOK_PARTICIPANTS_INVALID"
	CodeBadName   = "WEBHOOK_NAME_INVALID"
	CodeNotFound  = "WEBHOOK_NOT_FOUND"
	CodeOfV1      = "WEBHOOK_OF_V1"
)

// Endpoints is where endpoints are kept. Every call takes the team first and
// finds nothing of another team.
type Endpoints interface {
	AddWebhook(ctx context.Context, e Endpoint) error
	Webhooks(ctx context.Context, team string) ([]Endpoint, error)
	Webhook(ctx context.Context, team, id string) (Endpoint, error)
	RemoveWebhook(ctx context.Context, team, id string) error
	// ChangeWebhook has change alter an endpoint that nobody else changes
	// meanwhile, stores and returns it. What was still to be sent to one that it
	// disables is dropped.
	ChangeWebhook(ctx context.Context, team, id string, change func(e *Endpoint) error) (Endpoint, error)
	RotateWebhook(ctx context.Context, team, id, secret, oldSecret string, oldUntil time.Time) error
	// PutV1Webhook adds the v1 endpoint of a team. If there is one, its address
	// and its secret are replaced by those that seal makes for its id, and it is
	// enabled.
	PutV1Webhook(ctx context.Context, e Endpoint, seal func(id string) (secret string, err error)) error
	// V1Webhook returns the v1 endpoint of a team.
	V1Webhook(ctx context.Context, team string) (Endpoint, error)
}

// Vault seals the endpoints' secrets.
type Vault interface {
	SealWebhookSecret(team, endpoint, secret string) (sealed string, err error)
	SealOldWebhookSecret(team, endpoint, secret string) (sealed string, err error)
	OpenWebhookSecret(team, endpoint, sealed string) (secret string, err error)
}

// Service manages a team's endpoints.
type Service struct {
	Store    Endpoints
	Vault    Vault
	Validate func(url string) error // which addresses may be called at all
	Clock    clock.Clock
}

// New describes an endpoint to add.
type New struct {
	TeamID       string
	Name         string
	URL          string
	Events       []string // empty: all
	Participants Format   // empty: names
}

// maxLabel bounds an endpoint's name, in bytes.
const maxLabel = 255

// Add stores a new endpoint and returns it with its secret, which is shown
// only now.
func (s Service) Add(ctx context.Context, n New) (Endpoint, string, error) {
	if n.Participants == "" {
		n.Participants = Names
	}
	c := Change{Name: &n.Name, URL: &n.URL, Events: &n.Events, Participants: &n.Participants}
	e := Endpoint{ID: ident.New(), TeamID: n.TeamID, Surface: V2, Enabled: true, CreatedAt: s.Clock.Now()}
	err := s.apply(&e, c)
	if err != nil {
		return Endpoint{}, "", err
	}
	secret := NewSecret()
	if e.Secret, err = s.Vault.SealWebhookSecret(e.TeamID, e.ID, secret); err != nil {
		return Endpoint{}, "", err
	}
	if err := s.Store.AddWebhook(ctx, e); err != nil {
		return Endpoint{}, "", err
	}
	return e, secret, nil
}

// Change says what to change of an endpoint; nil leaves a field as it is.
type Change struct {
	Name         *string
	URL          *string
	Events       *[]string // none: all
	Participants *Format
	Enabled      *bool
}

// Update changes an endpoint. Enabling it resets its failure clock; disabling
// it drops what was still to be sent to it.
func (s Service) Update(ctx context.Context, team, id string, c Change) (Endpoint, error) {
	return s.Store.ChangeWebhook(ctx, team, id, func(e *Endpoint) error { return s.apply(e, c) })
}

// apply checks the change and makes it.
func (s Service) apply(e *Endpoint, c Change) (err error) {
	if c.Name != nil {
		if len(*c.Name) > maxLabel || strings.ContainsRune(*c.Name, 0) {
			return fail.New(fail.Invalid, CodeBadName, "an endpoint's name has at most %d bytes, and no U+0000", maxLabel)
		}
		e.Name = *c.Name
	}
	if c.URL != nil {
		if err := s.Validate(*c.URL); err != nil {
			return fail.New(fail.Invalid, CodeBadURL, "this webhook address cannot be used: %v", err)
		}
		e.URL = *c.URL
	}
	if c.Events != nil {
		if e.Events, err = e.Surface.ParseEvents(*c.Events); err != nil {
			return err
		}
	}
	if c.Participants != nil {
		if *c.Participants != Names && *c.Participants != Objects {
			return fail.New(fail.Invalid, CodeBadFormat, "participants are sent as %q or %q", Names, Objects)
		}
		e.Participants = *c.Participants
	}
	if c.Enabled != nil {
		s.turn(e, *c.Enabled)
	}
	return nil
}

// turn enables an endpoint, or disables it by hand.
func (s Service) turn(e *Endpoint, on bool) {
	switch {
	case on:
		e.Enabled, e.DisabledReason, e.DisabledAt, e.FailingSince = true, "", nil, nil
	case e.Enabled:
		now := s.Clock.Now()
		e.Enabled, e.DisabledAt = false, &now
	}
}

// Get returns one endpoint of a team.
func (s Service) Get(ctx context.Context, team, id string) (Endpoint, error) {
	return s.Store.Webhook(ctx, team, id)
}

// List returns the team's endpoints, oldest first.
func (s Service) List(ctx context.Context, team string) ([]Endpoint, error) {
	return s.Store.Webhooks(ctx, team)
}

// Remove removes an endpoint; what was still to be sent to it is dropped.
func (s Service) Remove(ctx context.Context, team, id string) error {
	return s.Store.RemoveWebhook(ctx, team, id)
}

// Rotate gives an endpoint a new secret and returns it. The old one signs too
// for RotationWindow.
func (s Service) Rotate(ctx context.Context, team, id string) (string, error) {
	e, err := s.Store.Webhook(ctx, team, id)
	if err != nil {
		return "", err
	}
	if e.Surface == V1 {
		return "", fail.New(fail.Conflict, CodeOfV1, "this endpoint is sent the API key with which its address was set; to have another one sent, set the address again with that key")
	}
	old, err := s.Vault.OpenWebhookSecret(team, id, e.Secret)
	if err != nil {
		return "", err
	}
	// The old secret moves to another column, to which its seal is bound anew.
	sealedOld, err := s.Vault.SealOldWebhookSecret(team, id, old)
	if err != nil {
		return "", err
	}
	secret := NewSecret()
	sealed, err := s.Vault.SealWebhookSecret(team, id, secret)
	if err != nil {
		return "", err
	}
	return secret, s.Store.RotateWebhook(ctx, team, id, sealed, sealedOld, s.Clock.Now().Add(RotationWindow))
}

// ParseEvents reads a list of names of the surface's events.
func (s Surface) ParseEvents(names []string) ([]EventType, error) {
	known := EventTypes
	if s == V1 {
		known = V1EventTypes
	}
	var out []EventType
	for _, n := range names {
		t := EventType(strings.TrimSpace(n))
		if !slices.Contains(known, t) {
			return nil, fail.New(fail.Invalid, CodeBadEvent, "unknown event %q", n)
		}
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out, nil
}

// ValidMethod reports whether a callback may use the HTTP method.
func ValidMethod(m string) bool { return m == http.MethodPost || m == http.MethodPut }
