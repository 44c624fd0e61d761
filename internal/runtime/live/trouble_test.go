package live

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"steno/internal/bot"
	"steno/internal/browser"
	"steno/internal/meeting"
	"steno/lab"
)

// blow is something that ends the flow of media, or of what is known of the
// meeting, while the meeting goes on.
type blow struct {
	name   string
	strike func(h *host)
	mend   func(h *host) // what is outside of the bot; may be nil
}

var blows = []blow{
	{"renderer killed", func(h *host) { h.kill(h.renderer(h.browserPID()), unix.SIGKILL) }, nil},
	{"renderer stopped", func(h *host) { h.kill(h.renderer(h.browserPID()), unix.SIGSTOP) }, nil},
	{"browser stopped", func(h *host) { h.kill(h.browserPID(), unix.SIGSTOP) }, nil},
	{"browser killed", func(h *host) { h.kill(h.browserPID(), unix.SIGKILL) }, nil},
	{"page calculates without end", func(h *host) { h.must(h.room.CrashPage("", lab.Busy)) }, nil},
	{"audio stops", func(h *host) { h.must(h.room.Hush("", true)) }, func(h *host) { h.must(h.room.Hush("", false)) }},
}

// severed is a blow for browsers that playBrowser stands before.
var severed = blow{"protocol's pipes closed", func(h *host) { h.kill(h.browserPID(), unix.SIGUSR1) }, nil}

// set is a meeting of a platform, and how it is captured.
type set struct {
	platform meeting.Platform
	page     string // of the lab
	engine   bot.Engine
}

var (
	meetTracks  = set{meeting.Meet, lab.Meet, bot.TrackEngine}
	teamsTracks = set{meeting.Teams, lab.Teams, bot.TrackEngine}
	meetFilm    = set{meeting.Meet, lab.Meet, bot.ScreenEngine}
	teamsFilm   = set{meeting.Teams, lab.Teams, bot.ScreenEngine}
	zoomFilm    = set{meeting.Zoom, lab.Zoom, bot.ScreenEngine}
)

// enter sends a bot into a meeting of the set, and waits until it records.
func (s set) enter(t testing.TB, program string) *host {
	t.Helper()
	h := newHost(t, t.TempDir(), func(sc *lab.Scenario) { sc.Platform = s.page })
	h.start()
	h.launch(func(spec *bot.Spec) {
		spec.Platform, spec.Engine, spec.Browser = s.platform, s.engine, program
	})
	h.untilState(bot.Recording)
	return h
}

// suffer strikes, and returns how long it took until that was noticed, and until
// media flowed again. It was struck n times before.
func (h *host) suffer(b blow, n int) (noticed, back time.Duration) {
	h.t.Helper()
	recorded := time.Now()
	h.until("a moment of recording", func() bool { return time.Since(recorded) > time.Second })
	at := time.Now()
	b.strike(h)
	h.until(b.name+" is noticed", func() bool {
		losses := 0
		for _, e := range h.journal() {
			if e.Note != nil && strings.HasPrefix(e.Note.Text, "lost the meeting") {
				losses++
				noticed = e.At.Sub(at)
			}
		}
		return losses > n
	})
	if b.mend != nil {
		b.mend(h)
	}
	gap := h.untilGaps(n + 1)
	h.tailLost(b.name, gap, at)
	return noticed, time.UnixMicro(gap.To).Sub(at)
}

func (h *host) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// Proves R5: whatever the media path or the page dies of is noticed; the bot is
// back in the call each time, goes on in the same files, and nothing is left
// behind.
func TestTroubleOfPagesAndBrowsers(t *testing.T) {
	for _, c := range []struct {
		set
		blows []string
	}{
		{meetTracks, []string{"browser stopped", "browser killed", "audio stops"}},
		{teamsTracks, []string{"renderer killed", "page calculates without end"}},
		{zoomFilm, []string{"renderer killed", "renderer stopped", "audio stops"}},
	} {
		t.Run(fmt.Sprintf("%s %s", c.platform, c.engine), func(t *testing.T) {
			if c.engine == bot.ScreenEngine {
				needsProcessor(t)
			} else {
				t.Parallel()
			}
			h := c.enter(t, "")
			n := 0
			for _, b := range blows {
				if slices.Contains(c.blows, b.name) {
					h.suffer(b, n)
					n++
				}
			}
			l := h.finish(bot.EndAPIRequest)
			if c.engine == bot.ScreenEngine {
				h.stored(l, "audio")
				return
			}
			h.playsAll(l, 6*time.Second)
		})
	}
}

// BenchmarkNoticed prints how long it takes until a blow is noticed and until
// the bot is back, for every platform; STENO_BENCH_SETS names others than the
// usual ways of capturing it: "meet screen,teams screen".
func BenchmarkNoticed(b *testing.B) {
	const goal = 15 * time.Second
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nplatform\tengine\twhat happens\tnoticed s\tback s\tgoal noticed s\t")
	sets := cmp.Or(os.Getenv("STENO_BENCH_SETS"), "meet tracks,teams tracks,zoom screen")
	for _, s := range []set{meetTracks, teamsTracks, zoomFilm, meetFilm, teamsFilm} {
		name := fmt.Sprintf("%s %s", s.platform, s.engine)
		if !slices.Contains(strings.Split(sets, ","), name) {
			continue
		}
		row := func(h *host, what blow, n int) {
			noticed, back := h.suffer(what, n)
			met := "met"
			if noticed > goal {
				met = "missed"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%.1f\t%.1f\t≤ %.0f: %s\t\n", s.platform, s.engine, what.name, noticed.Seconds(), back.Seconds(), goal.Seconds(), met)
		}
		// Five losses within a minute would be the bot's end.
		for _, some := range [][]blow{blows[:4], blows[4:]} {
			b.Run(name, func(b *testing.B) {
				h := s.enter(b, "")
				for n, what := range some {
					row(h, what, n)
				}
				h.finish(bot.EndAPIRequest)
			})
		}
		b.Run(name+" "+severed.name, func(b *testing.B) {
			h := s.enter(b, severable(b))
			row(h, severed, 0)
			h.finish(bot.EndAPIRequest)
		})
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}

// severable is a program that stands between a bot and its browser.
func severable(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), severableName)
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	return link
}

const severableName = "severable-browser"

// playBrowser runs a browser and passes on what the DevTools protocol says, until
// it is told to close the pipes; the browser lives on behind it.
func playBrowser() error {
	find := browser.Find
	if os.Getenv("DISPLAY") != "" {
		find = browser.FindHeaded
	}
	path, err := find("")
	if err != nil {
		return err
	}
	// Only what does not block can be closed while it is read.
	if err := errors.Join(syscall.SetNonblock(3, true), syscall.SetNonblock(4, true)); err != nil {
		return err
	}
	in, out := os.NewFile(3, "commands"), os.NewFile(4, "answers")
	fromUs, commands, err := os.Pipe()
	if err != nil {
		return err
	}
	answers, toUs, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := exec.Command(path, os.Args[1:]...)
	cmd.ExtraFiles, cmd.Stderr = []*os.File{fromUs, toUs}, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGUSR1)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _, _ = io.Copy(commands, in) }()
	go func() { _, _ = io.Copy(out, answers) }()
	go func() {
		<-told
		_ = errors.Join(in.Close(), out.Close())
	}()
	return cmd.Wait()
}
