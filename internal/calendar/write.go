package calendar

import (
	"context"
	"time"

	"steno/internal/fail"
	"steno/internal/ident"
)

const (
	// writeWait is how long a write waits for a sync of its calendar that is under
	// way. Most take less than a second; what takes longer is a full round.
	writeWait = 5 * time.Second
	// writeLook is how often it looks whether that has ended.
	writeLook = 25 * time.Millisecond
	// noteTime is how long noting a write may take when its caller has gone.
	noteTime = 20 * time.Second
)

// Write makes a change at the service and brings what is stored in line with it
// at once: do makes the calls and returns what they came to, a Tombstone for
// what it deleted. Events, bots and webhooks follow as if a sync had found the
// change; the sync that does find it has nothing to add.
//
// A write holds the lease of its calendar, so that no sync with pages of before
// comes after it. Where a long sync holds it, the write does not wait for its
// end: the connection is marked as stale, and synced again right after.
func (s *Service) Write(ctx context.Context, team, id string, do func(ctx context.Context, acc Account, c Connection) ([]Item, error)) error {
	w, err := s.hold(ctx, team, id)
	if err != nil {
		return err
	}
	items, err := do(ctx, w.acc, w.conn)
	// It has been done, whatever becomes of the caller.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	if err != nil {
		unclear := len(items) > 0 || IsKind(err, Transient) || AsError(err) == nil
		if e := w.release(ctx, unclear); e != nil {
			return e
		}
		if IsKind(err, Revoked) {
			return s.noteFailure(ctx, team, id, err)
		}
		return err
	}
	stale := !w.held
	if w.held {
		if err := w.take(ctx, items); err != nil {
			s.Log.Warn("what was written at the service could not be stored; the next sync does it", "calendar_id", id, "error", err)
			stale = true
		}
	}
	return w.release(ctx, stale)
}

// write is a run that takes over what Steno has changed itself.
type write struct {
	*run
	held bool // the lease; false: a sync has it, or nothing is stored yet
}

// hold takes the lease of a connection, if it is free before long.
func (s *Service) hold(ctx context.Context, team, id string) (*write, error) {
	tick := time.NewTicker(writeLook)
	defer tick.Stop()
	patience := time.NewTimer(orElse(s.Options.WriteWait, writeWait))
	defer patience.Stop()
	owner := "write " + ident.New()
	for {
		c, busy, err := s.tryHold(ctx, team, id, owner)
		if err != nil {
			return nil, err
		}
		p, err := s.provider(c.Platform)
		if err != nil {
			return nil, err
		}
		w := &write{run: &run{s: s, leave: func() {}, conn: c, owner: owner, acc: p.Account(c.ID, s.Tokens), traits: p.Traits()}}
		if !busy {
			w.held = c.Sync.By == owner
			return w, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-patience.C:
			return w, nil
		case <-tick.C:
		}
	}
}

func (s *Service) tryHold(ctx context.Context, team, id, owner string) (c Connection, busy bool, err error) {
	err = s.Store.InTx(ctx, func(tx Tx) error {
		if c, err = tx.LockConnection(ctx, team, id); err != nil {
			return err
		}
		now := s.Clock.Now()
		if busy = c.Sync.By != "" && now.Before(c.Sync.Until); busy || !c.Sync.Announced {
			busy = busy && c.Sync.Announced // before the first sync nothing of it is read from here
			return nil
		}
		c.Sync.By, c.Sync.Until = owner, now.Add(leaseFor)
		c.Sync.Generation++
		return tx.UpdateConnection(ctx, c)
	})
	return c, busy, err
}

// take applies items as a sync would.
func (w *write) take(ctx context.Context, items []Item) error {
	w.plan(w.s.Clock.Now())
	// An incremental round without pages, whatever else is due.
	w.full, w.roll, w.window = false, false, w.conn.Sync.Window
	if err := w.applyPage(ctx, items); err != nil {
		return err
	}
	if err := w.expand(ctx); err != nil {
		return err
	}
	return w.inherit(ctx)
}

// release gives the lease back. stale: what is stored does not show what was
// written, and the next sync is wanted soon.
func (w *write) release(ctx context.Context, stale bool) error {
	s := w.s
	err := s.Store.InTx(ctx, func(tx Tx) error {
		c, err := tx.LockConnection(ctx, "", w.conn.ID)
		if err != nil {
			return err
		}
		if c.Sync.By == w.owner {
			c.Sync.By = ""
		}
		now := s.Clock.Now()
		if stale && c.DeletedAt == nil {
			c.Sync.StaleAt = &now
			s.soon(&c, now)
			return s.want(ctx, tx, &c, now)
		}
		tx.AfterCommit(s.nudge)
		return tx.UpdateConnection(ctx, c)
	})
	if fail.Is(err, fail.NotFound) {
		return nil // disconnected meanwhile
	}
	return err
}
