package resource

import (
	"encoding/json"
	"slices"

	pave "github.com/pave-platform/pave"
)

// Given is a graph whose deployments get the values that are there by the records of a
// service. One that is wanted and was not made yet comes to processes with the run that
// makes it: a deployment that names it before would be started without, and look as if it
// had it.
func (g Graph) Given(records []Record) Graph {
	there := func(ref pave.Ref) bool {
		return slices.ContainsFunc(records, func(r Record) bool { return r.State == pave.ResourcePresent && r.Ref == ref })
	}
	out := slices.Clone(g)
	for i, n := range out {
		if n.Ref.Kind == pave.KindDeployment {
			out[i] = g.given(n, there)
		}
	}
	return out
}

func (g Graph) given(n Node, there func(pave.Ref) bool) Node {
	var has, lacks []string // variables
	var needs []pave.Ref
	for _, need := range n.Needs {
		value, ok := g.Find(need)
		if !ok || need.Kind != pave.KindSecret {
			needs = append(needs, need)
			continue
		}
		var spec SecretSpec
		if json.Unmarshal(value.Spec, &spec) != nil {
			continue
		}
		if there(need) {
			needs, has = append(needs, need), append(has, spec.Key)
		} else {
			lacks = append(lacks, spec.Key)
		}
	}
	var spec DeploymentSpec
	if len(lacks) == 0 || json.Unmarshal(n.Spec, &spec) != nil {
		return n
	}
	for _, key := range lacks {
		if !slices.Contains(has, key) {
			delete(spec.Secrets, key)
		}
	}
	n.Spec, n.Needs = mustJSON(spec), needs
	return n
}

// RoleVariables are the variables by which processes see what they may be at a cloud, by
// environment, as the records of a service tell of it.
func RoleVariables(records []Record) map[pave.Name]string {
	out := map[pave.Name]string{}
	for _, state := range []pave.ResourceState{pave.ResourcePlanned, pave.ResourcePresent} { // what is there counts more
		for _, r := range records {
			var spec SecretSpec
			if r.State == state && r.Ref.Kind == pave.KindSecret && json.Unmarshal(r.Spec, &spec) == nil && spec.From == outputRole {
				out[r.Ref.Env] = spec.Key
			}
		}
	}
	return out
}
