package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"steno/internal/bot"
	"steno/internal/browser"
	"steno/internal/platform"
	"steno/internal/platform/all"
	"steno/internal/record/screen"
	"steno/internal/record/tracks"
)

// Browser is one browser with one page, as the session needs it.
type Browser interface {
	platform.Page
	Ping(ctx context.Context) error
	// Shot returns a small JPEG of the viewport.
	Shot(ctx context.Context) ([]byte, error)
	Done() <-chan struct{}
	Crashed() <-chan struct{}
	Console() []string
	PID() int
	Usage() (browser.Usage, error)
	Close() error
}

// Opening says which browser a bot needs.
type Opening struct {
	Spec   bot.Spec
	Folder string
	// Env is that of a Stage: the browser shows itself there. May be nil.
	Env []string
	// Socket is where the recorder listens, as host:port.
	Socket string
	Log    *slog.Logger
}

// Recorder is what captures the media of one page.
type Recorder interface {
	Script() string
	// Addr is where the script finds the recorder, as host:port.
	Addr() string
	Tracks() []tracks.TrackInfo
	Activity() tracks.Activity
	Contributors() []tracks.Contributor
	// Pause keeps what arrives from that moment on from the disk, or not any more.
	Pause(at time.Time, on bool)
	// Say lets the page's microphone say something now; see package tracks.
	Say(pcm []int16)
	// Show lets the page's camera show a picture, a JPEG; see package tracks.
	Show(jpeg []byte)
	Err() error
	Close() error
}

// Tools are the hands of a session; tests replace them.
type Tools struct {
	// Open launches a browser for the bot.
	Open func(context.Context, Opening) (Browser, error)
	// Record begins to record into a folder.
	Record func(tracks.Options) (Recorder, error)
	// Stage opens what films a page.
	Stage func(context.Context, screen.Options) (Stage, error)
	// CanFilm reports what is missing on this machine to film a bot's page.
	CanFilm func(bot.Spec) error
	// Adapter returns an adapter of the bot's platform.
	Adapter func(bot.Spec) (platform.Adapter, error)
	// Composer returns the command that composes a folder's artifacts while
	// its meeting runs. It exits when they are there and the journal has an
	// End entry.
	Composer func(folder string) *exec.Cmd
}

// Live returns the real tools. Program is the path of steno, which composes
// in a process of its own.
func Live(program string) Tools {
	return Tools{
		Open: open,
		Record: func(o tracks.Options) (Recorder, error) {
			r, err := tracks.New(o)
			if err != nil {
				return nil, err
			}
			return r, nil
		},
		Stage: func(ctx context.Context, o screen.Options) (Stage, error) {
			s, err := screen.Open(ctx, o)
			if err != nil {
				return nil, err
			}
			return s, nil
		},
		CanFilm: func(spec bot.Spec) error {
			_, err := browser.FindHeaded(spec.Browser)
			return errors.Join(err, screen.Installed(spec.FFmpeg))
		},
		Adapter: func(spec bot.Spec) (platform.Adapter, error) {
			a, err := all.Adapter(spec.Platform, spec.Pack)
			if err != nil { // checked by the server; this program may be another version
				a, err = all.Adapter(spec.Platform, "")
			}
			if err == nil && a == nil {
				err = fmt.Errorf("this version of steno cannot join meetings of %s", spec.Platform)
			}
			return a, err
		},
		Composer: func(folder string) *exec.Cmd {
			cmd := exec.Command(program, "compose", "--folder", folder, "--follow")
			cmd.Env = os.Environ()
			return cmd
		},
	}
}
