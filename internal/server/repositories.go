package server

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/library"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/template"
)

// repositories are the bare repositories of this machine.
type repositories struct {
	dir       string // holds NAME.git
	hooks     string // folder of hooks
	templates *library.Library
	seed      func(pave.Name) [32]byte
	hooksAt   hookPlace
}

// Dir is where the repository of a name lies.
func (r *repositories) Dir(external string) string { return filepath.Join(r.dir, external+".git") }

// Head returns the commit of the main branch.
func (r *repositories) Head(_ context.Context, external string) (string, error) {
	return git.Head(r.Dir(external), git.MainBranch)
}

// Tree is the tree of a commit.
func (r *repositories) Tree(ctx context.Context, external, commit string) (fs.FS, error) {
	return git.FS(ctx, r.Dir(external), commit)
}

// Render renders the template of a new repository.
func (r *repositories) Render(ctx context.Context, s resource.RepositorySpec) ([]git.File, error) {
	t, err := r.template(ctx, s)
	if err != nil {
		return nil, err
	}
	vars := template.Vars{Seed: r.seed(s.Service), Name: string(s.Service), Team: string(s.Team), Description: s.Description,
		Database: s.Database, Cache: s.Cache, Queue: s.Queue, Bucket: s.Bucket, Inputs: s.Inputs}
	for _, env := range s.Environments {
		vars.Environments = append(vars.Environments, string(env))
	}
	render := t.Render
	if s.Hooks && t.HasHooks() {
		render = func(ctx context.Context, v template.Vars) (*template.Tree, error) { return r.hooksAt.render(ctx, t, v) }
	}
	tree, err := render(ctx, vars)
	if err != nil {
		return nil, err
	}
	var out []git.File
	for _, f := range tree.Files {
		out = append(out, git.File{Path: f.Path, Mode: f.Mode, Data: f.Data})
	}
	return out, nil
}

// template is the version a service is made from. What was planned before versions
// were kept names it without a digest.
func (r *repositories) template(ctx context.Context, s resource.RepositorySpec) (*template.Template, error) {
	if s.Digest != "" {
		return r.templates.Version(ctx, s.Template, s.Digest)
	}
	t, err := r.templates.Get(ctx, s.Template)
	if err == nil && t.Version != s.Version {
		return nil, pave.Errorf(pave.Conflict, "template %s is at version %s now, not %s", t.Name, t.Version, s.Version).
			WithHint("pave undo this run and create again")
	}
	return t.Template, err
}

// installHook writes the post-receive hook: this program, found again under
// whatever path it has now.
func (c Config) installHook() (dir string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	quoted := "'" + strings.ReplaceAll(self, "'", `'\''`) + "'"
	text := fmt.Sprintf("#!/bin/sh\nexec %s hook post-receive\n", quoted)
	dir = c.path("hooks")
	return dir, writeFile(filepath.Join(dir, "post-receive"), []byte(text), 0o755)
}
