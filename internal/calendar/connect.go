package calendar

import (
	"context"
	"time"

	"steno/internal/fail"
	"steno/internal/ident"
)

// ConnectRequest asks for a connection.
type ConnectRequest struct {
	Platform Platform
	Credentials
	RawID string // "primary" is resolved
}

// CredentialsChange holds new credentials; nil leaves one as it is.
type CredentialsChange struct {
	ClientID, ClientSecret, RefreshToken, Tenant *string
}

// loose is the name of a connection that is not stored, in errors and limits.
const loose = "new"

// RawCalendars lists the calendars of an account. Nothing is stored.
func (s *Service) RawCalendars(ctx context.Context, p Platform, c Credentials) ([]Info, error) {
	provider, err := s.provider(p)
	if err != nil {
		return nil, err
	}
	list, err := provider.Account(loose, NewLooseTokens(c)).Calendars(ctx)
	return list, refused(err)
}

// Connect checks the credentials, stores the connection, and has it synced and
// watched.
func (s *Service) Connect(ctx context.Context, team string, r ConnectRequest) (Connection, error) {
	provider, err := s.provider(r.Platform)
	if err != nil {
		return Connection{}, err
	}
	tokens := NewLooseTokens(r.Credentials)
	info, err := provider.Account(loose, tokens).Calendar(ctx, r.RawID)
	if IsKind(err, NotFound) {
		return Connection{}, fail.Wrap(err, fail.NotFound, CodeRawNotFound, "/raw_calendar_id: the account has no such calendar; list-raw shows those that it has")
	}
	if err != nil {
		return Connection{}, refused(err)
	}
	grant, err := tokens.Grant(ctx, loose) // with what the service gave in exchange
	if err != nil {
		return Connection{}, err
	}
	now := s.Clock.Now()
	c := Connection{
		ID: ident.New(), TeamID: team, Platform: r.Platform, RawID: info.ID, Email: info.Email, Name: info.Name, TimeZone: info.TimeZone,
		Metadata: info.Metadata, Status: Active, CreatedAt: now, UpdatedAt: now,
	}
	c.Sync.At, c.Sync.QueuedAt, c.Sync.RollAt = &now, &now, now
	return c, s.Store.InTx(ctx, func(tx Tx) error {
		limit, err := tx.CalendarLimit(ctx, team) // first: it keeps others of the team out
		if err != nil {
			return err
		}
		n, err := tx.CountConnections(ctx, team)
		if err != nil {
			return err
		}
		if most := s.Options.MaxCalendars; most > 0 && (limit < 0 || limit > most) {
			limit = most
		}
		if limit >= 0 && n >= limit {
			return fail.New(fail.Forbidden, CodeLimit, "the team has %d calendars, which is its limit; delete one to connect another", n)
		}
		if err := tx.InsertConnection(ctx, c, grant); err != nil {
			return err
		}
		if err := tx.Emit(ctx, c.created(now)); err != nil {
			return err
		}
		if err := tx.EnqueueSync(ctx, c.ID); err != nil {
			return err
		}
		return tx.EnqueueWatch(ctx, c.ID)
	})
}

// Reconnect gives a connection new credentials. If they do not work, the
// connection becomes failing, and the old ones are kept and tried from time to
// time: that of a revoked connection, too.
func (s *Service) Reconnect(ctx context.Context, team, id string, ch CredentialsChange) (Connection, error) {
	c, err := s.Store.Connection(ctx, team, id)
	if err != nil {
		return c, err
	}
	provider, err := s.provider(c.Platform)
	if err != nil {
		return c, err
	}
	old, err := s.Tokens.Grant(ctx, id)
	if err != nil {
		return c, err
	}
	tokens := NewLooseTokens(ch.apply(old.Credentials))
	if _, err := provider.Account(loose, tokens).Calendar(ctx, c.RawID); err != nil {
		return c, s.noteRefusal(ctx, team, id, err)
	}
	grant, err := tokens.Grant(ctx, loose)
	if err != nil {
		return c, err
	}
	err = s.Store.InTx(ctx, func(tx Tx) error {
		if c, err = tx.LockConnection(ctx, team, id); err != nil {
			return err
		}
		now := s.Clock.Now()
		if err := tx.PutGrant(ctx, c, grant); err != nil {
			return err
		}
		if err := s.setStatus(ctx, tx, &c, Active, "", now); err != nil {
			return err
		}
		c.UpdatedAt, c.Sync.At, c.Sync.Failures, c.Watch.RenewAt = now, &now, 0, nil
		if err := s.want(ctx, tx, &c, now); err != nil {
			return err
		}
		return tx.EnqueueWatch(ctx, id)
	})
	return c, err
}

func (ch CredentialsChange) apply(c Credentials) Credentials {
	for to, from := range map[*string]*string{&c.ClientID: ch.ClientID, &c.ClientSecret: ch.ClientSecret, &c.RefreshToken: ch.RefreshToken, &c.Tenant: ch.Tenant} {
		if from != nil {
			*to = *from
		}
	}
	return c
}

// noteRefusal turns credentials that a service refuses into an answer, and the
// connection into a failing one.
func (s *Service) noteRefusal(ctx context.Context, team, id string, cause error) error {
	e := AsError(cause)
	if e == nil || e.Kind == Transient || e.Kind == RateLimited {
		return refused(cause)
	}
	err := s.Store.InTx(ctx, func(tx Tx) error {
		c, err := tx.LockConnection(ctx, team, id)
		if err != nil {
			return err
		}
		status, again, now := Failing, failingAgain, s.Clock.Now()
		switch e.Kind {
		case PermissionDenied, Unlicensed:
			status, again = NoAccess, deniedAgain
		}
		if err := s.setStatus(ctx, tx, &c, status, said(cause), now); err != nil {
			return err
		}
		if c.Sync.At == nil { // it was revoked, which is no longer what it says
			at := now.Add(s.jitter(again))
			c.Sync.At = &at
		}
		tx.AfterCommit(s.nudge)
		return tx.UpdateConnection(ctx, c)
	})
	if err != nil {
		return err
	}
	return refused(cause)
}

// Disconnect hides a connection at once and has its rows removed. Bots that
// were launched go on; those that were not are withdrawn.
func (s *Service) Disconnect(ctx context.Context, team, id string) error {
	return s.Store.InTx(ctx, func(tx Tx) error {
		c, err := tx.LockConnection(ctx, team, id)
		if err != nil {
			return err
		}
		now := s.Clock.Now()
		c.DeletedAt, c.UpdatedAt, c.Sync.At, c.Watch.RenewAt = &now, now, nil, nil
		if err := tx.UpdateConnection(ctx, c); err != nil {
			return err
		}
		if err := tx.Emit(ctx, c.deleted(now)); err != nil {
			return err
		}
		return tx.EnqueueDrop(ctx, id)
	})
}

// Drop removes what is left of a deleted connection: its channels at the
// service as far as the service lets it, and its rows.
func (s *Service) Drop(ctx context.Context, id string) error {
	var c Connection
	var channels []PushChannel
	err := s.Store.InTx(ctx, func(tx Tx) (err error) {
		if c, err = tx.LockConnection(ctx, "", id); err == nil {
			channels, err = tx.Channels(ctx, c.TeamID, id)
		}
		return err
	})
	if fail.Is(err, fail.NotFound) || (err == nil && c.DeletedAt == nil) {
		return nil
	}
	if err != nil {
		return err
	}
	if p, err := s.provider(c.Platform); err == nil {
		acc := p.Account(id, s.Tokens)
		for _, ch := range channels {
			if err := acc.Stop(ctx, Channel{ID: ch.ID, ProviderID: ch.ProviderID, Calendar: c.RawID}); err != nil {
				s.Log.Info("a push channel could not be stopped; it runs out by itself", "calendar_id", id, "error", err)
			}
		}
	}
	for more := true; more && err == nil; {
		err = s.Store.InTx(ctx, func(tx Tx) (err error) {
			more, err = tx.DropRows(ctx, c, chunk)
			return err
		})
	}
	return err
}

// refreshLook is how often Refresh looks whether the sync has ended.
const refreshLook = 50 * time.Millisecond

// Refresh has a calendar read anew as a whole. It makes sure first that the
// service lets it, and waits for a while until it is done.
func (s *Service) Refresh(ctx context.Context, team, id string) (done bool, err error) {
	c, err := s.probe(ctx, team, id)
	if err != nil {
		return false, err
	}
	err = s.Store.InTx(ctx, func(tx Tx) error {
		if c, err = tx.LockConnection(ctx, team, id); err != nil {
			return err
		}
		now := s.Clock.Now()
		c.Sync.FullWanted, c.Sync.At = true, &now
		return s.want(ctx, tx, &c, now)
	})
	if err != nil || s.Options.RefreshWait == 0 {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.Options.RefreshWait)
	defer cancel()
	tick := time.NewTicker(refreshLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, nil // it goes on without us
		case <-tick.C:
		}
		c, err := s.Store.Connection(ctx, team, id)
		if err != nil {
			return false, ignoreMissing(err)
		}
		if !c.Sync.FullWanted {
			return true, nil
		}
	}
}

// Resubscribe opens a new push channel and closes the old one.
func (s *Service) Resubscribe(ctx context.Context, team, id string) (time.Time, error) {
	c, err := s.probe(ctx, team, id)
	if err != nil {
		return time.Time{}, err
	}
	if err := s.watch(ctx, c, true); err != nil && !IsKind(err, Unsupported) && !IsKind(err, Refused) {
		return time.Time{}, refused(err)
	}
	return s.Clock.Now(), nil
}

// probe makes the cheapest call that shows whether the credentials work.
func (s *Service) probe(ctx context.Context, team, id string) (Connection, error) {
	c, err := s.Store.Connection(ctx, team, id)
	if err != nil {
		return c, err
	}
	p, err := s.provider(c.Platform)
	if err != nil {
		return c, err
	}
	if _, err := p.Account(id, s.Tokens).Calendar(ctx, c.RawID); err != nil {
		return c, s.noteFailure(ctx, team, id, err)
	}
	return c, nil
}

// noteFailure is noteRefusal for stored credentials, where revoked means revoked.
func (s *Service) noteFailure(ctx context.Context, team, id string, cause error) error {
	if !IsKind(cause, Revoked) {
		return s.noteRefusal(ctx, team, id, cause)
	}
	err := s.Store.InTx(ctx, func(tx Tx) error {
		c, err := tx.LockConnection(ctx, team, id)
		if err != nil {
			return err
		}
		c.Sync.At = nil
		if err := s.setStatus(ctx, tx, &c, Dead, said(cause), s.Clock.Now()); err != nil {
			return err
		}
		return tx.UpdateConnection(ctx, c)
	})
	if err != nil {
		return err
	}
	return refused(cause)
}

// refused turns a service's refusal into this program's errors. It names the
// field that is wrong, where one is.
func refused(err error) error {
	e := AsError(err)
	if e == nil {
		return err
	}
	switch e.Kind {
	case Revoked:
		return fail.Wrap(err, fail.Unauthorized, CodeOAuth, "/oauth_refresh_token: %s does not accept it any more (revoked); ask the user for consent again: %s", e.Platform, e.Message)
	case BadClient:
		return fail.Wrap(err, fail.Unauthorized, CodeOAuth, "/oauth_client_secret: %s refuses the application (client id, secret or tenant): %s", e.Platform, e.Message)
	case PermissionDenied:
		return fail.Wrap(err, fail.Forbidden, CodeDenied, "/oauth_refresh_token: the user has not granted what this needs: %s", e.Message)
	case Unlicensed:
		return fail.Wrap(err, fail.Forbidden, CodeLicense, "/oauth_refresh_token: the account has no mailbox that Microsoft Graph can reach; it needs an Exchange Online licence: %s", e.Message)
	case NotFound:
		return fail.Wrap(err, fail.NotFound, CodeRawNotFound, "%s has no such calendar: %s", e.Platform, e.Message)
	case RateLimited, Transient:
		return fail.Wrap(err, fail.Unavailable, CodeProvider, "%s does not answer as it should; try again in a moment: %s", e.Platform, e.Message)
	}
	return fail.Wrap(err, fail.Invalid, CodeValidation, "%s refuses this: %s", e.Platform, e.Message)
}
