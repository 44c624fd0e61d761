package job_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"steno/internal/clock"
	"steno/internal/ident"
	"steno/internal/job"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child())
	}
	os.Exit(storetest.Main(m))
}

type hello struct {
	Name string `json:"name"`
}

func (hello) Kind() string { return "hello" }

func startRunner(t *testing.T, db *store.DB, w *job.Workers) *job.Runner {
	t.Helper()
	r, err := newRunner(db, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return r
}

func newRunner(db *store.DB, w *job.Workers) (*job.Runner, error) {
	return job.NewRunner(db.Jobs(), w, job.RunnerOptions{
		Node: ident.New(), Host: "test", Queues: map[string]int{job.Default: 4}, Logger: slog.New(slog.DiscardHandler),
		Nodes: store.Nodes{DB: db, Clock: clock.System{}}, BeatEvery: 100 * time.Millisecond,
	})
}

func enqueue(t *testing.T, db *store.DB, args job.Args, opts job.Opts) {
	t.Helper()
	err := db.InTx(t.Context(), func(tx *store.Tx) error { return tx.Enqueue(t.Context(), args, opts) })
	if err != nil {
		t.Fatal(err)
	}
}

func recv[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatalf("waited 20 s for %s", what)
		panic("unreachable")
	}
}

func TestJobRunsWithItsArguments(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		got := make(chan string, 1)
		w := job.NewWorkers(nil)
		job.Register(w, time.Minute, func(_ context.Context, j job.Job[hello]) error {
			got <- j.Args.Name
			return nil
		})
		startRunner(t, db, w)
		enqueue(t, db, hello{"Ada"}, job.Opts{})
		if name := recv(t, got, "the job"); name != "Ada" {
			t.Errorf("the job ran with name %q", name)
		}
	})
}

// The poll finds a new job within a second; a nudge must not wait for it. Ten
// jobs one after the other would take about 5 s by polling.
func TestNewJobDoesNotWaitForThePoll(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		got := make(chan string)
		w := job.NewWorkers(nil)
		job.Register(w, time.Minute, func(_ context.Context, j job.Job[hello]) error {
			got <- j.Args.Name
			return nil
		})
		startRunner(t, db, w)
		enqueue(t, db, hello{"warm"}, job.Opts{})
		recv(t, got, "the first job")
		begin := time.Now()
		for range 10 {
			enqueue(t, db, hello{"Ada"}, job.Opts{})
			recv(t, got, "a job")
		}
		t.Logf("10 jobs one after the other took %s", time.Since(begin).Round(time.Millisecond))
	})
}

func TestFailedJobIsTriedAgainAndGivenUpOnRequest(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		attempts := make(chan int, 10)
		w := job.NewWorkers(nil)
		job.Register(w, time.Minute, func(_ context.Context, j job.Job[hello]) error {
			attempts <- j.Attempt
			if j.Attempt == 1 {
				return errors.New("not yet")
			}
			return job.GiveUp(errors.New("never"))
		})
		startRunner(t, db, w)
		enqueue(t, db, hello{"Ada"}, job.Opts{})
		if a := recv(t, attempts, "attempt 1"); a != 1 {
			t.Fatalf("first attempt was number %d", a)
		}
		if a := recv(t, attempts, "attempt 2"); a != 2 {
			t.Fatalf("second attempt was number %d", a)
		}
		await(t, db, "cancelled")
	})
}

func await(t *testing.T, db *store.DB, state string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		var got string
		err := db.Read(t.Context(), func(q store.Querier) error {
			return q.QueryRow(t.Context(), "SELECT state FROM river_job ORDER BY id DESC LIMIT 1").Scan(&got)
		})
		if err != nil {
			t.Fatal(err)
		}
		if got == state {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("the job is %s, want %s", got, state)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestUniqueJobIsQueuedOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		for range 3 {
			enqueue(t, db, hello{"Ada"}, job.Opts{Unique: true})
		}
		var n int
		err := db.Read(t.Context(), func(q store.Querier) error {
			return q.QueryRow(t.Context(), "SELECT COUNT(*) FROM river_job").Scan(&n)
		})
		if err != nil || n != 1 {
			t.Errorf("got %d jobs (%v), want 1", n, err)
		}
	})
}

func TestStopWaitsForTheRunningJob(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		started, release := make(chan struct{}), make(chan struct{})
		var done atomic.Bool
		w := job.NewWorkers(nil)
		job.Register(w, time.Minute, func(context.Context, job.Job[hello]) error {
			close(started)
			<-release
			done.Store(true)
			return nil
		})
		r := startRunner(t, db, w)
		enqueue(t, db, hello{"Ada"}, job.Opts{})
		recv(t, started, "the job")
		stopped := make(chan error, 1)
		go func() { stopped <- r.Stop(context.Background()) }()
		close(release)
		if err := recv(t, stopped, "the stop"); err != nil {
			t.Error(err)
		}
		if !done.Load() {
			t.Error("Stop returned before the job had ended")
		}
	})
}
