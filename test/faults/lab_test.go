// Package faults_test has whole services whose repositories lie on a git host and whose
// secrets lie in a Vault, and lets go wrong what a network and two such systems can: calls
// that fail at a rate, an outage, a token that is revoked, messages that are lost or come
// twice. The drivers have tables of faults of their own; this is the platform over them.
package faults_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/vault/vaulttest"
	"github.com/pave-platform/pave/test/faultproxy"
	"github.com/pave-platform/pave/test/githost/gitea"
	"github.com/pave-platform/pave/test/world"
)

func TestMain(m *testing.M) { world.Main(m) }

const (
	team   = "shopkeepers"
	makes  = "POST /api/v1/orgs/acme/repos" // the call that makes a repository
	policy = `
path "secret/data/teams/*"     { capabilities = ["create", "read", "update", "patch"] }
path "secret/metadata/teams/*" { capabilities = ["read", "list", "patch", "delete"] }
path "secret/destroy/teams/*"  { capabilities = ["update"] }`
)

// real skips a test that is not for the gate.
func real(t *testing.T) {
	t.Helper()
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("PAVE_TEST_REAL=1 (make test-faults) runs this")
	}
}

// A lab is a home with a git host and a Vault, each behind a proxy.
type lab struct {
	*world.Home
	t        *testing.T
	git      *gitea.Server
	gitProxy *faultproxy.Proxy
	vault    *vaulttest.Server
	vaultWay *faultproxy.Proxy
	hookWay  *faultproxy.Proxy // of the host's messages
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, Home: world.New(t)}
	l.Patience = 5 * time.Minute
	l.hookWay = faultproxy.New(t, l.Stat().URL)
	l.newHost()
	l.vault = vaulttest.New(t)
	l.vaultWay = faultproxy.New(t, l.vault.URL)
	role, secret := l.vault.Role(policy, time.Hour)
	l.pave("bind", "default", "secret", "vault", "--set", "address="+l.vaultWay.URL, "--set", "role="+role,
		"--set", "allow=127.0.0.1", "--secret-file", "secret_id="+l.file(secret))
	return l
}

// newHost begins a git host behind a proxy, and binds the repositories of further services
// to it.
func (l *lab) newHost() {
	l.t.Helper()
	l.git = gitea.New(l.t)
	l.git.AddTeam(team, "write")
	l.gitProxy = faultproxy.New(l.t, l.git.URL)
	l.bind(l.git.Token)
}

// bind binds the repositories of further services to the host, with a token.
func (l *lab) bind(token string) {
	l.t.Helper()
	l.pave("bind", "default", "repository", "gitea", "--url", l.gitProxy.URL, "--org", l.git.Org, "--set", "allow=127.0.0.1",
		"--set", "protect=false", "--set", "callback="+l.hookWay.URL, "--secret-file", "token="+l.file(token))
}

func (l *lab) file(text string) string {
	l.t.Helper()
	name := filepath.Join(l.t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return name
}

// pave runs a command that has to do well.
func (l *lab) pave(args ...string) string {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), l.Patience)
	defer cancel()
	out, err := l.Command(ctx, args...)
	if err != nil {
		l.t.Fatalf("pave %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
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

// set begins to give a service's KEY a value.
func (l *lab) set(service, value string) (string, error) {
	var sealed pave.SealedValue
	if err := l.Call(http.MethodPost, "/v1/services/"+service+"/secrets", map[string]string{"name": "KEY", "value": value}, &sealed); err != nil {
		return "", err
	}
	return l.Change(service, "set secret", map[string]string{"service": service, "name": "KEY", "value": sealed.ID})
}

// resources are those of a service that the journal says are there.
func (l *lab) resources(service, kind string) (out []pave.Resource, err error) {
	var all struct{ Items []pave.Resource }
	if err := l.Call(http.MethodGet, "/v1/resources?service="+service, nil, &all); err != nil {
		return nil, err
	}
	for _, r := range all.Items {
		if r.Ref.Kind == kind && r.State == pave.ResourcePresent {
			out = append(out, r)
		}
	}
	return out, nil
}

// entry is where Vault keeps what a service has in staging.
func entry(service string) string { return "teams/" + team + "/" + service + "/staging" }

// kept compares a service's keys in Vault, and pave's marks on them, with the journal.
func (l *lab) kept(service string) error {
	secrets, err := l.resources(service, pave.KindSecret)
	if err != nil {
		return err
	}
	keys := l.vault.Get(entry(service))
	marks, _ := l.vault.Metadata(entry(service))["custom_metadata"].(map[string]any)
	live := map[any]bool{}
	for name, id := range marks {
		if !strings.Contains(name, "~") {
			live[id] = true
		}
	}
	var errs []error
	for _, r := range secrets {
		if !live[r.ID] {
			errs = append(errs, fmt.Errorf("Vault has no mark of %s (%s)", r.Ref, r.ID))
		}
	}
	if len(keys) != len(secrets) || len(live) != len(secrets) {
		errs = append(errs, fmt.Errorf("%s: Vault has %d keys and %d marks for %d secrets of the journal", service, len(keys), len(live), len(secrets)))
	}
	return errors.Join(errs...)
}

// told is what a run waits for, or why it stopped, its own or that of the runs it began.
func (l *lab) told(id string) (reason, hint string) {
	run, err := l.Run(id)
	if err != nil {
		return err.Error(), ""
	}
	for _, s := range run.Steps {
		if s.State == pave.StepDone || s.State == pave.StepPending || s.State == pave.StepSkipped {
			continue
		}
		if s.Child != "" {
			if reason, hint := l.told(s.Child); reason != "" {
				return reason, hint
			}
		}
		if s.Reason != "" {
			return s.Reason, s.Hint
		}
	}
	return run.Reason, run.Hint
}
