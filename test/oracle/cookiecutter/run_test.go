package cookiecutter

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave/internal/template/cookiecutter"
)

// stopped is the time that testdata/python/sitecustomize.py stops the clock at.
var stopped = time.Date(2024, 2, 29, 13, 4, 5, 678901000, time.UTC)

// zeros are the dice of sitecustomize.py.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// python is where Debian's packages are.
const python = "/usr/bin/python3"

// real renders the template in a folder with cookiecutter, without hooks, into out.
// The error has the last lines that it printed.
func real(tb testing.TB, dir, out string, set map[string]any) (tree, error) {
	tb.Helper()
	own, err := filepath.Abs("testdata/python")
	if err != nil {
		tb.Fatal(err)
	}
	home := tb.TempDir()
	args := []string{"-c", "import sys; sys.argv[0] = 'cookiecutter'; from cookiecutter.__main__ import main; main()",
		"--no-input", "--default-config", "-o", out, dir}
	search, other := own, os.Getenv("PAVE_COOKIECUTTER_PATH")
	if other != "" {
		search += ":" + other
		args = append(args, "--accept-hooks", "no") // 1.7 has no such option: there hooks run
	}
	for name, value := range set {
		args = append(args, fmt.Sprintf("%s=%v", name, value))
	}
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, args...)
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "PATH=/usr/bin:/bin", "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1", "PYTHONPATH=" + search}
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(printed.String()), "\n")
		return nil, fmt.Errorf("%w: %s", err, strings.Join(lines[max(0, len(lines)-4):], " | "))
	}
	return readTree(tb, out), nil
}

// first loads a template. Of nested ones it takes the first, as cookiecutter does
// when nobody is asked.
func first(root, dir string) (*cookiecutter.Template, error) {
	t, err := cookiecutter.LoadAt(os.DirFS(root), dir)
	for err == nil && len(t.Nested()) > 0 {
		t, err = t.Select(t.Nested()[0].Name)
	}
	return t, err
}

// ours renders the template in a folder with pave. out is only told the template.
func ours(tb testing.TB, root, dir, out string, set map[string]any) (tree, error) {
	tb.Helper()
	t, err := first(root, dir)
	if err != nil {
		return nil, err
	}
	at := filepath.Join(root, t.Dir())
	o := cookiecutter.Options{Now: stopped, Random: zeros{}, Template: at, RepoDir: at, OutputDir: out}
	answers, err := t.Answers(tb.Context(), set, o)
	if err != nil {
		return nil, err
	}
	res, err := t.Render(tb.Context(), answers, o)
	if err != nil {
		return nil, err
	}
	return treeOf(res), nil
}
