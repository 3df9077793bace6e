package gitea

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/githost"
	"github.com/pave-platform/pave/internal/resource"
	fake "github.com/pave-platform/pave/test/githost/gitea"
)

// What pipelines of an environment are given comes, changes and goes, and that of another
// service stays.
func TestPipelines(t *testing.T) {
	everywhere(t, func(t *testing.T, w fake.World) {
		d, fresh := driver(t, w)
		repo := fresh()
		if _, err := d.Apply(t.Context(), repo); err != nil {
			t.Fatal(err)
		}
		p := githost.Pipelines{Repositories: d}
		_, err := p.Observe(t.Context(), given(t, repo, pave.NewID("res"), "DATABASE_URL"))
		wantCode(t, "Observe before anything was given", err, pave.NotFound)
		id := pave.NewID("res")
		for _, keys := range [][]string{{"API_KEY", "DATABASE_URL"}, {"API_KEY"}, {"API_KEY", "TOKEN"}} {
			r := given(t, repo, id, keys...)
			st, err := p.Apply(t.Context(), r)
			if err != nil || st.ExternalID != repo.ExternalID+"/pre-prod" {
				t.Fatalf("%v: %+v, %v", keys, st, err)
			}
			r.ExternalID = st.ExternalID
			if st, err = p.Observe(t.Context(), r); err != nil || !st.Ready {
				t.Errorf("%v: %+v, %v", keys, st, err)
			}
			has, err := openHost(t, w).SecretNames(t.Context(), repo.ExternalID, "pre-prod")
			slices.Sort(has)
			if err != nil || !slices.Equal(has, keys) {
				t.Errorf("given %v, there is %v, %v", keys, has, err)
			}
		}
		other := given(t, repo, pave.NewID("res"), "OTHER")
		_, err = p.Apply(t.Context(), other)
		wantCode(t, "Apply of another service", err, pave.Conflict)
		r := given(t, repo, id, "API_KEY", "TOKEN")
		for range 2 {
			if err := p.Delete(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		_, err = p.Observe(t.Context(), r)
		wantCode(t, "Observe after Delete", err, pave.NotFound)
		if st, err := p.Apply(t.Context(), other); err != nil || !st.Ready {
			t.Errorf("the other one, once it is free: %+v, %v", st, err)
		}
	})
}

// given is a resource of kind pipeline with secrets of these names.
func given(t *testing.T, repo resource.Resource, id string, keys ...string) resource.Resource {
	t.Helper()
	spec := resource.PipelineSpec{Env: "pre-prod", Values: map[string]string{}, Binding: resource.BindingOf(repo.Spec)}
	r := resource.Resource{ID: id, Ref: pave.Ref{Kind: pave.KindPipeline, Env: "pre-prod", Service: repo.Ref.Service, Name: "x"},
		Inputs: []resource.Input{{Ref: repo.Ref, ID: repo.ID, ExternalID: repo.ExternalID}}}
	for _, key := range keys {
		spec.Values[key] = "1"
		r.Inputs = append(r.Inputs, resource.Input{Ref: pave.Ref{Kind: pave.KindSecret, Name: key}, Outputs: map[string]string{"key": key},
			Secrets: map[string]pave.Secret{"value": pave.NewSecret("pvcnry-value-of-" + key)}})
	}
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	r.Spec = text
	return r
}

// A server that knows no secrets of Actions is told before anything is made.
func TestPipelinesAreChecked(t *testing.T) {
	t.Parallel()
	for version, ok := range map[string]bool{"1.26.0": true, "1.21.11": false} {
		s := fake.New(t)
		s.Version = version
		d, fresh := driver(t, s.World())
		b, err := resource.BindingOf(given(t, fresh(), pave.NewID("res"), "API_KEY").Spec).Open(t.Context(), d.Vault)
		if err != nil {
			t.Fatal(err)
		}
		checks := githost.Pipelines{Repositories: d}.CheckBinding(t.Context(), b)
		bad := slices.ContainsFunc(checks, func(c pave.Check) bool { return !c.OK && c.Fix != "" })
		if len(checks) == 0 || bad == ok {
			t.Errorf("%s: %+v", version, checks)
		}
	}
}
