package calendar

import (
	"context"

	"steno/internal/fail"
	"steno/internal/ident"
)

// Primary is the name of an account's own calendar, at every service.
const Primary = "primary"

// Replace gives a connection other credentials, perhaps of another service, under
// the same id: its bots are unscheduled, and it is read anew. The service is
// asked first; credentials that do not work, or not for its calendar, leave
// everything as it was. At another service the account's own calendar is taken.
func (s *Service) Replace(ctx context.Context, team, id string, p Platform, secret Credentials) (Connection, error) {
	old, err := s.Store.Connection(ctx, team, id)
	if err != nil {
		return old, err
	}
	provider, err := s.provider(p)
	if err != nil {
		return old, err
	}
	raw := old.RawID
	if p != old.Platform {
		raw = Primary
	}
	tokens := NewLooseTokens(secret)
	info, err := provider.Account(loose, tokens).Calendar(ctx, raw)
	if err != nil {
		return old, refused(err)
	}
	grant, err := tokens.Grant(ctx, loose)
	if err != nil {
		return old, err
	}
	before, err := s.Tokens.Grant(ctx, id)
	if err != nil {
		return old, err
	}
	var c Connection
	var channels []PushChannel
	err = s.Store.InTx(ctx, func(tx Tx) (err error) {
		if c, err = tx.LockConnection(ctx, team, id); err != nil {
			return err
		}
		if c.Platform != old.Platform || c.RawID != old.RawID {
			return fail.New(fail.Conflict, CodeExists, "calendar %s was given other credentials meanwhile", id)
		}
		channels, err = s.replaceIn(ctx, tx, &c, p, info, grant)
		return err
	})
	if err == nil {
		s.stopChannels(ctx, old, NewLooseTokens(before.Credentials), channels)
	}
	return c, err
}

// replaceIn does what Replace does to a connection that is locked. It returns
// the push channels that nobody listens to any more.
func (s *Service) replaceIn(ctx context.Context, tx Tx, c *Connection, p Platform, info Info, grant Grant) ([]PushChannel, error) {
	now, moved := s.Clock.Now(), p != c.Platform
	if err := s.unscheduleAll(ctx, tx, *c, moved); err != nil {
		return nil, err
	}
	channels, err := tx.Channels(ctx, c.TeamID, c.ID)
	if err != nil {
		return nil, err
	}
	for _, ch := range channels {
		if err := tx.DeleteChannel(ctx, c.TeamID, ch.ID); err != nil {
			return nil, err
		}
	}
	c.Platform, c.RawID, c.Email, c.Name, c.TimeZone, c.Metadata = p, info.ID, info.Email, info.Name, info.TimeZone, info.Metadata
	c.Status, c.StatusMessage, c.UpdatedAt, c.Watch = Active, "", now, WatchState{}
	// Whoever syncs it now has the old account, and loses it.
	c.Sync.By, c.Sync.Cursor, c.Sync.FullWanted, c.Sync.At, c.Sync.QueuedAt, c.Sync.Failures = "", "", true, &now, nil, 0
	if err := tx.MoveConnection(ctx, *c); err != nil {
		return nil, err
	}
	if err := tx.PutGrant(ctx, *c, grant); err != nil {
		return nil, err
	}
	if err := tx.Emit(ctx, c.updated(now)); err != nil {
		return nil, err
	}
	if err := s.want(ctx, tx, c, now); err != nil {
		return nil, err
	}
	return channels, tx.EnqueueWatch(ctx, c.ID)
}

// unscheduleAll withdraws every bot of a calendar that was not launched, and ends
// every rule. Bots that were launched go on, as they do when a calendar is
// deleted: their events keep a rule of their own. When the calendar moves to
// another service these events are not there any more, which is no reason to
// leave either: they are marked as gone now, without asking the rules.
func (s *Service) unscheduleAll(ctx context.Context, tx Tx, c Connection, moved bool) error {
	plans, err := tx.OpenSchedules(ctx, c.TeamID, c.ID)
	if err != nil {
		return err
	}
	ids, launched := make([]string, 0, len(plans)), map[string]bool{}
	for _, p := range plans {
		ids, launched[p.EventID] = append(ids, p.EventID), p.State == Launched
	}
	var events []Event
	for part := ids; len(part) > 0; {
		n := min(chunk, len(part))
		found, err := tx.EventsByID(ctx, c.TeamID, c.ID, part[:n])
		if err != nil {
			return err
		}
		events, part = append(events, found...), part[n:]
	}
	now := s.Clock.Now()
	var idle []Event
	var keep []Rule
	for _, e := range events {
		if !launched[e.ID] {
			idle = append(idle, e)
			continue
		}
		if moved && e.DeletedAt == nil {
			e.DeletedAt, e.Status, e.UpdatedAt, e.Seq = &now, Cancelled, now, e.Seq+1
			if err := tx.UpdateEvent(ctx, e, nil); err != nil {
				return err
			}
		}
		rules, err := tx.Rules(ctx, c.TeamID, []string{e.SeriesID}, []string{e.ID})
		if err != nil {
			return err
		}
		if r := RuleFor(rules, e); r != nil {
			own := *r
			own.ID, own.EventID = ident.New(), e.ID
			keep = append(keep, own)
		}
	}
	if err := tx.DropRules(ctx, c.TeamID, c.ID); err != nil {
		return err
	}
	for _, r := range keep {
		if err := tx.PutRule(ctx, r); err != nil {
			return err
		}
	}
	return s.ruleStored(ctx, tx, c, idle, now)
}

// stopChannels closes push channels with the credentials that they were opened
// with, as far as the service lets it; they run out otherwise.
func (s *Service) stopChannels(ctx context.Context, c Connection, tokens TokenStore, channels []PushChannel) {
	p, err := s.provider(c.Platform)
	if err != nil {
		return
	}
	acc := p.Account(loose, tokens)
	for _, ch := range channels {
		if ch.ProviderID == "" {
			continue
		}
		if err := acc.Stop(ctx, Channel{ID: ch.ID, ProviderID: ch.ProviderID, Calendar: c.RawID}); err != nil {
			s.Log.Info("an old push channel could not be stopped; it runs out by itself", "calendar_id", c.ID, "error", err)
		}
	}
}
