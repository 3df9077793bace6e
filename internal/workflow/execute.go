package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

var (
	errCanceled = errors.New("the run was canceled")
	errTimeout  = errors.New("the time of the step is over")
)

// launch runs a claimed step in a goroutine of its own.
func (x *executor) launch(base context.Context, c claimed) {
	ctx, cancel := context.WithCancelCause(base)
	id := stepID{c.step.run, c.step.Key}
	x.mu.Lock()
	self := &activeStep{cancel: cancel, always: c.step.always}
	x.active[id] = self
	x.mu.Unlock()
	x.workers.Go(func() {
		if err := x.execute(base, ctx, c); errors.Is(err, errFenced) {
			x.stop(err)
		} else if err != nil {
			x.log.Warn("step left for the next executor", "run", id.run, "step", id.key, "error", err)
		}
		cancel(nil)
		x.mu.Lock()
		if x.active[id] == self { // else: started anew after the lease was lost
			delete(x.active, id)
		}
		x.mu.Unlock()
		x.wake() // a worker is free
	})
}

// execute calls the handler of a claimed step with ctx, which ends with the run,
// and settles what it returns under base, which ends with the executor. An error
// means that the step was not settled: it is still running in the store, and the
// next executor makes it ready again.
func (x *executor) execute(base, ctx context.Context, c claimed) error {
	failpoint("after-intent", c.run.Kind, c.step.Key)
	var t *Task
	err := x.persist(base, func(ctx context.Context) (err error) {
		t, err = x.task(ctx, c)
		return err
	})
	if err != nil {
		return err
	}
	if t == nil { // canceled between the claim and now
		return x.settle(base, c, outcome{state: pave.StepCanceled, reason: errCanceled.Error()})
	}
	res, err := x.call(ctx, c, t)
	failpoint("after-effect", c.run.Kind, c.step.Key)
	if err != nil && !isControl(err) && ctx.Err() != nil && !errors.Is(context.Cause(ctx), errCanceled) {
		return fmt.Errorf("interrupted: %w", err)
	}
	if err := x.settle(base, c, x.judge(ctx, c, t, res, err)); err != nil {
		return err
	}
	failpoint("after-record", c.run.Kind, c.step.Key)
	return nil
}

// task reads what the handler is given; nil when the run is canceled and the step
// is no clean-up.
func (x *executor) task(ctx context.Context, c claimed) (*Task, error) {
	r, err := scanRun(x.db.QueryRow(ctx, selectRun+` WHERE id = $1`, c.run.ID))
	if err != nil {
		return nil, err
	}
	if r.canceledBy != "" && !c.step.always {
		return nil, nil
	}
	t := &Task{
		Run: r.Run, Step: c.step.Key, Attempt: c.step.Attempt, Started: c.step.Started, Input: c.step.input,
		Signal: c.step.signal, Payload: c.step.payload, Outputs: map[string]json.RawMessage{},
	}
	t.emit = func(ctx context.Context, typ string, data any) error {
		return x.tx(ctx, x.epoch, func(w *work) error { return w.tell(c.run, c.step.Key, typ, c.run.Actor, data) })
	}
	if c.step.Child != "" {
		child, err := x.get(ctx, c.step.Child)
		if err != nil {
			return nil, err
		}
		if child.State.Ended() {
			t.Child = &child
		}
	}
	rows, err := x.db.Query(ctx, `SELECT key, output FROM steps WHERE run = $1 AND state = 'done'`, r.ID)
	_, err = store.Collect(rows, err, func(s store.Scanner) (struct{}, error) {
		var key string
		var output json.RawMessage
		err := s.Scan(&key, store.JSON(&output))
		t.Outputs[key] = output
		return struct{}{}, err
	})
	return t, err
}

// call runs the handler within the step's time. A panic is an internal error.
func (x *executor) call(ctx context.Context, c claimed, t *Task) (res Result, err error) {
	if c.step.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.step.timeout, errTimeout)
		defer cancel()
	}
	defer func() {
		if p := recover(); p != nil {
			x.log.Error("handler panicked", "run", c.run.ID, "step", c.step.Key, "panic", p, "stack", string(debug.Stack()))
			err = pave.Errorf(pave.Internal, "handler %s panicked", c.step.handler)
		}
	}()
	ctx = store.Guarded(ctx, x.current)
	res, err = c.h(withFailpoint(ctx, c.run.Kind, c.step.Key), t)
	if err != nil && !isControl(err) && errors.Is(context.Cause(ctx), errTimeout) {
		err = pave.Errorf(pave.Unavailable, "no answer within %s: %w", c.step.timeout, err)
	}
	return res, err
}

// current is the guard of all that a handler writes: nothing, once another has taken
// over. The row stays as it is until the commit.
func (x *executor) current(ctx context.Context, tx *store.Tx) error {
	var epoch int64
	if err := tx.QueryRow(ctx, `SELECT epoch FROM executor WHERE id = 1`+tx.ForShare()).Scan(&epoch); err != nil {
		return err
	}
	if epoch != x.epoch {
		return errFenced
	}
	return nil
}

func isControl(err error) bool {
	var again Again
	var signal AwaitSignal
	var run AwaitRun
	return errors.As(err, &again) || errors.As(err, &signal) || errors.As(err, &run)
}
