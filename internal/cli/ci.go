package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
	"github.com/pave-platform/pave/internal/pipeline"
	"github.com/spf13/cobra"
)

// ciStep is how one step of a pipeline went.
type ciStep struct {
	Name    string   `json:"name"`
	Command []string `json:"command"`
	State   string   `json:"state"` // done, failed, skipped
	Reason  string   `json:"reason,omitempty"`
	Took    float64  `json:"took_seconds"`
}

// ciPassed are variables of the caller that steps may see, beside those that begin
// with one of ciPrefixes and the addresses of databases, caches and queues.
var ciPassed = []string{"PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "XDG_CACHE_HOME", "JAVA_HOME", "VIRTUAL_ENV"}

var ciPrefixes = []string{"GO", "NODE_EXTRA_", "npm_config_", "NPM_CONFIG_", "PIP_", "MAVEN_", "GRADLE_", "YARN_", "PNPM_", "CI_"}

func (a *app) ci() *cobra.Command {
	cmd := &cobra.Command{
		Use: "ci", Short: "Run the pipeline of the folder you are in, without a server",
		Long: "Run the steps of the repository's pipeline one after the other, as a push would, in the\n" +
			"folder itself: what is detected from its files, with .pave/pipeline.yaml over it. Steps\n" +
			"see PATH, HOME, package caches and proxies, DATABASE_URL, REDIS_URL, QUEUE_URL and the like, and\n" +
			"variables that begin with CI_, and nothing else of your environment.\n\n" +
			"On a terminal a step that went well is one line, and one that failed opens its log;\n" +
			"elsewhere, and with --verbose, all output is shown. Exit code 1 where a step fails.",
		Example: examples("pave ci", "pave ci --list", "pave ci --only test --verbose"),
		Args:    exactly(),
	}
	v := viewFlags(cmd, ciStep{})
	var dir, only string
	var list bool
	cmd.Flags().StringVar(&dir, "dir", ".", "the `FOLDER` of the repository")
	cmd.Flags().StringVar(&only, "only", "", "only the step of this `NAME`, and the dependencies")
	cmd.Flags().BoolVar(&list, "list", false, "say which steps there are, and run none")
	over := overrideFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := v.check(); err != nil {
			return err
		}
		pipe, err := a.detectHere(dir, *over)
		if err != nil {
			return err
		}
		steps, err := stepsOf(pipe, only)
		if err != nil {
			return err
		}
		c := &ciRun{app: a, dir: dir, show: !v.data(), list: list}
		err = c.all(cmd.Context(), steps)
		if v.data() {
			err = errors.Join(v.write(cmd.Context(), a.out, c.done), err)
		}
		return err
	}
	return cmd
}

// detectHere reads the pipeline of a folder.
func (a *app) detectHere(dir string, over pave.Override) (pipeline.Pipeline, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return pipeline.Pipeline{}, pave.BadField("dir", dir, "cannot be opened: "+err.Error(), "name the folder of a repository")
	}
	defer root.Close()
	pipe, err := pipeline.Detect(root.FS(), over)
	if err != nil && len(pipe.Steps) > 0 && len(pipe.Command) == 0 {
		return pipe, nil // it can be tested, though nothing says how it is started
	}
	return pipe, err
}

func stepsOf(pipe pipeline.Pipeline, only string) ([]pipeline.Step, error) {
	var out []pipeline.Step
	var names []string
	found := only == ""
	for _, s := range pipe.Steps {
		names = append(names, s.Name)
		if only == "" || s.Name == only || s.Name == "dependencies" {
			out = append(out, s)
		}
		found = found || s.Name == only
	}
	if !found {
		hint := "its steps are " + strings.Join(names, ", ")
		if near := pave.DidYouMean(only, names); near != "" {
			hint = "did you mean " + near + "?"
		}
		return nil, pave.BadField("only", only, "is no step of this pipeline", hint)
	}
	return out, nil
}

// A ciRun runs steps in a folder.
type ciRun struct {
	app  *app
	dir  string
	show bool
	list bool
	done []ciStep
}

func (c *ciRun) all(ctx context.Context, steps []pipeline.Step) error {
	env := ciEnvironment()
	dir, err := filepath.Abs(c.dir)
	if err != nil {
		return err
	}
	var failed *ciStep
	for _, s := range steps {
		result := ciStep{Name: s.Name, Command: s.Run, State: "skipped"}
		if !c.list && failed == nil {
			if err := c.step(ctx, dir, s, env, &result); err != nil {
				return err
			}
		}
		c.line(result)
		c.done = append(c.done, result)
		if result.State == "failed" {
			failed = &result
		}
	}
	if failed != nil {
		return &exitError{exitFailed, pave.Errorf(pave.Invalid, "step %s failed: %s", failed.Name, failed.Reason).
			WithHint("%s shows only that step", "pave ci --only "+failed.Name+" --verbose")}
	}
	return nil
}

func (c *ciRun) line(s ciStep) {
	if !c.show {
		return
	}
	switch s.State {
	case "done":
		fmt.Fprintf(c.app.out, "%s %s %.1fs\n", c.app.paint(green, "[+]"), pad(s.Name, 16), s.Took)
	case "failed":
		fmt.Fprintf(c.app.out, "%s %s %s\n", c.app.paint(red, "[!]"), pad(s.Name, 16), oneLine(s.Reason))
	default:
		fmt.Fprintf(c.app.out, "    %s %s\n", pad(s.Name, 16), oneLine(strings.Join(s.Command, " ")))
	}
}

// step runs one program to its end. The error says that it could not be run at all.
func (c *ciRun) step(ctx context.Context, dir string, s pipeline.Step, env map[string]string, into *ciStep) error {
	open := c.show && (c.app.verbose || !c.app.tty.out)
	tail := job.NewTail(60)
	var mu sync.Mutex
	began := time.Now()
	res, err := job.Run(ctx, job.Spec{Dir: dir, Command: s.Run, Env: env, Timeout: pipeline.StepTimeout, Output: func(l job.Line) {
		mu.Lock()
		defer mu.Unlock()
		tail.Add(l.Text)
		if open {
			fmt.Fprintf(c.app.err, "%s | %s\n", s.Name, clean(l.Text))
		}
	}})
	into.Took = time.Since(began).Seconds()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case res.OK():
		into.State = "done"
		return nil
	}
	into.State, into.Reason = "failed", fmt.Sprintf("%s: %s", strings.Join(s.Run, " "), res.Reason())
	if c.show && !open {
		for _, text := range tail.Lines() {
			fmt.Fprintf(c.app.err, "    | %s\n", clean(text))
		}
	}
	return nil
}

// ciEnvironment is what steps see of the environment of the caller.
func ciEnvironment() map[string]string {
	env := map[string]string{"CI": "true"}
	for _, pair := range os.Environ() {
		key, value, _ := strings.Cut(pair, "=")
		begins := func(prefix string) bool { return strings.HasPrefix(key, prefix) }
		if slices.Contains(ciPassed, key) || slices.ContainsFunc(ciPrefixes, begins) || isAddress(key) {
			env[key] = value
		}
	}
	return env
}

// isAddress reports whether a variable says where a database, cache or queue is. Those of
// buckets are the caller's own keys for a cloud as likely as those of a test's.
func isAddress(name string) bool {
	return slices.ContainsFunc(pave.Backings, func(e pave.Engine) bool {
		return e.Kind != pave.KindBucket && slices.ContainsFunc(e.Variables, func(v pave.BackingVariable) bool { return v.Name == name })
	})
}
