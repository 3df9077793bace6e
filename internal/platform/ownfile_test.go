package platform

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pave-platform/pave/internal/catalog"
	"github.com/pave-platform/pave/internal/catalog/entityfile"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store/storetest"
)

// The file of a service speaks of the service alone; it is needed by nobody.
func TestOwnFile(t *testing.T) {
	t.Parallel()
	p := &Platform{Deps: Deps{DB: storetest.Open(t, "sqlite:"+t.TempDir()+"/pave.db")}}
	_, err := p.DB.Exec(t.Context(), `INSERT INTO entity_sources (provider, org, entity, ref, repository, path) VALUES ('github', 'acme', 'api:books', 'api:github:acme/books', 'ledger', 'x')`)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ file, facts, relations, fault string }{
		"none": {},
		"its component": {document("Component", "Shop", "type: website, lifecycle: production, owner: web, consumesApis: [books], dependsOn: [component:ledger]"),
			"type=website lifecycle=production owner=group:web", "owned-by group:web depends-on component:ledger consumes api:github:acme/books", ""},
		"others": {document("Component", "other", "type: x, lifecycle: y, owner: z") + document("API", "shop", "type: x, lifecycle: y, owner: z, definition: a"),
			"describes=Component other, API shop", "", ""},
		"a typo": {document("Component", "shop", "type: website, lifecycle: production, owner: our team"), "type=website lifecycle=production", "", `spec.owner "our team" is no reference`},
		"broken": {"{", "", "", "document 1 (line 1): cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := fstest.MapFS{}
			if c.file != "" {
				tree[entityfile.Name] = &fstest.MapFile{Data: []byte(c.file)}
			}
			base := catalog.Observation{Kind: "component", Name: "shop", Owner: "shopkeepers"}
			o, err := p.fromFile(t.Context(), base, resource.Record{Provider: "github"}, fs.FS(tree), "catalog-info.yaml at 1")
			var facts, relations []string
			for _, f := range o.Facts {
				facts = append(facts, f.Key+"="+f.Value)
			}
			for _, r := range o.Relations {
				relations = append(relations, r.Kind+" "+r.Target)
			}
			if strings.Join(facts, " ") != c.facts || strings.Join(relations, " ") != c.relations || err != nil || o.Err != "" {
				t.Errorf("%v %v %q %v", facts, relations, o.Err, err)
			}
			if !strings.Contains(o.Fault, c.fault) || (o.Fault == "") != (c.fault == "") || o.Source != "file" || o.Owner != "shopkeepers" {
				t.Errorf("%+v", o)
			}
		})
	}
}
