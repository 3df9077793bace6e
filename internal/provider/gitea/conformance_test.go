package gitea

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/provider/githost"
	"github.com/pave-platform/pave/internal/provider/gitlocal"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
	fake "github.com/pave-platform/pave/test/githost/gitea"
)

// rendered is a template of these files and a README.
type rendered struct{ files []git.File }

func (r rendered) Render(ctx context.Context, s resource.RepositorySpec) ([]git.File, error) {
	return append([]git.File{{Path: "README.md", Mode: 0o644, Data: []byte("# " + string(s.Service) + "\n")}}, r.files...), ctx.Err()
}

// vault opens the one secret there is.
type vault struct{ token string }

func (v vault) Get(context.Context, string) (pave.Secret, error) { return pave.NewSecret(v.token), nil }

var names atomic.Int64

// driver is that of githost, over a world.
func driver(t *testing.T, w fake.World) (*githost.Driver, func() resource.Resource) {
	t.Helper()
	bound := resource.Bound{Settings: map[string]string{"url": w.URL, "org": w.Org, "allow": "127.0.0.1"}, Secrets: map[string]string{"token": "sec_1"}}
	d := &githost.Driver{Vendor: new(Vendor), Mirror: gitlocal.Driver{Dir: filepath.Join(t.TempDir(), "git"), Hooks: t.TempDir(), Trees: rendered{}},
		Vault:    vault{w.Token},
		Bindings: func(context.Context) ([]resource.Bound, error) { return []resource.Bound{bound}, nil },
		HookURL:  func(r resource.Resource) string { return "http://127.0.0.1:1/hook/" + r.ID },
		Derive:   func(_, id string) pave.Secret { return pave.NewSecret("pvcnry-" + id) }}
	return d, func() resource.Resource {
		name := fmt.Sprintf("shop%d", names.Add(1))
		spec, err := json.Marshal(struct {
			resource.RepositorySpec
			Binding resource.Bound `json:"binding"`
		}{resource.RepositorySpec{Service: pave.Name(name), Team: "squad", Template: "go-http", Version: "1.0", Description: "A shop",
			Environments: []pave.Name{"production"}}, bound})
		if err != nil {
			t.Fatal(err)
		}
		return resource.Resource{ID: pave.NewID("res"), ExternalID: name, Spec: spec,
			Ref: pave.Ref{Kind: pave.KindRepository, Service: pave.Name(name), Name: name}}
	}
}

// seen is what the server shows of a repository, but for what moves by itself.
func seen(t *testing.T, w fake.World, name string) string {
	t.Helper()
	status, all := w.Do(t, "GET", "repos/"+w.Org+"/"+name, nil)
	m, _ := all.(map[string]any)
	return fmt.Sprintln(status, m["id"], m["description"], m["private"], m["archived"], m["topics"])
}

func TestConformance(t *testing.T) {
	everywhere(t, func(t *testing.T, w fake.World) {
		within := 60 * time.Second
		resourcetest.Run(t, resourcetest.Config{
			New: func(t *testing.T) (resource.Driver, func() resource.Resource) { return driver(t, w) },
			Foreign: func(t *testing.T, r resource.Resource) func() string {
				if status, out := w.Do(t, "POST", "orgs/"+w.Org+"/repos", map[string]any{"name": r.ExternalID, "description": "of somebody"}); status != 201 {
					t.Fatalf("%d %v", status, out)
				}
				return func() string { return seen(t, w, r.ExternalID) }
			},
			Seen: func(t *testing.T, r resource.Resource, s resource.State) string {
				return seen(t, w, r.ExternalID) + s.Version
			},
			Within: within,
		})
	})
}
