package platform

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// A guardrail judges one change of a plan; ok is false where it has nothing to
// say of it.
type guardrail struct {
	name  string
	judge func(resource.Change) (v pave.Verdict, ok bool)
}

// guardrails hold for every plan, whatever door it came by.
var guardrails = []guardrail{
	{"no-root-workload", noRootWorkload},
	{"no-public-database", noPublicDatabase},
	{"no-public-bucket", noPublicBucket},
}

// guard returns the verdict of every guardrail on every change it speaks of. A
// guardrail without a subject in the plan says so once.
func guard(changes []resource.Change) []pave.Verdict {
	out := []pave.Verdict{}
	for _, g := range guardrails {
		spoke := false
		for _, ch := range changes {
			if ch.Action == pave.ActionDelete || ch.Action == pave.ActionAside {
				continue
			}
			if v, ok := g.judge(ch); ok {
				v.Guard, v.Subject = g.name, ch.Ref.String()
				out, spoke = append(out, v), true
			}
		}
		if !spoke {
			out = append(out, pave.Verdict{Guard: g.name, Allowed: true, Reason: "nothing of its kind in this plan"})
		}
	}
	return out
}

func noRootWorkload(ch resource.Change) (pave.Verdict, bool) {
	var spec resource.DeploymentSpec
	if ch.Ref.Kind != pave.KindDeployment {
		return pave.Verdict{}, false
	}
	if err := json.Unmarshal(ch.Node.Spec, &spec); err != nil {
		return pave.Verdict{Reason: "its spec cannot be read"}, true
	}
	if spec.User == "root" || spec.UID <= 0 {
		return pave.Verdict{Reason: fmt.Sprintf("the binding of %s runs the workload as root", ch.Ref.Env)}, true
	}
	return pave.Verdict{Allowed: true, Reason: fmt.Sprintf("it runs as user %d, not as root", spec.UID)}, true
}

func noPublicDatabase(ch resource.Change) (pave.Verdict, bool) {
	var spec resource.DatabaseSpec
	if ch.Ref.Kind != pave.KindDatabase {
		return pave.Verdict{}, false
	}
	if err := json.Unmarshal(ch.Node.Spec, &spec); err != nil {
		return pave.Verdict{Reason: "its spec cannot be read"}, true
	}
	if spec.Public {
		return pave.Verdict{Reason: fmt.Sprintf("the binding of %s makes the database reachable by everybody", ch.Ref.Env)}, true
	}
	return pave.Verdict{Allowed: true, Reason: byModuleOr(ch, "only its own role may connect")}, true
}

func noPublicBucket(ch resource.Change) (pave.Verdict, bool) {
	var spec resource.BucketSpec
	if ch.Ref.Kind != pave.KindBucket {
		return pave.Verdict{}, false
	}
	if err := json.Unmarshal(ch.Node.Spec, &spec); err != nil {
		return pave.Verdict{Reason: "its spec cannot be read"}, true
	}
	if spec.Public {
		return pave.Verdict{Reason: fmt.Sprintf("the binding of %s lets everybody read the bucket", ch.Ref.Env)}, true
	}
	return pave.Verdict{Allowed: true, Reason: byModuleOr(ch, "only its own keys may sign")}, true
}

// byModuleOr is what is known of what pave makes itself, or a module that ships: another
// module may let in whom it likes.
func byModuleOr(ch resource.Change, known string) string {
	if m := resource.ModuleOf(ch.Node.Spec); m != nil && !strings.HasPrefix(m.Source, "pave:") {
		return "not known: it is made by a module, which says itself who reaches it"
	}
	return known
}
