package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
)

// Job is one run of a job.
type Job[A Args] struct {
	ID      int64
	Attempt int // 1 at the first try
	Args    A
}

// Workers holds the functions that run jobs, by kind.
type Workers struct {
	river *river.Workers
	taken *taken
	away  func(error) bool
}

// NewWorkers returns an empty set. away says which errors tell that the database
// is away: a job that ends with one is tried again soon, and the attempt does
// not count. nil: none.
func NewWorkers(away func(error) bool) *Workers {
	if away == nil {
		away = func(error) bool { return false }
	}
	return &Workers{river: river.NewWorkers(), taken: newTaken(), away: away}
}

// awayPause is when a job is tried again that needed the database in vain. It
// is so short that River needs no leader for it.
const awayPause = time.Second

// maxTimeout bounds every worker's timeout, because River takes a job that has
// run for stuckAfter as lost. Work that lasts longer is a lease row with a
// heartbeat, not a job.
const (
	maxTimeout = 10 * time.Minute
	stuckAfter = 15 * time.Minute
)

// Register says how jobs of kind A are run. The context of run ends after
// timeout (at most 10 minutes) and when the runner is stopped for good. An
// error has the job tried again later, with growing pauses.
func Register[A Args](w *Workers, timeout time.Duration, run func(ctx context.Context, j Job[A]) error) {
	if timeout <= 0 || timeout > maxTimeout {
		var a A
		panic(fmt.Sprintf("job: timeout of %s must be above 0 and at most %s", a.Kind(), maxTimeout))
	}
	river.AddWorker(w.river, &worker[A]{run: run, timeout: timeout, in: w})
}

type worker[A Args] struct {
	river.WorkerDefaults[A]
	run     func(ctx context.Context, j Job[A]) error
	timeout time.Duration
	in      *Workers
}

func (w *worker[A]) Timeout(*river.Job[A]) time.Duration { return w.timeout }

func (w *worker[A]) Work(ctx context.Context, j *river.Job[A]) error {
	n := len(j.AttemptedBy)
	w.in.taken.begin(j.ID, n)
	defer w.in.taken.end(j.ID, n)
	err := w.run(ctx, Job[A]{ID: j.ID, Attempt: j.Attempt, Args: j.Args})
	if err != nil && w.in.away(err) {
		return Snooze(awayPause)
	}
	return err
}

// Snooze is returned by a worker that cannot run the job now: it is tried again
// after d, and the attempt does not count.
func Snooze(d time.Duration) error { return river.JobSnooze(d) }

// GiveUp is returned by a worker when trying again is useless.
func GiveUp(err error) error { return river.JobCancel(err) }

// Nodes knows which server processes live, so that the jobs of the dead can be
// run again.
type Nodes interface {
	// Beat says that the node lives, makes the running jobs of dead nodes
	// available again and returns how many there were.
	Beat(ctx context.Context, id, host string) (rescued int64, err error)
	// Running returns the jobs that run in the node's name, and how often each was
	// taken, by whomever.
	Running(ctx context.Context, id string) (map[int64]int, error)
	// GiveBack makes jobs available again that run in the node's name, and returns
	// how many there were.
	GiveBack(ctx context.Context, id string, jobs []int64) (int64, error)
	// Leave says that the node has stopped.
	Leave(ctx context.Context, id string) error
}

// RunnerOptions says what a Runner works on.
type RunnerOptions struct {
	Node   string         // unique to this run of the process
	Host   string         // for people
	Queues map[string]int // name of a queue: how many jobs at once
	Nodes  Nodes
	Logger *slog.Logger
	// BeatEvery is the time between heartbeats; 0 means 3 s.
	BeatEvery time.Duration
}

// Runner runs jobs. Start it once; Stop may be called any number of times, also
// when it was never started.
type Runner struct {
	o      RunnerOptions
	client client
	taken  *taken
	cancel context.CancelFunc
	beats  sync.WaitGroup
}

// client is the part of river.Client that does not depend on the database.
type client interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
}

// NewRunner returns a runner of the jobs in q.
func NewRunner(q *Queue, w *Workers, o RunnerOptions) (*Runner, error) {
	if o.BeatEvery == 0 {
		o.BeatEvery = 3 * time.Second
	}
	cfg := &river.Config{
		ID:                          o.Node,
		Queues:                      map[string]river.QueueConfig{},
		Workers:                     w.river,
		Logger:                      slog.New(quiet{o.Logger.Handler()}),
		JobTimeout:                  time.Minute,
		RescueStuckJobsAfter:        stuckAfter,
		CompletedJobRetentionPeriod: time.Hour,
		FetchCooldown:               10 * time.Millisecond,
		FetchPollInterval:           time.Second,
	}
	for name, n := range o.Queues {
		cfg.Queues[name] = river.QueueConfig{MaxWorkers: n}
	}
	c, err := newClient(q, cfg, w.taken.doubt)
	return &Runner{o: o, client: c, taken: w.taken}, err
}

func newClient(q *Queue, cfg *river.Config, doubt func()) (client, error) {
	if q.sqlite != nil {
		d := localDriver(q.sqlite, q.hub)
		d.doubt = doubt
		return build(d, cfg)
	}
	return build(newPostgresDriver(q.postgres, slices.Sorted(maps.Keys(cfg.Queues)), doubt), cfg)
}

// build keeps a nil *river.Client out of the interface.
func build[TTx any](d riverdriver.Driver[TTx], cfg *river.Config) (client, error) {
	c, err := river.NewClient(d, cfg)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Start takes back what dead processes left running and begins to work. ctx
// bounds the start only.
func (r *Runner) Start(ctx context.Context) error {
	if err := r.beat(ctx); err != nil {
		return fmt.Errorf("register the node: %w", err)
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	if err := r.client.Start(life); err != nil {
		cancel()
		return fmt.Errorf("start the job queue: %w", err)
	}
	r.beats.Go(func() { r.beatOn(life) })
	r.beats.Go(func() { r.lookOn(life) })
	return nil
}

func (r *Runner) beatOn(ctx context.Context) {
	tick := time.NewTicker(r.o.BeatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := r.beat(ctx); err != nil && ctx.Err() == nil {
			r.o.Logger.Warn("node heartbeat failed", "node", r.o.Node, "error", err)
		}
	}
}

func (r *Runner) beat(ctx context.Context) error {
	n, err := r.o.Nodes.Beat(ctx, r.o.Node, r.o.Host)
	if n > 0 {
		r.o.Logger.Info("jobs of a dead process are run again", "jobs", n)
	}
	return err
}

// Stop takes no further jobs and waits for those that run. When ctx ends first
// their contexts are cancelled; what they leave is run again later.
func (r *Runner) Stop(ctx context.Context) error {
	if r.cancel == nil {
		return nil
	}
	err := r.client.Stop(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = r.client.StopAndCancel(hard)
	}
	r.cancel()
	r.beats.Wait()
	r.cancel = nil
	leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(err, r.o.Nodes.Leave(leave, r.o.Node))
}

// quiet passes on what River warns of: its reports of routine are not ours.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}
func (q quiet) WithAttrs(a []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(a)} }
func (q quiet) WithGroup(g string) slog.Handler      { return quiet{q.Handler.WithGroup(g)} }
