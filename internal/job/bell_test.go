package job_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"steno/internal/job"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

// River leaves out the notification of a transaction that comes just after
// another one. Whoever commits last must be heard all the same, in every server
// process, and not only at the next poll.
func TestTheLastOfABurstIsHeard(t *testing.T) {
	url := storetest.PostgresURL(t)
	db, err := store.Open(t.Context(), store.Options{DatabaseURL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	ear, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ear.Close(context.Background()) })
	if _, err := ear.Exec(t.Context(), `LISTEN "public.river_insert"`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for burst := range 5 {
		for range 20 {
			enqueue(t, db, hello{"Ada"}, job.Opts{})
		}
		// A queue of its own marks the end of the burst. River has notified of none
		// in it, so that what is heard comes after the commits.
		last := fmt.Sprintf("burst %d", burst)
		db.Jobs().Wake(last)
		for told := ""; told != fmt.Sprintf("{\"queue\": %q}", last); {
			n, err := ear.WaitForNotification(ctx)
			if err != nil {
				t.Fatalf("nobody was told of %s: %v", last, err)
			}
			told = n.Payload
		}
	}
}
