package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"steno/internal/blob"
	"steno/internal/bot"
	"steno/internal/browser"
	"steno/internal/clock"
	"steno/internal/meeting"
	"steno/internal/platform"
	"steno/internal/record/compose"
	"steno/internal/record/journal"
	"steno/internal/record/tracks"
	"steno/internal/runtime/runtimetest"
	"steno/internal/runtime/session"
)

// TestMain makes the test binary play steno: `bot`, `compose`, and a server
// that can be killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "bot":
			os.Exit(playBot(os.Args[3], len(os.Args) > 4))
		case "compose":
			os.Exit(playComposer(os.Args[3]))
		case "supervise":
			os.Exit(playServer(os.Args[2]))
		}
	}
	os.Exit(m.Run())
}

// playBot runs a real session with a made-up meeting. The bot's name says how
// it behaves.
func playBot(folder string, finalise bool) int {
	spec, err := session.ReadSpec(folder)
	if err != nil || spec.Name == "dies" && !finalise {
		return 3
	}
	tools := session.Tools{
		Open: func(context.Context, session.Opening) (session.Browser, error) {
			return &madeUpBrowser{done: make(chan struct{})}, nil
		},
		Record:  func(o tracks.Options) (session.Recorder, error) { return &madeUpRecorder{first: o.FirstFrame}, nil },
		Adapter: func(bot.Spec) (platform.Adapter, error) { return madeUpAdapter{spec.Name}, nil },
		Composer: func(folder string) *exec.Cmd {
			return exec.Command(os.Args[0], "compose", "--folder", folder)
		},
	}
	err = session.Run(context.Background(), session.Options{
		Folder: folder, Finalise: finalise, Tools: tools, Clock: clock.System{},
		Log:    slog.New(slog.NewJSONHandler(os.Stderr, nil)),
		Limits: session.Limits{Look: 20 * time.Millisecond, MinFree: 1},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func playComposer(folder string) int {
	for {
		entries, err := journal.Read(folder)
		if err != nil {
			return 1
		}
		for _, e := range entries {
			if e.End == nil {
				continue
			}
			out := compose.Output{
				Artifacts: []journal.Artifact{{Kind: compose.KindAudio, Path: "out/audio.flac", Bytes: 5, SHA256: "s"}},
				Result:    journal.Result{DurationMS: 2000, Participants: []journal.Speaker{{N: 1, Name: "Ann"}}},
			}
			b, err := json.Marshal(out)
			if err != nil || os.MkdirAll(filepath.Join(folder, "out"), 0o700) != nil ||
				os.WriteFile(filepath.Join(folder, "out/audio.flac"), []byte("sound"), 0o600) != nil ||
				os.WriteFile(filepath.Join(folder, compose.Manifest), b, 0o600) != nil {
				return 1
			}
			return 0
		}
		time.Sleep(20 * time.Millisecond)
	}
}

type madeUpBrowser struct {
	platform.Page
	once sync.Once
	done chan struct{}
}

func (b *madeUpBrowser) Ping(context.Context) error              { return nil }
func (b *madeUpBrowser) Done() <-chan struct{}                   { return b.done }
func (b *madeUpBrowser) Crashed() <-chan struct{}                { return nil }
func (b *madeUpBrowser) Console() []string                       { return nil }
func (b *madeUpBrowser) PID() int                                { return 0 }
func (b *madeUpBrowser) Usage() (browser.Usage, error)           { return browser.Usage{}, nil }
func (b *madeUpBrowser) Close() error                            { b.once.Do(func() { close(b.done) }); return nil }
func (b *madeUpBrowser) AddScript(context.Context, string) error { return nil }
func (b *madeUpBrowser) Eval(context.Context, string, any) error { return errors.New("no page") }
func (b *madeUpBrowser) Shot(context.Context) ([]byte, error)    { return []byte("jpeg"), nil }
func (b *madeUpBrowser) Screenshot(context.Context) ([]byte, error) {
	return nil, errors.New("no page")
}

type madeUpRecorder struct {
	once  sync.Once
	first func(int64)
}

func (r *madeUpRecorder) Script() string                     { return "" }
func (r *madeUpRecorder) Addr() string                       { return "" }
func (r *madeUpRecorder) Tracks() []tracks.TrackInfo         { return nil }
func (r *madeUpRecorder) Contributors() []tracks.Contributor { return nil }
func (r *madeUpRecorder) Err() error                         { return nil }
func (r *madeUpRecorder) Pause(time.Time, bool)              {}
func (r *madeUpRecorder) Say([]int16)                        {}
func (r *madeUpRecorder) Show([]byte)                        {}
func (r *madeUpRecorder) Close() error                       { return nil }
func (r *madeUpRecorder) Activity() tracks.Activity {
	now := time.Now()
	r.once.Do(func() { r.first(now.UnixMicro()) })
	return tracks.Activity{LastFrame: now, LastSound: now}
}

type madeUpAdapter struct{ behaviour string }

func (a madeUpAdapter) Scripts(platform.Join) []string                            { return nil }
func (a madeUpAdapter) Enter(context.Context, platform.Page, platform.Join) error { return nil }
func (a madeUpAdapter) Say(context.Context, platform.Page, string) error          { return nil }
func (a madeUpAdapter) Leave(context.Context, platform.Page) error                { return nil }
func (a madeUpAdapter) Observe(context.Context, platform.Page) (platform.Observation, error) {
	switch a.behaviour {
	case "denied":
		return platform.Observation{Stage: platform.StageEnded, Code: bot.EndNotAccepted, Reason: "no"}, nil
	case "deaf":
		if !firstLook.CompareAndSwap(false, true) {
			select {} // hangs for good, whatever it is told
		}
	}
	return platform.Observation{Stage: platform.StageInCall, Roster: []platform.Person{
		{ID: "me", Name: "Steno", Self: true}, {ID: "p1", Name: "Ann"},
	}}, nil
}

// playServer is a server process with a supervisor and one bot, to be killed.
func playServer(data string) int {
	s := New(Options{
		Data: data, Program: os.Args[0], Ledger: &runtimetest.Book{Path: filepath.Join(data, "book")}, Objects: &shelf{},
		Clock: clock.System{}, Log: slog.New(slog.DiscardHandler), MinFree: 1,
	})
	if err := s.Start(context.Background()); err != nil {
		return 1
	}
	if err := s.Launch(context.Background(), spec("b1", "stays")); err != nil {
		return 1
	}
	select {}
}

func spec(id, behaviour string) bot.Spec {
	return bot.Spec{
		BotID: id, Name: behaviour, Platform: meeting.Meet, URL: "https://meet.example/x", Mode: bot.AudioOnly,
		Timeouts: bot.DefaultTimeouts(),
	}
}

// shelf is an object store that may be down for a while.
type shelf struct {
	mu   sync.Mutex
	down int
	keys []string
}

func (s *shelf) Put(_ context.Context, key, file string, _ blob.PutOptions) (blob.Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down > 0 {
		s.down--
		return blob.Info{}, errors.New("storage is down")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return blob.Info{}, err
	}
	s.keys = append(s.keys, key)
	return blob.Info{Key: key, Bytes: int64(len(b)), SHA256: "s"}, nil
}
