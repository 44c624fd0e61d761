package storetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Cluster is a private PostgreSQL server, with its files in a temporary
// directory and a free loopback port of its own. It ends with this process,
// however that ends.
type Cluster struct {
	url, bin, dir string
	port          int
	cred          *syscall.Credential
	options       []string
	cmd           *exec.Cmd
}

// NewCluster starts a server that a test may kill, and returns it with the URL of
// its database. What it has committed is on the disk.
func NewCluster(t testing.TB) (c *Cluster, databaseURL string) {
	t.Helper()
	c, err := newCluster()
	if err == nil {
		err = c.start()
	}
	if err != nil {
		t.Fatalf("a real PostgreSQL is needed: %v", err)
	}
	t.Cleanup(c.remove)
	return c, c.url
}

func newCluster(options ...string) (*Cluster, error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", prefix, os.Getpid()))
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin, dir: dir, options: options}
	if c.cred, err = credential(dir); err != nil {
		return nil, err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", c.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = dir, &syscall.SysProcAttr{Credential: c.cred}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if c.port, err = freePort(); err != nil {
		return nil, err
	}
	c.url = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", c.port)
	return c, nil
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) start() error {
	cmd := exec.Command(filepath.Join(c.bin, "postgres"), append([]string{"-D", c.data(), "-p", strconv.Itoa(c.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "logging_collector=off"}, c.options...)...)
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.cred, Pdeathsig: syscall.SIGQUIT}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.cmd = cmd
	return waitFor(c.url, log.Name())
}

// Start starts the server again and returns when it answers.
func (c *Cluster) Start(t testing.TB) {
	t.Helper()
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
}

// Kill kills all processes of the server with SIGKILL.
func (c *Cluster) Kill(t testing.TB) {
	t.Helper()
	all := c.processes()
	c.signal(syscall.SIGKILL)
	_ = c.cmd.Wait() // says "killed"
	// The next server refuses to start while one of them lives.
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		left := 0
		for _, pid := range all {
			if lives(pid) {
				left++
			}
		}
		if left == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d processes of PostgreSQL outlive SIGKILL", left)
		}
	}
}

// Freeze stops all processes of the server with SIGSTOP: it takes connections
// and never answers.
func (c *Cluster) Freeze() { c.signal(syscall.SIGSTOP) }

// Thaw has a frozen server go on.
func (c *Cluster) Thaw() { c.signal(syscall.SIGCONT) }

// signal reaches the parent first, so that it starts no more children.
func (c *Cluster) signal(sig syscall.Signal) {
	for _, pid := range c.processes() {
		_ = syscall.Kill(pid, sig) // it may have ended by itself
	}
}

func (c *Cluster) processes() []int {
	pid := c.cmd.Process.Pid
	all := []int{pid}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, child := range strings.Fields(string(text)) {
		if n, err := strconv.Atoi(child); err == nil {
			all = append(all, n)
		}
	}
	return all
}

// lives reports whether there is a process that is more than a line in a table.
func lives(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func (c *Cluster) remove() {
	c.signal(syscall.SIGCONT)
	_ = c.cmd.Process.Signal(syscall.SIGQUIT) // immediate shutdown; nothing in it is worth a checkpoint
	_ = c.cmd.Wait()
	_ = os.RemoveAll(c.dir)
}
