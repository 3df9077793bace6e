package pipeline

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// What is looked at of a repository. A larger one is read as far as this goes:
// files near the top come first.
const (
	maxFiles   = 4000
	maxFolders = 2000
	maxDepth   = 12
	maxRead    = 512 << 10 // of one file; a larger one is not read
	maxTotal   = 24 << 20  // of all
	maxLine    = 1000      // of a line; longer ones were not written by people
	maxText    = 160       // of a line that is shown
)

// skipped are folders that hold other people's code, or what was built.
var skipped = []string{".git", ".hg", ".svn", "node_modules", "bower_components", "vendor", "third_party", "testdata",
	"__pycache__", ".venv", "venv", "env", "site-packages", ".tox", ".idea", ".vscode", ".next", ".nuxt", "coverage"}

// repo is a folder of a repository, read within bounds.
type repo struct {
	fs    fs.FS
	files []string // by depth, then by name
	left  int      // bytes that may still be read
	text  map[string]string
}

// openRepo lists the files of a tree.
func openRepo(tree fs.FS) (*repo, error) {
	r := &repo{fs: tree, left: maxTotal, text: map[string]string{}}
	level := []string{"."}
	folders := 0
	for depth := 0; depth < maxDepth && len(level) > 0; depth++ {
		var next []string
		for _, dir := range level {
			if folders++; folders > maxFolders || len(r.files) >= maxFiles {
				return r, nil
			}
			entries, err := fs.ReadDir(tree, dir)
			if err != nil {
				if depth == 0 {
					return r, err
				}
				continue // it cannot be listed, so nothing in it counts
			}
			next = append(next, r.list(dir, entries)...)
		}
		level = next
	}
	return r, nil
}

// list adds the files of a folder and returns the folders in it.
func (r *repo) list(dir string, entries []fs.DirEntry) (folders []string) {
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case e.IsDir() && !slices.Contains(skipped, e.Name()):
			folders = append(folders, name)
		case e.Type().IsRegular() && len(r.files) < maxFiles:
			r.files = append(r.files, name)
		}
	}
	return folders
}

// sub is the repo of a folder.
func (r *repo) sub(folder string) (*repo, error) {
	tree, err := fs.Sub(r.fs, folder)
	if err != nil {
		return nil, err
	}
	return openRepo(tree)
}

// has reports whether a file is there.
func (r *repo) has(name string) bool {
	if !fs.ValidPath(name) {
		return false
	}
	return slices.Contains(r.files, name)
}

// first is the first of some files that is there, or "".
func (r *repo) first(names ...string) string {
	for _, n := range names {
		if r.has(n) {
			return n
		}
	}
	return ""
}

// ending lists the files of an ending.
func (r *repo) ending(ext string) (out []string) {
	for _, f := range r.files {
		if path.Ext(f) == ext {
			out = append(out, f)
		}
	}
	return out
}

// read is the text of a file; "" where it is not there, too large or not text.
func (r *repo) read(name string) string {
	if text, ok := r.text[name]; ok {
		return text
	}
	text := ""
	if r.has(name) {
		if data, err := readBounded(r.fs, name, min(maxRead, r.left)); err == nil && !bytes.ContainsRune(data, 0) && utf8.Valid(data) {
			text = strings.TrimPrefix(string(data), "\ufeff")
			r.left -= len(text)
		}
	}
	r.text[name] = text
	return text
}

var errTooLarge = errors.New("the file is too large")

// readBounded reads a file of at most limit bytes.
func readBounded(tree fs.FS, name string, limit int) ([]byte, error) {
	f, err := tree.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > int64(limit) {
		return nil, errTooLarge
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(data) > limit {
		err = errTooLarge
	}
	return data, err
}

// each visits the lines of files, numbered from 1, until visit says that it has
// seen enough. Lines that are comments as a whole are left out.
func (r *repo) each(files []string, visit func(file string, n int, line string) (enough bool)) {
	for _, f := range files {
		n := 0
		for line := range strings.Lines(r.read(f)) {
			n++
			line = strings.TrimRight(line, "\r\n")
			if len(line) > maxLine || comment(line) {
				continue
			}
			if visit(f, n, line) {
				return
			}
		}
	}
}

func comment(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || strings.HasPrefix(line, "//") || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "* ") || strings.HasPrefix(line, "/*")
}

// find is the first line of files that contains text.
func (r *repo) find(what, text string, files ...string) (Fact, bool) {
	var out Fact
	r.each(files, func(file string, n int, line string) bool {
		if strings.Contains(line, text) {
			out = factAt(what, file, n, line)
		}
		return out.File != ""
	})
	return out, out.File != ""
}

// factAt is a fact with the line it was read from.
func factAt(what, file string, n int, line string) Fact {
	return Fact{What: what, File: file, Line: n, Text: shown(line)}
}

// shown is a line fit for people: short, without control characters.
func shown(line string) string {
	line = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 {
			return ' '
		}
		return c
	}, line)
	line = strings.Join(strings.Fields(line), " ")
	if runes := []rune(line); len(runes) > maxText {
		line = string(runes[:maxText-3]) + "..."
	}
	return line
}

// lineOf is the number of the first line that contains text, or 1.
func lineOf(data, text string) int {
	i := strings.Index(data, text)
	if i < 0 {
		return 1
	}
	return 1 + strings.Count(data[:i], "\n")
}

// sources are the files of some endings that are neither tests nor examples.
func (r *repo) sources(endings ...string) (out []string) {
	inner := r.innerPrograms()
	for _, f := range r.files {
		if slices.Contains(endings, path.Ext(f)) && !aside(f) && !slices.ContainsFunc(inner, func(dir string) bool { return strings.HasPrefix(f, dir+"/") }) {
			out = append(out, f)
		}
	}
	return out
}

// innerPrograms are folders that are programs of their own.
func (r *repo) innerPrograms() (out []string) {
	for _, f := range r.files {
		if dir := path.Dir(f); dir != "." && slices.Contains(ownManifests, path.Base(f)) && !slices.Contains(out, dir) && len(out) < 100 {
			out = append(out, dir)
		}
	}
	return out
}

// ownManifests begin a program that has nothing to do with the folder above.
var ownManifests = []string{"go.mod", packageFile, "requirements.txt", "pyproject.toml", "Pipfile", "pom.xml", "Cargo.toml"}

// aside reports whether a file is no part of the program itself.
func aside(file string) bool {
	parts := strings.Split(file, "/")
	base := parts[len(parts)-1]
	for _, d := range parts[:len(parts)-1] {
		switch strings.ToLower(d) {
		case "test", "tests", "__tests__", "spec", "specs", "e2e", "example", "examples", "docs", "doc", "fixtures", "mocks", "__mocks__",
			"cypress", "stories", "benchmark", "benchmarks", "migrations", "dist", "build", "out", "public", "static", "assets", "scripts":
			return true
		}
	}
	return strings.HasSuffix(base, "_test.go") || strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_test.py") ||
		strings.Contains(base, ".test.") || strings.Contains(base, ".spec.") || strings.Contains(base, ".min.") ||
		strings.Contains(base, ".config.") || strings.HasSuffix(base, ".d.ts") || base == "conftest.py" || base == "setup.py"
}
