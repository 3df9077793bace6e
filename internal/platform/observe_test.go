package platform

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pave-platform/pave/internal/catalog"
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
