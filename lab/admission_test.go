package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func alone(door Door) Scenario {
	return Scenario{Code: "abc-defg-hij", Door: door, People: []Participant{{Name: "Ada", NoCam: true}}}
}

func TestWaysOut(t *testing.T) {
	ms := func(n int) Duration { return Duration(time.Duration(n) * time.Millisecond) }
	with := func(sc Scenario, change func(*Scenario)) Scenario { change(&sc); return sc }
	for _, c := range []struct {
		name string
		sc   Scenario
		do   func(*testing.T, *Meeting, *visitor)
		why  string
	}{
		{"denied by the host", alone(DoorManual), func(t *testing.T, m *Meeting, v *visitor) { <-v.lobby; must(t, m.Deny("")) }, "denied"},
		{"denied by the script", with(alone(DoorDeny), func(s *Scenario) { s.Wait = ms(50) }), nil, "denied"},
		{"nobody answers", with(alone(DoorManual), func(s *Scenario) { s.NoResponse = ms(50) }), nil, "no_response"},
		{"blocked", alone(DoorBlocked), nil, "blocked"},
		{"removed by the script", with(alone(DoorOpen), func(s *Scenario) { s.Events = []Event{{Do: "remove", At: ms(100)}} }), nil, "removed"},
		{"ended by the script", with(alone(DoorAuto), func(s *Scenario) { s.Events = []Event{{Do: "end", At: ms(100)}} }), nil, "ended"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, ctx := startLab(t, c.sc)
			v := visit(t, m, "Bot", false)
			if c.do != nil {
				c.do(t, m, v)
			}
			if why := <-v.out; why != c.why {
				t.Errorf("out because %q, want %q", why, c.why)
			}
			if _, err := m.WaitGone(ctx, 1); err != nil {
				t.Fatal(err)
			}
			if g := m.Truth().Guests[0]; g.Why != c.why || g.OutUS == 0 || g.KnockUS == 0 {
				t.Errorf("truth of the guest: %+v", g)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAdmitOneOfTwo(t *testing.T) {
	t.Parallel()
	m, ctx := startLab(t, alone(DoorManual))
	visit(t, m, "One", false)
	visit(t, m, "Two", false)
	waiting, err := m.WaitWaiting(ctx, 2)
	must(t, err)
	must(t, m.Admit(waiting[1].ID))
	in, err := m.WaitInCall(ctx, 1)
	must(t, err)
	if s := m.State(); len(s.Waiting) != 1 || in[0].Name != waiting[1].Name {
		t.Errorf("state: %+v", s)
	}
}

// A page that goes away without a word is noticed at once.
func TestGuestThatVanishesIsGone(t *testing.T) {
	t.Parallel()
	m, ctx := startLab(t, alone(DoorOpen))
	v := visit(t, m, "Bot", false)
	_, err := m.WaitInCall(ctx, 1)
	must(t, err)
	v.conn.CloseNow()
	_, err = m.WaitGone(ctx, 1)
	must(t, err)
	if why := m.Truth().Guests[0].Why; why != "gone" {
		t.Errorf("why: %q", why)
	}
}

func TestActionsOnNobodyFail(t *testing.T) {
	t.Parallel()
	m, _ := startLab(t, alone(DoorManual))
	for name, err := range map[string]error{
		"admit": m.Admit(""), "deny": m.Deny("x"), "remove": m.Remove(""), "crash": m.CrashPage("", Crash), "say": m.Say("Nobody", "beep"),
	} {
		if err == nil {
			t.Errorf("%s worked on nobody", name)
		}
	}
}

func TestScenarioFile(t *testing.T) {
	t.Parallel()
	sc, err := ParseScenario([]byte(`
code: abc-defg-hij
door: auto
wait: 1.5s
people:
  - {name: Ada}
  - {name: Ben, dtx: true, leave: 20s}
turns:
  - {who: Ada, clip: ada-1, at: 2s}
  - {who: Ben, clip: ben-1, pause: -500ms}
events:
  - {at: 30s, do: end}
`))
	must(t, err)
	cues, length, err := sc.cues()
	must(t, err)
	ada, ben := cues["Ada"][0], cues["Ben"][0]
	if end := ada.at + clipLength(ada.clip); ada.at != 2*time.Second || ben.at != end-500*time.Millisecond || length != ben.at+clipLength(ben.clip) {
		t.Errorf("Ada at %v, Ben at %v, length %v", ada.at, ben.at, length)
	}
	if sc.People[1].Camera != 2 || time.Duration(sc.Wait) != 1500*time.Millisecond {
		t.Errorf("scenario: %+v", sc)
	}
}

func TestBadScenariosAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"code: nonsense":                                                            "not like",
		"code: abc-defg-hij\ndoor: ajar":                                            "unknown door",
		"code: abc-defg-hij\npersons: []":                                           "persons",
		"code: abc-defg-hij\nwait: soon":                                            "soon",
		"code: abc-defg-hij\npeople: [{name: A}, {name: A}]":                        "twice",
		"code: abc-defg-hij\nturns: [{who: A, clip: beep}]":                         "nobody is called",
		"code: abc-defg-hij\npeople: [{name: A}]\nturns: [{who: A, clip: silence}]": "no clip",
		"code: abc-defg-hij\nevents: [{do: explode}]":                               "explode",
		"code: abc-defg-hij\nbegin: never":                                          "begin",
	} {
		if _, err := ParseScenario([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", text, err, want)
		}
	}
}

func TestNobodySpeaksOverHimself(t *testing.T) {
	t.Parallel()
	sc := Scenario{Code: "abc-defg-hij", People: []Participant{{Name: "Ada"}}, Turns: []Turn{
		{Who: "Ada", Clip: "ada-1"}, {Who: "Ada", Clip: "ada-2", Pause: Duration(-time.Second)},
	}}
	if _, _, err := sc.cues(); err == nil {
		t.Error("no error")
	}
}

// The example files must stay valid.
func TestExampleScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("scenarios/*.yaml")
	must(t, err)
	if len(files) == 0 {
		t.Fatal("no example")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		must(t, err)
		sc, err := ParseScenario(data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if _, _, err := sc.cues(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
