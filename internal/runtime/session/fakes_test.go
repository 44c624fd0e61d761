package session

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/browser"
	"steno/internal/clock"
	"steno/internal/meeting"
	"steno/internal/platform"
	"steno/internal/record/compose"
	"steno/internal/record/journal"
	"steno/internal/record/screen"
	"steno/internal/record/tracks"
)

// TestMain makes the test binary play the composer, as a child process.
func TestMain(m *testing.M) {
	if folder := os.Getenv("STENO_TEST_COMPOSE"); folder != "" {
		os.Exit(playComposer(folder, os.Getenv("STENO_TEST_COMPOSE_DIES")))
	}
	os.Exit(m.Run())
}

// playComposer waits for the End entry and leaves a manifest. It dies at once
// as long as it has not done so as often as told by the length of dies.
func playComposer(folder, dies string) int {
	deaths, _ := filepath.Glob(filepath.Join(folder, "death-*"))
	if len(deaths) < len(dies) {
		f, err := os.CreateTemp(folder, "death-*")
		if err == nil {
			f.Close()
		}
		return 1
	}
	for {
		entries, err := journal.Read(folder)
		if err != nil {
			return 1
		}
		for _, e := range entries {
			if e.End != nil {
				return manifest(folder)
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func manifest(folder string) int {
	out := compose.Output{
		Artifacts: []journal.Artifact{{Kind: compose.KindAudio, Path: "out/audio.flac", Bytes: 3, SHA256: "aa"}},
		Result:    journal.Result{DurationMS: 1000},
	}
	b, err := json.Marshal(out)
	if err != nil || os.MkdirAll(filepath.Join(folder, compose.OutDir), 0o700) != nil ||
		os.WriteFile(filepath.Join(folder, compose.Manifest), b, 0o600) != nil {
		return 1
	}
	return 0
}

// world is the meeting and the machine as the fakes see them.
type world struct {
	t      *testing.T
	folder string
	tools  Tools
	limits Limits

	mu       sync.Mutex
	scene    platform.Observation
	enter    error // what Enter returns
	noFrames bool
	noVideo  bool       // the page keeps the encoded video to itself
	hushed   time.Time  // frames come, but none of audio since then; zero: they do
	track    time.Time  // the last audio of the one track; zero: none came
	noStage  error      // why the machine cannot film
	engine   bot.Engine // that the platform needs
	stages   int        // opened so far
	full     bool
	opened   int
	looks    int
	openedAt time.Time   // the first one
	entered  []time.Time // when the bot asked to be let in
	said     []string
	mute     error  // what Say returns
	busy     bool   // the page's menus are open
	pauses   []bool // what the recorders were told
	left     int
	shown    [][]byte     // on the camera
	lit      int          // how often the camera was switched on
	dark     error        // what ShowCamera returns
	browser  *fakeBrowser // the latest
	noOpen   error
	closed   []time.Time          // the recorders
	sources  []tracks.Contributor // what the recorder hears
}

func newWorld(t *testing.T, change func(*bot.Spec)) *world {
	t.Helper()
	w := &world{t: t, folder: t.TempDir(), scene: platform.Observation{Stage: platform.StageJoining}}
	spec := bot.Spec{
		BotID: "b1", Name: "Steno", Platform: meeting.Meet, URL: "https://meet.example/abc-defg-hij",
		Mode: bot.AudioOnly, Timeouts: bot.DefaultTimeouts(),
	}
	if change != nil {
		change(&spec)
	}
	if err := WriteSpec(w.folder, spec); err != nil {
		t.Fatal(err)
	}
	w.limits = Limits{Look: 20 * time.Millisecond, Answer: 300 * time.Millisecond, MinFree: 1}
	w.tools = Tools{
		Open: func(context.Context, Opening) (Browser, error) { return w.open() },
		Record: func(o tracks.Options) (Recorder, error) {
			return &fakeRecorder{w: w, first: o.FirstFrame, listens: o.Listen}, nil
		},
		Stage:    func(_ context.Context, o screen.Options) (Stage, error) { return w.stage(o) },
		CanFilm:  func(bot.Spec) error { return w.noStage },
		Adapter:  func(bot.Spec) (platform.Adapter, error) { return fakeAdapter{w}, nil },
		Composer: w.composer(""),
	}
	return w
}

func (w *world) composer(dies string) func(string) *exec.Cmd {
	return func(folder string) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "STENO_TEST_COMPOSE="+folder, "STENO_TEST_COMPOSE_DIES="+dies)
		return cmd
	}
}

func (w *world) open() (Browser, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.opened++
	if w.opened == 1 {
		w.openedAt = time.Now()
	}
	if w.noOpen != nil {
		return nil, w.noOpen
	}
	w.browser = &fakeBrowser{done: make(chan struct{}), crashed: make(chan struct{})}
	return w.browser, nil
}

func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) show(o platform.Observation) { w.set(func() { w.scene = o }) }

// inCall is a scene with two people beside the bot, which has that id.
func inCall(self string) platform.Observation {
	return platform.Observation{Stage: platform.StageInCall, Roster: []platform.Person{
		{ID: self, Name: "Steno", Self: true}, {ID: "p1", Name: "Ann"}, {ID: "p2", Name: "Ben"},
	}}
}

// process is one bot process on the world's folder.
type process struct {
	w     *world
	stop  context.CancelFunc
	leave chan string
	ended chan error
}

func (w *world) start() *process {
	ctx, cancel := context.WithCancel(w.t.Context())
	p := &process{w: w, stop: cancel, leave: make(chan string, 1), ended: make(chan error, 1)}
	go func() {
		p.ended <- Run(ctx, Options{
			Folder: w.folder, Tools: w.tools, Limits: w.limits, Leave: p.leave,
			Clock: clock.System{}, Log: slog.New(slog.DiscardHandler),
		})
	}()
	return p
}

// wait returns what Run returned.
func (p *process) wait() error {
	p.w.t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(30 * time.Second):
		p.w.t.Fatalf("the bot does not end; journal: %s", p.w.story())
		return nil
	}
}

// until waits for a journal of which ok holds.
func (w *world) until(what string, ok func([]journal.Entry) bool) []journal.Entry {
	w.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if entries := w.entries(); ok(entries) {
			return entries
		}
	}
	w.t.Fatalf("no %s in the journal: %s", what, w.story())
	return nil
}

func (w *world) untilState(code bot.Status) {
	w.t.Helper()
	w.until(string(code), func(entries []journal.Entry) bool {
		for _, e := range entries {
			if e.State != nil && e.State.Code == code {
				return true
			}
		}
		return false
	})
}

func (w *world) entries() []journal.Entry {
	w.t.Helper()
	entries, err := journal.Read(w.folder)
	if err != nil {
		w.t.Fatal(err)
	}
	return entries
}

func (w *world) story() string {
	b, _ := os.ReadFile(filepath.Join(w.folder, journal.File))
	return string(b)
}

func states(entries []journal.Entry) (codes []bot.Status) {
	for _, e := range entries {
		if e.State != nil {
			codes = append(codes, e.State.Code)
		}
	}
	return codes
}

func gaps(entries []journal.Entry) (list []journal.Gap) {
	for _, e := range entries {
		if e.Gap != nil {
			list = append(list, *e.Gap)
		}
	}
	return list
}

type fakeBrowser struct {
	platform.Page // only what is used is there
	mu            sync.Mutex
	hung          bool
	severed       bool // no frames, and no connection
	done, crashed chan struct{}
	once          sync.Once
}

func (b *fakeBrowser) Ping(ctx context.Context) error {
	b.mu.Lock()
	hung := b.hung
	b.mu.Unlock()
	if hung {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}
func (b *fakeBrowser) hang()                                   { b.mu.Lock(); b.hung = true; b.mu.Unlock() }
func (b *fakeBrowser) sever()                                  { b.mu.Lock(); b.severed = true; b.mu.Unlock() }
func (b *fakeBrowser) cut() bool                               { b.mu.Lock(); defer b.mu.Unlock(); return b.severed }
func (b *fakeBrowser) die()                                    { b.once.Do(func() { close(b.done) }) }
func (b *fakeBrowser) Done() <-chan struct{}                   { return b.done }
func (b *fakeBrowser) Crashed() <-chan struct{}                { return b.crashed }
func (b *fakeBrowser) Console() []string                       { return []string{"a line"} }
func (b *fakeBrowser) PID() int                                { return 1 }
func (b *fakeBrowser) Usage() (browser.Usage, error)           { return browser.Usage{PSS: 1}, nil }
func (b *fakeBrowser) Close() error                            { b.die(); return nil }
func (b *fakeBrowser) AddScript(context.Context, string) error { return nil }
func (b *fakeBrowser) Eval(_ context.Context, _ string, out any) error {
	if html, ok := out.(*string); ok {
		*html = "<html></html>"
		return nil
	}
	return errors.New("no page")
}
func (b *fakeBrowser) Shot(context.Context) ([]byte, error)       { return []byte("jpeg"), nil }
func (b *fakeBrowser) Screenshot(context.Context) ([]byte, error) { return []byte("png"), nil }

// fakeStage films as soon as it is told to.
type fakeStage struct {
	o       screen.Options
	mu      sync.Mutex
	rolling bool
}

func (w *world) stage(o screen.Options) (Stage, error) {
	w.set(func() { w.stages++ })
	return &fakeStage{o: o}, nil
}

func (s *fakeStage) Env() []string { return []string{"DISPLAY=:7"} }
func (s *fakeStage) Record(int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rolling = true
	_, err := s.o.Journal.Append(journal.Entry{Track: &journal.Track{ID: screen.TrackID, Source: "screen", Screen: true}})
	return err
}
func (s *fakeStage) Activity() screen.Activity {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.rolling {
		return screen.Activity{}
	}
	return screen.Activity{LastFrame: time.Now(), LastSound: time.Now(), Bytes: 1}
}
func (s *fakeStage) Failed() <-chan struct{} { return nil }
func (s *fakeStage) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.rolling {
		return nil
	}
	s.rolling = false
	_, err := s.o.Journal.Append(journal.Entry{Track: &journal.Track{ID: screen.TrackID, Source: "screen", Screen: true, Ended: true}})
	return err
}
func (s *fakeStage) Close() error { return nil }

type fakeRecorder struct {
	w       *world
	first   func(int64)
	listens bool
	once    sync.Once
	closed  time.Time
}

func (r *fakeRecorder) Script() string { return "" }
func (r *fakeRecorder) Addr() string   { return "" }
func (r *fakeRecorder) Tracks() []tracks.TrackInfo {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	return []tracks.TrackInfo{{ID: "t1", Kind: "audio", MediaID: "m1", LastFrame: r.w.track, LastSound: r.w.track}}
}
func (r *fakeRecorder) Contributors() []tracks.Contributor {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	return r.w.sources
}
func (r *fakeRecorder) Activity() tracks.Activity {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	if !r.closed.IsZero() {
		return tracks.Activity{LastFrame: r.closed}
	}
	if r.w.noFrames || r.w.scene.Stage != platform.StageInCall || r.w.browser.silent() {
		return tracks.Activity{}
	}
	now := time.Now()
	if r.w.browser.cut() {
		return tracks.Activity{LastFrame: now.Add(-time.Minute), Down: now.Add(-time.Minute)}
	}
	if r.listens {
		return tracks.Activity{}
	}
	r.once.Do(func() { r.first(now.UnixMicro()) })
	a := tracks.Activity{LastFrame: now, LastAudio: now, LastSound: now, AudioFrames: 1, NeedsScreen: r.w.noVideo}
	if !r.w.hushed.IsZero() {
		a.LastAudio = r.w.hushed
	}
	return a
}
func (r *fakeRecorder) Err() error {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	if r.w.full {
		return tracks.ErrDiskFull
	}
	return nil
}
func (r *fakeRecorder) Pause(_ time.Time, on bool) {
	r.w.set(func() { r.w.pauses = append(r.w.pauses, on) })
}
func (r *fakeRecorder) Say([]int16)   {}
func (r *fakeRecorder) Show(b []byte) { r.w.set(func() { r.w.shown = append(r.w.shown, b) }) }

// Close ends the frames, which came until then.
func (r *fakeRecorder) Close() error {
	r.w.set(func() { r.closed = time.Now(); r.w.closed = append(r.w.closed, r.closed) })
	return nil
}

func (b *fakeBrowser) silent() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.hung }

type fakeAdapter struct{ w *world }

func (a fakeAdapter) Scripts(platform.Join) []string { return nil }
func (a fakeAdapter) Engine() bot.Engine             { return a.w.engine }
func (a fakeAdapter) Enter(ctx context.Context, _ platform.Page, join platform.Join) error {
	if join.Knock != nil {
		if err := join.Knock(ctx); err != nil {
			return err
		}
	}
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	a.w.entered = append(a.w.entered, time.Now())
	return a.w.enter
}
func (a fakeAdapter) Observe(context.Context, platform.Page) (platform.Observation, error) {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	a.w.looks++
	return a.w.scene, nil
}
func (a fakeAdapter) Busy() bool {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	return a.w.busy
}

func (a fakeAdapter) Say(_ context.Context, _ platform.Page, text string) error {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	if a.w.mute != nil {
		return a.w.mute
	}
	a.w.said = append(a.w.said, text)
	return nil
}
func (a fakeAdapter) ShowCamera(context.Context, platform.Page) error {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	a.w.lit++
	return a.w.dark
}
func (a fakeAdapter) Leave(context.Context, platform.Page) error {
	a.w.set(func() { a.w.left++ })
	return nil
}

var (
	system = clock.System{}
	quiet  = slog.New(slog.DiscardHandler)
)
