package seal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/pave-platform/pave"
)

func TestSealOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k, err := LoadOrCreate(filepath.Join(dir, "keys", "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	secret := pave.NewSecret("pvcnry-hunter2")
	sealed, err := k.Seal(secret)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte(secret.Reveal())) {
		t.Error("the sealed bytes hold the secret")
	}
	again, err := LoadOrCreate(filepath.Join(dir, "keys", "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open(sealed); err != nil || got.Reveal() != secret.Reveal() {
		t.Errorf("Open = %q, %v", got.Reveal(), err)
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := again.Open(sealed); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("Open of changed bytes: %v, want Invalid", err)
	}
	other, _ := LoadOrCreate(filepath.Join(dir, "other.key"))
	sealed[len(sealed)-1] ^= 1
	if _, err := other.Open(sealed); pave.CodeOf(err) != pave.Invalid || pave.HintOf(err) == "" {
		t.Errorf("Open with another key: %v, want Invalid with a hint", err)
	}
	if s := fmt.Sprintf("%v %s %+v", k, k, k); bytes.Contains([]byte(s), []byte("AGE-SECRET")) {
		t.Error("a key prints itself")
	}
}

func TestSealJSON(t *testing.T) {
	t.Parallel()
	k, err := LoadOrCreate(filepath.Join(t.TempDir(), "k"))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := k.SealJSON(map[string]string{"a": "b"})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := k.OpenJSON(sealed, &got); err != nil || got["a"] != "b" {
		t.Errorf("OpenJSON = %v, %v", got, err)
	}
	var wrong []int
	if err := k.OpenJSON(sealed, &wrong); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("OpenJSON into another form: %v, want Invalid", err)
	}
}

func TestLoadOrCreateRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason  string
		mode    os.FileMode
		content string
		want    pave.Code
	}{
		"readable": {"a key others may read is no secret", 0o644, "x", pave.Denied},
		"garbage":  {"a file that is no key must not be replaced", 0o600, "hello", pave.Invalid},
		"empty":    {"an empty file is a lost key, not a reason for a new one", 0o600, "", pave.Invalid},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "k")
			if err := os.WriteFile(path, []byte(c.content), c.mode); err != nil {
				t.Fatal(err)
			}
			_, err := LoadOrCreate(path)
			if pave.CodeOf(err) != c.want || pave.HintOf(err) == "" {
				t.Errorf("%s: got %v (hint %q), want %s", c.reason, err, pave.HintOf(err), c.want)
			}
			if data, _ := os.ReadFile(path); string(data) != c.content {
				t.Error("the file was changed")
			}
		})
	}
}

func TestCreateOnceUnderRace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "k")
	keys := make([]*Key, 16)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = LoadOrCreate(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, k := range keys {
		if k == nil || k.identity.String() != keys[0].identity.String() {
			t.Fatal("two callers got different keys")
		}
	}
	info, _ := os.Stat(path)
	dir, _ := os.Stat(filepath.Dir(path))
	if info.Mode().Perm() != 0o600 || dir.Mode().Perm() != 0o700 {
		t.Errorf("modes %v %v, want 0600 and 0700", info.Mode(), dir.Mode())
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%d files left, want the key alone", len(left))
	}
}
