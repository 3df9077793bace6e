package server

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

func TestKeepFor(t *testing.T) {
	t.Parallel()
	for days, want := range map[string]time.Duration{"": 90 * 24 * time.Hour, "1": 24 * time.Hour, "3650": 3650 * 24 * time.Hour} {
		if got, err := keepFor(days); err != nil || got != want {
			t.Errorf("%q: %s, %v", days, got, err)
		}
	}
	for _, days := range []string{"0", "-1", "3651", "x", "1.5", "9999999999999999999"} {
		if _, err := keepFor(days); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("%q: %v", days, err)
		}
	}
}

// A log that is shortened under its writer goes on, and what was in it is beside it.
func TestShorten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.log")
	w, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	line := []byte("0123456789\n")
	for range 30 {
		if _, err := w.Write(line); err != nil {
			t.Fatal(err)
		}
		if err := shorten(path, 100); err != nil {
			t.Fatal(err)
		}
	}
	now, err1 := os.ReadFile(path)
	old, err2 := os.ReadFile(path + ".1")
	if err1 != nil || err2 != nil || len(now) > 110 || len(old) != 110 || !bytes.HasSuffix(now, line) && len(now) > 0 || bytes.ContainsRune(now, 0) {
		t.Errorf("%d bytes %q, before it %d bytes; %v, %v", len(now), now, len(old), err1, err2)
	}
}
