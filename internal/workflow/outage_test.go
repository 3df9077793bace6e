package workflow_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/internal/workflow"
)

// A full disk keeps what a handler did from being recorded: the engine must hold
// on to it and record it when there is space again, without a second call.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	ctx, db := context.Background(), storetest.Open(t, storetest.SQLite(t))
	limit := func(pages string) error { // SQLite's own limit gives the same answer as a full disk
		return db.Tx(ctx, func(tx *store.Tx) error {
			rows, err := tx.Query(ctx, `PRAGMA max_page_count = `+pages)
			_, err = store.Collect(rows, err, func(s store.Scanner) (n int, err error) { return n, s.Scan(&n) })
			return err
		})
	}
	var calls atomic.Int64
	var log strings.Builder
	r := start(t, db, workflow.Options{Logger: testLogger(&log)}, handlers{"fill": func(context.Context, *workflow.Task) (workflow.Result, error) {
		calls.Add(1)
		return workflow.Result{Output: strings.Repeat("x", 500_000)}, limit("1")
	}})
	id := r.begin(run(step("fill"))).ID
	for end := time.Now().Add(patience); calls.Load() == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond)
	if got, err := r.Get(ctx, id); err != nil || got.Steps[0].State != pave.StepRunning {
		t.Fatalf("step %+v, %v; want it running", got.Steps, err)
	}
	if err := limit("100000"); err != nil {
		t.Fatal(err)
	}
	r.ended(id, pave.RunDone)
	if calls.Load() != 1 {
		t.Errorf("%d calls, want 1", calls.Load())
	}
	r.stop()
	if !strings.Contains(log.String(), "disk full") {
		t.Errorf("the log does not name the reason: %s", log.String())
	}
}

// Every connection to PostgreSQL is cut, again and again: the runs must all get
// done under the same executor.
func TestConnectionsCut(t *testing.T) {
	t.Parallel()
	ctx, url := context.Background(), storetest.PostgreSQL(t)
	db, knife := storetest.Open(t, url+"&application_name=cut"), storetest.Open(t, url)
	r := start(t, db, workflow.Options{Lease: 3 * time.Second}, handlers{"a": ok})
	var ids []string
	client := &rig{Engine: workflow.New(knife, workflow.Options{}), t: t, db: knife}
	for range 20 {
		ids = append(ids, client.begin(chain(12)).ID)
	}
	for range 10 {
		if _, err := knife.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cut'`); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, id := range ids {
		client.ended(id, pave.RunDone)
	}
	r.stop()
	var epoch int
	if err := knife.QueryRow(ctx, `SELECT epoch FROM executor`).Scan(&epoch); err != nil || epoch != 1 {
		t.Errorf("epoch %d, %v; want 1", epoch, err)
	}
}
