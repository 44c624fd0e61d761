package calendar

import (
	"context"
	"time"
)

// clockSlack is how far the clocks of servers that share a database may differ.
const clockSlack = time.Minute

// strays finds connections whose last sync lies in the future, and gives them
// times of the present: somebody has set the clock back, and their polls, and
// the lease of a sync that has died, would wait for the old time to come again.
// It looks when the clock was seen to go back, and once after the start.
func (s *Service) strays(ctx context.Context, now time.Time) error {
	if last := s.lastSeen.Load(); last != 0 && now.UnixNano() >= last-int64(clockSlack) {
		if now.UnixNano() > last {
			s.lastSeen.Store(now.UnixNano())
		}
		return nil
	}
	for {
		ids, err := s.Store.StraySyncs(ctx, now.Add(clockSlack), dueAtOnce)
		if err != nil {
			return err
		}
		for _, id := range ids {
			err := s.queue(ctx, id, func(tx Tx, c *Connection) error {
				s.bringBack(c, now)
				return s.want(ctx, tx, c, now)
			})
			if err != nil {
				return err
			}
		}
		if len(ids) < dueAtOnce {
			s.lastSeen.Store(now.UnixNano())
			return nil
		}
	}
}

// bringBack cuts the times of a connection that lie too far ahead. Its next
// poll comes within the usual time, but not those of all calendars at once.
func (s *Service) bringBack(c *Connection, now time.Time) {
	st := &c.Sync
	if st.StartedAt.After(now) {
		st.StartedAt = now
	}
	if st.QueuedAt != nil && st.QueuedAt.After(now) {
		st.QueuedAt = nil
	}
	if most := now.Add(leaseFor); st.Until.After(most) {
		st.Until = most // who is at it renews it
	}
	if most := now.Add(rollEvery); st.RollAt.After(most) {
		st.RollAt = now
	}
	if at := now.Add(s.jitter(s.poll() / 2)); st.At != nil && st.At.After(at) {
		st.At = &at
	}
}
