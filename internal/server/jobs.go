package server

import (
	"context"
	"io/fs"
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
	"GONOPROXY", "GOTOOLCHAIN", "GOFLAGS", "NPM_CONFIG_REGISTRY", "npm_config_registry"}

// jobs runs the programs of pipelines on the node.
type jobs struct {
	node *node.Client
	uid  int // 0: the node's own user
	env  map[string]string
}

var _ pipeline.Jobs = (*jobs)(nil)

func newJobs(c Config, n *node.Client, root bool) *jobs {
	j := &jobs{node: n, env: map[string]string{"CI": "true", "PATH": os.Getenv("PATH"), "GOCACHE": c.path("cache", "go-build"),
		"GOMODCACHE": c.path("cache", "go-mod"), "npm_config_cache": c.path("cache", "npm")}}
	if root {
		j.uid = buildUID
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

// Prepare gives the tree, and the caches, to the user builds run as.
func (j *jobs) Prepare(ctx context.Context, dir string) (cold bool, err error) {
	entries, _ := os.ReadDir(j.env["GOCACHE"]) // not there is as good as empty
	cold = len(entries) == 0
	for _, k := range []string{"GOCACHE", "GOMODCACHE", "npm_config_cache"} {
		if err := os.MkdirAll(j.env[k], 0o755); err != nil {
			return cold, pave.Errorf(pave.Unavailable, "make the cache %s: %w", j.env[k], err).WithHint("pave doctor")
		}
		if j.uid != 0 {
			if err := os.Lchown(j.env[k], j.uid, j.uid); err != nil {
				return cold, err
			}
		}
	}
	if j.uid == 0 {
		return cold, nil
	}
	return cold, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, j.uid, j.uid)
	})
}

// TakeBack makes a built tree read-only to everybody but the server, so that no
// later build can change a release. Nothing follows a symbolic link.
func (j *jobs) TakeBack(ctx context.Context, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if j.uid != 0 {
			if err := os.Lchown(path, os.Getuid(), os.Getgid()); err != nil {
				return err
			}
		}
		info, err := d.Info()
		if err != nil || info.Mode()&fs.ModeSymlink != 0 {
			return err
		}
		mode := info.Mode().Perm()&^0o022 | 0o444
		if d.IsDir() {
			mode |= 0o755
		} else if mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode)
	})
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
