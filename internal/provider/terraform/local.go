package terraform

import (
	"io/fs"
	"path"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/pave-platform/pave"
)

// calls is the part of a module's files that names other modules.
var calls = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "module", LabelNames: []string{"name"}}}}

// maxCalled bounds how many folders of a module are read.
const maxCalled = 200

// within is an error where a module calls one by a path that leads out of its folder: the
// folder alone is kept, and terraform would find nothing there.
func within(files fs.FS) error {
	todo, seen := []string{"."}, map[string]bool{".": true}
	for len(todo) > 0 && len(seen) <= maxCalled {
		dir := todo[0]
		todo = todo[1:]
		entries, err := fs.ReadDir(files, dir)
		if err != nil {
			return diskError(err)
		}
		for _, e := range entries {
			called, err := calledBy(files, path.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			for _, to := range called {
				if !seen[to] {
					seen[to], todo = true, append(todo, to)
				}
			}
		}
	}
	return nil
}

// calledBy are the folders of the modules that a file calls by a path.
func calledBy(files fs.FS, name string) (out []string, err error) {
	parse := hclparse.NewParser().ParseHCL
	switch {
	case strings.HasSuffix(name, ".tf.json"):
		parse = hclparse.NewParser().ParseJSON
	case !strings.HasSuffix(name, ".tf"):
		return nil, nil
	}
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, diskError(err)
	}
	file, diags := parse(data, name)
	if diags.HasErrors() {
		return nil, broken(diags)
	}
	content, _, _ := file.Body.PartialContent(calls) // what else is in it is terraform's to judge
	for _, b := range content.Blocks {
		body, _, _ := b.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "source"}}})
		source := textOf(exprOf(body.Attributes["source"]))
		if !strings.HasPrefix(source, "./") && !strings.HasPrefix(source, "../") {
			continue
		}
		to := path.Join(path.Dir(name), source)
		line := body.Attributes["source"].Range.Start.Line
		if to == ".." || strings.HasPrefix(to, "../") {
			return nil, pave.Errorf(pave.Invalid, "module: %s:%d: source %q leads out of the folder of the module, which alone is kept", name, line, source).
				WithHint("move what it calls into a folder below it (source = \"./%s\"), or name a git repository there: source = \"git::https://HOST/OWNER/REPOSITORY.git//%[1]s?ref=REVISION\"", path.Base(to))
		}
		if info, err := fs.Stat(files, to); err != nil || !info.IsDir() {
			return nil, pave.Errorf(pave.Invalid, "module: %s:%d: source %q is no folder of the module", name, line, source).
				WithHint("terraform validate in its folder says more")
		}
		out = append(out, to)
	}
	return out, nil
}
