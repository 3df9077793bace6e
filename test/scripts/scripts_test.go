// Package scripts runs the real binary: every file in testdata is a story told in
// commands, with real git, processes and PostgreSQL. Each has a home of its own and
// doubles as documentation.
package scripts

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var bin string // folder of the built programs

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("/tmp", "pvs")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		panic(err)
	}
	bin = dir
	for name, pkg := range map[string]string{"pave": "./cmd/pave", "fixture": "./test/fixture/service"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, name), pkg)
		build.Dir = "../.."
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", name, err, out)
			return 1
		}
	}
	return m.Run()
}

// TestScripts walks the folder: no list to forget a story in.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:             "testdata",
		UpdateScripts:   os.Getenv("UPDATE") != "",
		ContinueOnError: false,
		Setup:           setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"get": get, "occupy": occupy, "host": host, "fetch": fetch, "vault": newVault(),
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			if cond == "real" {
				return os.Getenv("PAVE_TEST_REAL") != "", nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

// setup gives a story its own home, ports and templates. Homes are 0711 and short:
// PostgreSQL must enter them, and sockets have short paths.
func setup(env *testscript.Env) error {
	home, err := os.MkdirTemp("/tmp", "pvh")
	if err != nil {
		return err
	}
	if err := os.Chmod(home, 0o711); err != nil {
		return err
	}
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	env.Setenv("HOME", filepath.Join(home, "user"))
	env.Setenv("PAVE_HOME", filepath.Join(home, "state"))
	env.Setenv("PAVE_CONFIG", filepath.Join(home, "config"))
	env.Setenv("PAVE_LISTEN", "127.0.0.1:0")
	env.Setenv("PAVE_ROUTER", "127.0.0.1:0")
	env.Setenv("PAVE_TEMPLATES", root)
	env.Setenv("FIXTURE", filepath.Join(bin, "fixture"))
	env.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	env.Setenv("GIT_AUTHOR_NAME", "dev")
	env.Setenv("GIT_AUTHOR_EMAIL", "dev@localhost")
	env.Setenv("GIT_COMMITTER_NAME", "dev")
	env.Setenv("GIT_COMMITTER_EMAIL", "dev@localhost")
	if err := os.MkdirAll(filepath.Join(home, "user"), 0o755); err != nil {
		return err
	}
	vars := append([]string{}, env.Vars...)
	env.Defer(func() {
		down := exec.Command(filepath.Join(bin, "pave"), "down")
		down.Env = vars
		if out, err := down.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "pave down: %v\n%s", err, out)
		}
		_ = exec.Command("umount", "-l", filepath.Join(home, "state")).Run() // where a story mounted a disk of its own
		os.RemoveAll(home)
	})
	return nil
}

// get asks a URL of a service once and compares status and body; PATH is / without:
//
//	get SERVICE ENV STATUS [TEXT [PATH]]
func get(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: get SERVICE ENV STATUS [TEXT [PATH]]")
	}
	client := http.Client{Timeout: 5 * time.Second}
	path := "/"
	if len(args) > 4 {
		path = args[4]
	}
	resp, err := client.Get(address(ts, args[0], args[1]) + path)
	ok := err == nil && fmt.Sprint(resp.StatusCode) == args[2]
	body := ""
	if err == nil {
		buf := make([]byte, 4096)
		n, _ := resp.Body.Read(buf)
		body = string(buf[:n])
		resp.Body.Close()
		ok = ok && (len(args) < 4 || strings.Contains(body, args[3]))
	}
	if ok == neg {
		ts.Fatalf("%s in %s: got %v %v, body %s", args[0], args[1], resp, err, body)
	}
}

// address is the stable one of a service in an environment.
func address(ts *testscript.TestScript, service, env string) string {
	query := fmt.Sprintf(`.deployments[] | select(.environment=="%s") | .address`, env)
	cmd := exec.Command(filepath.Join(bin, "pave"), "status", service, "--json", "deployments", "--jq", query)
	cmd.Env = append(os.Environ(), "PAVE_HOME="+ts.Getenv("PAVE_HOME"), "PAVE_CONFIG="+ts.Getenv("PAVE_CONFIG"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		ts.Fatalf("address of %s: %v\n%s", service, err, out)
	}
	return strings.Trim(strings.TrimSpace(string(out)), `"`)
}

// fetch lets one service ask another and compares what it got:
//
//	fetch SERVICE ENV OTHER ENV TEXT
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 5 {
		ts.Fatalf("usage: fetch SERVICE ENV OTHER ENV TEXT")
	}
	get(ts, neg, []string{args[0], args[1], "200", args[4], "/fetch?url=" + address(ts, args[2], args[3]) + "/"})
}

// occupy takes a port until the story ends and puts its address in a variable:
//
//	occupy VARIABLE
func occupy(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], l.Addr().String())
}
