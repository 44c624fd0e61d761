package app

import (
	"context"
	"fmt"

	"steno/internal/bot"
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
	if access.Key, err = s.Vault.OpenBot(team, botID, "live_key", sealed); err != nil {
		return access, fmt.Errorf("open the key of the live transcript: %w", err)
	}
	return access, nil
}

// operatorAccess is how the operator's own account at a service is reached.
func (s *server) operatorAccess(provider string) bot.LiveAccess {
	a := s.o.Transcription.Access()[provider]
	return bot.LiveAccess{Key: a.Key, URL: a.URL}
}

// liveReady reports whether bots may have a live transcript by a service without a
// key of their own.
func (s *server) liveReady(provider string) bool { return s.operatorAccess(provider).Key != "" }
