package git

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pave-platform/pave"
)

const maxPath = 4096

// shortName matches the names that Windows gives a folder called .git.
var shortName = regexp.MustCompile(`^git~[0-9]+$`)

// CheckPath returns an Invalid error for a path that must not be in a tree: not
// relative, with "..", not plain text, or one that some file system takes for .git.
func CheckPath(p string) error {
	bad := func(rule string) error {
		return pave.Errorf(pave.Invalid, "path %.200q %s", p, rule)
	}
	switch {
	case len(p) > maxPath:
		return bad(fmt.Sprintf("is longer than %d bytes", maxPath))
	case p == "." || !fs.ValidPath(p):
		return bad("is empty, absolute, or has an element that is empty, \".\" or \"..\"")
	case strings.Contains(p, `\`) || strings.ContainsFunc(p, notPlain):
		return bad("has a backslash or a character that cannot be printed")
	}
	for element := range strings.SplitSeq(p, "/") {
		if isGitFolder(element) {
			return bad("belongs to git")
		}
	}
	return nil
}

// isGitFolder reports whether any file system of our time takes the name for .git:
// they ignore case, macOS also some characters, Windows what follows a colon and
// dots and spaces at the end.
func isGitFolder(name string) bool {
	name = strings.Map(func(r rune) rune {
		if ignoredByMac(r) {
			return -1
		}
		return r
	}, name)
	name, _, _ = strings.Cut(strings.ToLower(name), ":")
	name = strings.TrimRight(name, " .")
	return name == ".git" || shortName.MatchString(name)
}

func ignoredByMac(r rune) bool {
	return r >= 0x200c && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x206a && r <= 0x206f || r == 0xfeff
}

// notPlain reports whether r is no part of plain text; characters that macOS
// ignores are left to isGitFolder.
func notPlain(r rune) bool {
	return r == utf8.RuneError || unicode.IsControl(r)
}

// checkLink returns an Invalid error for a symbolic link at p whose target can lie
// outside of the tree. ".." may stand at the start of the target only, where the
// folders above are known to be folders; further on it could climb out of a folder
// that another link leads to.
func checkLink(p, target string) error {
	inside := target != "" && len(target) <= maxPath && !path.IsAbs(target) && !strings.ContainsFunc(target, notPlain) && !strings.Contains(target, `\`)
	rest := target
	for up := path.Dir(p); inside; {
		next, ok := strings.CutPrefix(rest+"/", "../")
		if !ok {
			break
		}
		inside = up != "."
		up, rest = path.Dir(up), strings.TrimSuffix(next, "/")
	}
	for element := range strings.SplitSeq(rest, "/") {
		inside = inside && element != ".." && !isGitFolder(element)
	}
	if !inside {
		return pave.Errorf(pave.Invalid, "symbolic link %.200q leads out of the tree: %.200q", p, target).
			WithHint("point it to a file of the repository, or remove it")
	}
	return nil
}
