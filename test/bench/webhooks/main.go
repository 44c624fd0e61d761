// Command webhooks measures deliveries of a real server process, on both
// databases: how many a second, how late at 100 a second, and what a receiver
// gets of it while 35 others are broken (rows D10 and D3 of the test book). An
// event is made by POST …/resend-webhook of a finished bot: one transaction with
// a message and a delivery for each endpoint.
//
//	go run ./test/bench/webhooks [-binary bin/steno] [-only throughput,latency,isolation]
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"steno/internal/store/storetest"
)

type options struct {
	binary   string
	only     []string
	on       []string
	rounds   int
	calls    int
	length   time.Duration
	fillBots int
}

func main() {
	var o options
	var only, on string
	flag.StringVar(&o.binary, "binary", "bin/steno", "the program")
	flag.StringVar(&only, "only", "throughput,latency,isolation", "what to measure")
	flag.StringVar(&on, "on", "sqlite,postgres", "databases")
	flag.IntVar(&o.rounds, "rounds", 3, "runs for throughput; the median counts")
	flag.IntVar(&o.calls, "calls", 1000, "events in a run for throughput; each goes to 4 endpoints")
	flag.DurationVar(&o.length, "for", 10*time.Second, "length of the runs for latency and isolation")
	flag.Parse()
	o.only, o.on, o.fillBots = strings.Split(only, ","), strings.Split(on, ","), 500
	code := 0
	for _, database := range o.on {
		if err := run(o, database); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", database, err)
			code = 1
		}
	}
	storetest.Stop()
	os.Exit(code)
}

func run(o options, database string) error {
	url, name := "", "SQLite (synchronous=FULL)"
	if database == "postgres" {
		name = "PostgreSQL (fsync off)"
		var drop func() error
		var err error
		if url, drop, err = storetest.Database(); err != nil {
			return err
		}
		defer func() { _ = drop() }()
	}
	fmt.Printf("\n%s\n", name)
	for _, part := range []struct {
		name    string
		measure func(o options, s *server) error
	}{{"throughput", throughput}, {"latency", latency}, {"isolation", isolation}} {
		if !slices.Contains(o.only, part.name) {
			continue
		}
		s, err := start(o, url)
		if err != nil {
			return err
		}
		err = part.measure(o, s)
		s.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// throughput has events accepted as fast as they come until all are delivered.
func throughput(o options, s *server) error {
	const receivers, clients = 4, 8
	var sinks []*sink
	for range receivers {
		k := newSink(nil)
		defer k.Close()
		if err := s.endpoint(k.URL); err != nil {
			return err
		}
		sinks = append(sinks, k)
	}
	var rates, accepts []float64
	var used time.Duration
	for round := range o.rounds + 1 {
		target := int64((round + 1) * o.calls)
		begin := time.Now()
		if err := s.burst(clients, o.calls); err != nil {
			return err
		}
		accepted := time.Since(begin)
		for _, k := range sinks {
			if err := k.waitFor(target, time.Minute); err != nil {
				return err
			}
		}
		took := time.Since(begin)
		if round == 0 {
			used = s.cpu()
			continue // warms up
		}
		rates = append(rates, float64(o.calls*receivers)/took.Seconds())
		accepts = append(accepts, float64(o.calls)/accepted.Seconds())
	}
	repeated := int64(0)
	for _, k := range sinks {
		repeated += k.count.Load() - int64((o.rounds+1)*o.calls)
	}
	each := float64((s.cpu() - used).Microseconds()) / 1000 / float64(o.rounds*o.calls*receivers)
	fmt.Printf("  throughput: %.0f deliveries/s (median of %d; best %.0f), %.0f events/s accepted, %d repeated, %.2f ms of processor time each, memory %d MB (peak %d)\n",
		median(rates), o.rounds, slices.Max(rates), median(accepts), repeated, each, s.memory("VmRSS"), s.memory("VmHWM"))
	return nil
}

// latency has 100 events a second delivered to one receiver.
func latency(o options, s *server) error {
	k := newSink(nil)
	defer k.Close()
	if err := s.endpoint(k.URL); err != nil {
		return err
	}
	if _, err := s.pace(k, 100, time.Second); err != nil { // warms up
		return err
	}
	l, err := s.pace(k, 100, o.length)
	if err != nil {
		return err
	}
	fmt.Printf("  latency at 100/s: from the request to the API until arrival p50 %s ms, p99 %s ms; from its answer p50 %s, p99 %s; memory %d MB\n",
		ms(l.whole, .5), ms(l.whole, .99), ms(l.after, .5), ms(l.after, .99), s.memory("VmRSS"))
	return nil
}

// isolation measures a receiver alone, and beside 35 that are broken and get the
// same 50 events a second.
func isolation(o options, s *server) error {
	k := newSink(nil)
	defer k.Close()
	if err := s.endpoint(k.URL); err != nil {
		return err
	}
	if _, err := s.pace(k, 50, time.Second); err != nil {
		return err
	}
	solo, err := s.pace(k, 50, o.length)
	if err != nil {
		return err
	}
	before, used := s.memory("VmRSS"), s.cpu()
	crowd := newCrowd()
	defer crowd.close()
	for _, url := range crowd.urls {
		if err := s.endpoint(url); err != nil {
			return err
		}
	}
	among, err := s.pace(k, 50, 2*o.length)
	if err != nil {
		return err
	}
	fmt.Printf("  isolation at 50/s: alone p50 %s ms, p99 %s; beside 20 hanging, 5 trickling, 5 resetting, 5 flooding p50 %s, p99 %s; memory %d MB, then %d; at most %d calls hung; %.0f %% of a core\n",
		ms(solo.whole, .5), ms(solo.whole, .99), ms(among.whole, .5), ms(among.whole, .99), before, s.memory("VmRSS"), crowd.most.Load(),
		100*(s.cpu()-used).Seconds()/(2*o.length).Seconds())
	return nil
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

func ms(all []time.Duration, p float64) string {
	slices.Sort(all)
	return fmt.Sprintf("%.1f", float64(all[int(p*float64(len(all)-1))].Microseconds())/1000)
}
