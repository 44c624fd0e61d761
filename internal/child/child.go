// Package child starts programs that do not outlive this process: each in a
// process group of its own, killed by the kernel when we die, reaped together
// with all that it started. It reads /proc, so it is for Linux only.
//
// It knows nothing of what the programs do.
package child

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a running program with its process group.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid when done is closed
}

// Start runs cmd. The kernel ties the parent-death signal to the thread that
// forks, so that thread is kept until the child is gone.
func Start(cmd *exec.Cmd) (*Process, error) {
	adoptOrphans()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		defer close(p.done)
		p.err = cmd.Wait()
		reap(cmd.Process.Pid)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// PID is the process id, also that of the group.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the whole group is gone and reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits until the group is gone and returns how the program ended, as
// exec.Cmd.Wait does. It may be called more than once.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Spent is the processor time that the program took, with what it had reaped
// itself. It must have ended.
func (p *Process) Spent() time.Duration {
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// Kill ends the group and waits until it is gone. It may be called more than
// once.
func (p *Process) Kill() {
	select {
	case <-p.done: // the id may be somebody else's by now
		return
	default:
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// Interrupt asks the program to finish, and kills it if it has not by the end
// of grace.
func (p *Process) Interrupt(grace time.Duration) {
	_ = syscall.Kill(p.cmd.Process.Pid, syscall.SIGINT)
	select {
	case <-p.done:
	case <-time.After(grace):
		p.Kill()
	}
}

// adoptOrphans makes this process the parent of grandchildren whose parent
// died, so that it can reap them: in a container nobody else does.
var adoptOrphans = sync.OnceFunc(func() {
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
})

// reap kills and collects what is left of a process group whose leader is
// gone. It gives up after ten seconds: a process that the kernel does not let
// go must not hold us up for ever.
func reap(group int) {
	for range 500 {
		_ = syscall.Kill(-group, syscall.SIGKILL)
		left := Members(group)
		if len(left) == 0 {
			return
		}
		for _, pid := range left {
			_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Members lists the processes of a group, dead ones that nobody collected
// included.
func Members(group int) []int {
	var pids []int
	for pid, st := range all() {
		if st.group == group {
			pids = append(pids, pid)
		}
	}
	return pids
}

type procStat struct {
	parent, group int
	ticks         int64 // user and system time, own and of reaped children
}

// all reads /proc. Processes that vanish meanwhile are left out.
func all() map[int]procStat {
	stats := map[int]procStat{}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return stats
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		// The name in brackets may hold anything, so count from the last one.
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if len(fields) < 15 {
			continue
		}
		pid, _ := strconv.Atoi(strings.Split(f, "/")[2])
		var st procStat
		st.parent, _ = strconv.Atoi(fields[1])
		st.group, _ = strconv.Atoi(fields[2])
		for _, t := range fields[11:15] {
			n, _ := strconv.ParseInt(t, 10, 64)
			st.ticks += n
		}
		stats[pid] = st
	}
	return stats
}
