package pave

import (
	"encoding/json"
	"time"
)

// RunKind says what a run carries out.
type RunKind string

const (
	RunApply    RunKind = "apply"    // of a plan
	RunPipeline RunKind = "pipeline" // of a commit
	RunRollout  RunKind = "rollout"  // of a release to an environment
	RunSweep    RunKind = "sweep"    // journal against world
)

// RunState is the state of a run. Queued and Running runs go on by themselves,
// whatever dies; Stopped needs a person: retry or undo.
type RunState string

const (
	RunQueued   RunState = "queued"
	RunRunning  RunState = "running"
	RunDone     RunState = "done"
	RunStopped  RunState = "stopped" // a step failed for good; Reason says why
	RunCanceled RunState = "canceled"
)

// Ended reports whether nothing more will happen without a person.
func (s RunState) Ended() bool {
	return s == RunDone || s == RunStopped || s == RunCanceled
}

// A Run is a durable execution of a graph of steps. Times are UTC; zero times
// have not come yet.
type Run struct {
	ID       string          `json:"id"`
	Kind     RunKind         `json:"kind"`
	Title    string          `json:"title"`             // for example "create service payment-processor"
	Service  string          `json:"service,omitempty"` // service id
	Team     string          `json:"team,omitempty"`    // its cap counts there
	Actor    string          `json:"actor"`             // user id
	Parent   string          `json:"parent,omitempty"`  // run id of the run that started this one
	State    RunState        `json:"state"`
	Reason   string          `json:"reason,omitempty"` // why it stopped, or what it waits for
	Hint     string          `json:"hint,omitempty"`
	Input    json.RawMessage `json:"input,omitempty"`
	Created  time.Time       `json:"created"`
	Started  time.Time       `json:"started,omitzero"`
	Ended    time.Time       `json:"ended,omitzero"`
	Steps    []Step          `json:"steps,omitempty"`
	Attempts int             `json:"attempts"` // 1, and one more for each retry by a person
}

// StepState is the state of a step.
type StepState string

const (
	StepPending  StepState = "pending" // needs others first
	StepReady    StepState = "ready"   // may run, perhaps not before RunAt
	StepRunning  StepState = "running"
	StepWaiting  StepState = "waiting" // for a signal or a child run
	StepDone     StepState = "done"
	StepFailed   StepState = "failed"
	StepSkipped  StepState = "skipped"
	StepCanceled StepState = "canceled"
)

// Ended reports whether the step is settled.
func (s StepState) Ended() bool {
	return s == StepDone || s == StepFailed || s == StepSkipped || s == StepCanceled
}

// A Step is one node of a run's graph.
type Step struct {
	Key      string          `json:"key"`
	Title    string          `json:"title"`
	State    StepState       `json:"state"`
	Needs    []string        `json:"needs,omitempty"`
	Summary  string          `json:"summary,omitempty"` // what came of it, one line
	Reason   string          `json:"reason,omitempty"`  // why it failed, or what it waits for
	Hint     string          `json:"hint,omitempty"`
	Attempt  int             `json:"attempt"`
	Child    string          `json:"child,omitempty"` // run id it waits for
	RunAt    time.Time       `json:"run_at,omitzero"` // not before
	Started  time.Time       `json:"started,omitzero"`
	Ended    time.Time       `json:"ended,omitzero"`
	Output   json.RawMessage `json:"output,omitempty"`
	Quiet    bool            `json:"quiet,omitempty"` // no line of its own in progress output
	Position int             `json:"position"`
}

// NotKept ends the summary of a step that took away what held data, for good.
const NotKept = ", not kept"

// An Event is something that happened to a run, for people. Seq grows within one
// store and is the cursor of every stream.
type Event struct {
	Seq     int64           `json:"seq"`
	Run     string          `json:"run"`
	Service string          `json:"service,omitempty"`
	Step    string          `json:"step,omitempty"` // step key
	Type    string          `json:"type"`           // run.started, step.done, step.output ...
	Actor   string          `json:"actor"`
	At      time.Time       `json:"at"`
	Data    json.RawMessage `json:"data,omitempty"`
}
