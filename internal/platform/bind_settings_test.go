package platform

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
)

// What a binding is set to is held to the rules of each setting, where the kind knows it.
func TestCheckBindSettings(t *testing.T) {
	t.Parallel()
	const role, cache, database = pave.KindRole, pave.KindCache, pave.KindDatabase
	for name, c := range map[string]struct {
		kind, name, value, want string
	}{
		"healed":         {database, "drift", "heal", ""},
		"told":           {role, "drift", "report", ""},
		"perhaps healed": {database, "drift", "maybe", `drift "maybe" is not one of heal, report`},
		"public":         {pave.KindBucket, "public", "true", ""},
		"perhaps public": {database, "public", "perhaps", `public "perhaps" is not one of true, false`},
		"a public cache": {cache, "public", "true", `setting "public" has no effect on a cache`},
		"memory":         {cache, "memory_mb", "64", ""},
		"lots of memory": {cache, "memory_mb", "lots", `memory_mb "lots" must be a whole number of 8 to 65536`},
		"too much":       {cache, "memory_mb", "65537", `memory_mb "65537" must be a whole number of 8 to 65536`},
		"too little":     {cache, "memory_mb", "7", `memory_mb "7" must be a whole number of 8 to 65536`},
		"a variable":     {role, "variable", "ROLE_A1", ""},
		"not a variable": {role, "variable", "my-role", `variable "my-role" must be a name of A-Z, 0-9 and '_', at most 64`},
		"no variable":    {role, "variable", "", `variable "" must be a name of A-Z, 0-9 and '_', at most 64`},
		"pave's":         {role, "variable", "PAVE_TEAM", `variable "PAVE_TEAM" is set by the platform`},
		"a bucket's":     {role, "variable", "AWS_REGION", `variable "AWS_REGION" is brought by a bucket`},
		"of a database":  {database, "variable", "ROLE", `setting "variable" has no effect on a database`},
		"no setting":     {cache, "memory", "64", `setting "memory" is no setting of a binding`},
	} {
		got := ""
		if err := checkBindSettings(c.kind, map[string]string{c.name: c.value}); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	err := checkBindSettings(cache, map[string]string{"drift": "maybe", "memory_mb": "lots"})
	if want := `drift "maybe" is not one of heal, report; memory_mb "lots" must be a whole number of 8 to 65536`; err == nil || err.Error() != want {
		t.Errorf("two at once: %v", err)
	}
}
