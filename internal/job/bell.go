package job

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// bell tells the workers of all processes on a PostgreSQL database that a queue
// has new jobs, after the transaction that queued them has committed.
//
// River notifies within the transaction, and leaves a notification out when it
// sent one a moment ago. The jobs of a transaction whose notification was left
// out, and that commits after the workers have looked, would wait for the next
// poll: a second. So the last one of a burst always rings; those that come while
// it is ringing are told together.
type bell struct {
	pool *pgxpool.Pool

	mu      sync.Mutex
	due     map[string]struct{}
	ringing bool
}

// ringTime bounds a notification. Without one, workers find the jobs at their
// next poll.
const ringTime = 5 * time.Second

// ring returns at once.
func (b *bell) ring(queue string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.due == nil {
		b.due = map[string]struct{}{}
	}
	b.due[queue] = struct{}{}
	if !b.ringing {
		b.ringing = true
		go b.work()
	}
}

func (b *bell) work() {
	for {
		b.mu.Lock()
		payloads := make([]string, 0, len(b.due))
		for queue := range b.due {
			payloads = append(payloads, fmt.Sprintf("{\"queue\": %q}", queue))
		}
		clear(b.due)
		b.ringing = len(payloads) > 0
		b.mu.Unlock()
		if len(payloads) == 0 {
			return
		}
		b.notify(payloads)
	}
}

func (b *bell) notify(payloads []string) {
	ctx, cancel := context.WithTimeout(context.Background(), ringTime)
	defer cancel()
	// The channel and the payload are River's own. An error means that the
	// database is away; the workers look by themselves when it is back.
	_, _ = b.pool.Exec(ctx, "SELECT pg_notify(concat(current_schema(), '."+insertTopic+"'), p) FROM unnest($1::text[]) AS p", payloads)
}
