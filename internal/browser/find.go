package browser

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// installed lists where browsers are found, the thriftiest first. The real
// binaries come before what is on the PATH: Debian's /usr/bin wrappers do not
// exec, so that killing one orphans the browser.
var installed = []string{
	"/usr/lib/chromium/chromium-headless-shell",
	"/usr/lib/chromium/headless_shell",
	"/usr/lib/chromium/chromium",
	"/opt/google/chrome/chrome",
	"chrome-headless-shell",
}

// ErrNoBrowser is wrapped by Find and Launch when there is nothing to run.
var ErrNoBrowser = errors.New("no browser found")

// Find returns the program to run: named if set, else $STENO_BROWSER, else the
// first that is installed. The error says what to do.
func Find(named string) (string, error) {
	return lookUp(cmp.Or(named, os.Getenv("STENO_BROWSER")), installed)
}

// FindHeaded is like Find for a browser with a window. The headless shell has
// none, so that a name which is a shell's is passed over.
func FindHeaded(named string) (string, error) {
	named = cmp.Or(named, os.Getenv("STENO_BROWSER"))
	if base := filepath.Base(named); strings.Contains(base, "headless") {
		named = ""
	}
	path, err := lookUp(named, installed[2:4])
	if errors.Is(err, ErrNoBrowser) && named == "" {
		return "", fmt.Errorf("%w that can show a window; install one with: apt-get install chromium", ErrNoBrowser)
	}
	return path, err
}

func lookUp(named string, places []string) (string, error) {
	if named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("%w: %q is not a program that can be run (%w)", ErrNoBrowser, named, err)
		}
		return path, nil
	}
	for _, place := range places {
		if path, err := exec.LookPath(place); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w; install one with: apt-get install chromium-headless-shell, or name one with --browser or STENO_BROWSER", ErrNoBrowser)
}
