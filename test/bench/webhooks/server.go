package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"steno/internal/account"
	"steno/internal/app"
	"steno/internal/bot"
	"steno/internal/config"
	"steno/internal/meeting"
	"steno/internal/store"
	"steno/test/internal/stand"
)

// server is a server process with finished bots.
type server struct {
	cmd    *exec.Cmd
	dir    string
	url    string
	key    string
	admin  string
	team   string
	bots   []string
	client *http.Client
}

// start fills a database and starts the program on it.
func start(o options, databaseURL string) (*server, error) {
	dir, err := os.MkdirTemp("", "steno-bench-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	if err := s.fill(config.Storage{Data: dir, DatabaseURL: databaseURL}, o.fillBots); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	_ = l.Close()
	s.url = "http://" + addr
	var hashed string
	s.admin, hashed = account.NewAdminKey()
	args := []string{"serve", "--data", dir, "--listen", addr, "--roles", "api,worker", "--allow-private-targets", "127.0.0.0/8", "--admin-key", hashed, "--log-level", "error"}
	if databaseURL != "" {
		args = append(args, "--database-url", databaseURL)
	}
	s.cmd = exec.Command(o.binary, args...)
	s.cmd.SysProcAttr, s.cmd.Stderr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}, os.Stderr
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w (make build first)", err)
	}
	for begin := time.Now(); time.Since(begin) < 30*time.Second; time.Sleep(10 * time.Millisecond) {
		if resp, err := s.client.Get(s.url + "/health"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return s, nil
			}
		}
	}
	s.stop()
	return nil, fmt.Errorf("not ready after 30 s")
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
	_ = os.RemoveAll(s.dir)
}

type noURLs struct{}

func (noURLs) URL(context.Context, string) (string, error) { return "", nil }

// fill makes a team, its key, and bots that have ended.
func (s *server) fill(o config.Storage, n int) error {
	ctx := context.Background()
	house, err := app.Open(ctx, o, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = house.Close() }()
	team, key, err := stand.Team(ctx, house, "bench-"+strconv.FormatInt(time.Now().UnixNano(), 36))
	if err != nil {
		return err
	}
	s.team, s.key = team.ID, key
	bots := &bot.Service{
		Store: store.Bots{DB: house.DB, Vault: house.Vault}, Clock: house.Clock, Signer: noURLs{}, Hosts: meeting.Hosts{}, ValidURL: func(string) error { return nil },
	}
	for range n {
		id, err := bots.Create(ctx, team.ID, bot.Request{Name: "Notetaker", MeetingURL: "https://meet.google.com/abc-defg-hij"})
		if err != nil {
			return err
		}
		if err := bots.Fail(ctx, id, bot.EndCannotJoin, "a bench"); err != nil {
			return err
		}
		s.bots = append(s.bots, id)
	}
	return nil
}

// endpoint adds an endpoint for final events.
func (s *server) endpoint(url string) error {
	body, err := json.Marshal(map[string]any{"url": url, "events": []string{"bot.failed"}})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.url+"/admin/v1/teams/"+s.team+"/webhooks", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+s.admin)
	return s.send(r, http.StatusCreated)
}

// resend makes an event.
func (s *server) resend(bot string) error {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.url+"/v2/bots/"+bot+"/resend-webhook", http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("x-meeting-baas-api-key", s.key)
	return s.send(r, http.StatusOK)
}

func (s *server) send(r *http.Request, want int) error {
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("%s %s: %d %s", r.Method, r.URL.Path, resp.StatusCode, text)
	}
	return err
}

// memory returns a figure of the process in MB: VmRSS, or VmHWM for its peak.
func (s *server) memory(figure string) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, figure+":"); ok {
			kb, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kb >> 10
		}
	}
	return 0
}

// cpu returns the processor time that the process has used.
func (s *server) cpu() time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(text), ") ") // the name may hold spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // of 100 a second
}
