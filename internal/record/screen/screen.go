// Package screen is the screen engine: a display and a sound device that
// nobody sees or hears, and ffmpeg that films them. It is the last rung of the
// ladder, for platforms whose media cannot be taken from the page; it costs
// four times what the track engine does.
//
// It does not start the browser and knows no platform: the session launches a
// headed browser with Env and calls Record.
package screen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"steno/internal/child"
	"steno/internal/clock"
	"steno/internal/record/journal"
	"steno/internal/record/segment"
)

// ErrNotInstalled is wrapped by Open when a program is missing. The error says
// what to install.
var ErrNotInstalled = errors.New("the screen engine lacks a program")

// TrackID names the track in the journal and its folder under segments/.
const TrackID = "screen"

// Held is how long a page that is filmed holds what it shows and plays: a film has
// time that a conversation has not, and Chromium stretches sound that comes unevenly
// when it is held for less.
const Held = 240 * time.Millisecond

// Options says what is filmed and where it is written. Folder, Journal and
// Clock are required.
type Options struct {
	Folder  string // the bot's folder
	Journal *journal.Writer
	Clock   clock.Clock
	Log     *slog.Logger
	FFmpeg  string // empty: the one on the PATH
	// Width and Height of the display in pixels, even; 1280 by 720 if zero.
	Width, Height int
	// FPS of the film; 25 if zero.
	FPS int
}

// Activity is what is being recorded. Times are zero before there is any.
type Activity struct {
	LastFrame time.Time // when the file last grew
	LastSound time.Time // when it was last louder than a quiet room
	Bytes     int64
}

// Stage is a display with a sound device, and at most one film at a time.
type Stage struct {
	o       Options
	log     *slog.Logger
	dir     string // sockets and the key to the display
	env     []string
	display string
	sound   string // address of the sound server
	procs   []*child.Process
	failed  chan struct{}
	fail    sync.Once
	closing sync.Once

	mu       sync.Mutex
	film     *film
	activity Activity
	silent   bool
}

// Open starts display and sound device and waits until both answer. Neither
// outlives this process. ctx bounds the start only.
func Open(ctx context.Context, o Options) (*Stage, error) {
	o = o.withDefaults()
	if err := Installed(o.FFmpeg); err != nil {
		return nil, fmt.Errorf("open screen: %w", err)
	}
	// Addresses of sockets must be short, which a bot's folder need not be.
	dir, err := os.MkdirTemp("", "steno-screen-")
	if err != nil {
		return nil, fmt.Errorf("open screen: %w", err)
	}
	s := &Stage{o: o, log: o.Log, dir: dir, failed: make(chan struct{})}
	if err := errors.Join(s.openDisplay(ctx), s.openSound(ctx)); err != nil {
		s.Close()
		return nil, fmt.Errorf("open screen: %w", err)
	}
	s.env = []string{"DISPLAY=" + s.display, "XAUTHORITY=" + s.key(), "PULSE_SERVER=" + s.sound, "PULSE_SINK=" + sink}
	return s, nil
}

// Installed returns an error that wraps ErrNotInstalled unless all programs are
// there. An empty ffmpeg is the one on the PATH.
func Installed(ffmpeg string) error {
	for program, name := range map[string]string{"Xvfb": "xvfb", "pulseaudio": "pulseaudio", cmp.Or(ffmpeg, "ffmpeg"): "ffmpeg"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: %s not found; install it with: apt-get install %s", ErrNotInstalled, program, name)
		}
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.Width == 0 || o.Height == 0 {
		o.Width, o.Height = 1280, 720
	}
	if o.FPS == 0 {
		o.FPS = 25
	}
	if o.FFmpeg == "" {
		o.FFmpeg = "ffmpeg"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Env is what a browser needs to show itself here: for browser.Options.Env.
func (s *Stage) Env() []string { return s.env }

// Failed is closed when display, sound device or film ended without being told
// to. What was filmed until then is safe.
func (s *Stage) Failed() <-chan struct{} { return s.failed }

// Activity tells what is being recorded.
func (s *Stage) Activity() Activity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.activity
}

// Record starts a new file of the film. Time in it counts from epoch (Unix
// microseconds), time zero of all artifacts, so that the files of a recording
// that was interrupted lie where they belong.
func (s *Stage) Record(epoch int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.film != nil {
		return errors.New("record screen: already recording")
	}
	n, err := nextFile(s.o.Folder)
	if err != nil {
		return fmt.Errorf("record screen: %w", err)
	}
	f, err := s.startFilm(filmPath(s.o.Folder, n), epoch)
	if err != nil {
		return fmt.Errorf("record screen: %w", err)
	}
	s.film, s.silent = f, false
	_, err = s.o.Journal.Append(journal.Entry{Track: &journal.Track{
		ID: TrackID, Kind: "video", Codec: "H264", ClockRate: 90000, Source: "screen", Screen: true,
	}})
	if err != nil {
		return fmt.Errorf("record screen: %w", err)
	}
	go s.follow(f)
	return nil
}

// Stop ends the film and waits until its file is complete. It does nothing if
// none is being made.
func (s *Stage) Stop() error {
	s.mu.Lock()
	f := s.film
	s.film = nil
	s.mu.Unlock()
	if f == nil {
		return nil
	}
	f.stop()
	_, err := s.o.Journal.Append(journal.Entry{Track: &journal.Track{
		ID: TrackID, Kind: "video", Codec: "H264", ClockRate: 90000, Source: "screen", Screen: true, Ended: true,
	}})
	if err != nil {
		return fmt.Errorf("stop screen: %w", err)
	}
	return nil
}

// Close stops the film, display and sound device. It may be called more than
// once.
func (s *Stage) Close() error {
	err := s.Stop()
	s.closing.Do(func() {
		s.fail.Do(func() {}) // that they end now is no failure
		for _, p := range s.procs {
			p.Kill()
		}
		if rerr := os.RemoveAll(s.dir); err == nil && rerr != nil {
			err = fmt.Errorf("close screen: %w", rerr)
		}
	})
	return err
}

// launch starts one of the stage's programs; its end is a failure of the
// stage.
func (s *Stage) launch(cmd *exec.Cmd) error {
	p, err := child.Start(cmd)
	if err != nil {
		return err
	}
	s.procs = append(s.procs, p)
	go func() {
		<-p.Done()
		s.fail.Do(func() {
			s.log.Error("screen engine lost a program", "program", cmd.Path)
			close(s.failed)
		})
	}()
	return nil
}

// Files lists the films of a bot's folder in order.
func Files(folder string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(folder, segment.Dir, TrackID, "*.mp4"))
	if err != nil {
		return nil, fmt.Errorf("list films: %w", err)
	}
	return names, nil // Glob sorts
}

func filmPath(folder string, n int) string {
	return filepath.Join(folder, segment.Dir, TrackID, fmt.Sprintf("%06d.mp4", n))
}

func nextFile(folder string) (int, error) {
	if err := os.MkdirAll(filepath.Join(folder, segment.Dir, TrackID), 0o700); err != nil {
		return 0, err
	}
	files, err := Files(folder)
	if err != nil || len(files) == 0 {
		return 1, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(files[len(files)-1]), ".mp4"))
	return n + 1, err
}

// drain keeps a pipe of a child from filling up.
func drain(r io.ReadCloser) {
	_, _ = io.Copy(io.Discard, r)
	r.Close()
}
