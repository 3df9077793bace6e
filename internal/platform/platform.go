// Package platform turns requests into revisions, plans and runs: what pave is
// for. Each request type has one file that says what it means (resolve); plan.go
// and apply.go carry every one of them the same way. Steps that are not a
// resource's (team, pipeline, rollout, catalog) are here too; observe.go feeds
// the catalog.
//
// The package knows no technology: resources are made by drivers behind
// internal/resource, programs run behind internal/node.
package platform

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/catalog"
	"github.com/pave-platform/pave/internal/library"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/pipeline"
	"github.com/pave-platform/pave/internal/release"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/workflow"
)

// FirstUID is the user id of the first service, where the node may choose; each
// further service has the next.
const FirstUID = 70000

// Repositories reads the repositories of services.
type Repositories interface {
	// Dir is where the repository of an external name lies.
	Dir(external string) string
	// Head returns the commit of the default branch.
	Head(ctx context.Context, external string) (string, error)
	// Tree is the tree of a commit, read only.
	Tree(ctx context.Context, external, commit string) (fs.FS, error)
}

// A Shelf keeps the histories of repositories that were brought to be adopted.
type Shelf interface {
	// Fetch brings one from an address, Receive takes one that is sent.
	Fetch(ctx context.Context, address, revision, actor string) (pave.Repository, error)
	Receive(ctx context.Context, r pave.Repository, actor string, pack io.Reader) (pave.Repository, error)
	// Find returns what was brought under an id, Tree the files of its commit.
	Find(id string) (pave.Repository, error)
	Tree(ctx context.Context, id, commit string) (fs.FS, error)
	// Prune forgets what was brought before.
	Prune(before time.Time) error
}

// Modules knows Terraform modules.
type Modules interface {
	// Keep keeps the module of a request, or says what it lacks. Kept are the ids of the
	// secrets that the binding has already, by their names.
	Keep(ctx context.Context, kind string, r pave.BindRequest, kept map[string]string) (pave.Bound, error)
	// Read says what a module asks for, and keeps nothing.
	Read(ctx context.Context, kind string, r pave.BindRequest) (pave.ModuleReading, error)
	// Review says whether a binding fits the module that was kept for it, which is an error
	// where it does not, and a later version of that.
	Review(ctx context.Context, b pave.Binding) (string, error)
	// Shipped are those that ship with pave.
	Shipped() []pave.ModuleInfo
}

// Addresses says where people find things; they change with the server's port.
type Addresses interface {
	Git(service pave.Name) string
	Runs(service pave.Name) string
	Run(id string) string
	Service(service, env pave.Name) string
}

// Deps are the parts a platform is put together from.
type Deps struct {
	DB           *store.DB
	Engine       *workflow.Engine
	Resources    *resource.Controller
	Vault        *resource.Vault
	Releases     *release.Releases
	Catalog      *catalog.Catalog
	Access       *access.Access
	Templates    *library.Library
	Shelf        Shelf
	Modules      Modules
	Seed         func(service pave.Name) [32]byte // of the dice of templates; the same at each call
	Pipeline     *pipeline.Runner
	Repositories Repositories
	Node         *node.Client
	Addresses    Addresses
	Checks       []func(context.Context) []pave.Check // of the doctor, beside the drivers' own
	Log          *slog.Logger
	// Keep is how long runs that have ended are remembered, with all that is about them.
	Keep time.Duration
}

// Platform answers every call of the doors. It implements pave.Transitions,
// pave.Runs and pave.Reader.
type Platform struct {
	Deps
	seen    detections
	looked  pace
	answers answers
	lanes   lanes
	systems systems
}

var (
	_ pave.Transitions = (*Platform)(nil)
	_ pave.Runs        = (*Platform)(nil)
	_ pave.Reader      = (*Platform)(nil)
)

// New returns a platform and registers the handlers of its steps.
func New(d Deps) *Platform {
	p := &Platform{Deps: d}
	d.Resources.Register(d.Engine)
	d.Pipeline.Register(d.Engine)
	for name, h := range map[string]workflow.Handler{
		stepTeam: p.teamStep, stepTemplate: p.templateStep, stepPipeline: p.pipelineStep, stepDetect: p.detectStep,
		stepRelease: p.releaseStep, stepRollout: p.rolloutStep, stepRolloutBegin: p.rolloutBegin,
		stepRolloutSettle: p.rolloutSettle, stepApproval: p.approvalStep, stepCatalog: p.catalogStep, stepCredentials: p.credentialsStep, stepQuiesce: p.quiesceStep,
		stepForget: p.forgetStep, stepChecks: p.checksStep,
	} {
		d.Engine.Handle(name, h)
	}
	return p
}
