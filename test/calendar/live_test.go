package calendar_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"steno/internal/alarm"
	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/ident"
	"steno/internal/job"
	"steno/internal/provider/all"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/webhook"
	"steno/simulator/service"
	"steno/simulator/truth"
)

// work runs alarm and jobs, as a server does, until the returned function is
// called.
func work(db *store.DB, rooms *calendar.Service, log *slog.Logger) (stop func(), err error) {
	workers := job.NewWorkers(nil)
	job.Register(workers, 5*time.Minute, func(ctx context.Context, j job.Job[store.SyncCalendar]) error {
		return rooms.Sync(ctx, j.Args.CalendarID, fmt.Sprintf("job %d", j.ID))
	})
	job.Register(workers, time.Minute, func(ctx context.Context, j job.Job[store.WatchCalendar]) error {
		return rooms.Watch(ctx, j.Args.CalendarID)
	})
	job.Register(workers, time.Minute, func(ctx context.Context, j job.Job[store.DropCalendar]) error {
		return rooms.Drop(ctx, j.Args.CalendarID)
	})
	runner, err := job.NewRunner(db.Jobs(), workers, job.RunnerOptions{
		Node: ident.New(), Host: "test", Queues: map[string]int{job.Calendars: 16}, Nodes: store.Nodes{DB: db, Clock: clock.System{}}, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	bell := alarm.New(rooms.RunDue, rooms.Clock, log)
	rooms.Nudge = bell.Nudge
	ctx, cancel := context.WithCancel(context.Background())
	if err := runner.Start(ctx); err != nil {
		cancel()
		return nil, err
	}
	var rings sync.WaitGroup
	rings.Go(func() { _ = bell.Run(ctx) })
	return func() {
		cancel()
		rings.Wait()
		end, done := context.WithTimeout(context.Background(), 10*time.Second)
		defer done()
		_ = runner.Stop(end)
	}, nil
}

// live is a stand that works by itself, in real time.
func live(t *testing.T, db *store.DB, o service.Options) *stand {
	t.Helper()
	o.Clock = clock.System{}
	s := newStand(t, db, o)
	stop, err := work(db, s.rooms, s.log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return s
}

// eventually waits for something that is about to be.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("after 30 s still not: %s", what)
		}
		time.Sleep(5 * time.Millisecond) // looks again; no order of things depends on it
	}
}

func (s *stand) listen(t *testing.T) {
	t.Helper()
	err := s.db.AddWebhook(t.Context(), webhook.Endpoint{
		ID: ident.New(), TeamID: s.team, Name: "test", URL: "https://receiver.example", Participants: webhook.Names, Enabled: true, CreatedAt: s.clock.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// heard is what was sent about calendars.
type heard struct {
	id, event string
	data      struct {
		Instances []told `json:"instances"`
		Affected  []told `json:"affected_instances"`
		Cancelled []told `json:"cancelled_instances"`
		Events    []struct{ Instances []told }
		Status    string
	}
}

type told struct {
	EventID  string `json:"event_id"`
	Start    string
	Sequence int64
	Status   string
}

func (h heard) all() []told {
	out := slices.Concat(h.data.Instances, h.data.Affected, h.data.Cancelled)
	for _, e := range h.data.Events {
		out = append(out, e.Instances...)
	}
	return out
}

// messages returns the team's webhook messages in their order.
func (s *stand) messages(t testing.TB) (out []heard) {
	t.Helper()
	err := s.db.Read(t.Context(), func(q store.Querier) error {
		rows, err := q.Query(t.Context(), "SELECT id, event, payload FROM webhook_messages WHERE team_id = $1 ORDER BY id", s.team)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var h heard
			var payload string
			if err := rows.Scan(&h.id, &h.event, &payload); err != nil {
				return err
			}
			var body struct{ Data json.RawMessage }
			if err := json.Unmarshal([]byte(payload), &body); err != nil {
				return err
			}
			if err := json.Unmarshal(body.Data, &h.data); err != nil {
				return err
			}
			out = append(out, h)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *stand) count(t testing.TB, event string) (n int) {
	t.Helper()
	for _, m := range s.messages(t) {
		if m.event == event {
			n++
		}
	}
	return n
}

// lists is how the simulators call the method with which rounds are read.
func lists(p calendar.Platform) string {
	if p == calendar.Google {
		return "events.list"
	}
	return "calendarView.delta"
}

func (s *stand) calls(p calendar.Platform, method string) int {
	if p == calendar.Google {
		return s.google.Calls(method)
	}
	return s.graph.Calls(method)
}

func (s *stand) resetCalls() {
	s.google.ResetCalls()
	s.graph.ResetCalls()
}

// Proves C5 without its clock: from an edit at the service to the webhook and
// to the bot's new time, by push.
func TestAnEditAtTheServiceReachesWebhookAndBot(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, db *store.DB, p calendar.Platform) {
		s := live(t, db, service.Options{Polite: true})
		s.listen(t)
		c, cal := s.connect(t, p, "ada@example.com")
		start := time.Now().UTC().Truncate(time.Hour).Add(50 * time.Hour)
		id := must[string](t)(cal.Add(once(1, start)))
		eventually(t, "the first sync is told", func() bool { return s.count(t, calendar.MsgSynced) == 1 })
		eventually(t, "the calendar is watched", func() bool {
			c, err := s.rooms.Get(t.Context(), s.team, c.ID)
			return err == nil && c.Watch.ChannelID != ""
		})
		eventually(t, "the event is there", func() bool { return len(s.events(t, c.ID, false)) == 1 })
		e := s.events(t, c.ID, false)[0]
		if _, err := s.rooms.ScheduleBots(t.Context(), s.team, c.ID, calendar.Target{EventID: e.ID}, settings); err != nil {
			t.Fatal(err)
		}
		if err := cal.Edit(id, func(x *truth.Content) { x.Start, x.End = start.Add(time.Hour), start.Add(2*time.Hour) }); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the move is told", func() bool { return s.count(t, calendar.MsgEventUpdated) >= 1 })
		story, err := s.rooms.Decisions(t.Context(), s.team, c.ID, e.ID)
		if err != nil || len(story) != 2 || !story[1].JoinAt.Equal(start.Add(time.Hour)) {
			t.Fatalf("story %+v, %v", story, err)
		}
		if err := cal.Delete(id); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the deletion is told", func() bool { return s.count(t, calendar.MsgEventCancelled) == 1 })
	})
}

// Trap 14: whatever number of pushes comes within a second, the calendar is
// listed at most twice, and nothing is missed.
func TestAHundredPushesCauseAtMostTwoListCalls(t *testing.T) {
	for _, p := range []calendar.Platform{calendar.Google, calendar.Microsoft} {
		t.Run(string(p), func(t *testing.T) {
			s := live(t, openQuick(t), service.Options{Polite: true})
			c, cal := s.connect(t, p, "ada@example.com")
			eventually(t, "synced and watched", func() bool {
				c, err := s.rooms.Get(t.Context(), s.team, c.ID)
				return err == nil && c.SyncedAt != nil && c.Watch.ChannelID != ""
			})
			if err := errorsOf(s.google.Settle(t.Context()), s.graph.Settle(t.Context())); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the gap after the first sync is over", func() bool {
				c, err := s.rooms.Get(t.Context(), s.team, c.ID)
				return err == nil && c.Sync.By == "" && time.Since(c.Sync.StartedAt) > 2*time.Second
			})
			s.resetCalls()
			start := time.Now().UTC().Truncate(time.Hour).Add(50 * time.Hour)
			for i := range 100 {
				must[string](t)(cal.Add(once(i, start.Add(time.Duration(i)*time.Minute))))
			}
			eventually(t, "all hundred are there", func() bool { return len(s.events(t, c.ID, false)) == 100 })
			if n := s.calls(p, lists(p)); n < 1 || n > 2 {
				t.Errorf("%d list calls", n)
			}
		})
	}
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Proves C1: fifty calendars under dropped, doubled and reordered pushes end as
// the service has them; what a lost push was about is found by the poll.
func TestAPushStormEndsWithWhatTheServiceHas(t *testing.T) {
	t.Parallel()
	s := live(t, openQuick(t), service.Options{Polite: true, Faults: service.Faults{service.PushDrop: .05, service.PushDuplicate: .9, service.PushReorder: .2}})
	s.rooms.Options.Poll = 4 * time.Second
	type one struct {
		id  string
		cal *truth.Calendar
	}
	var all []one
	for i := range 50 {
		c, cal := s.connect(t, []calendar.Platform{calendar.Google, calendar.Microsoft}[i%2], fmt.Sprintf("u%d@example.com", i))
		all = append(all, one{c.ID, cal})
	}
	start := time.Now().UTC().Truncate(time.Hour).Add(50 * time.Hour)
	for round := range 20 {
		for _, o := range all {
			must[string](t)(o.cal.Add(once(round, start.Add(time.Duration(round)*time.Hour))))
		}
	}
	for _, o := range all {
		eventually(t, "a calendar has its twenty events", func() bool { return len(s.events(t, o.id, false)) == 20 })
	}
}

// The child of the kill test: a server without an API.
const childEnv = "STENO_TEST_CALENDAR_CHILD"

type childOptions struct {
	Dir, URL, Key string
	At            [4]string // the simulators
	// Users, if any, are all that the child has; see crowd.
	Users      int
	Connection string
}

func child() {
	var o childOptions
	if err := json.Unmarshal([]byte(os.Getenv(childEnv)), &o); err != nil {
		panic(err)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	db, err := store.Open(context.Background(), store.Options{DataDir: o.Dir, DatabaseURL: o.URL})
	if err != nil {
		panic(err)
	}
	rooms, _, _, err := house(db, clock.System{}, all.Options{
		GoogleAPI: o.At[0], GoogleToken: o.At[1], MicrosoftGraph: o.At[2], MicrosoftLogin: o.At[3], Clock: clock.System{}, Unlimited: true,
	}, o.Key, log)
	if err != nil {
		panic(err)
	}
	if o.Users > 0 {
		o.users(rooms, os.Stdin, os.Stdout)
		os.Exit(0)
	}
	rooms.Options.Poll = 2 * time.Second
	if _, err := work(db, rooms, log); err != nil {
		panic(err)
	}
	fmt.Println("ready")
	select {}
}

// start runs the child and returns when it works.
func (o childOptions) start(t *testing.T) *exec.Cmd {
	t.Helper()
	env, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(env))
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("child says %q, %v", line, err)
	}
	return cmd
}

// The server is killed in the middle of syncs, again and again. Afterwards the
// window is right, and every change was told exactly once: a message that is
// sent again has the id that it had.
func TestAKilledSyncIsFinishedByTheNextServer(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		t.Parallel()
		db, err := store.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		s := newStand(t, db, service.Options{Polite: true, Clock: clock.System{}, Latency: 30 * time.Millisecond, Faults: service.Faults{service.ShortPage: 1}})
		s.listen(t)
		start := time.Now().UTC().Truncate(time.Hour).Add(30 * time.Hour)
		var ids []string
		var cals []*truth.Calendar
		for i, p := range []calendar.Platform{calendar.Google, calendar.Microsoft} {
			c, cal := s.connect(t, p, fmt.Sprintf("u%d@example.com", i))
			for n := range 120 {
				must[string](t)(cal.Add(once(n, start.Add(time.Duration(n)*time.Hour))))
			}
			ids, cals = append(ids, c.ID), append(cals, cal)
		}
		at := s.addresses()
		child := childOptions{
			Dir: o.DataDir, URL: o.DatabaseURL, Key: s.key, At: [4]string{at.GoogleAPI, at.GoogleToken, at.MicrosoftGraph, at.MicrosoftLogin},
		}
		for n := range 8 {
			cmd := child.start(t)
			// Something to do in every life, and a moment to be in its middle.
			for i, cal := range cals {
				must[string](t)(cal.Add(once(200+n, start.Add(time.Duration(n*7+i)*time.Minute))))
			}
			time.Sleep(time.Duration(40+60*n) * time.Millisecond) // where it is hit is chance, and is meant to be
			if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
		}
		last := child.start(t)
		defer func() {
			_ = last.Process.Kill()
			_ = last.Wait()
		}()
		for _, id := range ids {
			eventually(t, "all events are there", func() bool { return len(s.events(t, id, false)) == 128 })
			eventually(t, "the first sync is told", func() bool {
				c, err := s.rooms.Get(t.Context(), s.team, id)
				return err == nil && c.Sync.Announced && c.SyncStatus == calendar.SyncSuccess
			})
		}
		seen := map[string]string{}
		for _, m := range s.messages(t) {
			for _, e := range m.all() {
				key := fmt.Sprintf("%s %d", e.EventID, e.Sequence)
				if other, twice := seen[key]; twice {
					t.Errorf("%s was told twice: %s and %s", key, other, m.id)
				}
				seen[key] = m.id
			}
		}
		if len(seen) != 256 || s.count(t, calendar.MsgSynced) != 2 {
			t.Errorf("%d events were told of, want 256; %d times the first sync", len(seen), s.count(t, calendar.MsgSynced))
		}
	})
}
