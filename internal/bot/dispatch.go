package bot

import (
	"cmp"
	"context"
	"slices"
	"time"

	"steno/internal/fail"
	"steno/internal/meeting"
)

const (
	// dispatchAtOnce is how many scheduled bots are queued in one transaction:
	// enough that its commit hardly counts.
	dispatchAtOnce = 50
	// crowded is how long to wait when all that is due is in other hands.
	crowded = 20 * time.Millisecond
	// MaxLate: a bot that could not be queued in time is still of use for so long.
	MaxLate = 10 * time.Minute
)

// RunDue queues all scheduled bots whose time has come, Lead before they join,
// and returns when the next one is due; ok is false if none waits. Several
// servers may run it at once: a row is taken by one of them, and it is
// concluded in the transaction that makes its bot.
func (s *Service) RunDue(ctx context.Context) (next time.Time, ok bool, err error) {
	for {
		at, ok, err := s.Store.NextJoin(ctx)
		if next = at.Add(-s.Lead); err != nil || !ok || next.After(s.Clock.Now()) {
			return next, ok, err
		}
		n, err := s.dispatch(ctx)
		if err != nil || n == 0 { // none: other servers are at it
			return s.Clock.Now().Add(crowded), err == nil, err
		}
	}
}

func (s *Service) dispatch(ctx context.Context) (n int, err error) {
	err = s.Store.InTx(ctx, func(tx Tx) error {
		due, err := tx.DueScheduled(ctx, s.Clock.Now().Add(s.Lead), dispatchAtOnce)
		if err != nil {
			return err
		}
		n = len(due)
		// Every server takes the teams' accounts in the same order.
		slices.SortStableFunc(due, func(a, b Scheduled) int { return cmp.Compare(a.TeamID, b.TeamID) })
		var done []string
		for _, sc := range due {
			ok, err := s.launchScheduled(ctx, tx, sc)
			if err != nil {
				return err
			}
			if ok {
				done = append(done, sc.ID)
			}
		}
		return tx.FinishScheduled(ctx, done, s.Clock.Now())
	})
	return n, err
}

// launchScheduled reports whether the bot was queued; one that was not is
// concluded.
func (s *Service) launchScheduled(ctx context.Context, tx Tx, sc Scheduled) (ok bool, err error) {
	now := s.Clock.Now()
	o := Order{ID: sc.ID, TeamID: sc.TeamID, JoinAt: sc.JoinAt, Request: sc.Request}
	var code EndCode
	switch {
	case sc.Broken != nil:
		code, err = EndInternalError, s.refuse(ctx, tx, s.unready(o, sc), EndInternalError, "the settings of the bot cannot be read: its secrets were sealed with another key")
	case now.Sub(sc.JoinAt) > MaxLate:
		code, err = EndMissed, s.refuse(ctx, tx, s.unready(o, sc), EndMissed, "no server was there to start the bot at "+stamp(sc.JoinAt)+", or up to 10 minutes later")
	default:
		code, err = s.StartIn(ctx, tx, o)
	}
	if err != nil || code == "" {
		return err == nil, err
	}
	sc.Status, sc.Reason, sc.UpdatedAt = ScheduleFailed, code, now
	return false, tx.ConcludeScheduled(ctx, sc)
}

// StartIn queues a bot whose time has come, as part of a transaction. A bot that
// may not be started now fails at once: its row, bot.failed and the code say
// why. An error undoes the transaction.
func (s *Service) StartIn(ctx context.Context, tx Tx, o Order) (refused EndCode, err error) {
	n, err := s.prepare(o)
	if err == nil {
		err = s.insert(ctx, tx, n)
	} else if f := fail.As(err); f != nil && f.Kind == fail.Invalid {
		// The rules or the known hosts have changed since it was asked for.
		return EndInvalidURL, s.refuse(ctx, tx, s.unready(o, Scheduled{}), EndInvalidURL, f.Message)
	}
	code, no := refusals[codeOf(err)]
	if err == nil || !no {
		return "", err
	}
	return code, s.refuse(ctx, tx, n, code, fail.As(err).Message)
}

// refusals are the errors of a bot that may not be started, with what they are
// called in bot.failed (digest 2.3).
var refusals = map[string]EndCode{
	CodeAlreadyExists:                                EndAlreadyExists,
	"FST_ERR_INSUFFICIENT_TOKENS":                    EndInsufficientTokens,
	"FST_ERR_DAILY_BOT_CAP_REACHED":                  EndDailyCap,
	"FST_ERR_BYOK_TRANSCRIPTION_NOT_ENABLED_ON_PLAN": EndNoOwnKey,
}

func codeOf(err error) string {
	if f := fail.As(err); f != nil {
		return f.Code
	}
	return ""
}

// unready is the bot of an order that cannot be prepared.
func (s *Service) unready(o Order, sc Scheduled) newBot {
	n := newBot{Bot: o.bot(meeting.Meeting{Key: sc.MeetingKey, Platform: sc.Platform})}
	n.config, n.secrets = o.config()
	n.ID, n.TeamID, n.EventID, n.config.JoinAt = o.ID, o.TeamID, o.EventID, o.JoinAt
	n.CreatedAt = s.Clock.Now()
	n.UpdatedAt = n.CreatedAt
	return n
}

// refuse stores a bot that never starts and tells of it.
func (s *Service) refuse(ctx context.Context, tx Tx, n newBot, code EndCode, message string) error {
	if err := tx.Insert(ctx, n.Bot, n.config, n.secrets); err != nil {
		return err
	}
	if err := s.enter(ctx, tx, &n.Bot, Transition{Status: Queued, At: n.CreatedAt}); err != nil {
		return err
	}
	return s.endUnlaunched(ctx, tx, Locked{Bot: n.Bot}, code, message)
}
