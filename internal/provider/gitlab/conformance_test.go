package gitlab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/provider/githost"
	"github.com/pave-platform/pave/internal/provider/gitlocal"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
	fake "github.com/pave-platform/pave/test/githost/gitlab"
)

type rendered struct{}

func (rendered) Render(ctx context.Context, s resource.RepositorySpec) ([]git.File, error) {
	return []git.File{{Path: "README.md", Mode: 0o644, Data: []byte("# " + string(s.Service) + "\n")}}, ctx.Err()
}

// vault opens the one secret there is.
type vault struct{ token string }

func (v vault) Get(context.Context, string) (pave.Secret, error) { return pave.NewSecret(v.token), nil }

var names atomic.Int64

// driver is that of githost, over a world.
func driver(t *testing.T, s *fake.Server) (*githost.Driver, func() resource.Resource) {
	t.Helper()
	return driverAt(t, s, s.URL)
}

// driverAt is a driver whose binding has another address of the server.
func driverAt(t *testing.T, s *fake.Server, url string) (*githost.Driver, func() resource.Resource) {
	t.Helper()
	bound := resource.Bound{Settings: map[string]string{"url": url, "org": s.Group, "allow": "127.0.0.1"}, Secrets: map[string]string{"token": "sec_1"}}
	d := &githost.Driver{Vendor: new(Vendor), Mirror: gitlocal.Driver{Dir: filepath.Join(t.TempDir(), "git"), Hooks: t.TempDir(), Trees: rendered{}},
		Vault:    vault{s.Token},
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

// seen is what the server shows of a project, but for what moves by itself.
func seen(s *fake.Server, name string) string {
	p := s.Project(s.Group + "/" + name)
	if p == nil {
		return "nothing"
	}
	return fmt.Sprintln(p.ID, p.Description, p.Visibility, p.Archived, p.Topics)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, premium := range []bool{true, false} {
		s := fake.New(t)
		s.Premium, s.AtOnce = premium, premium
		s.AddGroup(s.Group + "/squad")
		t.Run(fmt.Sprintf("premium=%v", premium), func(t *testing.T) {
			resourcetest.Run(t, resourcetest.Config{
				New: func(t *testing.T) (resource.Driver, func() resource.Resource) { return driver(t, s) },
				Foreign: func(t *testing.T, r resource.Resource) func() string {
					s.AddProject(s.Group+"/"+r.ExternalID, "of somebody")
					return func() string { return seen(s, r.ExternalID) }
				},
				Seen: func(t *testing.T, r resource.Resource, st resource.State) string {
					return seen(s, r.ExternalID) + st.Version
				},
				Within: time.Minute,
			})
		})
	}
}

// Whatever call has its answer lost, applying again ends with one repository that is
// whole.
func TestAnswersLost(t *testing.T) {
	t.Parallel()
	for at := int64(1); ; at++ {
		s := fake.New(t)
		s.AddGroup(s.Group + "/squad")
		var calls atomic.Int64
		s.Lose = func(*http.Request) bool { return calls.Add(1) == at }
		d, fresh := driver(t, s)
		r := fresh()
		var st resource.State
		var err error = pave.Errorf(pave.Unavailable, "not yet")
		for tries := 0; pave.CodeOf(err) == pave.Unavailable && tries < 5; tries++ {
			st, err = d.Apply(t.Context(), r)
		}
		if err != nil || !st.Ready || len(s.Paths()) != 1 {
			t.Fatalf("call %d lost: %+v, %v, %v", at, st, err, s.Paths())
		}
		if calls.Swap(1000) < at {
			if at < 20 {
				t.Errorf("there were %d calls", at)
			}
			return // none was lost
		}
		want := "A shop private false [pave-" + strings.ToLower(strings.ReplaceAll(r.ID, "_", "-")) + "]"
		if got := seen(s, r.ExternalID); !strings.Contains(got, want) {
			t.Errorf("call %d lost: it is %s, want %s", at, got, want)
		}
		if drift, err := d.Drift(t.Context(), r); len(drift) > 0 || err != nil {
			t.Errorf("call %d lost: drift %v, %v", at, drift, err)
		}
	}
}
