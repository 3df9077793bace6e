package platform

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/catalog"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/workflow"
)

// stepChecks waits for what the host of a repository runs for a commit.
const stepChecks = "platform.checks"

// The settings of a repository's binding about what its host runs.
const (
	settingChecks = "checks" // "wait": no release before they have passed
	checksWait    = "wait"
)

const (
	noChecksAfter = 10 * time.Minute // without a first one, the host runs nothing
	checksWithin  = 2 * time.Hour
	checksEvery   = 10 * time.Second
)

// patientWithHost is how long a step waits for a host that does not answer: about three
// minutes, with some ten calls in each.
var patientWithHost = workflow.Retry{Attempts: 30, Base: 200 * time.Millisecond, Max: 10 * time.Second}

type checksInput struct {
	Resource string `json:"resource"`
	Commit   string `json:"commit"`
}

// waitsForChecks reports whether a release has to wait for what the host runs.
func (p *Platform) waitsForChecks(rec resource.Record) bool {
	_, _, ok := resource.Of[resource.Reporter](p.Resources, rec)
	return ok && resource.BindingOf(rec.Spec).Settings[settingChecks] == checksWait
}

// checksStep is done when everything has passed that the host ran for a commit.
func (p *Platform) checksStep(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	var in checksInput
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return workflow.Result{}, err
	}
	rec, err := p.Resources.Get(ctx, p.DB, in.Resource)
	if err != nil {
		return workflow.Result{}, err
	}
	reporter, r, ok := resource.Of[resource.Reporter](p.Resources, rec)
	if !ok {
		return workflow.Result{Summary: "the host runs nothing"}, nil
	}
	checks, err := reporter.Checks(ctx, r, in.Commit, false)
	if err != nil {
		return workflow.Result{}, err
	}
	return judgeChecks(newest(checks), in.Commit, time.Since(t.Started))
}

// newest leaves of runs, the newest first, that of each name.
func newest(checks []pave.CommitCheck) []pave.CommitCheck {
	var out []pave.CommitCheck
	for _, c := range checks {
		if !slices.ContainsFunc(out, func(o pave.CommitCheck) bool { return o.Name == c.Name }) {
			out = append(out, c)
		}
	}
	return out
}

// judgeChecks says whether the release may come, has to wait, or will not.
func judgeChecks(checks []pave.CommitCheck, commit string, waited time.Duration) (workflow.Result, error) {
	var passed, running []string
	for _, c := range checks {
		switch c.State {
		case pave.CheckFailure:
			return workflow.Result{}, pave.Errorf(pave.Invalid, "%s failed for %.7s: %s", c.Name, commit, c.URL).
				WithHint("push a commit that mends it; or let the host run it again, then pave retry the run")
		case pave.CheckPending:
			running = append(running, c.Name)
		case pave.CheckSuccess:
			passed = append(passed, c.Name)
		}
	}
	switch {
	case len(running) > 0 && waited > checksWithin:
		return workflow.Result{}, pave.Errorf(pave.Invalid, "%s went on for more than %s", strings.Join(running, ", "), checksWithin).
			WithHint("look at the host, then pave retry the run")
	case len(running) > 0:
		return workflow.Result{}, workflow.Again{After: checksEvery, Reason: "the host runs " + strings.Join(running, ", ")}
	case len(checks) == 0 && waited < noChecksAfter:
		return workflow.Result{}, workflow.Again{After: checksEvery, Reason: "the host has not begun a check"}
	case len(checks) == 0:
		return workflow.Result{}, pave.Errorf(pave.Invalid, "the host ran nothing for %.7s in %s", commit, noChecksAfter).
			WithHint("add a workflow to the repository, or do not wait: pave bind default repository PROVIDER --set checks=read")
	}
	return workflow.Result{Summary: strings.Join(passed, ", ") + " passed"}, nil
}

// HostChecks are what the host of a service's repository ran, asked some seconds ago at most
// while it answers, the newest first: for a commit with their jobs, or the last ones where
// it is "".
func (p *Platform) HostChecks(ctx context.Context, service, commit string) (pave.HostList[pave.CommitCheck], error) {
	svc, err := p.serviceNamed(ctx, service)
	if err != nil {
		return pave.HostList[pave.CommitCheck]{}, err
	}
	reporter, r, err := onHost[resource.Reporter](ctx, p, svc)
	if err != nil {
		return pave.HostList[pave.CommitCheck]{}, err
	}
	return askHost(ctx, &p.answers, question{r.ID, "checks", commit}, func(ctx context.Context) ([]pave.CommitCheck, error) {
		return reporter.Checks(ctx, r, commit, commit != "")
	}, func(c *pave.CommitCheck, at time.Time) { c.Observed = at })
}

// observeChecks tells the catalog what the host of a service's repository ran for its
// newest commit.
func (p *Platform) observeChecks(ctx context.Context, svc pave.Service, rec resource.Record) error {
	found, err := p.fromChecks(ctx, svc, rec)
	for _, o := range found {
		if err := p.Catalog.Observe(ctx, o); err != nil {
			return err
		}
	}
	return err
}

// fromChecks is what the host of a repository says; nothing where it is on no host.
func (p *Platform) fromChecks(ctx context.Context, svc pave.Service, rec resource.Record) ([]catalog.Observation, error) {
	reporter, r, ok := resource.Of[resource.Reporter](p.Resources, rec)
	if !ok {
		return nil, nil
	}
	commit, err := p.Repositories.Head(ctx, rec.ExternalID)
	if err != nil {
		return nil, err
	}
	o := catalog.Observation{Kind: "component", Name: string(svc.Name), Service: svc.ID, Owner: string(svc.Team), Source: "checks"}
	checks, err := reporter.Checks(ctx, r, commit, false)
	if err != nil {
		o.Err = err.Error()
	}
	for _, c := range newest(checks) {
		o.Facts = append(o.Facts, catalog.Fact{Key: "check." + c.Name, Value: c.State, Evidence: fmt.Sprintf("%s for %.7s", c.URL, commit)})
	}
	return []catalog.Observation{o}, nil
}
