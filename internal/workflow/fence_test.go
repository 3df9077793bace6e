package workflow_test

import (
	"context"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/internal/workflow"
)

// While an engine's handler runs, a newer executor raises the epoch: the old one
// must settle nothing, emit nothing, write nothing, and stop with a conflict.
func TestFence(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		ctx := context.Background()
		db := open()
		e := workflow.New(db, workflow.Options{})
		began, goOn, emitted, wrote := make(chan struct{}), make(chan struct{}), make(chan error, 1), make(chan error, 2)
		e.Handle("a", func(ctx context.Context, task *workflow.Task) (workflow.Result, error) {
			close(began)
			<-goOn
			emitted <- task.Emit(ctx, "step.output", "from the grave")
			const insert = `INSERT INTO command_uses (id, at, actor, command, version) VALUES ($1, 0, '', '', '')`
			_, err := db.Exec(ctx, insert, "alone")
			wrote <- err
			wrote <- db.Tx(ctx, func(tx *store.Tx) error {
				_, err := tx.Exec(ctx, insert, "in a transaction")
				return err
			})
			return workflow.Result{Summary: "from the grave"}, nil
		})
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx) }()
		r := &rig{Engine: e, t: t, db: db}
		id := r.begin(run(step("a"))).ID
		<-began
		if _, err := db.Exec(ctx, `UPDATE executor SET epoch = epoch + 1, expires = 0 WHERE id = 1`); err != nil {
			t.Fatal(err)
		}
		close(goOn)
		wantCode(t, "emit", <-emitted, pave.Conflict)
		wantCode(t, "statement", <-wrote, pave.Conflict)
		wantCode(t, "transaction", <-wrote, pave.Conflict)
		var rows int
		if err := db.QueryRow(ctx, `SELECT count(*) FROM command_uses`).Scan(&rows); err != nil || rows != 0 {
			t.Errorf("%d rows, %v; want none of an old executor", rows, err)
		}
		select {
		case err := <-ended:
			wantCode(t, "Run", err, pave.Conflict)
		case <-time.After(patience):
			t.Fatal("a fenced engine goes on")
		}
		if got, err := r.Get(ctx, id); err != nil || stepOf(got, "a").State != pave.StepRunning {
			t.Fatalf("step %+v, %v; want it untouched", got.Steps, err)
		}
		if types := r.eventTypes(id); types != "run.started step.started:a" {
			t.Errorf("events %s", types)
		}
		next := start(t, open(), workflow.Options{}, handlers{"a": ok})
		if got := next.ended(id, pave.RunDone); stepOf(got, "a").Attempt != 2 {
			t.Errorf("attempt %d, want 2", stepOf(got, "a").Attempt)
		}
	})
}

// Two engines on one store: the second waits, then takes over at once when the
// first ends, and interrupted handlers run again.
func TestHandover(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		began := make(chan struct{})
		first := start(t, open(), workflow.Options{}, handlers{"a": func(ctx context.Context, _ *workflow.Task) (workflow.Result, error) {
			close(began)
			<-ctx.Done()
			return workflow.Result{}, ctx.Err()
		}})
		id := first.begin(run(step("a"))).ID
		<-began
		second := start(t, open(), workflow.Options{}, handlers{"a": ok})
		time.Sleep(150 * time.Millisecond)
		if got, err := first.Get(context.Background(), id); err != nil || got.State.Ended() {
			t.Fatalf("the second did not wait: %+v, %v", got, err)
		}
		first.stop()
		second.ended(id, pave.RunDone)
	})
}
