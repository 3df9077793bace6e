package server

import (
	"context"
	"log/slog"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/httpc"
	"github.com/pave-platform/pave/internal/library"
	"github.com/pave-platform/pave/internal/source"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/template"
	"github.com/pave-platform/pave/templates"
)

// fetcher brings what lies elsewhere: at public addresses, and those that are allowed.
func (c Config) fetcher(maxBytes int64) (source.Fetcher, error) {
	creds, err := httpc.LoadCredentials(c.Credentials)
	if err != nil {
		return source.Fetcher{}, err
	}
	client, err := httpc.New(httpc.Options{Allow: c.Allow, Credentials: creds, MaxBytes: maxBytes})
	return source.Fetcher{HTTP: client, Temp: c.path("tmp")}, err
}

// library opens the golden paths: those that ship, those of the configured folders,
// and those that were imported.
func (c Config) library(ctx context.Context, db *store.DB, log *slog.Logger) (*library.Library, error) {
	fetch, err := c.fetcher(source.MaxBytes)
	if err != nil {
		return nil, err
	}
	set := template.NewSet(log, c.templateSources()...)
	l := library.New(db, c.path("templates"), set, fetch, log)
	return l, l.Restore(ctx)
}

// shelf keeps the histories of repositories that are adopted.
func (c Config) shelf(derive func(purpose, id string) pave.Secret) (*source.Shelf, error) {
	fetch, err := c.fetcher(git.MaxHistory)
	return &source.Shelf{Dir: c.path("sources"), Fetcher: fetch, Derive: derive}, err
}

// templateSources are the golden paths that ship with pave, then the folders of
// the configuration: later ones win.
func (c Config) templateSources() []template.Source {
	out := []template.Source{{Name: "pave", FS: templates.FS}}
	for _, dir := range c.Templates {
		if dir != "" {
			out = append(out, template.Source{Name: dir, Dir: dir})
		}
	}
	return out
}
