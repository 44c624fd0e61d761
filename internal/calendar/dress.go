package calendar

import (
	"cmp"
	"context"
	"slices"
)

// dress gives bare occurrences the fields of their masters. Masters that were
// not in the round are asked for; without one, the occurrence is an orphan.
func (r *run) dress(ctx context.Context) error {
	bare := r.bare
	r.bare = nil
	slices.SortStableFunc(bare, func(a, b Item) int { return cmp.Compare(a.SeriesID, b.SeriesID) })
	for len(bare) > 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n := wholeSeries(bare)
		if err := r.dressSome(ctx, bare[:n]); err != nil {
			return err
		}
		clear(bare[:n])
		bare = bare[n:]
	}
	return nil
}

// wholeSeries is how many of the sorted items to take: whole series, about as
// many items as a transaction may have.
func wholeSeries(items []Item) int {
	n := min(chunk, len(items))
	for n < len(items) && items[n].SeriesID == items[n-1].SeriesID {
		n++
	}
	return n
}

func (r *run) dressSome(ctx context.Context, items []Item) error {
	var ids []string
	for _, it := range items {
		ids = append(ids, it.SeriesID)
	}
	var known map[string]Series
	err := r.s.Store.InTx(ctx, func(tx Tx) (err error) {
		known, err = tx.SeriesByProvider(ctx, r.conn.TeamID, r.conn.ID, unique(ids))
		return err
	})
	if err != nil {
		return err
	}
	var dressed []Item
	var master Fields
	ok := false
	for i, it := range items {
		if i == 0 || it.SeriesID != items[i-1].SeriesID {
			if master, ok, err = r.master(ctx, it.SeriesID, known[it.SeriesID]); err != nil {
				return err
			}
		}
		if !ok {
			continue
		}
		if it.Bare {
			it = hydrate(it, master)
		}
		dressed = append(dressed, it)
	}
	for part := range slices.Chunk(dressed, chunk) {
		if err := r.applyOccurrences(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// master returns the fields of a master that this run has seen or asks for.
func (r *run) master(ctx context.Context, id string, known Series) (f Fields, ok bool, err error) {
	if known.Generation == r.conn.Sync.Generation && known.Recurring {
		return known.Fields, true, nil
	}
	it, err := r.acc.Event(ctx, r.conn.RawID, id)
	if IsKind(err, NotFound) {
		return f, false, nil
	}
	if err != nil {
		return f, false, err
	}
	it.Kind = Master
	return it.Fields, true, r.applyPage(ctx, []Item{it})
}
