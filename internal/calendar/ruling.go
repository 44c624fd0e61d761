package calendar

import (
	"context"
	"slices"
	"time"

	"steno/internal/ident"
)

// rulings are decisions that are made and not stored yet.
type rulings struct {
	schedules []Schedule
	decisions []Decision
	nudge     func()
}

// store writes them.
func (r rulings) store(ctx context.Context, tx Tx) error {
	for _, sc := range r.schedules {
		if err := tx.PutSchedule(ctx, sc); err != nil {
			return err
		}
	}
	for _, d := range r.decisions {
		if err := tx.AddDecision(ctx, d); err != nil {
			return err
		}
	}
	if len(r.schedules) > 0 && r.nudge != nil {
		tx.AfterCommit(r.nudge)
	}
	return nil
}

// rule decides about the bots of events as they are now, and acts on bots that
// were launched. It sets BotScheduled of each event; the caller stores events
// and rulings, in this order. unknown tells events that are not stored yet and
// series that are not, about which nobody can have asked for anything.
func (s *Service) rule(ctx context.Context, tx Tx, c Connection, events []*Event, unknown func(id string) bool, now time.Time) (out rulings, err error) {
	out.nudge = s.nudge
	var ids, series []string
	for _, e := range events {
		if !unknown(e.ID) {
			ids = append(ids, e.ID)
		}
		if !unknown(e.SeriesID) {
			series = append(series, e.SeriesID)
		}
	}
	if len(ids)+len(series) == 0 {
		return out, nil
	}
	rules, err := tx.Rules(ctx, c.TeamID, unique(series), unique(slices.Clone(ids)))
	if err != nil {
		return out, err
	}
	olds, err := tx.Schedules(ctx, c.TeamID, ids)
	if err != nil || (len(rules) == 0 && len(olds) == 0) {
		return out, err
	}
	for _, e := range events {
		if err := s.ruleOne(ctx, tx, e, RuleFor(rules, *e), olds[e.ID], now, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (s *Service) ruleOne(ctx context.Context, tx Tx, e *Event, rule *Rule, old Schedule, now time.Time, out *rulings) error {
	phase := BotNone
	if old.BotID != "" && old.State != Scheduled && old.State != Waiting {
		var err error
		if phase, err = tx.BotPhase(ctx, old.TeamID, old.BotID); err != nil {
			return err
		}
	}
	r := decide(*e, rule, old, phase, now)
	e.BotScheduled = r.next.Counts()
	if !r.changed {
		return nil
	}
	next := r.next
	if next.CreatedAt.IsZero() {
		next.CreatedAt = now
	}
	if r.fresh {
		next.BotID = ident.New()
	}
	if err := s.act(ctx, tx, r.do, old, &next); err != nil {
		return err
	}
	out.schedules = append(out.schedules, next)
	out.decisions = append(out.decisions, decision(next, now))
	return nil
}

// act does what has to be done about a bot that exists.
func (s *Service) act(ctx context.Context, tx Tx, do step, old Schedule, next *Schedule) error {
	if do == nothing {
		return nil
	}
	others, err := tx.BotUsers(ctx, old.TeamID, old.BotID, old.EventID)
	if err != nil {
		return err
	}
	if do == stop {
		if others > 0 {
			return nil // it is the bot of another calendar's event, too
		}
		return tx.StopBot(ctx, old.TeamID, old.BotID)
	}
	done := false
	if others == 0 {
		if done, err = tx.RepointBot(ctx, old.TeamID, old.BotID, next.Link.URL); err != nil {
			return err
		}
	}
	if !done { // its process is on the way already
		next.Reason, next.Link, next.JoinAt = NearStart, old.Link, old.JoinAt
	}
	return nil
}

func decision(sc Schedule, now time.Time) Decision {
	d := Decision{TeamID: sc.TeamID, EventID: sc.EventID, At: now, State: sc.State, Reason: sc.Reason, BotID: sc.BotID}
	if sc.Counts() {
		d.JoinAt = sc.JoinAt
	}
	return d
}

// RuleFor returns the rule that is in force for an event: its own before that
// of its series.
func RuleFor(rules []Rule, e Event) *Rule {
	if i := slices.IndexFunc(rules, func(r Rule) bool { return r.EventID == e.ID }); i >= 0 {
		return &rules[i]
	}
	if r, ok := seriesRule(rules, e.SeriesID); ok {
		return &r
	}
	return nil
}

// seriesRule returns the rule that covers all occurrences of a series.
func seriesRule(rules []Rule, series string) (Rule, bool) {
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.EventID == "" && r.SeriesID == series })
	if i < 0 {
		return Rule{}, false
	}
	return rules[i], true
}

// ruleStored is rule for events that are stored: it stores everything.
func (s *Service) ruleStored(ctx context.Context, tx Tx, c Connection, events []Event, now time.Time) error {
	for len(events) > 0 {
		n := min(chunk, len(events))
		var refs []*Event
		before := make([]bool, n)
		for i := range events[:n] {
			before[i] = events[i].BotScheduled
			refs = append(refs, &events[i])
		}
		out, err := s.rule(ctx, tx, c, refs, func(string) bool { return false }, now)
		if err != nil {
			return err
		}
		for i := range events[:n] {
			if events[i].BotScheduled == before[i] {
				continue
			}
			if err := tx.UpdateEvent(ctx, events[i], nil); err != nil {
				return err
			}
		}
		if err := out.store(ctx, tx); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

// copyRule gives a series the rule of the one that it continues.
func (s *Service) copyRule(ctx context.Context, tx Tx, c Connection, from Rule, heir Series, events []Event, now time.Time) error {
	r := from
	r.ID, r.SeriesID, r.CreatedAt, r.UpdatedAt = ident.New(), heir.ID, now, now
	if err := tx.PutRule(ctx, r); err != nil {
		return err
	}
	found, err := tx.SeriesByID(ctx, heir.TeamID, heir.CalendarID, []string{heir.ID})
	if err != nil {
		return err
	}
	if row, ok := found[heir.ID]; ok {
		row.BotScheduled = true
		if err := tx.UpdateSeries(ctx, row); err != nil {
			return err
		}
	}
	return s.ruleStored(ctx, tx, c, events, now)
}
