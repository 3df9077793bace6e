package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
	"github.com/spf13/cobra"
)

// fromHost gives the items of what a git host was asked for, and tells when that was.
func fromHost[T any](q query) func(pave.HostList[T], error) ([]T, error) {
	return func(l pave.HostList[T], err error) ([]T, error) {
		if err == nil && q.heard != nil {
			q.heard(l.Observed, l.Reason)
		}
		return l.Items, err
	}
}

// sayHeard says how old a git host's answer is. Programs find that in the answer.
func (a *app) sayHeard(v *view, observed time.Time, reason string) {
	switch ago := age(time.Now(), observed); {
	case reason != "":
		a.say("asked %s ago, and the host says nothing newer: %s", ago, oneLine(reason))
	case !v.data() && v.output != "name":
		a.say("asked %s ago", ago)
	}
}

// checkKind is what the pipelines of a git host ran.
func checkKind() kind {
	k := of(func(ctx context.Context, c *client.Client, q query) ([]pave.CommitCheck, error) {
		return fromHost[pave.CommitCheck](q)(c.Checks(ctx, q.service, q.commit))
	}, func(c pave.CommitCheck) []string { return []string{c.ID, c.Name} }, checkColumns).
		as("check", "checks", "what a git host's own pipelines ran, newest first", "4711", inService)
	k.found = func(ctx context.Context, c *client.Client, name string, q query) (any, error) {
		if err := checkQuery(k, q); err != nil {
			return nil, err
		}
		all, err := c.Checks(ctx, q.service, q.commit)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all.Items, func(c pave.CommitCheck) bool { return c.ID == name || c.Name == name })
		if i < 0 {
			return nil, pave.Errorf(pave.NotFound, "no check %q of %s", oneLine(name), q.service).WithHint("pave list checks --service %s", q.service)
		}
		if q.commit == "" { // jobs are told of one commit's only
			with, err := c.Checks(ctx, q.service, all.Items[i].Commit)
			if err != nil {
				return nil, err
			}
			if j := slices.IndexFunc(with.Items, func(c pave.CommitCheck) bool { return c.ID == all.Items[i].ID }); j >= 0 {
				all, i = with, j
			}
		}
		found, err := fromHost[pave.CommitCheck](q)(all, nil)
		return found[i], err
	}
	return k
}

func checkColumns(c pave.CommitCheck) []column {
	took := ""
	if !c.Ended.IsZero() && !c.Started.IsZero() {
		took = seconds(c.Ended.Sub(c.Started))
	}
	return []column{{"ID", c.ID, false}, {"NAME", oneLine(c.Name), false}, {"STATE", c.State, false}, {"COMMIT", fmt.Sprintf("%.7s", c.Commit), false},
		{"BRANCH", dash(oneLine(c.Branch)), false}, {"AGE", c.Started, false}, {"TOOK", took, false}, {"URL", oneLine(c.URL), true},
		{"SEEN", c.Observed, true}}
}

// proposalKind is what waits for a review on a git host.
func proposalKind() kind {
	return of(func(ctx context.Context, c *client.Client, q query) ([]pave.Proposal, error) {
		return fromHost[pave.Proposal](q)(c.Proposals(ctx, q.service))
	},
		func(p pave.Proposal) []string { return []string{fmt.Sprint(p.Number), p.Branch} },
		func(p pave.Proposal) []column {
			return []column{{"NUMBER", p.Number, false}, {"TITLE", oneLine(p.Title), false}, {"BRANCH", oneLine(p.Branch), false}, {"INTO", oneLine(p.Into), false},
				{"AUTHOR", dash(oneLine(p.Author)), false}, {"URL", oneLine(p.URL), false}, {"SEEN", p.Observed, true}}
		}).as("proposal", "proposals", "pull or merge requests that are open on a git host", "12", inService)
}

func (a *app) propose() *cobra.Command {
	cmd := &cobra.Command{
		Use: "propose KIND NAME", Short: "Open a pull or merge request on the service's git host",
		Long: "Open a pull or merge request on the git host of a service's repository. Nothing of the service\n" +
			"changes before people have merged it there.",
		Example: examples("pave propose change payment-processor --branch refunds --title \"Refunds\"", "pave propose workflow payment-processor"),
		Args:    cobra.ArbitraryArgs, RunE: a.group,
	}
	change := &cobra.Command{
		Use: "change NAME", Short: "Propose a branch that was pushed",
		Long: "Open a pull or merge request for a branch that was pushed to the host, or find the one that is open.",
		Example: examples("pave propose change payment-processor --branch refunds",
			"pave propose change payment-processor --branch refunds --title \"Refunds\" --text \"Closes #12\" --json url"),
	}
	workflow := &cobra.Command{
		Use: "workflow NAME", Short: "Propose what runs pave ci for every push",
		Long: "Open a pull or merge request that adds the file by which the host's own pipelines run pave ci. It is\n" +
			"for repositories that were adopted: those that a template made have it. Files that are there stay.",
		Example: examples("pave propose workflow payment-processor", "pave propose workflow payment-processor --json url"),
	}
	branched := pave.ProposeRequest{}
	f := change.Flags()
	f.StringVar(&branched.Branch, "branch", "", "`NAME` of the branch, as it is on the host")
	f.StringVar(&branched.Into, "into", "", "`BRANCH` that it changes; main without")
	f.StringVar(&branched.Title, "title", "", "`TEXT` of one line; the name of the branch without")
	f.StringVar(&branched.Text, "text", "", "what people read who review it")
	for c, r := range map[*cobra.Command]*pave.ProposeRequest{change: &branched, workflow: {Workflow: true}} {
		a.proposes(c, r)
		cmd.AddCommand(c)
	}
	return cmd
}

func (a *app) proposes(cmd *cobra.Command, r *pave.ProposeRequest) {
	cmd.Args, cmd.ValidArgsFunction = exactly("the name of a service"), a.completeArg(serviceNames)
	v := viewFlags(cmd, pave.Proposal{})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		if err := nameArg(args[0]); err != nil {
			return err
		}
		if !r.Workflow && r.Branch == "" {
			return usagef("%s needs --branch", cmd.CommandPath()).WithHint("%s", firstExample(cmd))
		}
		p, err := a.api().Propose(cmd.Context(), args[0], *r)
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, p)
		}
		fmt.Fprintf(a.out, "Open: number %d, %s into %s: %s\n  %s\n", p.Number, oneLine(p.Branch), oneLine(p.Into), oneLine(p.Title), oneLine(p.URL))
		return nil
	}
}
