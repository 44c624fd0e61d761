package store_test

import (
	"context"
	"testing"
	"time"

	"steno/internal/clock"
	"steno/internal/job"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

type work struct{}

func (work) Kind() string { return "work" }

// takenBy queues a job that counts as taken by a node.
func takenBy(t *testing.T, db *store.DB, node string) (id int64) {
	t.Helper()
	ctx := t.Context()
	by := "ARRAY['" + node + "']"
	if !db.Shared() {
		by = `json_array('` + node + `')`
	}
	err := db.InTx(ctx, func(tx *store.Tx) error { return tx.Enqueue(ctx, work{}, job.Opts{}) })
	if err == nil {
		err = db.InTx(ctx, func(tx *store.Tx) error {
			return tx.QueryRow(ctx, "UPDATE river_job SET state = 'running', attempt = 1, attempted_by = "+by+" WHERE state = 'available' RETURNING id").Scan(&id)
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAJobIsGivenBackOnlyInTheNameOfItsNode(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		nodes := store.Nodes{DB: db, Clock: clock.System{}}
		id := takenBy(t, db, "a")
		for node, want := range map[string]int{"a": 1, "b": 0} {
			if ids, err := nodes.Running(t.Context(), node); err != nil || len(ids) != want {
				t.Errorf("node %s runs %v (%v), want %d jobs", node, ids, err, want)
			}
		}
		if n, err := nodes.GiveBack(t.Context(), "b", []int64{id}); err != nil || n != 0 {
			t.Errorf("node b gave back %d jobs of node a (%v)", n, err)
		}
		if n, err := nodes.GiveBack(t.Context(), "a", []int64{id, id + 1}); err != nil || n != 1 {
			t.Errorf("node a gave back %d jobs (%v)", n, err)
		}
	})
}

// While the database is away, nobody's heart can be heard. The first one that is
// heard again must not take the others for dead.
func TestANodeThatWasSilentItselfDoesNotJudge(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if !db.Shared() {
			t.Skip("one process at a time")
		}
		ctx, nodes := t.Context(), store.Nodes{DB: db, Clock: clock.System{}}
		beat := func(want int64) {
			t.Helper()
			if n, err := nodes.Beat(ctx, "a", "host"); err != nil || n != want {
				t.Fatalf("%d jobs rescued (%v), want %d", n, err, want)
			}
		}
		silent := func(where string) {
			t.Helper()
			err := db.InTx(ctx, func(tx *store.Tx) error {
				_, err := tx.Exec(ctx, "UPDATE nodes SET heartbeat_at = heartbeat_at - $1"+where, time.Minute.Milliseconds())
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		beat(0)
		if _, err := nodes.Beat(context.WithoutCancel(ctx), "b", "host"); err != nil {
			t.Fatal(err)
		}
		takenBy(t, db, "b")
		silent("") // both
		beat(0)
		silent(" WHERE id = 'b'") // it stays silent
		beat(1)
	})
}
