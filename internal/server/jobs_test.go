package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
)

func TestJobsLook(t *testing.T) {
	t.Parallel()
	j := newJobs(Config{Home: t.TempDir()}, nil, os.Geteuid() == 0)
	cases := map[string]struct {
		reason, program, hint string
	}{
		"there":   {"git is on every machine that runs this test", "git", ""},
		"missing": {"what to install is told where it is known", "jekyll", "apt-get install -y jekyll"},
		"unknown": {"and how, where it is not", "no-such-program", "install no-such-program"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := j.Look(c.program)
			if (err != nil) != (c.hint != "") || err != nil && (pave.CodeOf(err) != pave.Invalid || !strings.Contains(pave.HintOf(err), c.hint)) {
				t.Errorf("%s: %v, hint %q", c.reason, err, pave.HintOf(err))
			}
		})
	}
}

// TestLinksSurvive: what npm and venv link stays a link, and what it leads to is
// not touched.
func TestLinksSurvive(t *testing.T) {
	t.Parallel()
	tree, victim := built(t)
	write(t, filepath.Join(tree, "node_modules", "next", "cli.js"), 0o755)
	for link, to := range map[string]string{"node_modules/.bin/next": "../next/cli.js", ".venv/bin/python": "/usr/bin/python3",
		"evil": filepath.Join(victim, "secret"), "up": "../victim"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(tree, link)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, filepath.Join(tree, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := giveTree(t.Context(), tree, builder); err != nil {
		t.Fatal(err)
	}
	if err := takeTree(t.Context(), tree, builder, reader); err != nil {
		t.Fatal(err)
	}
	for link, want := range map[string]string{"node_modules/.bin/next": "../next/cli.js", ".venv/bin/python": "/usr/bin/python3"} {
		if to, err := os.Readlink(filepath.Join(tree, link)); err != nil || to != want {
			t.Errorf("%s leads to %q, %v", link, to, err)
		}
	}
	if uid, _, mode := owner(t, filepath.Join(victim, "secret")); uid != 0 || mode != 0o600 {
		t.Errorf("a link was followed: the file it leads to belongs to %d with mode %o", uid, mode)
	}
}
