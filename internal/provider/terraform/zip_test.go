package terraform

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/pave-platform/pave"
)

func zipped(t *testing.T, files fs.FS) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	if err := z.AddFS(files); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func marshal(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func TestOpenArchive(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	link := &zip.FileHeader{Name: "main.tf"}
	link.SetMode(fs.ModeSymlink | 0o777)
	w, err := z.CreateHeader(link)
	if err == nil {
		_, err = w.Write([]byte("/etc/passwd"))
	}
	if err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"nothing": nil, "no zip": []byte("x"), "a link": out.Bytes()} {
		if _, err := openArchive(data); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
