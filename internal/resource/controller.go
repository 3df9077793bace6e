package resource

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"time"

	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/workflow"
)

// KeepFor is how long what was set aside is kept before the sweep deletes it.
const KeepFor = 7 * 24 * time.Hour

// Controller makes graphs real: it compares them with the journal and the world
// and has the handlers of the steps that change the world.
type Controller struct {
	*Journal
	Drivers Drivers
	log     *slog.Logger

	listed sync.Map // when the sweep last asked a Sparing lister, by kind and provider
}

// NewController returns a controller over the journal in db.
func NewController(db *store.DB, s Sealer, ds Drivers, log *slog.Logger) *Controller {
	return &Controller{Journal: NewJournal(db, s), Drivers: ds, log: log}
}

// The handlers of steps.
const (
	HandlerApply  = "resource.apply"
	HandlerRetire = "resource.retire"
)

// Register adds the handlers to an engine.
func (c *Controller) Register(e *workflow.Engine) {
	e.Handle(HandlerApply, c.apply)
	e.Handle(HandlerRetire, c.retireStep)
}

// stepInput is what a step needs to know; it holds no secret.
type stepInput struct {
	ID      string          `json:"id,omitempty"` // "" is the live resource of service and ref
	Service string          `json:"service"`
	Ref     pave.Ref        `json:"ref"`
	Action  pave.Action     `json:"action"`
	Spec    json.RawMessage `json:"spec,omitempty"`
	Needs   []pave.Ref      `json:"needs,omitempty"`
	Shown   []string        `json:"shown,omitempty"` // what the plan said
}

// StepKey is the key of the step that changes a resource: its kind, its environment
// where it has one, "database:production", and its name where a service may have
// several, "secret:production/cache-url".
func StepKey(ref pave.Ref) string {
	switch {
	case ref.Env == "":
		return ref.Kind
	case ref.Kind == pave.KindSecret:
		return ref.Kind + ":" + string(ref.Env) + "/" + ref.Name
	}
	return ref.Kind + ":" + string(ref.Env)
}

// Step is the step that carries out one change of a service (by id). needs are
// the keys of steps of the same run.
func Step(service string, ch Change, needs []string) workflow.StepSpec {
	in := stepInput{Service: service, Ref: ch.Ref, Action: ch.Action, Spec: ch.Node.Spec, Needs: ch.Node.Needs, Shown: ch.Detail}
	handler := HandlerApply
	if ch.Action == pave.ActionDelete || ch.Action == pave.ActionAside {
		handler = HandlerRetire
	}
	if handler == HandlerRetire || ch.Action == pave.ActionRestore {
		in.ID = ch.Record.ID
	}
	return workflow.StepSpec{
		Key: StepKey(ch.Ref), Title: Title(ch.Ref.Kind), Handler: handler, Needs: needs, Input: in,
		Timeout: 10 * time.Minute, Quiet: ch.Ref.Kind == pave.KindRoute, Retry: patient,
	}
}

// ChangeOf reads what Step made: which resource is changed, and to what. It is not ok for the
// input of another step, and where something is taken away.
func ChangeOf(input json.RawMessage) (ref pave.Ref, spec json.RawMessage, ok bool) {
	var in stepInput
	err := json.Unmarshal(input, &in)
	return in.Ref, in.Spec, err == nil && in.Ref.Kind != "" && len(in.Spec) > 0
}

// JobOf is what the names of jobs begin with that a driver runs for a step.
func JobOf(run, step string) string {
	name := run + "." + strings.NewReplacer(":", "-", "/", "-", "#", "-").Replace(step)
	return name[:min(len(name), 70)]
}

// patient is how long a step waits for a provider that does not answer before its
// run stops with that reason: about two minutes, and hardly ever less than one.
var patient = workflow.Retry{Attempts: 30, Base: 200 * time.Millisecond, Max: 10 * time.Second}

// target reads a step's input and finds its record and driver.
func (c *Controller) target(ctx context.Context, input json.RawMessage) (in stepInput, r Record, d Driver, err error) {
	if err = json.Unmarshal(input, &in); err != nil {
		return in, r, d, err
	}
	if in.ID != "" {
		r, err = c.Get(ctx, c.db, in.ID)
	} else {
		r, err = c.Live(ctx, c.db, in.Service, in.Ref)
	}
	if err == nil {
		d, err = c.Drivers.Get(r.Ref.Kind, r.Provider)
	}
	return in, r, d, err
}

// describe builds what a driver gets to know of a record, with the opened secrets
// of what it needs.
func (c *Controller) describe(ctx context.Context, r Record, spec json.RawMessage, needs []pave.Ref) (Resource, error) {
	res := Resource{ID: r.ID, Ref: r.Ref, ExternalID: r.ExternalID, Service: r.Service, Spec: spec}
	if len(needs) == 0 {
		return res, nil
	}
	all, err := c.List(ctx, c.db, r.Service)
	if err != nil {
		return res, err
	}
	for _, need := range needs {
		for _, other := range all {
			if !same(need, other.Ref) || !other.Live() {
				continue
			}
			secrets, err := c.SecretsOf(ctx, other)
			if err != nil {
				return res, err
			}
			res.Inputs = append(res.Inputs, Input{other.Ref, other.ID, other.ExternalID, other.Outputs, secrets})
		}
	}
	return res, nil
}

// SecretsOf are the secret outputs of a record: from its provider, where that keeps them.
func (c *Controller) SecretsOf(ctx context.Context, r Record) (map[string]pave.Secret, error) {
	d, err := c.Drivers.Get(r.Ref.Kind, r.Provider)
	if err != nil {
		return nil, err
	}
	if source, ok := As[Source](d); ok {
		return source.Secrets(ctx, c.asApplied(r))
	}
	return c.secrets(r)
}

// keptElsewhere takes out of a state what the journal does not keep.
func keptElsewhere(d Driver, st State) State {
	if _, ok := As[Source](d); ok {
		st.Secrets = nil
	}
	return st
}
