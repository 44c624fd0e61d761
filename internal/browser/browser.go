// Package browser launches and drives one Chromium for one bot: a process
// group with a profile of its own, spoken to over a pair of pipes, so that no
// port is open. It implements platform.Page.
//
// It knows nothing of meetings. It speaks the DevTools protocol itself rather
// than through chromedp, because a bot needs some fifteen commands, and what
// chromedp does besides (mirroring the document tree, enabling the console
// and network domains) costs processor time in every meeting and can be seen
// by the page.
package browser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"steno/internal/child"
)

// Options says which browser to launch and how. Only Dir is required.
type Options struct {
	// Path names the program; empty means Find's choice.
	Path string
	// Dir is an existing directory in which the profile is made; the profile
	// is removed by Close.
	Dir string
	// Profile, if set, is used in place of a fresh profile (a signed-in one)
	// and is kept.
	Profile string
	// Headed shows a window on the display that Env names, for the screen
	// engine. Needs a full Chromium, not the headless shell.
	Headed bool
	// Width and Height of the viewport in pixels; 1280 by 720 if zero.
	Width, Height int
	// Env is added to a small environment of our own ("DISPLAY=:7").
	Env []string
	// Flags are added to ours ("--proxy-server=…").
	Flags []string
	// InsecureTLS accepts any certificate.
	InsecureTLS bool
	// Sound lets the browser play audio on the system's devices, for the
	// screen engine. Without it nothing is opened.
	Sound bool
	// Loopback lets WebRTC use 127.0.0.1, for a meeting on this very machine.
	Loopback bool
	// Confine, if set, bounds what the browser reaches. Nil: whatever this
	// machine does.
	Confine *Confine
	Log     *slog.Logger
}

// Usage is what a process tree takes.
type Usage = child.Usage

// TreeUsage adds up a process and its descendants as they stand.
func TreeUsage(root int) (Usage, error) { return child.TreeUsage(root) }

// Permission is a name of the DevTools protocol's Browser.PermissionType.
type Permission string

// The permissions that a meeting page asks for.
const (
	Microphone Permission = "audioCapture"
	Camera     Permission = "videoCapture"
)

// errCrashed is what calls return once the page's renderer is gone.
var errCrashed = errors.New("the page's renderer crashed")

// Browser is a running browser with one page. Its methods may be called from
// any goroutine.
type Browser struct {
	proc    *child.Process
	pipe    *pipe
	log     *slog.Logger
	console child.Tail
	loads   loadWatch

	target, session string // ids of the page
	width, height   int    // of the viewport

	crashOnce sync.Once
	crashed   chan struct{}

	profile string // to be removed, if ours
	temp    string // to be removed, if set
	closing sync.Once
	done    chan struct{} // closed when nothing of the browser is left
}

// Launch starts a browser and waits until its page answers. The browser does
// not outlive this process. ctx bounds the start only.
func Launch(ctx context.Context, o Options) (*Browser, error) {
	o = o.withDefaults()
	find := Find
	if o.Headed {
		find = FindHeaded
	}
	path, err := find(o.Path)
	if err != nil {
		return nil, err
	}
	b := &Browser{log: o.Log, width: o.Width, height: o.Height, crashed: make(chan struct{}), done: make(chan struct{})}
	profile := o.Profile
	if profile == "" {
		profile = filepath.Join(o.Dir, profileDir)
		b.profile = profile
		// A predecessor that was killed may have left its own.
		if err := errors.Join(os.RemoveAll(profile), os.MkdirAll(profile, 0o700)); err != nil {
			return nil, fmt.Errorf("launch browser: %w", err)
		}
	}
	if err := b.start(path, o, profile); err != nil {
		b.removeProfile()
		return nil, fmt.Errorf("launch browser: %w", err)
	}
	err = b.attach(ctx)
	if err == nil {
		err = b.confine(ctx, o.Confine)
	}
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("launch browser %s: %w; it said:\n%s", path, err, strings.Join(b.Console(), "\n"))
	}
	return b, nil
}

// profileDir is the name of the profile within Options.Dir.
const profileDir = "browser-profile"

func (o Options) withDefaults() Options {
	if o.Width == 0 || o.Height == 0 {
		o.Width, o.Height = 1280, 720
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func (b *Browser) start(path string, o Options, profile string) error {
	cmd := exec.Command(path, o.flags(profile)...)
	temp, err := b.tempDir(o, profile)
	if err != nil {
		return err
	}
	cmd.Env = append(environment(profile, temp), o.Env...)
	var files [3]struct{ r, w *os.File } // commands, answers, standard error
	for i := range files {
		r, w, err := os.Pipe()
		if err != nil {
			for _, f := range files[:i] {
				f.r.Close()
				f.w.Close()
			}
			return err
		}
		files[i].r, files[i].w = r, w
	}
	commands, answers, stderr := files[0], files[1], files[2]
	cmd.ExtraFiles = []*os.File{commands.r, answers.w}
	cmd.Stderr = stderr.w
	proc, err := child.Start(cmd)
	for _, f := range []*os.File{commands.r, answers.w, stderr.w} {
		f.Close()
	}
	if err != nil {
		for _, f := range []*os.File{commands.w, answers.r, stderr.r} {
			f.Close()
		}
		return err
	}
	b.proc = proc
	go func() {
		defer stderr.r.Close()
		b.console.Follow(stderr.r, nil)
	}()
	b.pipe = newPipe(answers.r, commands.w, b.event)
	go func() {
		<-b.pipe.gone
		b.proc.Kill() // one that cannot be spoken to is of no use
	}()
	go b.wait(answers.r)
	return nil
}

// maxTemp is the longest directory for temporary files that a full Chromium
// works with: it makes a socket in there, whose address has 108 bytes.
const maxTemp = 60

// tempDir is where the browser may leave things behind; it goes with the
// profile.
func (b *Browser) tempDir(o Options, profile string) (string, error) {
	if !o.Headed || len(profile) <= maxTemp {
		return profile, nil
	}
	temp, err := os.MkdirTemp("", "steno-browser-")
	b.temp = temp
	return temp, err
}

// environment is what a browser needs of ours; secrets stay out.
func environment(profile, temp string) []string {
	env := []string{"HOME=" + profile, "TMPDIR=" + temp}
	for _, key := range []string{"PATH", "LANG", "TZ", "XDG_RUNTIME_DIR", "FONTCONFIG_PATH", "FONTCONFIG_FILE", "SSL_CERT_DIR", "SSL_CERT_FILE"} {
		if v, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+v)
		}
	}
	return env
}

// wait cleans up behind the browser, whoever ended it.
func (b *Browser) wait(answers *os.File) {
	<-b.proc.Done()
	// A reader may still hang on the pipe if a child inherited it.
	answers.Close()
	b.removeProfile()
	close(b.done)
}

func (b *Browser) removeProfile() {
	for _, dir := range []string{b.profile, b.temp} {
		if dir == "" {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			b.log.Warn("browser profile not removed", "error", err)
		}
	}
}

// attach takes hold of the page that the browser opens with.
func (b *Browser) attach(ctx context.Context) error {
	var targets struct {
		Infos []struct {
			ID   string `json:"targetId"`
			Type string `json:"type"`
		} `json:"targetInfos"`
	}
	for b.target == "" {
		if err := b.pipe.call(ctx, "", "Target.getTargets", nil, &targets); err != nil {
			return err
		}
		for _, t := range targets.Infos {
			if t.Type == "page" {
				b.target = t.ID
			}
		}
		if b.target != "" {
			break
		}
		select { // a full Chromium opens its window a moment later
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var attached struct {
		Session string `json:"sessionId"`
	}
	err := b.pipe.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": b.target, "flatten": true}, &attached)
	if err != nil {
		return err
	}
	b.session = attached.Session
	for _, c := range []struct {
		session, method string
		params          any
	}{
		{"", "Target.setDiscoverTargets", map[string]any{"discover": true}},
		{b.session, "Inspector.enable", nil},
		{b.session, "Page.enable", nil},
		{b.session, "Page.setLifecycleEventsEnabled", map[string]any{"enabled": true}},
		// Without this a strict page refuses the worker of the recorder.
		{b.session, "Page.setBypassCSP", map[string]any{"enabled": true}},
	} {
		if err := b.pipe.call(ctx, c.session, c.method, c.params, nil); err != nil {
			return err
		}
	}
	return b.Ping(ctx)
}

// call sends a command to the page.
func (b *Browser) call(ctx context.Context, method string, params, out any) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-b.crashed:
			cancel(errCrashed)
		case <-ctx.Done():
		}
	}()
	err := b.pipe.call(ctx, b.session, method, params, out)
	if err != nil && errors.Is(context.Cause(ctx), errCrashed) {
		return fmt.Errorf("%s: %w", method, errCrashed)
	}
	return err
}

func (b *Browser) crash() { b.crashOnce.Do(func() { close(b.crashed) }) }

// Done is closed when the browser is gone, for whatever reason, and nothing of
// it is left. One that closes its end of the protocol's pipes is ended.
func (b *Browser) Done() <-chan struct{} { return b.done }

// Crashed is closed when the page's renderer crashed. The browser itself is
// still there and wants to be closed.
func (b *Browser) Crashed() <-chan struct{} { return b.crashed }

// Console returns the last lines that page and browser wrote, oldest first, at
// most 200.
func (b *Browser) Console() []string { return b.console.Lines() }

// PID is the browser's process id, also that of its process group.
func (b *Browser) PID() int { return b.proc.PID() }

// Usage adds up the browser's process tree.
func (b *Browser) Usage() (Usage, error) { return TreeUsage(b.PID()) }

// Close kills the browser, reaps its processes and removes its profile. It may
// be called more than once and at any time.
func (b *Browser) Close() error {
	b.closing.Do(b.proc.Kill)
	<-b.done
	if b.profile != "" {
		if _, err := os.Stat(b.profile); err == nil {
			return fmt.Errorf("close browser: profile %s could not be removed", b.profile)
		}
	}
	return nil
}
