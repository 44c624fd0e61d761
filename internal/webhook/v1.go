package webhook

import (
	"context"

	"steno/internal/fail"
	"steno/internal/ident"
)

// v1Name is what operators see of a team's v1 endpoint.
const v1Name = "API v1"

// SetV1URL sets where a team is told of its v1 bots and of the syncs of its
// calendars. key is the API key of whoever sets it: it goes with each message,
// sealed until then, because that is how receivers of v1 know who calls. An
// empty address takes the endpoint away.
func (s Service) SetV1URL(ctx context.Context, team, url, key string) error {
	if url == "" {
		e, err := s.Store.V1Webhook(ctx, team)
		if fail.Is(err, fail.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.Store.RemoveWebhook(ctx, team, e.ID)
	}
	e := Endpoint{ID: ident.New(), TeamID: team, Surface: V1, Name: v1Name, Participants: Names, Enabled: true, CreatedAt: s.Clock.Now()}
	if err := s.apply(&e, Change{URL: &url}); err != nil {
		return err
	}
	return s.Store.PutV1Webhook(ctx, e, func(id string) (string, error) { return s.Vault.SealWebhookSecret(team, id, key) })
}

// V1URL returns the address that SetV1URL set; empty if there is none.
func (s Service) V1URL(ctx context.Context, team string) (string, error) {
	e, err := s.Store.V1Webhook(ctx, team)
	if fail.Is(err, fail.NotFound) {
		return "", nil
	}
	return e.URL, err
}
