package cli

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) bind() *cobra.Command {
	cmd := &cobra.Command{
		Use: "bind ENVIRONMENT|default KIND PROVIDER", Short: "Say who makes resources of a kind in an environment",
		Long: "Say who makes resources of a kind in an environment from now on, or in all that have no binding of\n" +
			"their own. What was made before stays with the provider that made it. pave describe provider\n" +
			"KIND/NAME says what each is told by --set and --secret. A system is asked first whether all may be done there.\n" +
			"With the provider terraform a module makes them: pave reads its variables and outputs, fills in what it knows by the usual\n" +
			"names (name, pave_id, service, team, environment, tags), and takes host, port, name, user,\n" +
			"password or url from its outputs.",
		Example: examples("pave bind default repository github --org myorg --secret token < github.token", "pave bind staging database terraform --module ./modules/postgres --set connections=20 --secret PGPASSWORD < admin.password",
			"pave bind default database terraform --module ./modules/rds --fill identifier=name --map host=endpoint",
			"pave bind production database terraform --module pave:aws-rds-postgresql --set vpc_id=vpc-0a1b --set 'subnet_ids=[\"subnet-0a\",\"subnet-0b\"]'"),
		Args: exactly("an environment", "a kind", "a provider"), ValidArgsFunction: a.completeArg(bindingNames, boundKinds, providerNames),
	}
	var org, address string
	m := a.moduleFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&m.module, "module", "", "`SOURCE` of a Terraform module: a folder, pave:NAME of pave list modules, or the address of a git repository, //FOLDER and ?ref=REVISION with it")
	f.StringVar(&org, "org", "", "`NAME` of the organisation or group; the same as --set org=NAME")
	f.StringVar(&address, "url", "", "`ADDRESS` of the system; the same as --set url=ADDRESS")
	f.StringToStringVar(&m.r.Settings, "setting", nil, "`NAME=VALUE` of the binding, such as drift=heal")
	v := viewFlags(cmd, pave.Bound{})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		for name, value := range map[string]string{"org": org, "url": address} {
			if value != "" {
				m.r.Set = with(m.r.Set, name, value)
			}
		}
		r, err := m.request(args[2])
		if err != nil {
			return err
		}
		b, err := a.api().Bind(cmd.Context(), args[0], args[1], r)
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, b)
		}
		a.printBound(b)
		return nil
	}
	return cmd
}

func (a *app) unbind() *cobra.Command {
	cmd := &cobra.Command{
		Use: "unbind ENVIRONMENT|default KIND", Short: "Take a binding back",
		Long: "Take a binding back: the environment has that of all others again, or all others what pave begins\n" +
			"with. What was made stays with the provider that made it.",
		Example: examples("pave unbind staging database", "pave unbind default cache"),
		Args:    exactly("an environment", "a kind"), ValidArgsFunction: a.completeArg(bindingNames, boundKinds),
	}
	v := viewFlags(cmd, pave.Bound{})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		b, err := a.api().Unbind(cmd.Context(), args[0], args[1])
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, b)
		}
		a.printBound(b)
		return nil
	}
	return cmd
}

// readSecrets reads what terraform's providers are given: never from a flag.
func (a *app) readSecrets(r *pave.BindRequest, secret string, files map[string]string) error {
	r.Secrets = map[string]pave.Secret{}
	for name, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return pave.BadField("secret-file", file, "cannot be read", "--secret-file "+oneLine(name)+"=./FILE")
		}
		value := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
		if value == "" {
			return usagef("the value of secret %s is empty: %s holds nothing", oneLine(name), oneLine(file)).
				WithHint("--secret-file %s=FILE, with its value in it", oneLine(name))
		}
		r.Secrets[name] = pave.NewSecret(value)
	}
	if secret == "" {
		return nil
	}
	if name, _, given := strings.Cut(secret, "="); given {
		return usagef("the value of a secret is not an argument: other users see it, and the shell keeps it").
			WithHint("--secret %s < FILE, or --secret-file %[1]s=FILE", oneLine(name))
	}
	value, err := a.readSecret(secret, "NAME")
	if pave.CodeOf(err) == pave.Invalid {
		return usagef("the value of secret %s is empty or too long: it comes from stdin or a prompt", oneLine(secret)).
			WithHint("--secret %s < FILE, or --secret-file %[1]s=FILE", oneLine(secret))
	}
	if err != nil {
		return err
	}
	r.Secrets[secret] = value
	return nil
}

func with(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

// printBound says what a binding came to: where each input comes from and what each
// output is for.
func (a *app) printBound(b pave.Bound) {
	fmt.Fprintf(a.out, "%s in %s: made by %s from now on.\n", b.Binding.Kind, oneLine(b.Environment), cmp.Or(b.Binding.Provider, "nobody"))
	if m := b.Binding.Module; m != nil && m.Commit != "" {
		fmt.Fprintf(a.out, "  module %s at commit %.12s, until it is bound again\n", oneLine(m.Source), m.Commit)
	}
	if m := b.Binding.Module; m != nil && m.Backend != nil {
		fmt.Fprintf(a.out, "  states are kept by %s\n", m.Backend.Type)
	}
	a.printInterface(b.Inputs, b.Outputs)
	for _, note := range b.Notes {
		fmt.Fprintf(a.out, "  note: %s\n", oneLine(note))
	}
}
