package session

import (
	"time"

	"steno/internal/bot"
)

// facts is what the rules of leaving look at: when things happened, as far as
// they did (zero: not yet).
type facts struct {
	asked time.Time // asked to be let in
	// hostAbsent: at the last look the page said that nobody has begun the meeting.
	hostAbsent bool
	strange    bool      // at the last look the page showed nothing that is known
	admitted   time.Time // let in, for the first time
	back       time.Time // let in again after the connection was lost
	recording  time.Time // recording began
	others     int       // people beside the bot and other bots, at the last look
	company    time.Time // last moment at which others were seen, or one of them heard
	sound      time.Time // last moment at which a track carried sound
}

// verdict is why a bot leaves.
type verdict struct {
	code    bot.EndCode
	message string
}

// decide applies the rules of leaving at the moment now; ok is false as long
// as the bot stays. Times of absence of the bot itself never count against
// the meeting: the timers start anew when it is back.
func decide(t bot.Timeouts, f facts, now time.Time) (v verdict, ok bool) {
	if f.admitted.IsZero() {
		if !f.asked.IsZero() && now.Sub(f.asked) >= t.WaitingRoom {
			if f.hostAbsent {
				return verdict{bot.EndWaitingForHost, "nobody began the meeting within " + t.WaitingRoom.String()}, true
			}
			if f.strange {
				return verdict{bot.EndUnknown, "the page does not show the waiting room any more, nor the call, nor why"}, true
			}
			return verdict{bot.EndTimeoutWaiting, "nobody let the bot in within " + t.WaitingRoom.String()}, true
		}
		return verdict{}, false
	}
	if t.MaxRecording > 0 && !f.recording.IsZero() && now.Sub(f.recording) >= t.MaxRecording {
		return verdict{bot.EndRecordingTimeout, "recorded for the longest time allowed, " + t.MaxRecording.String()}, true
	}
	if now.Sub(f.admitted) < t.Grace {
		return verdict{}, false
	}
	return alone(t, f, now)
}

// alone applies the rules for an empty and for a silent meeting.
func alone(t bot.Timeouts, f facts, now time.Time) (verdict, bool) {
	if f.company.IsZero() {
		if now.Sub(latest(f.admitted, f.back)) >= t.NoOneJoined {
			return verdict{bot.EndNoAttendees, "nobody joined within " + t.NoOneJoined.String()}, true
		}
		return verdict{}, false
	}
	// Both the roster and the sound must say that nobody is there: each of
	// them alone has been seen to be wrong for minutes.
	if f.others == 0 && now.Sub(latest(f.company, f.sound, f.back)) >= t.EveryoneLeft {
		return verdict{bot.EndNoAttendees, "everyone else left"}, true
	}
	if now.Sub(latest(f.admitted, f.sound, f.back)) >= t.Silence {
		return verdict{bot.EndNoSpeaker, "nobody was heard for " + t.Silence.String()}, true
	}
	return verdict{}, false
}

func latest(times ...time.Time) time.Time {
	var last time.Time
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// outcome turns the end of a bot into its final status. A bot that recorded
// is completed, whatever ended it: what it has is delivered. The exception is
// a bot thrown out before there was anything to speak of.
func outcome(code bot.EndCode, recorded bool) bot.Status {
	if code == bot.EndRemovedTooEarly {
		return bot.Failed
	}
	if recorded || code.Normal() {
		return bot.Completed
	}
	return bot.Failed
}

// early translates a reason for leaving to the one that holds before anything
// was recorded (digest 6): those ends are failures.
func early(code bot.EndCode) bot.EndCode {
	switch code {
	case bot.EndRemoved:
		return bot.EndRemovedTooEarly
	case bot.EndAPIRequest, bot.EndMeetingEnded:
		return bot.EndExitBeforeRecord
	case bot.EndNoAttendees, bot.EndNoSpeaker:
		return bot.EndTimeoutWaiting
	}
	return code
}

// announcement is the status that announces an end (digest 5.1), if there is one.
func announcement(code bot.EndCode) (bot.Status, bool) {
	switch code {
	case bot.EndNotAccepted:
		return bot.BotRejected, true
	case bot.EndTimeoutWaiting:
		return bot.WaitingRoomTimeout, true
	case bot.EndRemoved:
		return bot.BotRemoved, true
	case bot.EndRemovedTooEarly:
		return bot.BotRemovedTooEarly, true
	case bot.EndAPIRequest:
		return bot.APIRequestStop, true
	case bot.EndInvalidURL:
		return bot.InvalidMeetingURL, true
	case bot.EndCannotJoin, bot.EndLoginRequired:
		return bot.MeetingError, true
	}
	return "", false
}
