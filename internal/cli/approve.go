package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) approve(approved bool) *cobra.Command {
	verb, short, long := "approve", "Let a rollout go on that waits for approval",
		"Let a rollout go on that waits for approval, by its run or the run that started it. Who asked for\nit may not approve it, unless a policy says so."
	if !approved {
		verb, short, long = "deny", "End a rollout that waits for approval", "End a rollout that waits for approval. The reason is told to the one who asked, and kept."
	}
	cmd := &cobra.Command{
		Use: verb + " RUN", Short: short, Long: long,
		Example: examples("pave "+verb+" run_01JD4T9XK2M7 --reason tried-in-staging", `pave `+verb+` run_01JD4T9XK2M7 --reason "not before the sale"`),
		Args:    exactly("the id of a run"), ValidArgsFunction: a.completeArg(runIDs),
	}
	reason := cmd.Flags().String("reason", "", "why, for the log and the one who asked")
	v := viewFlags(cmd, pave.Run{})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		if err := runArg(args[0]); err != nil {
			return err
		}
		if len(*reason) > 200 {
			return pave.BadField("reason", *reason, "must be at most 200 characters", "shorten it")
		}
		if !approved && *reason == "" {
			return usagef("%s needs --reason", cmd.CommandPath()).WithHint("%s", firstExample(cmd))
		}
		run, err := a.api().ApproveRun(cmd.Context(), args[0], approved, *reason)
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, run)
		}
		word := "is approved"
		if !approved {
			word = "is denied"
		}
		fmt.Fprintf(a.out, "%s %s.\n", oneLine(run.Title), word)
		a.say("pave watch %s", shortID(run.ID))
		return nil
	}
	return cmd
}

func (a *app) setEnvironment() *cobra.Command {
	cmd := &cobra.Command{
		Use: "environment NAME", Aliases: []string{"environments"}, Short: "Set what an environment asks for",
		Long: "Set whether a release that is new in an environment waits for approval: by a lead of the service's\n" +
			"team or by an admin, never by the one who asked, and for how long. And whether calls between\n" +
			"services must be declared there by pave link, else they are refused.",
		Example: examples("pave set environment production --approval lead", "pave set environment production --approval lead --expires 4h", "pave set environment production --approval none",
			"pave set environment production --calls declared"),
		Args: exactly("the name of an environment"), ValidArgsFunction: a.completeArg(environmentNames),
	}
	var r pave.EnvironmentChange
	f := cmd.Flags()
	f.StringVar(&r.Approval, "approval", "", "`ROLE`: lead, admin or none")
	expires := f.Duration("expires", 24*time.Hour, "how long a rollout waits")
	f.StringVar(&r.Calls, "calls", "", "`RULE` for calls between services: declared or open")
	complete(cmd, "approval", fixed("lead", "admin", "none"))
	complete(cmd, "calls", fixed(pave.CallsDeclared, pave.CallsOpen))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := nameArg(args[0]); err != nil {
			return pave.BadField("environment", args[0], "is not a name: a-z, 0-9 and '-', at most 40", "pave list environments")
		}
		if r.Approval == "" && r.Calls == "" {
			return usagef("%s needs --approval or --calls", cmd.CommandPath()).WithHint("%s", firstExample(cmd))
		}
		if *expires < time.Second {
			return pave.BadField("expires", expires.String(), "must be 1s or more", "--expires 24h")
		}
		r.Seconds = int64(*expires / time.Second)
		e, err := a.api().SetEnvironment(cmd.Context(), args[0], r)
		if err != nil {
			return err
		}
		if r.Calls != "" {
			fmt.Fprintf(a.out, "Calls between services in %s are %s.\n", e.Name, e.Calls)
		}
		if r.Approval == "" {
			return nil
		}
		if e.Approval == "" {
			fmt.Fprintf(a.out, "%s asks for no approval.\n", e.Name)
			return nil
		}
		fmt.Fprintf(a.out, "New releases in %s wait for approval by the role %s, for %s.\n", e.Name, e.Approval, time.Duration(e.ApprovalSeconds)*time.Second)
		return nil
	}
	return cmd
}

// errApproval ends a command whose run waits for somebody else: it goes on by itself.
var errApproval = errors.New("the run waits for approval")

// waitsForApproval reports whether an event says that a run waits for approval, and
// it still does.
func (a *app) waitsForApproval(ctx context.Context, e pave.Event) bool {
	if e.Type != "step.waiting" || e.Step != "approval" || a.command == "watch" {
		return false
	}
	run, err := a.api().Run(ctx, e.Run)
	if err != nil {
		return false
	}
	for _, s := range run.Steps {
		if s.Key == e.Step && s.State == pave.StepWaiting {
			fmt.Fprintf(a.err, "%s waits for approval.\n  next: pave approve %s, by somebody who may\n  next: pave watch %s\n",
				oneLine(run.Title), shortID(run.ID), shortID(run.ID))
			return true
		}
	}
	return false
}
