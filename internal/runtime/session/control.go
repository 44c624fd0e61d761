package session

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"steno/internal/bot"
)

// Request is what a bot can be told through its control socket: one JSON line
// each. Command is leave, status, or a bot.CommandKind.
type Request struct {
	Command string `json:"command"`
	From    string `json:"from,omitempty"` // who says it: api, terminal
	ID      string `json:"id,omitempty"`   // of what is to be done once only
	Text    string `json:"text,omitempty"` // to be posted
}

// Reply is the answer, one JSON line.
type Reply struct {
	OK     bool       `json:"ok"`
	Error  string     `json:"error,omitempty"`
	Code   string     `json:"code,omitempty"` // with Error: Reply…
	Status bot.Status `json:"status,omitempty"`
	PID    int        `json:"pid,omitempty"`
	// BrowserPID and BrowserBytes (proportional set size) tell of the browser,
	// while there is one.
	BrowserPID   int   `json:"browser_pid,omitempty"`
	BrowserBytes int64 `json:"browser_bytes,omitempty"`
}

// Refused is the error of Tell when the bot heard the request and did not do it.
type Refused struct{ Reason string }

// Error returns the reason.
func (r *Refused) Error() string { return "talk to bot: " + r.Reason }

const (
	controlTimeout = 5 * time.Second
	orderTimeout   = orderWait + 3*postLimit/2 // the page takes part
)

// Tell sends a request to the bot of a folder and returns its reply. An error
// means that the bot did not take it.
func Tell(ctx context.Context, folder string, r Request) (Reply, error) {
	limit := controlTimeout
	if isOrder(r.Command) {
		limit = orderTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var reply Reply
	err := inFolder(folder, func(path string) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if err != nil {
			return err
		}
		defer conn.Close()
		if end, ok := ctx.Deadline(); ok {
			_ = conn.SetDeadline(end)
		}
		if err := json.NewEncoder(conn).Encode(r); err != nil {
			return err
		}
		return json.NewDecoder(conn).Decode(&reply)
	})
	if err != nil {
		return reply, fmt.Errorf("talk to bot: %w", err)
	}
	if !reply.OK {
		return reply, &Refused{reply.Error}
	}
	return reply, nil
}

// inFolder calls f with a path of the control socket that is always short:
// the address of a unix socket holds 108 bytes, and folders have long names.
func inFolder(folder string, f func(path string) error) error {
	dir, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer dir.Close()
	return f(filepath.Join("/proc/self/fd", strconv.Itoa(int(dir.Fd())), SocketFile))
}

// control serves the socket of a bot's folder.
type control struct {
	listener net.Listener
	handle   func(Request) Reply
	log      *slog.Logger
	folder   string
	wg       sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]bool // nil once stopped
}

// listen opens the control socket, in place of one that a dead process left,
// and serves it until stop.
func listen(folder string, handle func(Request) Reply, log *slog.Logger) (*control, error) {
	if err := os.Remove(filepath.Join(folder, SocketFile)); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	c := &control{handle: handle, log: log, folder: folder, conns: map[net.Conn]bool{}}
	err := inFolder(folder, func(path string) (err error) {
		c.listener, err = net.Listen("unix", path)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	// Its path holds a file descriptor that is closed by now.
	c.listener.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = os.Chmod(filepath.Join(folder, SocketFile), 0o600)
	c.wg.Add(1)
	go c.accept()
	return c, nil
}

func (c *control) accept() {
	defer c.wg.Done()
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		if !c.admit(conn) {
			conn.Close()
			return
		}
		go c.serve(conn)
	}
}

func (c *control) admit(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conns == nil {
		return false
	}
	c.conns[conn] = true
	c.wg.Add(1)
	return true
}

func (c *control) serve(conn net.Conn) {
	defer c.wg.Done()
	defer func() {
		conn.Close()
		c.mu.Lock()
		delete(c.conns, conn)
		c.mu.Unlock()
	}()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		var r Request
		reply := Reply{Error: "not a request"}
		if err := json.Unmarshal(lines.Bytes(), &r); err == nil {
			reply = c.handle(r)
		}
		if err := json.NewEncoder(conn).Encode(reply); err != nil {
			c.log.Debug("control connection lost", "error", err)
			return
		}
	}
}

// stop closes the socket and returns when all connections are done with.
func (c *control) stop() {
	c.listener.Close()
	c.mu.Lock()
	for conn := range c.conns {
		conn.Close()
	}
	c.conns = nil
	c.mu.Unlock()
	c.wg.Wait()
	_ = os.Remove(filepath.Join(c.folder, SocketFile))
}
