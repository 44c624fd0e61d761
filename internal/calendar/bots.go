package calendar

import (
	"context"
	"time"

	"steno/internal/fail"
	"steno/internal/ident"
)

// Target says which events of a calendar a request is about: one event, or all
// occurrences of a series.
type Target struct {
	SeriesID string
	EventID  string // wins over SeriesID unless All
	All      bool
}

// whole reports whether the target is a series, and which one.
func (t Target) check() (whole bool, err error) {
	switch {
	case t.SeriesID != "" && (t.All || t.EventID == ""):
		return true, nil
	case t.EventID != "" && !t.All:
		return false, nil
	}
	return false, fail.New(fail.Invalid, CodeValidation, "/event_id: say event_id for one event, or series_id with all_occurrences for a series")
}

// Outcome is what a request came to for one event. Code is empty for a success.
type Outcome struct {
	EventID string
	Code    string
	Message string
}

// Codes of outcomes that are no success (digest 1.5).
const (
	OutcomeScheduled = "BOT_ALREADY_SCHEDULED"
	OutcomeNoURL     = "MEETING_URL_MISSING"
	OutcomeCancelled = "EVENT_CANCELLED"
	OutcomeOver      = "EVENT_ENDED"
	OutcomeLocked    = "LOCK_WINDOW"
	OutcomeStatus    = "BOT_STATUS"
	OutcomeNone      = "CALENDAR_BOT_NOT_FOUND"
)

// scope is a target with its rows, inside a transaction.
type scope struct {
	c      Connection
	whole  bool
	series Series
	events []Event // of the series, or the one
	rules  []Rule
	plans  map[string]Schedule
}

func (s *Service) scope(ctx context.Context, tx Tx, team, calendar string, t Target) (sc scope, err error) {
	if sc.whole, err = t.check(); err != nil {
		return sc, err
	}
	if sc.c, err = tx.LockConnection(ctx, team, calendar); err != nil {
		return sc, err
	}
	if sc.whole {
		err = sc.loadSeries(ctx, tx, t.SeriesID)
	} else {
		err = sc.loadEvent(ctx, tx, t.EventID)
	}
	if err != nil {
		return sc, err
	}
	ids := make([]string, 0, len(sc.events))
	for _, e := range sc.events {
		ids = append(ids, e.ID)
	}
	if sc.rules, err = tx.Rules(ctx, team, []string{sc.series.ID}, ids); err != nil {
		return sc, err
	}
	sc.plans, err = tx.Schedules(ctx, team, ids)
	return sc, err
}

func (sc *scope) loadSeries(ctx context.Context, tx Tx, id string) error {
	found, err := tx.SeriesByID(ctx, sc.c.TeamID, sc.c.ID, []string{id})
	if err != nil {
		return err
	}
	var ok bool
	if sc.series, ok = found[id]; !ok {
		return fail.New(fail.NotFound, CodeSeriesNotFound, "Series with ID '%s' not found", id)
	}
	sc.events, err = tx.EventsIn(ctx, sc.c.TeamID, id)
	return err
}

func (sc *scope) loadEvent(ctx context.Context, tx Tx, id string) (err error) {
	if sc.events, err = tx.EventsByID(ctx, sc.c.TeamID, sc.c.ID, []string{id}); err != nil {
		return err
	}
	if len(sc.events) == 0 {
		return fail.New(fail.NotFound, CodeEventNotFound, "Event with ID '%s' not found", id)
	}
	found, err := tx.SeriesByID(ctx, sc.c.TeamID, sc.c.ID, []string{sc.events[0].SeriesID})
	sc.series = found[sc.events[0].SeriesID]
	return err
}

// ScheduleBots puts a bot on an event, or on all occurrences of a series, those
// to come included. Past occurrences are passed over.
func (s *Service) ScheduleBots(ctx context.Context, team, calendar string, t Target, settings []byte) (out []Outcome, err error) {
	err = s.Store.InTx(ctx, func(tx Tx) error {
		out = nil
		sc, err := s.scope(ctx, tx, team, calendar, t)
		if err != nil {
			return err
		}
		now := s.Clock.Now()
		var take []Event
		for _, e := range sc.events {
			o, old := mayHaveBot(e, sc.plans[e.ID], now), sc.whole && !e.When.End.After(now)
			if old {
				continue
			}
			out = append(out, o)
			if o.Code == "" || o.Code == OutcomeNoURL {
				take = append(take, e)
			}
		}
		if !sc.whole && out[0].Code != "" {
			return nil
		}
		if _, covered := seriesRule(sc.rules, sc.series.ID); covered && sc.whole {
			// What has a bot keeps it as it is; what was switched off gets this one.
			for _, e := range take {
				one := sc
				one.whole, one.events = false, []Event{e}
				if err := s.replaceRule(ctx, tx, one, settings, now); err != nil {
					return err
				}
			}
		} else if err := s.replaceRule(ctx, tx, sc, settings, now); err != nil {
			return err
		}
		return s.ruleStored(ctx, tx, sc.c, take, now)
	})
	return out, err
}

func mayHaveBot(e Event, plan Schedule, now time.Time) Outcome {
	o := Outcome{EventID: e.ID}
	switch {
	case plan.Counts():
		o.Code, o.Message = OutcomeScheduled, "the event has a bot already; change it with PATCH"
	case !e.Live():
		o.Code, o.Message = OutcomeCancelled, "the event is cancelled or declined; its bot comes with it, should it come back"
	case !e.When.End.After(now):
		o.Code, o.Message = OutcomeOver, "the event is over"
	case e.Link.URL == "":
		o.Code, o.Message = OutcomeNoURL, "the event has no meeting URL that a bot could join"
	}
	return o
}

// replaceRule stores the rule of the target in place of the one it had. A rule
// for all occurrences takes switched-off occurrences back in.
func (s *Service) replaceRule(ctx context.Context, tx Tx, sc scope, settings []byte, now time.Time) error {
	r := Rule{ID: ident.New(), TeamID: sc.c.TeamID, CalendarID: sc.c.ID, SeriesID: sc.series.ID, Settings: settings, CreatedAt: now, UpdatedAt: now}
	if !sc.whole {
		r.EventID = sc.events[0].ID
	}
	for _, old := range sc.rules {
		if old.EventID != r.EventID && !(sc.whole && old.Off) {
			continue
		}
		if err := tx.DeleteRule(ctx, sc.c.TeamID, old.ID, now); err != nil {
			return err
		}
	}
	if err := tx.PutRule(ctx, r); err != nil {
		return err
	}
	return s.markSeries(ctx, tx, sc, sc.whole || sc.series.BotScheduled)
}

func (s *Service) markSeries(ctx context.Context, tx Tx, sc scope, scheduled bool) error {
	if sc.series.BotScheduled == scheduled {
		return nil
	}
	sc.series.BotScheduled = scheduled
	return tx.UpdateSeries(ctx, sc.series)
}

// ChangeBots gives the bots of the target other settings. change makes the new
// settings of the old ones.
func (s *Service) ChangeBots(ctx context.Context, team, calendar string, t Target, change func(old []byte) ([]byte, error)) (out []Outcome, err error) {
	err = s.Store.InTx(ctx, func(tx Tx) error {
		sc, err := s.scope(ctx, tx, team, calendar, t)
		if err != nil {
			return err
		}
		now := s.Clock.Now()
		var may []Event
		if out, may, err = sc.changeable(now); err != nil {
			return err
		}
		return s.changeRules(ctx, tx, sc, may, change, now)
	})
	return out, err
}

// changeable tells which bots may be changed now. One that may not is an error
// if it is the only one that was asked for.
func (sc scope) changeable(now time.Time) (out []Outcome, may []Event, err error) {
	for _, e := range sc.events {
		plan := sc.plans[e.ID]
		if (!plan.Counts() && plan.State != Waiting) || (sc.whole && !e.When.End.After(now)) {
			continue
		}
		o := Outcome{EventID: e.ID}
		switch {
		case plan.State == Launched:
			o.Code, o.Message = OutcomeStatus, "the bot was launched already; use the operations on the bot itself"
		case plan.State == Scheduled && plan.JoinAt.Sub(now) < LockWindow:
			o.Code, o.Message = OutcomeLocked, "the bot joins in less than 4 minutes"
		default:
			may = append(may, e)
		}
		out = append(out, o)
	}
	if len(out) == 0 && !(sc.whole && sc.series.BotScheduled) {
		return nil, nil, fail.New(fail.NotFound, CodeBotNotFound, "no bot is scheduled there")
	}
	if !sc.whole && out[0].Code != "" {
		code := CodeLockWindow
		if out[0].Code == OutcomeStatus {
			code = CodeBotStatus
		}
		return nil, nil, fail.New(fail.Conflict, code, "%s", out[0].Message)
	}
	return out, may, nil
}

func (s *Service) changeRules(ctx context.Context, tx Tx, sc scope, may []Event, change func([]byte) ([]byte, error), now time.Time) error {
	if sc.whole {
		for _, r := range sc.rules {
			if r.Off {
				continue
			}
			if err := s.changeRule(ctx, tx, r, change, now); err != nil {
				return err
			}
		}
	} else if len(may) == 1 {
		r := RuleFor(sc.rules, may[0])
		if r == nil {
			return nil
		}
		own := *r
		if own.EventID == "" { // from now on this occurrence has settings of its own
			own.ID, own.EventID, own.CreatedAt = ident.New(), may[0].ID, now
		}
		if err := s.changeRule(ctx, tx, own, change, now); err != nil {
			return err
		}
	}
	for _, e := range may {
		d := decision(sc.plans[e.ID], now)
		d.Reason = UpdatedByUser
		if err := tx.AddDecision(ctx, d); err != nil {
			return err
		}
	}
	return s.ruleStored(ctx, tx, sc.c, may, now)
}

func (s *Service) changeRule(ctx context.Context, tx Tx, r Rule, change func([]byte) ([]byte, error), now time.Time) (err error) {
	if r.Settings, err = change(r.Settings); err != nil {
		return err
	}
	r.UpdatedAt = now
	return tx.PutRule(ctx, r)
}

// WithdrawBots takes the bots of the target away. For one occurrence of a
// series that has a rule, the wish is remembered.
func (s *Service) WithdrawBots(ctx context.Context, team, calendar string, t Target) (out []Outcome, err error) {
	err = s.Store.InTx(ctx, func(tx Tx) error {
		sc, err := s.scope(ctx, tx, team, calendar, t)
		if err != nil {
			return err
		}
		now := s.Clock.Now()
		var may []Event
		if out, may, err = sc.changeable(now); err != nil {
			return err
		}
		for _, r := range sc.rules {
			if !sc.whole && r.EventID != sc.events[0].ID {
				continue
			}
			if err := tx.DeleteRule(ctx, team, r.ID, now); err != nil {
				return err
			}
		}
		if sc.whole {
			err = s.keepLocked(ctx, tx, sc, out, now)
		} else if _, covered := seriesRule(sc.rules, sc.series.ID); covered {
			off := Rule{ID: ident.New(), TeamID: team, CalendarID: calendar, SeriesID: sc.series.ID, EventID: sc.events[0].ID, Off: true, CreatedAt: now, UpdatedAt: now}
			err = tx.PutRule(ctx, off)
		}
		if err != nil {
			return err
		}
		return s.ruleStored(ctx, tx, sc.c, may, now)
	})
	return out, err
}

// keepLocked ends the rule of a series, but not for the bots that may not be
// taken away any more.
func (s *Service) keepLocked(ctx context.Context, tx Tx, sc scope, out []Outcome, now time.Time) error {
	locked := map[string]bool{}
	for _, o := range out {
		locked[o.EventID] = o.Code != ""
	}
	for _, e := range sc.events {
		r := RuleFor(sc.rules, e)
		if !locked[e.ID] || r == nil {
			continue
		}
		own := *r
		own.ID, own.EventID, own.CreatedAt, own.UpdatedAt = ident.New(), e.ID, now, now
		if err := tx.PutRule(ctx, own); err != nil {
			return err
		}
	}
	return s.markSeries(ctx, tx, sc, false)
}
