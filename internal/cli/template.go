package cli

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/httpc"
	"github.com/pave-platform/pave/internal/source"
	"github.com/pave-platform/pave/internal/template"
	"github.com/pave-platform/pave/templates"
	"github.com/spf13/cobra"
)

// template is the group of tools for those who write golden paths.
func (a *app) template() *cobra.Command {
	cmd := &cobra.Command{
		Use: "template COMMAND", Short: "Write, check, try and import golden paths",
		Long: "Tools for those who write golden paths. new, lint, render and schema need no server;\n" +
			"test makes a live service with one; import, sources and forget decide what the server\n" +
			"offers. SOURCE is a name, a folder, a zip's address or a repository's:\n\n" +
			"  go-http                                            one that ships with pave\n" +
			"  ./templates/service                                a folder, with a slash\n" +
			"  gh:team/templates//service@v1.2                    a folder of a repository at a tag\n" +
			"  https://git.example.com/team/templates.git@main    a repository at a branch\n" +
			"  https://example.com/template.zip                   a zip",
		Example: examples("pave template new web-service", "pave template render ./web-service --out /tmp/shop --set name=shop",
			"pave template test ./web-service", "pave template import gh:team/templates"),
		Args: cobra.ArbitraryArgs, RunE: a.group,
	}
	cmd.AddCommand(a.templateNew(), a.templateLint(), a.templateRender(), a.templateTest(), a.templateImport(),
		a.templateSources(), a.templateForget(), a.templateSchema())
	return cmd
}

// loadTemplate brings a template here, without a server.
func (a *app) loadTemplate(ctx context.Context, ref string) (*template.Template, error) {
	if !source.IsAddress(ref) {
		t, err := a.localTemplates().Get(ref)
		if info, e := os.Stat(filepath.Join(ref, "template.yaml")); err != nil && e == nil && info.Mode().IsRegular() {
			return nil, pave.BadField("template", ref, "is not a template", "a folder is written with a slash: ./"+filepath.ToSlash(ref))
		}
		return t, err
	}
	archive, unnamed, err := a.packTemplate(ctx, ref)
	if err != nil {
		return nil, err
	}
	return template.Open(archive, unnamed)
}

// packTemplate packs what lies at an address, and says what it is called if it does
// not say.
func (a *app) packTemplate(ctx context.Context, ref string) ([]byte, template.Unnamed, error) {
	u := template.Unnamed{}
	at, err := source.Parse(ref)
	if err != nil {
		return nil, u, err
	}
	tree, err := a.fetchSource(ctx, at)
	if err != nil {
		return nil, u, err
	}
	defer tree.Close()
	archive, err := template.Pack(tree.FS)
	u.Name, u.Version = at.Name(), tree.Commit[:min(7, len(tree.Commit))]
	if at.Form == source.Folder { // "." has no name of its own
		if abs, err := filepath.Abs(at.URL); err == nil {
			u.Name = filepath.Base(abs)
		}
	}
	return archive, u, err
}

// sendFolder lets the server keep the template of a folder, which only this machine
// sees, and returns what the server knows it by. Other references stay as they are.
func (a *app) sendFolder(ctx context.Context, ref string) (string, error) {
	if folderOf(ref) == "" {
		return ref, nil
	}
	archive, u, err := a.packTemplate(ctx, ref)
	if err != nil {
		return "", err
	}
	kept, err := a.api().UploadTemplate(ctx, u.Name, archive)
	return kept.Digest, err
}

func (a *app) fetchSource(ctx context.Context, at source.Address) (*source.Tree, error) {
	o := httpc.Options{MaxBytes: source.MaxBytes,
		Allow: strings.FieldsFunc(a.deps.Getenv("PAVE_ALLOW"), func(r rune) bool { return r == ',' || r == ' ' })}
	if file := a.deps.Getenv("PAVE_CREDENTIALS"); file != "" {
		creds, err := httpc.LoadCredentials(file)
		if err != nil {
			return nil, err
		}
		o.Credentials = creds
	}
	c, err := httpc.New(o)
	if err != nil {
		return nil, err
	}
	return source.Fetcher{HTTP: c}.Fetch(ctx, at)
}

// localTemplates are those that ship, and those of the folders of PAVE_TEMPLATES.
func (a *app) localTemplates() *template.Set {
	sources := []template.Source{{Name: "pave", FS: templates.FS}}
	for _, dir := range filepath.SplitList(a.deps.Getenv("PAVE_TEMPLATES")) {
		if dir != "" {
			sources = append(sources, template.Source{Name: dir, Dir: dir})
		}
	}
	return template.NewSet(slog.New(slog.DiscardHandler), sources...)
}

// sourceArg is the one argument of commands that work on a template.
func sourceArg() cobra.PositionalArgs { return exactly("the template's SOURCE") }

// completeSource completes the names of templates, else files.
func (a *app) completeSource(cmd *cobra.Command) {
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return namesFrom(a.localTemplates().List(), func(t *template.Template) string { return t.Name }), cobra.ShellCompDirectiveDefault
	}
}

func (a *app) templateSchema() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of template.yaml, for editors",
		Long:    "Print the JSON Schema of template.yaml. Editors complete and check by it.",
		Example: examples("pave template schema > template.schema.json", "pave template schema | less"),
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			_, err := a.out.Write(template.ManifestSchema)
			return err
		},
	}
}

// refuseFolder explains why the server cannot be given a folder.
func refuseFolder(ref string) error {
	if at, err := source.Parse(ref); err != nil || at.Form != source.Folder {
		return err
	}
	return pave.BadField("source", ref, "is a folder, which only this machine sees",
		"push it to a repository and import that, or start the server with PAVE_TEMPLATES")
}
