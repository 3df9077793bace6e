package platform

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/release"
	"github.com/pave-platform/pave/internal/resource"
)

// roled is a platform with a service that has a role at a cloud, made while the binding said
// variable=ROLE_A1, and whose processes were told of it.
func roled(t *testing.T) (looked, pave.Service) {
	t.Helper()
	p := newLooked(t, map[string]*place{"git": {}})
	for kind, by := range map[string][]string{pave.KindIdentity: {"jwt"}, pave.KindRole: {"terraform", "other"}, pave.KindSecret: {"sealed"},
		pave.KindDeployment: {"process"}, pave.KindRoute: {"router"}} {
		for _, name := range by {
			p.Resources.Drivers.Add(kind, name, &place{})
		}
	}
	p.Releases = release.New(p.DB, "")
	svc := p.add(70000, "fin", "git")
	svc.Revision = 1
	w := pave.Wanted{Team: "web", Template: "go-http", Version: "1", Environments: []pave.Name{"staging"}}
	text, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	p.exec(`UPDATE revisions SET wanted = $1 WHERE service = $2`, string(text), svc.ID)
	p.made(svc, pave.KindIdentity, "fin", "jwt", `{}`)
	p.made(svc, pave.KindRole, "fin", "terraform", `{"module": {"source": "old"}}`)
	p.made(svc, pave.KindSecret, "role-a1", "sealed", `{"key": "ROLE_A1", "from": "role"}`)
	p.made(svc, pave.KindDeployment, "fin", "process", `{"secrets": {"ROLE_A1": "role role"}}`)
	p.made(svc, pave.KindRoute, "fin", "router", `{}`)
	return p, svc
}

func (p looked) made(svc pave.Service, kind, name, provider, spec string) {
	p.t.Helper()
	ref := pave.Ref{Kind: kind, Env: "staging", Service: svc.Name, Name: name}
	p.resource(svc.ID, ref, provider)
	p.exec(`UPDATE resources SET spec = $1 WHERE service = $2 AND ref = $3`, spec, svc.ID, ref.String())
}

func (p looked) bound(kind, provider, settings string) {
	p.t.Helper()
	p.exec(`DELETE FROM bindings WHERE environment = 'staging' AND kind = $1`, kind)
	if provider != "" {
		p.exec(`INSERT INTO bindings (environment, kind, provider, settings, module, secrets) VALUES ('staging', $1, $2, $3, '{"source": "new"}', '{}')`, kind, provider, settings)
	}
}

func (p looked) wanted(svc pave.Service) pave.Wanted {
	p.t.Helper()
	rev, err := p.revision(p.t.Context(), p.DB, svc.ID, 1)
	if err != nil {
		p.t.Fatal(err)
	}
	return rev.Wanted
}

// A service goes on seeing its role by the variable that it was made with, in a rollout and
// in every plan, whatever is bound by now.
func TestRoleStaysAsMade(t *testing.T) {
	t.Parallel()
	// The module's spec is another one each time, so that what it gives out is read anew.
	for name, c := range map[string]struct{ provider, settings, source string }{
		"as it was":         {"terraform", `{"variable": "ROLE_A1"}`, "new"},
		"bound no more":     {"", "", "old"},
		"another variable":  {"terraform", `{"variable": "ROLE_A2"}`, "new"},
		"without it":        {"terraform", `{}`, "new"},
		"by another system": {"other", `{"variable": "ROLE_A3"}`, "old"},
	} {
		p, svc := roled(t)
		p.bound(pave.KindRole, c.provider, c.settings)
		nodes, err := p.rolloutNodes(t.Context(), p.DB, svc, p.wanted(svc), "staging", pave.Release{ID: "rel_1", Number: 1}, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := secretsGiven(t, nodes); !slices.Equal(got, []string{"ROLE_A1"}) {
			t.Errorf("%s: a rollout gives processes %v", name, got)
		}
		w := work{tr: transition{service: svc, to: p.wanted(svc)}}
		if err := p.compare(t.Context(), &w); err != nil {
			t.Fatal(err)
		}
		for _, ch := range w.changes {
			switch {
			case ch.Ref.Kind == pave.KindSecret && ch.Action != pave.ActionUpdate || ch.Action == pave.ActionDelete || ch.Action == pave.ActionCreate:
				t.Errorf("%s: a plan shows %s %s", name, ch.Action, ch.Ref)
			case ch.Ref.Kind == pave.KindRole:
				if m := resource.ModuleOf(ch.Node.Spec); ch.Provider != "terraform" || m.Source != c.source {
					t.Errorf("%s: the role is made by %s with %v", name, ch.Provider, m)
				}
			}
		}
	}
}

// secretsGiven are the variables that a deployment of a graph gets from secrets.
func secretsGiven(t *testing.T, g resource.Graph) (out []string) {
	t.Helper()
	for _, n := range g {
		var spec resource.DeploymentSpec
		if n.Ref.Kind != pave.KindDeployment {
			continue
		}
		if err := json.Unmarshal(n.Spec, &spec); err != nil {
			t.Fatal(err)
		}
		for key := range spec.Secrets {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// A release that moves gets what is there: what is bound since, and made by no rollout, is
// neither shown nor named before it is there; a plan that heals shows it, with the processes.
func TestMoveMakesNothingElse(t *testing.T) {
	t.Parallel()
	p, svc := roled(t)
	p.exec(`DELETE FROM resources WHERE kind IN ('role', 'secret')`)
	p.exec(`UPDATE resources SET spec = '{}' WHERE kind = 'deployment'`)
	p.bound(pave.KindRole, "terraform", `{}`)
	release := pave.Release{ID: "rel_1", Number: 1}
	nodes, err := p.rolloutNodes(t.Context(), p.DB, svc, p.wanted(svc), "staging", release, "")
	if got := secretsGiven(t, nodes); err != nil || len(got) > 0 {
		t.Errorf("a rollout gives processes %v, %v", got, err)
	}
	tr := transition{service: svc, to: p.wanted(svc), releases: map[pave.Name]pave.Release{"staging": release}}
	shown := func(tr transition) (out []string) {
		w := work{tr: tr}
		if err := p.compare(t.Context(), &w); err != nil {
			t.Fatal(err)
		}
		var graph resource.Graph
		for _, ch := range w.changes {
			graph = append(graph, ch.Node)
			if ch.Action != pave.ActionKeep {
				out = append(out, fmt.Sprintf("%s %s", ch.Action, ch.Ref.Kind))
			}
		}
		return append(out, secretsGiven(t, graph)...)
	}
	move := tr
	move.moves, move.rollout = true, []pave.Name{"staging"}
	if diff := cmp.Diff([]string{"update deployment", "update route"}, shown(move)); diff != "" {
		t.Error(diff)
	}
	heal := tr
	heal.heal = func(pave.Ref) bool { return true }
	if diff := cmp.Diff([]string{"update identity", "create role", "create secret", "update deployment", "update route", "AWS_ROLE_ARN"}, shown(heal)); diff != "" {
		t.Error(diff)
	}
}

// What was made by a provider that is bound no more keeps its settings too.
func TestMadeBy(t *testing.T) {
	t.Parallel()
	p := newLooked(t, nil)
	for spec, want := range map[string]map[string]string{`{}`: nil, `{"memory_mb": 96}`: {"memory_mb": "96"}, `{"public": true}`: {"public": "true"}} {
		if diff := cmp.Diff(want, p.madeBy(resource.Record{Provider: "redis", Spec: json.RawMessage(spec)}).Settings); diff != "" {
			t.Error(diff)
		}
	}
}

// The variable of a role is one of the service's, by no other means than the role.
func TestRoleIsListed(t *testing.T) {
	t.Parallel()
	p, svc := roled(t)
	ctx := pave.WithPrincipal(t.Context(), pave.Principal{User: pave.User{ID: "pave", Name: "pave", Admin: true}})
	secrets, err := p.Secrets(ctx, "fin")
	if diff := cmp.Diff([]pave.SecretName{{Name: "ROLE_A1", Environment: "staging", Origin: "role"}}, secrets); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for name, want := range map[string]string{"ROLE_A1": `secret "ROLE_A1" is brought by the role`, "ROLE_A2": ""} {
		got := ""
		if err := p.notRoles(ctx, svc.ID, "secret", name); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// A binding says who does not follow it.
func TestBindSaysWhoKeeps(t *testing.T) {
	t.Parallel()
	p, _ := roled(t)
	role := func(variable string) pave.Binding {
		return pave.Binding{Kind: pave.KindRole, Provider: "terraform", Settings: map[string]string{"variable": variable}}
	}
	if diff := cmp.Diff([]string{"services that have a role keep their variable: ROLE_A1 of fin in staging"}, p.keepTheirs(t.Context(), "staging", role("ROLE_A2"))); diff != "" {
		t.Error(diff)
	}
	if got := append(p.keepTheirs(t.Context(), "", role("ROLE_A1")), p.keepTheirs(t.Context(), "production", role("ROLE_A2"))...); len(got) > 0 {
		t.Errorf("%v", got)
	}
	const want = "this is for services whose repository gitea makes, and new ones are made by git: pave bind default repository gitea"
	if diff := cmp.Diff([]string{want}, p.ofOtherHosts(t.Context(), pave.Binding{Kind: pave.KindPipeline, Provider: "gitea"})); diff != "" {
		t.Error(diff)
	}
	p.exec(`UPDATE bindings SET provider = 'gitea' WHERE kind = 'repository'`)
	if got := p.ofOtherHosts(t.Context(), pave.Binding{Kind: pave.KindPipeline, Provider: "gitea"}); len(got) > 0 {
		t.Errorf("%v", got)
	}
}
