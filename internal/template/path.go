package template

import (
	"io/fs"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pave-platform/pave"
)

// maxElement is how long an element of a path may be, in characters.
const maxElement = 200

// strictRune says which characters a path element may have. An allow-list leaves no
// room for the many ways to write ".git" outside ASCII, nor for Windows' streams and
// devices' separators.
func strictRune(r rune) bool {
	return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._@+=,()[]{}~$#! -", r))
}

// looseRune is for templates of other systems: any plain character but those that
// part paths, or mean something to Windows.
func looseRune(r rune) bool {
	return !unicode.Is(unicode.C, r) && !strings.ContainsRune(`\:*?"<>|`, r)
}

// gitName matches the short names Windows gives a folder called .git.
var gitName = regexp.MustCompile(`^(\.git|git~[0-9]+)$`)

// checkPath returns an Invalid error for a path that must not be in a tree.
func checkPath(template, path string, allowed func(rune) bool) error {
	bad := func(rule string) error {
		return pave.Errorf(pave.Invalid, "template %s makes a file %q: the path %s", template, path, rule)
	}
	if !fs.ValidPath(path) || path == "." {
		return bad("is empty, absolute, or has an element that is empty, \".\" or \"..\"")
	}
	if len(path) > 1000 {
		return bad("is longer than 1000 bytes")
	}
	for e := range strings.SplitSeq(path, "/") {
		if e == "" || utf8.RuneCountInString(e) > maxElement || strings.ContainsFunc(e, func(r rune) bool { return !allowed(r) }) {
			return bad("has an element longer than 200 characters or with characters that cannot be in a name everywhere")
		}
		if strings.HasSuffix(e, ".") || strings.HasSuffix(e, " ") || strings.HasPrefix(e, " ") {
			return bad("has an element that starts or ends in a space, or ends in a dot")
		}
		if gitName.MatchString(strings.ToLower(e)) {
			return bad("belongs to git")
		}
	}
	return nil
}

// checkPaths checks each path, and that no two are the same file on any system.
// The files are sorted.
func checkPaths(template string, files []File, allowed func(rune) bool) error {
	if len(files) > MaxFiles {
		return pave.Errorf(pave.Invalid, "template %s makes %d files, more than %d", template, len(files), MaxFiles)
	}
	taken := make(map[string]string, len(files)) // lower case: as it was first written
	for _, f := range files {
		if err := checkPath(template, f.Path, allowed); err != nil {
			return err
		}
		for end := range len(f.Path) + 1 {
			if end < len(f.Path) && f.Path[end] != '/' {
				continue
			}
			prefix, isFile := f.Path[:end], end == len(f.Path)
			key := strings.ToLower(prefix)
			first, seen := taken[key]
			written := prefix + "/"
			if isFile {
				written = prefix
			}
			if seen && (isFile || first != written) {
				return pave.Errorf(pave.Invalid, "template %s makes both %q and %q, which some systems take for the same", template, first, written)
			}
			taken[key] = written
		}
	}
	return nil
}
