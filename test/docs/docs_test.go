// Package docs tries the pages of docs/guide and docs/platform: what they tell people
// to type is typed, in their order, by somebody with an empty home, and what they show
// is compared with what appears.
package docs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var bin string // folder of the built program

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv("PAVE_TEST_REAL") == "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("/tmp", "pvd")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		panic(err)
	}
	bin = dir
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "pave"), "../../cmd/pave")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build pave: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// TestPages types every page. Those of a folder go on where the page before ended.
func TestPages(t *testing.T) {
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("real builds: make test-real")
	}
	for _, folder := range folders {
		t.Run(folder, func(t *testing.T) {
			env := home(t)
			for _, page := range pages(t, folder) {
				t.Run(strings.TrimSuffix(filepath.Base(page), ".md"), func(t *testing.T) { try(t, page, env) })
			}
		})
	}
}

// TestPagesHaveCommands finds a page that would try nothing, and links that lead
// nowhere.
func TestPagesHaveCommands(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, page := range slices.Concat(pages(t, "guide"), pages(t, "platform")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if len(commands(string(text))) == 0 {
			t.Errorf("%s has no command to try", page)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
			}
		}
	}
}

var folders = []string{"guide", "platform"}

// pages are those of a folder in their order.
func pages(t *testing.T, folder string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("..", "..", "docs", folder, "*.md"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no pages in %s: %v", folder, err)
	}
	return found
}

// A command is a line of a console block that begins with "$ ", and what is shown below
// it; one that ends in "# exit code N" must end so. A block marked sh is one command.
type command struct {
	line   string
	code   int
	output []string
}

var exitComment = regexp.MustCompile(`\s+# exit code (\d+)$`)

// commands reads the console blocks of a page. A line that ends in a backslash goes on.
func commands(page string) []command {
	var out []command
	block, open := "", false
	for line := range strings.Lines(page) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			if block = line[3:]; block == "sh" {
				out = append(out, command{})
			}
			open = false
		case block == "sh":
			out[len(out)-1].line += line + "\n"
		case block != "console":
		case open:
			last := &out[len(out)-1]
			last.line += "\n" + line
			open = strings.HasSuffix(line, `\`)
		case strings.HasPrefix(line, "$ "):
			c := command{line: line[2:]}
			if m := exitComment.FindStringSubmatch(c.line); m != nil {
				fmt.Sscan(m[1], &c.code)
			}
			out = append(out, c)
			open = strings.HasSuffix(line, `\`)
		case len(out) > 0:
			last := &out[len(out)-1]
			last.output = append(last.output, line)
		}
	}
	return out
}

// try types the commands of a page into one shell.
func try(t *testing.T, page string, env []string) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	cmds := commands(string(text))
	dir := t.TempDir()
	var script strings.Builder
	for i, c := range cmds {
		fmt.Fprintf(&script, "%s\n", wrap(c.line, filepath.Join(dir, fmt.Sprint(i))))
	}
	shell := exec.CommandContext(t.Context(), "bash", "-c", script.String())
	shell.Dir = strings.TrimPrefix(env[0], "HOME=")
	shell.Env = append(os.Environ(), env...)
	shell.WaitDelay = 10 * time.Second
	var said bytes.Buffer
	shell.Stdout, shell.Stderr = &said, &said
	if err := shell.Run(); err != nil {
		t.Errorf("the shell: %v\n%s", err, said.String())
	}
	for i, c := range cmds {
		got, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(i)))
		code, cerr := os.ReadFile(filepath.Join(dir, fmt.Sprint(i)+".code"))
		if err != nil || cerr != nil {
			t.Fatalf("$ %s\nwas not run", c.line)
		}
		if want := fmt.Sprint(c.code); strings.TrimSpace(string(code)) != want {
			t.Fatalf("$ %s\nexit code %s, want %s:\n%s", c.line, strings.TrimSpace(string(code)), want, got)
		}
		if missing := shown(c.output, string(got)); missing != "" {
			t.Errorf("$ %s\nthe page shows %q, which is not among:\n%s", c.line, missing, got)
		}
	}
}

// wrap runs a command in the shell itself, so that cd and variables stay, keeps what it
// says and how it ends.
func wrap(line, file string) string {
	return fmt.Sprintf("{ %s\n} >%[2]s 2>&1 </dev/null; echo $? >%[2]s.code", line, file)
}

// shown returns the first line of a page that does not appear, in the page's order. In
// it "..." stands for anything, and spaces for any number of them.
func shown(page []string, got string) string {
	lines := strings.Split(got, "\n")
	for _, want := range page {
		if strings.TrimSpace(want) == "" || strings.TrimSpace(want) == "..." {
			continue
		}
		var parts []string
		for _, part := range strings.Split(strings.Join(strings.Fields(want), " "), "...") {
			parts = append(parts, strings.ReplaceAll(regexp.QuoteMeta(part), " ", `\s+`))
		}
		pattern := regexp.MustCompile(`^\s*` + strings.Join(parts, ".*") + `\s*$`)
		at := -1
		for i, line := range lines {
			if pattern.MatchString(line) {
				at = i
				break
			}
		}
		if at < 0 {
			return want
		}
		lines = lines[at+1:]
	}
	return ""
}

// home is the environment of somebody new: HOME first.
func home(t *testing.T) []string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pvd")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "user"), 0o755); err != nil {
		t.Fatal(err)
	}
	env := []string{"HOME=" + filepath.Join(dir, "user"), "PAVE_HOME=" + filepath.Join(dir, "state"), "PAVE_CONFIG=" + filepath.Join(dir, "config"),
		"PAVE_LISTEN=127.0.0.1:0", "PAVE_ROUTER=127.0.0.1:0", "PATH=" + bin + ":" + os.Getenv("PATH"),
		"GIT_AUTHOR_NAME=dev", "GIT_AUTHOR_EMAIL=dev@localhost", "GIT_COMMITTER_NAME=dev", "GIT_COMMITTER_EMAIL=dev@localhost",
		"PAVE_ALLOW=127.0.0.1", "NO_COLOR=1"}
	// What pave ci compiles on the developer's machine need not be compiled for each test.
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
		if out, err := exec.Command("go", "env", name).Output(); err == nil {
			env = append(env, name+"="+strings.TrimSpace(string(out)))
		}
	}
	t.Cleanup(func() {
		down := exec.Command(filepath.Join(bin, "pave"), "down")
		down.Env = append(os.Environ(), env...)
		if out, err := down.CombinedOutput(); err != nil {
			t.Errorf("pave down: %v\n%s", err, out)
		}
		os.RemoveAll(dir)
	})
	return env
}
