package git

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

const resource = "res_01JD4T9XK2M7N8P9QRSTVWXYZ0"

// sample is a repository with a few files.
func sample() Repository {
	return Repository{
		Resource: resource,
		Files: []File{
			{"README.md", 0o644, []byte("# pay\n")},
			{"bin/run", 0o755, []byte("#!/bin/sh\n")},
			{"a/b/c/deep.txt", 0o644, []byte("deep")},
			{"a.txt", 0o644, nil}, // git sorts it before the folder a
			{"a/b.txt", 0o644, []byte("b")},
		},
		Commit: Commit{Name: "pave", Email: "pave@localhost", Message: "First commit\n", When: time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))},
	}
}

// create makes a repository in a new folder.
func create(t *testing.T, r Repository) (dir, head string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "pay.git")
	head, err := Create(t.Context(), dir, r)
	if err != nil {
		t.Fatal(err)
	}
	return dir, head
}

// client runs the real git as a user would and returns what it wrote.
func client(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@localhost", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@localhost",
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must is client for what has to succeed.
func must(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := client(t, dir, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func TestRefs(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "-", "-h", "--upload-pack=touch /tmp/x", "--exec=sh", "-c core.sshCommand=sh", "--output=/etc/passwd",
		"ext::sh -c id", "file:///etc", "a..b", "a.lock", "a/.b", ".a", "a/", "/a", "a//b", "a.", "@", "a@{1}", "a b", "a~1",
		"a^", "a:b", "a?", "a*", "a[b", `a\b`, "a\x00b", "a\nb", "a\x7fb", "a\xffb", "refs/heads/-x", strings.Repeat("a", 201), "$(id) ",
	} {
		if _, err := ParseRef(bad); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("ref %q: got %v, want invalid", bad, err)
		}
		if _, err := ParseRevision(bad); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("revision %q: got %v, want invalid", bad, err)
		}
	}
	for _, good := range []string{"main", "refs/heads/main", "feature/x-1", "v1.0", "ünï", "a@b", "0123456789abcdef0123456789abcdef01234567"} {
		if _, err := ParseRef(good); err != nil {
			t.Errorf("ref %q: %v", good, err)
		}
		if _, err := ParseRevision(good); err != nil {
			t.Errorf("revision %q: %v", good, err)
		}
	}
}

func TestRun(t *testing.T) {
	dir, head := create(t, sample())
	for _, bad := range []string{"", "-h", "--upload-pack=x", "a\nb", "a\x00b"} {
		for _, o := range []Options{{Dir: dir, Operands: []string{bad}}, {Dir: dir, Paths: []string{bad}}} {
			if _, err := Run(t.Context(), o, "log"); pave.CodeOf(err) != pave.Invalid {
				t.Errorf("%q: got %v, want invalid", bad, err)
			}
		}
	}
	out, err := Run(t.Context(), Options{Dir: dir, Operands: []string{head}, Paths: []string{"a"}}, "ls-tree", "--name-only", "-r")
	if want := "a/b.txt\na/b/c/deep.txt\n"; err != nil || string(out) != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
	t.Setenv("GIT_DIR", "/nowhere") // what the server was started with does not matter
	t.Setenv("SECRET", "canary")
	if out, err = Run(t.Context(), Options{Dir: dir, Env: []string{"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=alias.env", "GIT_CONFIG_VALUE_0=!env"}}, "env"); err != nil || bytes.Contains(out, []byte("canary")) {
		t.Errorf("git saw the environment of the server: %v\n%s", err, out)
	}
	_, err = Run(t.Context(), Options{Dir: dir, Operands: []string{"file://" + dir}}, "ls-remote")
	if err == nil || !strings.Contains(err.Error(), "not allowed") {
		t.Errorf("got %v, want file: to be refused", err)
	}
	if _, err = Run(t.Context(), Options{Dir: dir, Stdin: bytes.NewReader(make([]byte, maxOutput+1)), Env: alias("cat")}, "it"); err == nil {
		t.Error("endless output was kept")
	}
}

// alias makes "git it" run a command.
func alias(command string) []string {
	return []string{"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=alias.it", "GIT_CONFIG_VALUE_0=!" + command}
}

// When the context ends, so does all that git started.
func TestRunStops(t *testing.T) {
	t.Parallel()
	dir, _ := create(t, sample())
	alive := filepath.Join(t.TempDir(), "alive")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	start := time.Now()
	_, err := Run(ctx, Options{Dir: dir, Env: alias("sh -c 'sleep 2; echo x >" + alive + "'")}, "it")
	if pave.CodeOf(err) != pave.Unavailable || time.Since(start) > 1500*time.Millisecond {
		t.Errorf("got %v after %s, want unavailable at once", err, time.Since(start))
	}
	time.Sleep(2 * time.Second)
	if _, err := os.Stat(alive); err == nil {
		t.Error("a child of git lived on")
	}
}
