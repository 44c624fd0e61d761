package store

import (
	"context"
	"encoding/json"
	"reflect"
	"sync"
	"time"

	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/fail"
)

func (t calendarTx) PutGrant(ctx context.Context, c calendar.Connection, g calendar.Grant) error {
	return putGrant(ctx, t.Tx, t.s.Vault, c.TeamID, c.ID, g, c.UpdatedAt)
}

// putGrant stores a grant. Whoever refreshes the one before meanwhile has lost:
// what comes of that must not take the place of new credentials.
func putGrant(ctx context.Context, tx *Tx, v CalendarVault, team, id string, g calendar.Grant, at time.Time) error {
	plain, err := json.Marshal(g)
	if err != nil {
		return err
	}
	sealed, err := v.SealGrant(team, id, plain)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO calendar_grants (calendar_id, team_id, sealed, updated_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (calendar_id) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at, lock_by = ''`, id, team, sealed, at.UnixMilli())
	return err
}

const (
	// refreshLease is how long a refresh may take before another begins.
	refreshLease = time.Minute
	// refreshLook is how often a process looks whether another has finished.
	refreshLook = 20 * time.Millisecond
	// writeTime and writePause: a rotated refresh token that is not written is an
	// account that is lost.
	writeTime  = 5 * time.Minute
	writePause = 250 * time.Millisecond
)

// Grants keeps the access of connections. It implements calendar.TokenStore.
type Grants struct {
	DB    *DB
	Vault CalendarVault
	Clock clock.Clock

	mu    sync.Mutex
	owner string                 // of the leases of this process
	local map[string]*refreshing // so that one process waits in memory, not by looking
}

type refreshing struct {
	sync.Mutex
	users int
}

// Grant returns what is stored for a connection.
func (s *Grants) Grant(ctx context.Context, id string) (g calendar.Grant, err error) {
	var team, sealed string
	err = s.DB.Read(ctx, func(q Querier) error {
		return noCalendar(q.QueryRow(ctx, "SELECT team_id, sealed FROM calendar_grants WHERE calendar_id = $1", id).Scan(&team, &sealed), id)
	})
	if err != nil {
		return g, err
	}
	plain, err := s.Vault.OpenGrant(team, id, sealed)
	if err != nil {
		return g, err
	}
	return g, json.Unmarshal(plain, &g)
}

// Refresh runs fn while nobody else refreshes the same connection, and stores
// what it returns.
func (s *Grants) Refresh(ctx context.Context, id string, fn func(context.Context, calendar.Grant) (calendar.Grant, error)) (calendar.Grant, error) {
	owner, unlock := s.lockLocal(id)
	defer unlock()
	written := false
	defer func() { // also when taking the lease failed: it may be taken nevertheless
		if !written {
			_ = s.release(context.WithoutCancel(ctx), id, owner) // the lease runs out otherwise
		}
	}()
	if err := s.lock(ctx, id, owner); err != nil {
		return calendar.Grant{}, err
	}
	old, err := s.Grant(ctx, id)
	if err != nil {
		return old, err
	}
	g, err := fn(ctx, old)
	if err != nil || reflect.DeepEqual(g, old) {
		return g, err
	}
	written = true
	return g, s.write(context.WithoutCancel(ctx), id, owner, g)
}

// lockLocal returns when nobody else in this process refreshes the connection,
// and the name under which the process takes the lease. A lease that has that
// name already is a leftover: the answer to its taking, or its end, was lost.
func (s *Grants) lockLocal(id string) (owner string, unlock func()) {
	s.mu.Lock()
	if s.owner == "" {
		s.owner = newOwner()
	}
	owner = s.owner
	if s.local == nil {
		s.local = map[string]*refreshing{}
	}
	l := s.local[id]
	if l == nil {
		l = &refreshing{}
		s.local[id] = l
	}
	l.users++
	s.mu.Unlock()
	l.Lock()
	return owner, func() {
		l.Unlock()
		s.mu.Lock()
		defer s.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(s.local, id)
		}
	}
}

// lock takes the lease of a connection's grant, across processes.
func (s *Grants) lock(ctx context.Context, id, owner string) error {
	tick := time.NewTicker(refreshLook)
	defer tick.Stop()
	for {
		taken, err := s.tryLock(ctx, id, owner)
		if err != nil || taken {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (s *Grants) tryLock(ctx context.Context, id, owner string) (taken bool, err error) {
	err = s.DB.InTx(ctx, func(tx *Tx) error {
		now, err := tx.now(ctx, s.Clock)
		if err != nil {
			return err
		}
		n, err := execN(ctx, tx, "UPDATE calendar_grants SET lock_by = $1, lock_until = $2 WHERE calendar_id = $3 AND (lock_by IN ('', $1) OR lock_until < $4)",
			owner, now+refreshLease.Milliseconds(), id, now)
		if taken = n == 1; taken || err != nil {
			return err
		}
		var one int
		return noCalendar(tx.QueryRow(ctx, "SELECT 1 FROM calendar_grants WHERE calendar_id = $1", id).Scan(&one), id)
	})
	return taken, err
}

func (s *Grants) release(ctx context.Context, id, owner string) error {
	return s.DB.InTx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, "UPDATE calendar_grants SET lock_by = '' WHERE calendar_id = $1 AND lock_by = $2", id, owner)
		return err
	})
}

// write stores a grant and gives the lease back. It does not give up while the
// database is away: the service has replaced the old token already.
func (s *Grants) write(ctx context.Context, id, owner string, g calendar.Grant) error {
	for end := s.Clock.Now().Add(writeTime); ; time.Sleep(writePause) {
		err := s.tryWrite(ctx, id, owner, g)
		if fail.Is(err, fail.NotFound) {
			// The lease is not ours: it ran out, or this was written before, and only
			// the answer was lost.
			if now, e := s.Grant(ctx, id); e == nil && reflect.DeepEqual(now, g) {
				return nil
			}
		}
		if err == nil || !fail.Is(err, fail.Unavailable) || s.Clock.Now().After(end) {
			return err
		}
	}
}

func (s *Grants) tryWrite(ctx context.Context, id, owner string, g calendar.Grant) error {
	return s.DB.InTx(ctx, func(tx *Tx) error {
		var team string
		if err := tx.QueryRow(ctx, `UPDATE calendar_grants SET lock_by = '' WHERE calendar_id = $1 AND lock_by = $2 RETURNING team_id`, id, owner).Scan(&team); err != nil {
			return noCalendar(err, id)
		}
		return putGrant(ctx, tx, s.Vault, team, id, g, s.Clock.Now())
	})
}
