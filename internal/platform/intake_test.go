package platform

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/catalog"
	"github.com/pave-platform/pave/internal/catalog/entityfile"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
)

// An organisation is what the test's host has: files by repository and path.
type organisation struct {
	t     *testing.T
	p     *Platform
	files map[string]string
	wants pave.ImportRequest
	kept  map[string]pave.Name
	round int64
	quiet string // the repository that is not pushed to now
	last  int64  // when it was
}

// look lists the repositories, pushed just now, and reads what is due.
func (o *organisation) look() map[string]pave.Entity {
	o.t.Helper()
	found := pave.Imported{Provider: "github", Org: "acme"}
	o.round++
	for _, name := range []string{"catalog", "ledger", "shop"} {
		if o.files[name+":"] == "gone" {
			continue
		}
		pushed := o.round
		if name == o.quiet {
			pushed = o.last
		}
		found.Repositories = append(found.Repositories, pave.HostRepository{Name: name, Branch: "main", Page: "https://github.com/acme/" + name,
			Pushed: time.Unix(pushed, 0)})
	}
	if err := o.p.observeOrganisation(o.t.Context(), o.wants, &found); err != nil {
		o.t.Fatal(err)
	}
	in := intake{Platform: o.p, allow: o.wants.Allow, kept: o.kept}
	for range 100 {
		due, err := o.p.dueFiles(o.t.Context(), "github", "acme", 1)
		if err != nil {
			o.t.Fatal(err)
		}
		if len(due) == 0 {
			break
		}
		text, there := o.files[due[0].at()]
		if !there {
			err = pave.Errorf(pave.NotFound, "no %s", due[0].at())
		}
		if err := in.take(o.t.Context(), due[0], []byte(text), err); err != nil {
			o.t.Fatal(err)
		}
	}
	list, err := o.p.Catalog.List(o.t.Context(), "")
	if err != nil {
		o.t.Fatal(err)
	}
	out := map[string]pave.Entity{}
	for _, e := range list {
		out[e.Ref] = e
	}
	return out
}

func TestMain(m *testing.M) { storetest.Main(m) }

func document(kind, name, spec string) string {
	return fmt.Sprintf("---\napiVersion: backstage.io/v1alpha1\nkind: %s\nmetadata: {name: %s}\nspec: {%s}\n", kind, name, spec)
}

func refsOf(all map[string]pave.Entity) string {
	var out []string
	for ref := range all {
		if !strings.HasPrefix(ref, "repository:") {
			out = append(out, ref)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestIntake(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		db := open()
		p := &Platform{Deps: Deps{DB: db, Catalog: catalog.New(db), Resources: &resource.Controller{}}}
		o := &organisation{t: t, p: p, kept: map[string]pave.Name{"https://github.com/acme/shop": "shop"}, files: map[string]string{
			"shop:catalog-info.yaml":   document("Component", "shop", "type: service, lifecycle: production, owner: web, dependsOn: [component:ledger]") + document("API", "shop-api", "type: openapi, lifecycle: production, owner: web, definition: x"),
			"ledger:catalog-info.yaml": document("Component", "ledger", "type: service, lifecycle: production, owner: money, dependsOn: [component:shop], consumesApis: [shop-api]") + document("Componet", "typo", "") + document("Group", "money", "type: team"),
			"catalog:catalog-info.yaml": document("Location", "all", "targets: [./docs/more.yaml, https://github.com/acme/ledger/blob/main/deploy/catalog-info.yaml, "+
				"https://github.com/other/x/blob/main/a.yaml, https://github.com/acme/ledger/blob/dev/a.yaml, https://github.com/acme/ledger/issues, ../../x.yaml]"),
			"catalog:docs/more.yaml":          document("System", "checkout", "owner: web") + document("Location", "deep", "target: ./deeper.yaml"),
			"ledger:deploy/catalog-info.yaml": document("Resource", "ledger-db", "type: database, owner: user:ann"),
		}}
		if err := filesWanted(&o.wants); err != nil {
			t.Fatal(err)
		}
		o.wants.Provider, o.wants.Org = "github", "acme"
		all := o.look()
		want := "api:github:acme/shop-api component:github:acme/ledger location:github:acme/all location:github:acme/deep resource:github:acme/ledger-db system:github:acme/checkout"
		if got := refsOf(all); got != want {
			t.Errorf("known are\n%s, want\n%s", got, want)
		}
		ledger := all["component:github:acme/ledger"]
		if ledger.Owner != "money" || !slices.Contains(ledger.Links, pave.Link{Kind: "depends-on", To: "component:shop"}) ||
			!slices.Contains(ledger.Links, pave.Link{Kind: "consumes", To: "api:github:acme/shop-api"}) {
			t.Errorf("ledger: %+v", ledger)
		}
		for _, f := range ledger.Facts {
			if f.Source != "file" || f.Evidence != "https://github.com/acme/ledger catalog-info.yaml at main" {
				t.Errorf("fact %+v", f)
			}
		}
		faults := all["repository:github:acme/ledger"].Error
		for _, part := range []string{`kind "Componet" is not known (did you mean Component?)`, "Group money is not taken in", "document 2 (line 7)"} {
			if !strings.Contains(faults, part) {
				t.Errorf("the repository's error has no %s: %s", part, faults)
			}
		}
		if got := all["resource:github:acme/ledger-db"].Owner; got != "user:ann" {
			t.Errorf("owner %s", got)
		}
		not := factOf(all["location:github:acme/all"], "not-followed")
		if strings.Count(not, ": no ") != 4 || !strings.Contains(factOf(all["location:github:acme/deep"], "not-followed"), "a Location named this file itself") {
			t.Errorf("not followed: %s; %s", not, factOf(all["location:github:acme/deep"], "not-followed"))
		}

		// A name is taken by who told of it first, and free once that one tells no more.
		o.files["shop:catalog-info.yaml"] += document("System", "checkout", "owner: other")
		if all = o.look(); all["system:github:acme/checkout"].Owner != "web" || !strings.Contains(all["repository:github:acme/shop"].Error, "System checkout is described by docs/more.yaml of acme/catalog") {
			t.Errorf("twice told: %+v; %s", all["system:github:acme/checkout"], all["repository:github:acme/shop"].Error)
		}
		o.files["catalog:catalog-info.yaml"] = document("Location", "all", "targets: [https://github.com/acme/ledger/-/blob/main/deploy/catalog-info.yaml]")
		all = o.look()
		want = "api:github:acme/shop-api component:github:acme/ledger location:github:acme/all resource:github:acme/ledger-db system:github:acme/checkout"
		if got := refsOf(all); got != want || all["system:github:acme/checkout"].Owner != "other" || all["repository:github:acme/shop"].Error != "" {
			t.Errorf("known are\n%s, want\n%s: %s", got, want, all["repository:github:acme/shop"].Error)
		}

		// What lies in a repository that is gone is gone; what cannot be read stays.
		o.files["catalog:"] = "gone"
		o.files["ledger:catalog-info.yaml"] = "{"
		if got := refsOf(o.look()); got != "api:github:acme/shop-api component:github:acme/ledger system:github:acme/checkout" {
			t.Errorf("known are %s", got)
		}
		o.files["ledger:catalog-info.yaml"] = document("Location", `"all", labels: {"a\0b": [1], "c\0d": "e\0f"}, annotations: {"g\0h": "i\0j"}, title: "k\0l", tags: ["m\0n"]`,
			`targets: ["https://github.com/acme/shop/\0", "./\0"]`)
		if all = o.look(); factOf(all["location:github:acme/all"], "label.cd") != "ef" || !strings.Contains(all["repository:github:acme/ledger"].Error, "metadata.labels.ab") {
			t.Errorf("what no store keeps: %+v; %s", all["location:github:acme/all"], all["repository:github:acme/ledger"].Error)
		}
		o.wants.EntityFile = noFile
		if all = o.look(); refsOf(all) != "" || all["repository:github:acme/ledger"].Error != "" || len(all) != 2 {
			t.Errorf("with no file read, known are %v", all)
		}
	})
}

// What a service is, only its own repository tells; those of others speak of a thing of
// their own that has the name.
func TestIntakeOfForeign(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		db := open()
		p := &Platform{Deps: Deps{DB: db, Catalog: catalog.New(db), Resources: &resource.Controller{}}}
		o := &organisation{t: t, p: p, kept: map[string]pave.Name{"https://github.com/acme/shop": "shop"}, files: map[string]string{
			"ledger:catalog-info.yaml": document("Component", "shop", "type: service, lifecycle: production, owner: thieves, dependsOn: [component:shop]"),
		}}
		if err := filesWanted(&o.wants); err != nil {
			t.Fatal(err)
		}
		o.wants.Provider, o.wants.Org = "github", "acme"
		service := catalog.Observation{Kind: "component", Name: "shop", Service: "svc_1", Owner: "web", Source: "run", Facts: []catalog.Fact{{Key: "head", Value: "1"}}}
		if err := p.Catalog.Observe(t.Context(), service); err != nil {
			t.Fatal(err)
		}
		all := o.look()
		shop, theirs := all["component:shop"], all["component:github:acme/shop"]
		if shop.Service != "svc_1" || shop.Owner != "web" || len(shop.Facts) != 1 || len(shop.Links) != 0 || shop.Error != "" {
			t.Errorf("the service: %+v", shop)
		}
		if theirs.Service != "" || theirs.Owner != "thieves" || !slices.Contains(theirs.Links, pave.Link{Kind: "depends-on", To: "component:shop"}) {
			t.Errorf("what the other repository has: %+v", theirs)
		}
		o.files["ledger:catalog-info.yaml"] = document("System", "other", "owner: web")
		if all = o.look(); refsOf(all) != "component:shop system:github:acme/other" || all["component:shop"].Service != "svc_1" {
			t.Errorf("known are %s", refsOf(all))
		}
	})
}

// A slip of the pen gives nothing away to who waits for it.
func TestIntakeOfTypo(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		db := open()
		p := &Platform{Deps: Deps{DB: db, Catalog: catalog.New(db), Resources: &resource.Controller{}}}
		good := document("System", "checkout", "owner: web") + document("Location", "more", "target: ./more.yaml")
		o := &organisation{t: t, p: p, files: map[string]string{"catalog:catalog-info.yaml": good, "catalog:more.yaml": document("Domain", "trade", "owner: web")}}
		if err := filesWanted(&o.wants); err != nil {
			t.Fatal(err)
		}
		o.wants.Provider, o.wants.Org, o.wants.Allow = "github", "acme", entityfile.Kinds
		if got, want := refsOf(o.look()), "domain:github:acme/trade location:github:acme/more system:github:acme/checkout"; got != want {
			t.Fatalf("known are %s, want %s", got, want)
		}
		o.files["shop:catalog-info.yaml"] = document("System", "checkout", "owner: other") + document("Domain", "trade", "owner: other")
		for _, c := range []struct{ text, system, domain string }{
			{good, "web", "web"},
			{"{", "web", "web"},
			{strings.Replace(good, "kind: System", "kind: Sytem", 1), "web", "web"},
			{strings.Replace(good, "kind: Location", "kind: Loction", 1), "web", "web"},
			{strings.Repeat("#", entityfile.MaxBytes+1), "web", "web"},
			{good, "web", "web"},
			{document("System", "checkout", "owner: web"), "web", "other"},
			{"", "other", "other"},
		} {
			o.files["catalog:catalog-info.yaml"] = c.text
			all := o.look()
			if system, domain := all["system:github:acme/checkout"].Owner, all["domain:github:acme/trade"].Owner; system != c.system || domain != c.domain {
				t.Errorf("with %.60q they are of %s and %s, want %s and %s", c.text, system, domain, c.system, c.domain)
			}
		}
	})
}

// Of one file, so much is taken in, and of what is more is told; what was known stays.
func TestIntakeOfMuch(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, "sqlite:"+t.TempDir()+"/pave.db")
	p := &Platform{Deps: Deps{DB: db, Catalog: catalog.New(db), Resources: &resource.Controller{}}}
	last := document("System", "last", "owner: web")
	o := &organisation{t: t, p: p, files: map[string]string{"shop:catalog-info.yaml": last}}
	if err := filesWanted(&o.wants); err != nil {
		t.Fatal(err)
	}
	o.wants.Provider, o.wants.Org = "github", "acme"
	o.look()
	repeat := func(n int, format string) string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf(format, i))
		}
		return strings.Join(out, ", ")
	}
	entities := func(n int, metadata, spec string) (text string) {
		for i := range n {
			text += document("Component", fmt.Sprintf("c%d, %s", i, metadata), "type: service, lifecycle: production, owner: web"+spec)
		}
		return text
	}
	for name, c := range map[string]struct {
		text string
		told int
	}{
		"facts":     {entities(30, "labels: {"+repeat(97, "l%d: x")+"}", ""), 20},
		"relations": {entities(30, "title: x", ", dependsOn: ["+repeat(199, "component:d%d")+"]"), 10},
		"bytes":     {entities(30, "labels: {x: &a "+strings.Repeat("x", 990)+"}, annotations: {"+repeat(90, strings.Repeat("k", 300)+"%d: *a")+"}", ""), 16},
	} {
		o.files["shop:catalog-info.yaml"] = c.text + last
		all := o.look()
		told := 0
		for ref := range all {
			if strings.HasPrefix(ref, "component:") {
				told++
			}
		}
		want := fmt.Sprintf("document %d (line %d) and what follows is not taken in: the file says more than 2000 facts or relations, or 2 MiB", c.told+1, 5*c.told+2)
		if fault := all["repository:github:acme/shop"].Error; told != c.told || !strings.Contains(fault, want) || all["system:github:acme/last"].Owner != "web" {
			t.Errorf("%s: %d told, want %d: %s", name, told, c.told, fault)
		}
		o.files["shop:catalog-info.yaml"] = last
		o.look()
	}

	text := ""
	for i := range 3 {
		text += document("Location", fmt.Sprintf("l%d", i), fmt.Sprintf("targets: [%s]", repeat(30, fmt.Sprintf("https://github.com/Acme/shop/blob/main/%d/%%d.yaml", i))))
	}
	o.files["shop:catalog-info.yaml"] = text
	all := o.look()
	rows, err := db.Query(t.Context(), `SELECT path FROM entity_files WHERE via <> '' ORDER BY path`)
	if files, err := store.Collect(rows, err, func(row store.Scanner) (s string, err error) { return s, row.Scan(&s) }); len(files) != maxTargets || err != nil {
		t.Errorf("%d files are followed, %v", len(files), err)
	}
	for ref, want := range map[string]string{"l0": "", "l1": "10 more: the file names more than 50", "l2": "30 more: the file names more than 50"} {
		if got := factOf(all["location:github:acme/"+ref], "not-followed"); got != want {
			t.Errorf("%s: not followed are %s", ref, got)
		}
	}
}

// What two Locations name stays while one of them does.
func TestIntakeOfTwoLocations(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		db := open()
		p := &Platform{Deps: Deps{DB: db, Catalog: catalog.New(db), Resources: &resource.Controller{}}}
		names := func(location string) string {
			return document("Location", location, "target: https://github.com/acme/shop/blob/main/more.yaml")
		}
		o := &organisation{t: t, p: p, files: map[string]string{"shop:more.yaml": document("System", "checkout", "owner: web"),
			"catalog:catalog-info.yaml": names("one"), "ledger:catalog-info.yaml": names("two")}}
		if err := filesWanted(&o.wants); err != nil {
			t.Fatal(err)
		}
		o.wants.Provider, o.wants.Org = "github", "acme"
		for i, files := range []map[string]string{
			{},
			{"catalog:catalog-info.yaml": document("Location", "one", "")},
			{"catalog:catalog-info.yaml": names("one"), "ledger:catalog-info.yaml": ""},
			{"ledger:catalog-info.yaml": names("two")},
			{"catalog:": "gone"},
		} {
			maps.Copy(o.files, files)
			if o.quiet, o.last = "", o.round; i == 1 || i == 4 {
				o.quiet = "ledger"
			}
			if all := o.look(); all["system:github:acme/checkout"].Owner != "web" {
				t.Errorf("%d: known are %s", i, refsOf(all))
			}
		}
		o.quiet, o.files["ledger:catalog-info.yaml"] = "", ""
		if got := refsOf(o.look()); got != "" {
			t.Errorf("named by none, known are %s", got)
		}
	})
}

func factOf(e pave.Entity, key string) string {
	for _, f := range e.Facts {
		if f.Key == key {
			return f.Value
		}
	}
	return ""
}

// A file that a host does not give out says nothing new, and is asked for again last.
func TestIntakeOfNothing(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, "sqlite:"+t.TempDir()+"/pave.db")
	p := &Platform{Deps: Deps{DB: db, Catalog: catalog.New(db), Resources: &resource.Controller{}}}
	found := pave.Imported{Provider: "github", Org: "acme"}
	for _, name := range []string{"a", "b"} {
		found.Repositories = append(found.Repositories, pave.HostRepository{Name: name, Branch: "main", Page: "https://github.com/acme/" + name})
	}
	r := pave.ImportRequest{Provider: "github", Org: "acme", EntityFile: entityfile.Name}
	if err := p.observeOrganisation(t.Context(), r, &found); err != nil {
		t.Fatal(err)
	}
	in := intake{Platform: p, allow: entityfile.Allowed}
	for i, c := range []struct {
		failed error
		next   string // what is due then, in turn
		error  string // of repository a
	}{
		{pave.Errorf(pave.Unavailable, "limit"), "b a", ""},
		{pave.Errorf(pave.Denied, "no contents"), "b a", "catalog-info.yaml: no contents"},
		{pave.Errorf(pave.Invalid, "larger"), "b", "catalog-info.yaml: larger"},
		{pave.Errorf(pave.NotFound, "none"), "b", ""},
		{nil, "b", ""},
	} {
		f := entityFile{provider: "github", org: "acme", repository: "a", path: entityfile.Name, page: "https://github.com/acme/a", branch: "main"}
		if err := in.take(t.Context(), f, []byte("# nothing\n"), c.failed); err != nil {
			t.Fatal(err)
		}
		due, err := p.dueFiles(t.Context(), "github", "acme", 10)
		var next []string
		for _, f := range due {
			next = append(next, f.repository)
		}
		if strings.Join(next, " ") != c.next || err != nil {
			t.Errorf("%d: due are %v, want %s: %v", i, next, c.next, err)
		}
		list, err := p.Catalog.List(t.Context(), "")
		if err != nil || len(list) != 2 || list[0].Error != c.error {
			t.Errorf("%d: %+v, %v, want %s", i, list, err, c.error)
		}
	}
}

func TestFilesWanted(t *testing.T) {
	t.Parallel()
	for file, good := range map[string]bool{"": true, "none": true, "docs/catalog-info.yaml": true, "../x": false, "/etc/passwd": false, "a/*.yaml": false, ".": false} {
		r := pave.ImportRequest{EntityFile: file}
		if err := filesWanted(&r); (err == nil) != good || good && (r.EntityFile == "" || len(r.Allow) != 6) {
			t.Errorf("%q: %+v, %v", file, r, err)
		}
	}
	for allow, good := range map[string]bool{"component": true, "Group": true, "Service": false} {
		r := pave.ImportRequest{Allow: []string{allow}}
		if err := filesWanted(&r); (err == nil) != good || good && !strings.EqualFold(r.Allow[0], allow) {
			t.Errorf("%q: %+v, %v", allow, r, err)
		}
	}
}
