package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/template"
	"github.com/spf13/cobra"
)

func (a *app) bind() *cobra.Command {
	cmd := &cobra.Command{
		Use: "bind ENVIRONMENT|default KIND PROVIDER", Short: "Say who makes databases, caches, queues or buckets in an environment",
		Long: "Say who makes resources of a kind in an environment from now on, or in all that have no binding of\n" +
			"their own. What was made before stays with the provider that made it. With the provider terraform\n" +
			"a module makes them: pave reads its variables and outputs, fills in what it knows by the usual\n" +
			"names (name, pave_id, service, team, environment, tags), and takes host, port, name, user,\n" +
			"password or url from its outputs.",
		Example: examples("pave bind staging database terraform --module ./modules/postgres --set connections=20 --secret PGPASSWORD < admin.password",
			"pave bind default database terraform --module ./modules/rds --fill identifier=name --map host=endpoint"),
		Args: exactly("an environment", "a kind", "a provider"),
	}
	var r pave.BindRequest
	var module, secret string
	var files map[string]string
	f := cmd.Flags()
	f.StringVar(&module, "module", "", "`FOLDER` of a Terraform module")
	f.StringToStringVar(&r.Set, "set", nil, "`INPUT=VALUE` of the module that is always the same")
	f.StringToStringVar(&r.Fill, "fill", nil, "`INPUT=WORD` that pave fills: name, id, service, team, environment, engine or tags")
	f.StringToStringVar(&r.Outputs, "map", nil, "`WORD=OUTPUT`: url, host, port, name, user or password")
	f.StringVar(&secret, "secret", "", "`VARIABLE` that terraform sees; its value is read from stdin or a prompt")
	f.StringToStringVar(&files, "secret-file", nil, "`VARIABLE=FILE` with its value")
	f.StringVar(&r.Mirror, "mirror", "", "`FOLDER` of the server with providers, in the place of registries")
	f.StringToStringVar(&r.Settings, "setting", nil, "`NAME=VALUE` of the binding, such as drift=heal")
	v := viewFlags(cmd, pave.Bound{})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		r.Provider = args[2]
		if err := a.readModule(&r, module); err != nil {
			return err
		}
		if err := a.readSecrets(&r, secret, files); err != nil {
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
	return &cobra.Command{
		Use: "unbind ENVIRONMENT|default KIND", Short: "Take a binding back",
		Long: "Take a binding back: the environment has that of all others again, or all others what pave begins\n" +
			"with. What was made stays with the provider that made it.",
		Example: examples("pave unbind staging database", "pave unbind default cache"),
		Args:    exactly("an environment", "a kind"),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := a.api().Unbind(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			a.printBound(b)
			return nil
		},
	}
}

// readModule packs the folder of a module.
func (a *app) readModule(r *pave.BindRequest, dir string) error {
	if dir == "" {
		return nil
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return pave.BadField("module", dir, "is no folder", "--module ./modules/postgres")
	}
	r.Source = path
	r.Archive, err = template.Pack(moduleFS{os.DirFS(path)})
	return err
}

// moduleFS is a module without what terraform left there when somebody tried it.
type moduleFS struct{ fs.FS }

// ReadDir leaves out plugins and states.
func (m moduleFS) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(m.FS, name)
	return slices.DeleteFunc(all, func(e fs.DirEntry) bool {
		return e.Name() == ".terraform" || strings.Contains(e.Name(), ".tfstate") || strings.HasSuffix(e.Name(), ".tfvars")
	}), err
}

// ReadLink reads where a link leads.
func (m moduleFS) ReadLink(name string) (string, error) { return fs.ReadLink(m.FS, name) }

// Lstat looks at a file, or a link itself.
func (m moduleFS) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(m.FS, name) }

// readSecrets reads what terraform's providers are given: never from a flag.
func (a *app) readSecrets(r *pave.BindRequest, secret string, files map[string]string) error {
	r.Secrets = map[string]pave.Secret{}
	for name, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return pave.BadField("secret-file", file, "cannot be read", "--secret-file PGPASSWORD=./admin.password")
		}
		r.Secrets[name] = pave.NewSecret(strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"))
	}
	if secret == "" {
		return nil
	}
	if name, _, given := strings.Cut(secret, "="); given {
		return usagef("the value of a secret is not an argument: other users see it, and the shell keeps it").
			WithHint("--secret %s < FILE, or --secret-file %[1]s=FILE", oneLine(name))
	}
	value, err := a.readSecret(secret, "NAME")
	if err != nil {
		return err
	}
	r.Secrets[secret] = value
	return nil
}

// printBound says what a binding came to: where each input comes from and what each
// output is for.
func (a *app) printBound(b pave.Bound) {
	fmt.Fprintf(a.out, "%s in %s: made by %s from now on.\n", b.Binding.Kind, oneLine(b.Environment), b.Binding.Provider)
	var t table
	for _, in := range b.Inputs {
		text := in.Description
		if len(in.Rules) > 0 {
			text = strings.TrimSpace(text + " (" + strings.Join(in.Rules, " ") + ")")
		}
		t.rows = append(t.rows, []any{"input", in.Name, in.Type, in.From, oneLine(text)})
	}
	for _, o := range b.Outputs {
		as := o.As
		if o.Sensitive {
			as = strings.TrimSpace(as + " (secret)")
		}
		t.rows = append(t.rows, []any{"output", o.Name, "", dash(as), oneLine(o.Description)})
	}
	if len(t.rows) > 0 {
		a.indented(t)
	}
}
