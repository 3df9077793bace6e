package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"time"

	pave "github.com/pave-platform/pave"
)

// Change is a change of a plan with what is needed to carry it out.
type Change struct {
	pave.Change
	Node   Node   // as wanted; zero where it is deleted
	Record Record // as journaled; zero where it is new
}

// DiffOptions say what counts as a difference.
type DiffOptions struct {
	Restore bool // what was set aside is brought back instead of made anew
	Drift   bool // what differs from what was applied is made good
}

// Diff compares the wanted graph with the records of a service and with the
// world, and returns one change for each resource: those wanted in the order of
// the graph, then those to be deleted in reverse. Conflict where something foreign
// has a name that is needed.
func (c *Controller) Diff(ctx context.Context, records []Record, graph Graph, o DiffOptions) ([]Change, error) {
	var out []Change
	for _, n := range graph {
		ch, err := c.want(ctx, find(records, n.Ref, o.Restore), n, graph, o.Drift)
		if err != nil {
			return nil, err
		}
		if needs := changedNeed(out, n); ch.Action == pave.ActionKeep && n.Ref.Kind == pave.KindSecret && needs != "" {
			ch.Action, ch.Detail = pave.ActionUpdate, []string{fmt.Sprintf("read anew, as the %s changes; what runs has it after pave restart %s", needs, n.Ref.Service)}
		}
		out = append(out, ch)
	}
	var gone []Change
	for _, r := range records {
		if _, wanted := graph.Find(r.Ref); wanted || !r.Live() {
			continue
		}
		ch, err := c.unwant(ctx, r)
		if err != nil {
			return nil, err
		}
		gone = append(gone, ch)
	}
	sort.SliceStable(gone, func(i, k int) bool { return rank(gone[i].Ref) > rank(gone[k].Ref) })
	return append(out, gone...), nil
}

// changedNeed names what a node needs that a module changes: an address or a password that
// it gives out may be another then.
func changedNeed(changes []Change, n Node) string {
	for _, ch := range changes {
		again := ch.Action == pave.ActionUpdate || ch.Action == pave.ActionCreate && ch.Record.ID != ""
		if again && ModuleOf(ch.Node.Spec) != nil && slices.ContainsFunc(n.Needs, func(need pave.Ref) bool { return same(need, ch.Ref) }) {
			return ch.Ref.Kind
		}
	}
	return ""
}

// rank orders kinds as a graph does: what others need comes first.
func rank(r pave.Ref) int {
	return slices.Index([]string{pave.KindRepository, pave.KindIdentity, pave.KindRole, pave.KindDatabase, pave.KindCache,
		pave.KindQueue, pave.KindBucket, pave.KindSecret, pave.KindPipeline, pave.KindDeployment, pave.KindRoute}, r.Kind)
}

// find returns the live record of a ref, or with restore the newest set aside.
func find(records []Record, ref pave.Ref, restore bool) Record {
	var aside Record
	for _, r := range records {
		switch {
		case r.Ref != ref:
		case r.Live():
			return r
		case restore && r.State == pave.ResourceAside:
			aside = r
		}
	}
	return aside
}

// want is the change for a resource that is wanted.
func (c *Controller) want(ctx context.Context, r Record, n Node, graph Graph, mend bool) (Change, error) {
	ch := Change{Node: n, Record: r, Change: pave.Change{Ref: n.Ref, Provider: n.Provider, Price: "not priced"}}
	d, err := c.Drivers.Get(n.Ref.Kind, n.Provider)
	if err != nil {
		return ch, err
	}
	res := Resource{ID: r.ID, Ref: n.Ref, ExternalID: r.ExternalID, Spec: n.Spec}
	if r.ID == "" {
		if res.ExternalID, err = c.free(ctx, c.db, n.Ref); err != nil {
			return ch, err
		}
	}
	ch.External = res.ExternalID
	if p, ok := As[Pricer](d); ok {
		if ch.Price, err = p.Price(ctx, res); err != nil {
			return ch, err
		}
	}
	st, err := d.Observe(ctx, res)
	missing := pave.CodeOf(err) == pave.NotFound
	if !mend && pave.CodeOf(err) == pave.Unavailable && kinds[n.Ref.Kind].once && r.State == pave.ResourcePresent {
		// It would be left as it is: a system that does not answer keeps nobody from the rest.
		ch.Action, ch.Detail = pave.ActionKeep, []string{"not looked at: " + err.Error()}
		return ch, nil
	}
	if mend && err == nil && st.Waiting { // kept, it would stay away
		err = pave.Errorf(pave.Unavailable, "cannot look at %s yet: %s", n.Ref, st.Reason).WithHint("try again in a moment")
	}
	if err != nil && !missing {
		return ch, err
	}
	c.decide(&ch, r, n, st, missing)
	planned, err := ch.ask(ctx, d, res)
	if err != nil {
		return ch, err
	}
	if mend && !planned && r.State == pave.ResourcePresent && !missing {
		if kinds[n.Ref.Kind].once { // a binding that was changed since is no change of the spec
			r.Spec = n.Spec
		}
		drift, _ := c.drift(ctx, d, r, nil, true)
		if len(drift) > 0 && ch.Action == pave.ActionKeep {
			ch.Action = pave.ActionUpdate
		}
		ch.Detail = append(ch.Detail, drift...)
	}
	ch.waitFor(graph)
	return ch, nil
}

// ask adds what a driver says that it would do, where it can say so.
func (ch *Change) ask(ctx context.Context, d Driver, r Resource) (asked bool, err error) {
	planner, ok := As[Planner](d)
	if !ok || ch.Action != pave.ActionCreate && ch.Action != pave.ActionUpdate {
		return false, nil
	}
	lines, err := planner.Plan(ctx, r)
	ch.Detail = append(ch.Detail, lines...)
	return true, err
}

// decide sets the action of a change from journal and observation.
func (c *Controller) decide(ch *Change, r Record, n Node, st State, missing bool) {
	switch {
	case r.ID == "" || r.State == pave.ResourcePlanned:
		ch.Action = pave.ActionCreate
	case r.State == pave.ResourceAside:
		ch.Action = pave.ActionRestore
		if missing {
			ch.Action, ch.Detail = pave.ActionCreate, []string{"nothing is left of it: made anew"}
		}
	case missing:
		ch.Action, ch.Detail = pave.ActionCreate, []string{"it vanished outside pave"}
	case kinds[n.Ref.Kind].once:
		ch.Action = pave.ActionKeep
	default:
		ch.Detail = specDiff(r.Spec, n.Spec)
		ch.Action = pave.ActionUpdate
		if len(ch.Detail) == 0 {
			ch.Action = pave.ActionKeep
		}
	}
}

// waitFor notes what of a change is known only later.
func (ch *Change) waitFor(graph Graph) {
	if ch.Action == pave.ActionKeep {
		return
	}
	ch.After = ch.Node.After
	for _, need := range ch.Node.Needs {
		if n, ok := graph.Find(need); ok && ch.After == "" && ch.Record.ID == "" {
			ch.After = "after " + n.Ref.Kind
		}
	}
}

// unwant is the change for a resource that is no longer wanted.
func (c *Controller) unwant(ctx context.Context, r Record) (Change, error) {
	ch := Change{Record: r, Change: pave.Change{Action: pave.ActionDelete, Ref: r.Ref, Provider: r.Provider,
		External: r.ExternalID, Price: "not priced"}}
	d, err := c.Drivers.Get(r.Ref.Kind, r.Provider)
	if err != nil {
		return ch, err
	}
	if _, ok := As[Keeper](d); ok && r.State == pave.ResourcePresent {
		ch.Action = pave.ActionAside
		ch.Detail = []string{"kept until " + time.Now().Add(KeepFor).Format(time.DateOnly)}
	}
	if differ, ok := As[Differ](d); ok {
		diff, err := differ.Diff(ctx, Resource{ID: r.ID, Ref: r.Ref, ExternalID: r.ExternalID, Spec: r.Spec})
		// A conflict is what stopped the creation of r: nothing of ours is there,
		// and it must be possible to give it up.
		if code := pave.CodeOf(err); err != nil && code != pave.NotFound && code != pave.Conflict {
			return ch, err
		}
		if diff.Stays != "" {
			ch.Detail = []string{diff.Stays}
		}
		ch.Lost, ch.Detail = diff.Lost, append(ch.Detail, diff.Detail...)
	}
	return ch, nil
}

// specDiff lists the fields in which two specs differ, "replicas 2 -> 3".
func specDiff(have, want json.RawMessage) []string {
	var a, b map[string]any
	if json.Unmarshal(have, &a) != nil || json.Unmarshal(want, &b) != nil {
		return []string{"spec"}
	}
	keys := map[string]bool{}
	for k := range a {
		keys[k] = true
	}
	for k := range b {
		keys[k] = true
	}
	var out []string
	for k := range keys {
		if reflect.DeepEqual(a[k], b[k]) {
			continue
		}
		if told := boundDiff(k, have, want); len(told) > 0 {
			out = append(out, told...)
		} else {
			out = append(out, fmt.Sprintf("%s %s -> %s", k, brief(a[k]), brief(b[k])))
		}
	}
	sort.Strings(out)
	return out
}

func brief(v any) string {
	if v == nil {
		return "nothing"
	}
	s := string(mustJSON(v))
	if len(s) > 60 {
		s = s[:57] + "..."
	}
	return s
}

// Preflight asks every provider that a plan creates something with whether it
// could work at all, before anything is made, and every system that is bound once
// whether it may be done there. The first check that fails is the error, with its fix
// as hint.
func (c *Controller) Preflight(ctx context.Context, changes []Change) error {
	asked := map[string]bool{}
	for _, ch := range changes {
		if ch.Action == pave.ActionKeep || ch.Action == pave.ActionDelete || ch.Action == pave.ActionAside {
			continue
		}
		d, err := c.Drivers.Get(ch.Ref.Kind, ch.Provider)
		if err != nil {
			return err
		}
		var checks []pave.Check
		if checker, ok := As[Checker](d); ok {
			checks = checker.Check(ctx)
		}
		if key := ch.Ref.Kind + ch.Provider + string(mustJSON(BindingOf(ch.Node.Spec))); !asked[key] {
			asked[key] = true
			more, err := c.checkBinding(ctx, d, ch.Node.Spec)
			if err != nil {
				return err
			}
			checks = append(checks, more...)
		}
		for _, check := range checks {
			if !check.OK {
				return pave.Errorf(pave.Unavailable, "%s %s cannot be made: %s", ch.Ref.Kind, ch.External, check.Detail).
					WithHint("%s", check.Fix)
			}
		}
	}
	return nil
}
