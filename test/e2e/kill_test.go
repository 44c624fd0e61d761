package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"steno/lab"
	"steno/lab/measure"
)

// killed is a recording in whose middle something was killed.
type killed struct {
	*house
	m    *lab.Meeting
	id   string
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
	return k
}

func (k *killed) kill(pid int) {
	k.t.Helper()
	k.at = time.Now().UnixMicro()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		k.t.Fatal(err)
	}
}

// finish ends the meeting and measures what was recorded but for the gap.
func (k *killed) finish() *measure.Report {
	k.t.Helper()
	if err := k.m.WaitAllSaid(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
	k.m.End()
	d := k.final(k.id, "bot.completed")
	r, err := measure.Measure(k.t.Context(), k.download(d, k.seen.epoch()), k.m.Truth(), measure.Options{})
	if err != nil {
		k.t.Fatal(err)
	}
	wantNames(k.t, d)
	wantStatuses(k.t, k.heard(k.id), "queued", "joining_call", "in_call_not_recording", "in_call_recording", "call_ended", "recording_succeeded", "completed")
	if r.Speakers == nil || r.Speakers.Confusion > 0 {
		k.t.Errorf("speakers: %+v, want no confusion", r.Speakers)
	}
	if r.Video == nil || r.Video.AV == nil || r.Video.AV.MaxMS > 80 {
		k.t.Errorf("picture after the kill: %+v", r.Video)
	}
	return r
}

// wantGap checks that what was recorded until the kill is there, and that the
// absence is marked as one.
func (k *killed) wantGap(r *measure.Report) {
	k.t.Helper()
	gaps := k.seen.gaps()
	if len(gaps) != 1 {
		k.t.Fatalf("%d gaps are marked, want one: %+v", len(gaps), gaps)
	}
	tail := time.Duration(k.at-gaps[0].From) * time.Microsecond
	away := time.Duration(gaps[0].To-gaps[0].From) * time.Microsecond
	if tail > 4*time.Second {
		k.t.Errorf("%v recorded before the kill are lost, want at most 4 s", tail)
	}
	if lost := r.Mix.LostS; lost > away.Seconds()+1 {
		k.t.Errorf("%.1f s of speech are lost although the bot was away for %v", lost, away)
	}
	k.t.Logf("lost before the kill %v; away for %v in all; %.1f of %.1f s of speech lost", tail, away, r.Mix.LostS, r.Mix.SpeechS)
}

// Proves R1 through the whole system: kill -9 of the bot in mid-recording.
func TestKilledBotComesBackIntoTheSameRecording(t *testing.T) {
	t.Parallel()
	k := record(t)
	pid, err := k.BotPID(k.id)
	if err != nil {
		t.Fatal(err)
	}
	k.kill(pid)
	k.wantGap(k.finish())
}

// Proves R5 through the whole system: kill -9 of the browser in mid-recording.
func TestKilledBrowserIsReplacedInTheSameRecording(t *testing.T) {
	t.Parallel()
	k := record(t)
	pid, err := k.BotPID(k.id)
	if err != nil {
		t.Fatal(err)
	}
	k.kill(browserOf(t, pid))
	k.wantGap(k.finish())
}

// Proves R2 through the whole system: kill -9 of the server in mid-recording;
// the bot goes on, and the next server takes it over.
func TestKilledServerLosesNothing(t *testing.T) {
	t.Parallel()
	k := record(t)
	pid, err := k.BotPID(k.id)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := k.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again, err := k.BotPID(k.id); err != nil || again != pid {
		t.Errorf("the bot's process is %d after the restart, it was %d: %v", again, pid, err)
	}
	r := k.finish()
	if gaps := k.seen.gaps(); len(gaps) != 0 {
		t.Errorf("the recording has gaps: %+v", gaps)
	}
	if r.Mix.LostS > 0.2 {
		t.Errorf("%.1f s of speech are lost", r.Mix.LostS)
	}
}

// browserOf finds the browser among a bot's children.
func browserOf(t *testing.T, bot int) int {
	t.Helper()
	tasks, err := filepath.Glob("/proc/" + strconv.Itoa(bot) + "/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		list, err := os.ReadFile(task)
		if err != nil {
			continue
		}
		for _, child := range strings.Fields(string(list)) {
			if cmd, err := os.ReadFile("/proc/" + child + "/cmdline"); err == nil && strings.Contains(string(cmd), "--remote-debugging-pipe") {
				pid, err := strconv.Atoi(child)
				if err != nil {
					t.Fatal(err)
				}
				return pid
			}
		}
	}
	t.Fatalf("process %d has no browser", bot)
	return 0
}
