package server

import (
	"context"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/httpc"
	"github.com/pave-platform/pave/internal/source"
	"github.com/pave-platform/pave/internal/template"
)

// fetchModule brings the Terraform module at an address: a zip of its folder, and the
// commit that it is of.
func fetchModule(fetch source.Fetcher) func(ctx context.Context, address string) ([]byte, string, error) {
	return func(ctx context.Context, address string) ([]byte, string, error) {
		a, err := source.Parse(address)
		if err != nil {
			return nil, "", err
		}
		if a.Form == source.Folder {
			return nil, "", pave.BadField("module", address, "is a folder, which the server does not read", "pave bind sends one: --module ./FOLDER")
		}
		tree, err := fetch.Fetch(ctx, a)
		if err != nil {
			return nil, "", err
		}
		defer tree.Close()
		archive, err := template.Pack(withoutState{tree.FS})
		return archive, tree.Commit, err
	}
}

// cloudClient calls HCP Terraform, or an Enterprise at an address that is allowed.
func (c Config) cloudClient() (*http.Client, error) {
	return httpc.New(httpc.Options{Allow: c.Allow, Timeout: time.Minute, MaxBytes: 64 << 20})
}

// withoutState is a module without states and plugins that somebody committed beside it.
type withoutState struct{ fs.FS }

// ReadDir leaves them out.
func (w withoutState) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(w.FS, name)
	return slices.DeleteFunc(all, func(e fs.DirEntry) bool {
		return e.Name() == ".terraform" || strings.Contains(e.Name(), ".tfstate") || strings.HasSuffix(e.Name(), ".tfvars")
	}), err
}

// ReadLink reads where a link leads.
func (w withoutState) ReadLink(name string) (string, error) { return fs.ReadLink(w.FS, name) }

// Lstat looks at a file, or a link itself.
func (w withoutState) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(w.FS, name) }
