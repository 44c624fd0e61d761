package store

import (
	"context"

	"steno/internal/bot"
)

// QuotaRoom is the room of limits and tokens, as the stores of other rooms
// reach it within their transactions.
type QuotaRoom interface {
	Admit(ctx context.Context, tx *Tx, team string, ownKey bool) (reserve func(ctx context.Context, botID string) error, err error)
	OwnKey(ctx context.Context, tx *Tx, team string) error
	Settle(ctx context.Context, tx *Tx, team, botID string, u bot.Usage) error
	// Calendars returns how many calendars the team may connect; below zero: as
	// many as it likes.
	Calendars(ctx context.Context, tx *Tx, team string) (int, error)
}

func (t botTx) Admit(ctx context.Context, b bot.Bot, ownKey bool) (func(context.Context) error, error) {
	if t.s.Quota == nil {
		return func(context.Context) error { return nil }, nil
	}
	reserve, err := t.s.Quota.Admit(ctx, t.Tx, b.TeamID, ownKey)
	return func(ctx context.Context) error { return reserve(ctx, b.ID) }, err
}

func (t botTx) OwnKey(ctx context.Context, team string) error {
	if t.s.Quota == nil {
		return nil
	}
	return t.s.Quota.OwnKey(ctx, t.Tx, team)
}

func (t botTx) Settle(ctx context.Context, b bot.Bot, u bot.Usage) error {
	if t.s.Quota == nil {
		return nil
	}
	return t.s.Quota.Settle(ctx, t.Tx, b.TeamID, b.ID, u)
}

func (t calendarTx) CalendarLimit(ctx context.Context, team string) (int, error) {
	if t.s.Quota == nil {
		return -1, nil
	}
	return t.s.Quota.Calendars(ctx, t.Tx, team)
}

func (t botTx) Transitions(ctx context.Context, b bot.Bot) ([]bot.Transition, error) {
	return transitions(ctx, t.Tx, b.TeamID, b.ID)
}
