package live

import (
	"context"
	"encoding/json"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"steno/internal/bot"
	"steno/internal/meeting"
	"steno/internal/record/journal"
	"steno/internal/runtime"
	"steno/internal/runtime/runtimetest"
	"steno/internal/runtime/session"
	"steno/lab"
)

const (
	botID   = "b1"
	code    = "abc-defg-hij"
	patient = 90 * time.Second // for anything that must happen
)

// host is a machine with a supervisor, and a lab.
type host struct {
	t      testing.TB
	data   string
	book   *runtimetest.Book
	s      *runtime.Supervisor
	lab    *lab.Server
	room   *lab.Meeting
	access bot.LiveAccess // for a live transcript
}

func newHost(t testing.TB, data string, change func(*lab.Scenario)) *host {
	t.Helper()
	h := &host{t: t, data: data, book: &runtimetest.Book{Path: filepath.Join(data, "book")}}
	server, err := lab.Start(t.Context(), lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	sc := lab.Conversation(code, 3, 20*time.Second)
	sc.Repeat = true
	if change != nil {
		change(&sc)
	}
	if h.room, err = server.Open(t.Context(), sc); err != nil {
		t.Fatal(err)
	}
	h.lab = server
	t.Cleanup(h.clean)
	return h
}

// clean stops the supervisor and ends, by pid, the bot that a failed test
// left; then nothing of it may be there any more.
func (h *host) clean() {
	if h.s != nil {
		h.s.Stop()
	}
	if session.Alive(h.folder()) {
		_ = unix.Kill(session.ReadPID(h.folder()), unix.SIGKILL)
	}
	if h.t.Failed() {
		for _, pattern := range []string{"bots/*/bot.log", "finished/*/bot.log", "bots/*/compose.log", "finished/*/compose.log", "bots/*/journal.jsonl", "finished/*/journal.jsonl"} {
			files, _ := filepath.Glob(filepath.Join(h.data, pattern))
			for _, f := range files {
				b, _ := os.ReadFile(f)
				h.t.Logf("%s:\n%s", f, b[max(0, len(b)-6000):])
			}
		}
	}
	h.t.Logf("report: %+v", h.book.Life(botID).States)
}

func (h *host) start() {
	h.t.Helper()
	s, err := newSupervisor(h.data, h.book, h.access)
	if err == nil {
		err = s.Start(h.t.Context())
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.s = s
}

func (h *host) spec(change func(*bot.Spec)) bot.Spec {
	spec := bot.Spec{
		BotID: botID, Name: "Steno Notes", Platform: meeting.Meet, URL: h.room.URL(), Mode: bot.AudioOnly,
		Timeouts: bot.DefaultTimeouts(), Reach: bot.Reach{Hosts: []string{h.lab.Host()}},
	}
	if change != nil {
		change(&spec)
	}
	return spec
}

func (h *host) launch(change func(*bot.Spec)) {
	h.t.Helper()
	if err := h.s.Launch(h.t.Context(), h.spec(change)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) folder() string { return filepath.Join(h.data, "bots", botID) }

func (h *host) until(what string, ok func() bool) {
	h.t.Helper()
	for end := time.Now().Add(patient); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	h.t.Fatalf("never: %s", what)
}

func (h *host) untilState(state bot.Status) {
	h.t.Helper()
	h.until(string(state), func() bool { return slices.Contains(h.book.Life(botID).States, state) })
}

// untilGaps waits for the n-th gap and returns it.
func (h *host) untilGaps(n int) (last journal.Gap) {
	h.t.Helper()
	h.until(strconv.Itoa(n)+" gaps", func() bool {
		found := 0
		for _, e := range h.journal() {
			if e.Gap != nil {
				found++
				last = *e.Gap
			}
		}
		return found >= n
	})
	return last
}

func (h *host) journal() []journal.Entry {
	entries, err := journal.Read(h.folder())
	if err != nil {
		h.t.Fatal(err)
	}
	return entries
}

// untilRecorded waits until media of so much more time have been captured.
func (h *host) untilRecorded(more time.Duration) {
	h.t.Helper()
	frames := func() (n int64) {
		for _, e := range h.journal() {
			if e.Session != nil {
				n = 0 // each process counts anew
			}
			if e.Pulse != nil {
				n = max(n, e.Pulse.AudioFrames)
			}
		}
		return n
	}
	h.until("the first pulse", func() bool { return frames() > 0 })
	begin := time.Now()
	h.until("some more recording", func() bool { return time.Since(begin) > more && frames() > 0 })
}

// finish makes the bot leave, waits for its end and checks that it is a whole
// one: completed once, every state once, files that play.
func (h *host) finish(code bot.EndCode) runtimetest.Life {
	h.t.Helper()
	h.book.Wish(botID)
	return h.finished(bot.Completed, code)
}

func (h *host) finished(status bot.Status, code bot.EndCode) runtimetest.Life {
	h.t.Helper()
	h.until("the bot's end", func() bool { return !slices.Contains(h.s.Running(), botID) })
	l := h.book.Life(botID)
	if len(l.Dones) != 1 || l.Dones[0].Status != status || l.Dones[0].Code != code {
		h.t.Fatalf("done %+v, want once %s with %s", l.Dones, status, code)
	}
	seen := map[bot.Status]bool{}
	for _, s := range l.States {
		if seen[s] {
			h.t.Errorf("state %s twice: %v", s, l.States)
		}
		seen[s] = true
	}
	h.nothingLeft()
	return l
}

// nothingLeft checks that no process of the bot is left, nor a zombie of ours.
func (h *host) nothingLeft() {
	h.t.Helper()
	for end := time.Now().Add(10 * time.Second); len(h.strays()) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("processes are left: %q", h.strays())
		}
	}
}

func (h *host) strays() (list []string) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		stat, _ := os.ReadFile(filepath.Join(dir, "stat"))
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		zombie := len(fields) > 1 && fields[0] == "Z" && fields[1] == strconv.Itoa(os.Getpid())
		if zombie || strings.Contains(string(cmdline), h.folder()) {
			list = append(list, filepath.Base(dir)+" "+string(cmdline))
		}
	}
	return list
}

// plays checks that a stored file decodes without an error and returns its
// length.
func (h *host) plays(key string) time.Duration {
	h.t.Helper()
	file := filepath.Join(h.data, "objects", key)
	if out, err := exec.Command("ffmpeg", "-v", "error", "-xerror", "-i", file, "-fps_mode", "vfr", "-f", "null", "-").CombinedOutput(); err != nil || len(out) > 0 {
		h.t.Errorf("%s does not play: %v\n%s", key, err, out)
	}
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "json", file).Output()
	var probe struct{ Format struct{ Duration string } }
	if err == nil {
		err = json.Unmarshal(out, &probe)
	}
	if err != nil {
		h.t.Fatalf("probe %s: %v", key, err)
	}
	s, _ := strconv.ParseFloat(probe.Format.Duration, 64)
	return time.Duration(s * float64(time.Second))
}

// shows checks that a stored file is a picture of half the page's size.
func (h *host) shows(key string) {
	h.t.Helper()
	f, err := os.Open(filepath.Join(h.data, "objects", key))
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	if c, err := jpeg.DecodeConfig(f); err != nil || c.Width != 640 || c.Height != 360 {
		h.t.Errorf("%s: %d by %d, %v", key, c.Width, c.Height, err)
	}
}

// playsAll checks all files of a recording of at least that length.
func (h *host) playsAll(l runtimetest.Life, least time.Duration) {
	h.t.Helper()
	kinds := map[string]int{}
	for _, a := range l.Artifacts {
		kinds[a.Kind]++
		switch a.Kind {
		case "audio", "video", "participant_audio":
			if d := h.plays(a.Key); a.Kind != "participant_audio" && d < least {
				h.t.Errorf("%s lasts %s, want at least %s", a.Key, d, least)
			}
		}
	}
	if kinds["audio"] != 1 || kinds["diarization"] != 1 || kinds["participant_audio"] == 0 {
		h.t.Errorf("artifacts %v: some are missing", kinds)
	}
}

// browserPID asks the bot for its browser.
func (h *host) browserPID() (pid int) {
	h.t.Helper()
	h.until("a browser", func() bool {
		ctx, cancel := context.WithTimeout(h.t.Context(), 5*time.Second)
		defer cancel()
		r, err := session.Tell(ctx, h.folder(), session.Request{Command: "status"})
		pid = r.BrowserPID
		return err == nil && pid != 0
	})
	return pid
}

// renderer finds the process of the page.
func (h *host) renderer(browser int) (pid int) {
	h.t.Helper()
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		stat, _ := os.ReadFile(filepath.Join(dir, "stat"))
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) > 2 && fields[2] == strconv.Itoa(browser) && strings.Contains(string(cmdline), "--type=renderer") {
			pid, _ = strconv.Atoi(filepath.Base(dir))
		}
	}
	if pid == 0 {
		h.t.Fatal("the browser has no renderer")
	}
	return pid
}

func (h *host) kill(pid int, sig unix.Signal) time.Time {
	h.t.Helper()
	at := time.Now()
	if err := unix.Kill(pid, sig); err != nil {
		h.t.Fatal(err)
	}
	return at
}

// tailLost checks how much was lost of what had come before the blow.
func (h *host) tailLost(what string, g journal.Gap, at time.Time) {
	h.t.Helper()
	lost := at.Sub(time.UnixMicro(g.From))
	h.t.Logf("%s: tail lost %s, missed %s in all (%s)", what, lost.Round(time.Millisecond), time.Duration(g.To-g.From)*time.Microsecond, g.Reason)
	if lost > 4*time.Second {
		h.t.Errorf("%s: lost the last %s before it, want at most 4 s", what, lost)
	}
}
