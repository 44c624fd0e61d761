package calendar

import (
	"context"
	"time"

	"steno/internal/fail"
)

// dueAtOnce bounds how much of each kind one round of RunDue takes.
const dueAtOnce = 200

// RunDue queues all that is due: syncs, renewals and bots. It returns when the
// next thing is due; ok is false if there is none.
func (s *Service) RunDue(ctx context.Context) (next time.Time, ok bool, err error) {
	now := s.Clock.Now()
	if err := s.strays(ctx, now); err != nil {
		return next, false, err
	}
	bots, err := s.Store.DueBots(ctx, now.Add(s.Options.Lead), dueAtOnce)
	if err != nil {
		return next, false, err
	}
	for _, event := range bots {
		if err := s.Launch(ctx, event); err != nil {
			return next, false, err
		}
	}
	syncs, err := s.Store.DueSyncs(ctx, now, dueAtOnce)
	if err != nil {
		return next, false, err
	}
	for _, id := range syncs {
		if err := s.queue(ctx, id, func(tx Tx, c *Connection) error { return s.want(ctx, tx, c, now) }); err != nil {
			return next, false, err
		}
	}
	watches, err := s.Store.DueWatches(ctx, now, dueAtOnce)
	if err != nil {
		return next, false, err
	}
	for _, id := range watches {
		err := s.queue(ctx, id, func(tx Tx, c *Connection) error {
			guard := now.Add(10 * time.Minute) // should the job be lost
			c.Watch.RenewAt = &guard
			if err := tx.UpdateConnection(ctx, *c); err != nil {
				return err
			}
			return tx.EnqueueWatch(ctx, c.ID)
		})
		if err != nil {
			return next, false, err
		}
	}
	if len(bots) == dueAtOnce || len(syncs) == dueAtOnce || len(watches) == dueAtOnce {
		return now, true, nil
	}
	return s.Store.NextDue(ctx, s.Options.Lead)
}

func (s *Service) queue(ctx context.Context, id string, fn func(tx Tx, c *Connection) error) error {
	return s.Store.InTx(ctx, func(tx Tx) error {
		c, err := tx.LockConnection(ctx, "", id)
		if fail.Is(err, fail.NotFound) || (err == nil && c.DeletedAt != nil) {
			return nil
		}
		if err != nil {
			return err
		}
		return fn(tx, &c)
	})
}

// sharing: two events of a team in the same meeting share a bot when they begin
// within this time of each other.
const sharing = 5 * time.Minute

// Launch creates the bot of an event whose time has come. Rows, job and the
// bot's first message are one transaction, so that it happens once.
func (s *Service) Launch(ctx context.Context, event string) error {
	err := s.Store.InTx(ctx, func(tx Tx) error { return s.launch(ctx, tx, event) })
	if err == nil || fail.Is(err, fail.Unavailable) || ctx.Err() != nil {
		return err
	}
	// The room of bots refuses, or the settings cannot be read: trying again
	// would not help, and would hold up all others.
	s.Log.Error("the bot of an event was not launched", "event_id", event, "error", err)
	return s.Store.InTx(ctx, func(tx Tx) error {
		sc, err := s.lockSchedule(ctx, tx, event)
		if err != nil || sc.State != Scheduled {
			return ignoreMissing(err)
		}
		return s.conclude(ctx, tx, sc, Missed, LaunchFailed)
	})
}

func ignoreMissing(err error) error {
	if fail.Is(err, fail.NotFound) {
		return nil
	}
	return err
}

// lockSchedule reads the schedule of an event with its connection locked, which
// is what everybody does who changes schedules. Those of a deleted connection
// are not found.
func (s *Service) lockSchedule(ctx context.Context, tx Tx, event string) (Schedule, error) {
	sc, err := tx.ScheduleOf(ctx, event)
	if err != nil {
		return sc, err
	}
	if _, err := tx.LockConnection(ctx, sc.TeamID, sc.CalendarID); err != nil {
		return sc, err
	}
	return tx.ScheduleOf(ctx, event)
}

func (s *Service) launch(ctx context.Context, tx Tx, event string) error {
	sc, err := s.lockSchedule(ctx, tx, event)
	if err != nil {
		return ignoreMissing(err)
	}
	now := s.Clock.Now()
	if sc.State != Scheduled || sc.JoinAt.After(now.Add(s.Options.Lead)) {
		return nil
	}
	rows, err := tx.EventsByID(ctx, sc.TeamID, sc.CalendarID, []string{event})
	if err != nil || len(rows) == 0 {
		return err
	}
	e := rows[0]
	if !e.When.End.After(now) && now.Sub(sc.JoinAt) > time.Minute {
		return s.conclude(ctx, tx, sc, Missed, TooLate)
	}
	rules, err := tx.Rules(ctx, sc.TeamID, []string{e.SeriesID}, []string{event})
	if err != nil {
		return err
	}
	rule := RuleFor(rules, e)
	if rule == nil || rule.Off {
		return s.conclude(ctx, tx, sc, Withdrawn, NoRule)
	}
	sc.DedupKey = tx.DedupKey(rule.Settings)
	shared, err := tx.SharedBot(ctx, sc, sharing)
	if err != nil {
		return err
	}
	if shared != "" {
		sc.BotID = shared
		return s.conclude(ctx, tx, sc, Launched, BotShared)
	}
	refused, err := tx.CreateBot(ctx, BotOrder{BotID: sc.BotID, TeamID: sc.TeamID, EventID: event, URL: sc.Link.URL, JoinAt: sc.JoinAt, Settings: rule.Settings})
	if err != nil {
		return err
	}
	if refused {
		return s.conclude(ctx, tx, sc, Missed, LaunchRefused)
	}
	return s.conclude(ctx, tx, sc, Launched, BotLaunched)
}

// conclude ends the waiting of a schedule.
func (s *Service) conclude(ctx context.Context, tx Tx, sc Schedule, state ScheduleState, why Reason) error {
	now := s.Clock.Now()
	sc.State, sc.Reason, sc.UpdatedAt = state, why, now
	if err := tx.PutSchedule(ctx, sc); err != nil {
		return err
	}
	if !sc.Counts() {
		rows, err := tx.EventsByID(ctx, sc.TeamID, sc.CalendarID, []string{sc.EventID})
		if err != nil {
			return err
		}
		for _, e := range rows {
			e.BotScheduled = false
			if err := tx.UpdateEvent(ctx, e, nil); err != nil {
				return err
			}
		}
	}
	return tx.AddDecision(ctx, decision(sc, now))
}
