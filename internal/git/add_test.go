package git

import (
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

func TestAdd(t *testing.T) {
	t.Parallel()
	dir, head := create(t, sample())
	before := must(t, dir, "ls-tree", "-r", "--name-only", head)
	by := Commit{Name: "pave", Email: "pave@localhost", Message: "More\n", When: time.Unix(1_700_000_000, 0)}
	id, err := Add(t.Context(), dir, head, []File{
		{Path: ".ci/deep/er/run", Mode: 0o755, Data: []byte("#!/bin/sh\n")},
		{Path: ".ci/deep/other", Mode: 0o644, Data: []byte("two\n")},
		{Path: "zz", Data: nil},
	}, by)
	if err != nil {
		t.Fatal(err)
	}
	must(t, dir, "fsck", "--strict", "--no-dangling")
	if got := must(t, dir, "diff-tree", "-r", "--name-status", head, id); got != "A\t.ci/deep/er/run\nA\t.ci/deep/other\nA\tzz\n" {
		t.Errorf("it differs by %q", got)
	}
	if got := must(t, dir, "ls-tree", id, ".ci/deep/er/run"); !strings.HasPrefix(got, "100755") {
		t.Errorf("its mode is %q", got)
	}
	if got := must(t, dir, "log", "--format=%P %an %s", "-1", id); got != head+" pave More\n" {
		t.Errorf("the commit is %q", got)
	}
	if now, _ := Head(dir, MainBranch); now != head {
		t.Errorf("main moved to %s", now)
	}
	again, err := Add(t.Context(), dir, head, []File{{Path: ".ci/deep/er/run", Mode: 0o755, Data: []byte("#!/bin/sh\n")},
		{Path: ".ci/deep/other", Data: []byte("two\n")}, {Path: "zz"}}, by)
	if err != nil || again != id {
		t.Errorf("again it is %s, not %s: %v", again, id, err)
	}
	taken := strings.Fields(before)[0]
	for path, code := range map[string]pave.Code{taken: pave.Conflict, taken + "/below": pave.Conflict, "../x": pave.Invalid, ".git/config": pave.Invalid, "": pave.Invalid} {
		if _, err := Add(t.Context(), dir, head, []File{{Path: path}}, by); pave.CodeOf(err) != code {
			t.Errorf("%q: %v", path, err)
		}
	}
	if _, err := Add(t.Context(), dir, strings.Repeat("1", 40), nil, by); pave.CodeOf(err) != pave.NotFound {
		t.Errorf("onto nothing: %v", err)
	}
}
