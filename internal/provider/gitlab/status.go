package gitlab

import (
	"context"
	"strconv"
	"strings"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/githost"
)

// states are what the words of githost are called here.
var states = map[string]gitlab.BuildStateValue{"pending": gitlab.Pending, "success": gitlab.Success, "failure": gitlab.Failed, "error": gitlab.Failed}

const maxText = 255 // characters of a status

// Tell shows on a commit what is known of it, unless it shows that already. A state that
// is there cannot be set again.
func (h *Host) Tell(ctx context.Context, name, commit string, s pave.CommitStatus) error {
	what := "status of " + h.path(name)
	text := []rune(s.Description)
	s.Description = string(text[:min(len(text), maxText)])
	has, _, err := h.api.Commits.GetCommitStatuses(h.path(name), commit, &gitlab.GetCommitStatusesOptions{ListOptions: firstPage(), Name: &s.Context}, with(ctx))
	if err != nil {
		return h.failed(what, err)
	}
	for _, is := range has {
		if is.Name == s.Context && is.Status == string(states[s.State]) {
			return nil
		}
	}
	opt := &gitlab.SetCommitStatusOptions{State: states[s.State], Name: &s.Context, Description: &s.Description}
	if s.URL != "" {
		opt.TargetURL = &s.URL
	}
	_, _, err = h.api.Commits.SetCommitStatus(h.path(name), commit, opt, with(ctx))
	if err = h.failed(what, err); pave.CodeOf(err) == pave.Invalid && strings.Contains(err.Error(), "Cannot transition status") {
		return nil
	}
	return err
}

// Runs are the pipelines of a commit, but for the one that holds what others told.
func (h *Host) Runs(ctx context.Context, name, commit string) ([]githost.Run, error) {
	ask := &gitlab.ListProjectPipelinesOptions{ListOptions: firstPage()}
	if commit != "" {
		ask.SHA = &commit
	}
	all, _, err := h.api.Pipelines.ListProjectPipelines(h.path(name), ask, with(ctx))
	if err != nil {
		return nil, h.failed("pipelines of "+h.path(name), err)
	}
	var out []githost.Run
	for _, p := range all {
		if p.Source == "external" || commit != "" && p.SHA != commit {
			continue
		}
		run := githost.Run{ID: strconv.FormatInt(p.ID, 10), Name: p.Name, State: state(p.Status), Commit: p.SHA, Branch: p.Ref, URL: p.WebURL, Started: when(p.CreatedAt)}
		if run.Name == "" {
			run.Name = "pipeline " + run.ID
		}
		if run.State.Ended() {
			run.Ended = when(p.UpdatedAt)
		}
		out = append(out, run)
	}
	return out, nil
}

// Jobs are those of a pipeline.
func (h *Host) Jobs(ctx context.Context, name, run string) ([]githost.Job, error) {
	pipeline, err := strconv.ParseInt(run, 10, 64)
	if err != nil {
		return nil, pave.BadField("run", run, "is no pipeline of GitLab's", "a number")
	}
	all, err := pages(firstPage(), func(o gitlab.ListOptions) ([]*gitlab.Job, *gitlab.Response, error) {
		return h.api.Jobs.ListPipelineJobs(h.path(name), pipeline, &gitlab.ListJobsOptions{ListOptions: o}, with(ctx))
	})
	var out []githost.Job
	for _, j := range all {
		out = append(out, githost.Job{Name: j.Name, State: state(j.Status), Started: when(j.StartedAt), Ended: when(j.FinishedAt), URL: j.WebURL})
	}
	return out, h.failed("jobs of "+h.path(name), err)
}

// state is what a server's words for a pipeline are here. What waits for a person to
// start it is done, as far as it goes by itself.
func state(s string) pave.RunState {
	switch s {
	case "success", "skipped", "manual":
		return pave.RunDone
	case "failed":
		return pave.RunStopped
	case "canceled", "canceling":
		return pave.RunCanceled
	case "running":
		return pave.RunRunning
	}
	return pave.RunQueued // created, waiting_for_resource, preparing, pending, scheduled
}

func when(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
