package bot

import (
	"context"
	"slices"
	"time"

	"steno/internal/meeting"
)

// ProfileTx keeps account of who uses the operator's signed-in profiles.
type ProfileTx interface {
	// TakeProfile gives a profile of the bot's platform to the bot, unless another
	// has it that was given it since the given time and has not left its meeting.
	TakeProfile(ctx context.Context, b Bot, name string, now, since time.Time) (bool, error)
	// HeldProfile returns the profile that the bot has; empty: none.
	HeldProfile(ctx context.Context, b Bot) (string, error)
	// DropProfile gives back what the bot has.
	DropProfile(ctx context.Context, b Bot) error
}

// leaseFor is after how long a bot that does not tell of its end no longer has
// its profile, because its server is gone: no bot stays for so long.
const leaseFor = 24 * time.Hour

// takeProfile returns the profile that a bot is to use, the one that it has
// already if this host has that; empty if the host has none that is free.
func (s *Service) takeProfile(ctx context.Context, tx Tx, b Bot, p meeting.Platform) (string, error) {
	if s.Profiles == nil {
		return "", nil
	}
	names := s.Profiles(p)
	held, err := tx.HeldProfile(ctx, b)
	switch {
	case err != nil || slices.Contains(names, held):
		return held, err
	case held != "":
		if err := tx.DropProfile(ctx, b); err != nil {
			return "", err
		}
	}
	now := s.Clock.Now()
	for _, name := range names {
		if ok, err := tx.TakeProfile(ctx, b, name, now, now.Add(-leaseFor)); ok || err != nil {
			return name, err
		}
	}
	return "", nil
}
