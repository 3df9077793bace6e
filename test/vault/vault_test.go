// Package vault_test has the secrets of services in Vault, kills the server of pave at every
// point of their steps, and takes Vault away in the midst of runs. make test-vault runs it.
package vault_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/vault/vaulttest"
	"github.com/pave-platform/pave/test/faultproxy"
	"github.com/pave-platform/pave/test/world"
)

func TestMain(m *testing.M) { world.Main(m) }

const (
	service = "shop"
	entry   = "teams/web/shop/staging"
	policy  = `
path "secret/data/teams/*"     { capabilities = ["create", "read", "update", "patch"] }
path "secret/metadata/teams/*" { capabilities = ["read", "list", "patch", "delete"] }
path "secret/destroy/teams/*"  { capabilities = ["update"] }`
)

// A lab is a home that is bound to a Vault server behind a proxy, with one service.
type lab struct {
	*world.Home
	t     *testing.T
	vault *vaulttest.Server
	proxy *faultproxy.Proxy
	value int
}

func newLab(t *testing.T) *lab {
	t.Helper()
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("PAVE_TEST_REAL=1 (make test-vault) runs this")
	}
	vault, end := vaulttest.Real(t)
	t.Cleanup(end)
	l := &lab{t: t, vault: vault, proxy: faultproxy.New(t, vault.URL), Home: world.New(t)}
	role, secret := vault.Role(policy, time.Hour)
	file := filepath.Join(t.TempDir(), "secret-id")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := l.Command(t.Context(), "bind", "default", "secret", "vault", "--set", "address="+l.proxy.URL, "--set", "role="+role,
		"--set", "allow=127.0.0.1", "--secret-file", "secret_id="+file)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	l.done(l.Create(l.Fixture(service, "web", "none")))
	return l
}

// done waits for a run that has to succeed.
func (l *lab) done(run string, err error) {
	l.t.Helper()
	if err == nil {
		_, err = l.Wait(run)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// set begins to give KEY its next value.
func (l *lab) set() (string, error) {
	l.value++
	var sealed pave.SealedValue
	if err := l.Call(http.MethodPost, "/v1/services/"+service+"/secrets", map[string]string{"name": "KEY", "value": l.now()}, &sealed); err != nil {
		return "", err
	}
	return l.Change(service, "set secret", map[string]string{"service": service, "name": "KEY", "value": sealed.ID})
}

func (l *lab) unset() (string, error) {
	return l.Change(service, "unset secret", map[string]string{"service": service, "name": "KEY"})
}

func (l *lab) now() string { return fmt.Sprintf("pvcnry-value-%d", l.value) }

// holds compares the entry, its marks and what the workload sees with a value; "" is none.
func (l *lab) holds(want string) {
	l.t.Helper()
	got, _ := l.vault.Get(entry)["KEY"].(string)
	if got != want {
		l.t.Errorf("Vault holds %q, want %q", got, want)
	}
	marks, _ := l.vault.Metadata(entry)["custom_metadata"].(map[string]any)
	live := 0
	for name := range marks {
		if !strings.Contains(name, "~") {
			live++
		}
	}
	if (live == 1) != (want != "") || live > 1 {
		l.t.Errorf("%d live marks: %v", live, marks)
	}
	l.serves(want)
}

// serves compares what the workload sees.
func (l *lab) serves(want string) {
	l.t.Helper()
	if status, body := l.env(); status != http.StatusOK || body != want {
		l.t.Errorf("the workload answers %d with %q, want %q", status, body, want)
	}
}

func (l *lab) env() (int, string) {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, "http://"+l.Stat().Router+"/env/KEY", nil)
	if err != nil {
		l.t.Fatal(err)
	}
	r.Host = service + ".staging.localhost"
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	text := make([]byte, 200)
	n, _ := resp.Body.Read(text)
	return resp.StatusCode, strings.Trim(strings.TrimSpace(string(text[:n])), `"`)
}

// The server dies at every point of a step that has to do with Vault, and of the
// deployment that reads there; each time the run goes on to its end by itself.
func TestKillServer(t *testing.T) {
	l := newLab(t)
	l.Passed()
	for _, op := range []struct {
		name    string
		prepare func() (string, error)
		do      func() (string, error)
		want    func() string
	}{
		{"set", l.unset, l.set, l.now},
		{"change", nil, l.set, l.now},
		{"unset", l.set, l.unset, func() string { return "" }},
	} {
		if op.name == "unset" || op.name == "change" {
			l.done(l.set())
			l.Passed()
		}
		l.done(op.do())
		l.holds(op.want())
		points := 0
		for _, p := range l.Passed() {
			if !strings.Contains(p, "secret:staging") && !strings.Contains(p, "deployment:staging") {
				continue
			}
			points++
			if op.prepare != nil {
				l.done(op.prepare())
			}
			l.Arm(p)
			l.done(op.do())
			if !l.Disarm() {
				t.Errorf("%s: nobody died at %s", op.name, p)
			}
			l.holds(op.want())
			l.Passed()
		}
		if points < 4 {
			t.Errorf("%s: %d points", op.name, points)
		}
		t.Logf("%s: %d points", op.name, points)
	}
	l.done(l.Delete(service))
	if got := l.vault.Get(entry); len(got) > 0 {
		t.Errorf("after the service Vault holds %v", got)
	}
}

// Vault goes away when a run is about to write, and when it is about to read what it
// wrote: the run waits and says for what, what serves goes on, and when Vault is back the
// run comes to its end by itself.
func TestVaultGoesAway(t *testing.T) {
	l := newLab(t)
	l.done(l.set())
	for name, fault := range map[string]func() faultproxy.Fault{
		"before the write": func() faultproxy.Fault {
			return func(x *faultproxy.Exchange) {
				if x.R.Method == http.MethodPatch {
					x.Reset()
				}
				faultproxy.Pass()(x)
			}
		},
		"after the write": func() faultproxy.Fault {
			var written atomic.Bool
			return func(x *faultproxy.Exchange) {
				if written.Load() {
					faultproxy.Status(503, "")(x)
					return
				}
				if x.R.Method == http.MethodPatch {
					written.Store(true)
				}
				faultproxy.Pass()(x)
			}
		},
	} {
		before := l.now()
		l.proxy.On("*", 0, fault())
		run, err := l.set()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		l.waits(name, run)
		l.serves(before)
		l.proxy.Clear()
		l.done(run, nil)
		l.holds(l.now())
	}
}

// waits sees that a run, or the one it began, goes on and names what it waits for, without
// hurry.
func (l *lab) waits(name, run string) {
	l.t.Helper()
	host := strings.TrimPrefix(l.proxy.URL, "http://")
	named := false
	for end := time.Now().Add(30 * time.Second); !named && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		runs, err := l.Runs(service, "")
		if err != nil {
			l.t.Fatal(err)
		}
		for _, r := range runs {
			full, err := l.Run(r.ID)
			if err != nil {
				l.t.Fatal(err)
			}
			if !full.State.Ended() && strings.Contains(fmt.Sprintf("%+v", full), host) {
				named = true
			}
		}
	}
	if !named {
		l.t.Errorf("%s: run %s does not say what it waits for", name, run)
	}
	before := len(l.proxy.Calls("*"))
	time.Sleep(5 * time.Second)
	if n := len(l.proxy.Calls("*")) - before; n > 30 {
		l.t.Errorf("%s: %d calls in 5 s", name, n)
	}
}
