package workflow

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// An executor is an engine while it holds the lease: what it writes carries its
// epoch.
type executor struct {
	*Engine
	epoch   int64
	workers sync.WaitGroup
	stop    context.CancelCauseFunc
}

// run carries out runs until ctx or the lease ends, then waits for the handlers.
func (x *executor) run(ctx context.Context, l *lease) error {
	ctx, x.stop = context.WithCancelCause(ctx)
	// The lease outlives ctx until the last handler has been settled.
	keeping, endKeeping := context.WithCancel(context.WithoutCancel(ctx))
	var kept sync.WaitGroup
	kept.Go(func() {
		if err := l.keep(keeping); err != nil {
			x.stop(err)
		}
	})
	x.stop(x.dispatch(ctx))
	x.drain()
	endKeeping()
	kept.Wait()
	return context.Cause(ctx)
}

// drain waits for interrupted handlers. One that ignores its context is left
// behind: what it returns is fenced or recorded, never lost.
func (x *executor) drain() {
	done := make(chan struct{})
	go func() { x.workers.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(x.o.Grace):
		x.log.Error("handlers ignore the end of their context", "count", x.activeCount())
	}
}

// dispatch claims ready steps and starts their handlers, woken by commits of this
// process, by timers and, as a safety net, every Poll.
func (x *executor) dispatch(ctx context.Context) error {
	if err := x.persist(ctx, x.takeOver); err != nil {
		return err
	}
	for polled := true; ctx.Err() == nil; {
		pause, err := x.look(ctx, polled)
		switch {
		case errors.Is(err, errFenced):
			return err
		case err != nil && ctx.Err() == nil:
			x.log.Warn("cannot look for work", "error", err)
			pause = min(x.o.Poll, time.Second)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-x.woken:
			polled = false
		case <-timer.C:
			polled = true
		}
		timer.Stop()
	}
	return nil
}

// look does what is due and returns how long nothing else will be. Not woken by
// this process, it also looks for what another one wrote.
func (x *executor) look(ctx context.Context, polled bool) (time.Duration, error) {
	if polled {
		if err := x.haltCanceled(ctx); err != nil {
			return 0, err
		}
	}
	claimed, err := x.claim(ctx, x.o.Workers-x.activeCount())
	if err != nil {
		return 0, err
	}
	for _, c := range claimed {
		x.launch(ctx, c)
	}
	now := x.now()
	ready, deadline, err := x.nextTimers(ctx, now)
	if err != nil {
		return 0, err
	}
	pause := x.o.Poll
	if !ready.IsZero() {
		pause = min(pause, ready.Sub(now))
	}
	if !deadline.IsZero() {
		pause = min(pause, deadline.Sub(now))
	}
	if pause > 0 {
		return pause, nil
	}
	return 0, x.expireSignals(ctx)
}

// takeOver makes ready what the executor before was running when it ended, and
// steps parked for a handler, which this pave may have.
func (x *executor) takeOver(ctx context.Context) error {
	return x.tx(ctx, x.epoch, func(w *work) error {
		n, err := w.tx.Exec(ctx, `UPDATE steps SET state = 'ready', run_at = $1 WHERE state = 'running'`, w.now)
		if err != nil {
			return err
		}
		if n > 0 {
			x.log.Info("resuming interrupted steps", "count", n)
		}
		_, err = w.tx.Exec(ctx, `UPDATE steps SET state = 'ready', resumed = 1, run_at = $1, awaits = '', reason = ''
			WHERE state = 'waiting' AND awaits = 'handler'`, w.now)
		return err
	})
}

// nextTimers returns when the next step that is not due yet becomes ready, and
// when the next wait for a signal is over; zero times for never.
func (x *executor) nextTimers(ctx context.Context, now time.Time) (ready, deadline time.Time, err error) {
	err = x.db.QueryRow(ctx, `SELECT
		COALESCE((SELECT MIN(run_at) FROM steps WHERE state = 'ready' AND run_at > $1), 0),
		COALESCE((SELECT MIN(deadline) FROM steps WHERE state = 'waiting' AND deadline > 0), 0)`,
		now).Scan(store.Stamp(&ready), store.Stamp(&deadline))
	return ready, deadline, err
}

// expireSignals fails steps whose signal has not come in time.
func (x *executor) expireSignals(ctx context.Context) error {
	const due = ` WHERE state = 'waiting' AND awaits = 'signal' AND deadline > 0 AND deadline <= $1`
	late, err := querySteps(ctx, x.db, due, x.now())
	if err != nil {
		return err
	}
	for _, l := range late {
		err := x.tx(ctx, x.epoch, func(w *work) error {
			r, s, err := w.lockStep(ctx, l.run, l.Key)
			if err != nil || s.State != pave.StepWaiting || s.awaits != awaitsSignal || !s.deadline.Equal(l.deadline) {
				return err
			}
			s.awaits = ""
			s.deadline = time.Time{}
			reason := "no " + s.signal + " in time"
			return w.finish(ctx, r, s, outcome{state: pave.StepFailed, reason: reason, hint: defaultHint(r.ID)})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// haltCanceled ends handlers of runs that another process has canceled.
func (x *executor) haltCanceled(ctx context.Context) error {
	if x.activeCount() == 0 {
		return nil
	}
	rows, err := x.db.Query(ctx, `SELECT DISTINCT s.run FROM steps s JOIN runs r ON r.id = s.run
		WHERE s.state = 'running' AND s.always = 0 AND r.canceled <> ''`)
	runs, err := store.Collect(rows, err, func(s store.Scanner) (run string, err error) { return run, s.Scan(&run) })
	for _, run := range runs {
		x.halt(run)
	}
	return err
}

func (e *Engine) activeCount() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.active)
}

// persist calls f until the store takes it: an effect that happened must be
// recorded, however long a disk is full. It gives up when fenced, and after a
// last try when ctx ends.
func (x *executor) persist(ctx context.Context, f func(context.Context) error) error {
	const first, most = 10 * time.Millisecond, 2 * time.Second
	for pause := first; ; pause = min(2*pause, most) {
		once, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		err := f(once)
		cancel()
		if err == nil || errors.Is(err, errFenced) || ctx.Err() != nil {
			return err
		}
		x.log.Warn("the store did not take a change; trying again", "error", err)
		select {
		case <-ctx.Done(): // one last try
		case <-time.After(pause):
		}
	}
}
