package sealed

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// A value that was sealed before reaches the workload by its id, is no resource of its
// own, and what is changed behind pave's back is named and made good.
func TestSealedBefore(t *testing.T) {
	t.Parallel()
	d, dir := open(t)
	for id, value := range map[string]string{"sec_1": canary + "-one", "sec_2": canary + "-two"} {
		if err := d.Vault.Put(t.Context(), id, pave.NewSecret(value)); err != nil {
			t.Fatal(err)
		}
	}
	r := valued("sec_1")
	apply := func(want string) {
		t.Helper()
		st, err := d.Apply(t.Context(), r)
		if err != nil || st.Secrets["value"].Reveal() != want || st.Outputs["key"] != "KEY" {
			t.Errorf("%+v, %v; want %q", st.Outputs, err, want)
		}
	}
	drift := func(want ...string) {
		t.Helper()
		if got, err := d.Drift(t.Context(), r); err != nil || !slices.Equal(got, want) {
			t.Errorf("drift %q, %v; want %q", got, err, want)
		}
	}
	apply(canary + "-one")
	drift()
	if err := d.Vault.Put(t.Context(), r.ID, pave.NewSecret("by hand")); err != nil {
		t.Fatal(err)
	}
	drift("it holds another value")
	apply(canary + "-one")
	drift()
	r.Spec = valued("sec_2").Spec
	apply(canary + "-two")
	found, err := d.List(t.Context())
	if err != nil || len(found) != 1 || found[0].ID != r.ID {
		t.Errorf("the world holds %v, %v", found, err)
	}
	r.Spec = valued("sec_3").Spec
	if _, err := d.Apply(t.Context(), r); pave.CodeOf(err) != pave.Conflict || pave.HintOf(err) == "" {
		t.Errorf("a value that is kept no longer: %v", err)
	}
	drift("the value that was sealed is kept no longer")
	notInTheClear(t, dir)
}

func valued(id string) resource.Resource {
	r := fresh()
	spec, err := json.Marshal(resource.SecretSpec{Key: "KEY", Value: id})
	if err != nil {
		panic(err) // plain data
	}
	r.Spec, r.Inputs = spec, nil
	return r
}
