package process

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
)

// command is a process of its own session, which the signals of a terminal do not
// reach.
func command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

func mustJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data
	}
	return raw
}

func newResource(kind string, name pave.Name, spec any, inputs ...resource.Input) resource.Resource {
	ref := pave.Ref{Kind: kind, Env: "production", Service: name, Name: string(name)}
	return resource.Resource{ID: pave.NewID("res"), Ref: ref, ExternalID: resource.ExternalName(ref), Spec: mustJSON(spec), Inputs: inputs}
}

func input(r resource.Resource, outputs map[string]string, secrets map[string]pave.Secret) resource.Input {
	return resource.Input{Ref: r.Ref, ID: r.ID, ExternalID: r.ExternalID, Outputs: outputs, Secrets: secrets}
}

func deploymentSpec(name pave.Name, release string, number int) resource.DeploymentSpec {
	return resource.DeploymentSpec{Service: name, Env: "production", Team: "squad", Release: release, Number: number,
		Command: []string{program, "service"}, Ready: "/health/ready", Replicas: 1, UID: uid}
}

func (b *bench) deployments() Deployment {
	return Deployment{Node: b.node, Trees: b.trees, OwnUID: root()}
}
func (b *bench) identities() Identity {
	return Identity{Node: b.node, Issuer: func() string { return "http://127.0.0.1:7070" }, OwnUID: root()}
}

func hostOf(r resource.Resource) string { return string(r.Ref.Service) + ".production.localhost" }

// TestContract runs the suite for all three drivers on one node.
func TestContract(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	t.Run("deployment", func(t *testing.T) {
		t.Parallel()
		d := b.deployments()
		resourcetest.Run(t, resourcetest.Config{
			New: func(*testing.T) (resource.Driver, func() resource.Resource) {
				return d, func() resource.Resource {
					name := newName("shop")
					return newResource(pave.KindDeployment, name, deploymentSpec(name, "rel_1", 1))
				}
			},
			Change: func(r resource.Resource) resource.Resource {
				r.Spec = mustJSON(deploymentSpec(r.Ref.Service, "rel_2", 2))
				return r
			},
			Seen: func(t *testing.T, r resource.Resource, st resource.State) string {
				status, err := b.node.Workload(t.Context(), r.ID)
				if err != nil {
					t.Fatal(err)
				}
				var out []string // ready replicas of what serves, and what they say
				for _, i := range status.Replicas {
					if i.Ready {
						out = append(out, i.Generation+" "+direct(t, i.Port, "/env/PAVE_RELEASE"))
					}
				}
				return strings.Join(out, ", ")
			},
		})
	})
	t.Run("route", func(t *testing.T) {
		t.Parallel()
		name := newName("target")
		target := newResource(pave.KindDeployment, name, deploymentSpec(name, "rel_1", 1))
		ready(t, b.deployments(), target)
		route := func(name pave.Name, host string) resource.Resource {
			return newResource(pave.KindRoute, name, resource.RouteSpec{Host: host, Service: name, Env: "production"}, input(target, nil, nil))
		}
		resourcetest.Run(t, resourcetest.Config{
			New: func(*testing.T) (resource.Driver, func() resource.Resource) {
				return Route{Node: b.node}, func() resource.Resource {
					name := newName("route")
					return route(name, string(name)+".production.localhost")
				}
			},
			Change: func(r resource.Resource) resource.Resource {
				r.Spec = mustJSON(resource.RouteSpec{Host: "new-" + hostOf(r), Service: r.Ref.Service, Env: "production"})
				return r
			},
			Foreign: func(t *testing.T, r resource.Resource) func() string {
				theirs := route(r.Ref.Service, hostOf(r)) // of another id
				ready(t, Route{Node: b.node}, theirs)
				return func() string {
					st, err := b.node.Route(t.Context(), theirs.ID)
					return fmt.Sprint(st, err)
				}
			},
			Seen: func(t *testing.T, r resource.Resource, st resource.State) string {
				old, _ := b.get(t, hostOf(r), "/health/ready")
				changed, _ := b.get(t, "new-"+hostOf(r), "/health/ready")
				return fmt.Sprint(old, changed)
			},
		})
	})
	t.Run("identity", func(t *testing.T) {
		t.Parallel()
		spec := func(name pave.Name, team pave.Name) json.RawMessage {
			return mustJSON(resource.IdentitySpec{Service: name, Env: "production", Team: team, UID: uid})
		}
		resourcetest.Run(t, resourcetest.Config{
			New: func(*testing.T) (resource.Driver, func() resource.Resource) {
				return b.identities(), func() resource.Resource {
					r := newResource(pave.KindIdentity, newName("who"), nil)
					r.Spec = spec(r.Ref.Service, "squad")
					return r
				}
			},
			Change: func(r resource.Resource) resource.Resource {
				r.Spec = spec(r.Ref.Service, "other-squad")
				return r
			},
			Seen: func(t *testing.T, _ resource.Resource, st resource.State) string {
				token, err := os.ReadFile(st.Outputs["file"])
				if err != nil {
					t.Fatal(err)
				}
				c := claims(t, string(token))
				return fmt.Sprint(c["iss"], c["sub"], c["aud"], c["team"])
			},
		})
	})
}

// direct asks a replica itself.
func direct(t *testing.T, port int, path string) string {
	t.Helper()
	b := &bench{router: fmt.Sprintf("127.0.0.1:%d", port)}
	status, body := b.get(t, "localhost", path)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, status, body)
	}
	return body
}

// claims reads what a token says, without verifying it: that is the node's test.
func claims(t *testing.T, token string) (out map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no token: %q", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A service gets its identity, its secrets and what it may know, and is reached
// under its name.
func TestServiceEndToEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	name := pave.Name("shop")
	identity := newResource(pave.KindIdentity, name, resource.IdentitySpec{Service: name, Env: "production", Team: "squad", UID: uid})
	ready(t, b.identities(), identity)
	secret := newResource(pave.KindSecret, name, nil)
	deployment := newResource(pave.KindDeployment, name, deploymentSpec(name, "rel_1", 7),
		input(identity, nil, nil), input(secret, map[string]string{"key": "DATABASE_URL"}, map[string]pave.Secret{"value": pave.NewSecret("postgres://here")}))
	if _, err := b.deployments().Apply(t.Context(), deployment); err != nil {
		t.Fatal(err)
	}
	route := newResource(pave.KindRoute, name, resource.RouteSpec{Host: "shop.production.localhost", Service: name, Env: "production"},
		input(deployment, nil, nil))
	st := ready(t, Route{Node: b.node}, route)
	for path, want := range map[string]string{
		"/env/DATABASE_URL": "postgres://here", "/env/SERVICE_NAME": "shop", "/env/PAVE_ENVIRONMENT": "production",
		"/env/PAVE_TEAM": "squad", "/env/PAVE_RELEASE": "7", "/env/HOST": "127.0.0.1",
		"/env/PAVE_KEY_FILE": "", "/env/GOPATH": "", // nothing of the server's own
	} {
		if _, got := b.get(t, "shop.production.localhost", path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	_, token := b.get(t, "shop.production.localhost", "/token")
	if c := claims(t, token); c["sub"] != "service:shop:production" || c["team"] != "squad" {
		t.Errorf("the token says %v", c)
	}
	stable := &bench{router: strings.TrimPrefix(st.Outputs["address"], "http://")}
	if status, _ := stable.get(t, "anything", "/health/ready"); status != http.StatusOK {
		t.Errorf("the stable port %s answers %d", st.Outputs["address"], status)
	}
	if checks := b.deployments().Check(t.Context()); len(checks) != 1 || !checks[0].OK {
		t.Errorf("check: %+v", checks)
	}
	// The deployment goes, the route stays and says why it does not serve.
	if err := b.deployments().Delete(t.Context(), deployment); err != nil {
		t.Fatal(err)
	}
	if st, err := (Route{Node: b.node}).Observe(t.Context(), route); err != nil || st.Ready || st.Reason == "" {
		t.Errorf("the route to nothing: %+v, %v", st, err)
	}
}

// A release that does not start has failed, with its last lines, while the one
// before goes on; applied again it is tried again, and putting back works.
func TestBrokenRelease(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := b.deployments()
	good := newResource(pave.KindDeployment, "shop", deploymentSpec("shop", "rel_1", 1))
	ready(t, d, good)
	bad := good
	spec := deploymentSpec("shop", "rel_2", 2)
	spec.Command = []string{program, "broken"}
	bad.Spec = mustJSON(spec)
	fails := func(what string) string {
		t.Helper()
		st, err := d.Apply(t.Context(), bad)
		eventually(t, what+" has failed", func() bool {
			if err != nil {
				t.Fatal(err)
			}
			st, err = d.Observe(t.Context(), bad)
			return st.Failed
		})
		if st.Ready || !strings.Contains(st.Reason, "release 2 did not become ready") || !strings.Contains(strings.Join(st.Notes, "\n"), "panic: no such flag") {
			t.Errorf("%s: %+v", what, st)
		}
		if st.Outputs["release"] != "rel_1" {
			t.Errorf("%s: %q serves", what, st.Outputs["release"])
		}
		status, err := b.node.Workload(t.Context(), bad.ID)
		if err != nil {
			t.Fatal(err)
		}
		return status.Attempt
	}
	first := fails("the release")
	if again := fails("the release, applied again,"); again == first {
		t.Error("it was not tried again")
	}
	ready(t, d, good)
}

func TestNothingToRun(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := newResource(pave.KindDeployment, "shop", deploymentSpec("shop", "", 0))
	if _, err := b.deployments().Apply(t.Context(), r); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("without a release: %v", err)
	}
	route := newResource(pave.KindRoute, "shop", resource.RouteSpec{Host: "shop.production.localhost"})
	if _, err := (Route{Node: b.node}).Apply(t.Context(), route); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("a route without a deployment: %v", err)
	}
}
