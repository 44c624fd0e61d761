package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"steno/demo"
	"steno/lab"
)

// steno runs the program and returns its exit status and what it prints.
func steno(t *testing.T, args ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("steno %v: %v", args, err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func TestMistakesOfTheOperatorAreSaidInOneClearLine(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		args       []string
	}{
		{"port taken", "--listen", []string{"serve", "--data", t.TempDir(), "--listen", taken.Addr().String()}},
		{"data folder is a file", "--data", []string{"serve", "--data", filepath.Join(file, "data"), "--listen", "127.0.0.1:0"}},
		{"no database", "--database-url", []string{"serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--database-url", "postgres://steno:hidden@127.0.0.1:1/x?connect_timeout=2"}},
		{"unknown option", "--colour", []string{"serve", "--colour", "red"}},
		{"no team", "team", []string{"key", "list", "--data", t.TempDir()}},
		{"private webhook", "private", []string{"webhook", "add", "http://10.0.0.1/", "--data", withKey(t)}},
		{"no meeting", "meeting", []string{"record", "https://example.org/abc", "--out", t.TempDir()}},
	} {
		status, out := steno(t, c.args...)
		if status == 0 || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit status %d, %q lacks %q", c.name, status, out, c.want)
		}
		if strings.Contains(out, "goroutine ") || strings.Contains(out, "hidden") {
			t.Errorf("%s: a stack trace or a password is printed: %s", c.name, out)
		}
	}
}

func withKey(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	status, out := steno(t, "key", "create", "--data", dir)
	if status != 0 || !strings.HasPrefix(out, "stn_") || strings.Count(out, "\n") != 1 {
		t.Fatalf("key create: exit status %d, output %q; want only the key", status, out)
	}
	return dir
}

func TestMistakesOfTheCallerAreSaidInTheEnvelope(t *testing.T) {
	t.Parallel()
	h := open(t)
	good := map[string]any{"bot_name": "Steno", "meeting_url": "https://meet.google.com/abc-defg-hij"}
	with := func(key string, value any) map[string]any {
		m := map[string]any{}
		for k, v := range good {
			m[k] = v
		}
		m[key] = value
		return m
	}
	for _, c := range []struct {
		name   string
		key    string
		body   any
		status int
		code   string
	}{
		{"wrong key", "stn_wrong", good, 401, "FST_ERR_UNAUTHORIZED"},
		{"unknown platform", h.Key, with("meeting_url", "https://example.org/room"), 400, "FST_ERR_INVALID_MEETING_PLATFORM"},
		{"bad URL", h.Key, with("meeting_url", "not a url"), 400, ""},
		{"missing fields", h.Key, map[string]any{}, 400, "FST_ERR_VALIDATION"},
		{"oversize body", h.Key, with("bot_name", strings.Repeat("x", 3<<20)), 413, ""},
		{"bad callback address", h.Key, map[string]any{
			"bot_name": "Steno", "meeting_url": good["meeting_url"], "callback_enabled": true, "callback_config": map[string]any{"url": "http://169.254.169.254/"},
		}, 400, ""},
	} {
		err := demo.Client{Base: h.Base, Key: c.key}.Do(t.Context(), http.MethodPost, "/v2/bots", c.body, nil)
		var refused *demo.APIError
		if !errors.As(err, &refused) || refused.Status != c.status || refused.Text == "" || (c.code != "" && refused.Code != c.code) {
			t.Errorf("%s: got %v, want %d %s with a message", c.name, err, c.status, c.code)
		}
	}
	if list, _ := os.ReadDir(filepath.Join(h.data, "bots")); len(list) > 0 {
		t.Errorf("refused requests left %v behind", list)
	}
}

func TestMeetingThatDoesNotExistEndsTheBotWithItsCode(t *testing.T) {
	t.Parallel()
	h := open(t)
	id, err := h.CreateBot(t.Context(), map[string]any{"bot_name": "Steno", "meeting_url": h.lab.URL() + "/meet/non-exis-ten"})
	if err != nil {
		t.Fatal(err)
	}
	d := h.final(id, "bot.failed")
	if d.ErrorCode == nil || *d.ErrorCode != "INVALID_MEETING_URL" {
		t.Errorf("error code %v, want INVALID_MEETING_URL", text(d.ErrorCode))
	}
	h.wantNothingLeft(id)
}

func TestServerWithoutABrowserSaysSo(t *testing.T) {
	t.Parallel()
	h := open(t, "--browser", "/nowhere/chromium")
	id := h.send(h.meet(lab.Conversation("abc-defg-hij", 2, 5*time.Second)), nil)
	d := h.final(id, "bot.failed")
	if d.ErrorMessage == nil || !strings.Contains(*d.ErrorMessage, "browser") {
		t.Errorf("error message %q does not speak of the browser", text(d.ErrorMessage))
	}
	h.wantNothingLeft(id)
}

func TestHostThatNeverAdmitsEndsTheRecordingWithItsCode(t *testing.T) {
	t.Parallel()
	server, err := lab.Start(t.Context(), lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	sc := lab.Conversation("abc-defg-hij", 2, 5*time.Second)
	sc.Door = lab.DoorManual
	m, err := server.Open(t.Context(), sc)
	if err != nil {
		t.Fatal(err)
	}
	status, out := steno(t, "record", "--lab-host", server.Host(), "--waiting-room-timeout", "3s", "--out", t.TempDir(), m.URL())
	if status == 0 || !strings.Contains(out, "TIMEOUT_WAITING_TO_START") {
		t.Errorf("exit status %d, %q; want TIMEOUT_WAITING_TO_START", status, out)
	}
	if s := m.State(); len(s.Waiting) > 0 {
		t.Errorf("the bot's request to join still stands: %+v", s.Waiting)
	}
}

// Proves R3 for the server: a full disk is said, reads go on, and all is well
// again when there is room.
func TestFullDiskIsSaidAndReadsGoOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		t.Fatalf("mount a small file system (the tests run as root): %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	h := openIn(t, dir, nil, []string{"--roles", "api"})
	post := func() error {
		_, err := h.CreateBot(t.Context(), map[string]any{"bot_name": "Steno", "meeting_url": "https://meet.google.com/abc-defg-hij"})
		return err
	}
	if err := post(); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(dir, "filler")
	fill(t, filler)
	var refused *demo.APIError
	h.eventually("a refusal", 20*time.Second, func() bool { return errors.As(post(), &refused) })
	if refused.Status != http.StatusServiceUnavailable && refused.Status != http.StatusInsufficientStorage {
		t.Errorf("a full disk is answered with %v, want 503 or 507", refused)
	}
	if err := h.Do(t.Context(), http.MethodGet, "/v2/bots", nil, nil); err != nil {
		t.Errorf("reading while the disk is full: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	h.eventually("the server works again", 20*time.Second, func() bool { return post() == nil })
}

// fill writes a file until nothing more fits.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			block = block[:len(block)/2]
		}
	}
}

// wantNothingLeft checks that a bot that ended has no folder and no process.
func (h *house) wantNothingLeft(id string) {
	h.t.Helper()
	h.eventually("the folder is cleared away", 20*time.Second, func() bool {
		_, err := os.Stat(h.BotFolder(id))
		return errors.Is(err, os.ErrNotExist)
	})
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range commands {
		if cmd, err := os.ReadFile(file); err == nil && strings.Contains(string(cmd), id) {
			h.t.Errorf("a process of the bot is left: %s", strings.ReplaceAll(string(cmd), "\x00", " "))
		}
	}
}

func text(s *string) string {
	if s == nil {
		return "null"
	}
	return fmt.Sprintf("%q", *s)
}
