package pipeline

import (
	"strings"
	"testing"
	"testing/fstest"

	pave "github.com/pave-platform/pave"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason  string
		tree    fstest.MapFS
		command string
		steps   int
		code    pave.Code
	}{
		"root main": {"a main package in the root is the service",
			fstest.MapFS{"go.mod": mapFile("module x\n"), "main.go": mapFile("package main\n")}, "bin/app", 4, ""},
		"cmd server": {"of several commands the server is taken",
			fstest.MapFS{"go.mod": mapFile("module x\n"), "cmd/admin/main.go": mapFile("package main\n"),
				"cmd/server/main.go": mapFile("// c\npackage main\n")}, "bin/app", 4, ""},
		"library": {"a library cannot be run",
			fstest.MapFS{"go.mod": mapFile("module x\n"), "x.go": mapFile("package x\n")}, "", 0, pave.Invalid},
		"empty": {"nothing says how to run it", fstest.MapFS{}, "", 0, pave.Invalid},
		"file": {"the file replaces steps and command",
			fstest.MapFS{File: mapFile("version: 1\nsteps: []\nrun: [./serve, --now]\n")}, "./serve", 0, ""},
		"unknown key": {"a typo is an error, not ignored",
			fstest.MapFS{File: mapFile("version: 1\nrunn: [x]\n")}, "", 0, pave.Invalid},
		"wrong version": {"another format is refused",
			fstest.MapFS{File: mapFile("version: 2\nrun: [x]\n")}, "", 0, pave.Invalid},
		"aliases": {"a text that aliases make too much is refused before it is read",
			fstest.MapFS{File: mapFile("version: 1\nready: &a /" + strings.Repeat("x", 30<<10) + "\nrun: [" + strings.Repeat("*a, ", 8000) + "]\n")}, "", 0, pave.Invalid},
		"own step": {"the names of pave's own steps are taken",
			fstest.MapFS{File: mapFile("version: 1\nsteps: [{name: release, run: [x]}]\nrun: [x]\n")}, "", 0, pave.Invalid},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := Detect(c.tree, Override{})
			if pave.CodeOf(err) != c.code {
				t.Fatalf("%s: got error %v, want code %q", c.reason, err, c.code)
			}
			if err != nil {
				return
			}
			if p.Command[0] != c.command || len(p.Steps) != c.steps {
				t.Errorf("%s: got %v with %d steps", c.reason, p.Command, len(p.Steps))
			}
		})
	}
}

func FuzzDetect(f *testing.F) {
	f.Add("version: 1\nsteps: [{name: build, run: [make]}]\nrun: [bin/app]\n")
	f.Add("version: 1\nready: x")
	f.Add("&a [*a,*a]")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := Detect(fstest.MapFS{File: &fstest.MapFile{Data: []byte(s)}}, Override{})
		if err == nil && (len(p.Command) == 0 || !readyOK(p.Ready)) {
			t.Errorf("accepted without a command or ready path: %+v", p)
		}
	})
}
