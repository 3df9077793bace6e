package platform

import (
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

func TestDueOf(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	with := func(name pave.Name, state pave.ResourceState, due string) pave.Resource {
		return pave.Resource{Ref: pave.Ref{Kind: "database", Env: name}, State: state, Outputs: map[string]string{resource.OutputCredentialsDue: due}}
	}
	for name, c := range map[string]struct {
		all  []pave.Resource
		want pave.Name
	}{
		"nothing":        {nil, ""},
		"no end":         {[]pave.Resource{{State: pave.ResourcePresent}}, ""},
		"no time":        {[]pave.Resource{with("a", pave.ResourcePresent, "soon")}, ""},
		"later":          {[]pave.Resource{with("a", pave.ResourcePresent, "2026-05-01T12:00:01Z")}, ""},
		"now":            {[]pave.Resource{with("a", pave.ResourcePresent, "2026-05-01T12:00:00Z")}, "a"},
		"set aside":      {[]pave.Resource{with("a", pave.ResourceAside, "2026-05-01T11:00:00Z")}, ""},
		"the oldest":     {[]pave.Resource{with("a", pave.ResourcePresent, "2026-05-01T11:00:00Z"), with("b", pave.ResourcePresent, "2026-05-01T10:00:00Z")}, "b"},
		"one is too old": {[]pave.Resource{with("a", pave.ResourcePresent, "2026-05-02T11:00:00Z"), with("b", pave.ResourcePresent, "2026-05-01T10:00:00Z")}, "b"},
	} {
		got, found := dueOf(c.all, now)
		if found != (c.want != "") || got.Ref.Env != c.want {
			t.Errorf("%s: %v, %v", name, got.Ref, found)
		}
	}
}

func TestLate(t *testing.T) {
	t.Parallel()
	r := pave.Resource{Outputs: map[string]string{resource.OutputCredentialsDue: "2026-05-01T12:00:00Z", resource.OutputCredentialsEnd: "2026-05-01T14:00:00Z"}}
	for at, want := range map[string]bool{"2026-05-01T12:30:00Z": false, "2026-05-01T13:00:00Z": false, "2026-05-01T13:00:01Z": true, "2026-05-02T00:00:00Z": true} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if late(r, now) != want {
			t.Errorf("at %s it is %v", at, !want)
		}
	}
	if late(pave.Resource{}, time.Now()) {
		t.Error("what has no end is late")
	}
}
