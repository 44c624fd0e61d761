package session

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/browser"
	"steno/internal/platform"
	"steno/internal/record/journal"
)

// fate is how a bot ended.
func (w *world) fate() (end journal.End, done journal.Done) {
	w.t.Helper()
	for _, e := range w.entries() {
		if e.End != nil {
			end = *e.End
		}
		if e.Done != nil {
			done = *e.Done
		}
	}
	if done.Status == "" {
		w.t.Fatalf("no Done entry: %s", w.story())
	}
	return end, done
}

func (w *world) wantStates(want ...bot.Status) {
	w.t.Helper()
	if got := states(w.entries()); !slices.Equal(got, want) {
		w.t.Errorf("states %v, want %v", got, want)
	}
}

func (w *world) wantDone(status bot.Status, code bot.EndCode) {
	w.t.Helper()
	if _, done := w.fate(); done.Status != status || done.Code != code {
		w.t.Errorf("done %+v, want %s %s", done, status, code)
	}
}

func TestBotRecordsUntilItIsToldToLeave(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *bot.Spec) { s.EntryMessage = "I record." })
	w.show(platform.Observation{Stage: platform.StageLobby})
	p := w.start()
	w.untilState(bot.InWaitingRoom)
	scene := inCall("me")
	scene.Bindings = []platform.Binding{{MediaID: "m1", Person: "p1"}}
	scene.Messages = []platform.Message{{ID: "c1", Sender: "Ann", Text: "hello"}}
	scene.Speaking = []string{"p1"}
	w.show(scene)
	w.untilState(bot.Recording)
	if _, err := Tell(t.Context(), w.folder, Request{Command: "leave", From: "api"}); err != nil {
		t.Fatal(err)
	}
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	w.wantStates(bot.JoiningCall, bot.InWaitingRoom, bot.InCall, bot.Recording, bot.APIRequestStop, bot.CallEnded, bot.RecordingDone)
	w.wantDone(bot.Completed, bot.EndAPIRequest)
	if !slices.Equal(w.said, []string{"I record."}) || w.left != 1 {
		t.Errorf("said %q, left %d times", w.said, w.left)
	}
	count := map[string]int{}
	for _, e := range w.entries() {
		switch {
		case e.Person != nil:
			count["person"]++
		case e.Bind != nil:
			count["bind"]++
		case e.Speech != nil:
			count["speech"]++
		case e.Chat != nil:
			count["chat"]++
		case e.Artifact != nil:
			count["artifact"]++
		case e.Result != nil:
			count["result"]++
		}
	}
	// Each once, though the page showed them at every look.
	want := map[string]int{"person": 3, "bind": 1, "speech": 1, "chat": 1, "artifact": 1, "result": 1}
	if fmt.Sprint(count) != fmt.Sprint(want) {
		t.Errorf("entries %v, want %v", count, want)
	}
}

func TestBotThatIsNotWanted(t *testing.T) {
	ended := func(code bot.EndCode) platform.Observation {
		return platform.Observation{Stage: platform.StageEnded, Code: code, Reason: "seen"}
	}
	cases := []struct {
		name   string
		scene  platform.Observation
		enter  error
		change func(*bot.Spec)
		code   bot.EndCode
		signal bot.Status
	}{
		{"denied", ended(bot.EndNotAccepted), nil, nil, bot.EndNotAccepted, bot.BotRejected},
		{"never admitted", platform.Observation{Stage: platform.StageLobby}, nil,
			func(s *bot.Spec) { s.Timeouts.WaitingRoom = 100 * time.Millisecond }, bot.EndTimeoutWaiting, bot.WaitingRoomTimeout},
		{"no such meeting", platform.Observation{}, &platform.Refusal{Code: bot.EndCannotJoin, Reason: "no such meeting"},
			nil, bot.EndCannotJoin, bot.MeetingError},
		{"sign-in wanted", platform.Observation{}, &platform.Refusal{Code: bot.EndLoginRequired, Reason: "sign in"},
			nil, bot.EndLoginRequired, bot.MeetingError},
		{"removed from the lobby", ended(bot.EndRemoved), nil, nil, bot.EndRemovedTooEarly, bot.BotRemovedTooEarly},
		{"meeting over before it began", ended(bot.EndMeetingEnded), nil, nil, bot.EndExitBeforeRecord, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.change)
			w.show(c.scene)
			w.enter = c.enter
			if err := w.start().wait(); err != nil {
				t.Fatal(err)
			}
			w.wantDone(bot.Failed, c.code)
			got := states(w.entries())
			if got[len(got)-1] != bot.RecordingFailed || c.signal != "" && !slices.Contains(got, c.signal) {
				t.Errorf("states %v, want %s and then recording_failed", got, c.signal)
			}
			if slices.Contains(got, bot.CallEnded) {
				t.Errorf("call_ended without a call: %v", got)
			}
			for _, kind := range []string{"end.json", "page.png", "page.html"} {
				if found, _ := filepath.Glob(filepath.Join(w.folder, EvidenceDir, "*-"+kind)); len(found) != 1 {
					t.Errorf("evidence %s: %v", kind, found)
				}
			}
		})
	}
}

func TestLeaveBeforeRecordingIsAFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.show(platform.Observation{Stage: platform.StageLobby})
	p := w.start()
	w.untilState(bot.InWaitingRoom)
	p.leave <- "terminal"
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	w.wantDone(bot.Failed, bot.EndExitBeforeRecord)
	w.wantStates(bot.JoiningCall, bot.InWaitingRoom, bot.APIRequestStop, bot.RecordingFailed)
}

// Proves the part of R5 that is the session's: whatever happens to the
// browser, the bot is back and the gap is known.
func TestBrowserTroubleIsAGapNotAnEnd(t *testing.T) {
	cases := []struct {
		name    string
		trouble func(w *world)
		reason  string
	}{
		{"browser killed", func(w *world) { w.browser.die() }, "browser_died"},
		{"renderer crashed", func(w *world) { close(w.browser.crashed) }, "browser_died"},
		{"page hangs", func(w *world) { w.browser.hang() }, "page_frozen"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(s *bot.Spec) { s.EntryMessage = "I record." })
			w.show(inCall("me"))
			p := w.start()
			w.untilState(bot.Recording)
			w.set(func() { c.trouble(w); w.scene = inCall("me again") })
			entries := w.until("gap", func(e []journal.Entry) bool { return len(gaps(e)) > 0 })
			if g := gaps(entries)[0]; g.Reason != c.reason || g.To <= g.From {
				t.Errorf("gap %+v, want reason %s", g, c.reason)
			}
			w.show(platform.Observation{Stage: platform.StageEnded, Code: bot.EndMeetingEnded})
			if err := p.wait(); err != nil {
				t.Fatal(err)
			}
			w.wantDone(bot.Completed, bot.EndMeetingEnded)
			w.wantStates(bot.JoiningCall, bot.InCall, bot.Recording, bot.CallEnded, bot.RecordingDone)
			if len(w.said) != 1 {
				t.Errorf("the entry message was posted %d times", len(w.said))
			}
		})
	}
}

func TestLostConnectionIsRejoined(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.show(inCall("me"))
	p := w.start()
	w.untilState(bot.Recording)
	noted := func(text string) {
		w.until("note", func(e []journal.Entry) bool {
			return slices.ContainsFunc(e, func(e journal.Entry) bool { return e.Note != nil && strings.Contains(e.Note.Text, text) })
		})
	}
	w.show(platform.Observation{Stage: platform.StageEnded, Code: bot.EndUnknown, Reason: "socket closed"})
	noted("socket closed")
	w.show(inCall("me"))
	entries := w.until("gap", func(e []journal.Entry) bool { return len(gaps(e)) == 1 && gaps(e)[0].Reason == "reconnect" })
	w.set(func() {
		if from := gaps(entries)[0].From; from != w.closed[0].UnixMicro() {
			t.Errorf("the gap begins %d µs before the last frame", w.closed[0].UnixMicro()-from)
		}
	})
	// The page still shows the call, but nothing can come any more.
	w.set(func() { w.browser.sever() })
	noted("no connection that could carry them")
	w.until("another gap", func(e []journal.Entry) bool { return len(gaps(e)) == 2 && gaps(e)[1].Reason == "reconnect" })
	p.leave <- "terminal"
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	w.wantDone(bot.Completed, bot.EndAPIRequest)
}

// Audio that stops while the page shows people speaking is a loss; a page whose
// word is wrong about it is believed a few times only. Silence is none.
func TestAudioThatStops(t *testing.T) {
	cases := []struct {
		name     string
		speaking []string
		gaps     int
	}{
		{"people are shown speaking", []string{"p1"}, muteTries},
		{"the bot itself is shown speaking", []string{"me"}, 0},
		{"nobody is shown speaking", []string{}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.limits.Tries = 10
			scene := inCall("me")
			scene.Speaking = c.speaking
			w.show(scene)
			p := w.start()
			w.untilState(bot.Recording)
			w.set(func() { w.hushed = time.Now().Add(-time.Minute) })
			w.until("gaps", func(e []journal.Entry) bool { return len(gaps(e)) >= c.gaps })
			looks := func() (n int) { w.set(func() { n = w.looks }); return n }
			for from := looks(); looks() < from+5*muteLooks; time.Sleep(5 * time.Millisecond) {
				if t.Context().Err() != nil {
					t.Fatal("the bot looks no more")
				}
			}
			p.leave <- "terminal"
			if err := p.wait(); err != nil {
				t.Fatal(err)
			}
			w.wantDone(bot.Completed, bot.EndAPIRequest)
			if list := gaps(w.entries()); len(list) != c.gaps {
				t.Errorf("gaps %+v, want %d", list, c.gaps)
			}
		})
	}
}

// That the audio of one person stops while that of others comes is noted, and that
// it comes again; the bot stays.
func TestAudioOfOneThatStaysAwayIsNoted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	scene := inCall("me")
	scene.Bindings = []platform.Binding{{MediaID: "m1", Person: "p1"}}
	w.show(scene)
	p := w.start()
	w.untilState(bot.Recording)
	notes := func(e []journal.Entry) (texts string) {
		for _, e := range e {
			if e.Note != nil {
				texts += e.Note.Text + "\n"
			}
		}
		return texts
	}
	looks := func() (n int) { w.set(func() { n = w.looks }); return n }
	w.set(func() { w.track = time.Now().Add(-time.Minute) })
	for from := looks(); looks() < from+5*muteLooks; time.Sleep(5 * time.Millisecond) { // Ann is not shown speaking
		if t.Context().Err() != nil {
			t.Fatal("the bot looks no more")
		}
	}
	if said := notes(w.entries()); said != "" {
		t.Errorf("noted of one who is silent: %s", said)
	}
	scene.Speaking = []string{"p1"}
	w.show(scene)
	w.until("note", func(e []journal.Entry) bool {
		return strings.Contains(notes(e), "Ann is shown speaking, but no audio of theirs came for 1m")
	})
	w.set(func() { w.track = time.Now() })
	w.until("another note", func(e []journal.Entry) bool { return strings.Contains(notes(e), "the audio of Ann comes again") })
	p.leave <- "terminal"
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	w.wantDone(bot.Completed, bot.EndAPIRequest)
	if said := notes(w.entries()); strings.Count(said, "\n") != 2 || len(gaps(w.entries())) > 0 {
		t.Errorf("notes %s, gaps %+v", said, gaps(w.entries()))
	}
}

func TestRecordingIsKeptWhenThereIsNoWayBack(t *testing.T) {
	cases := []struct {
		name  string
		after func(w *world)
		code  bot.EndCode
	}{
		{"refused", func(w *world) { w.enter = &platform.Refusal{Code: bot.EndNotAccepted, Reason: "no"} }, bot.EndNotAccepted},
		{"not let in", func(w *world) { w.scene = platform.Observation{Stage: platform.StageLobby} }, bot.EndInternalError},
		{"no page", func(w *world) { w.enter = errors.New("navigate: connection refused") }, bot.EndInternalError},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.limits.Rejoin = 500 * time.Millisecond
			w.show(inCall("me"))
			p := w.start()
			w.untilState(bot.Recording)
			w.set(func() { c.after(w); w.browser.die() })
			if err := p.wait(); err != nil {
				t.Fatal(err)
			}
			w.wantDone(bot.Completed, c.code)
			if slices.Contains(states(w.entries()), bot.BotRejected) {
				t.Error("a bot that recorded is announced as rejected")
			}
		})
	}
}

// Proves R1 and R2 as far as the journal goes: a new process goes on where the
// old one died.
func TestNewProcessGoesOnWithTheFolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *bot.Spec) { s.EntryMessage = "I record." })
	w.show(inCall("me"))
	p := w.start()
	w.untilState(bot.Recording)
	p.stop() // as good as dead: nothing is written after this
	if err := p.wait(); err == nil {
		t.Fatal("a bot that was stopped dead says that it ended well")
	}
	w.show(inCall("me in another life"))
	p = w.start()
	entries := w.until("gap", func(e []journal.Entry) bool { return len(gaps(e)) == 1 })
	if g := gaps(entries)[0]; g.Reason != "bot_died" {
		t.Errorf("gap %+v", g)
	}
	p.leave <- "terminal"
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	w.wantStates(bot.JoiningCall, bot.InCall, bot.Recording, bot.APIRequestStop, bot.CallEnded, bot.RecordingDone)
	w.wantDone(bot.Completed, bot.EndAPIRequest)
	if len(w.said) != 1 {
		t.Errorf("the entry message was posted %d times", len(w.said))
	}
	sessions, epochs := 0, 0
	for _, e := range w.entries() {
		if e.Session != nil {
			sessions = e.Session.N
		}
		if e.Epoch != nil {
			epochs++
		}
	}
	if sessions != 2 || epochs != 1 {
		t.Errorf("%d sessions and %d epochs, want 2 and 1", sessions, epochs)
	}
}

func TestOnlyOneProcessWorksOnAFolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.show(inCall("me"))
	p := w.start()
	w.untilState(bot.Recording)
	if err := w.start().wait(); !errors.Is(err, ErrBusy) {
		t.Errorf("second process: %v, want ErrBusy", err)
	}
	if !Alive(w.folder) || ReadPID(w.folder) != os.Getpid() {
		t.Error("the first process does not count as alive")
	}
	p.leave <- "terminal"
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	if Alive(w.folder) {
		t.Error("alive after its end")
	}
	if err := w.start().wait(); err != nil {
		t.Errorf("run again on a folder that is done: %v", err)
	}
}

func TestFinaliseDoesNotGoToTheMeeting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.show(inCall("me"))
	p := w.start()
	w.untilState(bot.Recording)
	p.stop()
	_ = p.wait()
	opened := w.opened
	err := Run(t.Context(), Options{Folder: w.folder, Finalise: true, Tools: w.tools, Limits: w.limits, Clock: system, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if w.opened != opened {
		t.Error("a browser was opened to finalise")
	}
	w.wantDone(bot.Completed, bot.EndInternalError)
}

func TestNoBrowserIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.noOpen = fmt.Errorf("%w: install one", browser.ErrNoBrowser)
	if err := w.start().wait(); err != nil {
		t.Fatal(err)
	}
	w.wantDone(bot.Failed, bot.EndInternalError)
	if end, _ := w.fate(); !strings.Contains(end.Message, "install one") || w.opened != 1 {
		t.Errorf("end %+v after %d tries; want the reason after one", end, w.opened)
	}
}

// Proves R3 as far as the session decides it.
func TestFullDiskEndsTheRecordingAndKeepsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.show(inCall("me"))
	p := w.start()
	w.untilState(bot.Recording)
	w.set(func() { w.full = true })
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	w.wantDone(bot.Completed, bot.EndDiskFull)
}

func TestComposerIsStartedAgain(t *testing.T) {
	cases := []struct {
		dies   string
		status bot.Status
		code   bot.EndCode
	}{
		{"xx", bot.Completed, bot.EndMeetingEnded},
		{"xxxxxxx", bot.Failed, bot.EndInternalError},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("dies %d times", len(c.dies)), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.tools.Composer = w.composer(c.dies)
			w.show(inCall("me"))
			p := w.start()
			w.untilState(bot.Recording)
			w.show(platform.Observation{Stage: platform.StageEnded, Code: bot.EndMeetingEnded})
			if err := p.wait(); err != nil {
				t.Fatal(err)
			}
			w.wantDone(c.status, c.code)
		})
	}
}

func TestControlSocketInADeepFolder(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), strings.Repeat("deep/", 40))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	c, err := listen(folder, func(r Request) Reply { return Reply{OK: r.Command == "status", Error: "no"} }, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Tell(t.Context(), folder, Request{Command: "status"}); err != nil {
		t.Error(err)
	}
	if _, err := Tell(t.Context(), folder, Request{Command: "dance"}); err == nil {
		t.Error("an unknown command is fine")
	}
	c.stop()
	if _, err := Tell(t.Context(), folder, Request{Command: "status"}); err == nil {
		t.Error("a stopped socket answers")
	}
}

// An end that the page told is kept with what it rests on, also when all is
// well: who asks why the bot left finds it in the folder.
func TestEndThatThePageToldIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.show(platform.Observation{Stage: platform.StageInCall, Roster: []platform.Person{{ID: "1", Name: "Ada"}}})
	p := w.start()
	w.untilState(bot.Recording)
	w.show(platform.Observation{Stage: platform.StageEnded, Code: bot.EndRemoved, Reason: "the page says: removed", Signals: []string{"heading: removed", "the call is not to be seen"}})
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	w.wantDone(bot.Completed, bot.EndRemoved)
	found, _ := filepath.Glob(filepath.Join(w.folder, EvidenceDir, "*-end.json"))
	if len(found) != 1 {
		t.Fatalf("evidence %v", found)
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"BOT_REMOVED"`, `"heading: removed"`, `"stated_by_page": true`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %s:\n%s", found[0], want, text)
		}
	}
}
