package git

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestUnlock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now()
	files := map[string]struct {
		age  time.Duration
		stay bool
	}{
		"refs/heads/main.lock":    {time.Minute, false},
		"refs/heads/a/b.lock":     {time.Hour, false},
		"packed-refs.lock":        {time.Minute, false},
		"refs/heads/working.lock": {time.Second, true},
		"refs/heads/main":         {time.Hour, true},
		"objects/pack/x.lock":     {time.Hour, true},
	}
	for name, f := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now.Add(-f.age)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unlock(dir, now); err != nil {
		t.Fatal(err)
	}
	for name, f := range files {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != f.stay {
			t.Errorf("%s: %v, want it to stay: %v", name, err, f.stay)
		}
	}
}
