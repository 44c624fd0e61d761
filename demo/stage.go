package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Stage is a Steno server as a user would start it: a process of its own with
// an empty data folder, a key made by `steno key create`, reached over HTTP. It
// can be killed and started again on the same data.
type Stage struct {
	Client
	opts StageOptions
	addr string

	mu   sync.Mutex
	cmd  *exec.Cmd
	dead chan struct{}
	log  *os.File
}

// StageOptions says how to set the stage.
type StageOptions struct {
	Binary string   // the steno program
	Data   string   // its data folder
	Args   []string // more arguments of `steno serve`
	Env    []string // more environment, KEY=value
	Listen string   // default: a free loopback port
	// Pushed: calendar services are given the server's own address for their
	// pushes, which simulators take.
	Pushed bool
}

// NewStage prepares a stage and makes an API key. Start starts the server.
func NewStage(ctx context.Context, o StageOptions) (*Stage, error) {
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return nil, fmt.Errorf("set the stage: %w", err)
	}
	s := &Stage{opts: o, addr: o.Listen}
	if s.addr == "" {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		s.addr = "127.0.0.1:" + strconv.Itoa(port)
	}
	key, err := s.Command(ctx, "key", "create", "--name", "stage")
	if err != nil {
		return nil, err
	}
	s.Client = Client{Base: "http://" + s.addr, Key: key}
	return s, nil
}

// Command runs another steno command on the stage's data and returns what it
// prints, trimmed.
func (s *Stage) Command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.opts.Binary, args...)
	cmd.Env = s.env()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("steno %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// Start starts the server and returns when it answers /health.
func (s *Stage) Start(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(s.opts.Data, "serve.log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	cmd := exec.Command(s.opts.Binary, append([]string{"serve", "--listen", s.addr}, s.opts.Args...)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env(), log, log
	if err := cmd.Start(); err != nil {
		log.Close()
		return fmt.Errorf("start the server: %w", err)
	}
	dead := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		log.Close()
		close(dead)
	}()
	s.mu.Lock()
	s.cmd, s.dead, s.log = cmd, dead, log
	s.mu.Unlock()
	return s.waitReady(ctx, dead)
}

func (s *Stage) waitReady(ctx context.Context, dead <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Base+"/health", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-dead:
			return fmt.Errorf("the server ended at once:\n%s", s.Log())
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer /health: %w\n%s", ctx.Err(), s.Log())
		case <-tick.C:
		}
	}
}

// PID is the server's process id.
func (s *Stage) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Pid
}

// Kill kills the server with SIGKILL and waits until it is gone. Bots go on.
func (s *Stage) Kill() error { return s.signal(syscall.SIGKILL, 10*time.Second) }

// Stop asks the server to stop and waits until it is gone. Bots go on. It does
// nothing if the server is not running.
func (s *Stage) Stop() error { return s.signal(syscall.SIGTERM, 30*time.Second) }

func (s *Stage) signal(sig syscall.Signal, patience time.Duration) error {
	s.mu.Lock()
	cmd, dead := s.cmd, s.dead
	s.mu.Unlock()
	if cmd == nil {
		return nil
	}
	if err := cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-dead:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("the server is still there %v after %v", patience, sig)
	}
}

// Log returns the last part of what the server printed.
func (s *Stage) Log() string {
	f, err := os.Open(filepath.Join(s.opts.Data, "serve.log"))
	if err != nil {
		return ""
	}
	defer f.Close()
	const tail = 16 << 10
	if end, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, end-tail), io.SeekStart)
	}
	data, _ := io.ReadAll(f)
	return string(data)
}

// BotFolder is where a bot of this server keeps its journal and segments.
func (s *Stage) BotFolder(id string) string { return filepath.Join(s.opts.Data, "bots", id) }

// BotPID returns the process id of a running bot.
func (s *Stage) BotPID(id string) (int, error) {
	data, err := os.ReadFile(filepath.Join(s.BotFolder(id), "pid"))
	if err != nil {
		return 0, fmt.Errorf("find the bot's process: %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}

func (s *Stage) env() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "STENO_DATA=" + s.opts.Data}
	if s.opts.Pushed {
		env = append(env, "STENO_PUSH_URL=http://"+s.addr)
	}
	return append(env, s.opts.Env...)
}

// freePort finds a port that is free now, and stays so while the server does not run:
// none that the system gives to outgoing connections (from 32,768 on, ip(7)).
func freePort() (port int, err error) {
	for range 20 {
		port = 20_000 + rand.IntN(12_000)
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("find a free port: %w", err)
}
