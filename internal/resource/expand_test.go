package resource_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// expansion is the input of a golden case.
type expansion struct {
	Name     pave.Name                  `json:"name"`
	UID      int                        `json:"uid"`
	Releases map[pave.Name]pave.Release `json:"releases"`
	Starts   map[pave.Name]string       `json:"starts"`
	// Bindings are of all environments, "", and of single ones.
	Bindings map[pave.Name][]pave.Binding `json:"bindings"`
	Wanted   pave.Wanted                  `json:"wanted"`
}

func (e expansion) bind(kind string, env pave.Name) (pave.Binding, error) {
	for _, where := range []pave.Name{env, ""} {
		for _, b := range e.Bindings[where] {
			if b.Kind == kind {
				return b, nil
			}
		}
	}
	return pave.Binding{}, pave.BadField("kind", kind, fmt.Sprintf("has no provider in %q", env), "bind one")
}

// graphText writes a graph, one node a paragraph.
func graphText(g resource.Graph, err error) string {
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	for _, n := range g {
		fmt.Fprintf(&b, "%s by %s as %s\n", n.Ref, n.Provider, resource.ExternalName(n.Ref))
		for _, need := range n.Needs {
			fmt.Fprintf(&b, "  needs %s\n", need)
		}
		if n.After != "" {
			fmt.Fprintf(&b, "  %s\n", n.After)
		}
		fmt.Fprintf(&b, "  %s\n", n.Spec)
	}
	return b.String()
}

// The cases are in testdata/expand.txtar, NAME/in and NAME/want; UPDATE=1 writes
// what is wanted.
func TestExpand(t *testing.T) {
	t.Parallel()
	const file = "testdata/expand.txtar"
	cases, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(cases.Files); i += 2 {
		name, ok := strings.CutSuffix(cases.Files[i].Name, "/in")
		if !ok || cases.Files[i+1].Name != name+"/want" {
			t.Fatalf("%s is not followed by its want", cases.Files[i].Name)
		}
		var in expansion
		if err := json.Unmarshal(cases.Files[i].Data, &in); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s := resource.Subject{Name: in.Name, UID: in.UID, Releases: in.Releases, Starts: in.Starts, Bind: in.bind}
		got := graphText(resource.Expand(s, in.Wanted))
		if diff := cmp.Diff(string(cases.Files[i+1].Data), got); diff != "" && os.Getenv("UPDATE") == "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
		if again := graphText(resource.Expand(s, in.Wanted)); again != got {
			t.Errorf("%s: expanded again it is another graph:\n%s", name, again)
		}
		cases.Files[i+1].Data = []byte(got)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, txtar.Format(cases), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Names outside are frozen at creation: they must never come out differently.
func TestExternalName(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		ref  pave.Ref
		want string
	}{
		"once per service":    {pave.Ref{Kind: pave.KindRepository, Service: "shop", Name: "shop"}, "shop"},
		"per environment":     {pave.Ref{Kind: pave.KindDatabase, Env: "staging", Service: "shop", Name: "shop"}, "shop_staging"},
		"several of one kind": {pave.Ref{Kind: pave.KindSecret, Env: "staging", Service: "shop", Name: "database-url"}, "shop_staging_database-url"},
		"no other service's":  {pave.Ref{Kind: pave.KindRepository, Service: "shop-staging", Name: "shop-staging"}, "shop-staging"},
		"too long": {pave.Ref{Kind: pave.KindDatabase, Env: "production", Service: pave.Name(strings.Repeat("a", 40)), Name: "x"},
			strings.Repeat("a", 39) + "_0c638ae7"},
		"as long, but another": {pave.Ref{Kind: pave.KindDatabase, Env: "preview-12", Service: pave.Name(strings.Repeat("a", 40)), Name: "x"},
			strings.Repeat("a", 39) + "_92688a7b"},
	}
	for name, tc := range tests {
		got := resource.ExternalName(tc.ref)
		if got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
		if aside := resource.AsideName(got, pave.NewID("res")); len(aside) > 63 {
			t.Errorf("%s: set aside it has %d characters; PostgreSQL takes 63", name, len(aside))
		}
	}
}
