// Command calendar measures the sync of calendars: how long the first sync of
// 1,000 to 100,000 events takes, what it costs in calls and memory, what a
// change costs after that, how long it takes from a push to the outgoing
// webhook, how many pushes the server takes, and how much longer it all takes
// while other connections are broken; on both databases. The fake
// services run in a process of their own, without latency, so that memory and
// time are the program's (and the wire's).
//
// One row is about a service that is 100 ms away.
//
//	go run ./test/bench/calendar [-events 1000,10000,100000] [-provider google] [-changes 20]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"steno/internal/calendar"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

type options struct {
	events    string
	providers string
	changes   int
	databases string
	pushes    int
	simulate  string
	profile   string
}

func main() {
	var o options
	flag.StringVar(&o.events, "events", "1000,10000,100000", "sizes of calendars")
	flag.StringVar(&o.providers, "provider", strings.Join(platforms(), ","), "services")
	flag.StringVar(&o.databases, "database", "SQLite,PostgreSQL", "databases")
	flag.IntVar(&o.changes, "changes", 15, "changes measured after the first sync")
	flag.StringVar(&o.profile, "cpuprofile", "", "file to write a CPU profile to")
	flag.IntVar(&o.pushes, "pushes", 120, "changes that are pushed; 0: leave that part out")
	flag.StringVar(&o.simulate, "simulate", "", "be the fake service (started by the benchmark itself)")
	flag.Parse()
	if o.simulate != "" {
		exit(serveFake(o.simulate, os.Stdin, os.Stdout))
	}
	err := run(o)
	storetest.Stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(o options) error {
	ctx := context.Background()
	if o.profile != "" {
		file, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	for p := range strings.SplitSeq(o.providers, ",") {
		for engine := range strings.SplitSeq(o.databases, ",") {
			if err := table(ctx, o, calendar.Platform(p), engine); err != nil {
				return fmt.Errorf("%s on %s: %w", p, engine, err)
			}
			if err := far(ctx, o, p, engine); err != nil {
				return fmt.Errorf("first sync from afar of %s on %s: %w", p, engine, err)
			}
			if o.pushes > 0 {
				if err := pushes(ctx, o, calendar.Platform(p), engine); err != nil {
					return fmt.Errorf("pushes of %s on %s: %w", p, engine, err)
				}
				if err := pains(ctx, o, calendar.Platform(p), engine); err != nil {
					return fmt.Errorf("broken connections of %s on %s: %w", p, engine, err)
				}
			}
		}
	}
	return nil
}

// table measures one service on one database and prints a row for each size.
func table(ctx context.Context, o options, p calendar.Platform, engine string) error {
	fmt.Printf("\n%s, %s (without fsync in PostgreSQL). Goals: 10,000 events in 5 s, 100,000 in 45 s and 256 MiB; one change, one call (and one for a series; Graph two)\n\n", p, engine)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "events\tof them series\tstored\tfirst sync\tevents/s\tcalls\tpeak memory\tCPU\tone change\tcalls\tof a series\tcalls\tnothing new\tcalls\t")
	for n := range strings.SplitSeq(o.events, ",") {
		size, err := strconv.Atoi(strings.TrimSpace(n))
		if err != nil {
			return fmt.Errorf("-events: %w", err)
		}
		for _, series := range []int{0, size / 20} {
			r, err := measure(ctx, o, p, engine, size, series)
			if err != nil {
				return fmt.Errorf("%d events: %w", size, err)
			}
			fmt.Fprintf(w, "%d\t%d\t%d\t%s\t%.0f\t%d\t%.0f MiB\t%s\t%s\t%.1f\t%s\t%.1f\t%s\t%.1f\t\n", size, series, r.stored, short(r.full), float64(size)/r.full.Seconds(), r.calls,
				r.memory, short(r.cpu), short(r.single.took), r.single.calls, short(r.series.took), r.series.calls, short(r.idle.took), r.idle.calls)
		}
	}
	return w.Flush()
}

func short(d time.Duration) string {
	if d > time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}

// result of one size.
type result struct {
	stored               int
	full, cpu            time.Duration
	calls                int
	memory               float64 // MiB, the highest
	single, series, idle cost
}

// cost of one sync, the median of many.
type cost struct {
	took  time.Duration
	calls float64
}

func measure(ctx context.Context, o options, p calendar.Platform, engine string, size, series int, before ...command) (r result, err error) {
	f, err := startFake(string(p))
	if err != nil {
		return r, err
	}
	defer f.stop()
	for _, c := range before {
		if err := f.ask(c, nil); err != nil {
			return r, err
		}
	}
	dir, err := os.MkdirTemp("", "steno-bench-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	url, drop, err := database(engine)
	if err != nil {
		return r, err
	}
	defer func() { _ = drop() }()
	db, err := store.Open(ctx, store.Options{DataDir: dir, DatabaseURL: url})
	if err != nil {
		return r, err
	}
	defer func() { _ = db.Close() }()
	rooms, err := newRooms(ctx, db, f)
	if err != nil {
		return r, err
	}
	defer rooms.close()
	if err := f.ask(command{Op: "fill", Events: size, Series: series}, nil); err != nil {
		return r, err
	}
	return rooms.measure(ctx, o, f)
}

// database returns the URL of a fresh database, empty for SQLite.
func database(engine string) (url string, drop func() error, err error) {
	if engine == "PostgreSQL" {
		return storetest.Database()
	}
	return "", func() error { return nil }, nil
}
