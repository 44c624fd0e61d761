package calendar

import (
	"context"

	"steno/internal/fail"
	"steno/internal/page"
)

// PlannedEvent is an event with its details and what its bot was asked for.
type PlannedEvent struct {
	Event
	Details
	SeriesProviderID string // the service's id of its series; empty for a one-off
	// Settings of the bot that the event has or waits for; nil: it has none.
	Settings []byte
}

// PlannedEvents returns a page of a hundred events of a calendar.
func (s *Service) PlannedEvents(ctx context.Context, team, calendar string, q EventQuery, cursor string) (List[PlannedEvent], error) {
	list, err := s.Events(ctx, team, calendar, q, page.Max, cursor)
	if err != nil {
		return List[PlannedEvent]{}, err
	}
	items, err := s.Store.Planned(ctx, team, list.Items)
	return List[PlannedEvent]{Items: items, Next: list.Next, Prev: list.Prev}, err
}

// PlannedEvent returns an event of any calendar of the team, also one that is
// gone.
func (s *Service) PlannedEvent(ctx context.Context, team, id string) (PlannedEvent, error) {
	e, err := s.Store.EventOf(ctx, team, id)
	if err != nil {
		return PlannedEvent{}, err
	}
	list, err := s.Store.Planned(ctx, team, []Event{e})
	if err != nil {
		return PlannedEvent{}, err
	}
	return list[0], nil
}

// occasion is an event that a request names, and what it is about: the event, or
// all occurrences of its series. A one-off has no other occurrences.
func (s *Service) occasion(ctx context.Context, team, id string, all bool) (Event, Target, error) {
	e, err := s.Store.EventOf(ctx, team, id)
	if all && e.Recurring {
		return e, Target{SeriesID: e.SeriesID, All: true}, err
	}
	return e, Target{EventID: id}, err
}

// ScheduleEvent puts a bot on an event, or on all occurrences of its series, and
// returns those that have got it, or will when they have a meeting URL.
func (s *Service) ScheduleEvent(ctx context.Context, team, id string, all bool, settings []byte) ([]PlannedEvent, error) {
	e, t, err := s.occasion(ctx, team, id, all)
	if err != nil {
		return nil, err
	}
	out, err := s.ScheduleBots(ctx, team, e.CalendarID, t, settings)
	if err != nil {
		return nil, err
	}
	got := map[string]bool{}
	for _, o := range out {
		switch {
		case o.Code == "" || t.All && o.Code == OutcomeNoURL:
			got[o.EventID] = true
		case !t.All:
			return nil, fail.New(fail.Conflict, "FST_ERR_"+o.Code, "%s", o.Message)
		}
	}
	return s.plannedOf(ctx, team, e, t, func(e Event) bool { return got[e.ID] })
}

// ChangeEvent gives the bot of an event, or those of all occurrences of its
// series, other settings, and returns the events whose bots have changed.
func (s *Service) ChangeEvent(ctx context.Context, team, id string, all bool, change func(old []byte) ([]byte, error)) ([]PlannedEvent, error) {
	e, t, err := s.occasion(ctx, team, id, all)
	if err != nil {
		return nil, err
	}
	out, err := s.ChangeBots(ctx, team, e.CalendarID, t, change)
	if err != nil {
		return nil, err
	}
	done := map[string]bool{}
	for _, o := range out {
		done[o.EventID] = o.Code == ""
	}
	return s.plannedOf(ctx, team, e, t, func(e Event) bool { return done[e.ID] })
}

// WithdrawEvent takes the bot of an event, or those of all occurrences of its
// series, away, and returns the events that have none now. That there was none
// before is no error.
func (s *Service) WithdrawEvent(ctx context.Context, team, id string, all bool) ([]PlannedEvent, error) {
	e, t, err := s.occasion(ctx, team, id, all)
	if err != nil {
		return nil, err
	}
	out, err := s.WithdrawBots(ctx, team, e.CalendarID, t)
	if f := fail.As(err); err != nil && (f == nil || f.Code != CodeBotNotFound) {
		return nil, err
	}
	kept := map[string]bool{}
	for _, o := range out {
		kept[o.EventID] = o.Code != ""
	}
	now := s.Clock.Now()
	return s.plannedOf(ctx, team, e, t, func(e Event) bool { return !t.All || e.Live() && e.When.End.After(now) && !kept[e.ID] })
}

// plannedOf returns the events of a target that are wanted, as they are now.
func (s *Service) plannedOf(ctx context.Context, team string, e Event, t Target, wanted func(Event) bool) ([]PlannedEvent, error) {
	var events []Event
	var err error
	if t.All {
		events, err = s.Store.EventsOfSeries(ctx, team, []string{t.SeriesID}, true)
	} else if e, err = s.Store.EventOf(ctx, team, e.ID); err == nil {
		events = []Event{e}
	}
	if err != nil {
		return nil, err
	}
	var some []Event
	for _, e := range events {
		if wanted(e) {
			some = append(some, e)
		}
	}
	return s.Store.Planned(ctx, team, some)
}
