package session

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"steno/internal/child"
)

const (
	composeTries = 3
	composeNice  = 15
	composeLog   = "compose.log"
)

// composer keeps one child process that composes the folder, in the
// background of the meeting, and starts it again when it dies.
//
// start begins it; a second start does nothing. wait returns when it is
// through. stop kills it if it runs; it may be called at any time.
type composer struct {
	folder  string
	command func(folder string) *exec.Cmd
	log     *slog.Logger

	once    sync.Once
	done    chan struct{}
	err     error // valid when done is closed
	stopped chan struct{}
	halt    sync.Once
}

func newComposer(folder string, command func(string) *exec.Cmd, log *slog.Logger) *composer {
	return &composer{folder: folder, command: command, log: log, done: make(chan struct{}), stopped: make(chan struct{})}
}

func (c *composer) start() {
	c.once.Do(func() { go c.keep() })
}

// wait returns nil when the artifacts are there. A composer that died too often
// during the meeting gets as many tries again: its meeting is over now.
func (c *composer) wait() error {
	c.start()
	<-c.done
	if c.err != nil && !c.halted() {
		c.again()
	}
	return c.err
}

func (c *composer) halted() bool {
	select {
	case <-c.stopped:
		return true
	default:
		return false
	}
}

func (c *composer) stop() {
	c.halt.Do(func() { close(c.stopped) })
	c.once.Do(func() { close(c.done) }) // never started
	<-c.done
}

func (c *composer) keep() {
	defer close(c.done)
	c.again()
}

func (c *composer) again() {
	for try := 1; ; try++ {
		c.err = c.runOnce()
		if c.err == nil || try == composeTries {
			return
		}
		c.log.Warn("composer died", "try", try, "error", c.err)
		select {
		case <-c.stopped:
			return
		case <-time.After(time.Duration(try) * time.Second):
		}
	}
}

func (c *composer) runOnce() error {
	cmd := c.command(c.folder)
	out, err := os.OpenFile(filepath.Join(c.folder, composeLog), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		defer out.Close()
		cmd.Stdout, cmd.Stderr = out, out
	}
	// The composer does not outlive the bot: the next one starts its own.
	proc, err := child.Start(cmd)
	if err != nil {
		return fmt.Errorf("compose: %w", err)
	}
	_ = unix.Setpriority(unix.PRIO_PGRP, proc.PID(), composeNice)
	select {
	case <-proc.Done():
		if err := proc.Wait(); err != nil {
			return fmt.Errorf("compose: %w, see %s", err, composeLog)
		}
		return nil
	case <-c.stopped:
		proc.Kill()
		return errors.New("compose: stopped")
	}
}
