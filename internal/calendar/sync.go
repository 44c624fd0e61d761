package calendar

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"steno/internal/fail"
)

const (
	// leaseFor is how long a sync may be silent before another takes over. Every
	// page renews it; a page may take as long as a service may be slow.
	leaseFor = 3 * time.Minute
	// queueFor is how long a queued job may be on its way.
	queueFor = 5 * time.Minute
	// rollEvery is how often the window is moved on.
	rollEvery = 24 * time.Hour
	// chunk is how many items are applied in one transaction.
	chunk = 500
	// maxTouched: more touched series than this are read with one windowed list.
	maxTouched = 20
)

// errLost ends a sync whose connection was deleted or taken over by another.
var errLost = errors.New("the sync has lost its connection")

// ErrBusy is returned by Sync when the connection's team or service has its share
// of the syncs already. Nothing was done; ask again a little later.
var ErrBusy = errors.New("enough syncs of that team or service are under way")

// Sync brings a calendar up to date, if that is due. owner names the caller: a
// caller that died may come again under the same name and goes on at once.
// What fails is written to the connection, which is tried again later; the
// returned error is one of the database.
func (s *Service) Sync(ctx context.Context, id, owner string) error {
	r, err := s.begin(ctx, id, owner)
	if err != nil || r == nil {
		return err
	}
	defer r.leave()
	err = r.round(ctx)
	if IsKind(err, CursorLost) && !r.full {
		r.restart()
		err = r.round(ctx)
	}
	if err == nil {
		err = r.finish(ctx)
	}
	switch {
	case err == nil, errors.Is(err, errLost):
		return nil
	case away(err), AsError(err) == nil && ctx.Err() != nil:
		return err // the lease runs out, and the next one begins anew
	}
	return r.fail(ctx, err)
}

// run is one sync.
type run struct {
	s      *Service
	leave  func() // gives back its place among the syncs
	conn   Connection
	owner  string
	acc    Account
	traits Traits
	full   bool
	roll   bool
	window Window
	cursor Cursor // where the next round begins; empty until the last page

	touched map[string]bool   // ids of masters whose occurrences must be read
	bare    []Item            // occurrences of a full round: they wait for their masters
	waiting map[string][]Item // occurrences of known series under unknown ids, by series
	fresh   map[string]bool   // series that came to exist in this run, by their own id
	heirs   []Series          // those of them that recur
	first   bool              // nothing is stored but what this run has stored
	seen    *seen
	partial string // why some series could not be read
	news    int    // changes that were told
}

// begin takes the lease of a connection. It returns nil if nothing is due, or
// if somebody else is at it.
func (s *Service) begin(ctx context.Context, id, owner string) (r *run, err error) {
	leave := func() {}
	defer func() {
		if err != nil || r == nil {
			leave()
		}
	}()
	err = s.Store.InTx(ctx, func(tx Tx) error {
		r = nil
		leave() // of a transaction that is run again
		leave = func() {}
		c, err := tx.LockConnection(ctx, "", id)
		if fail.Is(err, fail.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		now := s.Clock.Now()
		mine, taken := c.Sync.By == owner, c.Sync.By != "" && now.Before(c.Sync.Until)
		due := c.Sync.At != nil && !c.Sync.At.After(now)
		if c.DeletedAt != nil || (taken && !mine) || (!mine && !due && c.Sync.By == "") {
			c.Sync.QueuedAt = nil
			return tx.UpdateConnection(ctx, c)
		}
		if s.Share != nil {
			enter, ok := s.Share(c.TeamID, c.Platform)
			if !ok {
				return ErrBusy
			}
			leave = enter
		}
		next := now.Add(s.jitter(s.poll()))
		c.Sync.By, c.Sync.Until, c.Sync.StartedAt, c.Sync.QueuedAt, c.Sync.At = owner, now.Add(leaseFor), now, nil, &next
		c.Sync.Generation++
		r = &run{s: s, leave: leave, conn: c, owner: owner, first: c.Sync.Generation == 1}
		return tx.UpdateConnection(ctx, c)
	})
	if err != nil || r == nil {
		return nil, err
	}
	p, err := s.provider(r.conn.Platform)
	if err != nil {
		return nil, err
	}
	r.acc, r.traits = p.Account(r.conn.ID, s.Tokens), p.Traits()
	r.plan(s.Clock.Now())
	return r, nil
}

// plan decides between a full and an incremental round.
func (r *run) plan(now time.Time) {
	st := r.conn.Sync
	r.touched, r.waiting, r.fresh = map[string]bool{}, map[string][]Item{}, map[string]bool{}
	r.bare, r.heirs, r.cursor, r.partial = nil, nil, "", ""
	r.seen = newSeen()
	r.roll = !st.RollAt.After(now)
	r.full = r.full || st.Cursor == "" || st.FullWanted || (r.roll && r.traits.CursorFixesWindow)
	r.window = st.Window
	if r.full || r.roll {
		r.window = r.s.window(now, st.Reach)
	} else if from := now.Add(-r.s.Options.Behind); from.After(r.window.Start) {
		r.window.Start = from
	}
}

// restart turns a run whose cursor was lost into a full one.
func (r *run) restart() {
	r.full = true
	r.plan(r.s.Clock.Now())
}

// round reads what changed, page by page, and then what has to be asked for.
func (r *run) round(ctx context.Context) error {
	q := RoundRequest{Calendar: r.conn.RawID, Window: r.window}
	if !r.full {
		q.Cursor = r.conn.Sync.Cursor
	}
	err := eachPage(ctx, func(ctx context.Context, token string) (Page, error) {
		q.PageToken = token
		return r.acc.Round(ctx, q)
	}, func(page Page) error {
		r.cursor = page.Cursor
		return r.applyPage(ctx, page.Items)
	})
	if err != nil {
		return err
	}
	if r.cursor == "" {
		return &Error{Kind: Transient, Platform: r.conn.Platform, Op: "read events", Message: "the last page of a round had no cursor"}
	}
	if err := r.expand(ctx); err != nil {
		return err
	}
	return r.inherit(ctx)
}

// expand reads the occurrences that a round does not yield by itself.
func (r *run) expand(ctx context.Context) error {
	if r.full && r.traits.RoundExpands {
		if err := r.dress(ctx); err != nil {
			return err
		}
		return r.settleAll(ctx, "")
	}
	if r.full || r.roll || len(r.touched) > maxTouched {
		return r.expandAll(ctx)
	}
	if err := r.settleLone(ctx); err != nil {
		return err
	}
	for series := range r.touched {
		if err := r.expandSeries(ctx, series); err != nil {
			return err
		}
	}
	return nil
}

// expandAll reads all occurrences in the window and cancels those that are not
// there any more.
func (r *run) expandAll(ctx context.Context) error {
	needed := true
	if r.full { // single events are known from the round
		err := r.s.Store.InTx(ctx, func(tx Tx) (err error) {
			needed, err = tx.HasRecurring(ctx, r.conn.TeamID, r.conn.ID)
			return err
		})
		if err != nil {
			return err
		}
	}
	if needed {
		if err := r.occurrences(ctx, ""); err != nil {
			return err
		}
	}
	return r.settleAll(ctx, "")
}

// expandSeries replaces the occurrences of one series as a set.
func (r *run) expandSeries(ctx context.Context, series string) error {
	err := r.occurrences(ctx, series)
	switch {
	case IsKind(err, NotFound):
		return r.dropSeries(ctx, series)
	case IsKind(err, Refused):
		r.partial = fmt.Sprintf("the occurrences of a series could not be read: %v", err)
		return nil
	case err != nil:
		return err
	}
	return r.settleAll(ctx, series)
}

func (r *run) occurrences(ctx context.Context, series string) error {
	q := OccurrenceRequest{Calendar: r.conn.RawID, Series: series, Window: r.window}
	return eachPage(ctx, func(ctx context.Context, token string) (Page, error) {
		q.PageToken = token
		return r.acc.Occurrences(ctx, q)
	}, func(page Page) error {
		for items := range slices.Chunk(page.Items, chunk) {
			if err := r.applyOccurrences(ctx, items); err != nil {
				return err
			}
		}
		return nil
	})
}
