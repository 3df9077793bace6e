package templates_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave/internal/job"
	"github.com/pave-platform/pave/test/world"
)

// A replica is one more process of a live service, started as the node starts them:
// the same program, folder, user and environment, but with a port and a collector
// that are the test's.
type replica struct {
	url, addr string
	cmd       *exec.Cmd
	ended     chan error
	env       map[string]string

	mu  sync.Mutex
	log bytes.Buffer
}

func (r *replica) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

func (r *replica) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

// copyOf starts a replica of a service of the home and waits until it is ready. env
// is added to its environment.
func copyOf(t *testing.T, h *world.Home, service string, env ...string) *replica {
	t.Helper()
	found := job.Find(func(p job.Proc) bool {
		return p.Env("SERVICE_NAME") == service && p.Env("PAVE_TOKEN_FILE") != "" && h.Inside(p)
	})
	if len(found) == 0 {
		t.Fatalf("no process of %s was found", service)
	}
	original := found[0]
	port := freePort(t)
	r := &replica{addr: "127.0.0.1:" + port, url: "http://127.0.0.1:" + port, ended: make(chan error, 1), env: map[string]string{}}
	argv := procFile(t, original.PID, "cmdline")
	r.cmd = exec.Command(argv[0], argv[1:]...)
	if link, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", original.PID)); err == nil {
		r.cmd.Path = link
	}
	r.cmd.Dir = original.Dir()
	for _, kv := range procFile(t, original.PID, "environ") {
		k, v, _ := strings.Cut(kv, "=")
		if r.env[k] = v; k != "PORT" && k != "PAVE_NODE" {
			r.cmd.Env = append(r.cmd.Env, kv)
		}
	}
	r.cmd.Env = append(append(r.cmd.Env, "PORT="+port), env...)
	r.cmd.Stdout, r.cmd.Stderr = r, r
	if uid := original.UID(); uid > 0 && os.Geteuid() == 0 {
		r.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.ended <- r.cmd.Wait() }()
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		if t.Failed() {
			t.Logf("the replica logged\n%s", r.text())
		}
	})
	r.waitReady(t)
	return r
}

func (r *replica) waitReady(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		res, err := http.Get(r.url + "/health/ready")
		if err != nil {
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return
		}
	}
	t.Fatalf("the replica did not become ready:\n%s", r.text())
}

// stop tells the replica to end and returns a function that waits for its end.
func (r *replica) stop(t *testing.T) (wait func()) {
	t.Helper()
	began := time.Now()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		select {
		case err := <-r.ended:
			if err != nil {
				t.Errorf("told to stop, the replica ended with %v", err)
			}
			t.Logf("stopped in %s", time.Since(began).Round(time.Millisecond))
		case <-time.After(time.Until(began.Add(10 * time.Second))):
			t.Error("the replica did not stop in 10 s")
		}
	}
}

// refuses waits until nothing is accepted any more, or all is told to go elsewhere.
func (r *replica) refuses(t *testing.T) {
	t.Helper()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		res, err := client.Get(r.url + "/health/ready")
		if err != nil {
			return
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusServiceUnavailable {
			return
		}
	}
	t.Error("told to stop, the replica is still ready")
}

func procFile(t *testing.T, pid int, name string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), name))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(string(data), "\x00"), func(s string) bool { return s == "" })
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// body reads an answer of a service.
func body(t *testing.T, res *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(data)
}
