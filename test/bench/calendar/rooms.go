package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"steno/internal/account"
	"steno/internal/app"
	"steno/internal/bot"
	"steno/internal/calendar"
	"steno/internal/meeting"
	"steno/internal/provider/all"
	"steno/internal/seal"
	"steno/internal/store"
)

// rooms is the calendar room on a database, connected to a fake.
type rooms struct {
	calendars *calendar.Service
	clock     *wall
	team      string
	conn      calendar.Connection
	close     func()
}

// wall is the machine's clock, moved on so that polls are due.
type wall struct{ ahead atomic.Int64 }

func (w *wall) Now() time.Time          { return time.Now().UTC().Add(time.Duration(w.ahead.Load())) }
func (w *wall) advance(d time.Duration) { w.ahead.Add(int64(d)) }

type unsigned struct{}

func (unsigned) URL(context.Context, string) (string, error) { return "", nil }

func newRooms(ctx context.Context, db *store.DB, f *fake) (*rooms, error) {
	r := &rooms{clock: &wall{}}
	var raw [32]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return nil, err
	}
	sealer, err := seal.Parse(base64.StdEncoding.EncodeToString(raw[:]))
	if err != nil {
		return nil, err
	}
	services, closeAll, err := all.New(all.Options{
		GoogleAPI: f.env("STENO_GOOGLE_API_URL"), GoogleToken: f.env("STENO_GOOGLE_TOKEN_URL"),
		MicrosoftGraph: f.env("STENO_MICROSOFT_GRAPH_URL"), MicrosoftLogin: f.env("STENO_MICROSOFT_LOGIN_URL"),
		Clock: r.clock,
	})
	if err != nil {
		return nil, err
	}
	r.close = closeAll
	bots := store.Bots{DB: db, Vault: app.Vault{Webhooks: seal.Webhooks{Sealer: sealer}}}
	botRoom := &bot.Service{Store: bots, Clock: r.clock, Signer: unsigned{}, ValidURL: func(string) error { return nil }}
	cells, log := seal.Calendars{Sealer: sealer}, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	r.calendars = &calendar.Service{
		Store:  store.Calendars{DB: db, Vault: cells, Bots: app.BotRoom{Bots: botRoom, Store: bots}},
		Tokens: &store.Grants{DB: db, Vault: cells, Clock: r.clock}, Providers: services, Clock: r.clock,
		Detect: app.Detector(meeting.Hosts{}), Log: log,
	}
	team, err := account.New(store.Accounts{DB: db}, r.clock, log).CreateTeam(ctx, "bench")
	if err != nil {
		return nil, err
	}
	r.team = team.ID
	platform := calendar.Google
	if f.env("STENO_MICROSOFT_GRAPH_URL") != "" {
		platform = calendar.Microsoft
	}
	var ada answer
	if err := f.ask(command{Op: "account"}, &ada); err != nil {
		return nil, err
	}
	r.conn, err = r.calendars.Connect(ctx, r.team, calendar.ConnectRequest{Platform: platform, RawID: "primary", Credentials: ada.Creds})
	return r, err
}

func (r *rooms) measure(ctx context.Context, o options, f *fake) (out result, err error) {
	if err := f.ask(command{Op: "reset"}, nil); err != nil {
		return out, err
	}
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // forget the peak so far
		return out, err
	}
	cpu := cpuTime()
	out.full, out.calls, err = r.sync(ctx, f)
	if err != nil {
		return out, err
	}
	out.cpu = cpuTime() - cpu
	if out.memory, err = peak(); err != nil {
		return out, err
	}
	if out.stored, err = r.count(ctx); err != nil {
		return out, err
	}
	for _, c := range []struct {
		op string
		to *cost
	}{{"", &out.idle}, {"edit", &out.single}, {"edit_series", &out.series}} {
		if c.op == "edit_series" && r.noSeries(ctx) {
			continue
		}
		if *c.to, err = r.changes(ctx, o, f, c.op); err != nil {
			return out, fmt.Errorf("%s: %w", c.op, err)
		}
	}
	return out, nil
}

// sync runs a sync and says what it took.
func (r *rooms) sync(ctx context.Context, f *fake) (time.Duration, int, error) {
	var before, after answer
	if err := f.ask(command{Op: "calls"}, &before); err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	if err := r.calendars.Sync(ctx, r.conn.ID, "bench"); err != nil {
		return 0, 0, err
	}
	took := time.Since(begin)
	c, err := r.calendars.Get(ctx, r.team, r.conn.ID)
	if err != nil {
		return 0, 0, err
	}
	if c.SyncStatus != calendar.SyncSuccess {
		return 0, 0, fmt.Errorf("the sync ended as %q: %s", c.SyncStatus, c.SyncError)
	}
	err = f.ask(command{Op: "calls"}, &after)
	return took, after.Calls - before.Calls, err
}

func (r *rooms) changes(ctx context.Context, o options, f *fake, op string) (c cost, err error) {
	var times []time.Duration
	for n := range o.changes {
		if op != "" {
			if err := f.ask(command{Op: op, N: n}, nil); err != nil {
				return c, err
			}
		}
		r.clock.advance(20 * time.Minute) // a poll is due
		took, calls, err := r.sync(ctx, f)
		if err != nil {
			return c, err
		}
		times = append(times, took)
		c.calls += float64(calls) / float64(o.changes)
	}
	slices.Sort(times)
	c.took = times[len(times)/2]
	return c, nil
}

func (r *rooms) count(ctx context.Context) (n int, err error) {
	for cursor := ""; ; {
		page, err := r.calendars.Events(ctx, r.team, r.conn.ID, calendar.EventQuery{}, 100, cursor)
		if err != nil {
			return 0, err
		}
		n += len(page.Items)
		if cursor = page.Next; cursor == "" {
			return n, nil
		}
	}
}

func (r *rooms) noSeries(ctx context.Context) bool {
	page, err := r.calendars.Events(ctx, r.team, r.conn.ID, calendar.EventQuery{}, 100, "")
	return err == nil && !slices.ContainsFunc(page.Items, func(e calendar.Event) bool { return e.Recurring })
}

// peak is the highest resident size since it was forgotten, in MiB.
func peak() (float64, error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return float64(kb) / 1024, err
		}
	}
	return 0, fmt.Errorf("no VmHWM in /proc/self/status")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
