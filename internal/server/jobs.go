package server

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/pipeline"
	"github.com/pave-platform/pave/internal/workflow"
)

// buildUID is the user that all builds run as when the node is root; they share
// one Go and one npm cache.
const buildUID = 69999

// passed are the variables of the server that a pipeline may see: where packages
// come from and which certificates hold.
var passed = []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE",
	"GONOPROXY", "GOTOOLCHAIN", "GOFLAGS", "NPM_CONFIG_REGISTRY", "npm_config_registry",
	"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT", "PIP_TRUSTED_HOST", "REQUESTS_CA_BUNDLE", "JAVA_HOME"}

// caches are the folders, by variable, in which builds keep what they downloaded
// and compiled; all builds of this machine share them.
var caches = map[string]string{"GOCACHE": "go-build", "GOMODCACHE": "go-mod", "npm_config_cache": "npm", "PNPM_HOME": "pnpm",
	"YARN_CACHE_FOLDER": "yarn", "PIP_CACHE_DIR": "pip", "GRADLE_USER_HOME": "gradle"}

// jobs runs the programs of pipelines on the node.
type jobs struct {
	node *node.Client
	uid  int // 0: the node's own user
	env  map[string]string
}

var _ pipeline.Jobs = (*jobs)(nil)

func newJobs(c Config, n *node.Client, root bool) *jobs {
	j := &jobs{node: n, env: map[string]string{"CI": "true", "PATH": os.Getenv("PATH")}}
	for k, dir := range caches {
		j.env[k] = c.path("cache", dir)
	}
	j.env["MAVEN_OPTS"] = "-Dmaven.repo.local=" + c.path("cache", "maven")
	if root {
		j.uid = buildUID
		j.env["PATH"] = openPath(j.env["PATH"])
	}
	if dir := nodeHeaders(j.env["PATH"]); dir != "" {
		j.env["npm_package_config_node_gyp_nodedir"] = dir // modules in C++ need no download to be built
	}
	for _, k := range passed {
		if v := os.Getenv(k); v != "" {
			j.env[k] = v
		}
	}
	return j
}

// Env is what every job may see.
func (j *jobs) Env() map[string]string { return j.env }

func (j *jobs) cacheFolders() []string {
	_, maven, _ := strings.Cut(j.env["MAVEN_OPTS"], "=")
	out := []string{maven}
	for k := range caches {
		out = append(out, j.env[k])
	}
	return out
}

// Prepare gives the tree, and the caches, to the user builds run as. Nobody else
// sees into them.
func (j *jobs) Prepare(ctx context.Context, dir string) (cold bool, err error) {
	cold = true
	for _, dir := range j.cacheFolders() {
		entries, _ := os.ReadDir(dir) // not there is as good as empty
		cold = cold && len(entries) == 0
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return cold, pave.Errorf(pave.Unavailable, "make the cache %s: %w", dir, err).WithHint("pave doctor")
		}
		if j.uid != 0 { // the folder they lie in is ours, so this is no link
			if err := errors.Join(os.Lchown(dir, j.uid, j.uid), os.Chmod(dir, 0o700)); err != nil {
				return cold, err
			}
		}
	}
	if j.uid == 0 {
		return cold, nil
	}
	return cold, giveTree(ctx, dir, j.uid)
}

// Look is Invalid where a program of a pipeline is not on this machine.
func (j *jobs) Look(program string) error {
	for _, dir := range filepath.SplitList(j.env["PATH"]) {
		if info, err := os.Stat(filepath.Join(dir, program)); err == nil && !info.IsDir() && info.Mode().Perm()&0o111 != 0 {
			return nil
		}
	}
	return pave.Errorf(pave.Invalid, "%s is needed to build and run this repository, and is not on this machine", program).
		WithHint("%s; then pave retry", installs(program))
}

// TakeBack makes a built tree one that no build can change, not even a program of
// this build that goes on. With root only the user of the service may enter it.
func (j *jobs) TakeBack(ctx context.Context, dir string, service int) error {
	if j.uid == 0 {
		service = 0
	}
	return takeTree(ctx, dir, j.uid, service)
}

// maxKills is how often a job may be killed from outside before that counts as its
// end: a kernel short of memory kills the same job again and again.
const maxKills = 3

// Run starts a job or goes on with it, and waits for its end, whoever dies in
// between: a job that the node lost with its own death, or that somebody killed,
// is started anew.
func (j *jobs) Run(ctx context.Context, job pipeline.Job) (pipeline.Outcome, error) {
	spec := node.Job{ID: job.ID, Dir: job.Dir, Command: job.Command, Vars: job.Env, Secrets: job.Secrets, UID: j.uid, Timeout: job.Timeout}
	st, err := j.node.PutJob(ctx, spec)
	for kills := 0; ; st, err = j.node.Job(ctx, job.ID, 30*time.Second) {
		if err != nil {
			if ctx.Err() != nil {
				j.cancelIfCanceled(ctx, job.ID)
			}
			return pipeline.Outcome{}, err
		}
		if st.Killed {
			kills++
		}
		switch st.State {
		case node.JobDone:
			return pipeline.Outcome{OK: true}, nil
		case node.JobFailed:
			if st.Killed && kills < maxKills {
				if err := j.again(ctx, spec); err != nil {
					return pipeline.Outcome{}, err
				}
				continue
			}
			return pipeline.Outcome{Reason: strings.TrimSpace(st.Reason), LastLines: st.LastLines}, nil
		case node.JobLost:
			if _, err := j.node.PutJob(ctx, spec); err != nil {
				return pipeline.Outcome{}, err
			}
		}
	}
}

// again forgets how a job ended and starts it anew.
func (j *jobs) again(ctx context.Context, spec node.Job) error {
	if err := j.node.DeleteJob(ctx, spec.ID); err != nil {
		return err
	}
	_, err := j.node.PutJob(ctx, spec)
	return err
}

// cancelIfCanceled ends the job of a run that was cancelled or ran out of time;
// one whose server merely stops goes on and is met again.
func (j *jobs) cancelIfCanceled(ctx context.Context, id string) {
	if !workflow.Abandoned(ctx) {
		return
	}
	bye, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	_, _ = j.node.CancelJob(bye, id) // the job's own time limit ends it otherwise
}
