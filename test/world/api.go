package world

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/pave-platform/pave"
)

// A Problem is a refusal of the API.
type Problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Code, p.Detail) }

// plain never keeps a connection: servers come and go here.
var plain = &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil}}

// Client calls the API; whatever its OpenAPI document does not tell fails the test.
func (h *Home) Client() *http.Client {
	return &http.Client{Timeout: plain.Timeout, Transport: h.contract, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Try makes one call of the API. out may be nil, *[]byte for the raw answer, or
// what the answer is decoded into.
func (h *Home) Try(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	s := h.Stat()
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.Token)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := h.Client().Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		p := &Problem{}
		if json.Unmarshal(data, p) != nil || p.Detail == "" {
			p.Detail = string(data)
		}
		p.Status = resp.StatusCode
		return p
	}
	switch out := out.(type) {
	case nil:
		return nil
	case *[]byte:
		*out = data
		return nil
	}
	return json.Unmarshal(data, out)
}

// Call is Try, again and again while no server answers, a new one has another token
// already or there are too many calls: nobody but a person would do less.
func (h *Home) Call(method, path string, in, out any) error {
	var last error
	err := eventually(h.Patience, func() error {
		last = h.Try(context.Background(), method, path, in, out)
		var p *Problem
		if last == nil || errors.As(last, &p) && p.Status != http.StatusUnauthorized && p.Status != http.StatusServiceUnavailable && p.Status != http.StatusTooManyRequests {
			return nil
		}
		return last
	})
	return errors.Join(err, last)
}

// Ask makes one GET and returns what came back, whatever it is; status 0 is no
// answer.
func (h *Home) Ask(path string) (status int, header http.Header, body string) {
	s := h.Stat()
	req, err := http.NewRequest(http.MethodGet, s.URL+path, nil)
	if err != nil {
		return 0, nil, err.Error()
	}
	req.Header.Set("Authorization", "Bearer "+s.Token)
	resp, err := plain.Do(req)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, err.Error()
	}
	return resp.StatusCode, resp.Header, string(data)
}

// A Spec is a service to create.
type Spec struct {
	Name         string         `json:"name"`
	Team         string         `json:"team"`
	Template     string         `json:"template"`
	Environments []string       `json:"environments"`
	Database     string         `json:"database"`
	Cache        string         `json:"cache,omitempty"`
	Queue        string         `json:"queue,omitempty"`
	Bucket       string         `json:"bucket,omitempty"`
	Inputs       map[string]any `json:"inputs,omitempty"`
}

// Fixture is the spec of a service of the fixture template in staging.
func (h *Home) Fixture(name, team, database string) Spec {
	return Spec{Name: name, Team: team, Template: "fixture", Environments: []string{"staging"}, Database: database,
		Inputs: map[string]any{"binary": h.Binaries.Fixture}}
}

// Create asks for a service and returns the id of the run.
func (h *Home) Create(s Spec) (string, error) {
	var out struct {
		Run pave.Run `json:"run"`
	}
	err := h.Call(http.MethodPost, "/v1/services", s, &out)
	if err == nil {
		h.Expect("create service", s.Name)
	}
	return out.Run.ID, err
}

// Change plans a request and applies it. The run is the same however often the
// server dies meanwhile, since the plan is.
func (h *Home) Change(service, verb string, spec any) (string, error) {
	var plan pave.Plan
	if err := h.Call(http.MethodPost, "/v1/plans", map[string]any{"verb": verb, "spec": spec}, &plan); err != nil {
		return "", fmt.Errorf("plan %s: %w", verb, err)
	}
	h.mu.Lock()
	h.plans = append(h.plans, plan.ID)
	h.mu.Unlock()
	var run pave.Run
	if err := h.Call(http.MethodPost, "/v1/plans/"+plan.ID+"/apply", nil, &run); err != nil {
		return "", fmt.Errorf("apply %s: %w", verb, err)
	}
	h.Expect(verb, service)
	return run.ID, nil
}

// Delete asks for nothing to be left of a service.
func (h *Home) Delete(service string) (string, error) {
	return h.Change(service, "delete service", map[string]string{"name": service})
}

// Undo asks for the state before a run. action is what the audit log calls it.
func (h *Home) Undo(service, action, run string) (string, error) {
	id, err := h.Change(service, "undo", map[string]string{"run": run})
	if err == nil && action != "undo" {
		h.expect("undo", service, -1)
		h.Expect(action, service)
	}
	return id, err
}

// Expect adds one to the rows that the audit log must hold of an action on a
// service: each change has started once, however often it was asked for.
func (h *Home) Expect(action, service string) { h.expect(action, service, 1) }

// ExpectExactly sets how often a change must have started, where several ask for
// the same.
func (h *Home) ExpectExactly(action, service string, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.starts[action+" service:"+service] = n
}

func (h *Home) expect(action, service string, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.starts[action+" service:"+service] += n
}

// Run reads a run.
func (h *Home) Run(id string) (pave.Run, error) {
	var run pave.Run
	err := h.Call(http.MethodGet, "/v1/runs/"+id, nil, &run)
	return run, err
}

// Wait waits until a run has ended by itself; any end but done is an error.
func (h *Home) Wait(id string) (pave.Run, error) {
	run, err := h.Ended(id)
	if err == nil && run.State != pave.RunDone {
		err = fmt.Errorf("run %s (%s) is %s: %s", id, run.Title, run.State, run.Reason)
	}
	if err != nil {
		err = errors.Join(err, h.unfinished(run))
	}
	return run, err
}

// Ended waits until a run has ended by itself, however it ends.
func (h *Home) Ended(id string) (run pave.Run, err error) {
	err = eventually(h.Patience, func() (err error) {
		if run, err = h.Run(id); err == nil && !run.State.Ended() {
			err = fmt.Errorf("run %s (%s) is %s: %s", id, run.Title, run.State, run.Reason)
		}
		return err
	})
	return run, err
}

// unfinished names the steps of a run, and of the runs it waits for, that are not
// done.
func (h *Home) unfinished(run pave.Run) error {
	var errs []error
	for _, s := range run.Steps {
		if s.State == pave.StepDone || s.State == pave.StepPending {
			continue
		}
		errs = append(errs, fmt.Errorf("  %s/%s is %s, attempt %d since %s: %s", run.Kind, s.Key, s.State, s.Attempt, s.Started.Format("15:04:05"), s.Reason))
		if child, err := h.Run(s.Child); s.Child != "" && err == nil {
			errs = append(errs, h.unfinished(child))
		}
	}
	return errors.Join(errs...)
}

// Stopped is an error that names every run that stopped, and why.
func (h *Home) Stopped() error {
	var out struct{ Items []pave.Run }
	if err := h.Call(http.MethodGet, "/v1/runs?state=stopped", nil, &out); err != nil {
		return err
	}
	var errs []error
	for _, r := range out.Items {
		errs = append(errs, fmt.Errorf("run %s (%s) stopped: %s", r.ID, r.Title, r.Reason))
	}
	return errors.Join(errs...)
}

// Runs lists the runs of a service of a kind, newest first.
func (h *Home) Runs(service, kind string) ([]pave.Run, error) {
	var out struct{ Items []pave.Run }
	err := h.Call(http.MethodGet, "/v1/runs?service="+url.QueryEscape(service)+"&kind="+kind, nil, &out)
	return out.Items, err
}

// Commit clones a repository, commits files to it with the real git and pushes,
// again while the server dies on it. It returns the commit.
func (h *Home) Commit(service string, files map[string]string) (string, error) {
	return h.CommitTo(func() string {
		s := h.Stat()
		return strings.Replace(s.URL, "http://", "http://pave:"+s.Token+"@", 1) + "/git/" + service + ".git"
	}, files)
}

// CommitTo is Commit for a repository at an address, which is asked for at each try.
func (h *Home) CommitTo(remote func() string, files map[string]string) (string, error) {
	dir, err := os.MkdirTemp("", "clone-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	tree := filepath.Join(dir, "tree")
	if err := eventually(h.Patience, func() error { _, err := git(dir, "clone", "-q", remote(), tree); return err }); err != nil {
		return "", err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(tree, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	for _, args := range [][]string{{"add", "."}, {"-c", "user.name=dev", "-c", "user.email=dev@localhost", "commit", "-q", "-m", "a change"}} {
		if _, err := git(tree, args...); err != nil {
			return "", err
		}
	}
	if err := eventually(h.Patience, func() error { _, err := git(tree, "push", "-q", remote(), "HEAD:main"); return err }); err != nil {
		return "", err
	}
	head, err := git(tree, "rev-parse", "HEAD")
	return strings.TrimSpace(head), err
}

// Has reports whether the main branch of a repository has a commit.
func (h *Home) Has(service, commit string) bool {
	_, err := git(filepath.Join(h.Dir, "git", service+".git"), "merge-base", "--is-ancestor", commit, "main")
	return err == nil
}

func git(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "NO_PROXY=127.0.0.1",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*") // repositories of other users too
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, out)
	}
	return string(out), nil
}

// Built waits for the pipeline of a commit, and with it for its rollout. It
// returns the pipeline's run.
func (h *Home) Built(service, commit string) (string, error) {
	var id string
	err := eventually(h.Patience, func() error {
		runs, err := h.Runs(service, "pipeline")
		if err != nil {
			return err
		}
		for _, r := range runs {
			if strings.Contains(string(r.Input), commit) {
				id = r.ID
				return nil
			}
		}
		return fmt.Errorf("no pipeline of %s was started", commit)
	})
	if err != nil {
		return "", err
	}
	_, err = h.Wait(id)
	return id, err
}

// Get asks a service over the router and returns its answer.
func (h *Home) Get(service, env, path string) (status int, body map[string]any, err error) {
	req, err := http.NewRequest(http.MethodGet, "http://"+h.Stat().Router+path, nil)
	if err != nil {
		return 0, nil, err
	}
	req.Host = service + "." + env + ".localhost"
	resp, err := plain.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	_ = json.Unmarshal(data, &body)
	return resp.StatusCode, body, err
}
