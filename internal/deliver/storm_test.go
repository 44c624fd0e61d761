package deliver

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/webhook"
)

// stormVariable asks for the long form; `make storm` sets it.
const stormVariable = "STENO_STORM"

// Variables of the child process.
const (
	childVariable = "STENO_TEST_DELIVER_CHILD" // "accept and deliver"
	childURL      = "STENO_TEST_DATABASE_URL"
	childData     = "STENO_TEST_DATA"
	childPrefix   = "STENO_TEST_PREFIX"
)

// stormChild is the process that is killed: it accepts events, that is, commits
// them and then says so on its standard output, and delivers at the same time.
func stormChild() {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{DatabaseURL: os.Getenv(childURL), DataDir: os.Getenv(childData)})
	must(err)
	b := newBench(db)
	go func() { must(New(b.options()).Run(ctx)) }()
	ready := time.Now()
	fmt.Println("ready")
	for i := 0; ; i++ {
		bot := fmt.Sprintf("%s-%d", os.Getenv(childPrefix), i)
		b.emit(bot, 1, 1)
		// One write: the line is there or it is not.
		_, err := fmt.Fprintln(os.Stdout, "acked", bot)
		must(err)
		time.Sleep(time.Until(ready.Add(time.Duration(i) * 6 * time.Millisecond))) // up to 166 events a second
	}
}

// Proves D1: whatever was accepted arrives, although the process that accepts
// and delivers is killed with SIGKILL again and again; what arrives twice
// carries the same message id. The short form kills 8 times, the long form
// (make storm) 100 times on each database.
func TestStormD1(t *testing.T) {
	kills, wantAcked, longest := 8, 300, time.Second
	if os.Getenv(stormVariable) != "" {
		kills, wantAcked, longest = 100, 20_000, 3*time.Second
	}
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		t.Parallel()
		w := newWitness(t)
		db, err := store.Open(t.Context(), o)
		must(err)
		b := newBench(db)
		b.endpoint(w.sink.URL)
		must(db.Close())
		for n := 0; n < kills || w.acked() < wantAcked; n++ {
			w.life(t, o, n, 300*time.Millisecond+rand.N(longest-300*time.Millisecond))
		}
		w.drain(t, o)
		w.judge(t, kills)
	})
}

// witness knows what was accepted and what arrived.
type witness struct {
	sink *sink
	mu   sync.Mutex
	ack  map[string]bool
	ids  map[string]map[string]int // bot → message id → times
	died int
}

func newWitness(t *testing.T) *witness {
	w := &witness{ack: map[string]bool{}, ids: map[string]map[string]int{}}
	w.sink = newSink(t, nil)
	w.sink.keep = false
	return w
}

func (w *witness) acked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ack)
}

// life runs a child and kills it after it was ready and some time has passed.
func (w *witness) life(t *testing.T, o store.Options, n int, long time.Duration) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=1", childURL+"="+o.DatabaseURL, childData+"="+o.DataDir, fmt.Sprintf("%s=life%d", childPrefix, n))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	must(err)
	must(cmd.Start())
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		cmd.Process.Kill()
		cmd.Wait()
		t.Fatalf("the child did not start: %s", stderr.String())
	}
	kill := time.AfterFunc(long, func() { cmd.Process.Kill() })
	defer kill.Stop()
	for lines.Scan() {
		if bot, ok := strings.CutPrefix(lines.Text(), "acked "); ok {
			w.mu.Lock()
			w.ack[bot] = true
			w.mu.Unlock()
		}
	}
	cmd.Wait()
	if text := stderr.String(); text != "" {
		t.Fatalf("the child failed before it was killed: %s", text)
	}
	w.died++
}

// drain delivers what is left.
func (w *witness) drain(t *testing.T, o store.Options) {
	db, err := store.Open(t.Context(), o)
	must(err)
	defer func() { must(db.Close()) }()
	b := newBench(db)
	defer b.run(t, b.options())()
	waitFor(t, "the queue to drain", func() bool {
		return b.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = $1`, string(webhook.Pending)) == 0
	})
	must(db.Read(t.Context(), func(q store.Querier) error {
		rows, err := q.Query(t.Context(), `SELECT bot_id, id FROM webhook_messages`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var bot, id string
			if err := rows.Scan(&bot, &id); err != nil {
				return err
			}
			if w.ids[bot] == nil {
				w.ids[bot] = map[string]int{}
			}
			w.ids[bot][id] = 0
		}
		return rows.Err()
	}))
}

// judge compares: every accepted event has exactly one message, and it arrived.
func (w *witness) judge(t *testing.T, kills int) {
	lost, several := 0, 0
	for bot := range w.ack {
		if len(w.ids[bot]) != 1 {
			several++
		}
		for id := range w.ids[bot] {
			if w.sink.ids[id] == 0 {
				lost++
			}
		}
	}
	messages, requests := w.sink.distinct()
	t.Logf("%d kills, %d accepted, %d delivered, %d repeated (%.2f %%)", w.died, len(w.ack), messages, requests-messages, 100*float64(requests-messages)/float64(messages))
	if lost > 0 || several > 0 {
		t.Errorf("%d accepted events did not arrive, %d have not one message", lost, several)
	}
	if w.died < kills {
		t.Errorf("only %d kills", w.died)
	}
}
