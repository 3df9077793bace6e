package cookiecutter

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pave-platform/pave/internal/template/cookiecutter"
)

// A tree is the files and folders that a template makes, by path. Folders end in a
// slash and have no contents.
type tree map[string]entry

type entry struct {
	exec bool
	data string
}

// treeOf is the tree of a rendering, in the folder it would make.
func treeOf(res *cookiecutter.Result) tree {
	t := tree{}
	for _, f := range res.Files {
		t[path.Join(res.Root, f.Path)] = entry{f.Mode&0o100 != 0, string(f.Data)}
	}
	for _, d := range res.Empty {
		t[path.Join(res.Root, d)+"/"] = entry{}
	}
	if len(t) == 0 {
		t[res.Root+"/"] = entry{}
	}
	return t.withoutFull()
}

// readTree is the tree in a folder on disk.
func readTree(tb testing.TB, dir string) tree {
	tb.Helper()
	t := tree{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		name, err := filepath.Rel(dir, p)
		if err != nil || d.IsDir() {
			t[name+"/"] = entry{}
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(p)
		t[name] = entry{info.Mode()&0o100 != 0, string(data)}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return t.withoutFull()
}

// withoutFull leaves out folders that have something in them.
func (t tree) withoutFull() tree {
	for p := range maps.Clone(t) {
		for d := path.Dir(strings.TrimSuffix(p, "/")); d != "."; d = path.Dir(d) {
			delete(t, d+"/")
		}
	}
	return t
}

// diff lists how two trees differ, the first few lines of each file.
func diff(got, want tree) []string {
	all := maps.Clone(want)
	maps.Copy(all, got)
	var out []string
	for _, p := range slices.Sorted(maps.Keys(all)) {
		g, inGot := got[p]
		w, inWant := want[p]
		switch {
		case !inGot:
			out = append(out, "missing "+p)
		case !inWant:
			out = append(out, "too much "+p)
		case g.exec != w.exec:
			out = append(out, fmt.Sprintf("%s executable: %v, want %v", p, g.exec, w.exec))
		case g.data != w.data:
			out = append(out, p+" "+firstDifference(g.data, w.data))
		}
	}
	return out
}

func firstDifference(got, want string) string {
	g, w := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d\n\tgot  %q\n\twant %q", i+1, clip(g[i]), clip(w[i]))
		}
	}
	return fmt.Sprintf("has %d lines, want %d", len(g), len(w))
}

func clip(s string) string {
	if !utf8.ValidString(s) || len(s) < 200 {
		return s[:min(len(s), 200)]
	}
	return string([]rune(s)[:min(len([]rune(s)), 200)])
}
