package session

import (
	"testing"
	"time"

	"steno/internal/bot"
)

func TestRulesOfLeaving(t *testing.T) {
	zero := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(seconds int) time.Time { return zero.Add(time.Duration(seconds) * time.Second) }
	limits := bot.Timeouts{
		WaitingRoom: 100 * time.Second, NoOneJoined: 200 * time.Second, Silence: 300 * time.Second,
		EveryoneLeft: 60 * time.Second, MaxRecording: 1000 * time.Second,
	}
	grace := limits
	grace.Grace = 600 * time.Second

	cases := []struct {
		name   string
		limits bot.Timeouts
		facts  facts
		now    int
		want   bot.EndCode // empty: stays
	}{
		{"not asked yet", limits, facts{}, 10_000, ""},
		{"in the lobby, time left", limits, facts{asked: at(0)}, 99, ""},
		{"in the lobby too long", limits, facts{asked: at(0)}, 100, bot.EndTimeoutWaiting},
		{"nobody began it in time", limits, facts{asked: at(0), hostAbsent: true}, 100, bot.EndWaitingForHost},
		{"the lobby gave way to a page that nobody knows", limits, facts{asked: at(0), strange: true}, 100, bot.EndUnknown},
		{"grace does not lengthen the lobby", grace, facts{asked: at(0)}, 100, bot.EndTimeoutWaiting},
		{"admitted, nobody there yet", limits, facts{asked: at(0), admitted: at(50)}, 249, ""},
		{"admitted, nobody came", limits, facts{asked: at(0), admitted: at(50)}, 250, bot.EndNoAttendees},
		{"a voice counts as company", limits, facts{admitted: at(0), company: at(100), sound: at(150)}, 205, ""},
		{"others there and silent, time left", limits, facts{admitted: at(0), others: 2, company: at(299)}, 299, ""},
		{"others there, never a sound", limits, facts{admitted: at(0), others: 2, company: at(300)}, 300, bot.EndNoSpeaker},
		{"others there, fell silent", limits, facts{admitted: at(0), others: 2, company: at(800), sound: at(500)}, 800, bot.EndNoSpeaker},
		{"everyone left a moment ago", limits, facts{admitted: at(0), company: at(400), sound: at(390)}, 459, ""},
		{"everyone left", limits, facts{admitted: at(0), company: at(400), sound: at(390)}, 460, bot.EndNoAttendees},
		{"roster says empty, but somebody speaks", limits, facts{admitted: at(0), company: at(400), sound: at(455)}, 460, ""},
		{"recorded for long enough", limits, facts{admitted: at(0), recording: at(1), others: 1, company: at(1001), sound: at(1001)}, 1001, bot.EndRecordingTimeout},
		{"grace holds the others back", grace, facts{admitted: at(0), company: at(400), sound: at(390)}, 599, ""},
		{"grace is over", grace, facts{admitted: at(0), company: at(400), sound: at(390)}, 600, bot.EndNoAttendees},
		{"grace does not hold the longest time back", grace, facts{admitted: at(0), recording: at(0)}, 1000, bot.EndRecordingTimeout},
		{"its own absence is not theirs", limits, facts{admitted: at(0), back: at(900), company: at(400), sound: at(390)}, 930, ""},
		{"its own absence is not silence", limits, facts{admitted: at(0), back: at(800), others: 2, company: at(830), sound: at(400)}, 830, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, ok := decide(c.limits, c.facts, at(c.now))
			if v.code != c.want || ok != (c.want != "") {
				t.Errorf("decide = %q, %v; want %q", v.code, ok, c.want)
			}
		})
	}
}

func TestOutcomeOfABot(t *testing.T) {
	cases := []struct {
		code     bot.EndCode
		recorded bool
		want     bot.Status
	}{
		{bot.EndAPIRequest, true, bot.Completed},
		{bot.EndInternalError, true, bot.Completed}, // what was recorded before the crash is delivered
		{bot.EndDiskFull, true, bot.Completed},
		{bot.EndInternalError, false, bot.Failed},
		{bot.EndNotAccepted, false, bot.Failed},
		{bot.EndRemovedTooEarly, true, bot.Failed},
		{early(bot.EndAPIRequest), false, bot.Failed},
		{early(bot.EndRemoved), false, bot.Failed},
		{early(bot.EndMeetingEnded), false, bot.Failed},
	}
	for _, c := range cases {
		if got := outcome(c.code, c.recorded); got != c.want {
			t.Errorf("outcome(%s, recorded %v) = %s, want %s", c.code, c.recorded, got, c.want)
		}
	}
}

func TestEveryEarlyEndIsAFailure(t *testing.T) {
	for _, code := range []bot.EndCode{
		bot.EndRemoved, bot.EndNoAttendees, bot.EndNoSpeaker, bot.EndAPIRequest, bot.EndMeetingEnded,
	} {
		if e := early(code); e.Normal() {
			t.Errorf("early(%s) = %s, which is a normal end", code, e)
		}
	}
}
