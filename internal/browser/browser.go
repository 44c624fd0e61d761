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
	"log/slog"
	"time"
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
	Log   *slog.Logger
}

// Usage is what a process tree takes.
type Usage struct {
	Processes int
	PSS       int64         // bytes, shared pages divided among their users
	CPU       time.Duration // of all living and reaped processes, since their start
}

// Permission is a name of the DevTools protocol's Browser.PermissionType.
type Permission string

// The permissions that a meeting page asks for.
const (
	Microphone Permission = "audioCapture"
	Camera     Permission = "videoCapture"
)

// Driver is what Browser offers beyond platform.Page; it exists to document
// the surface in one place.
type driver interface {
	// Grant gives the origin ("https://meet.example") permissions without
	// asking, and refuses it all others.
	Grant(ctx context.Context, origin string, permissions ...Permission) error
	// Press presses a key once: "Enter", "Escape", "Tab" or one character.
	Press(ctx context.Context, key string) error
	// Ping asks the page for a number. An error (or ctx's end) means that the
	// page hangs or is gone.
	Ping(ctx context.Context) error
	// Done is closed when the browser process is gone, for whatever reason.
	Done() <-chan struct{}
	// Crashed is closed when the page's renderer crashed.
	Crashed() <-chan struct{}
	// Console returns the last lines that page and browser wrote, oldest
	// first, at most 200.
	Console() []string
	// PID is the browser's process id, also that of its process group.
	PID() int
	// Usage adds up the browser's process tree.
	Usage() (Usage, error)
	// Close kills the process group, reaps it and removes the profile. It may
	// be called more than once and at any time.
	Close() error
}

var _ driver = (*Browser)(nil)
