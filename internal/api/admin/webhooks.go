package admin

import (
	"context"
	"net/http"

	"steno/internal/webhook"
)

var webhookRoutes = []route{
	{"listWebhooks", http.MethodGet, "/teams/{team_id}/webhooks", http.StatusOK, "Webhooks", "List a team's endpoints, oldest first", do(ofTeam((*Surface).listWebhooks))},
	{"createWebhook", http.MethodPost, "/teams/{team_id}/webhooks", http.StatusCreated, "Webhooks", "Add an endpoint; its secret is shown only now", do(ofTeam((*Surface).createWebhook))},
	{"getWebhook", http.MethodGet, "/teams/{team_id}/webhooks/{webhook_id}", http.StatusOK, "Webhooks", "Show an endpoint", do((*Surface).getWebhook)},
	{"updateWebhook", http.MethodPatch, "/teams/{team_id}/webhooks/{webhook_id}", http.StatusOK, "Webhooks", "Change, enable or disable an endpoint", do((*Surface).updateWebhook)},
	{"deleteWebhook", http.MethodDelete, "/teams/{team_id}/webhooks/{webhook_id}", http.StatusOK, "Webhooks", "Remove an endpoint and drop what was still to be sent to it", do((*Surface).deleteWebhook)},
	{"rotateWebhook", http.MethodPost, "/teams/{team_id}/webhooks/{webhook_id}/rotate", http.StatusOK, "Webhooks", "Give an endpoint a new secret; the old one signs too for 24 hours", do((*Surface).rotateWebhook)},
}

// Endpoint is a webhook endpoint without its secret.
type Endpoint struct {
	ID             string   `json:"webhook_id" format:"uuid"`
	API            string   `json:"api" enum:"v1,v2" doc:"Whose events it gets. That of v1 is set by POST /accounts/webhook_url; it is sent an API key and has no secret of its own."`
	Name           string   `json:"name"`
	URL            string   `json:"url" format:"uri"`
	Events         []string `json:"events" doc:"Empty: all events of bots and calendars."`
	Participants   string   `json:"participants" enum:"names,objects"`
	Enabled        bool     `json:"enabled"`
	DisabledReason *string  `json:"disabled_reason" doc:"Why Steno disabled it; null if it is enabled or was disabled by hand."`
	DisabledAt     *string  `json:"disabled_at" format:"date-time"`
	FailingSince   *string  `json:"failing_since" format:"date-time" doc:"The first failure since the last success."`
	OldSecretUntil *string  `json:"old_secret_until" format:"date-time" doc:"Until then the secret before the last rotation signs too."`
	CreatedAt      string   `json:"created_at" format:"date-time"`
}

func wireEndpoint(e webhook.Endpoint) Endpoint {
	out := Endpoint{
		ID: e.ID, API: string(e.Surface), Name: e.Name, URL: e.URL, Events: []string{}, Participants: string(e.Participants), Enabled: e.Enabled,
		DisabledAt: maybeStamp(e.DisabledAt), FailingSince: maybeStamp(e.FailingSince), CreatedAt: stamp(e.CreatedAt),
	}
	for _, t := range e.Events {
		out.Events = append(out.Events, string(t))
	}
	if e.DisabledReason != "" {
		out.DisabledReason = &e.DisabledReason
	}
	if e.OldSecret != "" {
		out.OldSecretUntil = maybeStamp(&e.OldSecretUntil)
	}
	return out
}

type newEndpoint struct {
	Endpoint
	Secret string `json:"secret" doc:"Signs what is sent. It is shown only now."`
}

func (s *Surface) listWebhooks(ctx context.Context, in *TeamInput) (*many[Endpoint], error) {
	all, err := s.Webhooks.List(ctx, in.TeamID)
	if err != nil {
		return nil, err
	}
	return answerList(all, wireEndpoint), nil
}

type newEndpointInput struct {
	TeamInput
	Body struct {
		URL          string   `json:"url" format:"uri" maxLength:"2048"`
		Name         string   `json:"name,omitempty" maxLength:"255"`
		Events       []string `json:"events,omitempty" doc:"Empty or absent: all events of bots and calendars."`
		Participants string   `json:"participants,omitempty" enum:"names,objects" doc:"Default: names."`
	}
}

func (s *Surface) createWebhook(ctx context.Context, in *newEndpointInput) (*one[newEndpoint], error) {
	e, secret, err := s.Webhooks.Add(ctx, webhook.New{
		TeamID: in.TeamID, Name: in.Body.Name, URL: in.Body.URL, Events: in.Body.Events, Participants: webhook.Format(in.Body.Participants),
	})
	if err != nil {
		return nil, err
	}
	return answer(newEndpoint{wireEndpoint(e), secret}), nil
}

// EndpointInput names an endpoint.
type EndpointInput struct {
	TeamInput
	WebhookID string `path:"webhook_id" doc:"The id of the endpoint."`
}

func (s *Surface) getWebhook(ctx context.Context, in *EndpointInput) (*one[Endpoint], error) {
	e, err := s.Webhooks.Get(ctx, in.TeamID, in.WebhookID)
	if err != nil {
		return nil, err
	}
	return answer(wireEndpoint(e)), nil
}

type changeInput struct {
	EndpointInput
	Body struct {
		URL          *string   `json:"url,omitempty" format:"uri" maxLength:"2048"`
		Name         *string   `json:"name,omitempty" maxLength:"255"`
		Events       *[]string `json:"events,omitempty" doc:"[]: all events of bots and calendars."`
		Participants *string   `json:"participants,omitempty" enum:"names,objects"`
		Enabled      *bool     `json:"enabled,omitempty" doc:"true resets the failure clock; false drops what was still to be sent."`
	}
}

func (s *Surface) updateWebhook(ctx context.Context, in *changeInput) (*one[Endpoint], error) {
	e, err := s.Webhooks.Update(ctx, in.TeamID, in.WebhookID, webhook.Change{
		Name: in.Body.Name, URL: in.Body.URL, Events: in.Body.Events, Participants: (*webhook.Format)(in.Body.Participants), Enabled: in.Body.Enabled,
	})
	if err != nil {
		return nil, err
	}
	return answer(wireEndpoint(e)), nil
}

type removed struct {
	ID string `json:"webhook_id" format:"uuid"`
}

func (s *Surface) deleteWebhook(ctx context.Context, in *EndpointInput) (*one[removed], error) {
	if err := s.Webhooks.Remove(ctx, in.TeamID, in.WebhookID); err != nil {
		return nil, err
	}
	return answer(removed{in.WebhookID}), nil
}

func (s *Surface) rotateWebhook(ctx context.Context, in *EndpointInput) (*one[newEndpoint], error) {
	secret, err := s.Webhooks.Rotate(ctx, in.TeamID, in.WebhookID)
	if err != nil {
		return nil, err
	}
	e, err := s.Webhooks.Get(ctx, in.TeamID, in.WebhookID)
	if err != nil {
		return nil, err
	}
	return answer(newEndpoint{wireEndpoint(e), secret}), nil
}
