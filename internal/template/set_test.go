package template

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pave-platform/pave"
)

// embedded is a file system with one template in each folder.
func embedded(manifests map[string]string) fstest.MapFS {
	m := fstest.MapFS{"README.md": {}}
	for folder, text := range manifests {
		for path, f := range folderOf("template.yaml", text) {
			m[folder+"/"+path] = f
		}
	}
	return m
}

func named(name, version string, aliases string) string {
	return strings.NewReplacer("name: web", "name: "+name, `"1.0"`, `"`+version+`"`, "[web-service]", "["+aliases+"]").Replace(manifestText)
}

// write puts a template into a folder on disk.
func write(t *testing.T, dir, manifest string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "skeleton", "db"), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		"template.yaml": manifest, "skeleton/db/x": "", "skeleton/{{ name }}.probe.jinja": "{{ name }}",
	} {
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSetGet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "ours"), named("web", "9.0", "site"))
	set := NewSet(slog.New(slog.DiscardHandler),
		Source{Name: "built in", FS: embedded(map[string]string{
			"web": named("web", "1.0", "web-service"), "worker": named("worker", "1.0", "job, site"), "twin": named("worker", "2.0", ""),
		})},
		Source{Name: "platform team", Dir: dir})
	for name, want := range map[string]string{
		"web": "web 9.0", "worker": "worker 2.0", "job": "", "site": "web 9.0", "web-service": "",
	} {
		got := ""
		if tmpl, err := set.Get(name); err == nil {
			got = tmpl.Name + " " + tmpl.Version
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if len(set.List()) != 2 {
		t.Errorf("got %d templates, want 2: the last source wins", len(set.List()))
	}
	broken := set.Errors()
	if len(broken) != 1 || broken[0].Folder != "worker" || pave.CodeOf(broken[0].Err) != pave.Conflict {
		t.Errorf("got %v, want one conflict over the name worker", broken)
	}
	_, err := set.Get("wrker")
	if pave.CodeOf(err) != pave.Invalid || !strings.Contains(pave.HintOf(err), `did you mean "worker"?`) {
		t.Errorf("got %v (hint %q), want invalid with a near name", err, pave.HintOf(err))
	}
}

func TestSetKeepsLastGood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	web := filepath.Join(dir, "web")
	write(t, web, named("web", "1.0", ""))
	set := NewSet(slog.New(slog.DiscardHandler), Source{Name: "disk", Dir: dir})
	state := func() string {
		out := ""
		if tmpl, err := set.Get("web"); err == nil {
			out = tmpl.Version
		}
		for _, b := range set.Errors() {
			out += " broken(" + b.Folder + " serving " + b.Serving + ")"
		}
		return out
	}
	rename := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		reason string
		do     func()
		want   string
	}{
		{"nothing changed", func() {}, "1.0"},
		{"a broken edit is not served", func() { write(t, web, "name: web\nbroken") }, "1.0 broken(web serving 1.0)"},
		{"nor later", func() {}, "1.0 broken(web serving 1.0)"},
		{"a new version serves", func() { write(t, web, named("web", "2.0", "")) }, "2.0"},
		{"a link out of the folder is refused", func() { os.Symlink("/etc/hostname", filepath.Join(web, "skeleton", "link")) }, "2.0 broken(web serving 2.0)"},
		{"without it all is well", func() { os.Remove(filepath.Join(web, "skeleton", "link")) }, "2.0"},
		{"a source that went away serves on", func() { rename(dir, dir+"-away") }, "2.0 broken( serving )"},
		{"and comes back", func() { rename(dir+"-away", dir) }, "2.0"},
		{"a folder that is gone is gone", func() { os.RemoveAll(web) }, ""},
	} {
		step.do()
		set.Reload()
		if got := state(); got != step.want {
			t.Errorf("%s: got %q, want %q", step.reason, got, step.want)
		}
	}
}

// A source that is served from elsewhere takes part like any other: it wins over
// earlier ones, and what breaks in it goes on serving.
func TestServe(t *testing.T) {
	t.Parallel()
	set := NewSet(slog.New(slog.DiscardHandler), Source{Name: "first", FS: embedded(map[string]string{"shop": named("shop", "1.0", "")})})
	two, err := Load(folderOf("template.yaml", named("shop", "2.0", "")))
	if err != nil {
		t.Fatal(err)
	}
	serves := func(version string) {
		t.Helper()
		if got, err := set.Get("shop"); err != nil || got.Version != version {
			t.Errorf("serves %v, %v, want %s", got, err, version)
		}
	}
	serves("1.0")
	set.Serve("elsewhere", map[string]*Template{"a": two}, nil)
	serves("2.0")
	set.Serve("elsewhere", nil, map[string]error{"a": pave.Errorf(pave.Invalid, "broken")})
	serves("2.0")
	if broken := set.Errors(); len(broken) != 1 || broken[0].Serving != "2.0" || broken[0].Source != "elsewhere" {
		t.Errorf("errors are %+v", broken)
	}
	set.Reload()
	serves("2.0")
	set.Serve("elsewhere", nil, nil)
	serves("1.0")
}
