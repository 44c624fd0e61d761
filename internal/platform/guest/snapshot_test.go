package guest

import (
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/meeting"
	"steno/internal/platform"
	"steno/internal/platform/pack"
)

var meet = pack.Builtin(meeting.Meet)

var allSignals = []string{"call_controls", "leave", "people", "chat", "details"}

func TestJudge(t *testing.T) {
	person := []tile{{ID: "p1", Name: "Ada"}}
	for _, c := range []struct {
		name  string
		s     snapshot
		was   bool // in the call before
		stage platform.Stage
		code  bot.EndCode
	}{
		{"controls of the lobby are no admission", snapshot{Signals: []string{"call_controls", "leave"}, Lobby: "asking to be let in..."}, false, platform.StageLobby, ""},
		{"controls without people are no admission", snapshot{Signals: allSignals}, false, platform.StageJoining, ""},
		{"people without controls are no admission", snapshot{Signals: []string{"leave", "self"}, People: person}, false, platform.StageJoining, ""},
		{"a name field is no admission", snapshot{Signals: allSignals, People: person, Name: &field{}}, false, platform.StageJoining, ""},
		{"lobby text wins over signals", snapshot{Signals: allSignals, People: person, Lobby: "asking to join"}, false, platform.StageLobby, ""},
		{"in the call others may ask to join", snapshot{Signals: allSignals, People: person, Lobby: "asking to join"}, true, platform.StageInCall, ""},
		{"in the call", snapshot{Signals: allSignals, People: person}, false, platform.StageInCall, ""},
		{"denied wins over lobby", snapshot{Titles: []string{"someone in the call denied your request to join"}, Lobby: "your request to join"}, false, platform.StageEnded, bot.EndNotAccepted},
		{"nobody answered", snapshot{Titles: []string{"no one responded to your request to join the call"}}, false, platform.StageEnded, bot.EndTimeoutWaiting},
		{"blocked", snapshot{Titles: []string{"you can't join this video call"}}, false, platform.StageEnded, bot.EndCannotJoin},
		{"sent away", snapshot{Host: "workspace.google.com"}, false, platform.StageEnded, bot.EndCannotJoin},
		{"sign-in", snapshot{Host: "accounts.google.com"}, false, platform.StageEnded, bot.EndLoginRequired},
		{"unknown code", snapshot{Titles: []string{"check your meeting code"}}, false, platform.StageEnded, bot.EndInvalidURL},
		{"removed", snapshot{Titles: []string{"you've been removed from the meeting"}}, true, platform.StageEnded, bot.EndRemoved},
		{"host ended it", snapshot{Titles: []string{"your host ended the meeting for everyone"}}, true, platform.StageEnded, bot.EndMeetingEnded},
		{"a heading within the call is no end", snapshot{Titles: []string{"the call ended"}, Signals: allSignals, People: person}, true, platform.StageInCall, ""},
		{"the platform's own box over the call is an end", snapshot{Modals: []string{"the call ended"}, Signals: allSignals, People: person}, true, platform.StageEnded, bot.EndMeetingEnded},
		{"a lobby's text beside the form is no lobby", snapshot{Lobby: "asking to join", Join: &button{}}, false, platform.StageJoining, ""},
		{"nobody has begun", snapshot{HostAbsent: "waiting for the host"}, false, platform.StageHostAbsent, ""},
		{"a puzzle for people", snapshot{Captcha: "iframe"}, false, platform.StageEnded, bot.EndCannotJoin},
		{"a puzzle in the call is none of ours", snapshot{Captcha: "iframe", Signals: allSignals, People: person}, true, platform.StageInCall, ""},
		{"login wins over lobby", snapshot{Login: true, Lobby: "asking to join"}, false, platform.StageEnded, bot.EndLoginRequired},
		{"nothing known", snapshot{Titles: []string{"something new"}}, false, platform.StageJoining, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := judge(meet, c.s, c.was)
			if c.stage != platform.StageJoining && len(v.signals) < 2 && !structural(v) {
				t.Errorf("%s rests on %q alone", v.stage, v.signals)
			}
			if v.stage != c.stage || v.code != c.code {
				t.Errorf("got %s %q, want %s %q", v.stage, v.code, c.stage, c.code)
			}
		})
	}
}

// structural tells signals that count alone: another host, a form to sign in, the
// platform's own box.
func structural(v verdict) bool {
	for _, prefix := range []string{"host: ", "form to sign in", "modal: ", "captcha: "} {
		if strings.HasPrefix(v.signals[0], prefix) {
			return true
		}
	}
	return false
}

func TestSelfAmongTiles(t *testing.T) {
	for _, c := range []struct {
		name  string
		tiles []tile
		want  string
	}{
		{"the only marked one", []tile{{ID: "1", Name: "Ada"}, {ID: "2", Name: "Guest", Self: true}}, "2"},
		{"the one with the name when all are marked", []tile{{ID: "1", Name: "Ada", Self: true}, {ID: "2", Name: "Steno", Self: true}}, "2"},
		{"somebody else with the bot's name is not the bot", []tile{{ID: "1", Name: "Steno"}, {ID: "2", Name: "Steno", Self: true}}, "2"},
		{"unknown when all are marked and none has the name", []tile{{ID: "1", Name: "Ada", Self: true}, {ID: "2", Name: "Ben", Self: true}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := (snapshot{People: c.tiles}).self("Steno", true); got != c.want {
				t.Errorf("self is %q, want %q", got, c.want)
			}
		})
	}
}

func TestRosterLeavesOutTilesInTheMaking(t *testing.T) {
	s := snapshot{People: []tile{{ID: "1"}, {ID: "2", Name: "Ada", Speaking: true, Media: []media{{"m1", "audio"}, {"m2", "video"}}}, {ID: "2", Name: "Ada"}}}
	people, binds, speaking := s.roster("Steno", true, nil)
	if len(people) != 1 || len(binds) != 2 || len(speaking) != 1 {
		t.Errorf("people %v, bindings %v, speaking %v", people, binds, speaking)
	}
}

// A call that is out of sight for a moment is not over.
func TestDisappearanceIsDebounced(t *testing.T) {
	now := time.Unix(1000, 0)
	a := New(meet)
	a.now = func() time.Time { return now }
	a.report(snapshot{Signals: allSignals}, verdict{stage: platform.StageInCall})
	at := func(after time.Duration, s snapshot) platform.Observation {
		now = time.Unix(1000, 0).Add(after)
		return a.outside(judge(a.pack, s, true), s)
	}
	if o := at(15*time.Second, snapshot{}); o.Stage != platform.StageInCall || o.Roster != nil {
		t.Errorf("after 15 s: %+v", o)
	}
	if o := at(35*time.Second, snapshot{Reconnect: "trying to reconnect"}); o.Stage != platform.StageInCall {
		t.Errorf("while reconnecting: %+v", o)
	}
	if o := at(25*time.Second, snapshot{}); o.Stage != platform.StageEnded || o.Code != bot.EndUnknown {
		t.Errorf("after 25 s: %+v", o)
	}
}

// What the page calls "left" before the bot was in is a refusal.
func TestLeftBeforeAdmissionIsRefusal(t *testing.T) {
	a := New(meet)
	s := snapshot{Titles: []string{"you left the meeting"}}
	if o := a.outside(judge(a.pack, s, false), s); o.Code != bot.EndNotAccepted {
		t.Errorf("code %s", o.Code)
	}
}

func TestSplitKeepsWordsAndLimit(t *testing.T) {
	got := split("one two\nthree abcdefghijkl", 7)
	want := []string{"one two", "three", "abcdefg", "hijkl"}
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("piece %d is %q, want %q", i, got[i], want[i])
		}
	}
}

// An end that people cannot make out of the page's words is said in ours.
func TestReasonOfAnEnd(t *testing.T) {
	s := snapshot{Titles: []string{"verify you're a real person"}}
	if v := judge(pack.Builtin(meeting.Teams), s, false); v.code != bot.EndCannotJoin || !strings.Contains(v.reason, "CAPTCHA") || !strings.Contains(v.reason, "real person") {
		t.Errorf("%s: %q", v.code, v.reason)
	}
	if v := judge(pack.Builtin(meeting.Zoom), snapshot{Titles: []string{"we detected you may be a bot"}}, false); v.code != bot.EndCannotJoin || !strings.Contains(v.reason, "browser") {
		t.Errorf("%s: %q", v.code, v.reason)
	}
}
