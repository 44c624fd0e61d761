package job_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"steno/internal/job"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

// childVariable makes the test binary a server that takes one job and never
// finishes it. Its value is the database: "url|dir".
const childVariable = "STENO_TEST_JOB_CHILD"

func child() int {
	url, dir, _ := strings.Cut(os.Getenv(childVariable), "|")
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{DatabaseURL: url, DataDir: dir})
	if err != nil {
		fmt.Println("open:", err)
		return 1
	}
	w := job.NewWorkers(nil)
	job.Register(w, time.Minute, func(ctx context.Context, _ job.Job[hello]) error {
		fmt.Println("running")
		<-ctx.Done()
		return ctx.Err()
	})
	r, err := newRunner(db, w)
	if err == nil {
		err = r.Start(ctx)
	}
	if err != nil {
		fmt.Println("start:", err)
		return 1
	}
	select {} // until killed
}

// kills is the short form of J2; the book asks for 50 in the long one.
func kills() int {
	if os.Getenv("STENO_STORM") != "" {
		return 50
	}
	return 3
}

// Proves J2: a job whose process was killed in the middle is run again. On one
// node that is at once, when the process starts again. On another node it is
// when the dead one has been silent for some time: the long form waits for that
// time to pass, the short one says that it has passed.
func TestJobOfAKilledProcessIsRunAgain(t *testing.T) {
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		db, err := store.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		rounds := kills()
		if db.Shared() {
			rounds = 1 // each takes as long as a node may be silent
		}
		for range rounds {
			enqueue(t, db, hello{"Ada"}, job.Opts{MaxAttempts: 1})
			killInTheMiddle(t, o)
			if db.Shared() && os.Getenv("STENO_STORM") == "" {
				age(t, db)
			}
			again := make(chan int, 1)
			w := job.NewWorkers(nil)
			job.Register(w, time.Minute, func(_ context.Context, j job.Job[hello]) error {
				again <- j.Attempt
				return nil
			})
			r, err := newRunner(db, w)
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			if err := r.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			recv(t, again, "the rescued job")
			t.Logf("rescued after %s", time.Since(begin).Round(time.Millisecond))
			await(t, db, "completed")
			if err := r.Stop(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// age makes the last sign of life of all nodes a minute older.
func age(t *testing.T, db *store.DB) {
	t.Helper()
	err := db.InTx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE nodes SET heartbeat_at = heartbeat_at - 60000")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// killInTheMiddle starts a server process, waits until it runs the job, and
// kills it.
func killInTheMiddle(t *testing.T, o store.Options) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+o.DatabaseURL+"|"+o.DataDir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "running\n" {
		t.Fatalf("the child said %q (%v)", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // says "killed"
}
