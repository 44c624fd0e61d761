package app

import (
	"context"

	"github.com/go-chi/chi/v5"

	"steno/internal/api/admin"
	"steno/internal/store"
	"steno/internal/webhook"
)

// Endpoints manages webhook endpoints in the open database. validate says which
// addresses may be called.
func (h *House) Endpoints(validate func(string) error) webhook.Service {
	return webhook.Service{Store: h.DB, Vault: h.Vault, Clock: h.Clock, Validate: validate}
}

// History is the delivery log in the open database.
func (h *House) History() webhook.History { return webhook.History{Store: h.DB, Clock: h.Clock} }

// mountAdmin mounts the operators' surface, if there are operators.
func (s *server) mountAdmin(r chi.Router) {
	if !s.operators.Any() {
		return
	}
	(&admin.Surface{
		Operators: s.operators, Teams: s.Accounts, Webhooks: s.Endpoints(s.guard.Validate), Deliveries: s.History(), Quota: s.Quota, Evidence: s.bots, Objects: s.objects, Log: s.Log, Version: s.version,
	}).Mount(r)
}

// fresh makes the final message of a bot anew for a replay.
func (s *server) fresh(ctx context.Context, c store.Claim) ([]byte, error) {
	return s.bots.FinalMessage(ctx, c.TeamID, c.BotID, c.Kind == webhook.ToCallback, c.Objects)
}
