package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/source"
	"github.com/pave-platform/pave/internal/template"
	"github.com/spf13/cobra"
)

const goldenFolder = "golden"

func (a *app) templateTest() *cobra.Command {
	cmd := &cobra.Command{
		Use: "test SOURCE", Short: "Try a template: golden trees, then a live service that is asked and taken away",
		Long: "Try every check of a template (one with default values where it has none): the rendered\n" +
			"tree against golden/CHECK beside template.yaml, where that folder is there; then a service\n" +
			"made live on this machine, with the pipeline's build and unit tests; then the check's\n" +
			"requests, and readiness; then everything is taken away again.\n\n" +
			"--update writes the golden trees anew; --no-live leaves the service out.",
		Example: examples("pave template test ./web-service", "pave template test ./web-service --update --no-live", "pave template test go-http --check default"),
		Args:    sourceArg(),
	}
	var update, noLive bool
	var only string
	cmd.Flags().BoolVar(&update, "update", false, "write the golden trees")
	cmd.Flags().BoolVar(&noLive, "no-live", false, "make no service")
	cmd.Flags().StringVar(&only, "check", "", "only the check of this `NAME`")
	a.completeSource(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := a.loadTemplate(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		trial := &trial{app: a, t: t, folder: folderOf(args[0]), update: update, live: !noLive}
		if update && trial.folder == "" {
			return usagef("--update writes into the template's folder, and %s is none", oneLine(args[0])).WithHint("clone it and name the folder")
		}
		return trial.run(cmd.Context(), only)
	}
	return cmd
}

// folderOf is the folder that an address names, or "".
func folderOf(ref string) string {
	if at, err := source.Parse(ref); err == nil && source.IsAddress(ref) && at.Form == source.Folder {
		return at.URL
	}
	return ""
}

// A trial tries the checks of one template.
type trial struct {
	app          *app
	t            *template.Template
	folder       string // where golden trees are written
	update, live bool
}

func (tr *trial) run(ctx context.Context, only string) error {
	checks, failed, ran := tr.t.Checks, 0, 0
	if len(checks) == 0 {
		checks = []template.Check{{Name: "default"}}
	}
	var names []string
	for _, c := range checks {
		names = append(names, c.Name)
		if only != "" && c.Name != only {
			continue
		}
		ran++
		if err := tr.check(ctx, c); err != nil {
			failed++
			tr.line(false, c.Name, err.Error())
			if hint := pave.HintOf(err); hint != "" {
				tr.app.say("      next: %s", oneLine(hint))
			}
			if ctx.Err() != nil {
				return err
			}
		}
	}
	switch {
	case ran == 0:
		return pave.BadField("check", only, "is no check of this template", "it has "+strings.Join(names, ", "))
	case failed > 0:
		return &exitError{exitFailed, pave.Errorf(pave.Invalid, "%d of %d checks of %s %s failed", failed, ran, tr.t.Name, tr.t.Version)}
	}
	tr.app.say("%s %s: %d of %d checks passed", tr.t.Name, tr.t.Version, ran, ran)
	return nil
}

func (tr *trial) line(ok bool, name, what string) {
	mark := tr.app.paint(green, "[+]")
	if !ok {
		mark = tr.app.paint(red, "[!]")
	}
	fmt.Fprintf(tr.app.out, "%s %s %s\n", mark, pad(name, 16), oneLine(what))
}

func (tr *trial) check(ctx context.Context, c template.Check) error {
	v, err := varsOf(tr.t, c.Set, "try-"+tr.t.Name[:min(20, len(tr.t.Name))])
	if err != nil {
		return err
	}
	tree, err := tr.t.Render(ctx, v)
	if err != nil {
		return err
	}
	what, err := tr.golden(ctx, c.Name, tree)
	if err != nil {
		return err
	}
	tr.line(true, c.Name, fmt.Sprintf("%d files%s", len(tree.Files), what))
	if !tr.live {
		return nil
	}
	return tr.makeLive(ctx, c, v)
}

// golden compares a tree with the one that is kept, or keeps it.
func (tr *trial) golden(ctx context.Context, name string, tree *template.Tree) (what string, err error) {
	if tr.update {
		dir := filepath.Join(tr.folder, goldenFolder, name)
		if err := os.RemoveAll(dir); err != nil {
			return "", pave.Errorf(pave.Unavailable, "remove %s: %w", dir, err)
		}
		return ", golden tree written", writeTree(ctx, dir, tree.Files)
	}
	want, err := tr.t.Golden(name)
	if errors.Is(err, fs.ErrNotExist) {
		return ", no golden tree (--update writes one)", nil
	}
	if err != nil {
		return "", err
	}
	if diff := diffTrees(want, tree.Files); len(diff) > 0 {
		return "", pave.Errorf(pave.Invalid, "the tree is not the golden one: %s", strings.Join(diff[:min(5, len(diff))], "; ")).
			WithHint("if that is meant: pave template test %s --update --no-live", dotted(tr.folder))
	}
	return ", as golden", nil
}

// makeLive makes a service, asks it, and takes it away, whatever came of it.
func (tr *trial) makeLive(ctx context.Context, c template.Check, v template.Vars) (err error) {
	kept, err := tr.app.api().UploadTemplate(ctx, tr.t.Name, tr.t.Archive())
	if err != nil {
		return err
	}
	name := "try-" + strings.ToLower(rand.Text()[:8])
	r := pave.CreateService{Name: name, Team: "template-trials", Template: kept.Digest, Environments: v.Environments[:1],
		Database: cmp.Or(v.Database, "none"), Cache: cmp.Or(v.Cache, "none"),
		Queue: cmp.Or(v.Queue, "none"), Bucket: cmp.Or(v.Bucket, "none"), Inputs: v.Inputs}
	plan, err := tr.app.api().Plan(ctx, r)
	if err != nil {
		return err
	}
	if err := tr.app.refused(plan); err != nil {
		return err
	}
	run, err := tr.app.api().Apply(ctx, plan.ID)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tr.takeAway(context.WithoutCancel(ctx), run.ID)) }()
	if _, err := tr.app.follow(ctx, run.ID, nil); err != nil {
		return err
	}
	st, err := tr.app.api().Status(ctx, name)
	if err != nil {
		return err
	}
	for _, d := range st.Deployments {
		for _, ask := range c.Requests {
			if err := tr.ask(ctx, d, ask); err != nil {
				return err
			}
		}
		tr.line(true, c.Name, fmt.Sprintf("live, %s, %d of %d requests answered as expected", d.Health, len(c.Requests), len(c.Requests)))
	}
	return nil
}

// takeAway undoes the run of a trial.
func (tr *trial) takeAway(ctx context.Context, run string) error {
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	plan, err := tr.app.api().Plan(ctx, pave.Undo{Run: run})
	if err != nil {
		return err
	}
	undo, err := tr.app.api().Apply(ctx, plan.ID)
	if err != nil {
		return err
	}
	_, err = tr.app.follow(ctx, undo.ID, nil)
	return err
}

// maxAnswerRead is how much of an answer is looked through, in bytes.
const maxAnswerRead = 1 << 20

func (tr *trial) ask(ctx context.Context, d pave.Deployment, ask template.CheckRequest) error {
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	address := "http://" + strings.TrimPrefix(d.Address, "http://") + ask.Path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return pave.BadField("checks.requests.path", ask.Path, "is no path", "for example: path: /")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return pave.Errorf(pave.Unavailable, "GET %s: %w", ask.Path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerRead))
	if err != nil {
		return pave.Errorf(pave.Unavailable, "GET %s: %w", ask.Path, err)
	}
	want := ask.Status
	if want == 0 {
		want = http.StatusOK
	}
	if resp.StatusCode != want || !strings.Contains(string(body), ask.Contains) {
		return pave.Errorf(pave.Invalid, "GET %s: %d %.200q, want %d and %q in it", ask.Path, resp.StatusCode, body, want, ask.Contains)
	}
	return nil
}
