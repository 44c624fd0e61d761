package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"steno/internal/app"
	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/config"
	"steno/internal/webhook"
	"steno/test/internal/stand"
)

// pushed is a message of the fake on its way to the server.
type pushed struct {
	at   time.Time
	path string
	head http.Header
	body []byte
}

// server is a whole Steno with a fake service, a receiver of its webhooks, and
// a post office that notes when pushes come by.
type server struct {
	url, key string
	others   string // a key of another team
	http     *http.Client
	hooks    chan time.Time // when a calendar.event_updated arrived
	mail     chan pushed
	last     pushed
	stop     func() error
}

// calendarsPushed is among how many calendars the changes go round: one that
// was just synced waits a second for the next time.
const calendarsPushed = 40

// pushes measures the way from a push to the outgoing webhook, and the rate at
// which pushes are taken.
func pushes(ctx context.Context, o options, p calendar.Platform, engine string) error {
	f, err := startFake(string(p))
	if err != nil {
		return err
	}
	defer f.stop()
	s, err := startServer(ctx, f, engine)
	if err != nil {
		return err
	}
	err = s.measure(ctx, o, p, f)
	return errors.Join(err, s.stop())
}

func (s *server) measure(ctx context.Context, o options, p calendar.Platform, f *fake) error {
	if err := s.connect(ctx, p, f); err != nil {
		return err
	}
	var waits []time.Duration
	for i := range o.pushes {
		begin := time.Now()
		if err := f.ask(command{Op: "edit", Account: i % calendarsPushed, N: i / calendarsPushed}, nil); err != nil {
			return err
		}
		wait, err := s.arrival()
		if err != nil {
			return err
		}
		waits = append(waits, wait)
		time.Sleep(time.Until(begin.Add(50 * time.Millisecond))) // the pace of the changes, part of what is measured
	}
	slices.Sort(waits)
	fmt.Printf("\n  from a push to the outgoing webhook, %d changes in %d calendars: p50 %s, p95 %s, max %s (goal: p95 1 s)\n", len(waits), calendarsPushed,
		short(waits[len(waits)/2]), short(waits[len(waits)*95/100]), short(waits[len(waits)-1]))
	rate, p50, p99, err := s.storm(ctx)
	fmt.Printf("  pushes for one calendar from 16 connections: %.0f a second, p50 %s, p99 %s (goal: 1,000 a second, p99 50 ms)\n", rate, short(p50), short(p99))
	return err
}

// arrival is the time from the first push to the webhook.
func (s *server) arrival() (time.Duration, error) {
	var first time.Time
	deadline := time.After(30 * time.Second)
	for {
		select {
		case m := <-s.mail:
			s.last = m
			if first.IsZero() {
				first = m.at
			}
		case at := <-s.hooks:
			if first.IsZero() { // the poll was faster
				first = at
			}
			return at.Sub(first), nil
		case <-deadline:
			return 0, errors.New("a change did not become a webhook within 30 s")
		}
	}
}

// storm sends the last push again and again.
func (s *server) storm(ctx context.Context) (rate float64, p50, p99 time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var mu sync.Mutex
	var times []time.Duration
	var wg sync.WaitGroup
	begin := time.Now()
	for range 16 {
		wg.Go(func() {
			var own []time.Duration
			for ctx.Err() == nil {
				start := time.Now()
				status, serr := s.send(context.WithoutCancel(ctx), http.MethodPost, s.last.path, s.last.head, s.last.body, nil)
				if serr != nil || status >= 300 {
					mu.Lock()
					err = fmt.Errorf("a push was answered with %d: %w", status, serr)
					mu.Unlock()
					return
				}
				own = append(own, time.Since(start))
			}
			mu.Lock()
			times = append(times, own...)
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(times) == 0 {
		return 0, 0, 0, errors.Join(err, errors.New("no push was taken"))
	}
	took := time.Since(begin)
	slices.Sort(times)
	return float64(len(times)) / took.Seconds(), times[len(times)/2], times[len(times)*99/100], err
}

// connect connects the calendars and waits until all are synced and watched.
func (s *server) connect(ctx context.Context, p calendar.Platform, f *fake) error {
	var paths []string
	for i := range calendarsPushed {
		var a answer
		if err := f.ask(command{Op: "account"}, &a); err != nil {
			return err
		}
		if err := f.ask(command{Op: "fill", Account: i, Events: 50}, nil); err != nil {
			return err
		}
		path, err := s.connectOne(ctx, p, a.Creds)
		if err != nil {
			return err
		}
		paths = append(paths, path)
	}
	deadline := time.Now().Add(2 * time.Minute)
	for _, path := range paths {
		if err := s.watched(ctx, path, deadline); err != nil {
			return err
		}
	}
	time.Sleep(1500 * time.Millisecond) // the gap after the first sync is over
	s.drain()
	return nil
}

func (s *server) drain() {
	for {
		select {
		case <-s.mail:
		case <-s.hooks:
		default:
			return
		}
	}
}

func (s *server) send(ctx context.Context, method, path string, head http.Header, body []byte, out any) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	for k, v := range head {
		req.Header[k] = v
	}
	req.Header.Set("X-Meeting-Baas-Api-Key", s.key)
	res, err := s.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && out != nil {
		err = json.Unmarshal(text, out)
	}
	return res.StatusCode, err
}

// startServer starts Steno without bots.
func startServer(ctx context.Context, f *fake, engine string) (*server, error) {
	dir, err := os.MkdirTemp("", "steno-bench-")
	if err != nil {
		return nil, err
	}
	url, drop, err := database(engine)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	listen := l.Addr().String()
	_ = l.Close()
	s := &server{
		url: "http://" + listen, hooks: make(chan time.Time, 10_000), mail: make(chan pushed, 10_000),
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 30 * time.Second},
	}
	receiver, post := httptest.NewServer(http.HandlerFunc(s.hook)), httptest.NewServer(http.HandlerFunc(s.forward))
	o := config.Serve{
		Storage: config.Storage{Data: dir, DatabaseURL: url}, Listen: listen, Roles: []string{"api", "worker"},
		Targets: config.Targets{AllowPrivateTargets: []string{"127.0.0.0/8"}},
		Calendars: config.Calendars{
			Providers: config.Providers{
				GoogleAPIURL: orDefault(f.env("STENO_GOOGLE_API_URL"), "https://unused.example"), GoogleTokenURL: orDefault(f.env("STENO_GOOGLE_TOKEN_URL"), "https://unused.example"),
				MicrosoftGraphURL: orDefault(f.env("STENO_MICROSOFT_GRAPH_URL"), "https://unused.example"), MicrosoftLoginURL: orDefault(f.env("STENO_MICROSOFT_LOGIN_URL"), "https://unused.example"),
			},
			PushURL: post.URL, CalendarDays: 30, CalendarPoll: time.Hour, MaxCalendars: 1000,
		},
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	go func() { ended <- app.Serve(run, o, "bench", log) }()
	s.stop = func() error {
		cancel()
		err := <-ended
		receiver.Close()
		post.Close()
		return errors.Join(err, drop(), os.RemoveAll(dir))
	}
	if err := s.ready(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if err := s.prepare(ctx, o.Storage, receiver.URL); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (s *server) ready(ctx context.Context) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		if status, err := s.send(ctx, http.MethodGet, "/health", nil, nil, nil); err == nil && status == http.StatusOK {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("the server is not ready after 30 s")
		}
		time.Sleep(10 * time.Millisecond) // looks again
	}
}

// prepare makes a team, a key and an endpoint.
func (s *server) prepare(ctx context.Context, o config.Storage, receiver string) error {
	house, err := app.Open(ctx, o, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer house.Close()
	if _, s.others, err = stand.Team(ctx, house, "others"); err != nil {
		return err
	}
	team, key, err := stand.Team(ctx, house, "bench")
	if err != nil {
		return err
	}
	s.key = key
	hooks := webhook.Service{Store: house.DB, Vault: house.Vault, Clock: clock.System{}, Validate: func(string) error { return nil }}
	_, _, err = hooks.Add(ctx, webhook.New{TeamID: team.ID, Name: "bench", URL: receiver, Participants: "names"})
	return err
}

// hook receives webhooks.
func (s *server) hook(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if strings.Contains(string(body), calendar.MsgEventUpdated) {
		s.hooks <- time.Now()
	}
	w.WriteHeader(http.StatusOK)
}

// forward notes a push and hands it on.
func (s *server) forward(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	body, _ := io.ReadAll(r.Body)
	path := r.URL.RequestURI()
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, s.url+path, bytes.NewReader(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	req.Header = r.Header.Clone()
	res, err := s.http.Do(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	if !strings.Contains(path, "validationToken") && r.Header.Get("X-Goog-Resource-State") != "sync" {
		s.mail <- pushed{at: at, path: path, head: r.Header.Clone(), body: body}
	}
	for k, v := range res.Header {
		w.Header()[k] = v
	}
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body) // the fake notices
}
