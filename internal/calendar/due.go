package calendar

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"time"

	"steno/internal/fail"
	"steno/internal/ident"
)

// want queues a sync that is due, unless one is on its way. The caller has set
// Sync.At; the connection is stored here.
func (s *Service) want(ctx context.Context, tx Tx, c *Connection, now time.Time) error {
	fresh := c.Sync.QueuedAt == nil || now.Sub(*c.Sync.QueuedAt) > queueFor
	busy := c.Sync.By != "" && now.Before(c.Sync.Until)
	if c.Sync.At != nil && !c.Sync.At.After(now) && fresh && !busy {
		c.Sync.QueuedAt = &now
		if err := tx.EnqueueSync(ctx, c.ID); err != nil {
			return err
		}
	}
	tx.AfterCommit(s.nudge)
	return tx.UpdateConnection(ctx, *c)
}

// soon brings the next sync of a connection forward: now, or when the gap after
// the last one is over. A sync that began in the future, by a clock that was
// ahead, puts it off by no more than the gap. It reports whether that changes
// anything.
func (s *Service) soon(c *Connection, now time.Time) bool {
	at := now
	if next := c.Sync.StartedAt.Add(s.gap()); next.After(at) {
		at = next
	}
	if latest := now.Add(s.gap()); at.After(latest) {
		at = latest
	}
	if c.Sync.At == nil || !c.Sync.At.After(at) {
		return false // never, or soon enough
	}
	c.Sync.At = &at
	return true
}

// A Push is a message of a service about a channel. It has not been verified.
type Push struct {
	ChannelID string
	Secret    string
	// ProviderID is the service's id of the channel; empty: not said.
	ProviderID string
	// Hello: the channel is open; nothing has changed.
	Hello bool
	// Lost: the service says that it has lost messages, or the channel itself.
	Lost bool
	// Renew: the service wants the channel to be renewed, or has dropped it.
	Renew bool
}

// PushResult says what became of a push.
type PushResult int

// The results.
const (
	PushRefused PushResult = iota // unknown, or not from the service
	PushTaken
)

// Receive takes pushes, all in one transaction, and queues what they cause. One
// result for each; a push that is refused does not keep others from being taken.
func (s *Service) Receive(ctx context.Context, pushes []Push) ([]PushResult, error) {
	results := make([]PushResult, len(pushes))
	wake, renew := map[string]bool{}, map[string]bool{}
	now := s.Clock.Now()
	for i, p := range pushes {
		ch, next, err := s.Store.Channel(ctx, p.ChannelID)
		if fail.Is(err, fail.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !ch.sent(p) {
			continue
		}
		results[i] = PushTaken
		if p.Renew {
			renew[ch.CalendarID] = true
		}
		// A sync that is due and was not begun will see what this push is about.
		if !p.Hello && (next == nil || next.After(now) || p.Lost) {
			wake[ch.CalendarID] = true
		}
	}
	if len(wake)+len(renew) == 0 {
		return results, nil
	}
	return results, s.Store.InTx(ctx, func(tx Tx) error { return s.wake(ctx, tx, wake, renew) })
}

func (s *Service) wake(ctx context.Context, tx Tx, wake, renew map[string]bool) error {
	ids := make([]string, 0, len(wake)+len(renew))
	for id := range wake {
		ids = append(ids, id)
	}
	for id := range renew {
		ids = append(ids, id)
	}
	now := s.Clock.Now()
	for _, id := range unique(ids) { // sorted: two that lock the same do so in the same order
		c, err := tx.LockConnection(ctx, "", id)
		if err != nil || c.DeletedAt != nil {
			if err == nil || fail.Is(err, fail.NotFound) {
				continue
			}
			return err
		}
		if wake[id] && s.soon(&c, now) {
			if err := s.want(ctx, tx, &c, now); err != nil {
				return err
			}
		}
		if renew[id] {
			if err := tx.EnqueueWatch(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// sent reports whether a push can only come from whom the secret was given to.
func (c PushChannel) sent(p Push) bool {
	if c.ProviderID != "" && p.ProviderID != "" && c.ProviderID != p.ProviderID {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(hashSecret(p.Secret)), []byte(c.SecretHash)) == 1
}

func hashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Watch opens or renews the push channel of a calendar and notes when to do so
// again. A calendar that cannot be watched is polled.
func (s *Service) Watch(ctx context.Context, id string) error {
	var c Connection
	err := s.Store.InTx(ctx, func(tx Tx) (err error) {
		c, err = tx.LockConnection(ctx, "", id)
		return err
	})
	if fail.Is(err, fail.NotFound) || (err == nil && (c.DeletedAt != nil || c.Status == Dead)) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.watch(ctx, c, false); err != nil && (AsError(err) == nil || away(err)) {
		return err
	}
	return nil
}

// watch prolongs the channel where it can, unless a new one is asked for, and
// opens a new one otherwise.
func (s *Service) watch(ctx context.Context, c Connection, anew bool) error {
	if s.Options.PushURL == "" {
		return &Error{Kind: Unsupported, Platform: c.Platform, Op: "watch", Message: "the server has no public URL"}
	}
	p, err := s.provider(c.Platform)
	if err != nil {
		return err
	}
	acc, until := p.Account(c.ID, s.Tokens), s.Clock.Now().Add(p.Traits().ChannelLife)
	if c.Watch.ChannelID != "" && !anew {
		ch, err := acc.Renew(ctx, Channel{ID: c.Watch.ChannelID, ProviderID: c.Watch.ProviderID, Calendar: c.RawID}, until)
		if err == nil {
			return s.watched(ctx, c, ch)
		}
		if away(err) {
			return err
		}
		if e := AsError(err); e == nil || e.Kind == Transient || e.Kind == RateLimited || e.Kind == Revoked || e.Kind == BadClient {
			return s.notWatched(ctx, c, "", err)
		}
		// It cannot be renewed, is gone, or belongs to the credentials of before.
	}
	return s.open(ctx, acc, c, until)
}

// open opens a channel under a fresh id, then stops all others. The row comes
// first: the service may call before it has answered.
func (s *Service) open(ctx context.Context, acc Account, c Connection, until time.Time) error {
	secret, err := newSecret()
	if err != nil {
		return err
	}
	row := PushChannel{ID: ident.New(), TeamID: c.TeamID, CalendarID: c.ID, CreatedAt: s.Clock.Now()}
	secret = row.ID + "." + secret
	row.SecretHash = hashSecret(secret)
	if err := s.Store.InTx(ctx, func(tx Tx) error { return tx.InsertChannel(ctx, row) }); err != nil {
		return err
	}
	base := s.Options.PushURL + "/push/" + string(c.Platform)
	ch, err := acc.Watch(ctx, WatchRequest{Calendar: c.RawID, ID: row.ID, Secret: secret, URL: base, LifecycleURL: base + "/lifecycle", Until: until})
	if away(err) {
		return err
	}
	if err != nil {
		return s.notWatched(ctx, c, row.ID, err)
	}
	if err := s.watched(ctx, c, ch); err != nil {
		return err
	}
	return s.stopOthers(ctx, acc, c, ch.ID)
}

func newSecret() (string, error) {
	var raw [24]byte
	_, err := rand.Read(raw[:])
	return base64.RawURLEncoding.EncodeToString(raw[:]), err
}

// watched notes a channel that is open.
func (s *Service) watched(ctx context.Context, c Connection, ch Channel) error {
	return s.Store.InTx(ctx, func(tx Tx) error {
		now := s.Clock.Now()
		c, err := tx.LockConnection(ctx, "", c.ID)
		if err != nil {
			return err
		}
		rows, err := tx.Channels(ctx, c.TeamID, c.ID)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.ID == ch.ID {
				row.ProviderID, row.Live = ch.ProviderID, true
				if err := tx.UpdateChannel(ctx, row); err != nil {
					return err
				}
			}
		}
		life := ch.Expires.Sub(now)
		renew := now.Add(time.Duration(float64(life) * 0.5).Truncate(time.Second))
		if life > 2*24*time.Hour {
			renew = ch.Expires.Add(-s.jitter(32 * time.Hour)) // 24 to 40 hours before (C46)
		}
		c.Watch = WatchState{ChannelID: ch.ID, ProviderID: ch.ProviderID, Expires: &ch.Expires, RenewAt: &renew}
		tx.AfterCommit(s.nudge)
		return tx.UpdateConnection(ctx, c)
	})
}

// notWatched notes that a channel could not be opened, and when to try again.
func (s *Service) notWatched(ctx context.Context, c Connection, channel string, cause error) error {
	err := s.Store.InTx(ctx, func(tx Tx) error {
		now := s.Clock.Now()
		c, err := tx.LockConnection(ctx, "", c.ID)
		if err != nil {
			return err
		}
		if e := AsError(cause); e != nil && e.Kind != Transient && e.Kind != RateLimited && channel != "" {
			if err := tx.DeleteChannel(ctx, c.TeamID, channel); err != nil {
				return err
			}
		}
		c.Watch.Failures++
		again := s.jitter(min(time.Minute<<min(c.Watch.Failures, 8), time.Hour))
		if IsKind(cause, Unsupported) || IsKind(cause, Refused) || IsKind(cause, PermissionDenied) || IsKind(cause, NotFound) {
			again = s.jitter(24 * time.Hour) // polled meanwhile
		}
		at := now.Add(again)
		c.Watch.RenewAt = &at
		if IsKind(cause, Revoked) {
			c.Watch.RenewAt = nil
		}
		tx.AfterCommit(s.nudge)
		return tx.UpdateConnection(ctx, c)
	})
	return errors.Join(cause, err)
}

// stopOthers stops every channel of the calendar but one. What cannot be
// stopped now is stopped with the next renewal, or runs out.
func (s *Service) stopOthers(ctx context.Context, acc Account, c Connection, keep string) error {
	var rows []PushChannel
	err := s.Store.InTx(ctx, func(tx Tx) (err error) {
		rows, err = tx.Channels(ctx, c.TeamID, c.ID)
		return err
	})
	for _, row := range rows {
		if row.ID == keep || err != nil {
			continue
		}
		if row.ProviderID != "" {
			if e := acc.Stop(ctx, Channel{ID: row.ID, ProviderID: row.ProviderID, Calendar: c.RawID}); e != nil {
				s.Log.Info("an old push channel could not be stopped", "calendar_id", c.ID, "error", e)
				continue
			}
		}
		err = s.Store.InTx(ctx, func(tx Tx) error { return tx.DeleteChannel(ctx, c.TeamID, row.ID) })
	}
	return err
}
