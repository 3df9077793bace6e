// Package hook runs the hooks of a template: programs that its author wrote, around
// the making of a tree. Nobody runs them unasked. Where and as whom they run is the
// caller's business; here is in which order, on which files, and what is taken back.
package hook

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/template"
)

// A Place is where hooks run.
type Place interface {
	// Run runs one program in a folder below the work folder, with a clean
	// environment and limits, and waits for its end. The error says why it failed,
	// with the last lines of its output.
	Run(ctx context.Context, dir string, command []string) error
	// Give hands the work folder to the user that programs run as; Take takes it
	// back, with all that is in it.
	Give(ctx context.Context, dir string) error
	Take(ctx context.Context, dir string) error
}

// project is the folder in the work folder that the tree is made in.
const project = "project"

// Render makes the tree of a template whose hooks run around it: those before it in
// the empty folder, those after it in the full one, as cookiecutter does. work is an
// empty folder, which is the caller's to remove. Errors: Invalid where a hook fails
// or leaves what cannot be part of a tree.
func Render(ctx context.Context, t *template.Template, v template.Vars, work string, at Place) (*template.Tree, error) {
	tree, err := t.Render(ctx, v)
	if err != nil {
		return nil, err
	}
	scripts, err := t.Hooks(ctx, v)
	if err != nil || len(scripts) == 0 {
		return tree, err
	}
	r := &rendering{work: work, folder: path.Join(project, path.Base(v.Name)), template: t.Name, at: at}
	if err := os.MkdirAll(r.dir(), 0o755); err != nil {
		return nil, pave.Errorf(pave.Unavailable, "make a folder for hooks: %w", err)
	}
	if err := r.stage(ctx, "pre_gen_project", scripts); err != nil {
		return nil, err
	}
	into, err := r.open()
	if err != nil {
		return nil, err
	}
	err = fill(into, tree.Files)
	if err = errors.Join(err, into.Close()); err != nil {
		return nil, err
	}
	if err := r.stage(ctx, "post_gen_project", scripts); err != nil {
		return nil, err
	}
	return r.read(tree.Notes)
}

type rendering struct {
	work     string
	folder   string // of the project, within work
	template string
	at       Place
}

func (r *rendering) dir() string { return filepath.Join(r.work, r.folder) }

// open opens the project's folder after a hook, which may have put a link in its
// place or in that of the one above: what they lead to belongs to somebody else.
func (r *rendering) open() (*os.Root, error) {
	work, err := os.OpenRoot(r.work)
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "open the folder of a hook: %w", err)
	}
	defer work.Close()
	for _, name := range []string{path.Dir(r.folder), r.folder} {
		info, err := work.Lstat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, pave.Errorf(pave.Invalid, "the hooks of template %s removed the project", r.template)
		case err != nil:
			return nil, pave.Errorf(pave.Unavailable, "open the folder of a hook: %w", err)
		case !info.IsDir():
			return nil, pave.Errorf(pave.Invalid, "the hooks of template %s put something else in the place of the project's folder", r.template)
		}
	}
	root, err := work.OpenRoot(r.folder)
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "open the folder of a hook: %w", err)
	}
	return root, nil
}

// stage runs the hooks of one moment.
func (r *rendering) stage(ctx context.Context, stage string, scripts []template.File) error {
	for _, s := range scripts {
		name := path.Base(s.Path)
		if strings.TrimSuffix(name, path.Ext(name)) != stage {
			continue
		}
		if err := r.script(template.File{Path: name, Mode: 0o755, Data: s.Data}); err != nil {
			return err
		}
		if err := r.at.Give(ctx, r.work); err != nil {
			return err
		}
		err := r.at.Run(ctx, r.dir(), commandOf(filepath.Join(r.work, name), s.Data))
		if err = errors.Join(err, r.at.Take(ctx, r.work)); err != nil {
			return pave.Errorf(pave.Invalid, "hook %s failed: %w", s.Path, err).WithHint("leave --allow-hooks out, or give other inputs")
		}
	}
	return nil
}

// script writes a hook beside the project. Where a hook ran before, the folder it is
// to run in is looked at too.
func (r *rendering) script(f template.File) error {
	into, err := r.open()
	if err != nil {
		return err
	}
	into.Close()
	work, err := os.OpenRoot(r.work)
	if err != nil {
		return pave.Errorf(pave.Unavailable, "open the folder of a hook: %w", err)
	}
	defer work.Close()
	return fill(work, []template.File{f})
}

// commandOf is how cookiecutter runs a script: Python ones by Python, others by
// themselves.
func commandOf(script string, data []byte) []string {
	switch {
	case strings.HasSuffix(script, ".py"):
		return []string{"python3", script}
	case bytes.HasPrefix(data, []byte("#!")):
		return []string{script}
	}
	return []string{"/bin/sh", script}
}

// fill writes files below a folder, and nowhere else.
func fill(root *os.Root, files []template.File) error {
	for _, f := range files {
		if err := root.MkdirAll(path.Dir(f.Path), 0o755); err != nil {
			return pave.Errorf(pave.Unavailable, "write %s: %w", f.Path, err)
		}
		// A hook may have made a link here: what is there goes first.
		if err := root.Remove(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return pave.Errorf(pave.Invalid, "a hook left %s, which cannot be written: %w", f.Path, err)
		}
		if err := root.WriteFile(f.Path, f.Data, f.Mode.Perm()); err != nil {
			return pave.Errorf(pave.Unavailable, "write %s: %w", f.Path, err)
		}
	}
	return nil
}

// read is the tree that the hooks left.
func (r *rendering) read(notes []string) (*template.Tree, error) {
	root, err := r.open()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	tree, err := template.ReadTree(r.template, root.FS())
	if err != nil {
		return nil, err
	}
	tree.Notes = notes
	return tree, nil
}
