package calendar

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// finish stores where the next round begins, and gives the lease back.
func (r *run) finish(ctx context.Context) error {
	s := r.s
	return s.Store.InTx(ctx, func(tx Tx) error {
		now := s.Clock.Now()
		if err := r.guard(ctx, tx, now); err != nil {
			return err
		}
		c := r.conn
		if !c.Sync.Announced {
			if err := r.announce(ctx, tx, now); err != nil {
				return err
			}
			c.Sync.Announced = true
		} else if changed, err := tx.TakeChanges(ctx, c); err != nil {
			return err
		} else if len(changed) > 0 {
			if err := tellV1(ctx, tx, c, changed, now); err != nil {
				return err
			}
		}
		c.Sync.Cursor, c.Sync.Failures, c.Sync.By = r.cursor, 0, ""
		if r.full || r.roll {
			c.Sync.Window, c.Sync.RollAt = r.window, now.Add(s.jitter(rollEvery*4/5))
		}
		if r.full {
			c.Sync.FullWanted = false
		}
		if at := c.Sync.StaleAt; at != nil && c.Sync.StartedAt.After(*at) {
			c.Sync.StaleAt = nil
		}
		c.SyncedAt, c.SyncStatus, c.SyncError = &now, SyncSuccess, ""
		if r.partial != "" {
			c.SyncStatus, c.SyncError = SyncPartial, r.partial
		}
		if c.Status != Active && c.Watch.RenewAt == nil && s.Options.PushURL != "" {
			c.Watch.RenewAt = &now // it was given up with the credentials
		}
		if err := s.setStatus(ctx, tx, &c, Active, "", now); err != nil {
			return err
		}
		tx.AfterCommit(s.nudge)
		return tx.UpdateConnection(ctx, c)
	})
}

// verdict is what a failure means for a connection.
type verdict struct {
	status ConnectionStatus // empty: unchanged
	again  time.Duration    // 0: never by itself
}

// patience is how many transient failures in a row make a connection failing.
const patience = 10

// How long it takes until a connection is tried again that needs somebody to do
// something: to correct the application or the calendar, or to grant access.
const (
	failingAgain = time.Hour
	deniedAgain  = 6 * time.Hour
)

func (s *Service) judge(err error, failures int) verdict {
	backoff := s.jitter(min(5*time.Second<<min(failures, 8), s.poll()))
	e := AsError(err)
	if e == nil {
		return verdict{again: backoff}
	}
	switch e.Kind {
	case Revoked:
		return verdict{status: Dead}
	case PermissionDenied, Unlicensed:
		return verdict{status: NoAccess, again: s.jitter(deniedAgain)}
	case BadClient, NotFound, Refused, Unsupported:
		return verdict{status: Failing, again: s.jitter(failingAgain)}
	}
	v := verdict{again: max(backoff, min(e.RetryAfter, time.Hour))}
	if failures >= patience {
		v.status = Failing
	}
	return v
}

// fail notes why a sync did not come to its end, and when to try again.
func (r *run) fail(ctx context.Context, cause error) error {
	s := r.s
	// The note must be taken although the time of the job is over.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	err := s.Store.InTx(ctx, func(tx Tx) error {
		now := s.Clock.Now()
		if err := r.guard(ctx, tx, now); err != nil {
			return err
		}
		c := r.conn
		if IsKind(cause, CursorLost) {
			c.Sync.FullWanted = true
		}
		c.Sync.By, c.SyncStatus, c.SyncError = "", SyncFailed, said(cause)
		c.Sync.Failures++
		v := s.judge(cause, c.Sync.Failures)
		c.Sync.At = nil
		if v.again > 0 {
			at := now.Add(v.again)
			c.Sync.At = &at
		} else {
			c.Watch.RenewAt = nil // new credentials begin anew
		}
		if v.status != "" {
			if err := s.setStatus(ctx, tx, &c, v.status, said(cause), now); err != nil {
				return err
			}
		}
		tx.AfterCommit(s.nudge)
		return tx.UpdateConnection(ctx, c)
	})
	if errors.Is(err, errLost) {
		return nil
	}
	if err == nil && AsError(cause) == nil {
		s.Log.Error("sync failed", "calendar_id", r.conn.ID, "error", cause)
	} else if err == nil {
		s.Log.Warn("sync failed", "calendar_id", r.conn.ID, "error", cause)
	}
	return err
}

// said is what users may read of a failure.
func said(err error) string {
	if e := AsError(err); e != nil {
		return e.Error()
	}
	return "something went wrong on our side"
}

// setStatus changes the status of a connection and tells of it.
func (s *Service) setStatus(ctx context.Context, tx Tx, c *Connection, to ConnectionStatus, why string, now time.Time) error {
	if c.Status == to && c.StatusMessage == why {
		return nil
	}
	was := c.Status
	c.Status, c.StatusMessage, c.UpdatedAt = to, why, now
	if was == to {
		return nil
	}
	if err := tx.Emit(ctx, c.updated(now)); err != nil {
		return fmt.Errorf("tell of the status: %w", err)
	}
	if to == Active {
		return nil
	}
	return tx.Emit(ctx, c.failed(now))
}
