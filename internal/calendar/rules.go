package calendar

import "time"

// Rule is what a user asked for: a bot on one event or on all occurrences of a
// series. A rule of an event wins over that of its series.
type Rule struct {
	ID         string
	TeamID     string
	CalendarID string
	SeriesID   string
	EventID    string // empty: all occurrences of the series
	// Off: no bot for this event although its series has one.
	Off bool
	// Settings of the bot, in the words of whoever makes bots; stored sealed.
	Settings  []byte
	CreatedAt time.Time
	UpdatedAt time.Time
}

// ScheduleState is where the bot of an event stands.
type ScheduleState string

// The states of schedules.
const (
	Waiting   ScheduleState = "waiting"   // wanted, but something is missing
	Scheduled ScheduleState = "scheduled" // will be launched at JoinAt
	Launched  ScheduleState = "completed" // the bot exists (digest 5.2)
	Withdrawn ScheduleState = "cancelled"
	Missed    ScheduleState = "failed"
)

// Schedule is the bot of one event. There is one for each event that a rule
// covers or has covered.
type Schedule struct {
	EventID    string
	TeamID     string
	CalendarID string
	RuleID     string
	BotID      string // the id that the bot has or will have
	State      ScheduleState
	JoinAt     time.Time
	Link       Link // the meeting, kept if the event loses its URL
	// DedupKey sets its bot apart from those of other events in the same meeting;
	// known when the bot is launched.
	DedupKey  string
	Reason    Reason
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Counts reports whether the event has a bot, as the API means it.
func (s Schedule) Counts() bool { return s.State == Scheduled || s.State == Launched }

// Reason says why a bot was scheduled or not.
type Reason string

// The reasons.
const (
	ByRule        Reason = "rule"          // a rule covers the event
	EventMoved    Reason = "event_moved"   // time or meeting changed
	Reaccepted    Reason = "event_is_back" // was cancelled or declined before
	NoRule        Reason = "rule_removed"  // the user withdrew it
	SwitchedOff   Reason = "switched_off"  // for this occurrence, by the user
	WasCancelled  Reason = "event_cancelled"
	WasDeleted    Reason = "event_deleted"
	WasDeclined   Reason = "event_declined"
	NotAMeeting   Reason = "not_a_meeting"
	NoURL         Reason = "no_meeting_url"
	IsOver        Reason = "event_is_over"
	NearStart     Reason = "bot_already_launched" // a late edit; the bot is kept
	Repointed     Reason = "bot_repointed"
	BotLaunched   Reason = "launched"
	BotShared     Reason = "bot_shared" // another calendar has sent one to the same meeting
	LaunchFailed  Reason = "launch_failed"
	LaunchRefused Reason = "launch_refused"   // daily cap or tokens; bot.failed says which
	TooLate       Reason = "missed"           // the server was down
	BotOfOldTime  Reason = "moved_after_bot"  // moved to later after its bot had left
	BotTakenBack  Reason = "bot_taken_back"   // moved to later before its bot had joined
	UpdatedByUser Reason = "settings_changed" // the user changed the rule
)

// LockWindow: a bot may not be changed by users when it joins in less (C11,
// C12).
const LockWindow = 4 * time.Minute

// Decision is a line of an event's story: what was decided about its bot, and
// why.
type Decision struct {
	TeamID  string
	EventID string
	At      time.Time
	State   ScheduleState
	Reason  Reason
	BotID   string
	JoinAt  time.Time // zero if it does not matter
}

// step is what has to be done about a bot besides storing the schedule.
type step string

const (
	nothing step = ""
	stop    step = "stop"    // ask the bot to leave
	repoint step = "repoint" // give it the new meeting
)

// ruling is the result of decide.
type ruling struct {
	changed bool
	next    Schedule
	do      step
	fresh   bool // next needs an id for a new bot
}

// decide says what the schedule of an event is to become. It is pure: the rule
// that is in force (nil: none), the schedule so far (zero: none) and the phase
// of the bot that was launched are all it looks at.
func decide(e Event, rule *Rule, old Schedule, bot BotPhase, now time.Time) ruling {
	state, reason, link := wanted(e, rule, old, now)
	next := old
	next.EventID, next.TeamID, next.CalendarID = e.ID, e.TeamID, e.CalendarID
	if rule != nil {
		next.RuleID = rule.ID
	}
	if state != Scheduled {
		return unwanted(old, next, state, reason, bot, now)
	}
	next.JoinAt, next.Link = e.When.Start, link
	switch old.State {
	case Scheduled:
		switch {
		case !old.JoinAt.Equal(next.JoinAt) || old.Link != link:
			return changed(next, Scheduled, EventMoved, now)
		case old.RuleID != rule.ID:
			return changed(next, Scheduled, UpdatedByUser, now)
		}
		return ruling{next: old}
	case Launched:
		return relaunch(old, next, bot, now)
	case Missed:
		if old.JoinAt.Equal(next.JoinAt) && old.Link == link && old.RuleID == rule.ID {
			return ruling{next: old} // trying the same again would fail again
		}
	case Withdrawn:
		r := changed(next, Scheduled, Reaccepted, now)
		r.fresh = old.BotID == "" || bot != BotNone
		return r
	}
	r := changed(next, Scheduled, ByRule, now)
	r.fresh = old.BotID == "" || bot != BotNone
	return r
}

func changed(next Schedule, state ScheduleState, reason Reason, now time.Time) ruling {
	next.State, next.Reason, next.UpdatedAt = state, reason, now
	return ruling{changed: true, next: next}
}

// wanted says whether the event should have a bot, why (not), and where.
func wanted(e Event, rule *Rule, old Schedule, now time.Time) (ScheduleState, Reason, Link) {
	link := e.Link
	if link.URL == "" { // a URL that went away does not cancel (digest 2.4)
		link = old.Link
	}
	switch {
	case rule == nil:
		return Withdrawn, NoRule, link
	case rule.Off:
		return Withdrawn, SwitchedOff, link
	case e.DeletedAt != nil:
		return Withdrawn, WasDeleted, link
	case e.Declined:
		return Withdrawn, WasDeclined, link
	case e.Status == Cancelled:
		return Withdrawn, WasCancelled, link
	case e.NotMeeting:
		return Withdrawn, NotAMeeting, link
	case !e.When.End.After(now) && old.State != Launched:
		return Withdrawn, IsOver, link
	case link.URL == "":
		return Waiting, NoURL, link
	}
	return Scheduled, ByRule, link
}

// unwanted ends a schedule. A bot that is in the meeting or on its way leaves.
func unwanted(old, next Schedule, state ScheduleState, reason Reason, bot BotPhase, now time.Time) ruling {
	if old.State == "" && (reason == NoRule || reason == IsOver) {
		return ruling{next: old} // nobody asked for one
	}
	if old.State == state && old.Reason == reason {
		return ruling{next: old}
	}
	// What is over stays as it ended: a bot that was there, or a user's wish.
	over := old.State == Launched && bot == BotEnded
	if over || (reason == IsOver && old.State == Withdrawn) || (reason == NoRule && old.State != Scheduled && old.State != Launched && old.State != Waiting) {
		return ruling{next: old}
	}
	r := changed(next, state, reason, now)
	if old.State == Launched && (bot == BotWaiting || bot == BotInside) {
		r.do = stop
	}
	return r
}

// relaunch decides about an event whose bot was launched. There is never a
// second bot beside a live one.
func relaunch(old, next Schedule, bot BotPhase, now time.Time) ruling {
	later := next.JoinAt.After(old.JoinAt) && next.JoinAt.After(now)
	switch {
	case old.JoinAt.Equal(next.JoinAt) && old.Link.Key == next.Link.Key:
		return ruling{next: old}
	case bot == BotEnded && later:
		r := changed(next, Scheduled, BotOfOldTime, now)
		r.fresh = true
		return r
	case bot == BotWaiting && next.JoinAt.After(now.Add(LockWindow)):
		r := changed(next, Scheduled, BotTakenBack, now)
		r.fresh, r.do = true, stop
		return r
	case bot == BotWaiting && old.Link.Key != next.Link.Key:
		r := changed(next, Launched, Repointed, now)
		r.do = repoint
		return r
	case old.Reason == NearStart:
		return ruling{next: old}
	}
	kept := old
	return changed(kept, Launched, NearStart, now)
}
