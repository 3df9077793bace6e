package cli

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
	"github.com/pave-platform/pave/internal/template"
	"github.com/spf13/cobra"
)

// moduleFlags are the flags by which a module is bound.
type moduleFlags struct {
	a              *app
	r              pave.BindRequest
	module, secret string
	files          map[string]string
}

func (a *app) moduleFlags(cmd *cobra.Command) *moduleFlags {
	m := &moduleFlags{a: a}
	f := cmd.Flags()
	f.StringToStringVar(&m.r.Set, "set", nil, "`NAME=VALUE` that the provider is told, or an input of the module")
	f.StringToStringVar(&m.r.Fill, "fill", nil, "`INPUT=WORD` that pave fills: name, id, service, team, environment, engine, aws_engine or tags")
	f.StringToStringVar(&m.r.Outputs, "map", nil, "`WORD=OUTPUT`: url, host, port, name, user or password; endpoint and region of a bucket; protected")
	f.StringVar(&m.secret, "secret", "", "`NAME` of a secret that the provider is told, or a variable that terraform sees; its value is read from stdin or a prompt")
	f.StringToStringVar(&m.files, "secret-file", nil, "`NAME=FILE` with its value")
	f.StringVar(&m.r.Backend, "backend", "", "`WHERE` states are kept: local (a folder of the server), http or s3; as before without")
	f.StringToStringVar(&m.r.BackendConfig, "backend-config", nil, "`NAME=VALUE` of the backend; {id} stands for the resource's id")
	f.StringToStringVar(&m.r.Import, "import", nil, "`ADDRESS=ID` of what is there already and is taken over; SERVICE/ADDRESS=ID for one service alone; {name}, {service}, {environment} stand for its own")
	f.StringVar(&m.r.Mirror, "mirror", "", "`FOLDER` of the server with providers, in the place of registries")
	return m
}

// request is what the flags ask for, of a provider.
func (m *moduleFlags) request(provider string) (pave.BindRequest, error) {
	m.r.Provider = provider
	if err := readModule(&m.r, m.module); err != nil {
		return m.r, err
	}
	return m.r, m.a.readSecrets(&m.r, m.secret, m.files)
}

func (a *app) addModule() *cobra.Command {
	cmd := &cobra.Command{
		Use: "module SOURCE", Aliases: []string{"modules"}, Short: "Read a Terraform module: what it asks for, and what pave fills; bind it with --env",
		Long: "Read a Terraform module, a folder, pave:NAME of pave list modules, or the address of a git\n" +
			"repository: its inputs with their rules, its outputs, what pave fills of them by the usual names,\n" +
			"and what a binding has to say beside. Nothing is bound and nothing is made, unless --env says for\n" +
			"which environment: then it makes the resources of --kind there, as pave bind says it.",
		Example: examples("pave add module ./modules/postgres --kind database", "pave add module pave:aws-rds-postgresql",
			"pave add module 'https://github.com/acme/modules//postgres?ref=v1.4.0' --kind database --env staging --set size=small"),
		Args: exactly("the source of a module"),
	}
	m := a.moduleFlags(cmd)
	kind := cmd.Flags().String("kind", "", "`KIND` of resource that it makes: database, cache, queue, bucket or role; that of a module that ships is known")
	env := cmd.Flags().String("env", "", "bind it for an `ENVIRONMENT`, or default for all that have no binding of their own")
	complete(cmd, "env", environmentNames)
	v := viewFlags(cmd, pave.ModuleReading{})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		m.module = args[0]
		r, err := m.request("terraform")
		if err != nil {
			return err
		}
		found, err := a.api().ReadModule(cmd.Context(), *kind, r)
		if err != nil {
			return err
		}
		if *env != "" {
			return a.bindRead(cmd.Context(), *env, found, r)
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, found)
		}
		a.printModule(found)
		return nil
	}
	return cmd
}

// bindRead binds a module that was read.
func (a *app) bindRead(ctx context.Context, env string, found pave.ModuleReading, r pave.BindRequest) error {
	if found.Kind == "" {
		return usagef("the module does not say what it makes").WithHint("--kind database, or --kind cache")
	}
	b, err := a.api().Bind(ctx, env, found.Kind, r)
	if err != nil {
		return err
	}
	a.printBound(b)
	return nil
}

// modules are those that ship, as list, get and describe show them.
func modules() kind {
	k := of(func(ctx context.Context, c *client.Client, _ query) ([]pave.ModuleInfo, error) {
		return c.ListModules(ctx)
	},
		func(m pave.ModuleInfo) []string { return []string{m.Name, m.Source} },
		func(m pave.ModuleInfo) []column {
			return []column{{"NAME", m.Name, false}, {"KIND", m.Kind, false}, {"ENGINE", dash(m.Engine), false}, {"TITLE", m.Title, false}, {"SOURCE", m.Source, true}}
		}).as("module", "modules", "Terraform modules that ship", "aws-rds-postgresql", global)
	k.detail = pave.ModuleReading{}
	k.found = func(ctx context.Context, c *client.Client, name string, _ query) (any, error) {
		return c.Module(ctx, strings.TrimPrefix(name, "pave:"))
	}
	return k
}

// printModule prints what a module asks for and gives out, what is missing, and what is
// said of it.
func (a *app) printModule(m pave.ModuleReading) {
	a.pairs([][2]string{{"Module", m.Source}, {"Title", m.Title}, {"Kind", m.Kind}, {"Engine", m.Engine}, {"Commit", m.Commit}, {"Digest", m.Digest}})
	a.heading("Inputs and outputs (pave fills what has its word)")
	a.printInterface(m.Inputs, m.Outputs)
	if len(m.Missing) > 0 {
		a.heading("A binding has to say")
		for _, lack := range m.Missing {
			fmt.Fprintf(a.out, "  %s\n    %s\n", oneLine(lack.What), oneLine(lack.How))
		}
	}
	if m.Readme != "" {
		a.heading("README")
		for line := range strings.Lines(m.Readme) {
			fmt.Fprintf(a.out, "  %s\n", oneLine(strings.TrimRight(line, "\r\n")))
		}
	}
	if m.Kind != "" {
		fmt.Fprintf(a.out, "\nNext: pave bind ENVIRONMENT %s terraform --module %s\n", m.Kind, oneLine(m.Source))
	}
}

// printInterface prints where each input comes from and what each output is for.
func (a *app) printInterface(inputs []pave.ModuleInput, outputs []pave.ModuleOutput) {
	var t table
	for _, in := range inputs {
		text := in.Description
		if len(in.Rules) > 0 {
			text = strings.TrimSpace(text + " (" + strings.Join(in.Rules, " ") + ")")
		}
		t.rows = append(t.rows, []any{"input", in.Name, in.Type, in.From, oneLine(text)})
	}
	for _, o := range outputs {
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

// sourceElsewhere are sources that the server brings: modules that ship, and addresses.
var sourceElsewhere = regexp.MustCompile(`^(pave:|git::|[a-z]{2}:|[\w.-]+@[\w.-]+:|(github|gitlab|bitbucket|codeberg)\.(com|org)/)|://`)

// registryName is a name in a registry of modules: acme/rds/aws.
var registryName = regexp.MustCompile(`^[A-Za-z0-9_-]+/[A-Za-z0-9_-]+/[a-z0-9]+(//.*)?$`)

// readModule packs the folder of a module, or leaves it to the server to bring it.
func readModule(r *pave.BindRequest, dir string) error {
	switch {
	case dir == "":
		return nil
	case sourceElsewhere.MatchString(dir):
		r.Source = dir
		return nil
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		if registryName.MatchString(dir) { // the server says what it thinks of it
			r.Source = dir
			return nil
		}
		return pave.BadField("module", dir, "is no folder", "--module ./modules/postgres, pave:NAME, or the address of a git repository")
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
