package github_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/githost"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
)

func (r *rig) pipelines() githost.Pipelines { return githost.Pipelines{Repositories: r.Driver} }

// given is what the workflows of a repository are given in production.
func (r *rig) given(t *testing.T, repository resource.Resource, pairs ...string) resource.Resource {
	t.Helper()
	spec := resource.PipelineSpec{Env: "production", Values: map[string]string{}, Binding: r.bound}
	out := resource.Resource{ID: strings.Replace(repository.ID, "res_", "res_P", 1)[:len(repository.ID)],
		ExternalID: repository.ExternalID + "_production", Ref: pave.Ref{Kind: pave.KindPipeline, Service: repository.Ref.Service, Env: "production"},
		Inputs: []resource.Input{{Ref: repository.Ref, ID: repository.ID, ExternalID: repository.ExternalID}}}
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		spec.Values[key] = value
		out.Inputs = append(out.Inputs, resource.Input{Ref: pave.Ref{Kind: pave.KindSecret}, Outputs: map[string]string{"key": key},
			Secrets: map[string]pave.Secret{"value": pave.NewSecret(value)}})
	}
	var err error
	if out.Spec, err = json.Marshal(spec); err != nil {
		t.Fatal(err)
	}
	return out
}

// What there is nothing of is not given: a host would keep an empty secret.
func TestPipelinesGiveNothingEmpty(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	repository := rig.fresh()
	rig.apply(t, repository)
	empty := rig.given(t, repository, "API_KEY=x")
	empty.Inputs[1].Secrets = nil
	nowhere := rig.given(t, repository, "API_KEY=x")
	nowhere.Inputs = nowhere.Inputs[1:]
	for name, r := range map[string]resource.Resource{"no value": empty, "no repository": nowhere} {
		if _, err := rig.pipelines().Apply(t.Context(), r); pave.CodeOf(err) != pave.Conflict {
			t.Errorf("%s: %v", name, err)
		}
	}
	if seen, _ := rig.hub.See(repository.ExternalID); len(seen.EnvSecrets["production"]) > 0 {
		t.Errorf("given were %v", seen.EnvSecrets)
	}
}

// What pipelines are given wants more than the repository: that is asked for before there is
// one, also where the settings of the repository leave it out.
func TestPipelinesAreChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lacks string
		app   bool
		want  string
	}{
		"all":          {"", true, "all that are needed"},
		"environments": {"environments", true, "missing: Environments: write"},
		"the mark":     {"actions_variables", true, "missing: Variables: write"},
		"fine-grained": {"environments", false, "missing: Environments: write"},
	} {
		rig := newRig(t, "environments=false")
		rig.hub.Add("some", "")
		rig.hub.Scopes, rig.hub.Denied[c.lacks] = "", true
		if c.app {
			rig.asApp()
		}
		b, err := resource.BindingOf(rig.given(t, rig.fresh(), "API_KEY=x").Spec).Open(t.Context(), rig.vault)
		if err != nil {
			t.Fatal(err)
		}
		checks := rig.pipelines().CheckBinding(t.Context(), b)
		if len(checks) != 2 || checks[1].Detail != c.want || checks[1].OK != (name == "all") {
			t.Errorf("%s: %+v, want %q", name, checks, c.want)
		}
		if own := rig.pipelines().CheckBinding(t.Context(), resource.Opened{}); own != nil {
			t.Errorf("%s: a binding of pipelines alone: %+v", name, own)
		}
	}
}

func TestPipelinesContract(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	seen := func(r resource.Resource) string {
		repo, _ := rig.hub.See(r.Inputs[0].ExternalID)
		return fmt.Sprint(repo.EnvSecrets["production"], repo.EnvVariables["production"])
	}
	resourcetest.Run(t, resourcetest.Config{
		New: func(t *testing.T) (resource.Driver, func() resource.Resource) {
			return rig.pipelines(), func() resource.Resource {
				repository := rig.fresh()
				rig.apply(t, repository)
				return rig.given(t, repository, "DATABASE_URL=postgres://x", "API_KEY=abc")
			}
		},
		Change: func(r resource.Resource) resource.Resource {
			repository := resource.Resource{ID: r.Inputs[0].ID, ExternalID: r.Inputs[0].ExternalID, Ref: r.Inputs[0].Ref}
			changed := rig.given(t, repository, "DATABASE_URL=postgres://y")
			changed.ID = r.ID
			return changed
		},
		Seen: func(_ *testing.T, r resource.Resource, _ resource.State) string { return seen(r) },
	})
}

// What people have there stays; what is no longer wanted goes.
func TestPipelinesLeaveTheRest(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	repository := rig.fresh()
	rig.apply(t, repository)
	host := rig.host(t).(githost.Valuer)
	if err := host.SetSecret(t.Context(), repository.ExternalID, "production", "THEIRS", pave.NewSecret("1")); err != nil {
		t.Fatal(err)
	}
	p := rig.pipelines()
	for _, pairs := range [][]string{{"A=1", "B=2"}, {"B=3"}} {
		if _, err := p.Apply(t.Context(), rig.given(t, repository, pairs...)); err != nil {
			t.Fatal(err)
		}
	}
	secrets := func() string {
		seen, _ := rig.hub.See(repository.ExternalID)
		return fmt.Sprint(seen.EnvSecrets["production"])
	}
	if got := secrets(); got != "map[B:3 THEIRS:1]" {
		t.Errorf("secrets %s", got)
	}
	other := rig.given(t, repository, "B=4")
	other.ID = pave.NewID("res")
	if _, err := p.Apply(t.Context(), other); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("another service: %v", err)
	}
	if err := p.Delete(t.Context(), rig.given(t, repository, "B=3")); err != nil || secrets() != "map[THEIRS:1]" {
		t.Errorf("Delete: %v, %s", err, secrets())
	}
}
