package calendar

import (
	"context"
	"slices"
)

// applyPage applies a page of a round.
func (r *run) applyPage(ctx context.Context, items []Item) error {
	items = lastOf(items)
	for len(items) > 0 {
		n := min(chunk, len(items))
		part := items[:n]
		err := r.inBatch(ctx, func(b *batch) error {
			if err := b.load(ctx, part); err != nil {
				return err
			}
			for _, it := range part {
				if err := b.item(ctx, it); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

// item applies one row of a round.
func (b *batch) item(ctx context.Context, it Item) error {
	full := b.r.full
	switch it.Kind {
	case Master:
		b.putSeries(it)
		if !full {
			b.touched[it.ID] = true
		}
	case Single:
		was := b.series[it.ID]
		if _, known := b.events[it.ID]; !known && !was.Recurring && !it.When.Overlaps(b.r.window) {
			return nil // years of history are of no use
		}
		s := b.putSeries(it)
		if was.Recurring && !full {
			b.lone[it.ID] = true
		}
		b.put(it, s)
		if full {
			b.singles = append(b.singles, it.ID)
		}
	case Occurrence:
		b.occurrence(it)
	case CancelledSlot:
		if e, ok := b.events[it.ID]; ok {
			b.cancel(e)
		}
	case Tombstone:
		return b.tombstone(ctx, it)
	}
	return nil
}

// occurrence applies a row of a series. An incremental round makes the whole
// series suspect: the service may have left out its siblings.
func (b *batch) occurrence(it Item) {
	if b.r.full && b.r.traits.RoundExpands {
		b.bare = append(b.bare, it)
		return
	}
	if !b.r.full {
		b.touched[it.SeriesID] = true
	}
	old, known := b.events[it.ID]
	if s, ok := b.series[it.SeriesID]; ok && known && !it.Bare {
		b.change(it, old, s) // also when it has left the window
	}
}

// tombstone applies "gone". Graph says so too of what has only left its window,
// and of a single slot it may say nothing at all: there the series is asked.
func (b *batch) tombstone(ctx context.Context, it Item) error {
	if s, ok := b.series[it.ID]; ok && s.Recurring {
		if b.r.traits.RoundExpands {
			if !b.r.full {
				b.touched[it.ID] = true
			}
			return nil
		}
		return b.drop(ctx, s)
	}
	e, ok := b.events[it.ID]
	if !ok {
		return nil // a stranger's
	}
	if !e.Recurring {
		b.cancel(e)
		return nil
	}
	if b.r.full {
		return nil // the sweep finds it
	}
	c := b.r.conn
	s, err := b.tx.SeriesByID(ctx, c.TeamID, c.ID, []string{e.SeriesID})
	if err == nil {
		b.touched[s[e.SeriesID].ProviderID] = true
	}
	return err
}

// drop cancels a series with all its events that are not past.
func (b *batch) drop(ctx context.Context, s Series) error {
	events, err := b.tx.EventsIn(ctx, b.r.conn.TeamID, s.ID)
	if err != nil {
		return err
	}
	for _, e := range events {
		if e.When.End.After(b.r.window.Start) {
			b.cancel(e)
		}
	}
	s.DeletedAt, s.UpdatedAt = &b.now, b.now
	return b.tx.UpdateSeries(ctx, s)
}

// dropSeries drops the series with the service's id, if it is known.
func (r *run) dropSeries(ctx context.Context, id string) error {
	return r.inBatch(ctx, func(b *batch) error {
		found, err := b.tx.SeriesByProvider(ctx, r.conn.TeamID, r.conn.ID, []string{id})
		if s, ok := found[id]; err == nil && ok {
			err = b.drop(ctx, s)
		}
		return err
	})
}

// applyOccurrences applies rows that are complete: occurrences and, from a
// windowed list, single events. Those that the full round has shown are known;
// what has changed since then comes with the next round.
func (r *run) applyOccurrences(ctx context.Context, items []Item) error {
	items = slices.DeleteFunc(lastOf(items), func(it Item) bool { return it.Kind == Single && r.seen.single(it.ID) })
	if len(items) == 0 {
		return nil
	}
	return r.inBatch(ctx, func(b *batch) error {
		if err := b.load(ctx, items); err != nil {
			return err
		}
		for _, it := range items {
			if it.Kind == Single {
				b.put(it, b.putSeries(it))
				continue
			}
			s, ok := b.series[it.SeriesID]
			if !ok || s.DeletedAt != nil {
				// The master was not in any round yet. What is known of it is what
				// its occurrence says.
				s = b.putSeries(Item{Kind: Master, ID: it.SeriesID, Fields: it.Fields})
			} else if r.touched[it.SeriesID] && s.Generation != r.conn.Sync.Generation && !it.Exception {
				// The service has left out the master, which may have changed.
				master := Item{Kind: Master, ID: it.SeriesID, Fields: it.Fields}
				master.UID, master.When, master.Recurrence = s.UID, s.Fields.When, s.Fields.Recurrence
				s = b.putSeries(master)
			}
			b.put(it, s)
		}
		return nil
	})
}

// settleAll finds a place for the occurrences that came under unknown ids, and
// cancels what the run has not seen: of one series, or of all.
func (r *run) settleAll(ctx context.Context, series string) error {
	for id, items := range r.waiting {
		if series != "" && id != series {
			continue
		}
		if err := r.settle(ctx, id, items); err != nil {
			return err
		}
		delete(r.waiting, id)
	}
	own := ""
	if series != "" {
		s, err := r.known(ctx, series)
		if err != nil || s.ID == "" {
			return err
		}
		own = s.ID
	}
	return r.sweep(ctx, own)
}

func (r *run) known(ctx context.Context, id string) (s Series, err error) {
	err = r.s.Store.InTx(ctx, func(tx Tx) error {
		found, err := tx.SeriesByProvider(ctx, r.conn.TeamID, r.conn.ID, []string{id})
		s = found[id]
		return err
	})
	return s, err
}

// settle matches occurrences under new ids with those that were not seen any
// more, by the date of their slot: a series that moves to another hour gets new
// ids from some services, and the events, with what users asked for them, are
// still the same ones.
func (r *run) settle(ctx context.Context, id string, items []Item) error {
	return r.inBatch(ctx, func(b *batch) error {
		if err := b.load(ctx, items); err != nil {
			return err
		}
		s := b.series[id]
		if s.ID == "" {
			return nil
		}
		rows, err := b.tx.EventsIn(ctx, r.conn.TeamID, s.ID)
		if err != nil {
			return err
		}
		lost := map[string][]Event{}
		for _, e := range rows {
			if e.Generation != r.conn.Sync.Generation && e.DeletedAt == nil && e.When.End.After(r.window.Start) {
				day := slotDay(e.Slot, e.When)
				lost[day] = append(lost[day], e)
			}
		}
		for _, it := range lastOf(items) {
			day := slotDay(it.Slot, it.When)
			if old, known := b.events[it.ID]; known {
				b.change(it, old, s)
			} else if same := lost[day]; len(same) > 0 {
				lost[day] = same[1:]
				b.change(it, same[0], s)
			} else {
				b.add(it, s)
			}
		}
		return nil
	})
}

// sweep cancels the events in the window that this run has not seen, of one
// series or of all. It is called when everything there is has been read.
func (r *run) sweep(ctx context.Context, series string) error {
	for {
		n := 0
		err := r.inBatch(ctx, func(b *batch) error {
			gone, err := b.tx.Unseen(ctx, r.conn, r.window, series, chunk)
			n = len(gone)
			for _, e := range gone {
				b.cancel(e)
			}
			return err
		})
		if err != nil || n < chunk {
			return err
		}
	}
}

// settleLone makes former series single events, without asking the service.
func (r *run) settleLone(ctx context.Context) error {
	for id, ask := range r.touched {
		if ask {
			continue
		}
		if err := r.settleAll(ctx, id); err != nil {
			return err
		}
		delete(r.touched, id)
	}
	// Single events under known series rows wait for nothing else.
	for id := range r.waiting {
		if _, ok := r.touched[id]; ok {
			continue
		}
		if err := r.settle(ctx, id, r.waiting[id]); err != nil {
			return err
		}
		delete(r.waiting, id)
	}
	return nil
}
