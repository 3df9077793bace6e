package template

import (
	"io/fs"
	"path"
	"regexp"

	"github.com/pave-platform/pave"
)

// The formats of templates.
const (
	FormatPave         = "pave"
	FormatCookiecutter = "cookiecutter"
)

const cookiecutterName = "cookiecutter.json"

// Here reports whether a template lies in a folder.
func Here(fsys fs.FS, dir string) bool {
	for _, name := range []string{manifestName, cookiecutterName} {
		if info, err := fs.Stat(fsys, path.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// backstage matches the first lines of a template of Backstage's scaffolder, which
// has the same file name as ours.
var backstage = regexp.MustCompile(`(?m)^apiVersion:\s*["']?(scaffolder\.)?backstage\.io/`)

// refuseBackstage is Invalid for a template that is another system's.
func refuseBackstage(manifest []byte) error {
	if !backstage.Match(manifest) {
		return nil
	}
	return pave.Errorf(pave.Invalid, "%s is a template of Backstage's scaffolder, whose steps are not run here", manifestName).
		WithHint("move its skeleton to a template of pave's: pave template new NAME")
}
