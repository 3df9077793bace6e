package cookiecutter

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/template/cookiecutter"
)

// A public template: a line of testdata/public.txt.
type public struct {
	repo, commit, dir string
	set               map[string]any
}

func (p public) String() string { return p.repo + "/" + p.dir }

func publicList(t *testing.T) []public {
	t.Helper()
	file := os.Getenv("PAVE_COOKIECUTTER_LIST")
	if file == "" {
		file = "testdata/public.txt"
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []public
	for line := range strings.Lines(string(data)) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] == "#" {
			continue
		}
		p := public{repo: words[0], commit: words[1], dir: words[2], set: map[string]any{}}
		for _, pair := range words[3:] {
			name, value, _ := strings.Cut(pair, "=")
			p.set[name] = value
		}
		list = append(list, p)
	}
	return list
}

// TestPublic renders the listed public templates with cookiecutter and with pave and
// prints how they compare. It fails below 95 in 100.
func TestPublic(t *testing.T) {
	mirrors := os.Getenv("PAVE_COOKIECUTTER_MIRRORS")
	if mirrors == "" {
		t.Skip("PAVE_COOKIECUTTER_MIRRORS names no folder with git mirrors (OWNER+NAME/repo)")
	}
	var mu sync.Mutex
	count := map[string]int{}
	t.Run("templates", func(t *testing.T) {
		for _, p := range publicList(t) {
			t.Run(p.String(), func(t *testing.T) {
				t.Parallel()
				verdict, detail := p.compare(t, mirrors)
				mu.Lock()
				defer mu.Unlock()
				count[verdict]++
				fmt.Printf("%-8s %s %s\n", verdict, p, detail)
			})
		}
	})
	rendered := count["equal"] + count["differs"] + count["refused"]
	fmt.Printf("of %d that cookiecutter renders: %d equal, %d differ, %d refused; %d neither renders, %d only pave does\n",
		rendered, count["equal"], count["differs"], count["refused"], count["neither"], count["extra"])
	if count["equal"]*100 < rendered*95 {
		t.Errorf("%d of %d are equal", count["equal"], rendered)
	}
}

func (p public) compare(t *testing.T, mirrors string) (verdict, detail string) {
	root, out := t.TempDir(), t.TempDir()
	p.checkout(t, mirrors, root)
	if os.Getenv("PAVE_COOKIECUTTER_ANSWERS") == "other" {
		p.answerOtherwise(root)
	}
	want, theirErr := real(t, filepath.Join(root, p.dir), out, p.set)
	got, ourErr := ours(t, root, p.dir, out, p.set)
	switch {
	case theirErr != nil && ourErr != nil:
		return "neither", fmt.Sprintf("\n\tcookiecutter: %v\n\tpave: %v", theirErr, ourErr)
	case theirErr != nil:
		return "extra", fmt.Sprintf("\n\tcookiecutter: %v", theirErr)
	case ourErr != nil:
		return "refused", fmt.Sprintf("\n\tpave: %v (%s)", ourErr, pave.HintOf(ourErr))
	}
	if lines := diff(got, want); len(lines) > 0 {
		return "differs", fmt.Sprintf("(%d files)\n\t%s", len(want), strings.Join(lines[:min(len(lines), 5)], "\n\t"))
	}
	return "equal", fmt.Sprintf("(%d files)", len(want))
}

// answerOtherwise takes the last of each list of choices and turns each switch, to
// see the parts that defaults leave out.
func (p public) answerOtherwise(root string) {
	t, err := first(root, p.dir)
	if err != nil {
		return
	}
	turned := map[any]any{true: false, false: true, "y": "n", "n": "y", "yes": "no", "no": "yes", "True": "False", "False": "True", "true": "false", "false": "true"}
	for _, q := range t.Prompts() {
		if _, isSet := p.set[q.Name]; isSet {
			continue
		}
		if q.Kind == cookiecutter.KindChoice {
			p.set[q.Name] = q.Choices[len(q.Choices)-1].Value
		} else if other, ok := turned[q.Default]; ok && q.Kind != cookiecutter.KindObject {
			p.set[q.Name] = other
		}
	}
}

// checkout writes the commit's files. Those that a mirror lacks, because they are
// large, are missing for both.
func (p public) checkout(t *testing.T, mirrors, to string) {
	t.Helper()
	dir := filepath.Join(mirrors, strings.ReplaceAll(p.repo, "/", "+"), "repo")
	if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
		dir = filepath.Join(dir, ".git")
	}
	env := append(os.Environ(), "GIT_DIR="+dir, "GIT_WORK_TREE="+to, "GIT_INDEX_FILE="+filepath.Join(t.TempDir(), "index"))
	for _, args := range [][]string{{"read-tree", p.commit}, {"checkout-index", "-a", "-q", "-f"}} {
		cmd := exec.Command("git", args...)
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil && args[0] == "read-tree" {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
}
