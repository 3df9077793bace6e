package world

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/test/contract"
)

// A Home is a platform of its own: state, keys, server, node. It is ended and
// removed with its test. Its methods are safe for concurrent use and fail the test
// where the platform cannot be reached for Patience.
type Home struct {
	Binaries
	Dir  string // PAVE_HOME
	Keys string // PAVE_CONFIG
	// Store is the URL of the store.
	Store string
	// Patience is how long anything may take that needs no human.
	Patience time.Duration

	t        testing.TB
	env      []string
	as       *syscall.Credential // whom pave runs as; nil is the user of the tests
	contract *contract.Transport

	mu      sync.Mutex
	server  string         // name of the one that is called
	starts  map[string]int // audit rows wanted, by action and object
	commits map[string]int // of repositories, by folder and head
	plans   []string       // ids of all plans made
}

// Patience is what a home begins with.
const Patience = 90 * time.Second

// Stat is what server.json says.
type Stat struct {
	PID    int    `json:"pid"`
	URL    string `json:"url"`
	Token  string `json:"token"`
	Router string `json:"router"`
}

// New makes a home and starts server and node. env is added to theirs.
func New(t testing.TB, env ...string) *Home {
	t.Helper()
	h := newHome(t, nil, env)
	h.Up()
	return h
}

// NewDown is New without a platform in the home yet; env may name another one.
func NewDown(t testing.TB, env ...string) *Home {
	t.Helper()
	return newHome(t, nil, env)
}

// NewAs is New with pave running as another user, which only root may ask for.
func NewAs(t testing.TB, name string, env ...string) *Home {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	h := newHome(t, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, env)
	h.Up()
	return h
}

func newHome(t testing.TB, as *syscall.Credential, env []string) *Home {
	t.Helper()
	b := Build(t)
	dir, err := scratch()
	if err != nil {
		t.Fatal(err)
	}
	h := &Home{Binaries: b, Dir: filepath.Join(dir, "h"), Keys: filepath.Join(dir, "k"), Patience: Patience, t: t, as: as, starts: map[string]int{}, commits: map[string]int{}}
	h.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "PAVE_HOME=" + h.Dir, "PAVE_CONFIG=" + h.Keys,
		"PAVE_LISTEN=127.0.0.1:0", "PAVE_ROUTER=127.0.0.1:0", "PAVE_TEMPLATES=" + b.Templates,
		"PAVE_FAILPOINT_FILE=" + h.armFile(), "PAVE_FAILPOINT_LIST=" + h.listFile()}
	for _, k := range []string{"GOPROXY", "GOSUMDB", "GOFLAGS", "GOTOOLCHAIN", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "PAVE_TERRAFORM"} {
		if v := os.Getenv(k); v != "" {
			h.env = append(h.env, k+"="+v)
		}
	}
	h.env = append(h.env, env...)
	h.Store = "sqlite:" + filepath.Join(h.Dir, "pave.db")
	for _, v := range env {
		if url, ok := strings.CutPrefix(v, "PAVE_STORE_URL="); ok {
			h.Store = url
		}
	}
	h.contract = &contract.Transport{Base: plain.Transport, Report: func(err error) { t.Error(err) }}
	t.Cleanup(h.close)
	if err := os.Mkdir(h.Dir, 0o711); err != nil {
		t.Fatal(err)
	}
	if as != nil {
		if err := errors.Join(os.Chown(dir, int(as.Uid), int(as.Gid)), os.Chown(h.Dir, int(as.Uid), int(as.Gid))); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func (h *Home) armFile() string  { return filepath.Join(filepath.Dir(h.Dir), "failpoint") }
func (h *Home) listFile() string { return filepath.Join(filepath.Dir(h.Dir), "points") }

// close stops everything; of a failed test it shows the last lines of the logs.
func (h *Home) close() {
	if h.t.Failed() {
		for _, name := range []string{"server.log", "node.log"} {
			data, _ := os.ReadFile(filepath.Join(h.Dir, "logs", name))
			h.t.Logf("%s: ...%s", name, data[max(0, len(data)-6000):])
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	_, _ = h.Command(ctx, "down")
	endAll(h.Dir)
	if os.Getenv("PAVE_TEST_KEEP") == "" || !h.t.Failed() {
		_ = os.RemoveAll(filepath.Dir(h.Dir))
	}
}

// Command runs pave in this home and returns what it printed.
func (h *Home) Command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, h.Pave, args...)
	cmd.Env, cmd.Dir = h.env, "/"
	if h.as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: h.as}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// Up makes sure that server and node run, as any command of pave does.
func (h *Home) Up() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if out, err := h.Command(ctx, "up"); err != nil {
		h.t.Fatalf("pave up: %v\n%s", err, out)
	}
}

// Stat reads what the last server wrote, the first one or the one of Use.
func (h *Home) Stat() Stat {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stat(h.server)
}

func (h *Home) stat(server string) (s Stat) {
	file := "server.json"
	if server != "" {
		file = "server-" + server + ".json"
	}
	data, err := os.ReadFile(filepath.Join(h.Dir, file))
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.t.Errorf("server.json: %v", err)
	}
	return s
}

// Node is a client of the node.
func (h *Home) Node() *node.Client {
	return node.Dial(filepath.Join(h.Dir, "node", "run", "node.sock"))
}

// NodePID is the process id of the node, 0 where none answers.
func (h *Home) NodePID() int {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	info, err := h.Node().Info(ctx)
	if err != nil {
		return 0
	}
	return info.PID
}

// KillServer ends the server with SIGKILL and returns its process id.
func (h *Home) KillServer() int {
	pid := h.Stat().PID
	Kill(pid)
	return pid
}

// KeepDown records that the platform is to stay down, as "pave down" does, without
// ending anything: a server that dies now stays dead until Up.
func (h *Home) KeepDown() {
	if err := os.WriteFile(filepath.Join(h.Dir, "down"), []byte("pave down\n"), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// Kill ends a process with SIGKILL. One that is gone already is fine.
func Kill(pid int) {
	if pid > 1 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// Arm lets the server die at the next passing of a point, "KIND/STEP/POINT".
func (h *Home) Arm(point string) {
	h.t.Helper()
	temp := h.armFile() + ".new"
	err := os.WriteFile(temp, []byte(point+"\n"), 0o600)
	if err == nil {
		err = os.Rename(temp, h.armFile())
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// Disarm takes the point back. It reports whether the server had died there.
func (h *Home) Disarm() (died bool) {
	return errors.Is(os.Remove(h.armFile()), fs.ErrNotExist)
}

// Armed reports whether the server still has to die.
func (h *Home) Armed() bool {
	_, err := os.Stat(h.armFile())
	return err == nil
}

// Passed returns the points that servers passed since the call before, each once,
// in order.
func (h *Home) Passed() []string {
	data, err := os.ReadFile(h.listFile())
	if err == nil {
		err = os.Truncate(h.listFile(), 0)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.t.Fatal(err)
	}
	seen := map[string]bool{}
	var out []string
	for _, p := range strings.Fields(string(data)) {
		if !seen[p] {
			out = append(out, p)
		}
		seen[p] = true
	}
	return out
}

// nodeMark is the value by which a node marks its processes.
func nodeMark(home string) string {
	dir := filepath.Join(home, "node")
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	sum := sha256.Sum256([]byte(dir))
	return hex.EncodeToString(sum[:8])
}

// Eventually tries until it does well, for so long.
func Eventually(t testing.TB, d time.Duration, f func() error) {
	t.Helper()
	if err := eventually(d, f); err != nil {
		t.Fatal(err)
	}
}

// eventually calls f until it returns nil, at most for d.
func eventually(d time.Duration, f func() error) error {
	deadline := time.Now().Add(d)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		err := f()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %s: %w", d, err)
		}
		time.Sleep(pause)
	}
}
