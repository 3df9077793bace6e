package library

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/source"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/template"
)

// The bounds of the search for templates in a repository.
const (
	maxDepth     = 6
	maxTemplates = 500
	maxFolders   = 20_000 // looked into
)

// Import brings every template that lies at an address and lets those that work
// serve; what is broken keeps the version that served before. The report has a line
// for each. Errors are those of fetching; NotFound where there is no template.
func (l *Library) Import(ctx context.Context, address, actor string) (pave.TemplateImport, error) {
	a, err := source.Parse(address)
	if err != nil {
		return pave.TemplateImport{}, err
	}
	if a.Form == source.Folder {
		return pave.TemplateImport{}, pave.BadField("source", address, "is a folder, which the server does not read",
			"name it in PAVE_TEMPLATES, or import it from a repository")
	}
	tree, err := l.fetch.Fetch(ctx, a)
	if err != nil {
		return pave.TemplateImport{}, errors.Join(l.failed(ctx, a.String(), err), err)
	}
	defer tree.Close()
	folders, err := find(tree.FS)
	if err != nil {
		return pave.TemplateImport{}, err
	}
	in := &importing{source: a.String(), commit: tree.Commit, names: namesOf(folders), loaded: map[string]*template.Template{}, broken: map[string]error{}}
	for _, folder := range folders {
		if ctx.Err() != nil {
			return pave.TemplateImport{}, pave.Errorf(pave.Unavailable, "the import was stopped: %w", context.Cause(ctx))
		}
		in.add(a, tree.FS, folder)
	}
	for _, t := range in.loaded {
		if err := l.keep(ctx, Found{Template: t, Source: in.source, Commit: in.commit}, true); err != nil {
			return pave.TemplateImport{}, err
		}
	}
	if err := l.record(ctx, in, actor); err != nil {
		return pave.TemplateImport{}, err
	}
	l.set.Serve(in.source, in.loaded, in.broken)
	return l.report(in), nil
}

// importing is what one import found, by folder.
type importing struct {
	source, commit string
	names          map[string]string // by folder, for templates that do not say
	loaded         map[string]*template.Template
	broken         map[string]error
}

func (in *importing) add(a source.Address, fsys fs.FS, folder string) {
	called := unnamed(a, in.commit)
	if folder != "." {
		called.Name = in.names[folder]
	}
	sub, err := fs.Sub(fsys, folder)
	if err == nil {
		var archive []byte
		if archive, err = template.Pack(sub); err == nil {
			var t *template.Template
			if t, err = template.Open(archive, called); err == nil {
				in.loaded[folder] = t
				return
			}
		}
	}
	in.broken[folder] = err
}

// namesOf calls each folder by its own name, or, where several have the same, by its
// whole path.
func namesOf(folders []string) map[string]string {
	count := map[string]int{}
	for _, f := range folders {
		count[template.NameOf(path.Base(f))]++
	}
	out := map[string]string{}
	for _, f := range folders {
		name := template.NameOf(path.Base(f))
		if count[name] > 1 {
			name = template.NameOf(strings.ReplaceAll(f, "/", "-"))
		}
		out[f] = name
	}
	return out
}

// find returns the folders that hold a template. One within another is part of it.
func find(fsys fs.FS) ([]string, error) {
	var out []string
	folders := 0
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		base := path.Base(name)
		if strings.HasPrefix(base, ".") && name != "." || base == "node_modules" || strings.Count(name, "/") >= maxDepth {
			return fs.SkipDir
		}
		if folders++; folders > maxFolders {
			return pave.Errorf(pave.Invalid, "there are more than %d folders", maxFolders).WithHint("import a folder of it: ADDRESS//FOLDER")
		}
		if template.Here(fsys, name) {
			if nested := template.Nested(fsys, name); len(nested) > 0 {
				for _, below := range nested {
					out = append(out, path.Join(name, below))
				}
			} else {
				out = append(out, name)
			}
			if len(out) > maxTemplates {
				return pave.Errorf(pave.Invalid, "there are more than %d templates", maxTemplates).WithHint("import a folder of it: ADDRESS//FOLDER")
			}
			return fs.SkipDir
		}
		return nil
	})
	if err == nil && len(out) == 0 {
		return nil, pave.Errorf(pave.NotFound, "there is no template: no folder with a template.yaml or cookiecutter.json").
			WithHint("pave template new makes one")
	}
	return out, err
}

// report says of each template how it fared.
func (l *Library) report(in *importing) pave.TemplateImport {
	out := pave.TemplateImport{Source: in.source, Commit: in.commit, Templates: []pave.ImportedTemplate{}}
	wrong := map[string]template.Broken{}
	for _, b := range l.set.Errors() {
		if b.Source == in.source {
			wrong[b.Folder] = b
		}
	}
	for folder, t := range in.loaded {
		line := pave.ImportedTemplate{Folder: folder, Name: t.Name, Version: t.Version, Format: t.Format, Result: pave.ImportWorks, Notes: t.Notes()}
		if len(line.Notes) > 0 {
			line.Result = pave.ImportNotes
		}
		if b, ok := wrong[folder]; ok { // loaded, but its name is taken
			line.Result, line.Error, line.Hint = pave.ImportCannot, b.Err.Error(), pave.HintOf(b.Err)
		}
		out.Templates = append(out.Templates, line)
	}
	for folder, err := range in.broken {
		out.Templates = append(out.Templates, pave.ImportedTemplate{Folder: folder, Result: pave.ImportCannot, Error: err.Error(),
			Hint: pave.HintOf(err), Serving: wrong[folder].Serving})
	}
	slices.SortFunc(out.Templates, func(x, y pave.ImportedTemplate) int { return strings.Compare(x.Folder, y.Folder) })
	return out
}

// record writes down what an import found. A broken folder keeps the digest it had.
func (l *Library) record(ctx context.Context, in *importing, actor string) error {
	return l.db.Tx(ctx, func(tx *store.Tx) error {
		now := store.Micros(time.Now())
		_, err := tx.Exec(ctx, `INSERT INTO template_sources (address, commit_id, error, actor, created, checked) VALUES ($1, $2, '', $3, $4, $5)
			ON CONFLICT (address) DO UPDATE SET commit_id = excluded.commit_id, error = '', checked = excluded.checked`,
			in.source, in.commit, actor, now, now)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT folder FROM template_imports WHERE source = $1`, in.source)
		had, err := store.Collect(rows, err, func(s store.Scanner) (f string, err error) { return f, s.Scan(&f) })
		if err != nil {
			return err
		}
		for _, folder := range had {
			if in.loaded[folder] == nil && in.broken[folder] == nil {
				if _, err := tx.Exec(ctx, `DELETE FROM template_imports WHERE source = $1 AND folder = $2`, in.source, folder); err != nil {
					return err
				}
			}
		}
		for folder, t := range in.loaded {
			if _, err := tx.Exec(ctx, upsertImport+`name = excluded.name, digest = excluded.digest, error = excluded.error`,
				in.source, folder, t.Name, t.Digest(), ""); err != nil {
				return err
			}
		}
		for folder, broken := range in.broken {
			if _, err := tx.Exec(ctx, upsertImport+`error = excluded.error`, in.source, folder, "", "", broken.Error()); err != nil {
				return err
			}
		}
		return nil
	})
}

const upsertImport = `INSERT INTO template_imports (source, folder, name, digest, error) VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (source, folder) DO UPDATE SET `

// failed notes on a source that is known why it could not be brought.
func (l *Library) failed(ctx context.Context, address string, why error) error {
	_, err := l.db.Exec(ctx, `UPDATE template_sources SET error = $1, checked = $2 WHERE address = $3`,
		why.Error(), store.Micros(time.Now()), address)
	return err
}

// Restore lets everything serve that was imported before.
func (l *Library) Restore(ctx context.Context) error {
	rows, err := l.db.Query(ctx, `SELECT source, folder, name, digest, error FROM template_imports ORDER BY source, folder`)
	type row struct{ source, folder, name, digest, err string }
	all, err := store.Collect(rows, err, func(s store.Scanner) (r row, err error) {
		return r, s.Scan(&r.source, &r.folder, &r.name, &r.digest, &r.err)
	})
	if err != nil {
		return err
	}
	loaded, broken := map[string]map[string]*template.Template{}, map[string]map[string]error{}
	for _, r := range all {
		if loaded[r.source] == nil {
			loaded[r.source], broken[r.source] = map[string]*template.Template{}, map[string]error{}
		}
		if r.err != "" {
			broken[r.source][r.folder] = pave.Errorf(pave.Invalid, "%s", r.err)
		}
		if r.digest == "" {
			continue
		}
		t, err := l.Version(ctx, r.name, r.digest)
		if err != nil {
			broken[r.source][r.folder] = err
			continue
		}
		loaded[r.source][r.folder] = t
	}
	for src := range loaded {
		l.set.Serve(src, loaded[src], broken[src])
	}
	l.Reload(ctx)
	return nil
}

// Sources returns where templates were imported from.
func (l *Library) Sources(ctx context.Context) ([]pave.TemplateSource, error) {
	rows, err := l.db.Query(ctx, `SELECT address, commit_id, error, actor, created, checked FROM template_sources ORDER BY address`)
	return store.Collect(rows, err, func(s store.Scanner) (v pave.TemplateSource, err error) {
		var created, checked int64
		err = s.Scan(&v.Address, &v.Commit, &v.Error, &v.Actor, &created, &checked)
		v.Created, v.Checked = store.Time(created), store.Time(checked)
		return v, err
	})
}

// Forget lets the templates of a source serve no longer. Versions that were used
// stay. NotFound where nothing was imported from there.
func (l *Library) Forget(ctx context.Context, address string) error {
	err := l.db.Tx(ctx, func(tx *store.Tx) error {
		var is string
		err := tx.QueryRow(ctx, `SELECT address FROM template_sources WHERE address = $1`, address).Scan(&is)
		if errors.Is(err, sql.ErrNoRows) {
			return pave.Errorf(pave.NotFound, "nothing was imported from %s", address).WithHint("pave template sources")
		}
		if err != nil {
			return err
		}
		for _, table := range []string{"template_imports WHERE source", "template_sources WHERE address"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` = $1`, address); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		l.set.Serve(address, nil, nil)
	}
	return err
}

// Refresh imports every source again that has not been looked at for a while.
func (l *Library) Refresh(ctx context.Context, every time.Duration) error {
	all, err := l.Sources(ctx)
	for _, s := range all {
		if time.Since(s.Checked) < every || ctx.Err() != nil {
			continue
		}
		if _, err := l.Import(ctx, s.Address, s.Actor); err != nil {
			l.log.Warn("refresh templates", "source", s.Address, "err", err)
		}
	}
	return err
}

// List returns what serves and what is broken.
func (l *Library) List(ctx context.Context) ([]Found, []template.Broken) {
	l.Reload(ctx)
	var out []Found
	for _, t := range l.set.List() {
		out = append(out, Found{Template: t, Source: l.set.Source(t)})
	}
	return out, l.set.Errors()
}
