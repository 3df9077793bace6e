package library

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/source"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/internal/template"
)

func manifest(name, version string) []byte {
	return []byte("name: " + name + "\nversion: \"" + version + "\"\ntitle: T\ndescription: D\nowner: o\n")
}

// folder is a template that says its version.
func folder(name, version string) fstest.MapFS {
	return fstest.MapFS{"template.yaml": {Data: manifest(name, version)},
		"skeleton/version.jinja": {Data: []byte("{{ name }} of {{ template.version }}")}}
}

// A host serves one repository whose content a test changes.
type host struct {
	url  string
	repo string // folder of the present repository
}

func serve(t *testing.T) *host {
	t.Helper()
	h := &host{}
	handler := git.NewHandler(slog.New(slog.DiscardHandler), git.Hooks{
		Authorize: func(*http.Request, string, bool) (string, error) { return "any", nil },
		Open: func(context.Context, string) (string, error) {
			if h.repo == "" {
				return "", pave.Errorf(pave.NotFound, "no repository")
			}
			return h.repo, nil
		},
		Env: func(*http.Request, string, string) []string { return nil },
	})
	s := httptest.NewServer(http.StripPrefix("/git", handler))
	t.Cleanup(s.Close)
	h.url = s.URL + "/git/paths.git"
	return h
}

// holds puts files, by path, into the repository in the place of what it had.
func (h *host) holds(t *testing.T, files map[string]string) {
	t.Helper()
	repo := git.Repository{Resource: "res_x", Commit: git.Commit{Name: "a", Email: "a@localhost", Message: "m", When: time.Unix(0, 0)}}
	for path, text := range files {
		repo.Files = append(repo.Files, git.File{Path: path, Mode: 0o644, Data: []byte(text)})
	}
	dir := filepath.Join(t.TempDir(), "paths.git")
	if _, err := git.Create(t.Context(), dir, repo); err != nil {
		t.Fatal(err)
	}
	h.repo = dir
}

func open(t *testing.T, db *store.DB, dir string, sources ...template.Source) (*Library, *template.Set) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	set := template.NewSet(log, sources...)
	l := New(db, dir, set, source.Fetcher{HTTP: http.DefaultClient, Temp: t.TempDir()}, log)
	if err := l.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l, set
}

func rendered(t *testing.T, tmpl *template.Template) string {
	t.Helper()
	tree, err := tmpl.Render(t.Context(), template.Vars{Name: "shop", Team: "web"})
	if err != nil {
		t.Fatal(err)
	}
	return string(tree.Files[0].Data)
}

// Both stores keep the same things.
func each(t *testing.T, f func(*testing.T, *store.DB)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) { f(t, open()) })
}

func TestMain(m *testing.M) { storetest.Main(m) }

func TestEveryVersionIsKept(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *store.DB) {
		disk, dir := t.TempDir(), t.TempDir()
		write := func(version string) {
			for path, f := range folder("web", version) {
				at := filepath.Join(disk, "web", path)
				if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(at, f.Data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		write("1.0")
		l, _ := open(t, db, dir, template.Source{Name: "disk", Dir: disk})
		first, err := l.Get(t.Context(), "web")
		if err != nil {
			t.Fatal(err)
		}
		write("2.0")
		second, err := l.Get(t.Context(), "web")
		if err != nil || second.Version != "2.0" || second.Source != "disk" {
			t.Fatalf("%+v, %v", second, err)
		}
		if err := os.RemoveAll(disk); err != nil {
			t.Fatal(err)
		}
		l, _ = open(t, db, dir) // the next start, and nothing has these any more
		for ref, want := range map[string]string{first.Digest(): "shop of 1.0", "web@1.0": "shop of 1.0", "web@2.0": "shop of 2.0"} {
			if f, err := l.Get(t.Context(), ref); err != nil || rendered(t, f.Template) != want {
				t.Errorf("%s: %v", ref, err)
			}
		}
		old, err := l.Version(t.Context(), "web", first.Digest())
		if err != nil || rendered(t, old) != "shop of 1.0" {
			t.Errorf("the first version: %v", err)
		}
		versions, err := l.Versions(t.Context(), "web")
		if err != nil || len(versions) != 2 || versions[0].Version != "2.0" {
			t.Errorf("versions: %+v, %v", versions, err)
		}
		if f, err := l.Kept(t.Context(), "web"); err != nil || f.Version != "2.0" {
			t.Errorf("kept: %v, %v", f.Template, err)
		}
		for _, ref := range []string{"web", "web@3.0", "sha256:00", "./web", "none"} {
			if _, err := l.Get(t.Context(), ref); pave.CodeOf(err) != pave.Invalid {
				t.Errorf("%s: %v", ref, err)
			}
		}
		if err := os.WriteFile(l.file(first.Digest()), second.Archive(), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Version(t.Context(), "web", first.Digest()); pave.CodeOf(err) != pave.Internal {
			t.Errorf("a changed archive: %v", err)
		}
	})
}

func TestImport(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *store.DB) {
		h, dir := serve(t), t.TempDir()
		file := func(name, version string) string { return string(manifest(name, version)) }
		h.holds(t, map[string]string{
			"go/template.yaml": file("web", "1.0"), "go/skeleton/x.jinja": "{{ name }} of {{ template.version }}",
			"py/template.yaml": "name: web2\nverison: 1", "py/skeleton/x": "",
			"bs/template.yaml": "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\n",
			"README.md":        "",
		})
		l, set := open(t, db, dir)
		report, err := l.Import(t.Context(), h.url, "usr_1")
		if err != nil || len(report.Templates) != 3 {
			t.Fatalf("%+v, %v", report, err)
		}
		for i, want := range []string{pave.ImportCannot, pave.ImportWorks, pave.ImportCannot} {
			if report.Templates[i].Result != want {
				t.Errorf("%+v, want %s", report.Templates[i], want)
			}
		}
		if bs := report.Templates[0]; !strings.Contains(bs.Error, "Backstage") || bs.Hint == "" {
			t.Errorf("Backstage's: %+v", bs)
		}
		if py := report.Templates[2]; !strings.Contains(py.Hint, `did you mean "version"`) {
			t.Errorf("a typo: %+v", py)
		}

		// A version that is broken leaves the last good one, also after a restart.
		h.holds(t, map[string]string{"go/template.yaml": file("web", "1.1"), "go/skeleton/x.jinja": "{{ nam }}"})
		if report, err = l.Import(t.Context(), h.url, "usr_1"); err != nil || report.Templates[0].Serving != "1.0" {
			t.Fatalf("%+v, %v", report, err)
		}
		for range 2 {
			if got, err := set.Get("web"); err != nil || rendered(t, got) != "shop of 1.0" {
				t.Errorf("%v, %v", got, err)
			}
			if broken := set.Errors(); len(broken) != 1 || !strings.Contains(broken[0].Err.Error(), "nam") {
				t.Errorf("%+v", broken)
			}
			l, set = open(t, db, dir)
		}

		// So does a host that is gone; when it is mended, the next look finds it.
		h.repo = ""
		if _, err := l.Import(t.Context(), h.url, "usr_1"); pave.CodeOf(err) != pave.NotFound {
			t.Errorf("%v", err)
		}
		if all, err := l.Sources(t.Context()); err != nil || len(all) != 1 || all[0].Error == "" {
			t.Errorf("%+v, %v", all, err)
		}
		h.holds(t, map[string]string{"go/template.yaml": file("web", "1.2"), "go/skeleton/x.jinja": "{{ name }} of {{ template.version }}"})
		if err := l.Refresh(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if got, err := set.Get("web"); err != nil || got.Version != "1.2" || len(set.Errors()) > 0 {
			t.Errorf("%v, %v, %v", got, err, set.Errors())
		}
		if err := l.Forget(t.Context(), h.url); err != nil {
			t.Fatal(err)
		}
		if _, err := set.Get("web"); err == nil {
			t.Error("a forgotten source serves")
		}
		if err := l.Forget(t.Context(), h.url); pave.CodeOf(err) != pave.NotFound {
			t.Errorf("%v", err)
		}
	})
}

func TestGetFromAnAddress(t *testing.T) {
	t.Parallel()
	h := serve(t)
	h.holds(t, map[string]string{"deep/in/template.yaml": string(manifest("web", "1.0")), "deep/in/skeleton/x.jinja": "{{ name }}"})
	l, set := open(t, storetest.Open(t, "sqlite:"+filepath.Join(t.TempDir(), "pave.db")), t.TempDir())
	f, err := l.Get(t.Context(), h.url+"//deep/in@main")
	if err != nil || f.Name != "web" || f.Commit == "" || rendered(t, f.Template) != "shop" {
		t.Fatalf("%+v, %v", f, err)
	}
	if _, err := set.Get("web"); err == nil {
		t.Error("what was only used serves by its name")
	}
	if _, err := l.Get(t.Context(), h.url); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("an address without a template: %v", err)
	}
	if _, err := l.Import(t.Context(), h.url+"//deep@none", "usr_1"); pave.CodeOf(err) != pave.NotFound {
		t.Errorf("no such branch: %v", err)
	}
}

func TestNamesOf(t *testing.T) {
	t.Parallel()
	got := namesOf([]string{"go/hello", "rust/hello", "go/web", "Deep/er/hello"})
	want := map[string]string{"go/hello": "go-hello", "rust/hello": "rust-hello", "go/web": "web", "Deep/er/hello": "deep-er-hello"}
	for folder, name := range want {
		if got[folder] != name {
			t.Errorf("%s is called %q, want %q", folder, got[folder], name)
		}
	}
}

// Somebody who brings a template along decides its name and version: that takes
// nobody's place, neither before nor after the right one serves.
func TestBroughtAlongTakesNoName(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *store.DB) {
		l, set := open(t, db, t.TempDir(), template.Source{Name: "disk", FS: fstest.MapFS{
			"web/template.yaml": {Data: manifest("web", "1.0")}, "web/skeleton/version.jinja": {Data: []byte("{{ name }} of {{ template.version }}")}}})
		send := func(version string) Found {
			fsys := folder("web", version)
			fsys["skeleton/version.jinja"] = &fstest.MapFile{Data: []byte("another's")}
			archive, err := template.Pack(fsys)
			if err != nil {
				t.Fatal(err)
			}
			f, err := l.Upload(t.Context(), archive, "", "mallory")
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		fake := send("1.0")
		send("2.0")
		if f, err := l.Get(t.Context(), "web@1.0"); err != nil || rendered(t, f.Template) != "shop of 1.0" {
			t.Errorf("the one that serves: %v", err)
		}
		if _, err := l.Get(t.Context(), "web@2.0"); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("one that never served: %v", err)
		}
		if f, err := l.Get(t.Context(), fake.Digest()); err != nil || rendered(t, f.Template) != "another's" {
			t.Errorf("by its digest it is there: %v", err)
		}
		archive, err := template.Pack(folder("web", "2.0"))
		if err != nil {
			t.Fatal(err)
		}
		next, err := l.Upload(t.Context(), archive, "", "ada") // tried out first, then it serves
		if err != nil {
			t.Fatal(err)
		}
		set.Serve("later", map[string]*template.Template{"web": next.Template}, nil)
		if _, err := l.Get(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		if f, err := l.Get(t.Context(), "web@2.0"); err != nil || rendered(t, f.Template) != "shop of 2.0" || f.Source != "later" {
			t.Errorf("one that came to serve: %+v, %v", f, err)
		}
		send("3.0")
		set.Serve("later", nil, nil)
		set.Serve("disk", nil, nil)
		if f, err := l.Kept(t.Context(), "web"); err != nil || rendered(t, f.Template) == "another's" {
			t.Errorf("a name that serves no longer: %v", err)
		}
	})
}
