package compose

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"steno/internal/child"
)

// niceness of ffmpeg: recording goes before composing.
const niceness = 17

// program is an ffmpeg process with its pipes.
type program struct {
	name  string
	log   *slog.Logger
	proc  *child.Process
	in    io.WriteCloser // its standard input
	out   *os.File       // its standard output, nil unless asked for
	notes *os.File       // its file descriptor 3, nil unless asked for
	err   tailBuffer

	once sync.Once
	werr error
}

type pipes struct{ out, notes bool }

// spawn starts ffmpeg with args. The caller reads out and notes to their end
// and then calls wait, or calls kill.
func spawn(ctx context.Context, log *slog.Logger, ffmpeg, name string, p pipes, args ...string) (*program, error) {
	c := &program{name: name, log: log}
	cmd := exec.Command(ffmpeg, append([]string{"-hide_banner", "-nostdin", "-nostats", "-v", "error"}, args...)...)
	cmd.Stderr = &c.err
	r, w, err := bigPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c.in, cmd.Stdin = w, r
	theirs, ours := []*os.File{r}, []*os.File{w}
	open := func(set func(r, w *os.File)) {
		if err != nil {
			return
		}
		if r, w, err = bigPipe(); err == nil {
			theirs, ours = append(theirs, w), append(ours, r)
			set(r, w)
		}
	}
	if p.out {
		open(func(r, w *os.File) { c.out, cmd.Stdout = r, w })
	}
	if p.notes {
		open(func(r, w *os.File) { c.notes, cmd.ExtraFiles = r, []*os.File{w} })
	}
	if err == nil {
		c.proc, err = child.Start(cmd)
	}
	closeAll(theirs)
	if err != nil {
		closeAll(ours)
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	_ = unix.Setpriority(unix.PRIO_PGRP, c.proc.PID(), niceness)
	context.AfterFunc(ctx, c.proc.Kill)
	log.Debug("child started", "name", name, "pid", c.proc.PID())
	return c, nil
}

// bigPipe is a pipe that holds most of a picture, so that two processes need
// not take turns so often.
func bigPipe() (*os.File, *os.File, error) {
	r, w, err := os.Pipe()
	if err == nil {
		_, _ = unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 1<<20)
	}
	return r, w, err
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// wait waits for the end of the process and tells why it failed, in its own
// words.
func (c *program) wait() error {
	c.once.Do(func() {
		if err := c.proc.Wait(); err != nil {
			c.werr = fmt.Errorf("%s: %w: %s", c.name, err, c.err.String())
		}
		c.log.Debug("child ended", "name", c.name, "cpu_ms", c.proc.Spent().Milliseconds())
		for _, f := range []*os.File{c.out, c.notes} {
			if f != nil {
				f.Close()
			}
		}
	})
	return c.werr
}

// kill ends the process and waits for it.
func (c *program) kill() {
	c.proc.Kill()
	_ = c.wait()
}

// tailBuffer keeps the last few hundred bytes that a child wrote to stderr.
type tailBuffer struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tailBuffer) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if extra := len(t.buf) - 600; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(p), nil
}

func (t *tailBuffer) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(strings.Fields(string(bytes.ToValidUTF8(t.buf, nil))), " ")
}
