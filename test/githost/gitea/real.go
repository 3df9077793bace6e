package gitea

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The server that Real builds: its module, and what the checksum database says of it.
const (
	Module    = "code.gitea.io/gitea"
	Release   = "v1.26.0"
	moduleSum = "h1:fJP9dqLbzKrKWUVnCVTfVersZdVDuyJQLEDzCAOmKKA="
)

// A World is an organisation on some server, of which the token's user is an owner.
type World struct {
	URL, Org, Token string
}

// World is that of the fake.
func (s *Server) World() World { return World{s.URL, s.Org, s.Token} }

// Real starts a real Gitea, with an empty organisation, that ends with the test. The
// program is that of PAVE_TEST_GITEA; with "build" it is built of its module, which takes
// some minutes of two cores, and kept in the user's cache. Without, the test is skipped.
// Settings are lines of its configuration, which win over those it has otherwise.
func Real(t testing.TB, settings ...string) World {
	t.Helper()
	program := os.Getenv("PAVE_TEST_GITEA")
	switch program {
	case "":
		t.Skip("no real Gitea: PAVE_TEST_GITEA is neither its path nor \"build\"")
	case "build":
		program = build(t)
	}
	root := source(t)
	dir := t.TempDir()
	port := freePort(t)
	config := filepath.Join(dir, "app.ini")
	if err := os.WriteFile(config, []byte(configuration(dir, root, port)+strings.Join(settings, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), program, append([]string{"--config", config}, args...)...)
		cmd.Env = append(os.Environ(), "GITEA_WORK_DIR="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("gitea %v: %v: %s", args, err, out)
		}
		return string(out)
	}
	run("migrate")
	run("admin", "user", "create", "--username", "ann", "--password", "pvcnry-Password1", "--email", "ann@example.com", "--admin", "--must-change-password=false")
	token := tokenPattern.FindString(run("admin", "user", "generate-access-token", "--username", "ann", "--token-name", "test", "--scopes", "all", "--raw"))
	w := World{URL: "http://127.0.0.1:" + port, Org: "acme", Token: token}
	serve(t, program, config, dir)
	w.await(t)
	w.Do(t, http.MethodPost, "orgs", map[string]any{"username": w.Org})
	return w
}

// tokenPattern matches a token, which lines of a log may be around.
var tokenPattern = regexp.MustCompile(`(?m)^[0-9a-f]{40}$`)

func serve(t testing.TB, program, config, dir string) {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, "web.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config", config, "web")
	cmd.Env = append(os.Environ(), "GITEA_WORK_DIR="+dir)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		force := time.AfterFunc(20*time.Second, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		defer force.Stop()
		_ = cmd.Wait() // a server that is told to end has no other result that matters
		log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("the server said: %s", text[max(0, len(text)-20000):])
		}
	})
}

// await waits until the server answers.
func (w World) await(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		resp, err := http.Get(w.URL + "/api/v1/version")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
	}
	t.Fatal("the server did not start within a minute")
}

// Do calls the API and returns what it answers, with the status. Redirects are not
// followed.
func (w World) Do(t testing.TB, method, path string, in any) (int, any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL+"/api/v1/"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "token "+w.Token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out any
	_ = json.NewDecoder(resp.Body).Decode(&out) // nothing, or no JSON, is nil
	return resp.StatusCode, out
}

// source is the folder of the server's module, of which it needs templates and options.
func source(t testing.TB) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", Module+"@"+Release)
	cmd.Dir = t.TempDir() // of no module
	out, err := cmd.Output()
	var m struct{ Dir, Sum string }
	if err == nil {
		err = json.Unmarshal(out, &m)
	}
	if err != nil || m.Sum != moduleSum {
		t.Fatalf("the module of Gitea: %v, sum %q: %s", err, m.Sum, out)
	}
	return m.Dir
}

// build makes the program, once.
func build(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(cache, "pave-test", "gitea-"+Release)
	if _, err := os.Stat(program); err == nil {
		return program
	}
	temp := fmt.Sprintf("%s.%d", program, os.Getpid())
	cmd := exec.CommandContext(t.Context(), "go", "build", "-C", source(t), "-tags", "sqlite,sqlite_unlock_notify",
		"-ldflags", "-X main.Version="+strings.TrimPrefix(Release, "v"), "-o", temp, ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build Gitea: %v: %s", err, out)
	}
	if err := os.Rename(temp, program); err != nil {
		t.Fatal(err)
	}
	return program
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func configuration(dir, root, port string) string {
	return fmt.Sprintf(`RUN_MODE = prod
RUN_USER = %[4]s
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = %[1]s
[server]
STATIC_ROOT_PATH = %[2]s
HTTP_ADDR = 127.0.0.1
HTTP_PORT = %[3]s
ROOT_URL = http://127.0.0.1:%[3]s/
OFFLINE_MODE = true
DISABLE_SSH = true
LFS_START_SERVER = false
[database]
DB_TYPE = sqlite3
PATH = %[1]s/gitea.db
[security]
INSTALL_LOCK = true
SECRET_KEY = for-tests-alone-for-tests-alone-for
[log]
LEVEL = Warn
[actions]
ENABLED = true
[webhook]
ALLOWED_HOST_LIST = loopback
[cron]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
[repository]
DEFAULT_BRANCH = main
`, dir, root, port, currentUser())
}

func currentUser() string {
	u, err := user.Current()
	if err != nil {
		return "root"
	}
	return u.Username
}
