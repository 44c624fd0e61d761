package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"steno/internal/account"
	"steno/internal/alarm"
	"steno/internal/api/httpx"
	"steno/internal/api/ops"
	"steno/internal/api/push"
	v1 "steno/internal/api/v1"
	v2 "steno/internal/api/v2"
	"steno/internal/artifact"
	"steno/internal/blob"
	"steno/internal/bot"
	"steno/internal/calendar"
	"steno/internal/config"
	"steno/internal/deliver"
	"steno/internal/ident"
	"steno/internal/job"
	"steno/internal/meeting"
	"steno/internal/netguard"
	"steno/internal/platform/pack"
	"steno/internal/profile"
	"steno/internal/runtime"
	"steno/internal/scribe"
	"steno/internal/seal"
	"steno/internal/store"
	"steno/internal/store/sqlite"
	"steno/internal/transcript"
	"steno/internal/zoom"
)

// server is everything that `steno serve` runs.
type server struct {
	*House
	o         config.Serve
	version   string
	host      string
	registry  *prometheus.Registry
	guard     *netguard.Guard
	private   []netip.Prefix // that the operator allowed
	operators account.Operators
	objects   *blob.Store
	signer    *artifact.Signer
	store     store.Bots
	bots      *bot.Service

	calendars      *calendar.Service
	pushBase       string
	closeProviders func()
	zoom           *zoom.Service
	closeZoom      func()
	bearer         *account.Bearer // recognises callers by key or token
	closeTokens    func()

	alarm      *alarm.Alarm        // of calendars; nil without the role worker
	dispatch   *alarm.Alarm        // of scheduled bots; nil without the role worker
	supervisor *runtime.Supervisor // nil without the role
	packs      *pack.Shelf         // the same
	runner     *job.Runner         // nil without roles that work
	sender     *deliver.Sender     // nil without the role

	services      scribe.Services
	door          scribe.Door
	closeServices func()
	desk          *scribe.Desk // nil without the role worker
}

// stopTime is how long requests and jobs may go on when the server stops. Bots
// are processes of their own and go on without it.
const stopTime = 10 * time.Second

// Serve runs the server until ctx ends. It returns nil after an orderly stop.
func Serve(ctx context.Context, o config.Serve, version string, log *slog.Logger) (err error) {
	begin := time.Now()
	listener, err := listen(o.Listen)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // closed by the HTTP server already, usually
	pushBase := o.PushBase()
	if o.PublicURL == "" {
		o.PublicURL = "http://" + listener.Addr().String()
	}
	house, err := Open(ctx, o.Storage, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, house.Close()) }()
	unlock, err := lockData(o.Data)
	if err != nil {
		return err
	}
	defer unlock()
	s := &server{House: house, o: o, version: version, registry: ops.NewRegistry(), pushBase: pushBase}
	if err := s.build(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.objects.Close()) }()
	defer s.closeProviders()
	defer s.closeZoom()
	defer s.closeTokens()
	defer s.closeServices()
	return s.run(ctx, listener, begin)
}

// lockData keeps a second server away from the data folder: both would look
// after the same bots.
func lockData(dir string) (func(), error) {
	unlock, err := sqlite.TryLock(dir, "serve.lock")
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("another steno serve uses the data folder %s; stop it or choose another folder with --data", dir)
	}
	if err != nil {
		return nil, dataError(dir, err)
	}
	return unlock, nil
}

func listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("the address %s is taken by another program; stop it or choose another with --listen or STENO_LISTEN", addr)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s; choose another address with --listen or STENO_LISTEN: %w", addr, err)
	}
	return l, nil
}

// build makes the parts and starts none.
func (s *server) build(ctx context.Context) (err error) {
	if s.host, err = hostID(s.o.Data); err != nil {
		return err
	}
	if s.private, err = s.o.PrivateTargets(); err != nil {
		return err
	}
	if s.operators, err = account.NewOperators(s.o.AdminKey); err != nil {
		return err
	}
	s.guard = netguard.New(netguard.Options{Allow: s.private})
	if err := s.buildBearer(ctx); err != nil {
		return err
	}
	if s.objects, err = OpenObjects(ctx, s.o.Storage); err != nil {
		return err
	}
	if s.signer, err = s.newSigner(); err != nil {
		return err
	}
	s.store = store.Bots{DB: s.DB, Vault: s.Vault, Requests: seal.Requests{Sealer: s.Vault.Sealer}, Quota: NewQuotaRoom(s.Quota, s.DB)}
	s.bots = &bot.Service{
		Store: s.store, Clock: s.Clock, Signer: s.signer, SignerV1: s.signer.V1(), Hosts: s.o.Meetings(), ValidURL: s.guard.Validate, Lead: s.o.JoinLead, LiveReady: s.liveReady,
		Nudge: func(id string) {
			if s.supervisor != nil {
				s.supervisor.Nudge(id)
			}
		},
		Profiles: func(p meeting.Platform) []string { return s.profiles().Names(string(p)) },
	}
	if err := s.buildZoom(); err != nil {
		return err
	}
	if err := s.buildServices(); err != nil {
		return err
	}
	if err := s.buildDoor(); err != nil {
		return err
	}
	if err := s.buildCalendars(); err != nil {
		return err
	}
	if s.o.Has("bots") {
		if err := s.buildSupervisor(); err != nil {
			return err
		}
	}
	if s.o.Has("worker") {
		s.dispatch = alarm.New(s.bots.RunDue, s.Clock, s.Log)
		s.bots.Rouse = s.dispatch.Nudge
		s.buildDesk()
		s.sender = deliver.New(deliver.Options{
			Queue: s.DB, Client: s.guard.Client(), Secrets: s.Vault, Clock: s.Clock, Log: s.Log, Fresh: s.fresh, Name: s.host, Metrics: s.registry,
		})
	}
	return s.buildRunner()
}

// OpenObjects opens where artifacts are kept.
func OpenObjects(ctx context.Context, o config.Storage) (*blob.Store, error) {
	url := o.StorageURL
	if url == "" {
		dir, err := filepath.Abs(filepath.Join(o.Data, "objects"))
		if err != nil {
			return nil, err
		}
		url = dir
	}
	objects, err := blob.Open(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("the artifact storage cannot be used; check --storage-url or STENO_STORAGE_URL: %w", err)
	}
	return objects, nil
}

func (s *server) buildSupervisor() error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program's own file: %w", err)
	}
	s.supervisor = runtime.New(runtime.Options{
		Data: s.o.Data, Program: program, Ledger: ledger{s.bots, s.store}, Objects: s.objects, Clock: s.Clock, Log: s.Log, MaxBots: s.o.MaxBots,
		LiveAccess: s.liveAccess,
	})
	s.registry.MustRegister(s.supervisor.Collectors()...)
	return nil
}

// ledger is the database as the supervisor sees it.
type ledger struct {
	*bot.Service
	store.Bots
}

func (s *server) buildRunner() (err error) {
	queues, workers := map[string]int{}, job.NewWorkers(store.Away)
	if s.o.Has("worker") {
		queues[job.Default], queues[job.Calendars] = 8, syncsAtOnce
		job.Register(workers, deleteTime, deleter{bots: s.store, objects: s.objects, transcripts: s.desk}.run)
		s.registerRetention(workers)
		s.registerCalendarJobs(workers)
	}
	if s.supervisor != nil {
		s.packs = pack.NewShelf(s.o.Packs, filepath.Join(s.o.Data, "packs"), s.Log)
		queues[job.Bots] = 2 // starting a browser takes a core; more at once are no faster
		job.Register(workers, launchTime, s.launcher().run)
	}
	if len(queues) == 0 {
		return nil
	}
	s.runner, err = job.NewRunner(s.DB.Jobs(), workers, job.RunnerOptions{
		Node: ident.New(), Host: s.host, Queues: queues, Nodes: store.Nodes{DB: s.DB, Clock: s.Clock}, Logger: s.Log,
	})
	return err
}

// profiles are the signed-in profiles of this host.
func (s *server) profiles() profile.Shelf {
	dir := s.o.Profiles
	if dir != "" {
		if whole, err := filepath.Abs(dir); err == nil {
			dir = whole // bot processes have another working directory
		}
	}
	return profile.Shelf{Dir: dir, Log: s.Log}
}

func (s *server) launcher() *launcher {
	return &launcher{bots: s.bots, supervisor: s.supervisor, host: s.host, tools: s.o.Tools, packs: s.packs, hosts: s.o.Hosts, private: s.private, shots: s.o.Screenshots, profiles: s.profiles(), clock: s.Clock, log: s.Log}
}

// run starts the parts, serves until ctx ends, and stops them in reverse.
func (s *server) run(ctx context.Context, listener net.Listener, begin time.Time) (err error) {
	if s.supervisor != nil {
		if err := s.supervisor.Start(ctx); err != nil {
			return err
		}
		defer s.supervisor.Stop()
		live, err := s.store.LiveOn(ctx, s.host)
		if err != nil {
			return err
		}
		if err := s.launcher().recover(ctx, live); err != nil {
			return err
		}
	}
	if s.runner != nil {
		if err := s.runner.Start(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.stopRunner()) }()
	}
	for _, a := range []*alarm.Alarm{s.alarm, s.dispatch} {
		if a != nil {
			stop := inBackground(a.Run)
			defer func() { err = errors.Join(err, stop()) }()
		}
	}
	if s.o.Has("worker") {
		stop := inBackground(s.queueRetention)
		defer func() { err = errors.Join(err, stop()) }()
	}
	if s.desk != nil {
		stop := inBackground(s.desk.Run)
		defer func() { err = errors.Join(err, stop()) }()
	}
	if s.sender != nil {
		stop := inBackground(s.sender.Run)
		defer func() { err = errors.Join(err, stop()) }()
	}
	if s.sender != nil && s.o.WebhookLogDays > 0 {
		stop := inBackground(s.trimWebhooks)
		defer func() { err = errors.Join(err, stop()) }()
	}
	s.Log.Info("steno serves", "url", s.o.PublicURL, "listen", listener.Addr().String(), "roles", strings.Join(s.o.Roles, ","),
		"version", s.version, "ready_after_ms", time.Since(begin).Milliseconds())
	return s.serveHTTP(ctx, listener)
}

func (s *server) stopRunner() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	return s.runner.Stop(ctx)
}

// inBackground runs f until the returned function is called, which waits for
// its end.
func inBackground(f func(ctx context.Context) error) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	return func() error {
		cancel()
		return <-done
	}
}

func (s *server) serveHTTP(ctx context.Context, listener net.Listener) error {
	closing := make(chan struct{})
	web := httpx.Server(s.handler(closing), s.Log)
	web.RegisterOnShutdown(func() { close(closing) })
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(httpx.Refuse(listener, v2.Refusal)) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
	}
	s.Log.Info("steno stops; bots go on")
	stop, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	if err := web.Shutdown(stop); err != nil {
		_ = web.Close() // requests that did not end in time
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// handler mounts the surfaces. A process without the api role answers the
// operator only.
func (s *server) handler(closing <-chan struct{}) http.Handler {
	r := chi.NewRouter()
	old := &v1.Surface{Bots: s.bots, Calendars: s.calendars, Accounts: s.Accounts, Quota: s.Quota, Zoom: s.zoom, Webhooks: s.Endpoints(s.guard.Validate), Clock: s.Clock, Log: s.Log, Version: s.version}
	surface := &v2.Surface{
		Bots: s.bots, Calendars: s.calendars, Accounts: s.Accounts, Quota: s.Quota, Zoom: s.zoom, Clock: s.Clock, Log: s.Log, Version: s.version,
		Transcripts: &transcript.Searcher{Finder: store.Search{DB: s.DB}, MeetingKey: s.bots.MeetingKey}, Closing: closing,
	}
	(&ops.Surface{Ready: s.DB.Ping, Registry: s.registry}).Mount(r)
	panicked := byPath(old.Panicked, surface.Panicked)
	if s.o.Has("api") {
		surface.Mount(r)
		old.Mount(r)
		r.NotFound(byPath(old.NotFound, surface.NotFound))
		r.MethodNotAllowed(byPath(old.MethodNotAllowed, surface.MethodNotAllowed))
		panicked = inUnified(s.mountUnified(r).Panicked, panicked)
		s.mountAdmin(r)
		s.mountArtifacts(r)
		(&push.Surface{Calendars: s.calendars, Transcripts: s.door, Log: s.Log}).Mount(r)
	}
	return httpx.Wrap(r, httpx.Options{Log: s.Log, Clock: s.Clock, Panic: panicked, Observe: ops.Observer(s.registry)})
}

// byPath lets API v1 answer for its own paths, and API v2 for all others.
func byPath(one, two http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if v1.Serves(r.URL.Path) {
			one(w, r)
			return
		}
		two(w, r)
	}
}
