package workflow

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pave-platform/pave"
)

// A Handler does the work of a step. It may be called again at any time: after a
// crash with the same attempt's work perhaps done, after Again, a signal or a
// child run. It must look for what it has made before making it.
//
// It returns a Result, or an error: Again, AwaitSignal and AwaitRun steer the
// step; an error of code Unavailable is retried as the step's Retry says, or, where
// a pave.Later is its cause, at that time, as often as it takes; any other fails the
// step. The context ends when the run is canceled, the step's
// time is over or the executor stops.
type Handler func(ctx context.Context, t *Task) (Result, error)

// A Task is one call of a handler.
type Task struct {
	Run     pave.Run  // without steps
	Step    string    // key
	Attempt int       // 1, and one more after each failure or crash
	Started time.Time // of the step, the same over Again, crash and attempt
	Input   json.RawMessage
	Outputs map[string]json.RawMessage // of all done steps of the run, by key

	Signal  string          // name of the signal that came, "" before one has
	Payload json.RawMessage // of that signal
	Child   *pave.Run       // the ended run that AwaitRun waited for, with steps

	emit func(ctx context.Context, typ string, data any) error
}

// Emit tells an event of the step; it is durable when Emit returns. The type is
// for example "step.output". Data beyond 64 KiB of JSON is Invalid. A Task made
// by hand, in tests of handlers, drops its events.
func (t *Task) Emit(ctx context.Context, typ string, data any) error {
	if t.emit == nil {
		return nil
	}
	return t.emit(ctx, typ, data)
}

// A Result is what came of a step.
type Result struct {
	Output  any    // JSON for the steps after it, at most 1 MiB
	Summary string // one line for people
	Data    any    // goes into the event step.done
}

// Again is returned by a handler to be called again after a while, without
// counting as a failure: something is on its way. Reason says what.
type Again struct {
	After  time.Duration
	Reason string
}

func (a Again) Error() string { return "again: " + a.Reason }

// AwaitSignal is returned by a handler to be called again when Engine.Signal has
// sent the name; a signal sent earlier is there at once. After Timeout (0: never)
// the step fails. On re-entry Signal and Payload of the task are set.
type AwaitSignal struct {
	Name    string
	Timeout time.Duration
	Reason  string
}

func (a AwaitSignal) Error() string { return "await signal " + a.Name }

// AwaitRun is returned by a handler to start a run, in the transaction that
// settles the step, and to be called again when it has ended, in whatever state:
// Child of the task is set then. Start.ID must be the same each time: it keeps
// the run from being started twice. Start.Parent is set by the engine.
type AwaitRun struct{ Start Start }

func (a AwaitRun) Error() string { return "await run " + a.Start.ID }

// The bounds of what is stored for a step.
const (
	maxOutput    = 1 << 20
	maxEventData = 64 << 10
	maxLine      = 500
)

// encode returns v as JSON; nil is nothing. More than limit bytes are Invalid.
func encode(what string, v any, limit int) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", what, err)
	}
	if len(raw) > limit {
		return nil, pave.Errorf(pave.Invalid, "%s is %d bytes of JSON; the limit is %d", what, len(raw), limit)
	}
	return raw, nil
}
