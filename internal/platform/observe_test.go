package platform

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/catalog"
	"github.com/pave-platform/pave/internal/workflow"
)

func TestFromOpenAPI(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, err string }{
		"good":    {"info: &i {title: shop, version: \"1\"}\npaths: {/: *i}\n", ""},
		"aliases": {"info: {title: &a " + strings.Repeat("x", 100<<10) + "}\npaths: {/: [" + strings.Repeat("*a, ", 12_000) + "]}\n", "openapi.yaml: its aliases (*name) make 1171 MiB of it"},
		"large":   {strings.Repeat("#", 2<<20), "openapi.yaml: larger than 1 MiB"},
	} {
		api, ok := fromOpenAPI(fstest.MapFS{"openapi.yaml": {Data: []byte(c.text)}}, "openapi.yaml", catalog.Observation{Name: "shop"})
		if !ok || api.Err != c.err || (len(api.Facts) == 3) != (c.err == "") {
			t.Errorf("%s: %v, %+v", name, ok, api)
		}
	}
}

// A rollout within a restore may be over before the repository is back, and does not fail by it.
func TestCatalogBeforeRepository(t *testing.T) {
	t.Parallel()
	p := newLooked(t, map[string]*place{"host": {}})
	svc := p.add(70000, "shop", "host")
	p.exec(`UPDATE resources SET state = $1`, string(pave.ResourceAside))
	input, err := json.Marshal(serviceInput{svc.ID})
	if err != nil {
		t.Fatal(err)
	}
	for parent, code := range map[string]pave.Code{"run_restore": "", "": pave.NotFound} {
		if _, err := p.catalogStep(t.Context(), &workflow.Task{Run: pave.Run{ID: "run_1", Parent: parent}, Input: input}); pave.CodeOf(err) != code {
			t.Errorf("below %q: %v", parent, err)
		}
	}
}
