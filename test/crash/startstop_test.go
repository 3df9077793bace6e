package crash_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pave-platform/pave/internal/job"
)

// The platform with what it runs is started and stopped 15 times: down means that no
// process and no socket is left, and up that all is as it was. Files and temporary
// folders do not become more.
func TestStartStop(t *testing.T) {
	long(t)
	l := newLab(t, dice(t))
	if err := withDatabase(l, l.fresh()); err != nil {
		t.Fatal(err)
	}
	const warm, cycles = 3, 15
	var first []string
	for n := range warm + cycles {
		if out, err := l.Command(t.Context(), "down"); err != nil {
			t.Fatalf("down: %v\n%s", err, out)
		}
		for _, p := range job.Find(func(p job.Proc) bool { return l.Inside(p) || p.Env("PAVE_HOME") == l.Dir }) {
			t.Errorf("cycle %d: process %d is left after down", n, p.PID)
		}
		left := files(t, l.Dir)
		switch {
		case n == warm:
			first = left
		case n > warm && !slices.Equal(left, first):
			t.Errorf("cycle %d: files changed:\n%s\nfrom\n%s", n, strings.Join(left, "\n"), strings.Join(first, "\n"))
		}
		l.Up()
		if err := l.check(); err != nil {
			t.Fatalf("cycle %d: %v", n, err)
		}
	}
	t.Logf("%d cycles, %d files", cycles, len(first))
}

// files are the names of what lies in a home; what databases and logs keep for
// themselves is left out.
func files(t *testing.T, home string) []string {
	var out []string
	err := filepath.WalkDir(home, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(home, path)
		if d.IsDir() && d.Name() == "data" {
			return filepath.SkipDir
		}
		if d.Type()&os.ModeSocket != 0 {
			out = append(out, "socket "+rel)
			return err
		}
		if strings.HasPrefix(rel, "node/logs/") || strings.HasPrefix(rel, "git/") && strings.Contains(rel, "/objects/") || strings.HasPrefix(rel, "pave.db-") {
			return err
		}
		out = append(out, rel)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
