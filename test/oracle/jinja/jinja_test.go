// Package jinja_test compares the template dialects with their originals: jinja2 and
// cookiecutter of Debian, nunjucks and nunjitsu of npm. It runs in make test-real.
package jinja_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/template/jinja"
	"github.com/rogpeppe/go-internal/txtar"
)

const snippets = "../../../internal/template/jinja/testdata"

// address is what Python prints of an object that has no text.
var address = regexp.MustCompile(` at 0x[0-9a-f]+`)

func needOracle(t testing.TB) {
	t.Helper()
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("compares with the originals only in make test-real")
	}
}

// An oracle is the child process in which an original runs.
type oracle struct {
	in  io.WriteCloser
	out *bufio.Reader
	mu  sync.Mutex
}

type request struct {
	Src       string            `json:"src"`
	Vars      json.RawMessage   `json:"vars"`
	Templates map[string]string `json:"templates"`
	Options   json.RawMessage   `json:"options,omitempty"`
	Engine    string            `json:"engine,omitempty"`
	Value     bool              `json:"value,omitempty"`
}

type answer struct {
	Out   any
	Error string
}

func startPython(t testing.TB) *oracle {
	t.Helper()
	if err := exec.Command("/usr/bin/python3", "-c", "import jinja2").Run(); err != nil {
		t.Fatalf("the original jinja2 is missing: run scripts/setup-test (%v)", err)
	}
	return start(t, exec.Command("/usr/bin/python3", "render.py"))
}

func startNode(t testing.TB) *oracle {
	t.Helper()
	cmd := exec.Command("node", "render.js")
	cmd.Env = append(os.Environ(), "NODE_PATH="+nodeModules(t))
	return start(t, cmd)
}

// nodeModules returns a folder with the packages of package-lock.json, outside of
// the repository; it is made once.
func nodeModules(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "pave-oracle-jinja")
	want, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	have, _ := os.ReadFile(filepath.Join(dir, "node_modules", ".from-lock.json"))
	if string(have) != string(want) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"package.json", "package-lock.json"} {
			data, err := os.ReadFile(name)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name), data, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
		if err := os.WriteFile(filepath.Join(dir, "node_modules", ".from-lock.json"), want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "node_modules")
}

func start(t testing.TB, cmd *exec.Cmd) *oracle {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	return &oracle{in: in, out: bufio.NewReaderSize(out, 1<<20)}
}

func (o *oracle) ask(t testing.TB, r request) answer {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.Vars == nil {
		r.Vars = json.RawMessage("{}")
	}
	line, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.in.Write(append(line, '\n')); err != nil {
		t.Fatalf("the original has ended: %v", err)
	}
	got, err := o.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("the original has ended at %s: %v", line, err)
	}
	var a struct {
		Out   any    `json:"out"`
		Error string `json:"error"`
	}
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	return answer(a)
}

// text is the answer as a golden part.
func (a answer) text() (kind, text string) {
	if a.Error != "" {
		return "error", "error: " + strings.SplitN(a.Error, "\n", 2)[0]
	}
	s, _ := a.Out.(string)
	return "want", s
}

type options struct {
	TrimBlocks          bool   `json:"trim_blocks"`
	LstripBlocks        bool   `json:"lstrip_blocks"`
	DropTrailingNewline bool   `json:"drop_trailing_newline"`
	VariableStart       string `json:"variable_start"`
	LineStatement       string `json:"line_statement"`
	LineComment         string `json:"line_comment"`
	Do                  bool   `json:"do"`
	LoopControls        bool   `json:"loop_controls"`
}

// ours renders with the package under test.
func ours(t testing.TB, d jinja.Dialect, r request) (kind, text string) {
	t.Helper()
	var o options
	if r.Options != nil {
		if err := json.Unmarshal(r.Options, &o); err != nil {
			t.Fatal(err)
		}
	}
	env, err := jinja.New(jinja.Options{
		Dialect: d, TrimBlocks: o.TrimBlocks, LstripBlocks: o.LstripBlocks, DropTrailingNewline: o.DropTrailingNewline,
		VariableStart: o.VariableStart, LineStatementPrefix: o.LineStatement, LineCommentPrefix: o.LineComment,
		Do: o.Do, LoopControls: o.LoopControls,
		Loader: func(name string) (string, error) {
			src, ok := r.Templates[name]
			if !ok {
				return "", pave.Errorf(pave.NotFound, "no %s", name)
			}
			return src, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := env.Parse("t", r.Src)
	if err == nil {
		text, err = tmpl.Render(t.Context(), variables(t, r.Vars))
	}
	if err != nil {
		return "error", strings.TrimSuffix(err.Error()+"\n"+pave.HintOf(err), "\n")
	}
	return "want", text
}

// variables decodes JSON, whole numbers as int64 and objects with the order of their
// keys.
func variables(t testing.TB, data json.RawMessage) map[string]any {
	t.Helper()
	vars := map[string]any{}
	if len(data) == 0 {
		return vars
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	if err := dec.Decode(&vars); err != nil {
		t.Fatal(err)
	}
	whole(vars)
	return vars
}

func whole(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = whole(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = whole(v[k])
		}
	}
	return v
}

func TestJinja2(t *testing.T) {
	needOracle(t)
	compareAll(t, "jinja2", jinja.Jinja2, startPython(t))
}

func TestNunjucks(t *testing.T) {
	needOracle(t)
	compareAll(t, "nunjucks", jinja.Nunjucks, startNode(t))
}

func compareAll(t *testing.T, name string, d jinja.Dialect, o *oracle) {
	files, err := filepath.Glob(filepath.Join(snippets, name, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no snippets: %v", err)
	}
	total, differ := 0, 0
	for _, file := range files {
		n, m := compareFile(t, file, d, o)
		total, differ = total+n, differ+m
	}
	t.Logf("%s: %d snippets, %d equal to the original, %d differ on purpose", name, total, total-differ, differ)
}

// compareFile compares a file of snippets, whose form is told in the package's own
// tests. With UPDATE=1 it writes what the original gives.
func compareFile(t *testing.T, file string, d jinja.Dialect, o *oracle) (total, differ int) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out := &txtar.Archive{Comment: archive.Comment}
	add := func(name, data string) {
		out.Files = append(out.Files, txtar.File{Name: name, Data: []byte(data + "\n")})
	}
	req := request{Templates: map[string]string{}}
	for i, f := range archive.Files {
		data := strings.TrimSuffix(string(f.Data), "\n")
		title, isInput := strings.CutPrefix(f.Name, "in: ")
		switch {
		case f.Name == "vars":
			req.Vars = json.RawMessage(data)
		case f.Name == "options":
			req.Options = json.RawMessage(data)
		case strings.HasPrefix(f.Name, "template "):
			req.Templates[strings.TrimPrefix(f.Name, "template ")] = string(f.Data)
		}
		if !isInput {
			if f.Name == "vars" || f.Name == "options" || strings.HasPrefix(f.Name, "template ") {
				out.Files = append(out.Files, f)
			}
			continue
		}
		total++
		req.Src = data
		reason, stored, storedKind := "", "", ""
		for _, g := range archive.Files[i+1:] {
			if strings.HasPrefix(g.Name, "in: ") {
				break
			}
			switch g.Name {
			case "differs":
				reason = strings.TrimSuffix(string(g.Data), "\n")
			case "want", "error":
				storedKind, stored = g.Name, strings.TrimSuffix(string(g.Data), "\n")
			}
		}
		kind, text := ours(t, d, req)
		wantKind, want := o.ask(t, req).text()
		same := kind == wantKind && (kind == "error" || text == want)
		switch {
		case same && reason != "":
			t.Errorf("%s: %s: is said to differ, but does not\n%s", filepath.Base(file), title, data)
		case !same && reason == "":
			t.Errorf("%s: %s\n%s\nours:     %s %q\noriginal: %s %q", filepath.Base(file), title, data, kind, text, wantKind, want)
		}
		if os.Getenv("UPDATE") == "" && (kind != storedKind || strings.TrimSuffix(text, "\n") != strings.TrimSuffix(stored, "\n")) {
			t.Errorf("%s: %s: stored is %s %q, ours gives %s %q", filepath.Base(file), title, storedKind, stored, kind, text)
		}
		add(f.Name, data)
		if reason != "" {
			differ++
			add("differs", reason)
			add("original", address.ReplaceAllString(want, " at 0x..."))
		} else if wantKind == "want" {
			kind, text = wantKind, want
		}
		add(kind, text)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, txtar.Format(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return total, differ
}
