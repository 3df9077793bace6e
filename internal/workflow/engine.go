// Package workflow runs graphs of steps durably: journal, queue, timers, signals
// and events are rows of the store, so that a run goes on after its process was
// killed at any point. It knows no service and no provider; what a step does is
// a Handler, found by name.
//
// A Run has steps with needs. A step is pending, ready, running, waiting (for a
// signal or a child run), and ends done, failed, skipped or canceled. One function,
// advance, is the whole state machine; it runs in the transaction that settles a
// step. Effects happen at least once: a handler that was killed runs again and
// must find what it has made.
//
// Any process may start, signal, cancel, retry and read runs. One at a time, the
// executor, runs handlers: it holds the store's lock and an epoch, and whatever
// it writes fails once another executor has raised the epoch.
package workflow

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// Options are the settings of an Engine. The zero value is usable.
type Options struct {
	Logger  *slog.Logger
	Workers int              // handlers at the same time; default 16
	TeamCap int              // of them for one team; default half of Workers
	Poll    time.Duration    // how often to look without being woken; default 1 s
	Lease   time.Duration    // PostgreSQL: after this time without a sign of life another executor takes over; default 10 s
	Grace   time.Duration    // how long Run waits for interrupted handlers; default 15 s
	Clock   func() time.Time // default time.Now
	Elected func()           // called each time this process has become the executor, before it runs handlers
	// Lost is asked when a run is tried again, with the steps that it has: whether what the
	// ones that are done had made is gone, so that all of them have to run again.
	Lost func(pave.Run) bool
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Workers <= 0 {
		o.Workers = 16
	}
	if o.TeamCap <= 0 {
		o.TeamCap = (o.Workers + 1) / 2
	}
	if o.Poll <= 0 {
		o.Poll = time.Second
	}
	if o.Lease <= 0 {
		o.Lease = 10 * time.Second
	}
	if o.Grace <= 0 {
		o.Grace = 15 * time.Second
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return o
}

// An Engine starts, steers and reads runs, and carries them out while Run runs.
// It is safe for concurrent use.
type Engine struct {
	db       *store.DB
	o        Options
	log      *slog.Logger
	handlers map[string]Handler
	woken    chan struct{} // capacity 1: look for work
	holds    atomic.Bool   // this process is the executor

	mu      sync.Mutex
	running bool
	changed chan struct{}
	active  map[stepID]*activeStep
}

type stepID struct{ run, key string }

// activeStep is a handler that runs in this process.
type activeStep struct {
	cancel context.CancelCauseFunc
	always bool
}

// New returns an engine on the store.
func New(db *store.DB, o Options) *Engine {
	o = o.withDefaults()
	return &Engine{
		db: db, o: o, log: o.Logger,
		handlers: map[string]Handler{},
		woken:    make(chan struct{}, 1),
		changed:  make(chan struct{}),
		active:   map[stepID]*activeStep{},
	}
}

// Handle names a handler. It panics for a name used twice and while Run runs:
// both are mistakes of the program.
func (e *Engine) Handle(name string, h Handler) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, twice := e.handlers[name]; twice || e.running || h == nil {
		panic("workflow: handler " + name + " is nil, named twice or named while Run runs")
	}
	e.handlers[name] = h
}

// Run makes this process the executor and carries out runs until ctx ends; while
// another executor is alive it waits for its end. Handlers still running at the
// end of ctx are interrupted and run again under the next executor. Run returns
// nil when ctx has ended, and a Conflict when another executor took over, after
// which nothing of this one is recorded. It may be called again.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.setRunning(true); err != nil {
		return err
	}
	defer e.setRunning(false) //nolint:errcheck // it fails only for true
	for epoch := int64(0); ; {
		l, err := e.acquire(ctx, epoch)
		if err == nil {
			epoch = l.epoch
			e.holds.Store(true)
			if e.o.Elected != nil {
				e.o.Elected()
			}
			err = (&executor{Engine: e, epoch: epoch}).run(ctx, l)
			e.holds.Store(false)
			l.release()
		}
		switch {
		case errors.Is(err, errFenced):
			e.log.Error("another executor has taken over", "epoch", epoch)
			return err
		case ctx.Err() != nil:
			return nil
		}
		// The store did not answer for as long as the lease lasts.
		e.log.Error("lost the lease; starting over", "epoch", epoch, "error", err)
	}
}

// Executing reports whether this process is the executor, as far as it knows.
func (e *Engine) Executing() bool { return e.holds.Load() }

func (e *Engine) setRunning(on bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if on && e.running {
		return errors.New("workflow: Run runs already")
	}
	e.running = on
	return nil
}

// now is the engine's clock, with the precision of the store.
func (e *Engine) now() time.Time { return e.o.Clock().UTC().Truncate(time.Microsecond) }

// wake makes the executor of this process look for work.
func (e *Engine) wake() {
	select {
	case e.woken <- struct{}{}:
	default: // it will look anyway
	}
}

// halt ends the contexts of a canceled run's handlers, clean-up excepted.
func (e *Engine) halt(run string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, a := range e.active {
		if id.run == run && !a.always {
			a.cancel(errCanceled)
		}
	}
}
