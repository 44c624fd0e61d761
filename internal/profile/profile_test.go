package profile

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func shelf(t *testing.T) Shelf {
	return Shelf{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
}

func TestOnlyPrivateProfilesAreListed(t *testing.T) {
	s := shelf(t)
	for _, name := range []string{"Notes", "Ada Blue", "open", ".hidden"} {
		write(t, filepath.Join(s.Path("meet", name), "Default", "Cookies"), "c")
	}
	write(t, filepath.Join(s.Dir, "meet", "file"), "")
	if err := os.Chmod(s.Path("meet", "open"), 0o750); err != nil {
		t.Fatal(err)
	}
	if got := s.Names("meet"); !slices.Equal(got, []string{"Ada Blue", "Notes"}) {
		t.Errorf("profiles %q", got)
	}
	if got := append(s.Names("teams"), Shelf{}.Names("meet")...); len(got) > 0 {
		t.Errorf("profiles %q of what has none", got)
	}
}

// A bot has a copy of its own, without caches and a browser's marks, readable by
// nobody else; nobody else gets the profile meanwhile, and nothing is left.
func TestLoan(t *testing.T) {
	s := shelf(t)
	from, to := s.Path("meet", "Notes"), filepath.Join(t.TempDir(), "copy")
	write(t, filepath.Join(from, "Default", "Cookies"), "cookie")
	write(t, filepath.Join(from, "Default", "Cache", "x"), "cache")
	write(t, filepath.Join(to, "stale"), "of a bot that was killed")
	if err := os.Symlink("host-1", filepath.Join(from, "SingletonLock")); err != nil {
		t.Fatal(err)
	}
	l, err := Borrow(from, to)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	_ = filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(to, path)
		names = append(names, rel)
		if st, err := os.Stat(path); err != nil || st.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s may be read by others: %v", rel, err)
		}
		return err
	})
	if !slices.Equal(names, []string{".", "Default", "Default/Cookies"}) {
		t.Errorf("copied %q", names)
	}
	if _, err := Borrow(from, to+"2"); !errors.Is(err, ErrBusy) {
		t.Errorf("a second loan: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy is left: %v", err)
	}
	if l, err = Borrow(from, to); err != nil {
		t.Fatalf("after it was given back: %v", err)
	}
	l.Close()
}

func TestWhatCannotBeBorrowed(t *testing.T) {
	s := shelf(t)
	open := s.Path("meet", "open")
	write(t, filepath.Join(open, "x"), "")
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{open, s.Path("meet", "none")} {
		to := filepath.Join(t.TempDir(), "copy")
		if _, err := Borrow(from, to); err == nil {
			t.Errorf("%s was borrowed", from)
		}
		if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("something is left: %v", err)
		}
	}
	for _, name := range []string{"", ".", "..", "a/b", ".x"} {
		if Valid(name) == nil {
			t.Errorf("%q may be the name of a profile", name)
		}
	}
}
