package cookiecutter

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pave-platform/pave"
)

// MaxTime is how long all files of a template may take.
const MaxTime = 60 * time.Second

var errTooSlow = pave.Errorf(pave.Invalid, "rendering the template took longer than %s", MaxTime)

// limited bounds f in time. That it is over is the template's fault, and not like
// the end of ctx, after which another try may do.
func limited(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, MaxTime, errTooSlow)
	defer cancel()
	err := f(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errTooSlow) {
		return errTooSlow
	}
	return err
}

// A File is one file of a Result.
type File struct {
	Path string // relative, with slashes
	Mode fs.FileMode
	Data []byte
}

// A Result is what a template makes.
type Result struct {
	Root    string   // the folder that cookiecutter would make; paths are below it
	Files   []File   // sorted by path
	Empty   []string // folders without a file, which git does not keep
	Skipped []string // hooks, which were not run
	Notes   []string // what one may want to know
}

// Render makes the files. The error is Invalid where template and answers do not
// fit, or a bound is hit; Unavailable where the template cannot be read.
func (t *Template) Render(ctx context.Context, a *Answers, o Options) (*Result, error) {
	if len(t.nested) > 0 {
		return nil, t.mustSelect()
	}
	var res *Result
	err := limited(ctx, func(ctx context.Context) (err error) {
		res, err = t.render(ctx, a, o)
		return err
	})
	return res, err
}

func (t *Template) render(ctx context.Context, a *Answers, o Options) (*Result, error) {
	r, err := t.newRenderer(ctx, a.clone(), o)
	if err != nil {
		return nil, err
	}
	w := &walk{renderer: r, base: path.Join(t.dir, t.project), files: map[string]File{}, dirs: map[string]string{".": "."}, links: map[string]bool{}}
	if w.patterns, err = t.config.patterns(); err != nil {
		return nil, err
	}
	if w.newline, err = t.config.newlines(); err != nil {
		return nil, err
	}
	root, err := w.name(t.project)
	if err != nil {
		return nil, err
	}
	if root == "." {
		return nil, pave.Errorf(pave.Invalid, "the folder %s gets no name from the answers", t.project).
			WithHint("give a value to the variables in its name")
	}
	if err := w.folder(".", 0); err != nil {
		return nil, err
	}
	return w.result(root, t), nil
}

// A walk goes through the folder that is rendered, in cookiecutter's order, which
// decides what wins where two files get one name.
type walk struct {
	*renderer
	base     string // the folder, in the file system
	patterns []string
	newline  string // of all files, or ""
	files    map[string]File
	dirs     map[string]string // made folders, and what they were made from
	links    map[string]bool   // links to folders, which are not entered
	seen     int
	size     int64
	notes    []string
}

func (w *walk) result(root string, t *Template) *Result {
	res := &Result{Root: root, Skipped: t.Hooks(), Notes: append(slices.Clone(t.notes), w.notes...)}
	full := map[string]bool{".": true}
	for _, p := range slices.Sorted(maps.Keys(w.files)) {
		res.Files = append(res.Files, w.files[p])
		for d := path.Dir(p); d != "."; d = path.Dir(d) {
			full[d] = true
		}
	}
	for d := range w.dirs {
		if !full[d] {
			res.Empty = append(res.Empty, d)
		}
	}
	slices.Sort(res.Empty)
	if len(res.Empty) > 0 {
		res.Notes = append(res.Notes, "folders without a file are left out, since git does not keep them: "+strings.Join(res.Empty, ", "))
	}
	if len(t.hooks) > 0 {
		res.Notes = append(res.Notes, "not run: "+strings.Join(t.hooks, ", "))
	}
	return res
}

// name renders a path below the folder and returns it cleaned; "." is the folder
// itself.
func (w *walk) name(p string) (string, error) {
	s, err := w.text("name "+p, p)
	if err != nil {
		return "", err
	}
	to := path.Clean(s)
	bad := ""
	switch {
	case strings.ContainsRune(s, 0) || !utf8.ValidString(s):
		bad = "is not text"
	case path.IsAbs(s):
		bad = "is absolute"
	case to == ".." || strings.HasPrefix(to, "../"):
		bad = "leads outside of the project"
	case len(to) > 4000:
		bad = "is longer than 4000 bytes"
	}
	for e := range strings.SplitSeq(to, "/") {
		if len(e) > 255 {
			bad = "has an element longer than 255 bytes"
		}
		if strings.EqualFold(e, ".git") {
			bad = "belongs to git"
		}
	}
	if bad != "" {
		return "", pave.Errorf(pave.Invalid, "%s becomes %.200q, which %s", p, s, bad).
			WithHint("change the answers that its name uses")
	}
	return to, nil
}

// folder renders what lies in the folder at p, and then in those below.
func (w *walk) folder(p string, depth int) error {
	if depth > maxDepth {
		return pave.Errorf(pave.Invalid, "%s has folders nested deeper than %d", p, maxDepth)
	}
	entries, err := w.list(path.Join(w.base, p))
	if err != nil {
		return err
	}
	var dirs, copied, files []string
	for _, e := range entries {
		child := path.Join(p, e.Name())
		switch isDir, err := w.isDir(e, child); {
		case err != nil:
			return err
		case !isDir:
			files = append(files, child)
		case w.copied(child):
			copied = append(copied, child)
		default:
			dirs = append(dirs, child)
		}
	}
	for _, d := range copied {
		if err := w.copyFolder(d); err != nil {
			return err
		}
	}
	for _, d := range dirs {
		if err := w.makeFolder(d); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := w.file(f); err != nil {
			return err
		}
	}
	for _, d := range dirs {
		if w.links[d] {
			continue
		}
		if err := w.folder(d, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) list(dir string) ([]fs.DirEntry, error) {
	entries, err := w.t.source.list(dir)
	if err != nil {
		return nil, err
	}
	if w.seen += len(entries); w.seen > MaxFiles {
		return nil, pave.Errorf(pave.Invalid, "the template has more than %d files", MaxFiles)
	}
	if err := w.ctx.Err(); err != nil {
		return nil, fmt.Errorf("rendering: %w", context.Cause(w.ctx))
	}
	return entries, nil
}

// copied reports whether a path fits _copy_without_render.
func (w *walk) copied(p string) bool {
	return slices.ContainsFunc(w.patterns, func(pattern string) bool { return match(pattern, p) })
}
