package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (a *app) create() *cobra.Command {
	cmd := &cobra.Command{
		Use: "create KIND", Short: "Create something", Long: "Create a service, live at the end of the command; a user; a token; a webhook.",
		Example: examples("pave create service --name payment-processor --template go-http --team payment-squad",
			"pave create service --help"),
		Args: cobra.ArbitraryArgs, RunE: a.group,
	}
	cmd.AddCommand(a.createService(false), a.createUser(), a.createToken(), a.createWebhook())
	return cmd
}

func (a *app) createService(planOnly bool) *cobra.Command {
	verb := verbOf(planOnly)
	cmd := &cobra.Command{
		Use: "service", Aliases: []string{"services"}, Short: "Create a service: repository, pipeline, database and a URL that answers",
		Long: "Create a service from a template: its repository, identity, secrets, database, cache, queue, bucket,\n" +
			"pipeline, deployment and catalog entry. The URL answers when the command returns.\n\n" +
			"The same command again shows the finished run, goes on with one that stopped, or adds\n" +
			"further environments; other values are a conflict (exit code 5).\n\n" +
			"On a terminal what is missing is asked for, but with --yes, --json or PAVE_PROMPT_DISABLED.",
		Example: examples("pave"+verb+" create service --name payment-processor --template go-http --team payment-squad",
			"pave"+verb+" create service --name shop --template go-http --team shop-squad --env staging --env production --database postgresql --cache redis --queue nats",
			"pave"+verb+" create service --name shop --template go-http --team shop-squad --out shop.plan"),
		Args: exactly(),
	}
	var r pave.CreateService
	var inputs []string
	f := cmd.Flags()
	f.StringVar(&r.Name, "name", "", "`NAME` of the service, unique in the organisation")
	f.StringVar(&r.Template, "template", "", "the golden `PATH`: a name of pave list templates, a folder, a zip's or a repository's address")
	f.StringVar(&r.Team, "team", "", "the `TEAM` that owns it; an unknown one is made")
	f.StringArrayVar(&r.Environments, "env", nil, "`ENVIRONMENT` it runs in, repeatable; the lowest-ranked without")
	backingFlags(cmd, "the template's own without", map[string]*string{pave.KindDatabase: &r.Database, pave.KindCache: &r.Cache,
		pave.KindQueue: &r.Queue, pave.KindBucket: &r.Bucket})
	f.StringArrayVar(&inputs, "input", nil, "an input of the template, `KEY=VALUE`, repeatable")
	f.BoolVar(&r.AllowHooks, "allow-hooks", false, "run the hooks of a cookiecutter template: programs of its author")
	over := overrideFlags(f)
	complete(cmd, "template", templateNames)
	complete(cmd, "team", teamNames)
	complete(cmd, "env", environmentNames)
	ch := a.changeFlags(cmd, planOnly)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := ch.check(); err != nil {
			return err
		}
		if a.asking(ch) {
			if err := a.askCreate(cmd, &inputs); err != nil {
				return err
			}
		}
		if err := checkCreate(cmd, &r, inputs); err != nil {
			return err
		}
		if over.Set() {
			r.Run = over
		}
		var err error
		if r.Template, err = a.sendFolder(cmd.Context(), r.Template); err != nil {
			return err
		}
		return a.change(cmd.Context(), r, ch)
	}
	return cmd
}

// overrideFlags add what cannot be detected of a repository.
func overrideFlags(f *pflag.FlagSet) *pave.Override {
	o := &pave.Override{}
	f.StringVar(&o.Folder, "folder", "", "`FOLDER` of the program in the repository, where it is not found")
	f.StringVar(&o.Command, "command", "", "`LINE` that starts the service, where it is not found; ${PORT} is its port")
	f.StringArrayVar(&o.Build, "build", nil, "a build step, as a `LINE`, in place of all that are found; repeatable")
	f.StringVar(&o.Ready, "ready", "", "`PATH` that answers 200 once the service can serve, or tcp")
	f.StringVar(&o.Port, "port-as", "", "`NAME` of the variable, or the flag, by which the program takes its port")
	f.BoolVar(&o.NoTests, "no-tests", false, "leave the repository's tests out of its pipeline")
	return o
}

// checkCreate names all flags that are missing or wrong, before anything is asked.
func checkCreate(cmd *cobra.Command, r *pave.CreateService, inputs []string) error {
	var missing []string
	for _, flag := range []string{"name", "template", "team"} {
		if !cmd.Flags().Changed(flag) {
			missing = append(missing, "--"+flag)
		}
	}
	if len(missing) > 0 {
		return usagef("%s needs %s", cmd.CommandPath(), strings.Join(missing, ", ")).WithHint("%s", firstExample(cmd))
	}
	if err := checkNames([2]string{"name", r.Name}, [2]string{"team", r.Team}); err != nil {
		return err
	}
	for _, in := range inputs {
		key, value, ok := strings.Cut(in, "=")
		if !ok || key == "" {
			return pave.BadField("input", in, "is not of the form KEY=VALUE", "for example: --input port=8080")
		}
		if r.Inputs == nil {
			r.Inputs = map[string]any{}
		}
		if _, twice := r.Inputs[key]; twice {
			return pave.BadField("input", in, "gives "+key+" twice", "leave one out")
		}
		r.Inputs[key] = value // the template knows its type
	}
	return nil
}

// checkNames checks names given by flags, and names all wrong ones at once.
func checkNames(flags ...[2]string) error {
	var first *pave.Error
	for _, f := range flags {
		_, err := pave.ParseName(f[0], f[1])
		var e *pave.Error
		switch {
		case !errors.As(err, &e):
		case first == nil:
			first = e
		default:
			first.Fields = append(first.Fields, e.Fields...)
		}
	}
	if first == nil {
		return nil
	}
	if len(first.Fields) > 1 {
		first.Message = fmt.Sprintf("%d flags are wrong", len(first.Fields))
	}
	return first
}

// verbOf is what stands before a verb in examples: " plan", or nothing.
func verbOf(planOnly bool) string {
	if planOnly {
		return " plan"
	}
	return ""
}

func templateNames(ctx context.Context, a *app) ([]string, error) {
	return a.live(ctx, func(c *client.Client) ([]string, error) {
		all, err := c.ListTemplates(ctx)
		return namesFrom(all, func(t pave.Template) string { return t.Name }), err
	})
}

func teamNames(ctx context.Context, a *app) ([]string, error) {
	return a.live(ctx, func(c *client.Client) ([]string, error) {
		all, err := c.Teams(ctx)
		return namesFrom(all, func(t pave.Team) string { return string(t.Name) }), err
	})
}

func environmentNames(ctx context.Context, a *app) ([]string, error) {
	return a.live(ctx, func(c *client.Client) ([]string, error) {
		all, err := c.Environments(ctx)
		return namesFrom(all, func(e pave.Environment) string { return string(e.Name) }), err
	})
}
