package template

import (
	"io/fs"
	"path"
	"regexp"
	"strings"

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

// isCookiecutter reports whether a folder holds a template of cookiecutter's and none
// of ours.
func isCookiecutter(fsys fs.FS) bool {
	_, ours := fs.Stat(fsys, manifestName)
	_, theirs := fs.Stat(fsys, cookiecutterName)
	return theirs == nil && ours != nil
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

// NameOf makes a name of ours out of a folder's.
func NameOf(s string) string {
	s = strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, s), "-0123456789")
	for strings.Contains(s, "--") {
		s = strings.ReplaceAll(s, "--", "-")
	}
	if s = strings.TrimRight(s[:min(40, len(s))], "-"); s == "" {
		return "template"
	}
	return s
}
