package runtime

import (
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/record/journal"
	"steno/internal/runtime/runtimetest"
	"steno/internal/runtime/session"
)

var firstLook atomic.Bool // of the process that plays the bot

// server is a supervisor with its surroundings.
type server struct {
	t     *testing.T
	data  string
	book  *runtimetest.Book
	shelf *shelf
	opt   Options
	s     *Supervisor
}

func newServer(t *testing.T) *server {
	data := t.TempDir()
	v := &server{t: t, data: data, book: &runtimetest.Book{}, shelf: &shelf{}}
	v.opt = Options{
		Data: data, Program: os.Args[0], Ledger: v.book, Objects: v.shelf, Clock: clock.System{},
		Log: slog.New(slog.DiscardHandler), MinFree: 1, RetryDisk: 50 * time.Millisecond,
	}
	t.Cleanup(v.killBots)
	return v
}

// killBots ends, by pid, the bot processes that a failed test left.
func (v *server) killBots() {
	if v.s != nil {
		v.s.Stop()
	}
	dirs, _ := filepath.Glob(filepath.Join(v.data, botsDir, "*"))
	for _, dir := range dirs {
		if p, err := adopt(v.t.Context(), dir); err == nil && p != nil {
			p.kill()
		}
	}
}

func (v *server) start() {
	v.t.Helper()
	v.s = New(v.opt)
	if err := v.s.Start(v.t.Context()); err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(v.s.Stop)
}

func (v *server) launch(id, behaviour string) {
	v.t.Helper()
	if err := v.s.Launch(v.t.Context(), spec(id, behaviour)); err != nil {
		v.t.Fatal(err)
	}
}

func (v *server) until(what string, ok func() bool) {
	v.t.Helper()
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	log, _ := filepath.Glob(filepath.Join(v.data, "*", "*", botLog))
	for _, f := range log {
		b, _ := os.ReadFile(f)
		v.t.Logf("%s:\n%s", f, b)
	}
	v.t.Fatalf("never: %s; the book says %+v", what, v.book.Life("b1"))
}

func (v *server) untilState(id string, state bot.Status) {
	v.t.Helper()
	v.until(string(state), func() bool { return slices.Contains(v.book.Life(id).States, state) })
}

func (v *server) untilGone(id string) {
	v.t.Helper()
	v.until("bot is gone", func() bool { return !slices.Contains(v.s.Running(), id) })
}

func (v *server) folder(id string) string { return filepath.Join(v.data, botsDir, id) }

// recordedOnce checks that the book tells one whole life, nothing twice.
func (v *server) recordedOnce(id string, code bot.EndCode) {
	v.t.Helper()
	l := v.book.Life(id)
	want := []bot.Status{bot.JoiningCall, bot.InCall, bot.Recording, bot.APIRequestStop, bot.CallEnded, bot.RecordingDone}
	if code != bot.EndAPIRequest {
		want = slices.DeleteFunc(want, func(s bot.Status) bool { return s == bot.APIRequestStop })
	}
	if !slices.Equal(l.States, want) {
		v.t.Errorf("states %v, want %v", l.States, want)
	}
	if len(l.Dones) != 1 || l.Dones[0].Status != bot.Completed || l.Dones[0].Code != code {
		v.t.Errorf("done %+v, want completed with %s, once", l.Dones, code)
	}
	if len(l.Artifacts) != 1 || l.Artifacts[0].Key != id+"/audio.flac" || l.Artifacts[0].Bytes != 5 {
		v.t.Errorf("artifacts %+v", l.Artifacts)
	}
	if len(l.People) != 1 || l.People[0] != (bot.Participant{N: 1, Name: "Ann"}) {
		v.t.Errorf("people %+v", l.People)
	}
	if _, err := os.Stat(v.folder(id)); !errors.Is(err, os.ErrNotExist) {
		v.t.Errorf("the bot's folder is still there: %v", err)
	}
}

func TestBotFromLaunchToDone(t *testing.T) {
	t.Parallel()
	v := newServer(t)
	v.shelf.down = 3
	v.book.Break(2) // nothing is lost while storage and database are down (R4)
	v.start()
	v.launch("b1", "stays")
	v.launch("b1", "stays") // a repeated job
	v.untilState("b1", bot.Recording)
	v.book.Wish("b1")
	v.s.Nudge("b1")
	v.untilGone("b1")
	v.recordedOnce("b1", bot.EndAPIRequest)
}

// Proves R2 for a server that is restarted.
func TestNewSupervisorAdoptsLivingBots(t *testing.T) {
	t.Parallel()
	v := newServer(t)
	v.start()
	v.launch("b1", "stays")
	v.untilState("b1", bot.Recording)
	pid := session.ReadPID(v.folder("b1"))
	v.s.Stop()
	v.s.Stop()
	if !session.Alive(v.folder("b1")) {
		t.Fatal("the bot died with its supervisor")
	}
	v.start()
	v.book.Wish("b1")
	v.untilGone("b1")
	v.recordedOnce("b1", bot.EndAPIRequest)
	if now := session.ReadPID(v.folder("b1")); now != 0 && now != pid {
		t.Errorf("the bot's process changed from %d to %d", pid, now)
	}
}

// Proves R2 for a server that is killed.
func TestKilledServerLosesNothing(t *testing.T) {
	t.Parallel()
	v := newServer(t)
	v.book.Path = filepath.Join(v.data, "book")
	server := exec.Command(os.Args[0], "supervise", v.data)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	v.untilState("b1", bot.Recording)
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = server.Wait()
	if !session.Alive(v.folder("b1")) {
		t.Fatal("the bot died with its server")
	}
	v.start()
	v.book.Wish("b1")
	v.untilGone("b1")
	v.recordedOnce("b1", bot.EndAPIRequest)
}

// Proves R1 as far as the supervisor goes.
func TestKilledBotGoesOn(t *testing.T) {
	t.Parallel()
	v := newServer(t)
	v.start()
	v.launch("b1", "stays")
	v.untilState("b1", bot.Recording)
	pid := session.ReadPID(v.folder("b1"))
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	v.until("another process", func() bool {
		now := session.ReadPID(v.folder("b1"))
		return now != 0 && now != pid && session.Alive(v.folder("b1"))
	})
	v.book.Wish("b1")
	v.untilGone("b1")
	v.recordedOnce("b1", bot.EndAPIRequest)
}

func TestBotThatDiedWithTheServerIsTakenUp(t *testing.T) {
	t.Parallel()
	v := newServer(t)
	v.start()
	v.launch("b1", "stays")
	v.untilState("b1", bot.Recording)
	v.s.Stop()
	pid := session.ReadPID(v.folder("b1"))
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	v.start()
	v.book.Wish("b1")
	v.untilGone("b1")
	v.recordedOnce("b1", bot.EndAPIRequest)
}

func TestBotThatKeepsDyingIsGivenUp(t *testing.T) {
	t.Parallel()
	v := newServer(t)
	v.start()
	v.launch("b1", "dies")
	v.untilGone("b1")
	l := v.book.Life("b1")
	if len(l.Dones) != 1 || l.Dones[0].Status != bot.Failed || l.Dones[0].Code != bot.EndInternalError {
		t.Errorf("done %+v, want failed with INTERNAL_ERROR", l.Dones)
	}
	if _, err := os.Stat(filepath.Join(v.data, finishedDir, "b1", session.SpecFile)); err != nil {
		t.Errorf("the folder of a failed bot is not kept: %v", err)
	}
}

func TestNoProcessAtAllIsAFailure(t *testing.T) {
	t.Parallel()
	v := newServer(t)
	v.opt.Program = filepath.Join(v.data, "no-such-program")
	v.start()
	v.launch("b1", "stays")
	v.untilGone("b1")
	if l := v.book.Life("b1"); len(l.Dones) != 1 || l.Dones[0].Status != bot.Failed {
		t.Errorf("done %+v, want failed", l.Dones)
	}
}

func TestBotThatDoesNotLeaveIsKilledAndFinalised(t *testing.T) {
	t.Parallel()
	v := newServer(t)
	v.opt.LeaveLimit = time.Second
	v.start()
	v.launch("b1", "deaf")
	v.untilState("b1", bot.InCall)
	v.book.Wish("b1")
	v.untilGone("b1")
	if l := v.book.Life("b1"); len(l.Dones) != 1 {
		t.Errorf("done %+v, want one", l.Dones)
	}
}

func TestFailedBotTellsWhy(t *testing.T) {
	t.Parallel()
	v := newServer(t)
	v.start()
	v.launch("b1", "denied")
	v.untilGone("b1")
	l := v.book.Life("b1")
	if len(l.Dones) != 1 || l.Dones[0].Code != bot.EndNotAccepted || l.Dones[0].Message != "no" {
		t.Errorf("done %+v, want BOT_NOT_ACCEPTED and the reason", l.Dones)
	}
	if want := []bot.Status{bot.JoiningCall, bot.BotRejected, bot.RecordingFailed}; !slices.Equal(l.States, want) {
		t.Errorf("states %v, want %v", l.States, want)
	}
}

// What the bot kept of its end is stored before its folder goes, once, and beside
// what the team may see.
func TestEvidenceOfAnEndIsStored(t *testing.T) {
	t.Parallel()
	v := newServer(t)
	v.start()
	v.launch("b1", "denied")
	v.untilGone("b1")
	var kept []string
	for _, a := range v.book.Life("b1").Artifacts {
		if a.Kind == bot.KindEvidence {
			kept = append(kept, a.Name)
			if !slices.Contains(v.shelf.keys, "b1/evidence/"+a.Name) {
				t.Errorf("%s was reported and not stored", a.Name)
			}
		}
	}
	if len(kept) != 1 || !strings.HasSuffix(kept[0], "-end.json") {
		t.Errorf("got %v", kept)
	}
}

// A bot whose tracks are not enough, so that it films its page, takes the place of
// several others, also after a restart, when its journal is read again.
func TestABotThatFellToTheScreenEngineTakesMore(t *testing.T) {
	t.Parallel()
	for name, applied := range map[string]int64{"now": 0, "before the restart": 9} {
		v := newServer(t)
		v.s = New(v.opt)
		v.s.watcher = newWatcher(v.opt.Log)
		w := newWorker(v.s, spec("b1", "stays"))
		v.s.workers["b1"] = w
		v.s.room = load{bots: -1, cpu: cpuScreen, memory: -1}
		another := cost(spec("b2", "stays"))
		if got := v.s.used(); got.cpu != cpuAudio || !v.s.room.carries(got.plus(another)) {
			t.Fatalf("%s: a bot with tracks takes %v", name, got)
		}
		tail := newTail(w)
		tail.applied = applied
		if err := tail.take(t.Context(), journal.Entry{Seq: 3, Command: &journal.Command{Name: journal.CommandFilm, From: "ladder"}}); err != nil {
			t.Fatal(err)
		}
		if got := v.s.used(); got.cpu != cpuScreen {
			t.Errorf("%s: it takes %v", name, got)
		}
		if err := v.s.Launch(t.Context(), spec("b2", "stays")); !errors.Is(err, ErrFull) {
			t.Errorf("%s: another bot beside it: %v, want ErrFull", name, err)
		}
	}
}

func TestMoreThanFitsIsRefused(t *testing.T) {
	t.Parallel()
	v := newServer(t)
	v.opt.MaxBots = 1
	v.start()
	v.launch("b1", "stays")
	if err := v.s.Launch(t.Context(), spec("b2", "stays")); !errors.Is(err, ErrFull) {
		t.Errorf("second bot: %v, want ErrFull", err)
	}
	if _, err := os.Stat(v.folder("b2")); err == nil {
		t.Error("a refused bot left a folder")
	}
	v.book.Wish("b1")
	v.untilGone("b1")
	v.launch("b2", "denied")
	v.untilGone("b2")
}

func TestNoBotIsStartedOnAFullDisk(t *testing.T) {
	t.Parallel()
	v := newServer(t)
	v.opt.MinFree = 1 << 60
	v.start()
	if err := v.s.Launch(t.Context(), spec("b1", "stays")); err == nil || !strings.Contains(err.Error(), "disk") {
		t.Errorf("launch: %v, want a word about the disk", err)
	}
}

// Proves A5 for the process of a bot.
func TestBotProcessKnowsNoSecret(t *testing.T) {
	const canary = "canary-7f3a"
	t.Setenv("STENO_SECRET_KEY", canary)
	t.Setenv("AWS_SECRET_ACCESS_KEY", canary)
	v := newServer(t)
	v.start()
	v.launch("b1", "stays")
	v.untilState("b1", bot.Recording)
	pid := session.ReadPID(v.folder("b1"))
	for _, name := range []string{"environ", "cmdline"} {
		b, err := os.ReadFile(filepath.Join("/proc", itoa(pid), name))
		if err != nil || len(b) == 0 {
			t.Fatalf("read %s: %d bytes, %v", name, len(b), err)
		}
		if strings.Contains(string(b), canary) {
			t.Errorf("%s of the bot's process holds a secret of the server", name)
		}
	}
	v.book.Wish("b1")
	v.untilGone("b1")
}

func TestOldFoldersOfFailedBotsGo(t *testing.T) {
	t.Parallel()
	v := newServer(t)
	now := time.Now()
	for name, age := range map[string]time.Duration{"old": 8 * 24 * time.Hour, "new": time.Hour} {
		dir := filepath.Join(v.data, finishedDir, name)
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.Chtimes(dir, now.Add(-age), now.Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	v.start()
	v.until("the old one is gone", func() bool {
		_, err := os.Stat(filepath.Join(v.data, finishedDir, "old"))
		return errors.Is(err, os.ErrNotExist)
	})
	if _, err := os.Stat(filepath.Join(v.data, finishedDir, "new")); err != nil {
		t.Error("a folder was removed before its time")
	}
}
