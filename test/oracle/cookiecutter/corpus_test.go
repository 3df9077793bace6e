package cookiecutter

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what cookiecutter makes into the corpus; needs cookiecutter 2 in PAVE_COOKIECUTTER_PATH")

// A sample is a file of testdata/corpus: a template, and under want/ what it makes.
// The comment before the files has its answers, one "set NAME JSON" a line, and "only 2"
// where cookiecutter 1.7 makes something else. Marks after a name: (exec) for a
// program, (quoted) where the contents are a Go string, (dir) for an empty folder,
// (link) for a link to what the contents say.
type sample struct {
	file   string
	parsed *txtar.Archive
	set    map[string]any
	only2  bool
	want   tree
}

var marked = regexp.MustCompile(`^(.*?)((?: \([a-z]+\))*)$`)

func readSample(t *testing.T, file string) *sample {
	t.Helper()
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &sample{file: file, parsed: ar, set: map[string]any{}, want: tree{}}
	for line := range strings.Lines(string(ar.Comment)) {
		words := strings.SplitN(strings.TrimSpace(line), " ", 3)
		switch {
		case words[0] == "set" && len(words) == 3:
			var v any
			if err := json.Unmarshal([]byte(words[2]), &v); err != nil {
				t.Fatalf("%s: %s: %v", file, line, err)
			}
			s.set[words[1]] = v
		case words[0] == "only":
			s.only2 = true
		}
	}
	for _, f := range ar.Files {
		name, marks, data := unmark(t, f)
		if rest, ok := strings.CutPrefix(name, "want/"); ok {
			if strings.Contains(marks, "(dir)") {
				rest += "/"
			}
			s.want[rest] = entry{strings.Contains(marks, "(exec)"), data}
		}
	}
	return s
}

func unmark(t *testing.T, f txtar.File) (name, marks, data string) {
	m := marked.FindStringSubmatch(f.Name)
	data = string(f.Data)
	if strings.Contains(m[2], "(quoted)") {
		var err error
		if data, err = strconv.Unquote(strings.TrimSpace(data)); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
	}
	return m[1], m[2], data
}

// write lays the template into a folder.
func (s *sample) write(t *testing.T, dir string) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range s.parsed.Files {
		name, marks, data := unmark(t, f)
		if strings.HasPrefix(name, "want/") {
			continue
		}
		p := filepath.Join(dir, name)
		if strings.Contains(marks, "(dir)") {
			must(os.MkdirAll(p, 0o755))
			continue
		}
		must(os.MkdirAll(filepath.Dir(p), 0o755))
		switch {
		case strings.Contains(marks, "(link)"):
			must(os.Symlink(strings.TrimSpace(data), p))
		case strings.Contains(marks, "(exec)"):
			must(os.WriteFile(p, []byte(data), 0o755))
		default:
			must(os.WriteFile(p, []byte(data), 0o644))
		}
	}
}

func TestCorpus(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/corpus/*.txtar")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d samples (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			s := readSample(t, file)
			dir := t.TempDir()
			s.write(t, dir)
			if *update {
				s.update(t, dir)
			}
			got, err := ours(t, dir, ".", "", s.set)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range diff(got, s.want) {
				t.Error(line)
			}
			s.compare(t, dir)
		})
	}
}

// compare has the real cookiecutter render the sample, where that is asked for.
func (s *sample) compare(t *testing.T, dir string) {
	other := os.Getenv("PAVE_COOKIECUTTER_PATH") != ""
	if os.Getenv("PAVE_TEST_REAL") == "" && !other || s.only2 && !other {
		return
	}
	for _, v := range s.set {
		if _, isDict := v.(map[string]any); isDict {
			return // the command line has no way to give one
		}
	}
	real, err := real(t, dir, t.TempDir(), s.set)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range diff(real, s.want) {
		t.Errorf("cookiecutter: %s", line)
	}
}

// update puts what cookiecutter makes under want/.
func (s *sample) update(t *testing.T, dir string) {
	t.Helper()
	made, err := real(t, dir, t.TempDir(), s.set)
	if err != nil {
		t.Fatal(err)
	}
	s.want = made
	s.parsed.Files = slices.DeleteFunc(s.parsed.Files, func(f txtar.File) bool { return strings.HasPrefix(f.Name, "want/") })
	for _, p := range slices.Sorted(maps.Keys(made)) {
		e, name := made[p], "want/"+p
		if before, isDir := strings.CutSuffix(name, "/"); isDir {
			name = before + " (dir)"
		}
		if e.exec {
			name += " (exec)"
		}
		data := e.data
		if data != "" && !strings.HasSuffix(data, "\n") || strings.Contains(data, "\r") || strings.HasPrefix(data, "-- ") ||
			strings.Contains(data, "\n-- ") || !utf8.ValidString(data) || strings.ContainsRune(data, 0) {
			name, data = name+" (quoted)", strconv.Quote(data)+"\n"
		}
		s.parsed.Files = append(s.parsed.Files, txtar.File{Name: name, Data: []byte(data)})
	}
	if err := os.WriteFile(s.file, txtar.Format(s.parsed), 0o644); err != nil {
		t.Fatal(err)
	}
}
