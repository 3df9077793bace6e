package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/template"
	"github.com/pave-platform/pave/internal/yamlsize"
	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// maxValues is how large a file of values may be, in bytes.
const maxValues = 1 << 20

func (a *app) templateRender() *cobra.Command {
	cmd := &cobra.Command{
		Use: "render SOURCE", Short: "Render a template into a folder, without a server",
		Long: "Render a template into a new or empty folder. It needs no server and asks nobody.\n\n" +
			"--set gives name, team, description, environments (a,b), database, cache, queue, bucket, or an input of\n" +
			"the template; --values reads them from a YAML file; --set wins. The folder is written\n" +
			"whole or not at all.",
		Example: examples("pave template render go-http --out /tmp/shop --set name=shop --set team=shop-squad --set database=none",
			"pave template render ./web-service --out /tmp/shop --values shop.yaml",
			"pave template render gh:audreyfeldroy/cookiecutter-pypackage --out /tmp/lib --set project_name=lib"),
		Args: sourceArg(),
	}
	var out, values string
	var sets []string
	cmd.Flags().StringVar(&out, "out", "", "the `DIR` to make")
	cmd.Flags().StringVar(&values, "values", "", "read values from this YAML `FILE`")
	cmd.Flags().StringArrayVar(&sets, "set", nil, "one `KEY=VALUE`, repeatable")
	hooks := cmd.Flags().Bool("allow-hooks", false, "run the hooks of a cookiecutter template: programs of its author")
	a.completeSource(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if out == "" {
			return usagef("%s needs --out", cmd.CommandPath()).WithHint("%s", firstExample(cmd))
		}
		given, err := readValues(values, sets)
		if err != nil {
			return err
		}
		t, err := a.loadTemplate(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		v, err := varsOf(t, given, filepath.Base(out))
		if err != nil {
			return err
		}
		tree, err := a.renderHere(cmd.Context(), t, v, *hooks)
		if err != nil {
			return err
		}
		if err := writeTree(cmd.Context(), out, tree.Files); err != nil {
			return err
		}
		notes := append(t.Notes(), tree.Notes...)
		if *hooks {
			notes = tree.Notes
		}
		for _, note := range notes {
			a.say("note: %s", oneLine(note))
		}
		a.say("%s %s: %d files for service %s in %s", t.Name, t.Version, len(tree.Files), v.Name, out)
		return nil
	}
	return cmd
}

// readValues reads a file of values and flags over it.
func readValues(file string, sets []string) (map[string]any, error) {
	out := map[string]any{}
	if file != "" {
		info, err := os.Stat(file)
		if err == nil && info.Size() > maxValues {
			return nil, pave.BadField("values", file, fmt.Sprintf("is larger than %d bytes", maxValues), "give less")
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, pave.BadField("values", file, "cannot be read: "+err.Error(), "name a YAML file")
		}
		if err := yamlsize.Check(data); err != nil {
			return nil, pave.BadField("values", file, "cannot be read: "+oneLine(err.Error()), "use fewer aliases (*name), or mend the YAML")
		}
		if err := yaml.UnmarshalStrict(data, &out); err != nil {
			return nil, pave.BadField("values", file, "is not YAML with a value for each key: "+oneLine(err.Error()), "for example: name: shop")
		}
	}
	for _, s := range sets {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return nil, pave.BadField("set", s, "is not of the form KEY=VALUE", "for example: --set name=shop")
		}
		out[key] = value
	}
	return out, nil
}

// varsOf sorts values into what every template has and the template's own inputs.
func varsOf(t *template.Template, given map[string]any, name string) (template.Vars, error) {
	v := template.Vars{Name: name, Team: "my-team", Inputs: map[string]any{}}
	fields := map[string]*string{"name": &v.Name, "team": &v.Team, "description": &v.Description,
		"database": &v.Database, "cache": &v.Cache, "queue": &v.Queue, "bucket": &v.Bucket}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		value := given[key]
		field, common := fields[key]
		switch own := t.HasInput(key); {
		case key == "environments" && !own:
			list, err := textList(value)
			if err != nil {
				return v, err
			}
			v.Environments = list
		case key == "inputs" && !own:
			more, ok := value.(map[string]any)
			if !ok {
				return v, pave.BadField("inputs", fmt.Sprint(value), "is not a map", "inputs: {port: 8080}")
			}
			maps.Copy(v.Inputs, more)
		case common && !own:
			text, ok := value.(string)
			if !ok {
				return v, pave.BadField(key, fmt.Sprint(value), "is not text", "put it in quotes")
			}
			*field = text
		default:
			v.Inputs[strings.TrimPrefix(key, "inputs.")] = value
		}
	}
	for _, kind := range pave.BackingKinds {
		if _, chosen := given[kind]; !chosen {
			*fields[kind] = t.Engine(kind)
		} else if *fields[kind] == "none" {
			*fields[kind] = ""
		}
	}
	if len(v.Environments) == 0 {
		v.Environments = []string{"staging"}
	}
	for field, value := range map[string]string{"name": v.Name, "team": v.Team} {
		if _, err := pave.ParseName(field, value); err != nil {
			return v, err
		}
	}
	return v, nil
}

func textList(v any) ([]string, error) {
	if text, ok := v.(string); ok {
		return strings.Split(text, ","), nil
	}
	list, ok := v.([]any)
	var out []string
	for _, e := range list {
		text, isText := e.(string)
		ok = ok && isText
		out = append(out, text)
	}
	if !ok {
		return nil, pave.BadField("environments", fmt.Sprint(v), "is not a list of names", "environments: [staging, production]")
	}
	return out, nil
}

// writeTree makes a folder with the files of a tree, or leaves everything as it was.
func writeTree(ctx context.Context, dir string, files []template.File) (err error) {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return pave.Errorf(pave.Conflict, "the folder %s is not empty", dir).WithHint("name a new folder")
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return pave.Errorf(pave.Invalid, "look at the folder %s: %w", dir, err).WithHint("name a new folder")
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return pave.Errorf(pave.Unavailable, "make the folder %s: %w", parent, err)
	}
	tmp, err := os.MkdirTemp(parent, ".pave-render-")
	if err != nil {
		return pave.Errorf(pave.Unavailable, "make a folder in %s: %w", parent, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	if err := fill(ctx, tmp, files); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	_ = os.Remove(dir) // an empty folder makes room; anything else fails the rename
	if err := os.Rename(tmp, dir); err != nil {
		return pave.Errorf(pave.Unavailable, "put %s into place: %w", dir, err)
	}
	return nil
}

// fill writes files below a folder, and nowhere else.
func fill(ctx context.Context, dir string, files []template.File) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := root.MkdirAll(path.Dir(f.Path), 0o755); err != nil {
			return pave.Errorf(pave.Unavailable, "write %s: %w", f.Path, err)
		}
		if err := root.WriteFile(f.Path, f.Data, f.Mode.Perm()); err != nil {
			return pave.Errorf(pave.Unavailable, "write %s: %w", f.Path, err)
		}
	}
	return nil
}

// diffTrees says in one line each how a tree differs from the one that was expected.
func diffTrees(want, got []template.File) []string {
	var out []string
	index := func(files []template.File) map[string]template.File {
		m := map[string]template.File{}
		for _, f := range files {
			m[f.Path] = f
		}
		return m
	}
	have, expected := index(got), index(want)
	for _, f := range want {
		now, ok := have[f.Path]
		switch {
		case !ok:
			out = append(out, f.Path+" is missing")
		case now.Mode.Perm()&0o111 != f.Mode.Perm()&0o111:
			out = append(out, fmt.Sprintf("%s has mode %v, not %v", f.Path, now.Mode, f.Mode))
		case !bytes.Equal(now.Data, f.Data):
			out = append(out, fmt.Sprintf("%s differs from line %d on", f.Path, firstDifference(f.Data, now.Data)))
		}
	}
	for _, f := range got {
		if _, ok := expected[f.Path]; !ok {
			out = append(out, f.Path+" is new")
		}
	}
	return out
}

// firstDifference is the line at which two texts part.
func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return 1 + bytes.Count(a[:i], []byte{'\n'})
		}
	}
	return 1 + bytes.Count(a[:min(len(a), len(b))], []byte{'\n'})
}
