package node

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
)

func TestCommandMarks(t *testing.T) {
	t.Parallel()
	n := &Node{opts: Options{Home: t.TempDir()}}
	cases := map[string]struct {
		reason   string
		in, want []string
		env      map[string]string // HOST and MODE
	}{
		"none":   {"a command without marks stays", []string{"a", "$PORT", "${OTHER}"}, []string{"a", "$PORT", "${OTHER}"}, nil},
		"port":   {"marks are replaced inside of words too", []string{"a", "--bind=${HOST}:${PORT}"}, []string{"a", "--bind=127.0.0.1:20001"}, nil},
		"host":   {"HOST is that of the service", []string{"a", "${HOST}"}, []string{"a", "::1"}, map[string]string{"HOST": "::1"}},
		"unset":  {"a default holds where nothing is set", []string{"env", "MODE=${MODE:-live}", "a"}, []string{"env", "MODE=live", "a"}, nil},
		"set":    {"a variable of the service wins", []string{"env", "MODE=${MODE:-live}", "a"}, []string{"env", "a"}, map[string]string{"MODE": ""}},
		"secret": {"so does a secret, which is not told", []string{"env", "KEY=${KEY:-public}", "a"}, []string{"env", "a"}, nil},
		"script": {"the words of a script are its own", []string{"sh", "-c", "A=${B:-c} run"}, []string{"sh", "-c", "A=${B:-c} run"}, nil},
		"no mix": {"what a mark becomes is no mark", []string{"${HOST}"}, []string{"${PORT}"}, map[string]string{"HOST": "${PORT}"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{"PORT": "20001", "HOST": c.env["HOST"]}
			if v, ok := c.env["MODE"]; ok {
				env["MODE"] = v
			}
			got, err := n.command(c.in, env, map[string]pave.Secret{"KEY": pave.NewSecret("x")})
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%s: %v %s", c.reason, err, diff)
			}
		})
	}
}

// TestWorkloadOfPaveItself: the program may lie where the user of the service
// cannot go; and readiness may be the port alone.
func TestWorkloadOfPaveItself(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	w := b.workload("wl", "g1")
	w.Command, w.ReadyPath = []string{"env", "A=1", selfMark, "service"}, readyTCP
	b.put(w, StateRunning)
	copied := filepath.Join(b.opts.Home, "bin", "pave")
	info, err := os.Stat(copied)
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Fatalf("the copy: %v, %v", info, err)
	}
	second, err := b.node.self.path(filepath.Dir(copied))
	if err != nil || second != copied {
		t.Errorf("asked again: %q, %v", second, err)
	}
}

func TestOpenToAll(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "in")
	if err := os.MkdirAll(closed, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(closed), 0o700); err != nil {
		t.Fatal(err)
	}
	if openToAll(closed) {
		t.Error("a folder below a closed one counts as open")
	}
	if !openToAll("/usr/bin") || openToAll("/no/such") || openToAll("/etc/passwd") {
		t.Error("open: /usr/bin; not a missing one, not a file")
	}
}

// TestPortThenEnd: a program that opens its port and then ends was never ready.
func TestPortThenEnd(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("python3 is not installed: make setup-test")
		}
		t.Skip("python3 is not installed")
	}
	b := newBench(t)
	w := b.workload("wl", "g1")
	w.ReadyPath = readyTCP
	w.Command = []string{"/usr/bin/python3", "-c", "import os, socket, time\ns = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))\ntime.sleep(0.2)\nraise SystemExit(3)"}
	st := b.put(w, StateFailed)
	if !strings.Contains(st.Reason, "ended 3 times") {
		t.Errorf("reason %q", st.Reason)
	}
}
