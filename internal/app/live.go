package app

import (
	"context"
	"fmt"

	"steno/internal/bot"
	"steno/internal/seal"
)

// liveAccess says how the service of a bot's live transcript is reached: by the
// caller's own key, or by the operator's.
func (s *server) liveAccess(ctx context.Context, botID string, live bot.LiveTranscript) (bot.LiveAccess, error) {
	access := s.operatorAccess(live.Provider)
	if !live.OwnKey {
		return access, nil
	}
	team, sealed, err := s.store.LiveKey(ctx, botID)
	if err != nil {
		return access, err
	}
	key, err := s.Vault.Open(seal.Context{Team: team, Table: "bots", Row: botID, Column: "live_key"}, sealed)
	if err != nil {
		return access, fmt.Errorf("open the key of the live transcript: %w", err)
	}
	access.Key = string(key)
	return access, nil
}

// operatorAccess is how the operator's own account at a service is reached; without
// a key, there is none.
func (s *server) operatorAccess(string) bot.LiveAccess { return bot.LiveAccess{} }

// liveReady reports whether bots may have a live transcript by a service without a
// key of their own.
func (s *server) liveReady(provider string) bool { return s.operatorAccess(provider).Key != "" }
