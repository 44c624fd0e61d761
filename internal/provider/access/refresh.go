package access

import (
	"context"
	"time"

	"steno/internal/calendar"
)

// How often and how long the write of a replaced grant is tried.
const (
	writeTries   = 8
	writeTimeout = time.Minute
)

// refresh gets a new access token under the store's lock and sees that what the
// service handed out is stored.
func (s *Source) refresh(ctx context.Context, o owner, refused string) (calendar.Grant, error) {
	if err := s.settle(ctx, o); err != nil {
		return calendar.Grant{}, err
	}
	var got *replaced
	g, err := o.tokens.Refresh(ctx, o.connection, func(ctx context.Context, g calendar.Grant) (calendar.Grant, error) {
		if s.fresh(g, refused) { // another process was faster
			return g, nil
		}
		ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
		defer cancel()
		next, err := s.spend(ctx, o, g, refused)
		if err == nil {
			got = &replaced{old: g.RefreshToken, new: next}
		}
		return next, err
	})
	if err == nil || got == nil {
		return g, err
	}
	// The service has given a new grant, and the store did not take it.
	if got.new.RefreshToken == got.old {
		return got.new, nil // nothing that could be lost
	}
	s.mu.Lock()
	s.unsaved[o.key()] = *got
	s.mu.Unlock()
	if err := s.settle(ctx, o); err != nil {
		return calendar.Grant{}, err
	}
	return got.new, nil
}

// settle writes a grant that is still unsaved, with patience. Without it the
// connection would be dead as soon as the service forgets the old token
// (trap 35); so nothing is refreshed before it is through.
func (s *Source) settle(ctx context.Context, o owner) error {
	s.mu.Lock()
	r, waiting := s.unsaved[o.key()]
	s.mu.Unlock()
	if !waiting {
		return nil
	}
	var err error
	for n := range writeTries {
		if n > 0 {
			if serr := s.sleep(ctx, min(time.Second<<(n-1), 8*time.Second)); serr != nil {
				break
			}
		}
		_, err = o.tokens.Refresh(ctx, o.connection, func(_ context.Context, g calendar.Grant) (calendar.Grant, error) {
			if g.RefreshToken != r.old {
				// It was written after all, or the user has connected again.
				return g, nil
			}
			next := r.new
			next.ClientID, next.ClientSecret, next.Tenant = g.ClientID, g.ClientSecret, g.Tenant
			return next, nil
		})
		if err == nil {
			s.mu.Lock()
			delete(s.unsaved, o.key())
			s.mu.Unlock()
			return nil
		}
	}
	return s.storeError(ctx, err)
}

// spend uses the refresh token. Under the lock, so the grant is the stored one.
func (s *Source) spend(ctx context.Context, o owner, g calendar.Grant, refused string) (calendar.Grant, error) {
	next, err := s.call(ctx, g)
	if calendar.IsKind(err, calendar.Transient) {
		if serr := s.sleep(ctx, shortRetry); serr != nil {
			return g, err
		}
		next, err = s.call(ctx, g)
	}
	if !calendar.IsKind(err, calendar.Revoked) {
		return next, err
	}
	return s.doubt(ctx, o, g, refused, err)
}

// doubt looks a second time at a grant that the service called dead: another
// process may have replaced it in spite of the lock (trap 34), the service may
// have erred (trap 36), or the answer that held its successor was lost.
func (s *Source) doubt(ctx context.Context, o owner, g calendar.Grant, refused string, verdict error) (calendar.Grant, error) {
	if err := s.sleep(ctx, secondLook); err != nil {
		return g, transientVerdict(verdict)
	}
	stored, err := o.tokens.Grant(ctx, o.connection)
	if err != nil {
		return g, s.storeError(ctx, err)
	}
	if stored.RefreshToken != g.RefreshToken {
		if s.fresh(stored, refused) {
			return stored, nil
		}
		g = stored
	}
	next, err := s.call(ctx, g)
	if err == nil || !calendar.IsKind(err, calendar.Revoked) {
		return next, err
	}
	if g.PreviousRefresh == "" || g.PreviousRefresh == g.RefreshToken {
		return g, err
	}
	before := g
	before.RefreshToken = g.PreviousRefresh
	if next, perr := s.call(ctx, before); perr == nil {
		return next, nil
	}
	return g, err
}

// transientVerdict is a verdict that could not be checked.
func transientVerdict(verdict error) error {
	e := *calendar.AsError(verdict)
	e.Kind = calendar.Transient
	return &e
}
