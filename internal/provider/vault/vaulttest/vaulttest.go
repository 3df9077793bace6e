// Package vaulttest has Vault servers for tests: a small one that speaks the part of the
// API that pave uses, over real HTTP, and the real one, which tools/vaultserver builds.
// Each runs the same tests against both, so that the small one is held to the real.
package vaulttest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Server is one that runs, with what an operator has of it. A KV store of version 2 is
// at "secret", the database engine at "database", AppRole at "approle".
type Server struct {
	URL   string
	Token string // of root
	Key   string // to unseal it
	t     T
}

// T is what a test has, and a script.
type T interface {
	Fatalf(format string, args ...any)
}

// Each runs a test against the small server, and with PAVE_TEST_REAL=1 against the real
// one too.
func Each(t *testing.T, test func(t *testing.T, s *Server)) {
	t.Helper()
	t.Run("small", func(t *testing.T) {
		t.Parallel()
		test(t, New(t))
	})
	if os.Getenv("PAVE_TEST_REAL") != "" {
		t.Run("real", func(t *testing.T) {
			t.Parallel()
			s, end := Real(t)
			t.Cleanup(end)
			test(t, s)
		})
	}
}

// New starts the small server.
func New(t testing.TB) *Server {
	t.Helper()
	s, end := Start(t)
	t.Cleanup(end)
	return s
}

// Start starts the small server until it is ended.
func Start(t T) (s *Server, end func()) {
	h := httptest.NewServer(newFake())
	return &Server{URL: h.URL, Token: rootToken, Key: unsealKey, t: t}, h.Close
}

var build = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("PAVE_VAULTSERVER"); path != "" { // built before
		return path, nil
	}
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "pave-test", "vaultserver") // one that the next test replaces
	mine := fmt.Sprintf("%s.%d", path, os.Getpid())
	c := exec.Command("go", "build", "-o", mine, ".")
	c.Dir = filepath.Join(strings.TrimSpace(string(root)), "tools", "vaultserver")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build tools/vaultserver: %w: %s", err, out)
	}
	return path, os.Rename(mine, path)
})

// Real starts the real server until it is ended. The first time builds it, which takes
// some minutes; it is built before where PAVE_VAULTSERVER says so.
func Real(t T) (s *Server, end func()) {
	path, err := build()
	if err != nil {
		t.Fatalf("%v", err)
	}
	c := exec.Command(path)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatalf("%v", err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatalf("%v", err)
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatalf("%v", err)
	}
	var at struct{ Address, Token, Key string }
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("vaultserver says nothing: %v", err)
	}
	if err := json.Unmarshal(line, &at); err != nil {
		t.Fatalf("%v", err)
	}
	return &Server{URL: at.Address, Token: at.Token, Key: at.Key, t: t}, func() {
		_ = in.Close()
		_ = c.Wait()
	}
}

// Call does as an operator what the API has, and returns status and answer.
func (s *Server) Call(method, path string, body any) (int, map[string]any) {
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	r, err := http.NewRequest(method, s.URL+"/v1/"+path, bytes.NewReader(text))
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	r.Header.Set("X-Vault-Token", s.Token)
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	var out map[string]any
	_ = json.Unmarshal(answer, &out) // some have none
	return resp.StatusCode, out
}

// must is a Call that succeeds, and its data.
func (s *Server) must(method, path string, body any) map[string]any {
	status, out := s.Call(method, path, body)
	if status >= 300 {
		s.t.Fatalf("%s %s: %d %v", method, path, status, out)
	}
	data, _ := out["data"].(map[string]any)
	return data
}

// Put writes an entry as it is, whatever is there.
func (s *Server) Put(path string, data map[string]any) {
	s.must(http.MethodPost, "secret/data/"+path, map[string]any{"data": data})
}

// Patch changes keys of an entry; nil takes one out.
func (s *Server) Patch(path string, data map[string]any) {
	s.must(http.MethodPatch, "secret/data/"+path, map[string]any{"data": data})
}

// Get is what an entry holds; nil where there is none.
func (s *Server) Get(path string) map[string]any {
	_, out := s.Call(http.MethodGet, "secret/data/"+path, nil)
	outer, _ := out["data"].(map[string]any)
	data, _ := outer["data"].(map[string]any)
	return data
}

// Metadata is that of an entry; nil where there is none.
func (s *Server) Metadata(path string) map[string]any {
	_, out := s.Call(http.MethodGet, "secret/metadata/"+path, nil)
	data, _ := out["data"].(map[string]any)
	return data
}

// Role makes an AppRole with a policy whose tokens are good for ttl, in whole seconds,
// and at most twice that. It returns what signs in.
func (s *Server) Role(policy string, ttl time.Duration) (role, secret string) {
	s.Policy(policy)
	s.must(http.MethodPost, "auth/approle/role/pave", map[string]any{"token_policies": "pave",
		"token_ttl": int(ttl.Seconds()), "token_max_ttl": 2 * int(ttl.Seconds())})
	role, _ = s.must(http.MethodGet, "auth/approle/role/pave/role-id", nil)["role_id"].(string)
	secret, _ = s.must(http.MethodPost, "auth/approle/role/pave/secret-id", map[string]any{})["secret_id"].(string)
	return role, secret
}

// Policy writes the policy of that role anew.
func (s *Server) Policy(text string) {
	s.must(http.MethodPost, "sys/policies/acl/pave", map[string]any{"policy": text})
}

// Connect tells the database engine of a PostgreSQL, for the roles that fit a pattern.
func (s *Server) Connect(name, url, roles string) {
	s.must(http.MethodPost, "database/config/"+name, map[string]any{"plugin_name": "postgresql-database-plugin", "connection_url": url, "allowed_roles": roles})
}

// MaxLogins is how long logins of the database engine are good at most.
func (s *Server) MaxLogins(ttl time.Duration) {
	s.must(http.MethodPost, "sys/mounts/database/tune", map[string]any{"max_lease_ttl": ttl.String()})
}

// RevokeLogins ends all leases of the database engine.
func (s *Server) RevokeLogins() {
	s.must(http.MethodPost, "sys/leases/revoke-prefix/database/creds", map[string]any{"sync": true})
}

// Seal closes the server until Unseal.
func (s *Server) Seal() {
	s.must(http.MethodPost, "sys/seal", nil)
}

// Unseal opens it again.
func (s *Server) Unseal() {
	s.must(http.MethodPost, "sys/unseal", map[string]any{"key": s.Key})
}

// Revoke ends all tokens that AppRole gave.
func (s *Server) Revoke() {
	s.must(http.MethodPost, "sys/leases/revoke-prefix/auth/approle", map[string]any{"sync": true})
}
