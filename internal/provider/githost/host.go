package githost

import (
	"context"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/resource"
)

// A Host holds the repositories of one organisation, by their names. All its methods
// may be called again; those that change something change only what differs.
//
// Errors are *pave.Error: NotFound where there is no such repository, Conflict where
// the name is taken, Denied where the binding may not, Unavailable where a retry is
// worth it, with a pave.Later as cause where the host says when.
type Host interface {
	// Get finds the repository that has this very name: one that was renamed is not
	// found under the name it had, although hosts redirect.
	Get(ctx context.Context, name string) (Repository, error)
	// Create makes an empty repository. Its description is there from the first moment.
	Create(ctx context.Context, r Repository) (Repository, error)
	// Change sets what is not nil.
	Change(ctx context.Context, name string, c Change) (Repository, error)
	// Delete removes a repository for good. Denied where the binding may not.
	Delete(ctx context.Context, name string) error
	// All yields the repositories of an organisation, "" being that of the binding,
	// page by page.
	All(ctx context.Context, org string) iter.Seq2[Repository, error]
	// Head is the commit of a branch. NotFound where there is no such branch yet.
	Head(ctx context.Context, name, branch string) (string, error)
	// Git is the address of a repository for git, and a client that signs in there.
	Git(ctx context.Context, name string) (url string, client *http.Client, err error)
	// Check says by name what the binding lacks: a permission, the organisation, the
	// sign-in itself. It changes nothing.
	Check(ctx context.Context) []pave.Check
}

// A Repository is what a host knows of a repository.
type Repository struct {
	ID            string // the host's own, which a new name does not change
	Name          string
	Page          string // its address for people
	Pipelines     string // the page of the host's own pipelines for it
	Description   string
	Visibility    string // private, internal or public
	Topics        []string
	DefaultBranch string
	Archived      bool
	Language      string
	Pushed        time.Time
}

// A Change is what differs.
type Change struct {
	Name, Description, Visibility, DefaultBranch *string
	Topics                                       []string // nil leaves them as they are
	Archived                                     *bool
}

// The optional interfaces of a host. What a host lacks of them the driver leaves out
// and Apply refuses where a setting asks for it.
type (
	// A Protector guards branches.
	Protector interface {
		// Protection of a branch; the zero Protection where there is none.
		Protection(ctx context.Context, name, branch string) (Protection, error)
		// Protect makes it at least so. What people added beyond it stays.
		Protect(ctx context.Context, name, branch string, p Protection) error
	}
	// A Granter gives teams access.
	Granter interface {
		// Grants are the roles of teams at a repository: read, write or admin.
		Grants(ctx context.Context, name string) (map[string]string, error)
		// CheckTeam says whether a team could be given a role: NotFound where the
		// organisation has no such team.
		CheckTeam(ctx context.Context, team, role string) error
		// Grant gives a team a role. NotFound where the organisation has no such team.
		Grant(ctx context.Context, name, team, role string) error
	}
	// An Owner has a file that says who owns which code.
	Owner interface {
		// Owners is the path of that file, and how a team is written in it.
		Owners(team string) (file, owner string)
	}
	// A Starter has pipelines of its own.
	Starter interface {
		// Workflow is the file that makes them run pave ci for a tree, where the template
		// has none.
		Workflow(s resource.RepositorySpec, tree []git.File) git.File
	}
	// An Environer has environments that workflows deploy to.
	Environer interface {
		Environments(ctx context.Context, name string) ([]string, error)
		AddEnvironment(ctx context.Context, name, env string) error
	}
	// A Valuer hands variables and secrets to workflows; env "" is all of them.
	Valuer interface {
		Variables(ctx context.Context, name, env string) (map[string]string, error)
		SetVariable(ctx context.Context, name, env, key, value string) error
		// SecretNames are the names of those that are set: a host gives out no value.
		SecretNames(ctx context.Context, name, env string) ([]string, error)
		SetSecret(ctx context.Context, name, env, key string, value pave.Secret) error
	}
	// A Dropper takes variables and secrets back. Absence is success.
	Dropper interface {
		DropVariable(ctx context.Context, name, env, key string) error
		DropSecret(ctx context.Context, name, env, key string) error
	}
	// A PipelineChecker wants more of a binding whose pipelines are given secrets.
	PipelineChecker interface {
		// CheckPipelines is Check with that.
		CheckPipelines(ctx context.Context) []pave.Check
	}
	// A Hooker calls pave when something happens.
	Hooker interface {
		// Hook finds the webhook that calls a URL. NotFound where there is none.
		Hook(ctx context.Context, name, url string) (Hook, error)
		// SetHook makes it so, its secret included.
		SetHook(ctx context.Context, name string, h Hook, secret pave.Secret) error
		// Verify checks the signature of a call, of its raw body, and says which
		// delivery it is and what happened. Denied where the signature is not good.
		Verify(header http.Header, body []byte, secret pave.Secret) (delivery, event string, err error)
	}
	// A Teller shows on a commit what pave knows of it.
	Teller interface {
		Tell(ctx context.Context, name, commit string, s pave.CommitStatus) error
	}
	// A Runner runs pipelines of its own, which are read back.
	Runner interface {
		// Runs are all of a commit, or the last page of them where it is "".
		Runs(ctx context.Context, name, commit string) ([]Run, error)
		// Jobs are those of a run.
		Jobs(ctx context.Context, name, run string) ([]Job, error)
	}
	// A Filer gives out a file of a branch, of at most MaxFile bytes. NotFound where there
	// is none of that path, or no such branch; Invalid where it is larger.
	Filer interface {
		File(ctx context.Context, name, branch, path string) ([]byte, error)
	}
	// A Reviewer has changes that wait for a review: pull or merge requests.
	Reviewer interface {
		// Changes are those that are open, the newest first.
		Changes(ctx context.Context, name string) ([]pave.Proposal, error)
		// Propose opens one for a branch, or returns the open one of that branch.
		Propose(ctx context.Context, name string, p pave.Proposal) (pave.Proposal, error)
	}
)

// MaxFile bounds what a Filer reads.
const MaxFile = 1 << 20

// ReadFile reads what a Filer gives out, to its bound.
func ReadFile(r io.Reader, path string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err == nil && len(data) > MaxFile {
		return nil, pave.Errorf(pave.Invalid, "%s is larger than 1 MiB", path)
	}
	return data, err
}

// A Protection is what guards a branch.
type Protection struct {
	On        bool // nobody pushes over history or deletes the branch
	Reviews   int  // approvals that a change needs
	CodeOwner bool // one of them by an owner of the code
	// Unable is what of it an edition of the host has not, in words, where the rest is
	// as good as it gets there: it is no drift.
	Unable string
}

// A Hook is a webhook.
type Hook struct {
	URL    string
	Active bool
	Events []string // of the words push, change and run; nil are all three
}

// A Run is a pipeline run of the host.
type Run struct {
	ID      string
	Name    string
	State   pave.RunState
	Commit  string
	Branch  string
	URL     string
	Started time.Time
	Ended   time.Time // zero while it runs
}

// A Job is one job of a Run.
type Job struct {
	Name    string
	State   pave.RunState
	Started time.Time
	Ended   time.Time
	URL     string
}

// A Vendor opens hosts. A package of a vendor has one.
type Vendor interface {
	// Name is that of the provider, such as github.
	Name() string
	// Fields are the settings and secrets that its bindings take beside those of every
	// git host, which Fields of this package has.
	Fields() []pave.BindingField
	// Open returns the host of a binding without calling it; Invalid, by field, where
	// the binding is wrong. Hosts of equal bindings share limits and tokens.
	Open(b resource.Opened) (Host, error)
}
