// Package bench is what the benchmarks on databases share.
package bench

import (
	"fmt"
	"os"
	"runtime/pprof"

	"steno/internal/store"
	"steno/internal/store/storetest"
)

// PostgreSQL is the name of that database in tables.
const PostgreSQL = "PostgreSQL (fsync off)"

// Main runs a benchmark and ends the program.
func Main(run func() error) {
	code := 0
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		code = 1
	}
	storetest.Stop()
	os.Exit(code)
}

// Profiled runs with a profile of the processor time, written to a file; empty:
// without one.
func Profiled(file string, run func() error) error {
	if file == "" {
		return run()
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return run()
}

// OnSQLite runs on an empty SQLite database, which is removed afterwards.
func OnSQLite(run func(store.Options) error) error {
	dir, err := os.MkdirTemp("", "steno-bench-")
	if err != nil {
		return err
	}
	err = run(store.Options{DataDir: dir})
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return err
}

// OnPostgreSQL runs on an empty PostgreSQL database, which is dropped afterwards
// unless run fails.
func OnPostgreSQL(run func(store.Options) error) error {
	url, drop, err := storetest.Database()
	if err != nil {
		return err
	}
	if err := run(store.Options{DatabaseURL: url, DataDir: os.TempDir()}); err != nil {
		return err
	}
	return drop()
}
