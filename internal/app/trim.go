package app

import (
	"context"
	"time"
)

// trimEvery is how often the log of webhooks is trimmed.
const trimEvery = time.Hour

// trimWebhooks removes what is older than the log is kept, at the start and every
// hour until ctx ends. What one run leaves, the next removes.
func (s *server) trimWebhooks(ctx context.Context) error {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		before, total := s.Clock.Now().AddDate(0, 0, -s.o.WebhookLogDays), 0
		n, err := s.DB.TrimWebhooks(ctx, before)
		for ; err == nil && n > 0; n, err = s.DB.TrimWebhooks(ctx, before) {
			total += n
		}
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("the log of webhooks cannot be trimmed now", "error", err)
		}
		if total > 0 {
			s.Log.Info("old webhooks removed from the log", "messages", total)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
