package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"steno/internal/runtime/session"
)

const (
	botLog     = "bot.log"
	pollDeath  = 500 * time.Millisecond
	statusLost = -1 // the process was not our child, or died by a signal
)

// process is a living bot process: a child of ours, or one that an earlier
// server started.
type process struct {
	pid   int
	fd    int // pidfd
	child *os.Process
}

// spawn starts a bot process that outlives us. Its environment is small on
// purpose: nothing of what the server knows is in it. secret, if there is one, goes
// through a pipe: it is in no file, and neither in the arguments nor in the
// environment, which others can read.
func spawn(program, folder string, secret []byte, extra ...string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(folder, botLog), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open bot log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(program, append([]string{"bot", "--folder", folder}, extra...)...)
	if secret != nil {
		r, err := sealedPipe(secret)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		cmd.ExtraFiles = []*os.File{r} // number 3
		cmd.Args = append(cmd.Args, "--secret-fd=3")
	}
	cmd.Env = environment()
	cmd.Dir = folder
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start bot: %w", err)
	}
	fd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, fmt.Errorf("start bot: %w", err)
	}
	return &process{pid: cmd.Process.Pid, fd: fd, child: cmd.Process}, nil
}

// sealedPipe is a pipe that holds a text, which must be small, and ends with it.
func sealedPipe(text []byte) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start bot: %w", err)
	}
	defer w.Close()
	if _, err := w.Write(text); err != nil {
		r.Close()
		return nil, fmt.Errorf("start bot: %w", err)
	}
	return r, nil
}

// passed names the variables that bot processes get.
var passed = []string{"PATH", "HOME", "TMPDIR", "LANG", "TZ", "XDG_RUNTIME_DIR"}

func environment() []string {
	var env []string
	for _, name := range passed {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// adopt finds the living process of a folder, nil if there is none.
func adopt(ctx context.Context, folder string) (*process, error) {
	for session.Alive(folder) {
		if p := open(session.ReadPID(folder)); p != nil {
			// The lock is still held: the process is not one that got the id of a
			// dead bot meanwhile.
			if session.Alive(folder) {
				return p, nil
			}
			p.close()
		}
		// It holds the lock but has not written its id yet, or died just now.
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func open(pid int) *process {
	if pid == 0 {
		return nil
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil
	}
	return &process{pid: pid, fd: fd}
}

// wait returns the exit status of the process when it is dead, or ctx's error
// while it lives on. It may be called again after an error.
func (p *process) wait(ctx context.Context) (int, error) {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, int(pollDeath.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return statusLost, fmt.Errorf("wait for bot: %w", err)
		}
		if n > 0 {
			return p.reap(), nil
		}
		if ctx.Err() != nil {
			return statusLost, context.Cause(ctx)
		}
	}
}

func (p *process) reap() int {
	if p.child == nil {
		return statusLost
	}
	state, err := p.child.Wait()
	if err != nil {
		return statusLost
	}
	return state.ExitCode()
}

// kill kills the process; its browser and its composer die with it.
func (p *process) kill() {
	_ = unix.PidfdSendSignal(p.fd, unix.SIGKILL, nil, 0)
}

func (p *process) close() { _ = unix.Close(p.fd) }

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
