// Package profile keeps the browser profiles in which an operator has signed in
// to a meeting platform: a folder PLATFORM/NAME each, of which a bot gets a copy.
// NAME is how the account is called in meetings.
//
// A profile is a secret: who has it is signed in. It does not decide which bot
// gets which; package bot does.
package profile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrBusy is returned when a bot or a person uses the profile already.
var ErrBusy = errors.New("the profile is in use")

// Shelf is a folder of profiles. The zero value has none.
type Shelf struct {
	Dir string
	Log *slog.Logger
}

// Path is the folder of a profile, whether it is there or not.
func (s Shelf) Path(platform, name string) string { return filepath.Join(s.Dir, platform, name) }

// Names lists the profiles of a platform, in the order of their names. One that
// others than its owner may read is left out.
func (s Shelf) Names(platform string) []string {
	if s.Dir == "" {
		return nil
	}
	list, err := os.ReadDir(filepath.Join(s.Dir, platform))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.Log.Error("cannot look for signed-in profiles", "error", err)
	}
	var names []string
	for _, d := range list {
		if !d.IsDir() || Valid(d.Name()) != nil {
			continue
		}
		if err := private(s.Path(platform, d.Name())); err != nil {
			s.Log.Error("a signed-in profile is left out", "platform", platform, "profile", d.Name(), "error", err)
			continue
		}
		names = append(names, d.Name())
	}
	return names
}

// Valid refuses what cannot be the name of a profile.
func Valid(name string) error {
	if name == "" || strings.HasPrefix(name, ".") || strings.ContainsAny(name, "/\x00") || len(name) > 200 {
		return fmt.Errorf("%q cannot be the name of a profile", name)
	}
	return nil
}

func private(folder string) error {
	st, err := os.Stat(folder)
	if err == nil && st.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("others may read it; run: chmod 700 %q", folder)
	}
	return err
}

// Hold keeps everybody else from a profile until the file is closed, or the
// process ends. It returns ErrBusy while somebody has it.
func Hold(folder string) (io.Closer, error) {
	dir, err := os.Open(folder)
	if err != nil {
		return nil, fmt.Errorf("use profile: %w", err)
	}
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		dir.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrBusy
		}
		return nil, fmt.Errorf("use profile: %w", err)
	}
	return dir, nil
}

// Borrow copies a profile to a folder, which it makes anew, and holds it. Closing
// the loan removes the copy and gives the profile back.
func Borrow(from, to string) (io.Closer, error) {
	held, err := Hold(from)
	if err != nil {
		return nil, err
	}
	if err = private(from); err == nil {
		err = copyTo(from, to)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("use profile: %w", err), os.RemoveAll(to), held.Close())
	}
	return loan{held, to}, nil
}

type loan struct {
	held io.Closer
	copy string
}

func (l loan) Close() error { return errors.Join(os.RemoveAll(l.copy), l.held.Close()) }

// caches are folders of a Chromium profile that fill up again by themselves.
var caches = map[string]bool{
	"Cache": true, "Code Cache": true, "GPUCache": true, "DawnGraphiteCache": true, "DawnWebGPUCache": true, "GrShaderCache": true,
	"GraphiteDawnCache": true, "ShaderCache": true, "CacheStorage": true, "ScriptCache": true, "component_crx_cache": true,
	"Crashpad": true, "Crash Reports": true, "BrowserMetrics": true, "Safe Browsing": true,
}

// copyTo copies folders and plain files. What is neither (the links by which a
// running browser marks its profile) is left out.
func copyTo(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && caches[d.Name()]:
			return fs.SkipDir
		case d.IsDir():
			return os.Mkdir(filepath.Join(to, rel), 0o700)
		case d.Type().IsRegular():
			return copyFile(path, filepath.Join(to, rel))
		}
		return nil
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
