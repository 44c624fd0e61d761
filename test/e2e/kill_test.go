package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/lab"
	"steno/lab/measure"
	"steno/test/internal/words"
)

// killed is a recording in whose middle something was killed.
type killed struct {
	*house
	m    *lab.Meeting
	id   string
	bot  int // process id
	seen *watched
	at   int64 // Unix microseconds of the kill
}

// record starts a bot in a meeting of about 25 s and returns in its middle.
func record(t *testing.T) *killed {
	t.Helper()
	k := &killed{house: open(t)}
	sc := lab.Conversation("abc-defg-hij", 3, 25*time.Second)
	for i := range sc.People {
		sc.People[i].DTX = false
	}
	k.m = k.meet(sc)
	k.id = k.send(k.m, nil)
	k.seen = k.watch(k.id)
	k.eventually("ten seconds of recording", time.Minute, func() bool {
		e := k.seen.epoch()
		return e > 0 && time.Now().UnixMicro() > e+10e6
	})
	k.bot = k.botPID()
	return k
}

func (k *killed) botPID() int {
	k.t.Helper()
	pid, err := k.BotPID(k.id)
	if err != nil {
		k.t.Fatal(err)
	}
	return pid
}

func (k *killed) kill(pid int) {
	k.t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		k.t.Fatal(err)
	}
}

// Proves R1, R2 and R5 through the whole system: kill -9 of each process in
// mid-recording. The supervisor is a part of the server's process, and dies with
// it; the next server takes over bots of the last one.
func TestKilledInMidRecording(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what string
		kill func(k *killed)
		away bool // the bot is away from the meeting for a while
	}{
		{"bot", func(k *killed) { k.kill(k.bot) }, true},
		{"browser", func(k *killed) { k.kill(k.child("--remote-debugging-pipe")) }, true},
		{"composer", func(k *killed) { k.kill(k.child("compose")) }, false},
		{"server with its supervisor", func(k *killed) {
			if err := k.Kill(); err != nil {
				k.t.Fatal(err)
			}
			if err := k.Start(k.t.Context()); err != nil {
				k.t.Fatal(err)
			}
		}, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			k := record(t)
			k.at = time.Now().UnixMicro()
			c.kill(k)
			k.finish(c.away)
			if again := k.seen.process(); !c.away && again != k.bot {
				t.Errorf("the bot's process was %d and became %d", k.bot, again)
			}
		})
	}
}

// finish ends the meeting and holds what was recorded against the truth.
func (k *killed) finish(away bool) {
	t := k.t
	t.Helper()
	if err := k.m.WaitAllSaid(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.m.End()
	d := k.final(k.id, "bot.completed") // once
	wantNames(t, d)
	wantStatuses(t, k.heard(k.id), "queued", "joining_call", "in_call_not_recording", "in_call_recording", "call_ended", "recording_succeeded", "completed")
	if code := k.seen.end(); code != bot.EndMeetingEnded || d.ErrorCode != nil {
		t.Errorf("the bot ended with %q, error %v", code, d.ErrorCode)
	}
	rec := k.download(d, k.seen.epoch())
	whole, err := measure.Measure(t.Context(), rec, k.m.Truth(), measure.Options{})
	if err != nil {
		t.Fatal(err)
	}
	before, err := measure.Measure(t.Context(), measure.Recording{EpochUS: rec.EpochUS, Audio: rec.Audio}, k.m.Truth(), measure.Options{ToUS: k.at})
	if err != nil {
		t.Fatal(err)
	}
	if s := whole.Speakers; s == nil || s.Confusion > 0 {
		t.Errorf("speakers: %+v, want no confusion", s)
	}
	if v := whole.Video; v == nil || v.AV == nil || v.AV.MaxMS > 80 {
		t.Errorf("picture after the kill: %+v", v)
	}
	if lost := before.Mix.LostS; lost > 4 || before.Mix.Found == 0 {
		t.Errorf("%.1f s of what was said before the kill are lost, want at most 4 s: %+v", lost, before.Mix)
	}
	said := words.Check(t, words.Recording{Folder: filepath.Join(k.data, "objects", k.id), Truth: k.m.Truth(),
		Stretches: words.Stretches(k.seen.all(), rec.EpochUS, k.m.Truth().EndUS)})
	t.Logf("transcribed: %v", said)
	gaps := k.seen.gaps()
	if !away {
		if len(gaps) != 0 || whole.Mix.LostS > 0.2 {
			t.Errorf("gaps %+v, %.1f s of speech are lost; want none", gaps, whole.Mix.LostS)
		}
		return
	}
	if len(gaps) != 1 {
		t.Fatalf("%d gaps are marked, want one: %+v", len(gaps), gaps)
	}
	tail, missed := time.Duration(k.at-gaps[0].From)*time.Microsecond, time.Duration(gaps[0].To-gaps[0].From)*time.Microsecond
	if tail > 4*time.Second {
		t.Errorf("%v recorded before the kill are lost, want at most 4 s", tail)
	}
	if lost := whole.Mix.LostS; lost > missed.Seconds()+1 {
		t.Errorf("%.1f s of speech are lost although the bot was away for %v", lost, missed)
	}
	t.Logf("lost before the kill %v, of speech %.2f s; away for %v in all; %.1f of %.1f s of speech lost",
		tail, before.Mix.LostS, missed, whole.Mix.LostS, whole.Mix.SpeechS)
}

// end is the code of a bot's End entry.
func (w *watched) end() (code bot.EndCode) {
	for _, e := range w.all() {
		if e.End != nil {
			code = e.End.Code
		}
	}
	return code
}

// process is the last process that worked on a bot's folder.
func (w *watched) process() (pid int) {
	for _, e := range w.all() {
		if e.Session != nil {
			pid = e.Session.PID
		}
	}
	return pid
}

// child finds the child of the bot in whose command line an argument stands.
func (k *killed) child(argument string) int {
	k.t.Helper()
	tasks, err := filepath.Glob("/proc/" + strconv.Itoa(k.bot) + "/task/*/children")
	if err != nil {
		k.t.Fatal(err)
	}
	for _, task := range tasks {
		list, err := os.ReadFile(task)
		if err != nil {
			continue
		}
		for _, child := range strings.Fields(string(list)) {
			if cmd, err := os.ReadFile("/proc/" + child + "/cmdline"); err == nil && strings.Contains(string(cmd), "\x00"+argument+"\x00") {
				pid, err := strconv.Atoi(child)
				if err != nil {
					k.t.Fatal(err)
				}
				return pid
			}
		}
	}
	k.t.Fatalf("the bot's process %d has no child %s", k.bot, argument)
	return 0
}
