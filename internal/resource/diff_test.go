package resource_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
	"github.com/pave-platform/pave/internal/store/storetest"
)

var databaseRef = pave.Ref{Kind: pave.KindDatabase, Env: "production", Service: "shop", Name: "shop"}

// recorded is a row of the journal for the shop's database.
func recorded(id string, state pave.ResourceState, spec string) resource.Record {
	return resource.Record{ID: id, Service: service, Ref: databaseRef, Provider: "slow", ExternalID: "shop_production",
		State: state, Spec: json.RawMessage(spec)}
}

const (
	wantedSpec = `{"engine":"postgresql"}`
	olderSpec  = `{"engine":"postgresql","public":true}`
)

func TestDiff(t *testing.T) {
	t.Parallel()
	mine := resourcetest.Thing{ID: "res_1", Name: "shop_production", Holds: "3 rows in 1 table"}
	aside := resourcetest.Thing{ID: "res_1", Name: "shop_production~es_1", Aside: true}
	theirs := resourcetest.Thing{Name: "shop_production"}
	gone, there := []resource.Record(nil), []resource.Record{recorded("res_1", pave.ResourcePresent, wantedSpec)}
	tests := map[string]struct {
		reason  string
		world   []resourcetest.Thing
		records []resource.Record
		unwant  bool
		restore bool
		want    pave.Change
		code    pave.Code
	}{
		"new": {reason: "nothing is known and nothing there",
			records: gone, want: pave.Change{Action: pave.ActionCreate}},
		"keep": {reason: "it is as wanted",
			world: []resourcetest.Thing{mine}, records: there, want: pave.Change{Action: pave.ActionKeep}},
		"update": {reason: "the spec differs: the plan names the field",
			world: []resourcetest.Thing{mine}, records: []resource.Record{recorded("res_1", pave.ResourcePresent, olderSpec)},
			want: pave.Change{Action: pave.ActionUpdate, Detail: []string{"public true -> nothing"}}},
		"vanished": {reason: "the journal knows it and the world does not: drift is healed",
			records: there, want: pave.Change{Action: pave.ActionCreate, Detail: []string{"it vanished outside pave"}}},
		"planned": {reason: "a run before was stopped with its effect half done",
			world: []resourcetest.Thing{mine}, records: []resource.Record{recorded("res_1", pave.ResourcePlanned, "null")},
			want: pave.Change{Action: pave.ActionCreate}},
		"set aside, not asked for": {reason: "create makes a new one beside what is kept",
			world: []resourcetest.Thing{aside}, records: []resource.Record{recorded("res_1", pave.ResourceAside, wantedSpec)},
			want: pave.Change{Action: pave.ActionCreate}},
		"restore": {reason: "what was set aside is brought back",
			world: []resourcetest.Thing{aside}, records: []resource.Record{recorded("res_1", pave.ResourceAside, wantedSpec)},
			restore: true, want: pave.Change{Action: pave.ActionRestore}},
		"restore the newest": {reason: "deleted twice: the last one counts",
			world:   []resourcetest.Thing{aside, {ID: "res_2", Name: "shop_production~es_2", Aside: true}},
			records: []resource.Record{recorded("res_2", pave.ResourceAside, wantedSpec), recorded("res_1", pave.ResourceAside, wantedSpec)},
			restore: true, want: pave.Change{Action: pave.ActionRestore}},
		"restore what is gone": {reason: "somebody removed what was kept",
			records: []resource.Record{recorded("res_1", pave.ResourceAside, wantedSpec)}, restore: true,
			want: pave.Change{Action: pave.ActionCreate, Detail: []string{"nothing is left of it: made anew"}}},
		"foreign": {reason: "a new service must not take what is not ours",
			world: []resourcetest.Thing{theirs}, records: gone, code: pave.Conflict},
		"foreign in place of ours": {reason: "nor must an old one",
			world: []resourcetest.Thing{theirs}, records: there, code: pave.Conflict},
		"restore over foreign": {reason: "the name was taken meanwhile",
			world: []resourcetest.Thing{aside, theirs}, records: []resource.Record{recorded("res_1", pave.ResourceAside, wantedSpec)},
			restore: true, code: pave.Conflict},
		"unwanted": {reason: "what holds data is set aside, and the plan says what it holds",
			world: []resourcetest.Thing{mine}, records: there, unwant: true,
			want: pave.Change{Action: pave.ActionAside, Lost: "3 rows in 1 table"}},
		"unwanted and planned": {reason: "nothing of value is in what was never finished",
			records: []resource.Record{recorded("res_1", pave.ResourcePlanned, "null")}, unwant: true,
			want: pave.Change{Action: pave.ActionDelete}},
		"unwanted after a conflict": {reason: "a creation that met something foreign can be undone",
			world: []resourcetest.Thing{theirs}, records: []resource.Record{recorded("res_1", pave.ResourcePlanned, "null")}, unwant: true,
			want: pave.Change{Action: pave.ActionDelete}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, storetest.Open(t, storetest.SQLite(t)))
			for _, thing := range tc.world {
				r.worlds[pave.KindDatabase].Put(thing)
			}
			graph := resource.Graph{{Ref: databaseRef, Provider: "slow", Spec: json.RawMessage(wantedSpec)}}
			if tc.unwant {
				graph = nil
			}
			changes, err := r.Diff(t.Context(), tc.records, graph, resource.DiffOptions{Restore: tc.restore})
			if pave.CodeOf(err) != tc.code {
				t.Fatalf("%s: error %v, want %q", tc.reason, err, tc.code)
			}
			if err != nil {
				return
			}
			if len(changes) != 1 {
				t.Fatalf("%d changes: %+v", len(changes), changes)
			}
			got := changes[0].Change
			if got.Action == pave.ActionAside {
				if len(got.Detail) != 1 || !strings.HasPrefix(got.Detail[0], "kept until 20") {
					t.Errorf("detail %q", got.Detail)
				}
				got.Detail = nil
			}
			tc.want.Ref, tc.want.Provider, tc.want.External, tc.want.Price = databaseRef, "slow", "shop_production", "not priced"
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
			if tc.restore && got.Action == pave.ActionRestore && changes[0].Record.ID != "res_1" {
				t.Errorf("restores %s", changes[0].Record.ID)
			}
			if effects := r.worlds[pave.KindDatabase].Effects(); effects != "" {
				t.Errorf("a plan had effects: %s", effects)
			}
		})
	}
}

// A plan says what is made first and what is known only later, and takes away in
// the reverse order.
func TestDiffOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Open(t, storetest.SQLite(t)))
	graph := r.expand(shop("staging"))
	changes, err := r.Diff(t.Context(), nil, graph, resource.DiffOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const made = "create repository, create identity:staging, create database:staging, create secret:staging/database-url, create deployment:staging, create route:staging"
	if got := actions(changes); got != made {
		t.Errorf("made: %s", got)
	}
	var after []string
	for _, ch := range changes {
		after = append(after, ch.After)
	}
	if diff := cmp.Diff([]string{"", "", "", "after database", "after identity", "after deployment"}, after); diff != "" {
		t.Errorf("after: %s", diff)
	}
	var records []resource.Record
	for _, n := range graph {
		records = append(records, resource.Record{ID: "res_" + n.Ref.Kind, Ref: n.Ref, Provider: "slow", State: pave.ResourcePresent, Spec: n.Spec})
	}
	if changes, err = r.Diff(t.Context(), records, nil, resource.DiffOptions{}); err != nil {
		t.Fatal(err)
	}
	const taken = "set aside route:staging, set aside deployment:staging, set aside secret:staging/database-url, set aside database:staging, set aside identity:staging, set aside repository"
	if got := actions(changes); got != taken {
		t.Errorf("taken: %s", got)
	}
}

// A template of a newer version is no change of the repository: it was made once.
func TestRepositoryIsMadeOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Open(t, storetest.SQLite(t)))
	w := shop("staging")
	node := r.expand(w)[0]
	rec := resource.Record{ID: "res_1", Ref: node.Ref, Provider: "slow", ExternalID: "shop", State: pave.ResourcePresent, Spec: node.Spec}
	r.worlds[pave.KindRepository].Put(resourcetest.Thing{ID: "res_1", Name: "shop"})
	w.Version = "2.0"
	changes, err := r.Diff(t.Context(), []resource.Record{rec}, r.expand(w)[:1], resource.DiffOptions{})
	if err != nil || len(changes) != 1 || changes[0].Action != pave.ActionKeep {
		t.Errorf("%+v, %v", changes, err)
	}
}

// A repository whose host does not answer keeps nobody from the rest: it would be left as it
// is. What is to be made, or made good, needs it.
func TestRepositoryOfAHostThatIsAway(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Open(t, storetest.SQLite(t)))
	r.Drivers[pave.KindRepository]["slow"] = away{r.worlds[pave.KindRepository]}
	graph := r.expand(shop("staging"))[:1]
	rec := resource.Record{ID: "res_1", Ref: graph[0].Ref, Provider: "slow", ExternalID: "shop", State: pave.ResourcePresent, Spec: graph[0].Spec}
	planned := rec
	planned.State = pave.ResourcePlanned
	for name, c := range map[string]struct {
		records []resource.Record
		options resource.DiffOptions
		kept    bool
	}{
		"there": {[]resource.Record{rec}, resource.DiffOptions{}, true}, "not made yet": {[]resource.Record{planned}, resource.DiffOptions{}, false},
		"new": {nil, resource.DiffOptions{}, false}, "to be healed": {[]resource.Record{rec}, resource.DiffOptions{Drift: true}, false},
	} {
		changes, err := r.Diff(t.Context(), c.records, graph, c.options)
		if c.kept && (err != nil || len(changes) != 1 || changes[0].Action != pave.ActionKeep || !strings.Contains(strings.Join(changes[0].Detail, ""), "not looked at")) ||
			!c.kept && pave.CodeOf(err) != pave.Unavailable {
			t.Errorf("%s: %+v, %v", name, changes, err)
		}
	}
}

type away struct{ *resourcetest.Slow }

func (away) Observe(context.Context, resource.Resource) (resource.State, error) {
	return resource.State{}, pave.Errorf(pave.Unavailable, "it does not answer")
}
