package pipeline

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
	"github.com/rogpeppe/go-internal/txtar"
)

const (
	wantFile     = "want.json"
	overrideFile = "override.json"
)

// golden is what is held to want.json.
type golden struct {
	Pipeline
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
}

// TestGolden walks testdata/detect: each file is a repository, with why it is there,
// an override where there is one, and the pipeline wanted. UPDATE=1 writes the last.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/detect/*.txtar")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d cases, %v: at least 60 are wanted", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			testGolden(t, name)
		})
	}
}

func testGolden(t *testing.T, name string) {
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	tree, over, want := fstest.MapFS{}, Override{}, ""
	for _, f := range archive.Files {
		switch f.Name {
		case wantFile:
			want = string(f.Data)
		case overrideFile:
			if err := json.Unmarshal(f.Data, &over); err != nil {
				t.Fatal(err)
			}
		default:
			tree[f.Name] = &fstest.MapFile{Data: f.Data}
		}
	}
	p, err := Detect(tree, over)
	g := golden{Pipeline: p}
	if err != nil {
		if code := pave.CodeOf(err); code != pave.Invalid {
			t.Errorf("code of %v is %q, want invalid", err, code)
		}
		g.Error, g.Hint = err.Error(), pave.HintOf(err)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(g); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE") != "" {
		update(t, name, archive, out.Bytes())
		return
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("%s(-want +got)\n%s", archive.Comment, diff)
	}
}

func update(t *testing.T, name string, a *txtar.Archive, want []byte) {
	var files []txtar.File
	for _, f := range a.Files {
		if f.Name != wantFile {
			files = append(files, f)
		}
	}
	a.Files = append(files, txtar.File{Name: wantFile, Data: want})
	if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}
