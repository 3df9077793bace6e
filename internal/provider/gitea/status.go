package gitea

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/githost"
)

func number(n int64) string { return strconv.FormatInt(n, 10) }

// Tell shows on a commit what is known of it, unless it shows that already.
func (h *Host) Tell(ctx context.Context, name, commit string, s pave.CommitStatus) error {
	var all struct {
		Statuses []struct {
			Context     string `json:"context"`
			Status      string `json:"status"`
			Description string `json:"description"`
			TargetURL   string `json:"target_url"`
		} `json:"statuses"`
	}
	if err := h.get(ctx, h.repo(name, "commits", commit, "status"), nil, &all); err != nil {
		return err
	}
	for _, is := range all.Statuses {
		if is.Context == s.Context && is.Status == s.State && is.Description == s.Description && is.TargetURL == s.URL {
			return nil
		}
	}
	in := map[string]string{"context": s.Context, "state": s.State, "description": s.Description, "target_url": s.URL}
	return h.call(ctx, http.MethodPost, h.repo(name, "statuses", commit), in, nil)
}

// run is a run or a job of Actions.
type run struct {
	ID         int64     `json:"id"`
	Name       string    `json:"name"`
	Title      string    `json:"display_title"`
	Path       string    `json:"path"`
	HeadSHA    string    `json:"head_sha"`
	Branch     string    `json:"head_branch"`
	URL        string    `json:"html_url"`
	Status     string    `json:"status"`
	Conclusion string    `json:"conclusion"`
	Started    time.Time `json:"started_at"`
	Completed  time.Time `json:"completed_at"`
}

// Runs are those of Actions for a commit. Servers that do not list runs list tasks,
// which are the jobs of them.
func (h *Host) Runs(ctx context.Context, name, commit string) ([]githost.Run, error) {
	var all struct {
		Runs []run `json:"workflow_runs"`
	}
	query := url.Values{"limit": {strconv.Itoa(pageSize)}}
	if commit != "" {
		query.Set("head_sha", commit)
	}
	err := h.get(ctx, h.repo(name, "actions", "runs"), query, &all)
	if pave.CodeOf(err) == pave.NotFound {
		return h.tasks(ctx, name, commit)
	}
	if err != nil {
		return nil, err
	}
	var out []githost.Run
	for _, r := range all.Runs {
		if commit != "" && r.HeadSHA != commit {
			continue
		}
		out = append(out, githost.Run{ID: number(r.ID), Name: or(r.Path, r.Title), State: state(r.Status, r.Conclusion), Commit: r.HeadSHA, Branch: r.Branch,
			URL: r.URL, Started: happened(r.Started), Ended: ended(r)})
	}
	return out, nil
}

// Jobs are those of a run.
func (h *Host) Jobs(ctx context.Context, name, id string) ([]githost.Job, error) {
	var all struct {
		Jobs []run `json:"jobs"`
	}
	query := url.Values{"limit": {strconv.Itoa(pageSize)}}
	err := h.get(ctx, h.repo(name, "actions", "runs", id, "jobs"), query, &all)
	if pave.CodeOf(err) == pave.NotFound {
		return h.jobTasks(ctx, name, id)
	}
	if err != nil {
		return nil, err
	}
	var out []githost.Job
	for _, j := range all.Jobs {
		out = append(out, githost.Job{Name: j.Name, State: state(j.Status, j.Conclusion), Started: happened(j.Started), Ended: ended(j), URL: j.URL})
	}
	return out, nil
}

// ended is when a run ended: servers give running ones a time as well.
func ended(r run) time.Time {
	if !state(r.Status, r.Conclusion).Ended() {
		return time.Time{}
	}
	return happened(r.Completed)
}

// happened is a time, and none where a server says 1970: what waits for a runner has begun
// then.
func happened(t time.Time) time.Time {
	if t.Unix() <= 0 {
		return time.Time{}
	}
	return t
}

// task is one job of a run, as older servers and Forgejo list them.
type task struct {
	ID       int64     `json:"id"`
	Name     string    `json:"name"`
	Number   int64     `json:"run_number"`
	HeadSHA  string    `json:"head_sha"`
	Branch   string    `json:"head_branch"`
	Workflow string    `json:"workflow_id"`
	Status   string    `json:"status"`
	URL      string    `json:"url"`
	Started  time.Time `json:"run_started_at"`
	Updated  time.Time `json:"updated_at"`
}

func (h *Host) allTasks(ctx context.Context, name string) ([]task, error) {
	var all struct {
		Tasks []task `json:"workflow_runs"`
	}
	err := h.get(ctx, h.repo(name, "actions", "tasks"), url.Values{"limit": {strconv.Itoa(pageSize)}}, &all)
	return all.Tasks, err
}

func (t task) job() githost.Job {
	job := githost.Job{Name: t.Name, State: state(t.Status, ""), Started: happened(t.Started), URL: t.URL}
	if job.State.Ended() {
		job.Ended = t.Updated
	}
	return job
}

// tasks are the runs that the tasks make up.
func (h *Host) tasks(ctx context.Context, name, commit string) ([]githost.Run, error) {
	all, err := h.allTasks(ctx, name)
	if err != nil {
		return nil, h.lacks(ctx, err, "runs of Actions", "1.21")
	}
	var out []githost.Run
	at := map[int64]int{} // by number
	for _, t := range all {
		if commit != "" && t.HeadSHA != commit {
			continue
		}
		i, known := at[t.Number]
		if !known {
			i, at[t.Number] = len(out), len(out)
			out = append(out, githost.Run{ID: number(t.Number), Name: t.Workflow, Commit: t.HeadSHA, Branch: t.Branch, URL: t.URL, Started: happened(t.Started), State: pave.RunDone})
		}
		job := t.job()
		out[i].State = worse(out[i].State, job.State)
		if job.Ended.After(out[i].Ended) {
			out[i].Ended = job.Ended
		}
	}
	for i := range out {
		if !out[i].State.Ended() {
			out[i].Ended = time.Time{}
		}
	}
	return out, nil
}

// jobTasks are the tasks of a run, by its number.
func (h *Host) jobTasks(ctx context.Context, name, run string) ([]githost.Job, error) {
	all, err := h.allTasks(ctx, name)
	var out []githost.Job
	for _, t := range all {
		if number(t.Number) == run {
			out = append(out, t.job())
		}
	}
	return out, err
}

// state is what a server's words for a run are here. What is skipped is done.
func state(status, conclusion string) pave.RunState {
	switch or(conclusion, status) {
	case "success", "skipped", "neutral":
		return pave.RunDone
	case "failure", "error", "timed_out":
		return pave.RunStopped
	case "cancelled", "canceled":
		return pave.RunCanceled
	case "in_progress", "running":
		return pave.RunRunning
	}
	return pave.RunQueued // queued, waiting, blocked, pending, requested
}

// worse is the state of a run with two jobs: one that is not at its end is first, then
// one that failed.
func worse(a, b pave.RunState) pave.RunState {
	rank := map[pave.RunState]int{pave.RunRunning: 4, pave.RunQueued: 3, pave.RunStopped: 2, pave.RunCanceled: 1}
	if rank[b] > rank[a] {
		return b
	}
	return a
}
