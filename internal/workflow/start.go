package workflow

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// Start describes a run to start.
type Start struct {
	ID      string // run id; "" draws one
	Kind    pave.RunKind
	Title   string
	Service string
	Team    string // counts against the team's cap; "" is not capped
	Actor   string
	Parent  string // run id
	Key     string // optional: unique among runs that have not ended
	Input   any
	Steps   []StepSpec
}

// StepSpec describes a step of a run.
type StepSpec struct {
	Key     string // unique within the run
	Title   string // "" is the key
	Handler string
	Needs   []string // keys of steps that must be done first
	Input   any
	Retry   Retry
	Timeout time.Duration // of one call of the handler; 0 is none
	Quiet   bool          // no line of its own in progress output
	Always  bool          // clean-up: runs once its needs have ended, however they did, also in a canceled run
}

// Retry says how often a step that meets an Unavailable error is tried, and
// between which pauses; they double from Base to Max, each drawn evenly between
// nothing and that (full jitter). The zero value is 40 attempts, 100 ms and 3 s:
// about a minute, longer than a node or a database server takes to come back from
// a kill.
type Retry struct {
	Attempts  int
	Base, Max time.Duration
}

func (r Retry) withDefaults() Retry {
	if r.Attempts <= 0 {
		r.Attempts = 40
	}
	if r.Base <= 0 {
		r.Base = 100 * time.Millisecond
	}
	if r.Max <= 0 {
		r.Max = 3 * time.Second
	}
	return r
}

const (
	maxSteps = 1000
	maxKey   = 200
)

// StartTx starts a run in the caller's transaction: with its commit the run is
// there and begins, without it nothing is. A run of the same ID, or of the same
// Key that has not ended, is returned as it is instead, without steps. The error
// is Invalid for a graph with a cycle, an unknown need or a key used twice.
func (e *Engine) StartTx(ctx context.Context, tx *store.Tx, s Start) (pave.Run, error) {
	r, err := e.join(tx, anyEpoch).start(ctx, s)
	if err != nil {
		return pave.Run{}, err
	}
	return r.Run, nil
}

// Start is StartTx in a transaction of its own.
func (e *Engine) Start(ctx context.Context, s Start) (pave.Run, error) {
	if s.ID == "" {
		s.ID = pave.NewID("run")
	}
	var run pave.Run
	err := e.db.Tx(ctx, func(tx *store.Tx) (err error) {
		run, err = e.StartTx(ctx, tx, s)
		return err
	})
	return run, err
}

func (w *work) start(ctx context.Context, s Start) (*runRow, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	if s.ID == "" {
		s.ID = pave.NewID("run")
	}
	input, err := encode("input of run "+s.ID, s.Input, maxOutput)
	if err != nil {
		return nil, err
	}
	r := &runRow{Run: pave.Run{
		ID: s.ID, Kind: s.Kind, Title: s.Title, Service: s.Service, Team: s.Team, Actor: s.Actor,
		Parent: s.Parent, State: pave.RunQueued, Input: input, Created: w.now, Attempts: 1,
	}, key: s.Key}
	for range 5 {
		fresh, err := w.insertRun(ctx, r)
		if err != nil {
			return nil, err
		}
		if fresh {
			if err := w.insertSteps(ctx, r, s.Steps); err != nil {
				return nil, err
			}
			return r, w.advance(ctx, r)
		}
		there, err := w.runThere(ctx, s.ID, s.Key)
		if !errors.Is(err, sql.ErrNoRows) {
			return there, err
		}
		// The run that had the key ended in between.
	}
	return nil, pave.Errorf(pave.Unavailable, "runs of the key %q come and go too fast to start another", s.Key)
}

// runThere returns the run that keeps another from being started, locked.
func (w *work) runThere(ctx context.Context, id, key string) (*runRow, error) {
	r, err := w.lockRun(ctx, id)
	if err == nil || !errors.Is(err, sql.ErrNoRows) || key == "" {
		return r, err
	}
	return scanRun(w.tx.QueryRow(ctx, selectRun+` WHERE key = $1 AND key <> '' AND ended = 0`+w.tx.ForUpdate(), key))
}

func (w *work) insertSteps(ctx context.Context, r *runRow, specs []StepSpec) error {
	for i, spec := range specs {
		input, err := encode(fmt.Sprintf("input of step %q", spec.Key), spec.Input, maxOutput)
		if err != nil {
			return err
		}
		s := &stepRow{
			Step: pave.Step{Key: spec.Key, Title: spec.Title, State: pave.StepPending, Needs: spec.Needs, Quiet: spec.Quiet, Position: i},
			run:  r.ID, handler: spec.Handler, input: input, team: r.Team,
			retry: spec.Retry.withDefaults(), timeout: spec.Timeout, always: spec.Always,
		}
		if s.Title == "" {
			s.Title = s.Key
		}
		if err := w.insertStep(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (s Start) validate() error {
	if s.Kind == "" {
		return pave.Errorf(pave.Invalid, "a run needs a kind")
	}
	if len(s.Steps) > maxSteps {
		return pave.Errorf(pave.Invalid, "a run of %d steps; the limit is %d", len(s.Steps), maxSteps)
	}
	index := make(map[string]int, len(s.Steps))
	for i, spec := range s.Steps {
		switch _, twice := index[spec.Key]; {
		case spec.Key == "" || len(spec.Key) > maxKey:
			return pave.Errorf(pave.Invalid, "step %d needs a key of 1 to %d characters", i+1, maxKey)
		case twice:
			return pave.Errorf(pave.Invalid, "two steps have the key %q", spec.Key)
		case spec.Handler == "":
			return pave.Errorf(pave.Invalid, "step %q needs a handler", spec.Key)
		}
		index[spec.Key] = i
	}
	for _, spec := range s.Steps {
		for _, need := range spec.Needs {
			if _, ok := index[need]; !ok {
				return pave.Errorf(pave.Invalid, "step %q needs %q, which is no step of the run", spec.Key, need)
			}
		}
	}
	return s.checkCycle(index)
}

// checkCycle takes away steps whose needs are all taken until none is left; what
// remains waits for itself.
func (s Start) checkCycle(index map[string]int) error {
	taken := make([]bool, len(s.Steps))
	for left := len(s.Steps); left > 0; {
		before := left
		for i, spec := range s.Steps {
			open := slices.ContainsFunc(spec.Needs, func(need string) bool { return !taken[index[need]] })
			if !taken[i] && !open {
				taken[i] = true
				left--
			}
		}
		if left == before {
			i := slices.Index(taken, false)
			return pave.Errorf(pave.Invalid, "step %q waits for itself through its needs", s.Steps[i].Key)
		}
	}
	return nil
}

// needsJSON is the stored form of a list of needs.
func needsJSON(needs []string) string {
	if len(needs) == 0 {
		return "[]"
	}
	raw, err := json.Marshal(needs)
	if err != nil {
		panic("a list of strings is always JSON: " + err.Error())
	}
	return string(raw)
}
