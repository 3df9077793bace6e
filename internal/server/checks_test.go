package server

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/provider/postgres"
	"github.com/pave-platform/pave/internal/provider/process"
	"github.com/pave-platform/pave/internal/provider/redis"
	"github.com/pave-platform/pave/internal/store"
)

// brokenThings each spoil one thing on a machine where all checks pass. The check
// that is named must fail then, with a fix that holds the words.
var brokenThings = map[string]struct {
	check, fix string
	spoil      func(t *testing.T, c *Config)
}{
	"no go":              {"go on PATH", "install Go", func(t *testing.T, _ *Config) { pathWithout(t, "go", "") }},
	"go is old":          {"go on PATH", "1.26 or newer", func(t *testing.T, _ *Config) { pathWithout(t, "go", "echo go version go1.22.1 linux/amd64") }},
	"go is broken":       {"go on PATH", "install Go", func(t *testing.T, _ *Config) { pathWithout(t, "go", "exit 1") }},
	"no git":             {"git on PATH", "apt-get install -y git", func(t *testing.T, _ *Config) { pathWithout(t, "git", "") }},
	"git is old":         {"git on PATH", "2.30", func(t *testing.T, _ *Config) { pathWithout(t, "git", "echo git version 2.11.0") }},
	"few files":          {"open files", "ulimit -n", fewFiles},
	"home is a file":     {"state folder", "PAVE_HOME", func(t *testing.T, c *Config) { c.Home = put(t, filepath.Join(t.TempDir(), "file"), "", 0o600) }},
	"home is too long":   {"state folder", "shorter", func(t *testing.T, c *Config) { c.Home = filepath.Join(c.Home, strings.Repeat("long", 25)) }},
	"key is open":        {"key", "chmod 600", func(t *testing.T, c *Config) { mode(t, c.serverKey(), 0o644) }},
	"key is no key":      {"key", "backup of keys", func(t *testing.T, c *Config) { put(t, c.serverKey(), "no key\n", 0o600) }},
	"key is gone":        {"key", "backup of keys", func(t *testing.T, c *Config) { remove(t, c.serverKey()) }},
	"folder of keys":     {"key", "chmod 700", func(t *testing.T, c *Config) { mode(t, c.Keys, 0o777) }},
	"store is no store":  {"store", "backup", func(t *testing.T, c *Config) { put(t, c.path("pave.db"), strings.Repeat("no store\n", 1000), 0o600) }},
	"store is newer":     {"store", "newer pave", newerStore},
	"store is away":      {"store", "PAVE_STORE_URL", func(_ *testing.T, c *Config) { c.Store = "postgres://nobody@127.0.0.1:1/none?connect_timeout=1" }},
	"store of no kind":   {"store", "PAVE_STORE_URL", func(_ *testing.T, c *Config) { c.Store = "mysql://x" }},
	"API port is taken":  {"API port", "PAVE_LISTEN", func(t *testing.T, c *Config) { c.Listen = taken(t) }},
	"router port taken":  {"router port", "PAVE_ROUTER", func(t *testing.T, c *Config) { c.Router = taken(t) }},
	"no templates":       {"templates", "PAVE_TEMPLATES", func(_ *testing.T, c *Config) { c.Templates = []string{filepath.Join(c.Home, "none")} }},
	"template is broken": {"templates", "pave template lint", brokenTemplate},
	"logins are open":    {"git hosts", "chmod", func(t *testing.T, c *Config) { put(t, c.Credentials, "https://u:p@git.example\n", 0o644) }},
	"logins are none":    {"git hosts", "https://", func(t *testing.T, c *Config) { put(t, c.Credentials, "u:p\n", 0o600) }},
	"allow is none":      {"git hosts", "", func(_ *testing.T, c *Config) { c.Allow = []string{"10.0.0.0/99"} }},
	"certificate missing": {"TLS", "PEM", func(_ *testing.T, c *Config) {
		c.TLS = TLS{Listen: "127.0.0.1:0", Cert: "/none/c.pem", Key: "/none/k.pem"}
	}},
	"listen in the open": {"TLS", "--tls", func(_ *testing.T, c *Config) { c.Listen = "0.0.0.0:0" }},
}

func TestDoctorFindsWhatIsBroken(t *testing.T) {
	for name, b := range brokenThings {
		t.Run(name, func(t *testing.T) {
			c := healthy(t)
			b.spoil(t, &c)
			check := find(t, LocalChecks(t.Context(), c), b.check)
			if check.OK || !strings.Contains(check.Fix, b.fix) || check.Detail == "" {
				t.Errorf("%+v, want a fix with %q", check, b.fix)
			}
		})
	}
}

func TestDoctorFindsNothing(t *testing.T) {
	for _, check := range LocalChecks(t.Context(), healthy(t)) {
		if !check.OK {
			t.Errorf("%+v", check)
		}
	}
}

// What the doctor of a server that runs finds beside the checks of the machine.
func TestDoctorOfProviders(t *testing.T) {
	client := node.Dial(filepath.Join(t.TempDir(), "none.sock"))
	database := &postgres.Driver{Node: client, URL: pave.NewSecret("postgres://nobody@127.0.0.1:1/none?connect_timeout=1")}
	cases := map[string]struct {
		checks []pave.Check
		fix    string
	}{
		"database server is away": {database.Check(t.Context()), "PAVE_POSTGRES_URL"},
		"node is dead":            {process.Deployment{Node: client}.Check(t.Context()), "pave"},
	}
	t.Setenv("PATH", t.TempDir())
	cases["no redis"] = struct {
		checks []pave.Check
		fix    string
	}{(&redis.Driver{Node: client}).Check(t.Context()), "apt-get install -y redis"}
	for name, c := range cases {
		if len(c.checks) != 1 || c.checks[0].OK || !strings.Contains(c.checks[0].Fix, c.fix) {
			t.Errorf("%s: %+v", name, c.checks)
		}
	}
}

func TestDiskCheck(t *testing.T) {
	t.Parallel()
	c := Config{Home: t.TempDir()}
	if check := c.diskCheck(1); !check.OK {
		t.Errorf("%+v", check)
	}
	if check := c.diskCheck(1 << 60); check.OK || check.Fix == "" {
		t.Errorf("an exabyte: %+v", check)
	}
}

func TestCertificateEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key")
	if err := makeCA(dir, cert, key); err != nil {
		t.Fatal(err)
	}
	if err := certificateGood(cert, key, time.Now()); err != nil {
		t.Error(err)
	}
	err := certificateGood(cert, key, time.Now().Add(caLife-24*time.Hour))
	if pave.CodeOf(err) != pave.Unavailable || pave.HintOf(err) == "" {
		t.Errorf("on its last day: %v", err)
	}
}

// healthy is a home that a server has run in.
func healthy(t *testing.T) Config {
	t.Helper()
	dir, err := os.MkdirTemp("", "pd") // short, for the socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := Config{Home: filepath.Join(dir, "home"), Keys: filepath.Join(dir, "keys"), Listen: "127.0.0.1:0", Router: "127.0.0.1:0",
		Credentials: filepath.Join(dir, "credentials")}
	if err := c.prepare(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.openKey(); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), c.store())
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	return c
}

func find(t *testing.T, checks []pave.Check, name string) pave.Check {
	t.Helper()
	i := slices.IndexFunc(checks, func(c pave.Check) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no check %q among %+v", name, checks)
	}
	return checks[i]
}

// pathWithout sets a PATH in which a program is another script, or is not at all.
func pathWithout(t *testing.T, name, script string) {
	t.Helper()
	dir := t.TempDir()
	for _, tool := range []string{"go", "git"} {
		path := filepath.Join(dir, tool)
		if tool == name {
			if script != "" {
				put(t, path, "#!/bin/sh\n"+script+"\n", 0o755)
			}
			continue
		}
		put(t, path, "#!/bin/sh\necho git version 2.39.0 and go1.26\n", 0o755)
	}
	t.Setenv("PATH", dir)
}

func fewFiles(t *testing.T, _ *Config) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	few := syscall.Rlimit{Cur: 256, Max: before.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Skip("the limit of open files cannot be set here:", err)
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) })
}

func newerStore(t *testing.T, c *Config) {
	t.Helper()
	db, err := store.Open(t.Context(), c.store())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(t.Context(), `INSERT INTO migrations (name, applied) VALUES ('9999_future.sql', 1)`); err != nil {
		t.Fatal(err)
	}
}

func brokenTemplate(t *testing.T, c *Config) {
	t.Helper()
	dir := filepath.Join(c.Home, "more")
	if err := os.MkdirAll(filepath.Join(dir, "bad", "skeleton"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "bad", "template.yaml"), "name: bad\nvershion: 1\n", 0o644)
	c.Templates = []string{dir}
}

func taken(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func put(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func mode(t *testing.T, path string, m os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, m); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
