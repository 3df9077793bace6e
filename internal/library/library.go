// Package library keeps the golden paths there are: every version that ever served
// or was used, by digest, so that what a service was made from can be rendered
// again; and the sources that templates are imported from. Which template a name
// means is the business of template.Set, which the library fills.
//
// The archive of a version lies in a folder, its row in the store; the file comes
// first, and a file without a row harms nobody.
package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/source"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/template"
)

// DigestPrefix is how the digest of a version begins.
const DigestPrefix = "sha256:"

// Library is the templates there are. Restore comes before anything else.
type Library struct {
	db    *store.DB
	dir   string // archives
	set   *template.Set
	fetch source.Fetcher
	log   *slog.Logger

	mu   sync.Mutex
	kept map[string]bool // digest and name of what is known to be kept
}

// New returns a library over archives in dir. The set has the sources of this
// machine already; the library adds what was imported.
func New(db *store.DB, dir string, set *template.Set, fetch source.Fetcher, log *slog.Logger) *Library {
	return &Library{db: db, dir: dir, set: set, fetch: fetch, log: log, kept: map[string]bool{}}
}

// A Found is a template and where it came from.
type Found struct {
	*template.Template
	Source string // address, or name of a source of this machine
	Commit string // of a repository
}

// Get finds the template that a name, alias, NAME@VERSION, digest or address means,
// and keeps its version. NAME@VERSION is one that served: whoever sends or names a
// template of their own decides what that says of itself, and takes nobody's name by
// it. Errors: Invalid for what is no template, and those of
// source.Fetch for an address.
func (l *Library) Get(ctx context.Context, ref string) (Found, error) {
	name, version, versioned := strings.Cut(ref, "@")
	switch {
	case strings.HasPrefix(ref, DigestPrefix):
		return l.version(ctx, "digest = $1", ref)
	case source.IsAddress(ref):
		return l.elsewhere(ctx, ref)
	case versioned:
		return l.version(ctx, "name = $1 AND version = $2 AND served = 1", name, version)
	}
	l.Reload(ctx)
	t, err := l.set.Get(ref)
	if err != nil {
		return Found{}, err
	}
	return Found{Template: t, Source: l.set.Source(t)}, nil
}

// Kept is Get for those who want to look only: a name that nothing serves is the
// newest version of that name that was ever used.
func (l *Library) Kept(ctx context.Context, ref string) (Found, error) {
	f, err := l.Get(ctx, ref)
	if pave.CodeOf(err) != pave.Invalid || strings.ContainsAny(ref, "@:/") {
		return f, err
	}
	if kept, oldErr := l.version(ctx, "name = $1", ref); oldErr == nil {
		return kept, nil
	}
	return f, err
}

// Version returns what a service was made from.
func (l *Library) Version(ctx context.Context, name, digest string) (*template.Template, error) {
	f, err := l.version(ctx, "name = $1 AND digest = $2", name, digest)
	return f.Template, err
}

// version opens the newest kept version that a condition is about.
func (l *Library) version(ctx context.Context, cond string, args ...any) (Found, error) {
	var f Found
	var digest, name, version string
	err := l.db.QueryRow(ctx, `SELECT digest, name, version, source, commit_id FROM template_versions WHERE `+cond+
		` ORDER BY served DESC, created DESC LIMIT 1`, args...).Scan(&digest, &name, &version, &f.Source, &f.Commit)
	if errors.Is(err, sql.ErrNoRows) {
		what, _ := args[0].(string)
		return f, pave.BadField("template", what, "is not a version that is kept here", "pave describe template NAME lists the versions of one")
	}
	if err != nil {
		return f, err
	}
	archive, err := os.ReadFile(l.file(digest))
	if err != nil {
		return f, pave.Errorf(pave.Unavailable, "read template %s %s: %w", name, version, err).
			WithHint("restore %s from a backup", l.file(digest))
	}
	f.Template, err = template.Open(archive, template.Unnamed{Name: name, Version: version})
	if err == nil && f.Digest() != digest {
		return f, pave.Errorf(pave.Internal, "the kept archive of template %s %s was changed", name, version)
	}
	return f, err
}

// elsewhere brings the template at an address.
func (l *Library) elsewhere(ctx context.Context, ref string) (Found, error) {
	a, err := source.Parse(ref)
	if err != nil {
		return Found{}, err
	}
	if a.Form == source.Folder {
		return Found{}, pave.BadField("template", ref, "is a folder, which the server does not read",
			"pave template lint and render read a folder, and pave create service sends it; others take the name of a template")
	}
	tree, err := l.fetch.Fetch(ctx, a)
	if err != nil {
		return Found{}, err
	}
	defer tree.Close()
	archive, err := template.Pack(tree.FS)
	if err != nil {
		return Found{}, err
	}
	f := Found{Source: a.String(), Commit: tree.Commit}
	if f.Template, err = template.Open(archive, unnamed(a, tree.Commit)); err != nil {
		return f, err
	}
	return f, l.keep(ctx, f, false)
}

// unnamed is what a template at an address is called if it does not say.
func unnamed(a source.Address, commit string) template.Unnamed {
	return template.Unnamed{Name: template.NameOf(a.Name()), Version: commit[:min(7, len(commit))]}
}

// Upload keeps a template that a caller sends.
func (l *Library) Upload(ctx context.Context, archive []byte, name, by string) (Found, error) {
	t, err := template.Open(archive, template.Unnamed{Name: template.NameOf(name)})
	if err != nil {
		return Found{}, err
	}
	f := Found{Template: t, Source: "upload by " + by}
	return f, l.keep(ctx, f, false)
}

// Reload reads the sources of this machine again and keeps what serves.
func (l *Library) Reload(ctx context.Context) {
	l.set.Reload()
	for _, t := range l.set.List() {
		if err := l.keep(ctx, Found{Template: t, Source: l.set.Source(t)}, true); err != nil && ctx.Err() == nil {
			l.log.Warn("keep template", "template", t.Name, "version", t.Version, "err", err)
		}
	}
}

func (l *Library) file(digest string) string {
	return filepath.Join(l.dir, strings.TrimPrefix(digest, DigestPrefix)+".zip")
}

// keep writes archive and row of a version, unless they are there. One that was
// brought along before it serves gets the row of one that serves.
func (l *Library) keep(ctx context.Context, f Found, serves bool) error {
	key := fmt.Sprint(f.Digest(), " ", f.Name, " ", serves)
	l.mu.Lock()
	known := l.kept[key]
	l.mu.Unlock()
	if known {
		return nil
	}
	if err := writeOnce(l.file(f.Digest()), f.Archive()); err != nil {
		return pave.Errorf(pave.Unavailable, "keep template %s: %w", f.Name, err).WithHint("pave doctor")
	}
	_, err := l.db.Exec(ctx, `INSERT INTO template_versions (digest, name, version, format, source, commit_id, created, served)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (digest, name) DO UPDATE SET version = excluded.version,
		source = excluded.source, commit_id = excluded.commit_id, served = 1 WHERE template_versions.served = 0 AND excluded.served = 1`,
		f.Digest(), f.Name, f.Version, f.Format, f.Source, f.Commit, store.Micros(time.Now()), served(serves))
	if err == nil {
		l.mu.Lock()
		l.kept[key] = true
		l.mu.Unlock()
	}
	return err
}

func served(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// writeOnce writes a file that is whole or not there.
func writeOnce(path string, data []byte) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".writing-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// Versions returns the kept versions of a name, newest first.
func (l *Library) Versions(ctx context.Context, name string) ([]pave.TemplateVersion, error) {
	rows, err := l.db.Query(ctx, `SELECT digest, version, format, source, commit_id, created FROM template_versions
		WHERE name = $1 ORDER BY created DESC, digest LIMIT 100`, name)
	return store.Collect(rows, err, func(s store.Scanner) (v pave.TemplateVersion, err error) {
		var created int64
		err = s.Scan(&v.Digest, &v.Version, &v.Format, &v.Source, &v.Commit, &created)
		v.Created = store.Time(created)
		return v, err
	})
}
