package template

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pave-platform/pave"
)

func TestPackIsTheSameForTheSameFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, mode := range map[string]fs.FileMode{"b/run.sh": 0o700, "a.txt": 0o600, ".git/config": 0o644} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"file": "b/run.sh", "folder": "b", "b/up": "../file"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	mem := fstest.MapFS{"a.txt": {Data: []byte("a.txt")}, "b/run.sh": {Data: []byte("b/run.sh"), Mode: 0o755},
		"file": {Data: []byte("b/run.sh"), Mode: 0o711}, "b/up": {Data: []byte("b/run.sh"), Mode: 0o755}}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	first, err := Pack(root.FS())
	if err != nil {
		t.Fatal(err)
	}
	second, err := Pack(mem)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("the archives differ: %v", err)
	}
	fsys, err := Unpack(first)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := fs.Stat(fsys, "b/up"); err != nil || info.Mode() != 0o755 {
		t.Errorf("b/up: %v, %v", info, err)
	}
	if _, err := fs.Stat(fsys, ".git/config"); err == nil {
		t.Error(".git was packed")
	}
}

func TestPackRefuses(t *testing.T) {
	t.Parallel()
	link := func(to string) fstest.MapFS {
		return fstest.MapFS{"x": {Data: []byte(to), Mode: fs.ModeSymlink}}
	}
	many := fstest.MapFS{}
	for i := range MaxFiles + 1 {
		many[fmt.Sprintf("f%d", i)] = &fstest.MapFile{}
	}
	for name, fsys := range map[string]fstest.MapFS{
		"absolute link": link("/etc/passwd"), "link out": link("../x"), "dangling link": link("y"), "link to itself": link("x"),
		"device": {"x": {Mode: fs.ModeDevice}}, "too many files": many, "too large": {"x": {Data: make([]byte, MaxBytes+1)}},
	} {
		if _, err := Pack(fsys); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An endless folder holds ten folders, each of which holds ten.
type endless struct{ opened int }

func (e *endless) Open(string) (fs.File, error) { return nil, fs.ErrNotExist }
func (e *endless) Stat(string) (fs.FileInfo, error) {
	return fs.Stat(fstest.MapFS{"d": {Mode: fs.ModeDir | 0o755}}, "d")
}
func (e *endless) ReadDir(name string) ([]fs.DirEntry, error) {
	if e.opened++; e.opened > 10*maxFolders {
		return nil, fs.ErrInvalid
	}
	var many fstest.MapFS = map[string]*fstest.MapFile{}
	for i := range 10 {
		many[fmt.Sprint(i)] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
	}
	return fs.ReadDir(many, ".")
}

func TestPackEnds(t *testing.T) {
	t.Parallel()
	if _, err := Pack(&endless{}); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("folders without an end: %v", err)
	}
	wide := fstest.MapFS{}
	for i := range maxFolders + 1 {
		wide[fmt.Sprintf("d%d", i)] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
	}
	if _, err := Pack(wide); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("many folders: %v", err)
	}
}

// zipOf makes an archive of names; a name with -> is a link.
func zipOf(t *testing.T, names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range names {
		h := &zip.FileHeader{Name: name}
		h.SetMode(0o644)
		if before, _, ok := strings.Cut(name, "->"); ok {
			h.Name = before
			h.SetMode(0o777 | fs.ModeSymlink)
		}
		if _, err := z.CreateHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// overflow is an archive whose sizes add up to little, because the last one turns
// the sum around.
func overflow(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.Create("first")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(make([]byte, 100))
	if _, err := z.CreateRaw(&zip.FileHeader{Name: "last", Method: zip.Deflate, UncompressedSize64: ^uint64(0) - 9}); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestUnpackRefuses(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	z := zip.NewWriter(&bomb)
	for i := range 40 {
		w, err := z.Create(fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(make([]byte, 1<<20))
	}
	z.Close()
	for name, data := range map[string][]byte{
		"no zip": []byte("PK"), "empty": nil, "bomb": bomb.Bytes(), "a sum that turns around": overflow(t),
		"dotdot": zipOf(t, "../x"), "inside dotdot": zipOf(t, "a/../../x"), "absolute": zipOf(t, "/x"), "backslash": zipOf(t, `a\..\x`),
		"twice": zipOf(t, "x", "x"), "link": zipOf(t, "x->/etc"), "file and folder": zipOf(t, "x", "x/y"), "NUL": zipOf(t, "x\x00y"), "empty name": zipOf(t, ""),
	} {
		if _, err := Unpack(data); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Unpack(zipOf(t, "a/", "a/b", "c")); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

func FuzzUnpack(f *testing.F) {
	good, err := Pack(fstest.MapFS{"a/b": {Data: []byte("x")}, "c": {Data: []byte("y"), Mode: 0o755}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys, err := Unpack(data)
		if err != nil {
			return
		}
		if _, err := Pack(fsys); err != nil && pave.CodeOf(err) == pave.Internal {
			t.Error(err)
		}
	})
}
