package world

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/pave-platform/pave/internal/job"
)

// Binaries are the programs under test.
type Binaries struct {
	Pave      string // built with the failpoints
	Fixture   string // the service of the fixture template
	Templates string // folder of the fixture template
}

// scratchPrefix begins the folders of tests; the process id of the test follows.
const scratchPrefix = "pvt"

// built is the folder of what was built; "" while no test has asked for it.
var built string

// buildOnce builds once for each test binary. A folder that no user but us may
// list, but that all may pass: services run as users of their own.
var buildOnce = sync.OnceValues(func() (Binaries, error) {
	clearDead()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return Binaries{}, fmt.Errorf("the sources of the tests are not known")
	}
	root := filepath.Dir(filepath.Dir(filepath.Dir(file)))
	dir, err := scratch()
	if err != nil {
		return Binaries{}, err
	}
	built = dir
	b := Binaries{Pave: filepath.Join(dir, "pave"), Fixture: filepath.Join(dir, "fixture"), Templates: filepath.Join(dir, "templates")}
	if err := os.CopyFS(filepath.Join(b.Templates, "fixture"), os.DirFS(filepath.Join(root, "test", "fixture"))); err != nil {
		return b, err
	}
	for path, pkg := range map[string]string{b.Pave: "./cmd/pave", b.Fixture: "./test/fixture/service"} {
		cmd := exec.Command("go", "build", "-tags", "failpoints", "-o", path, pkg)
		cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return b, fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
		}
	}
	return b, nil
})

// Build builds the programs, once for all tests of a test binary.
func Build(t testing.TB) Binaries {
	t.Helper()
	b, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Main runs the tests and removes what they built. It is the body of a TestMain.
func Main(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

// scratch makes a folder with a short path that all users may pass.
func scratch() (string, error) {
	dir, err := os.MkdirTemp("/tmp", fmt.Sprintf("%s%d-", scratchPrefix, os.Getpid()))
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o711)
}

// clearDead ends and removes what tests that were killed left behind.
func clearDead() {
	dirs, _ := filepath.Glob("/tmp/" + scratchPrefix + "*-*")
	for _, dir := range dirs {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), scratchPrefix), "-")
		n, err := strconv.Atoi(pid)
		if err != nil || syscall.Kill(n, 0) == nil {
			continue
		}
		endAll(filepath.Join(dir, "h"))
		_ = os.RemoveAll(dir)
	}
}

// endAll kills every process of a home: the two of pave, and what the node runs.
func endAll(home string) {
	mark := nodeMark(home)
	for range 50 {
		left := job.Find(func(p job.Proc) bool {
			return p.Env("PAVE_NODE") == mark || p.Env("PAVE_HOME") == home
		})
		if len(left) == 0 {
			return
		}
		for _, p := range left {
			p.Signal(syscall.SIGKILL)
		}
	}
}
