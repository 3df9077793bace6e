package resource_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
	"github.com/pave-platform/pave/internal/store/storetest"
)

// Secret outputs are given to those who need them and are nowhere in the clear:
// not in the files of the store, not in events, inputs or outputs of steps.
func TestSecretsAreSealed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := newRig(t, storetest.Open(t, "sqlite:"+filepath.Join(dir, "pave.db")))
	var got atomic.Value
	r.worlds[pave.KindSecret].Before = func(_ context.Context, method string, res resource.Resource) error {
		if in, ok := res.Input(pave.KindDatabase); ok && method == "Apply" {
			got.Store(in.Secrets["url"].Reveal() + " of " + in.ID)
		}
		return nil
	}
	r.run()
	r.reach(shop("staging"))
	database := r.record(pave.KindDatabase)
	secret := resourcetest.Secret(database.ID).Reveal()
	if got.Load() != secret+" of "+database.ID {
		t.Errorf("the secret's driver got %v", got.Load())
	}
	if len(database.SecretKeys) != 1 || database.SecretKeys[0] != "url" {
		t.Errorf("names of the secrets: %q", database.SecretKeys)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	if !bytes.Contains(all, []byte(database.ID)) {
		t.Fatal("the store's files were not read")
	}
	for _, form := range encodings("slow://password-of-") {
		if bytes.Contains(all, []byte(form)) {
			t.Errorf("the store holds a secret as %q", form)
		}
	}
}

// encodings are the text itself and, of its base64, what does not depend on where
// in a longer text it begins.
func encodings(text string) []string {
	out := []string{text}
	for shift := range 3 {
		b := base64.StdEncoding.EncodeToString(append(make([]byte, shift), text...))
		out = append(out, b[4:len(b)-4])
	}
	return out
}
