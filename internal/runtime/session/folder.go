package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"steno/internal/bot"
)

// Files of a bot's folder, beside the journal and the segments.
const (
	SpecFile    = "spec.json"
	LockFile    = "lock"
	PIDFile     = "pid"
	SocketFile  = "control.sock"
	EvidenceDir = "evidence"

	ballastFile = "ballast"
	ballastSize = 256 << 10
)

// ErrBusy is returned when another living process works on the folder.
var ErrBusy = errors.New("another process holds the lock of the bot's folder")

// WriteSpec makes the folder, if it is not there, and puts the spec into it.
// Both are readable for their owner only.
func WriteSpec(folder string, spec bot.Spec) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make bot folder: %w", err)
	}
	b, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return fmt.Errorf("write spec: %w", err)
	}
	// Written beside and renamed: a spec is whole or absent.
	tmp := filepath.Join(folder, SpecFile+".new")
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write spec: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(folder, SpecFile)); err != nil {
		return fmt.Errorf("write spec: %w", err)
	}
	return nil
}

// ReadSpec reads the spec of a bot's folder.
func ReadSpec(folder string) (bot.Spec, error) {
	var spec bot.Spec
	b, err := os.ReadFile(filepath.Join(folder, SpecFile))
	if err != nil {
		return spec, fmt.Errorf("read spec: %w", err)
	}
	if err := json.Unmarshal(b, &spec); err != nil {
		return spec, fmt.Errorf("read spec: %w", err)
	}
	if spec.URL == "" || spec.Platform == "" || spec.Mode == "" {
		return spec, fmt.Errorf("read spec: url, platform and mode are required")
	}
	if spec.Timeouts == (bot.Timeouts{}) {
		spec.Timeouts = bot.DefaultTimeouts()
	}
	return spec, nil
}

// Alive reports whether a process holds the folder's lock.
func Alive(folder string) bool {
	f, err := os.OpenFile(filepath.Join(folder, LockFile), os.O_RDWR, 0)
	if err != nil {
		return false // never locked
	}
	defer f.Close()
	return errors.Is(flock(f, unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// lock takes the folder's lock until the file is closed or the process dies.
// The file is opened close-on-exec, so that no child can keep it.
func lock(folder string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(folder, LockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock bot folder: %w", err)
	}
	err = flock(f, unix.LOCK_EX|unix.LOCK_NB)
	// Alive holds the lock for an instant; that is no other bot.
	for try := 0; errors.Is(err, unix.EWOULDBLOCK) && try < 10; try++ {
		time.Sleep(10 * time.Millisecond)
		err = flock(f, unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrBusy
		}
		return nil, fmt.Errorf("lock bot folder: %w", err)
	}
	return f, nil
}

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// ReadPID returns the id of the process that last held the folder, 0 if there
// was none. Only meaningful while Alive.
func ReadPID(folder string) int {
	b, err := os.ReadFile(filepath.Join(folder, PIDFile))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(string(b))
	if err != nil || pid < 2 {
		return 0
	}
	return pid
}

func writePID(folder string) error {
	if err := os.WriteFile(filepath.Join(folder, PIDFile), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return fmt.Errorf("write pid: %w", err)
	}
	return nil
}

// The ballast is space held in reserve: when the disk is full it is dropped,
// so that the journal can still say how the bot ended.
func loadBallast(folder string) {
	f, err := os.OpenFile(filepath.Join(folder, ballastFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	_ = syscall.Fallocate(int(f.Fd()), 0, 0, ballastSize)
}

func dropBallast(folder string) { _ = os.Remove(filepath.Join(folder, ballastFile)) }

// freeSpace returns the bytes that are left for us on the folder's file
// system, and its size.
func freeSpace(folder string) (free, size int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(folder, &st); err != nil {
		return 0, 0, fmt.Errorf("look at free space: %w", err)
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize, nil
}

// FreeSpace returns the bytes that are left on the folder's file system.
func FreeSpace(folder string) (int64, error) {
	free, _, err := freeSpace(folder)
	return free, err
}
