package githost

import (
	"context"
	"io"
	"path"
	"regexp"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/resource"
)

// Proposals are the changes of a repository that wait for a review, the newest first.
func (d *Driver) Proposals(ctx context.Context, r resource.Resource) ([]pave.Proposal, error) {
	o, reviewer, err := d.reviewed(ctx, r)
	if err != nil {
		return nil, err
	}
	return reviewer.Changes(ctx, o.r.ExternalID)
}

func (d *Driver) reviewed(ctx context.Context, r resource.Resource) (one, Reviewer, error) {
	o, err := d.at(ctx, r)
	if err != nil {
		return o, nil, err
	}
	reviewer, ok := o.Host.(Reviewer)
	if !ok {
		return o, nil, d.lacks("changes")
	}
	return o, reviewer, o.still(ctx)
}

// Propose opens a change of main with a branch of the host's, or finds the one that is open.
func (d *Driver) Propose(ctx context.Context, r resource.Resource, p pave.Proposal) (pave.Proposal, error) {
	o, reviewer, err := d.reviewed(ctx, r)
	if err != nil {
		return p, err
	}
	if p.Into == "" {
		p.Into = mainBranch
	}
	if p.Branch == p.Into {
		return p, pave.BadField("branch", p.Branch, "is the branch that it would change", "another branch")
	}
	for field, name := range map[string]string{"branch": p.Branch, "into": p.Into} {
		if _, err := git.ParseRef(name); err != nil {
			return p, pave.BadField(field, name, "is no name of a branch", "for example feature/login")
		}
		if _, err := o.Head(ctx, r.ExternalID, name); pave.CodeOf(err) == pave.NotFound {
			return p, pave.BadField(field, name, "is no branch on "+d.Vendor.Name(), "git push origin "+name)
		} else if err != nil {
			return p, err
		}
	}
	return reviewer.Propose(ctx, r.ExternalID, p)
}

// The change that adds what starts pave ci.
const (
	workflowBranch = "pave/workflow"
	workflowTitle  = "Run pave ci for every push"
	workflowText   = "This adds the file by which the host's own pipelines run `pave ci`: the steps are those that pave finds " +
		"in the repository (`pave ci --list` says them). It needs no secret, and nothing that is here is changed."
)

// ProposeWorkflow opens a change that adds what starts pave ci on the host. It may be
// repeated: a change that is open is found. A branch of that name that holds anything else
// is somebody's, and pave does not vouch for it.
func (d *Driver) ProposeWorkflow(ctx context.Context, r resource.Resource) (pave.Proposal, error) {
	p := pave.Proposal{Branch: workflowBranch, Into: mainBranch, Title: workflowTitle, Text: workflowText}
	o, reviewer, err := d.reviewed(ctx, r)
	if err != nil {
		return p, err
	}
	starter, ok := o.Host.(Starter)
	if !ok {
		return p, pave.Errorf(pave.Invalid, "pave writes no workflow for %s", d.Vendor.Name()).WithHint("add a job that runs pave ci to a workflow of the repository")
	}
	url, client, err := o.Git(ctx, r.ExternalID)
	if err == nil {
		_, err = git.Follow(ctx, client, url, o.dir(r), o.still)
	}
	if err != nil {
		return p, err
	}
	main, err := git.Head(o.dir(r), git.MainBranch)
	if err != nil {
		return p, err
	}
	file, err := o.workflow(ctx, starter, main)
	if err != nil {
		return p, err
	}
	open, err := reviewer.Changes(ctx, r.ExternalID)
	for _, c := range open {
		if c.Branch == workflowBranch && c.Into == mainBranch {
			return c, nil
		}
	}
	if err != nil {
		return p, err
	}
	commit, err := git.Add(ctx, o.dir(r), main, []git.File{file},
		git.Commit{Name: "pave", Email: "pave@localhost", When: time.Now(), Message: workflowTitle + "\n"})
	if err != nil {
		return p, err
	}
	there, err := o.Head(ctx, r.ExternalID, workflowBranch)
	switch {
	case pave.CodeOf(err) == pave.NotFound:
		err = git.PushCommit(ctx, client, url, o.dir(r), commit, workflowBranch)
	case err == nil:
		err = o.holds(there, commit)
	}
	if err != nil {
		return p, err
	}
	return reviewer.Propose(ctx, r.ExternalID, p)
}

// holds is Conflict unless a commit of the host's holds what another one does.
func (o one) holds(there, commit string) error {
	same, err := git.SameTree(o.dir(o.r), there, commit)
	if err == nil && !same || pave.CodeOf(err) == pave.NotFound {
		return pave.Errorf(pave.Conflict, "branch %s of %s is there, and is not main with that one file", workflowBranch, o.r.ExternalID).
			WithHint("merge or delete that branch on the host, then pave propose workflow %s", o.r.Ref.Service)
	}
	return err
}

// workflow is the file that a commit lacks. Conflict where it starts pave ci already, or
// where the one file that could is somebody's.
func (o one) workflow(ctx context.Context, starter Starter, commit string) (git.File, error) {
	var tree []git.File
	for f, err := range git.Files(ctx, o.dir(o.r), commit) {
		if err != nil {
			return git.File{}, err
		}
		tree = append(tree, git.File{Path: f.Path, Mode: f.Mode})
	}
	file := starter.Workflow(o.w.spec, tree)
	dir, taken := path.Dir(file.Path), map[string]bool{}
	for f, err := range git.Files(ctx, o.dir(o.r), commit) {
		if err != nil {
			return file, err
		}
		taken[f.Path] = true
		if f.Path != file.Path && (dir == "." || path.Dir(f.Path) != dir) || !f.Mode.IsRegular() {
			continue
		}
		starts, err := startsCI(f)
		if err != nil {
			return file, err
		}
		if starts {
			return file, pave.Errorf(pave.Conflict, "%s of %s starts pave ci already", f.Path, o.r.ExternalID).WithHint("pave list checks --service %s", o.r.Ref.Service)
		}
	}
	if taken[file.Path] && dir != "." {
		file.Path = path.Join(dir, "pave.yaml")
	}
	if taken[file.Path] {
		return file, pave.Errorf(pave.Conflict, "%s of %s is there, and does not run pave ci", file.Path, o.r.ExternalID).WithHint("add a job to it that runs pave ci")
	}
	return file, nil
}

// maxWorkflow bounds what is read of a workflow.
const maxWorkflow = 1 << 20

// ciPattern matches pave ci in a script, also where the path of pave is quoted.
var ciPattern = regexp.MustCompile(`\bpave["']? +ci\b`)

func startsCI(f git.TreeFile) (bool, error) {
	r, err := f.Open()
	if err != nil {
		return false, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxWorkflow))
	return ciPattern.Match(data), err
}
