package resource

import (
	"context"
	"encoding/json"
	"log/slog"
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
	ID     string          `json:"id"`
	Action pave.Action     `json:"action"`
	Spec   json.RawMessage `json:"spec,omitempty"`
	Needs  []pave.Ref      `json:"needs,omitempty"`
}

// StepKey is the key of the step that changes a resource: its kind, and its
// environment where it has one, "database:production".
func StepKey(ref pave.Ref) string {
	if ref.Env == "" {
		return ref.Kind
	}
	return ref.Kind + ":" + string(ref.Env)
}

// Step is the step that carries out one change. Needs of the graph that are not
// steps of the same run must be left out by the caller (see workflow needs).
func Step(ch Change, id string, needs []string) workflow.StepSpec {
	handler := HandlerApply
	if ch.Action == pave.ActionDelete || ch.Action == pave.ActionAside {
		handler = HandlerRetire
	}
	return workflow.StepSpec{
		Key: StepKey(ch.Ref), Title: Title(ch.Ref.Kind), Handler: handler, Needs: needs,
		Input:   stepInput{ID: id, Action: ch.Action, Spec: ch.Node.Spec, Needs: ch.Node.Needs},
		Timeout: 10 * time.Minute, Quiet: ch.Ref.Kind == pave.KindRoute,
	}
}

// describe builds what a driver gets to know of a record.
func (c *Controller) describe(ctx context.Context, r Record, spec json.RawMessage, needs []pave.Ref) (Resource, error) {
	res := Resource{ID: r.ID, Ref: r.Ref, ExternalID: r.ExternalID, Spec: spec}
	if len(needs) == 0 {
		return res, nil
	}
	all, err := c.List(ctx, c.db, r.Service)
	if err != nil {
		return res, err
	}
	for _, need := range needs {
		for _, other := range all {
			if other.Ref != need || !other.Live() {
				continue
			}
			secrets, err := c.secrets(other)
			if err != nil {
				return res, err
			}
			res.Inputs = append(res.Inputs, Input{other.Ref, other.ID, other.ExternalID, other.Outputs, secrets})
		}
	}
	return res, nil
}
