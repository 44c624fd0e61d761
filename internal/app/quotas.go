package app

import (
	"context"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/quota"
	"steno/internal/store"
)

// NewQuota makes the room of limits and tokens on a database. Requests are
// counted in the database when several servers may share it, else in memory.
func NewQuota(db *store.DB, c clock.Clock) *quota.Service {
	s := &quota.Service{Store: store.Quotas{DB: db}, Clock: c, Requests: &quota.Memory{}}
	if db.Shared() {
		s.Requests = store.Quotas{DB: db}
	}
	return s
}

// QuotaRoom is the room of limits and tokens as the stores of other rooms see
// it.
type QuotaRoom struct {
	Quota *quota.Service
	Store store.Quotas
}

// NewQuotaRoom returns the room for the stores on a database.
func NewQuotaRoom(q *quota.Service, db *store.DB) QuotaRoom {
	return QuotaRoom{q, store.Quotas{DB: db}}
}

// Admit says whether a team may have another bot.
func (r QuotaRoom) Admit(ctx context.Context, tx *store.Tx, team string, ownKey bool) (func(context.Context, string) error, error) {
	return r.Quota.Admit(ctx, r.Store.On(tx), team, ownKey)
}

// OwnKey says whether a team may use its own key for transcription.
func (r QuotaRoom) OwnKey(ctx context.Context, tx *store.Tx, team string) error {
	return r.Quota.OwnKey(ctx, r.Store.On(tx), team)
}

// Settle books what a bot used.
func (r QuotaRoom) Settle(ctx context.Context, tx *store.Tx, team, botID string, u bot.Usage) error {
	return r.Quota.Settle(ctx, r.Store.On(tx), team, botID, quota.Usage(u))
}

// Calendars returns how many calendars a team may connect.
func (r QuotaRoom) Calendars(ctx context.Context, tx *store.Tx, team string) (int, error) {
	return r.Quota.Calendars(ctx, r.Store.On(tx), team)
}
