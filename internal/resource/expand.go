package resource

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	pave "github.com/pave-platform/pave"
)

// Node is one wanted resource of a graph.
type Node struct {
	Ref      pave.Ref
	Provider string
	Spec     json.RawMessage
	Needs    []pave.Ref
	After    string // "after pipeline" while the spec is not known in full
}

// Graph is what is wanted of one service, each node after those it needs.
type Graph []Node

// Find returns the node of a ref.
func (g Graph) Find(ref pave.Ref) (Node, bool) {
	for _, n := range g {
		if n.Ref == ref {
			return n, true
		}
	}
	return Node{}, false
}

// Subject is what Expand needs to know of a service beside what is wanted.
type Subject struct {
	Name pave.Name
	// Former are names it had whose addresses go on.
	Former []pave.Name
	UID    int
	// Releases are the releases wanted by environment.
	Releases map[pave.Name]pave.Release
	// Starts are the runs that restarted what serves, by environment.
	Starts map[pave.Name]string
	// Peers are the addresses, by environment, of services that it may be linked to, by
	// their ids. A link to another one has no effect.
	Peers map[pave.Name]map[string]string
	// Bind says which provider makes a kind in an environment ("" for what a
	// service has once).
	Bind func(kind string, env pave.Name) (pave.Binding, error)
}

// Expand gives the graph of resources for what is wanted. It is pure: the same
// input gives the same graph. Errors: Invalid where no provider is bound.
func Expand(s Subject, w pave.Wanted) (Graph, error) {
	if w.Nothing() {
		return nil, nil
	}
	x := expansion{s: s, w: w}
	x.repository()
	for _, env := range w.Environments {
		x.environment(env)
	}
	return x.graph, x.err
}

type expansion struct {
	s     Subject
	w     pave.Wanted
	graph Graph
	err   error
}

func (x *expansion) ref(kind string, env pave.Name, name string) pave.Ref {
	return pave.Ref{Kind: kind, Env: env, Service: x.s.Name, Name: name}
}

// add appends a node with the bound provider; spec gets the binding's settings.
func (x *expansion) add(ref pave.Ref, spec func(settings map[string]string) any, needs ...pave.Ref) {
	b, err := x.s.Bind(ref.Kind, ref.Env)
	if err != nil {
		if x.err == nil {
			x.err = err
		}
		return
	}
	x.graph = append(x.graph, Node{Ref: ref, Provider: b.Provider, Spec: x.bound(spec(b.Settings), b), Needs: needs})
}

// bound adds to a spec what its provider is told by the binding, and the team, which
// it may want to know.
func (x *expansion) bound(spec any, b pave.Binding) json.RawMessage {
	raw := mustJSON(spec)
	if b.Module == nil && !b.Told {
		return raw
	}
	all := map[string]any{}
	if err := json.Unmarshal(raw, &all); err != nil && x.err == nil {
		x.err = err
	}
	all["team"] = x.w.Team
	if b.Module != nil {
		all["module"] = b.Module
	}
	if b.Told {
		all["binding"] = Bound{b.Settings, b.Secrets}
	}
	return mustJSON(all)
}

// ModuleOf is the module in a spec; nil where no module makes the resource.
func ModuleOf(spec json.RawMessage) *pave.Module {
	var has struct{ Module *pave.Module }
	if json.Unmarshal(spec, &has) != nil {
		return nil
	}
	return has.Module
}

func (x *expansion) repository() {
	spec := RepositorySpec{Service: x.s.Name, Team: x.w.Team, Template: x.w.Template, Version: x.w.Version, Digest: x.w.Digest, Hooks: x.w.Hooks,
		Inputs: x.w.Inputs, Database: x.w.Engine(pave.KindDatabase), Cache: x.w.Engine(pave.KindCache),
		Queue: x.w.Engine(pave.KindQueue), Bucket: x.w.Engine(pave.KindBucket), Environments: x.w.Environments}
	if a := x.w.Adopted; a != nil {
		spec.Source, spec.Commit, spec.Address = a.Source, a.Commit, a.Address
	}
	x.add(x.ref(pave.KindRepository, "", string(x.s.Name)), func(map[string]string) any { return spec })
}

func (x *expansion) environment(env pave.Name) {
	name := string(x.s.Name)
	identity := x.ref(pave.KindIdentity, env, name)
	x.add(identity, func(map[string]string) any {
		return IdentitySpec{Service: x.s.Name, Env: env, Team: x.w.Team, UID: x.s.UID}
	})
	set := x.w.SettingsIn(env)
	secrets := map[string]string{}
	needs := append([]pave.Ref{identity}, x.role(env, identity, secrets)...)
	needs = append(needs, x.backings(env, secrets)...)
	vars, more := x.variables(env, set.Variables, secrets)
	needs = append(append(needs, more...), x.values(env, set.Secrets, secrets)...)

	x.pipeline(env, secrets, needs)
	vars, calls := x.links(env, set.Links, vars)

	release, known := x.s.Releases[env]
	deployment := x.ref(pave.KindDeployment, env, name)
	x.add(deployment, func(bound map[string]string) any {
		return DeploymentSpec{Service: x.s.Name, Env: env, Team: x.w.Team, Release: release.ID,
			Number: release.Number, Command: release.Command, Ready: release.Ready,
			Replicas: max(1, set.Replicas), UID: x.s.UID, User: bound["user"], MemoryMB: set.MemoryMB, CPU: set.CPU,
			Vars: vars, Calls: calls, Secrets: secrets, Start: x.s.Starts[env]}
	}, needs...)
	if !known && len(x.graph) > 0 {
		x.graph[len(x.graph)-1].After = "after pipeline"
	}
	x.add(x.ref(pave.KindRoute, env, name), func(map[string]string) any {
		spec := RouteSpec{Host: hostOf(x.s.Name, env), Service: x.s.Name, Env: env}
		for _, former := range slices.Sorted(slices.Values(x.s.Former)) {
			spec.Also = append(spec.Also, hostOf(former, env))
		}
		return spec
	}, deployment)
}

// SettingVariable is the setting of a binding that names what processes see of a role, and
// DefaultRoleVariable what they see where there is none.
const (
	SettingVariable     = "variable"
	DefaultRoleVariable = "AWS_ROLE_ARN"

	outputRole = "role" // what a role gives its service
)

// role adds what the service may be at a cloud, where a module is bound that makes it,
// and tells processes of it: AWS_ROLE_ARN, if the binding names no other variable.
func (x *expansion) role(env pave.Name, identity pave.Ref, secrets map[string]string) []pave.Ref {
	b, err := x.s.Bind(pave.KindRole, env)
	if err != nil {
		return nil
	}
	ref := x.ref(pave.KindRole, env, string(x.s.Name))
	x.add(ref, func(map[string]string) any { return RoleSpec{Service: x.s.Name, Env: env} }, identity)
	key := cmp.Or(b.Settings[SettingVariable], DefaultRoleVariable)
	secrets[key] = pave.KindRole + " " + outputRole
	return []pave.Ref{ref, x.secret(env, key, SecretSpec{Key: key, From: outputRole}, ref)}
}

// pipeline adds what the host's own pipelines are given, where that is bound and the
// repository lies on that host.
func (x *expansion) pipeline(env pave.Name, secrets map[string]string, needs []pave.Ref) {
	repository := x.ref(pave.KindRepository, "", string(x.s.Name))
	at, _ := x.graph.Find(repository)
	b, err := x.s.Bind(pave.KindPipeline, env)
	if err != nil || b.Provider != at.Provider {
		return
	}
	values := slices.DeleteFunc(slices.Clone(needs), func(r pave.Ref) bool { return r.Kind != pave.KindSecret })
	x.add(x.ref(pave.KindPipeline, env, string(x.s.Name)), func(map[string]string) any {
		return PipelineSpec{Env: env, Values: maps.Clone(secrets), Binding: BindingOf(at.Spec)}
	}, append([]pave.Ref{repository}, values...)...)
}

func hostOf(service, env pave.Name) string { return fmt.Sprintf("%s.%s.localhost", service, env) }

// backings adds databases and the like with the secrets that hold what processes see of
// them, and returns the refs a deployment needs.
func (x *expansion) backings(env pave.Name, secrets map[string]string) []pave.Ref {
	var needs []pave.Ref
	for _, r := range x.w.Resources {
		backing := x.ref(r.Kind, env, string(r.Name))
		x.add(backing, func(set map[string]string) any { return x.specOf(r, env, set) })
		if n := len(x.graph); n > 0 && x.graph[n-1].Ref == backing {
			provider, err := pave.ProviderOf(r.Kind, r.Engine, x.graph[n-1].Provider)
			if err != nil && x.err == nil {
				x.err = err
			}
			x.graph[n-1].Provider = provider
		}
		for i, v := range x.variablesOf(r, env) {
			name := v.Name
			if i == 0 && v.Output == "url" {
				name = r.Kind + "-url"
			}
			needs = append(needs, x.secret(env, name, SecretSpec{Key: v.Name, From: v.Output, Credentials: r.Credentials[env]}, backing))
			secrets[v.Name] = outputOf(r, env, v.Output)
		}
	}
	return needs
}

// variablesOf are what processes see of a backing, with its authority where a module gives
// that out and nobody said another.
func (x *expansion) variablesOf(r pave.WantedBacking, env pave.Name) []pave.BackingVariable {
	all, name, set := r.Variables(), r.CAVariable(), x.w.SettingsIn(env)
	b, err := x.s.Bind(r.Kind, env)
	if err != nil || b.Module == nil || b.Module.Outputs[pave.OutputCA] == "" || name == "" || set.Variables[name] != "" || set.Secrets[name] != "" {
		return all
	}
	return append(slices.Clone(all), pave.BackingVariable{Name: name, Output: pave.OutputCA})
}

// specOf is the spec of a backing with the settings of its binding.
func (x *expansion) specOf(r pave.WantedBacking, env pave.Name, set map[string]string) any {
	number, public := r.Credentials[env], set["public"] == "true"
	switch r.Kind {
	case pave.KindCache:
		return CacheSpec{Engine: r.Engine, MemoryMB: x.number(set, "memory_mb"), Credentials: number}
	case pave.KindQueue:
		return QueueSpec{Engine: r.Engine, Credentials: number}
	case pave.KindBucket:
		return BucketSpec{Engine: r.Engine, Public: public, Credentials: number}
	}
	return DatabaseSpec{Engine: r.Engine, Public: public, Credentials: number}
}

// outputOf names an output of a backing, so that those of other credentials are others.
func outputOf(r pave.WantedBacking, env pave.Name, output string) string {
	if n := r.Credentials[env]; n > 0 {
		return fmt.Sprintf("%s %s %d", r.Kind, output, n+1)
	}
	return r.Kind + " " + output
}

// secret adds a value for the workload and returns its ref; a name that is taken
// gets a number.
func (x *expansion) secret(env pave.Name, name string, spec SecretSpec, needs ...pave.Ref) pave.Ref {
	name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	ref := x.ref(pave.KindSecret, env, name)
	for n := 2; ; n++ {
		if _, taken := x.graph.Find(ref); !taken {
			break
		}
		ref.Name = fmt.Sprintf("%s-%d", name, n)
	}
	x.add(ref, func(map[string]string) any { return spec }, needs...)
	return ref
}

// variables returns the texts of a workload's own variables, and adds a secret for
// each that holds an output of a backing. One whose backing the service does not
// have is left out.
func (x *expansion) variables(env pave.Name, all, secrets map[string]string) (map[string]string, []pave.Ref) {
	var texts map[string]string
	var needs []pave.Ref
	for _, key := range slices.Sorted(maps.Keys(all)) {
		ref, isReference := pave.ParseReference(all[key])
		if !isReference {
			if texts == nil {
				texts = map[string]string{}
			}
			texts[key] = all[key]
			continue
		}
		for _, r := range x.w.Resources {
			if r.Kind == ref.Kind {
				spec := SecretSpec{Key: key, From: ref.Output, Credentials: r.Credentials[env]}
				needs = append(needs, x.secret(env, key, spec, x.ref(r.Kind, env, string(r.Name))))
				secrets[key] = outputOf(r, env, ref.Output)
			}
		}
	}
	return texts, needs
}

// links adds the address of each service that is linked, and returns their ids.
func (x *expansion) links(env pave.Name, all, vars map[string]string) (map[string]string, []string) {
	var calls []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		address, there := x.s.Peers[env][all[key]]
		if !there {
			continue
		}
		if vars == nil {
			vars = map[string]string{}
		}
		vars[key] = address
		calls = append(calls, all[key])
	}
	slices.Sort(calls)
	return vars, slices.Compact(calls)
}

// values adds a secret for each value that was sealed for the service.
func (x *expansion) values(env pave.Name, all, secrets map[string]string) []pave.Ref {
	var needs []pave.Ref
	for _, key := range slices.Sorted(maps.Keys(all)) {
		needs = append(needs, x.secret(env, key, SecretSpec{Key: key, Value: all[key]}))
		secrets[key] = all[key]
	}
	return needs
}

// number reads a setting of a binding; 0 where it has none.
func (x *expansion) number(set map[string]string, name string) int {
	value, ok := set[name]
	n, err := strconv.Atoi(value)
	if ok && (err != nil || n <= 0) && x.err == nil {
		x.err = pave.BadField(name, value, "is not a whole number above 0", "mend the setting of the binding, for example 64")
	}
	return max(0, n)
}
