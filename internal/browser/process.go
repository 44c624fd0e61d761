package browser

import (
	"bufio"
	"errors"
	"fmt"
	"io"
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

// process is a child in a process group of its own that dies with us.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the whole group is gone and reaped
}

// start runs cmd. The kernel ties the parent-death signal to the thread that
// forks, so that thread is kept until the child is gone.
func start(cmd *exec.Cmd) (*process, error) {
	adoptOrphans()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &process{cmd: cmd, done: make(chan struct{})}
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
		// Nothing is learned from how it ended: that it ended is the news.
		_ = cmd.Wait()
		reap(cmd.Process.Pid)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// kill ends the group and waits until it is gone.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
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
		left := members(group)
		if len(left) == 0 {
			return
		}
		for _, pid := range left {
			_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// members lists the processes of a group, dead ones that nobody collected
// included.
func members(group int) []int {
	var pids []int
	for pid, st := range processes() {
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

// processes reads /proc. Processes that vanish meanwhile are left out.
func processes() map[int]procStat {
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

// tail keeps the last lines of a stream.
type tail struct {
	mu    sync.Mutex
	lines []string
}

const tailLines = 200

// follow reads until r ends.
func (t *tail) follow(r io.Reader) {
	br := bufio.NewReaderSize(r, 4<<10)
	for {
		line, err := br.ReadSlice('\n')
		if s := strings.TrimSpace(string(line)); s != "" {
			t.add(s)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, line)
}

func (t *tail) all() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.lines...)
}
