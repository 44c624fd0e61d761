package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// idle starts the program on a folder and prints how soon it is ready, and
// what it takes while nobody asks for anything.
func idle(o options, dir string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	addr := l.Addr().String()
	_ = l.Close()
	cmd := exec.Command(o.binary, "serve", "--data", dir, "--listen", addr, "--roles", "api,worker")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w (make build first)", err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	for {
		resp, err := http.Get("http://" + addr + "/health") //nolint:noctx // a loop with an end
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Since(begin) > 30*time.Second {
			return fmt.Errorf("not ready after 30 s")
		}
		time.Sleep(time.Millisecond)
	}
	ready := time.Since(begin)
	before := cpu(cmd.Process.Pid)
	const rest = 10 * time.Second
	time.Sleep(rest)
	used := cpu(cmd.Process.Pid) - before
	fmt.Printf("\nserver on that folder: ready after %d ms (goal 1000), idle %s of memory (goal 60 MB), %.1f %% of a core\n",
		ready.Milliseconds(), memory(cmd.Process.Pid), 100*used.Seconds()/rest.Seconds())
	return nil
}

func memory(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(kb), " kB"))
			return fmt.Sprintf("%d MB", n/1024)
		}
	}
	return "?"
}

// cpu returns the processor time of a process; a tick is 10 ms.
func cpu(pid int) time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
