package bot

import (
	"context"
	"fmt"
	"time"

	"steno/internal/fail"
	"steno/internal/ident"
	"steno/internal/meeting"
	"steno/internal/page"
)

// ScheduleStatus is how far a scheduled bot is (digest 5.2).
type ScheduleStatus string

// The statuses. ScheduleDone says that the bot exists, and nothing about the
// meeting.
const (
	ScheduleWaiting   ScheduleStatus = "scheduled"
	ScheduleCancelled ScheduleStatus = "cancelled"
	ScheduleDone      ScheduleStatus = "completed"
	ScheduleFailed    ScheduleStatus = "failed"
)

// ScheduleStatuses lists them.
var ScheduleStatuses = []ScheduleStatus{ScheduleWaiting, ScheduleCancelled, ScheduleDone, ScheduleFailed}

// Scheduled is a bot that is to join at a time. Its id becomes that of the bot.
type Scheduled struct {
	ID          string
	TeamID      string
	MeetingKey  string
	Platform    meeting.Platform
	JoinAt      time.Time
	Status      ScheduleStatus
	CreatedAt   time.Time
	UpdatedAt   time.Time
	CancelledAt *time.Time
	Reason      EndCode // with ScheduleFailed
	// Request is what was asked for. Lists fill in Name, MeetingURL and Extra.
	Request
	// Broken says why the rest of the request cannot be read.
	Broken error
}

// The times of scheduling (digest 5.5).
const (
	minNotice  = time.Minute
	maxNotice  = 90 * 24 * time.Hour
	LockWindow = 4 * time.Minute // so long before it joins, a bot cannot be changed
)

// Codes of scheduled bots.
const (
	CodeScheduledNotFound = "FST_ERR_SCHEDULED_BOT_NOT_FOUND_BY_ID"
	CodeLockWindow        = "FST_ERR_BOT_LOCK_WINDOW"
)

// ScheduleStore reads scheduled bots.
type ScheduleStore interface {
	ScheduledBot(ctx context.Context, team, id string) (Scheduled, error)
	// ScheduledBots returns them in the order of their time.
	ScheduledBots(ctx context.Context, team string, q ScheduledQuery) ([]Scheduled, error)
	// NextJoin returns when the first of all waiting ones is to join.
	NextJoin(ctx context.Context) (at time.Time, ok bool, err error)
}

// ScheduleTx changes scheduled bots.
type ScheduleTx interface {
	PutScheduled(ctx context.Context, s Scheduled) error
	// ConcludeScheduled stores status, reason and times only.
	ConcludeScheduled(ctx context.Context, s Scheduled) error
	// FinishScheduled gives all of them the status ScheduleDone.
	FinishScheduled(ctx context.Context, ids []string, at time.Time) error
	LockScheduled(ctx context.Context, team, id string) (Scheduled, error)
	// DueScheduled returns waiting ones that are to join until then, the first
	// ones first. They are locked; those that somebody else has locked are
	// passed over.
	DueScheduled(ctx context.Context, until time.Time, limit int) ([]Scheduled, error)
}

// Schedule has a bot join at a time and returns its id. Cap, tokens and
// deduplication are looked at when it is queued (digest 2.3).
func (s *Service) Schedule(ctx context.Context, team string, r Request, joinAt time.Time) (string, error) {
	if err := s.CheckZoom(ctx, team, r.Zoom); err != nil {
		return "", err
	}
	now := s.Clock.Now()
	notice := minNotice
	if r.surface() == SurfaceV1 { // which knows of none
		notice = 0
	}
	if err := checkJoinAt(joinAt, now, notice); err != nil {
		return "", err
	}
	n, err := s.prepare(Order{ID: ident.New(), TeamID: team, JoinAt: joinAt, Request: r})
	if err != nil {
		return "", err
	}
	if err := s.checkService(r); err != nil {
		return "", err
	}
	sc := Scheduled{
		ID: n.ID, TeamID: team, MeetingKey: n.MeetingKey, Platform: n.Platform, JoinAt: joinAt, Status: ScheduleWaiting,
		CreatedAt: now, UpdatedAt: now, Request: r,
	}
	sc.Mode, sc.Extra = n.Mode, n.Extra
	return sc.ID, s.Store.InTx(ctx, func(tx Tx) error { return s.putScheduled(ctx, tx, sc, n) })
}

func (s *Service) putScheduled(ctx context.Context, tx Tx, sc Scheduled, n newBot) error {
	if n.secrets.ownKey() {
		if err := tx.OwnKey(ctx, sc.TeamID); err != nil {
			return err
		}
	}
	if s.Rouse != nil {
		tx.AfterCommit(s.Rouse)
	}
	return tx.PutScheduled(ctx, sc)
}

func checkJoinAt(at, now time.Time, notice time.Duration) error {
	switch {
	case at.Before(now.Add(notice)) && notice > 0:
		return Invalid(Issue{"/join_at", fmt.Sprintf("must be at least %d seconds from now", int(notice.Seconds())), stamp(at)})
	case !at.After(now):
		return Invalid(Issue{"/join_at", "must be in the future", stamp(at)})
	case at.After(now.Add(maxNotice)):
		return Invalid(Issue{"/join_at", "must be within the next 90 days", stamp(at)})
	}
	return nil
}

// Scheduled returns a scheduled bot with its request.
func (s *Service) Scheduled(ctx context.Context, team, id string) (Scheduled, error) {
	return s.Store.ScheduledBot(ctx, team, id)
}

// Reschedule changes a scheduled bot: its time, unless joinAt is nil, and its
// request.
func (s *Service) Reschedule(ctx context.Context, team, id string, joinAt *time.Time, change func(Request) (Request, error)) error {
	return s.Store.InTx(ctx, func(tx Tx) error {
		sc, err := tx.LockScheduled(ctx, team, id)
		if err != nil {
			return err
		}
		now := s.Clock.Now()
		if err := sc.open(now); err != nil {
			return err
		}
		if sc.Broken != nil {
			return sc.Broken
		}
		if sc.Request, err = change(sc.Request); err != nil {
			return err
		}
		if joinAt != nil {
			if err := checkJoinAt(*joinAt, now, 0); err != nil {
				return err
			}
			sc.JoinAt = *joinAt
			if err := sc.locked(now); err != nil {
				return err
			}
		}
		n, err := s.prepare(Order{ID: id, TeamID: team, JoinAt: sc.JoinAt, Request: sc.Request})
		if err != nil {
			return err
		}
		sc.MeetingKey, sc.Platform, sc.Mode, sc.Extra, sc.UpdatedAt = n.MeetingKey, n.Platform, n.Mode, n.Extra, now
		return s.putScheduled(ctx, tx, sc, n)
	})
}

// Unschedule cancels a scheduled bot; its row stays (C11).
func (s *Service) Unschedule(ctx context.Context, team, id string) error {
	return s.Store.InTx(ctx, func(tx Tx) error {
		sc, err := tx.LockScheduled(ctx, team, id)
		if err != nil {
			return err
		}
		if err := sc.open(s.Clock.Now()); err != nil {
			return err
		}
		return s.cancel(ctx, tx, sc)
	})
}

func (s *Service) cancel(ctx context.Context, tx Tx, sc Scheduled) error {
	now := s.Clock.Now()
	sc.Status, sc.UpdatedAt, sc.CancelledAt = ScheduleCancelled, now, &now
	return tx.ConcludeScheduled(ctx, sc)
}

// leaveScheduled cancels a bot that has not been launched, at any time (C7).
// missing is what is said when there is no such bot.
func (s *Service) leaveScheduled(ctx context.Context, tx Tx, team, id string, missing error) error {
	sc, err := tx.LockScheduled(ctx, team, id)
	switch {
	case fail.Is(err, fail.NotFound):
		return missing
	case err != nil:
		return err
	case sc.Status != ScheduleWaiting:
		return wrongStatus(sc.ID, sc.Status)
	}
	return s.cancel(ctx, tx, sc)
}

// open says whether the bot may still be changed.
func (sc Scheduled) open(now time.Time) error {
	if sc.Status != ScheduleWaiting {
		return wrongStatus(sc.ID, sc.Status)
	}
	return sc.locked(now)
}

func (sc Scheduled) locked(now time.Time) error {
	if sc.JoinAt.Sub(now) >= LockWindow {
		return nil
	}
	return fail.New(fail.Conflict, CodeLockWindow, "bot '%s' joins at %s, in less than %d minutes; it cannot be changed so late", sc.ID, stamp(sc.JoinAt), int(LockWindow.Minutes()))
}

// ScheduledFilter narrows a list. Zero fields do not filter. Texts match
// anywhere and in any case.
type ScheduledFilter struct {
	Name       string             `json:"n,omitempty"`
	ID         string             `json:"i,omitempty"`
	MeetingURL string             `json:"u,omitempty"`
	Platforms  []meeting.Platform `json:"m,omitempty"`
	Statuses   []ScheduleStatus   `json:"s,omitempty"`
	After      time.Time          `json:"a,omitzero"`
	Before     time.Time          `json:"b,omitzero"`
	Extra      []Pair             `json:"x,omitempty"` // all must match exactly
}

// ScheduledQuery is what the store is asked for: scheduled bots by the time at
// which they join, the first ones first, or the last ones first when Backward.
type ScheduledQuery struct {
	ScheduledFilter
	page.Span
}

// ScheduledPage is a part of a list of scheduled bots.
type ScheduledPage struct {
	Bots       []Scheduled
	Next, Prev string // cursors; empty where nothing follows
}

// ListScheduled returns a page of a team's scheduled bots. limit is at least 1;
// cursor is empty or comes from a page of the same team and filter.
func (s *Service) ListScheduled(ctx context.Context, team string, f ScheduledFilter, limit int, cursor string) (ScheduledPage, error) {
	span, tag, err := open("scheduled", team, f, limit, cursor)
	if err != nil {
		return ScheduledPage{}, err
	}
	rows, err := s.Store.ScheduledBots(ctx, team, ScheduledQuery{f, span})
	if err != nil {
		return ScheduledPage{}, err
	}
	bots, next, prev := pageOf(rows, span, tag, func(sc Scheduled) page.Position { return page.Position{At: sc.JoinAt, ID: sc.ID} })
	return ScheduledPage{bots, next, prev}, nil
}

// Config returns what the bot will be told, with the defaults.
func (sc Scheduled) Config() Config {
	c, _ := sc.config()
	return c
}
