package resource_test

import (
	"context"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
)

// staying leaves what it is to take away, and tells of what spec it was asked for drift.
type staying struct{ *resourcetest.Slow }

func (staying) Leaves(context.Context, resource.Resource) (string, error) {
	return "it stays there", nil
}

func (staying) Drift(_ context.Context, r resource.Resource) ([]string, error) {
	return []string{"of team " + string(r.Spec)}, nil
}

func TestLeaves(t *testing.T) {
	each(t, func(r *rig) { r.Drivers[pave.KindRepository]["slow"] = staying{r.worlds[pave.KindRepository]} }, func(r *rig) {
		r.reach(shop("staging"))
		// A binding or team that changed since is what the world is compared with.
		other := shop("staging")
		other.Team = "others"
		records, err := r.List(t.Context(), r.db, service)
		if err != nil {
			t.Fatal(err)
		}
		changes, err := r.Diff(t.Context(), records, r.expand(other), resource.DiffOptions{Drift: true})
		if err != nil || changes[0].Action != pave.ActionUpdate || !strings.Contains(strings.Join(changes[0].Detail, " "), "others") {
			t.Errorf("%+v, %v", changes, err)
		}
		changes, err = r.Diff(t.Context(), records, nil, resource.DiffOptions{})
		if err != nil {
			t.Fatal(err)
		}
		run := r.end(r.begin(changes, quick), pave.RunDone)
		for _, s := range run.Steps {
			if strings.Contains(s.Key, pave.KindRepository) != strings.Contains(s.Summary, "let go: it stays there") {
				t.Errorf("%s: %s", s.Key, s.Summary)
			}
		}
	})
}
