// Command dispatch measures how exactly scheduled bots are started: many bots
// for the same second, servers that queue and launch them as `steno serve` does,
// and a stub in place of the bot's process. It tells how late they are, and
// whether any was lost or started twice, also when one of two servers is killed
// in the middle.
//
//	go run ./test/bench/dispatch [-bots 100,1000,10000] [-kill=false] [-sqlite=false] [-postgres=false]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"steno/internal/store"
	"steno/internal/store/storetest"
)

// lead is that of `steno serve`.
const lead = 30 * time.Second

// start is how long servers have to come up before the bots are due.
const start = 8 * time.Second

type options struct {
	sizes            []int
	kill             bool
	sqlite, postgres bool
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "server" {
		exit(serve(os.Args[2:]))
	}
	var o options
	sizes := flag.String("bots", "100,1000,10000", "how many bots, in several runs")
	flag.BoolVar(&o.kill, "kill", true, "repeat the largest run with two servers, of which one is killed")
	flag.BoolVar(&o.sqlite, "sqlite", true, "measure SQLite")
	flag.BoolVar(&o.postgres, "postgres", true, "measure PostgreSQL")
	flag.Parse()
	for text := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			exit(err)
		}
		o.sizes = append(o.sizes, n)
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
	fmt.Printf("Bots for the same second, lead %s. Late: after the time to join. Behind: after the time to launch, which is what it would be late without a lead.\n\n", lead)
	fmt.Printf("  %-11s %7s %8s %14s  %8s %8s %8s  %8s %8s %8s  %6s %6s\n", "", "", "", "", "late", "", "", "behind", "", "", "", "")
	fmt.Printf("  %-11s %7s %8s %14s  %8s %8s %8s  %8s %8s %8s  %6s %6s\n", "database", "bots", "servers", "killed", "p50", "p99", "max", "p50", "p99", "max", "lost", "twice")
	for _, n := range o.sizes {
		if o.postgres {
			if err := postgres(n, 1, false); err != nil {
				return err
			}
		}
		if o.sqlite {
			if err := sqlite(n); err != nil {
				return err
			}
		}
	}
	if o.postgres && o.kill {
		n := o.sizes[len(o.sizes)-1]
		return errors.Join(postgres(n, 2, false), postgres(n, 2, true))
	}
	return nil
}

func postgres(n, servers int, kill bool) error {
	url, drop, err := storetest.Database()
	if err != nil {
		return err
	}
	return errors.Join(measure("PostgreSQL", store.Options{DatabaseURL: url}, n, servers, kill), drop())
}

func sqlite(n int) error {
	dir, err := os.MkdirTemp("", "steno-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return measure("SQLite", store.Options{DataDir: dir}, n, 1, false)
}

// measure makes one row of the table.
func measure(name string, so store.Options, n, servers int, kill bool) error {
	dir, err := os.MkdirTemp("", "steno-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if so.DataDir == "" {
		so.DataDir = dir
	}
	at, err := fill(so, n)
	if err != nil {
		return err
	}
	running, err := launch(so, dir, servers)
	if err != nil {
		return err
	}
	defer func() {
		for _, s := range running {
			_ = s.Process.Kill()
			_ = s.Wait()
		}
	}()
	killed := "-"
	deadline := time.Now().Add(4 * time.Minute)
	for {
		first, err := read(file(dir, 0))
		if err != nil {
			return err
		}
		all, err := readAll(dir, servers)
		if err != nil {
			return err
		}
		if kill && killed == "-" && len(first) > 0 && len(all) >= n/3 {
			_ = running[0].Process.Kill() // SIGKILL
			killed = fmt.Sprintf("at %d of %d", len(all), n)
		}
		if len(distinct(all)) >= n || time.Now().After(deadline) {
			time.Sleep(time.Second) // a second start would come about now
			if all, err = readAll(dir, servers); err != nil {
				return err
			}
			report(name, n, servers, killed, all, at)
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func launch(so store.Options, dir string, servers int) (list []*exec.Cmd, err error) {
	for i := range servers {
		cmd := exec.Command(os.Args[0], "server", so.DatabaseURL, so.DataDir, file(dir, i), fmt.Sprint("host-", i))
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			return list, err
		}
		list = append(list, cmd)
	}
	return list, nil
}

func file(dir string, server int) string { return filepath.Join(dir, fmt.Sprint("started-", server)) }

func readAll(dir string, servers int) (all []started, err error) {
	for i := range servers {
		some, err := read(file(dir, i))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func report(name string, n, servers int, killed string, all []started, at time.Time) {
	var late, behind []time.Duration
	for _, s := range all {
		late = append(late, max(0, s.at.Sub(at)))
		behind = append(behind, s.at.Sub(at.Add(-lead)))
	}
	unique := len(distinct(all))
	fmt.Printf("  %-11s %7d %8d %14s  %8s %8s %8s  %8s %8s %8s  %6d %6d\n", name, n, servers, killed,
		ms(quantile(late, 0.5)), ms(quantile(late, 0.99)), ms(quantile(late, 1)),
		ms(quantile(behind, 0.5)), ms(quantile(behind, 0.99)), ms(quantile(behind, 1)), n-unique, len(all)-unique)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// fill schedules n bots of ten teams for one moment, which it returns.
func fill(so store.Options, n int) (time.Time, error) {
	ctx := context.Background()
	db, err := store.Open(ctx, so)
	if err != nil {
		return time.Time{}, err
	}
	at, err := schedule(ctx, db, n)
	return at, errors.Join(err, db.Close())
}
