package github_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	nethttp "net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/provider/githost"
	"github.com/pave-platform/pave/internal/provider/github"
	"github.com/pave-platform/pave/internal/provider/gitlocal"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
	hub "github.com/pave-platform/pave/test/githost/github"
)

// rendered stands for the templates.
type rendered struct{ more []git.File }

func (r rendered) Render(ctx context.Context, s resource.RepositorySpec) ([]git.File, error) {
	files := []git.File{{Path: "README.md", Mode: 0o644, Data: []byte("# " + string(s.Service) + "\n")}}
	return append(files, r.more...), ctx.Err()
}

// vault opens the secrets of the test's binding.
type vault map[string]pave.Secret

func (v vault) Get(_ context.Context, id string) (pave.Secret, error) {
	if s, ok := v[id]; ok {
		return s, nil
	}
	return pave.Secret{}, pave.Errorf(pave.NotFound, "no secret %s", id)
}

// A rig is a driver and the GitHub it works with.
type rig struct {
	*githost.Driver
	hub   *hub.Server
	vault vault
	bound resource.Bound
}

func newRig(t *testing.T, settings ...string) *rig {
	t.Helper()
	server := hub.New(t)
	r := &rig{hub: server, vault: vault{"token": server.Token(), "key": server.Key()}}
	r.bound = resource.Bound{Settings: map[string]string{"org": hub.Org, "url": server.URL, "allow": "127.0.0.1"}, Secrets: map[string]string{"token": "token"}}
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		r.bound.Settings[key] = value
	}
	r.Driver = &githost.Driver{Vendor: &github.Vendor{}, Vault: r.vault,
		Mirror:   gitlocal.Driver{Dir: filepath.Join(t.TempDir(), "git"), Hooks: t.TempDir(), Trees: rendered{}},
		Bindings: func(context.Context) ([]resource.Bound, error) { return []resource.Bound{r.bound}, nil },
		HookURL:  func(r resource.Resource) string { return "https://pave.example.com/hooks/" + r.ID },
		Derive:   func(purpose, id string) pave.Secret { return pave.NewSecret(purpose + id) }}
	return r
}

// asApp signs in as an App instead.
func (r *rig) asApp() {
	delete(r.bound.Settings, "token")
	r.bound.Settings["app_id"], r.bound.Settings["installation_id"] = hub.App, hub.Installation
	r.bound.Secrets = map[string]string{"private_key": "key"}
}

var names atomic.Int64

func (r *rig) fresh() resource.Resource {
	name := fmt.Sprintf("shop%d", names.Add(1))
	spec, err := json.Marshal(struct {
		resource.RepositorySpec
		Binding resource.Bound `json:"binding"`
	}{resource.RepositorySpec{Service: pave.Name(name), Team: hub.Team, Template: "go-http", Version: "1.0", Description: "Sells\n things",
		Environments: []pave.Name{"staging", "production"}}, r.bound})
	if err != nil {
		panic(err) // plain data
	}
	return resource.Resource{ID: pave.NewID("res"), ExternalID: name, Spec: spec,
		Ref: pave.Ref{Kind: pave.KindRepository, Service: pave.Name(name), Name: name}}
}

func (r *rig) apply(t *testing.T, res resource.Resource) resource.State {
	t.Helper()
	st, err := r.Apply(t.Context(), res)
	if err != nil || !st.Ready {
		t.Fatalf("Apply: %+v, %v (%s)", st, err, pave.HintOf(err))
	}
	return st
}

// run runs the real git, with a person as author.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@localhost", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@localhost"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// push adds a commit to a branch of a repository on the host, over its protocol.
func (r *rig) push(t *testing.T, name, branch, text string) {
	t.Helper()
	r.pushFile(t, name, branch, "main.go", text)
}

// pushFile pushes a commit on top of main that has a file, or has it not where text is "".
func (r *rig) pushFile(t *testing.T, name, branch, file, text string) {
	t.Helper()
	clone := filepath.Join(t.TempDir(), "clone")
	url := strings.Replace(r.hub.URL, "http://", "http://x-access-token:"+r.hub.Token().Reveal()+"@", 1)
	run(t, "/", "clone", "-q", url+"/"+hub.Org+"/"+name+".git", clone)
	err := os.Remove(filepath.Join(clone, file))
	if text != "" {
		err = os.WriteFile(filepath.Join(clone, file), []byte(text), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	run(t, clone, "add", ".")
	run(t, clone, "commit", "-q", "-m", "work")
	run(t, clone, "push", "-q", "origin", "HEAD:refs/heads/"+branch)
}

func TestContract(t *testing.T) {
	t.Parallel()
	for name, lag := range map[string]time.Duration{"at once": 0, "reads are late": 100 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t)
			rig.hub.Lag = lag
			resourcetest.Run(t, resourcetest.Config{
				New: func(*testing.T) (resource.Driver, func() resource.Resource) { return rig.Driver, rig.fresh },
				Foreign: func(t *testing.T, r resource.Resource) func() string {
					rig.hub.Add(r.ExternalID, "theirs", "mine")
					time.Sleep(lag)
					return func() string {
						seen, _ := rig.hub.See(r.ExternalID)
						return fmt.Sprint(seen)
					}
				},
				Fill: func(t *testing.T, r resource.Resource, _ resource.State) {
					rig.push(t, r.ExternalID, "main", "package main\n")
					rig.push(t, r.ExternalID, "idea", "package idea\n")
					if _, err := rig.Follow(t.Context(), r); err != nil {
						t.Fatal(err)
					}
				},
				Seen: func(t *testing.T, r resource.Resource, _ resource.State) string {
					dir := rig.hub.Dir(r.ExternalID)
					return run(t, dir, "log", "--all", "--format=%H %an %s") + run(t, dir, "for-each-ref") +
						run(t, filepath.Join(rig.Mirror.Dir, r.ExternalID+".git"), "for-each-ref")
				},
				Within: time.Minute,
			})
		})
	}
}

// What is made is as the binding says, and nothing on it is left of the mark.
func TestWhatIsMade(t *testing.T) {
	t.Parallel()
	rig := newRig(t, "topics=go,shop", "reviews=2", "variables=PAVE_VERSION=v1,REGION=eu")
	rig.vault["secrets"] = pave.NewSecret("NPM_TOKEN=s3cret=x\nOTHER=y\n")
	rig.bound.Secrets["secrets"] = "secrets"
	rig.Mirror.Trees = rendered{[]git.File{{Path: ".github/CODEOWNERS", Mode: 0o644, Data: []byte("# owners\n* @squad\n/docs @squad-docs\n")}}}
	r := rig.fresh()
	st := rig.apply(t, r)
	seen, _ := rig.hub.See(r.ExternalID)
	want := hub.Seen{Name: r.ExternalID, Description: "Sells things", Visibility: "private", DefaultBranch: "main",
		Topics: []string{"pave-" + strings.ReplaceAll(strings.ToLower(r.ID), "_", "-"), "go", "shop"}, Envs: []string{"staging", "production"},
		Teams: map[string]string{hub.Team: "push"}, Variables: map[string]string{"PAVE_VERSION": "v1", "REGION": "eu"},
		Secrets: map[string]string{"NPM_TOKEN": "s3cret=x", "OTHER": "y"}, EnvSecrets: seen.EnvSecrets, EnvVariables: seen.EnvVariables,
		Hooks: []map[string]any{{"url": rig.HookURL(r), "content_type": "json", "insecure_ssl": "0", "secret": "webhook of a git host" + r.ID}}}
	if got, want := fmt.Sprint(seen), fmt.Sprint(want); got != want {
		t.Errorf("made\n%s\nwant\n%s", got, want)
	}
	reviews, _ := rig.hub.Protection(r.ExternalID)["required_pull_request_reviews"].(map[string]any)
	if fmt.Sprint(reviews["required_approving_review_count"], reviews["require_code_owner_reviews"]) != "2 true" {
		t.Errorf("reviews %v", reviews)
	}
	if got := run(t, rig.hub.Dir(r.ExternalID), "show", "main:.github/CODEOWNERS"); got != "# owners\n* @acme/squad\n/docs @squad-docs\n" {
		t.Errorf("CODEOWNERS %q", got)
	}
	if st.Outputs["page"] != rig.hub.URL+"/acme/"+r.ExternalID || st.Outputs["address"] != st.Outputs["page"]+".git" {
		t.Errorf("outputs %v", st.Outputs)
	}
	if drift, err := rig.Drift(t.Context(), r); err != nil || len(drift) > 0 {
		t.Errorf("drift %v, %v", drift, err)
	}
}

// Whatever call is the last before the answer is lost, or refused for a while, a
// further Apply finishes, and nothing is there twice.
func TestEveryCallMayBeTheLast(t *testing.T) {
	t.Parallel()
	probe := newRig(t, "topics=go", "variables=A=b")
	first := probe.fresh()
	probe.apply(t, first)
	calls := len(probe.hub.Calls)
	if calls < 15 {
		t.Fatalf("only %d calls: %v", calls, probe.hub.Calls)
	}
	faults := []hub.Fault{{Cut: true, After: true}, {Status: 502, Body: "<html>"}}
	if os.Getenv("PAVE_TEST_REAL") != "" {
		faults = append(faults, hub.Fault{Cut: true}, hub.Fault{Status: 500, Body: `{"message":"no"}`, After: true})
	}
	for _, fault := range faults {
		t.Run(fmt.Sprintf("%+v", fault), func(t *testing.T) {
			t.Parallel()
			rig := newRig(t, "topics=go", "variables=A=b")
			for i := range calls {
				n := 0
				rig.hub.Lock()
				rig.hub.Fault = func(*nethttp.Request) *hub.Fault {
					if n++; n == i+1 {
						f := fault
						return &f
					}
					return nil
				}
				rig.hub.Unlock()
				r := rig.fresh()
				_, err := rig.Apply(t.Context(), r)
				if pave.CodeOf(err) != pave.Unavailable && err != nil {
					t.Fatalf("call %d: %v", i, err)
				}
				rig.apply(t, r)
				if drift, err := rig.Drift(t.Context(), r); err != nil || len(drift) > 0 {
					t.Errorf("call %d: drift %v, %v", i, drift, err)
				}
				seen, _ := rig.hub.See(r.ExternalID)
				if len(seen.Hooks) != 1 || seen.Description != "Sells things" {
					t.Errorf("call %d: %+v", i, seen)
				}
			}
		})
	}
}

// What GitHub shows nobody is known all the same: a secret of the binding that has another
// value by now is drift, and is set.
func TestSecretsOfTheBindingChange(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	rig.vault["secrets"] = pave.NewSecret("NPM_TOKEN=pvcnry-one")
	rig.bound.Secrets["secrets"] = "secrets"
	r := rig.fresh()
	rig.apply(t, r)
	rig.vault["secrets"] = pave.NewSecret("NPM_TOKEN=pvcnry-two")
	if drift, err := rig.Drift(t.Context(), r); err != nil || len(drift) != 1 || strings.Contains(drift[0], "pvcnry") {
		t.Errorf("drift %q, %v", drift, err)
	}
	rig.apply(t, r)
	seen, _ := rig.hub.See(r.ExternalID)
	if drift, err := rig.Drift(t.Context(), r); err != nil || len(drift) > 0 || seen.Secrets["NPM_TOKEN"] != "pvcnry-two" {
		t.Errorf("drift %q, %v; secrets %v", drift, err, seen.Secrets)
	}
	note, err := git.Note(filepath.Join(rig.Mirror.Dir, r.ExternalID+".git"), "host-secrets")
	if err != nil || note == "" || strings.Contains(note, "pvcnry") {
		t.Errorf("the mirror has %q, %v", note, err)
	}
}

func TestDriftIsFoundAndMended(t *testing.T) {
	t.Parallel()
	rig := newRig(t, "topics=go", "variables=A=b")
	r := rig.fresh()
	rig.apply(t, r)
	mark := "pave-" + strings.ReplaceAll(strings.ToLower(r.ID), "_", "-")
	for want, change := range map[string]func(*hub.Seen){
		"it is public, not private":         func(s *hub.Seen) { s.Visibility = "public" },
		`its default branch is "idea"`:      func(s *hub.Seen) { s.DefaultBranch = "idea" },
		"it is archived":                    func(s *hub.Seen) { s.Archived = true },
		"it lacks topic go":                 func(s *hub.Seen) { s.Topics = []string{mark} },
		"team squad may not write":          func(s *hub.Seen) { s.Teams = map[string]string{hub.Team: "pull"} },
		"it lacks environment production":   func(s *hub.Seen) { s.Envs = []string{"staging"} },
		"it lacks variable A":               func(s *hub.Seen) { s.Variables = map[string]string{"A": "c"} },
		"its webhook is gone, so that push": func(s *hub.Seen) { s.Hooks = nil },
	} {
		rig.hub.Edit(r.ExternalID, change)
		drift, err := rig.Drift(t.Context(), r)
		if err != nil || len(drift) != 1 || !strings.HasPrefix(drift[0], want) {
			t.Errorf("drift %q, %v; want %q", drift, err, want)
		}
		rig.apply(t, r)
		if drift, err := rig.Drift(t.Context(), r); err != nil || len(drift) > 0 {
			t.Errorf("after %s was mended: %q, %v", want, drift, err)
		}
	}
	// What people add to the protection stays.
	p := maps.Clone(rig.hub.Protection(r.ExternalID))
	p["required_pull_request_reviews"] = nil
	p["required_linear_history"], p["enforce_admins"] = true, true
	p["required_status_checks"] = map[string]any{"strict": true, "checks": []any{map[string]any{"context": "lint"}}}
	rig.hub.SetProtection(r.ExternalID, p)
	if drift, err := rig.Drift(t.Context(), r); err != nil || !slices.Equal(drift, []string{"main needs 0 reviews, not 1"}) {
		t.Errorf("drift %q, %v", drift, err)
	}
	rig.apply(t, r)
	text, _ := json.Marshal(rig.hub.Protection(r.ExternalID))
	for _, want := range []string{`"required_linear_history":true`, `"enforce_admins":true`, `"context":"lint"`, `"required_approving_review_count":1`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	if err := os.RemoveAll(filepath.Join(rig.Mirror.Dir, r.ExternalID+".git")); err != nil {
		t.Fatal(err)
	}
	rig.push(t, r.ExternalID, "main", "two")
	if st, err := rig.Observe(t.Context(), r); err != nil || st.Ready {
		t.Errorf("without its mirror: %+v, %v", st, err)
	}
	if st := rig.apply(t, r); st.Version != strings.TrimSpace(run(t, rig.hub.Dir(r.ExternalID), "rev-parse", "main")) {
		t.Errorf("the mirror is at %s", st.Version)
	}
}
