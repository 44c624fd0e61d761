package session

import (
	"context"
	"time"

	"steno/internal/bot"
)

// pageLead is how long before its time a bot opens the page of the meeting. The
// browser is there before; a page that waits too long would be stale.
const pageLead = 10 * time.Second

// early reports whether the bot's time has not come yet.
func (s *session) early() bool { return s.clock.Now().Before(s.spec.JoinAt) }

// waitUntil returns at the given time, or with the cause of ctx's end.
func (s *session) waitUntil(ctx context.Context, at time.Time) error {
	for {
		left := at.Sub(s.clock.Now())
		if left <= 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(min(left, time.Second)): // the clock may be set meanwhile
		}
	}
}

// knock holds the click that asks to be let in until the bot's time.
func (s *session) knock(ctx context.Context) error {
	if err := s.waitUntil(ctx, s.spec.JoinAt); err != nil {
		return err
	}
	s.diary.state(bot.JoiningCall, "")
	return nil
}
