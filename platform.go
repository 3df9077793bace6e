package pave

import (
	"context"
	"time"
)

// Transitions are the two calls by which every change of what is wanted enters.
// The caller is the principal of the context.
type Transitions interface {
	// Plan says what a request would do; it makes nothing. Errors: Invalid,
	// NotFound, Conflict, Denied, Unavailable.
	Plan(ctx context.Context, r Request) (Plan, error)
	// Apply carries out a plan that Plan returned and returns its run. It plans
	// again first: Conflict where the plan no longer fits, Policy where a guard
	// refuses. Applying one plan again returns the same run.
	Apply(ctx context.Context, planID string) (Run, error)
	// PlanFor reads a plan made before.
	PlanFor(ctx context.Context, planID string) (Plan, error)
	// ApplyFile plans a file's request again and applies it if nothing has changed
	// since; else Conflict with the difference.
	ApplyFile(ctx context.Context, f PlanFile) (Run, error)
	// SealValue keeps a value for a SetSecret to come, sealed, and names it: a request
	// holds no secret. Errors: Invalid, NotFound, Denied.
	SealValue(ctx context.Context, service, name string, value Secret) (SealedValue, error)
}

// Runs are durable executions.
type Runs interface {
	Run(ctx context.Context, id string) (Run, error)
	ListRuns(ctx context.Context, f RunFilter) ([]Run, error)
	Events(ctx context.Context, f EventFilter) ([]Event, error)
	// WaitEvents returns when an event later than after may exist, or ctx ends.
	WaitEvents(ctx context.Context, after int64) error
	RetryRun(ctx context.Context, id string) (Run, error)
	CancelRun(ctx context.Context, id, reason string) (Run, error)
	// RunLog streams the output of a run's jobs, oldest first.
	RunLog(ctx context.Context, id string, q LogQuery, each func(LogLine) error) error
}

// RunFilter narrows ListRuns; zero fields match all.
type RunFilter struct {
	Service string // name
	Kind    RunKind
	State   RunState
	Limit   int    // at most 200; 0 is 50
	Cursor  string // id of the last run of the page before
}

// EventFilter narrows Events.
type EventFilter struct {
	Run     string // with its child runs
	Service string // name
	After   int64  // cursor: events with a larger Seq
	Limit   int
}

// Reader answers what is there.
type Reader interface {
	Services(ctx context.Context, deleted bool) ([]Service, error)
	Service(ctx context.Context, name string) (Service, error)
	Revisions(ctx context.Context, name string) ([]Revision, error)
	Variables(ctx context.Context, name string) ([]Variable, error)
	Secrets(ctx context.Context, name string) ([]SecretName, error)
	Status(ctx context.Context, name string) (Status, error)
	// Explain lists each resource of a service, observed now.
	Explain(ctx context.Context, name string) ([]Resource, error)
	ListResources(ctx context.Context, service string) ([]Resource, error)
	ListReleases(ctx context.Context, service string) ([]Release, error)
	ListTemplates(ctx context.Context) ([]Template, error)
	// Template finds by name, NAME@VERSION, digest or address.
	Template(ctx context.Context, ref string) (TemplateDetail, error)
	TemplateSources(ctx context.Context) ([]TemplateSource, error)
	Environments(ctx context.Context) ([]Environment, error)
	Teams(ctx context.Context) ([]Team, error)
	// Calls are those of and to a service, "" for all, declared or seen.
	Calls(ctx context.Context, service string) ([]Call, error)
	Entities(ctx context.Context, service string) ([]Entity, error)
	Logs(ctx context.Context, service string, q LogQuery, each func(LogLine) error) error
	Doctor(ctx context.Context) ([]Check, error)
	Audit(ctx context.Context, f AuditFilter) ([]AuditEntry, error)
}

// Templates brings golden paths in. The caller is the principal of the context.
type Templates interface {
	// UploadTemplate keeps a template, sent as a zip of its folder. Invalid where
	// it is none.
	UploadTemplate(ctx context.Context, name string, archive []byte) (TemplateDetail, error)
	// ImportTemplates lets all templates at an address serve and says of each how
	// it fares. Errors: Invalid, NotFound, Denied, Unavailable.
	ImportTemplates(ctx context.Context, address string) (TemplateImport, error)
	// ForgetTemplates lets those of an address serve no longer.
	ForgetTemplates(ctx context.Context, address string) error
}

// LogQuery narrows a log.
type LogQuery struct {
	Env    string // "" is the lowest-ranked
	Tail   int    // last lines to begin with; 0 is 100, negative is all
	Since  string // cursor to go on from
	Follow bool
}

// AuditEntry is one row of the audit log, written before the effect.
type AuditEntry struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`
	User    string    `json:"user,omitempty"` // name of the actor today
	Token   string    `json:"token"`
	Address string    `json:"address"`
	Request string    `json:"request"`
	Action  string    `json:"action"`
	Object  string    `json:"object"`
	Detail  string    `json:"detail,omitempty"`
	Hash    string    `json:"hash"` // over this row and the hash before
}
