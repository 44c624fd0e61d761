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
	CodeNotFound  = "WEBHOOK_NOT_FOUND"
)

// Endpoints is where endpoints are kept. Every call takes the team first and
// finds nothing of another team.
type Endpoints interface {
	AddWebhook(ctx context.Context, e Endpoint) error
	Webhooks(ctx context.Context, team string) ([]Endpoint, error)
	Webhook(ctx context.Context, team, id string) (Endpoint, error)
	RemoveWebhook(ctx context.Context, team, id string) error
	EnableWebhook(ctx context.Context, team, id string) error
	RotateWebhook(ctx context.Context, team, id, secret, oldSecret string, oldUntil time.Time) error
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

// Add stores a new endpoint and returns it with its secret, which is shown
// only now.
func (s Service) Add(ctx context.Context, n New) (Endpoint, string, error) {
	if err := s.Validate(n.URL); err != nil {
		return Endpoint{}, "", fail.Wrap(err, fail.Invalid, CodeBadURL, "this webhook address cannot be used")
	}
	events, err := ParseEvents(n.Events)
	if err != nil {
		return Endpoint{}, "", err
	}
	if n.Participants == "" {
		n.Participants = Names
	}
	if n.Participants != Names && n.Participants != Objects {
		return Endpoint{}, "", fail.New(fail.Invalid, CodeBadFormat, "participants are sent as %q or %q", Names, Objects)
	}
	e := Endpoint{
		ID: ident.New(), TeamID: n.TeamID, Name: n.Name, URL: n.URL, Events: events, Participants: n.Participants,
		Enabled: true, CreatedAt: s.Clock.Now(),
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

// List returns the team's endpoints, oldest first.
func (s Service) List(ctx context.Context, team string) ([]Endpoint, error) {
	return s.Store.Webhooks(ctx, team)
}

// Remove removes an endpoint; what was still to be sent to it is dropped.
func (s Service) Remove(ctx context.Context, team, id string) error {
	return s.Store.RemoveWebhook(ctx, team, id)
}

// Enable enables an endpoint that was disabled and resets its failure clock.
func (s Service) Enable(ctx context.Context, team, id string) error {
	return s.Store.EnableWebhook(ctx, team, id)
}

// Rotate gives an endpoint a new secret and returns it. The old one signs too
// for RotationWindow.
func (s Service) Rotate(ctx context.Context, team, id string) (string, error) {
	e, err := s.Store.Webhook(ctx, team, id)
	if err != nil {
		return "", err
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

// ParseEvents reads a list of event names.
func ParseEvents(names []string) ([]EventType, error) {
	var out []EventType
	for _, n := range names {
		t := EventType(strings.TrimSpace(n))
		if !slices.Contains(EventTypes, t) {
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
