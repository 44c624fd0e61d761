package calendar

import (
	"context"
	"time"

	"steno/internal/fail"
	"steno/internal/page"
)

// All returns all connections of a team, newest first.
func (s *Service) All(ctx context.Context, team string) (out []Connection, err error) {
	for cursor := ""; ; {
		part, err := s.Connections(ctx, team, ConnectionQuery{}, page.Max, cursor)
		if err != nil {
			return nil, err
		}
		out = append(out, part.Items...)
		if cursor = part.Next; cursor == "" {
			return out, nil
		}
	}
}

// Resynced is what came of reading a calendar anew. Problem is empty for one
// that is up to date.
type Resynced struct {
	CalendarID string
	Problem    string
}

// resyncLook is how often ResyncAll looks whether the syncs have ended.
const resyncLook = 200 * time.Millisecond

// stillReading is the problem of a calendar whose sync has not told yet how it
// ended.
const stillReading = "is still being read; the sync goes on in the background"

// ResyncAll has all calendars of a team read anew as a whole, each by itself,
// and waits for a while until they are. ahead asks for events so far ahead, if
// that is further than usual: the calendars are kept current up to there.
func (s *Service) ResyncAll(ctx context.Context, team string, ahead time.Duration) ([]Resynced, error) {
	all, err := s.All(ctx, team)
	if err != nil {
		return nil, err
	}
	out, open := make([]Resynced, len(all)), map[string]int{}
	for i, c := range all {
		out[i] = Resynced{c.ID, stillReading}
		switch err := s.resync(ctx, team, c.ID, ahead); {
		case fail.Is(err, fail.NotFound):
			out[i].Problem = "was deleted meanwhile"
		case err != nil:
			s.Log.Error("a calendar was not queued to be read anew", "calendar_id", c.ID, "error", err)
			out[i].Problem = "could not be queued, by a mistake on our side; try again"
		default:
			open[c.ID] = i
		}
	}
	if s.Options.RefreshWait > 0 {
		s.awaitAll(ctx, team, out, open)
	}
	return out, nil
}

func (s *Service) resync(ctx context.Context, team, id string, ahead time.Duration) error {
	return s.Store.InTx(ctx, func(tx Tx) error {
		c, err := tx.LockConnection(ctx, team, id)
		if err != nil {
			return err
		}
		now := s.Clock.Now()
		if reach := now.Add(ahead); ahead > 0 && reach.After(c.Sync.Reach) {
			c.Sync.Reach = reach
		}
		c.Sync.FullWanted, c.Sync.At, c.Sync.Failures = true, &now, 0
		return s.want(ctx, tx, &c, now)
	})
}

// awaitAll looks how the syncs end until all have, or the time is over. What the
// database refuses to tell is asked again.
func (s *Service) awaitAll(ctx context.Context, team string, out []Resynced, open map[string]int) {
	ctx, cancel := context.WithTimeout(ctx, s.Options.RefreshWait)
	defer cancel()
	tick := time.NewTicker(resyncLook)
	defer tick.Stop()
	for len(open) > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		all, err := s.All(ctx, team)
		if err != nil {
			continue
		}
		for _, c := range all {
			i, waits := open[c.ID]
			switch {
			case !waits:
				continue
			case !c.Sync.FullWanted:
				out[i].Problem = ""
			case c.Sync.Failures > 0:
				out[i].Problem = c.SyncError
			default:
				continue
			}
			delete(open, c.ID)
		}
	}
}
