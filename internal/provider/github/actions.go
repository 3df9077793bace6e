package github

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strconv"

	api "github.com/google/go-github/v92/github"
	"golang.org/x/crypto/nacl/box"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/githost"
)

// Environments are those that workflows may deploy to.
func (h *host) Environments(ctx context.Context, name string) ([]string, error) {
	var out []string
	err := pages(func(o api.ListOptions) (*api.Response, error) {
		all, resp, err := h.Repositories.ListEnvironments(ctx, h.org, name, &api.EnvironmentListOptions{ListOptions: o})
		if err != nil {
			return resp, err
		}
		for _, e := range all.Environments {
			out = append(out, e.GetName())
		}
		return resp, nil
	})
	return out, problem("list environments of "+name, err)
}

// AddEnvironment makes an environment without rules: those are people's. The body is
// empty, since a plan may not have any of them.
func (h *host) AddEnvironment(ctx context.Context, name, env string) error {
	req, err := h.NewRequest(ctx, http.MethodPut, "repos/"+h.org+"/"+name+"/environments/"+env, struct{}{})
	if err == nil {
		_, err = h.Do(req, nil)
	}
	return problem("make environment "+env+" of "+name, err)
}

// Variables are those of all workflows, or of those that deploy to env.
func (h *host) Variables(ctx context.Context, name, env string) (map[string]string, error) {
	out := map[string]string{}
	err := pages(func(o api.ListOptions) (*api.Response, error) {
		o.PerPage = 30 // the most that GitHub gives
		var all *api.ActionsVariables
		var resp *api.Response
		var err error
		if env == "" {
			all, resp, err = h.Actions.ListRepoVariables(ctx, h.org, name, &o)
		} else {
			all, resp, err = h.Actions.ListEnvVariables(ctx, h.org, name, env, &o)
		}
		if err != nil {
			return resp, err
		}
		for _, v := range all.Variables {
			out[v.Name] = v.Value
		}
		return resp, nil
	})
	return out, problem("list variables of "+name, err)
}

// SetVariable changes a variable, or makes it.
func (h *host) SetVariable(ctx context.Context, name, env, key, value string) error {
	has, err := h.Variables(ctx, name, env)
	if err != nil {
		return err
	}
	if _, there := has[key]; !there {
		if err = h.createVariable(ctx, name, env, key, value); pave.CodeOf(err) != pave.Conflict { // another call was first
			return err
		}
	}
	change := api.ActionsUpdateVariableRequest{Name: &key, Value: &value}
	if env == "" {
		_, err = h.Actions.UpdateRepoVariable(ctx, h.org, name, key, change)
	} else {
		_, err = h.Actions.UpdateEnvVariable(ctx, h.org, name, env, key, change)
	}
	return problem("set variable "+key+" of "+name, err)
}

func (h *host) createVariable(ctx context.Context, name, env, key, value string) (err error) {
	create := api.ActionsCreateVariableRequest{Name: key, Value: value}
	if env == "" {
		_, err = h.Actions.CreateRepoVariable(ctx, h.org, name, create)
	} else {
		_, err = h.Actions.CreateEnvVariable(ctx, h.org, name, env, create)
	}
	return problem("set variable "+key+" of "+name, err)
}

// SecretNames are those that are set.
func (h *host) SecretNames(ctx context.Context, name, env string) ([]string, error) {
	var out []string
	err := pages(func(o api.ListOptions) (*api.Response, error) {
		var all *api.Secrets
		var resp *api.Response
		var err error
		if env == "" {
			all, resp, err = h.Actions.ListRepoSecrets(ctx, h.org, name, &o)
		} else {
			all, resp, err = h.Actions.ListEnvSecrets(ctx, h.org, name, env, &o)
		}
		if err != nil {
			return resp, err
		}
		for _, s := range all.Secrets {
			out = append(out, s.Name)
		}
		return resp, nil
	})
	return out, problem("list secrets of "+name, err)
}

// SetSecret seals a value with the key of the repository: only GitHub opens it.
func (h *host) SetSecret(ctx context.Context, name, env, key string, value pave.Secret) error {
	what := "set secret " + key + " of " + name
	var public *api.PublicKey
	var err error
	if env == "" {
		public, _, err = h.Actions.GetRepoPublicKey(ctx, h.org, name)
	} else {
		public, _, err = h.Actions.GetEnvPublicKey(ctx, h.org, name, env)
	}
	if err != nil {
		return problem(what, err)
	}
	text, err := sealedFor(public.GetKey(), value)
	if err != nil {
		return problem(what, err)
	}
	body := api.SecretRequest{KeyID: public.GetKeyID(), EncryptedValue: text}
	if env == "" {
		_, err = h.Actions.CreateOrUpdateRepoSecret(ctx, h.org, name, key, body)
	} else {
		_, err = h.Actions.CreateOrUpdateEnvSecret(ctx, h.org, name, env, key, body)
	}
	return problem(what, err)
}

// DropVariable takes a variable back.
func (h *host) DropVariable(ctx context.Context, name, env, key string) (err error) {
	if env == "" {
		_, err = h.Actions.DeleteRepoVariable(ctx, h.org, name, key)
	} else {
		_, err = h.Actions.DeleteEnvVariable(ctx, h.org, name, env, key)
	}
	return absent(problem("drop variable "+key+" of "+name, err))
}

// DropSecret takes a secret back.
func (h *host) DropSecret(ctx context.Context, name, env, key string) (err error) {
	if env == "" {
		_, err = h.Actions.DeleteRepoSecret(ctx, h.org, name, key)
	} else {
		_, err = h.Actions.DeleteEnvSecret(ctx, h.org, name, env, key)
	}
	return absent(problem("drop secret "+key+" of "+name, err))
}

func absent(err error) error {
	if pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	return err
}

// sealedFor is a sealed box for a public key, both in base64.
func sealedFor(public string, value pave.Secret) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(public)
	if err != nil || len(raw) != 32 {
		return "", pave.Errorf(pave.Unavailable, "the public key of the repository is none")
	}
	box, err := box.SealAnonymous(nil, []byte(value.Reveal()), (*[32]byte)(raw), rand.Reader)
	return base64.StdEncoding.EncodeToString(box), err
}

// Runs are the runs of workflows for a commit, with their jobs.
func (h *host) Runs(ctx context.Context, name, commit string) ([]githost.Run, error) {
	var out []githost.Run
	o := &api.ListWorkflowRunsOptions{HeadSHA: commit, ListOptions: api.ListOptions{PerPage: perPage}}
	all, _, err := h.Actions.ListRepositoryWorkflowRuns(ctx, h.org, name, o)
	if err != nil {
		return nil, problem("list workflow runs of "+name, err)
	}
	for _, r := range all.WorkflowRuns {
		run := githost.Run{ID: strconv.FormatInt(r.GetID(), 10), Name: r.GetName(), State: stateOf(r.GetStatus(), r.GetConclusion()),
			Commit: r.GetHeadSHA(), Branch: r.GetHeadBranch(), URL: r.GetHTMLURL(), Started: r.GetRunStartedAt().Time}
		if run.State.Ended() {
			run.Ended = r.GetUpdatedAt().Time
		}
		out = append(out, run)
	}
	return out, nil
}

// Jobs are those of a run.
func (h *host) Jobs(ctx context.Context, name, run string) ([]githost.Job, error) {
	id, err := strconv.ParseInt(run, 10, 64)
	if err != nil {
		return nil, pave.BadField("run", run, "is no run of GitHub's", "a number")
	}
	var out []githost.Job
	err = pages(func(o api.ListOptions) (*api.Response, error) {
		all, resp, err := h.Actions.ListWorkflowJobs(ctx, h.org, name, id, &api.ListWorkflowJobsOptions{ListOptions: o})
		if err != nil {
			return resp, err
		}
		for _, j := range all.Jobs {
			out = append(out, githost.Job{Name: j.GetName(), State: stateOf(j.GetStatus(), j.GetConclusion()), URL: j.GetHTMLURL(),
				Started: j.GetStartedAt().Time, Ended: j.GetCompletedAt().Time})
		}
		return resp, nil
	})
	return out, problem("list jobs of "+name, err)
}

// stateOf is a state of Actions in pave's words.
func stateOf(status, conclusion string) pave.RunState {
	switch {
	case status == "in_progress":
		return pave.RunRunning
	case status != "completed":
		return pave.RunQueued
	}
	switch conclusion {
	case "success", "neutral", "skipped":
		return pave.RunDone
	case "cancelled":
		return pave.RunCanceled
	}
	return pave.RunStopped
}
