package quota

import (
	"context"
	"sync"
	"time"

	"steno/internal/clock"
	"steno/internal/fail"
)

// Store keeps accounts and their ledgers. A team without a row has the default
// limits and unlimited tokens.
type Store interface {
	InTx(ctx context.Context, fn func(tx Tx) error) error
	Account(ctx context.Context, team string) (Account, error)
	// Ledger returns rows, newest first.
	Ledger(ctx context.Context, team string, q LedgerQuery) ([]Entry, error)
	// Charges adds up what bots were charged; those that were not are missing.
	Charges(ctx context.Context, team string, bots []string) (map[string]Charge, error)
}

// Tx changes accounts.
type Tx interface {
	// Lock reads a team's account and keeps others from it until the commit.
	Lock(ctx context.Context, team string) (Account, error)
	Update(ctx context.Context, a Account) error
	// StartedAt tells when the n-th bot of the team was counted; ok is false if
	// that is not known any more.
	StartedAt(ctx context.Context, team string, n int64) (at time.Time, ok bool, err error)
	// Held returns what is still reserved for a bot.
	Held(ctx context.Context, team, bot string) (Tokens, error)
	Append(ctx context.Context, e Entry) error
}

// LedgerQuery asks for rows of a ledger.
type LedgerQuery struct {
	BotID  string // only those about this bot; empty: all
	Before int64  // only rows with a smaller number; 0: from the newest on
	Limit  int
}

// Counter counts requests in windows of a second.
type Counter interface {
	// Count adds one and returns how many there are now in the team's window, and
	// when the window ends.
	Count(ctx context.Context, team string, now time.Time) (used int, ends time.Time, err error)
}

// Service is what may be done with limits and tokens. Store and Clock are
// required; it is safe for concurrent use.
type Service struct {
	Store Store
	Clock clock.Clock
	// Requests counts; nil: requests are not limited.
	Requests Counter

	mu    sync.Mutex
	known map[string]remembered
}

type remembered struct {
	limits Limits
	at     time.Time
}

// remember is how long limits are trusted without asking again where being
// late by so much does no harm: the rate of requests.
const remember = 2 * time.Second

// Account returns a team's limits and tokens.
func (s *Service) Account(ctx context.Context, team string) (Account, error) {
	return s.Store.Account(ctx, team)
}

// Limits returns what a team may have.
func (s *Service) Limits(ctx context.Context, team string) (Limits, error) {
	a, err := s.Store.Account(ctx, team)
	return a.Limits(), err
}

// SetLimits changes a team's limits and returns them all. They hold at once; the
// rate of requests within two seconds.
func (s *Service) SetLimits(ctx context.Context, team string, c Change) (l Limits, err error) {
	if err := c.check(); err != nil {
		return l, err
	}
	err = s.Store.InTx(ctx, func(tx Tx) error {
		a, err := tx.Lock(ctx, team)
		if err != nil {
			return err
		}
		a.Custom = a.Custom.With(c)
		l = a.Limits()
		return tx.Update(ctx, a)
	})
	if err == nil {
		s.mu.Lock()
		delete(s.known, team)
		s.mu.Unlock()
	}
	return l, err
}

// Give adds to a team's balance, or takes from it if the amount is negative.
// The first time it ends the team's unlimited use: from then on its bots are
// paid from the balance. note says why, for people.
func (s *Service) Give(ctx context.Context, team string, amount Tokens, note string) (a Account, err error) {
	err = s.Store.InTx(ctx, func(tx Tx) error {
		if a, err = tx.Lock(ctx, team); err != nil {
			return err
		}
		a.Limited = true
		return s.book(ctx, tx, &a, Entry{Kind: Given, Amount: amount, Note: note})
	})
	return a, err
}

// Free makes a team's tokens unlimited again and sets its balance to zero.
func (s *Service) Free(ctx context.Context, team, note string) (a Account, err error) {
	err = s.Store.InTx(ctx, func(tx Tx) error {
		if a, err = tx.Lock(ctx, team); err != nil {
			return err
		}
		a.Limited = false
		return s.book(ctx, tx, &a, Entry{Kind: Freed, Amount: -a.Balance, Note: note})
	})
	return a, err
}

// Ledger returns rows of a team's ledger, newest first; at most 1000.
func (s *Service) Ledger(ctx context.Context, team string, q LedgerQuery) ([]Entry, error) {
	if q.Limit < 1 || q.Limit > 1000 {
		q.Limit = 1000
	}
	return s.Store.Ledger(ctx, team, q)
}

// Charges returns what bots were charged so far; one that was not is missing.
func (s *Service) Charges(ctx context.Context, team string, bots []string) (map[string]Charge, error) {
	if len(bots) == 0 {
		return nil, nil
	}
	return s.Store.Charges(ctx, team, bots)
}

// book makes a row of the ledger true and stores both.
func (s *Service) book(ctx context.Context, tx Tx, a *Account, e Entry) error {
	// A balance that nobody pays from stays what it is.
	if a.Limited || e.Kind == Freed {
		a.Balance += e.Amount
	}
	a.Reserved += e.Held
	a.Entries++
	e.TeamID, e.N, e.At = a.TeamID, a.Entries, s.Clock.Now()
	e.Balance, e.Reserved, e.Limited = a.Balance, a.Reserved, a.Limited
	if err := tx.Append(ctx, e); err != nil {
		return err
	}
	return tx.Update(ctx, *a)
}

// day is the span of the daily cap.
const day = 24 * time.Hour

// Admit says whether a team may have another bot now, in the order of the
// contract: own key of the transcription service, daily cap, tokens (digest
// 2.2). Until the end of the transaction nobody else of the team gets an
// answer; reserve, to be called in the same transaction, counts the bot and
// holds its tokens.
func (s *Service) Admit(ctx context.Context, tx Tx, team string, ownKey bool) (reserve func(ctx context.Context, bot string) error, err error) {
	a, err := tx.Lock(ctx, team)
	if err != nil {
		return nil, err
	}
	l := a.Limits()
	if ownKey && !l.BYOK {
		return nil, noBYOK()
	}
	if err := s.withinDay(ctx, tx, a, l.BotsPerDay); err != nil {
		return nil, err
	}
	if a.Limited && a.Available() < Reservation {
		return nil, fail.New(fail.Payment, CodeTokens, "Insufficient tokens: available %s, required %s", max(0, a.Available()), Reservation)
	}
	return func(ctx context.Context, bot string) error {
		a.Starts++
		return s.book(ctx, tx, &a, Entry{Kind: Reserved, BotID: bot, Held: Reservation, Start: a.Starts, Note: "the bot was queued"})
	}, nil
}

// withinDay looks at the start that is as many starts ago as the cap allows: if
// that one is younger than a day, the cap is reached.
func (s *Service) withinDay(ctx context.Context, tx Tx, a Account, limit int) error {
	if limit == NoLimit || (limit > 0 && a.Starts < int64(limit)) {
		return nil
	}
	full := fail.New(fail.Limited, CodeDailyCap, "Daily bot cap reached: %d bots in 24 hours", limit)
	if limit == 0 {
		return full
	}
	at, ok, err := tx.StartedAt(ctx, a.TeamID, a.Starts-int64(limit)+1)
	if err != nil || !ok {
		return err
	}
	age := s.Clock.Now().Sub(at)
	if age >= day {
		return nil
	}
	full.RetryAfter = day - age
	return full
}

func noBYOK() error {
	return fail.New(fail.Invalid, CodeBYOK, "the team may not use its own key of the transcription service; leave transcription_config.api_key out")
}

// OwnKey says whether a team may use its own key of the transcription service.
func (s *Service) OwnKey(ctx context.Context, tx Tx, team string) error {
	a, err := tx.Lock(ctx, team)
	if err == nil && !a.Limits().BYOK {
		err = noBYOK()
	}
	return err
}

// Calendars returns how many calendars a team may connect. Until the end of the
// transaction nobody else of the team gets an answer.
func (s *Service) Calendars(ctx context.Context, tx Tx, team string) (int, error) {
	a, err := tx.Lock(ctx, team)
	return a.Limits().Calendars, err
}

// Settle gives a bot's reservation back and charges what it used.
func (s *Service) Settle(ctx context.Context, tx Tx, team, bot string, u Usage) error {
	a, err := tx.Lock(ctx, team)
	if err != nil {
		return err
	}
	held, err := tx.Held(ctx, team, bot)
	if err != nil {
		return err
	}
	if held != 0 {
		if err := s.book(ctx, tx, &a, Entry{Kind: Released, BotID: bot, Held: -held, Note: "the bot ended: " + u.Why}); err != nil {
			return err
		}
	}
	c := u.Charge()
	if c.Total() == 0 {
		return nil
	}
	return s.book(ctx, tx, &a, Entry{Kind: Charged, BotID: bot, Amount: -c.Total(), Charge: c, Note: u.note()})
}
