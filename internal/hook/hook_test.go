package hook

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/template"
)

// here runs hooks as the test's own user, and counts who has the folder.
type here struct{ given, taken int }

func (h *here) Run(ctx context.Context, dir string, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.New(strings.TrimSpace(string(out)))
	}
	return nil
}
func (h *here) Give(context.Context, string) error { h.given++; return nil }
func (h *here) Take(context.Context, string) error { h.taken++; return nil }

func load(t *testing.T, hooks map[string]string) *template.Template {
	t.Helper()
	fsys := fstest.MapFS{
		"cookiecutter.json":                       {Data: []byte(`{"project_name": "demo", "licence": ["MIT", "none"]}`)},
		"{{cookiecutter.project_name}}/README.md": {Data: []byte("# {{ cookiecutter.project_name }}\n")},
		"{{cookiecutter.project_name}}/LICENCE":   {Data: []byte("{{ cookiecutter.licence }}\n")},
	}
	for name, text := range hooks {
		fsys["hooks/"+name] = &fstest.MapFile{Data: []byte(text), Mode: 0o755}
	}
	tmpl, err := template.Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

func render(t *testing.T, hooks map[string]string, inputs map[string]any) (string, *here, error) {
	t.Helper()
	at := &here{}
	work := t.TempDir()
	tree, err := Render(t.Context(), load(t, hooks), template.Vars{Name: "shop", Team: "web", Inputs: inputs}, work, at)
	if err != nil {
		return "", at, err
	}
	var out []string
	for _, f := range tree.Files {
		out = append(out, f.Path+"="+strings.TrimSpace(string(f.Data)))
	}
	return strings.Join(out, " "), at, nil
}

func TestHooksRunAroundTheTree(t *testing.T) {
	t.Parallel()
	got, at, err := render(t, map[string]string{
		"pre_gen_project.sh":  "#!/bin/sh\nset -e\ntest -z \"$(ls)\"\ntest '{{ cookiecutter.project_name }}' = shop\n",
		"post_gen_project.py": "import os\nif '{{ cookiecutter.licence }}' == 'none':\n    os.remove('LICENCE')\nopen('made', 'w').write(os.path.basename(os.getcwd()))\nos.makedirs('.git'); open('.git/config', 'w')\n",
	}, map[string]any{"licence": "none"})
	if want := "README.md=# shop made=shop"; err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if at.given != 2 || at.taken != 2 {
		t.Errorf("given %d times, taken %d times", at.given, at.taken)
	}
	if got, at, err := render(t, nil, nil); err != nil || got != "LICENCE=MIT README.md=# shop" || at.given > 0 {
		t.Errorf("without hooks: %q, %v", got, err)
	}
}

func TestHooksThatFailOrMisbehave(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("pvcnry-hook"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ hook, text, says string }{
		"fails":             {"pre_gen_project.sh", "#!/bin/sh\necho bad name; exit 3", "bad name"},
		"link out":          {"post_gen_project.sh", "#!/bin/sh\nln -s " + secret + " stolen", "leads out"},
		"link before files": {"pre_gen_project.sh", "#!/bin/sh\nln -s " + filepath.Dir(secret) + " README.md\nmkdir LICENCE; touch LICENCE/x", "cannot be written"},
		"link as project":   {"post_gen_project.sh", "#!/bin/sh\nrm -r \"$PWD\"; ln -s " + filepath.Dir(secret) + " \"$PWD\"", "in the place of the project"},
		"link, then files":  {"pre_gen_project.sh", "#!/bin/sh\nrmdir \"$PWD\"; ln -s " + filepath.Dir(secret) + " \"$PWD\"", "in the place of the project"},
		"link above":        {"post_gen_project.sh", "#!/bin/sh\ncd ../..; mv project away; ln -s away project", "in the place of the project"},
		"link to a sibling": {"post_gen_project.sh", "#!/bin/sh\ncd ..; mv shop away; ln -s away shop", "in the place of the project"},
		"file as project":   {"pre_gen_project.sh", "#!/bin/sh\nrmdir \"$PWD\"; echo x > \"$PWD\"", "in the place of the project"},
		"removes all":       {"post_gen_project.sh", "#!/bin/sh\nrm -rf \"$PWD\"", "removed the project"},
		"pipe":              {"post_gen_project.sh", "#!/bin/sh\nmkfifo p", "neither file nor folder"},
		"a name of git":     {"post_gen_project.sh", "#!/bin/sh\nmkdir .GIT; touch .GIT/x", "belongs to git"},
	} {
		_, _, err := render(t, map[string]string{c.hook: c.text}, nil)
		if pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "pvcnry") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if data, err := os.ReadFile(secret); string(data) != "pvcnry-hook" {
		t.Errorf("a file outside was changed: %q, %v", data, err)
	}
	if all, err := os.ReadDir(filepath.Dir(secret)); len(all) != 1 || err != nil {
		t.Errorf("files were written outside: %v, %v", all, err)
	}
}
