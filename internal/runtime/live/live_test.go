package live

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"steno/internal/bot"
	"steno/internal/record/journal"
	"steno/internal/runtime/session"
)

// Proves R1 in short: a bot that is killed at random times keeps what it
// heard, and goes on.
func TestKilledBot(t *testing.T) {
	t.Parallel()
	h := newHost(t, t.TempDir(), nil)
	h.start()
	h.launch(func(s *bot.Spec) { s.Mode, s.Screenshots = bot.SpeakerView, time.Second })
	h.untilState(bot.Recording)
	for i := range 3 {
		h.untilRecorded(time.Duration(500+rand.IntN(2500)) * time.Millisecond)
		at := h.kill(session.ReadPID(h.folder()), unix.SIGKILL)
		h.tailLost("bot killed", h.untilGaps(i+1), at)
	}
	l := h.finish(bot.EndAPIRequest)
	h.playsAll(l, 4*time.Second)
	if !slices.ContainsFunc(l.Artifacts, func(a bot.StoredArtifact) bool { return a.Kind == "video" }) {
		t.Error("there is no video")
	}
	shots := 0
	for _, a := range l.Artifacts {
		if a.Kind == bot.KindScreenshot {
			shots++
			h.shows(a.Key)
		}
	}
	if shots == 0 {
		t.Error("there is no screenshot")
	}
}

// Proves R2: a bot goes on while its server is killed, and the next server
// takes it over.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	h := newHost(t, t.TempDir(), nil)
	specs := t.TempDir()
	if err := session.WriteSpec(specs, h.spec(nil)); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(os.Args[0], "supervise", h.data, specs)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	h.untilState(bot.Recording)
	h.untilRecorded(time.Second)
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = server.Wait()
	pid := session.ReadPID(h.folder())
	h.start()
	h.untilRecorded(2 * time.Second)
	if now := session.ReadPID(h.folder()); now != pid || !session.Alive(h.folder()) {
		t.Errorf("process %d has become %d", pid, now)
	}
	for _, e := range h.journal() {
		if e.Gap != nil {
			t.Errorf("a gap, though nobody touched the bot: %+v", *e.Gap)
		}
	}
	h.playsAll(h.finish(bot.EndAPIRequest), 3*time.Second)
}

// Other ends, and what comes of them, are in test/meetings.
func TestNoBrowserInstalled(t *testing.T) {
	t.Parallel()
	h := newHost(t, t.TempDir(), nil)
	h.start()
	h.launch(func(s *bot.Spec) { s.Browser = "/nowhere/chromium" })
	l := h.finished(bot.Failed, bot.EndInternalError)
	if len(l.Artifacts) != 0 || !strings.Contains(l.Dones[0].Message, "no browser found") {
		t.Errorf("artifacts %v, message %q", l.Artifacts, l.Dones[0].Message)
	}
	entries, err := journal.Read(filepath.Join(h.data, "finished", botID))
	if err != nil || len(entries) == 0 || entries[0].Session == nil {
		t.Fatalf("the journal is not kept: %v", err)
	}
}

func TestProcessToldToEnd(t *testing.T) {
	t.Parallel()
	h := newHost(t, t.TempDir(), nil)
	h.start()
	h.launch(nil)
	h.untilState(bot.Recording)
	h.untilRecorded(time.Second)
	h.kill(session.ReadPID(h.folder()), unix.SIGTERM)
	h.playsAll(h.finished(bot.Completed, bot.EndAPIRequest), time.Second)
}

// Proves R3 for the disk that bots record on.
func TestFullDisk(t *testing.T) {
	cases := []struct {
		name string
		left int64 // bytes that are left of the disk when it fills up
	}{
		{"nearly full", 6 << 20},
		{"full to the last byte", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			disk := mountTmpfs(t, "64m")
			h := newHost(t, disk, nil)
			h.book.Path = filepath.Join(t.TempDir(), "book") // the database has a disk of its own
			h.start()
			h.launch(nil)
			h.untilState(bot.Recording)
			h.untilRecorded(2 * time.Second)
			filler := fill(t, disk, c.left)
			h.until("the bot is out of the meeting", func() bool {
				for _, e := range h.journal() {
					if e.End != nil {
						return e.End.Code == bot.EndDiskFull && e.End.Recorded
					}
				}
				return slices.Contains(h.book.Life(botID).States, bot.RecordingDone)
			})
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			h.playsAll(h.finished(bot.Completed, bot.EndDiskFull), time.Second)
		})
	}
}

func mountTmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		if os.Geteuid() != 0 {
			t.Skip("a small disk can only be made by root")
		}
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// fill takes all space but so many bytes, and returns the file that does.
func fill(t *testing.T, disk string, left int64) string {
	t.Helper()
	path := filepath.Join(disk, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := []byte(strings.Repeat("x", 64<<10))
	for {
		free, err := session.FreeSpace(disk)
		if err != nil {
			t.Fatal(err)
		}
		if free <= left {
			return path
		}
		if _, err := f.Write(block[:min(int64(len(block)), free-left)]); err != nil {
			return path // full to the last byte
		}
	}
}
