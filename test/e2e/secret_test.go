package e2e_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave/internal/job"
	"github.com/pave-platform/pave/test/world"
)

// No secret is anywhere but where it belongs, after everything that can be done
// with services, also while a pipeline runs; and a secret that was put where it
// does not belong is found there.
func TestSecrets(t *testing.T) {
	t.Parallel()
	h := world.New(t)
	for _, name := range []string{"shop", "bank"} {
		spec := h.Fixture(name, "shopkeepers", "postgresql")
		spec.Cache = "redis"
		create(t, h, spec)
	}
	secrets := []world.Secret{{Name: "API token", Value: h.Stat().Token, May: func(place string) bool {
		return place == "file server.json" || place == "environment of a push to shop" // the hook acts for who pushes
	}}}
	for _, name := range []string{"shop", "bank"} {
		secrets = append(secrets, backing(t, h, name, "REDIS_URL")...)
		secrets = append(secrets, backing(t, h, name, "DATABASE_URL")...)
	}
	live(t, h)
	secrets = append(secrets, setSecrets(t, h)...)
	// A plan file lies where the scan looks at files.
	if out, err := h.Command(t.Context(), "plan", "delete", "service", "bank", "--out", filepath.Join(h.Dir, "logs", "plan.json")); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	pushed := slowPipeline(t, h, "shop")
	if seen := scan(t, h, secrets); len(seen) > 0 {
		t.Errorf("secrets where they do not belong: %v", seen)
	}
	if err := <-pushed; err != nil {
		t.Fatal(err)
	}
	plant(t, h, secrets)
}

// backing returns the secrets of a service's database or cache, as the service sees
// them.
func backing(t *testing.T, h *world.Home, service, variable string) []world.Secret {
	t.Helper()
	value, err := h.Variable(service, "staging", variable)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(value)
	if err != nil {
		t.Fatalf("%s of %s is no URL", variable, service)
	}
	password, _ := u.User.Password()
	if len(password) < 20 {
		t.Fatalf("the password of %s has %d characters", service, len(password))
	}
	own := one("environment of " + service + "/staging")
	return []world.Secret{{Name: variable + " of " + service, Value: value, May: own}, {Name: "password in " + variable + " of " + service, Value: password, May: own}}
}

// setSecrets gives a service secrets by hand: one that holds, one that was replaced,
// one that was taken back, and one that waits for its request.
func setSecrets(t *testing.T, h *world.Home) []world.Secret {
	t.Helper()
	var out []world.Secret
	run := ""
	for i, name := range []string{"KEY", "KEY", "OTHER", "WAITING"} {
		value := fmt.Sprintf("set-by-hand-%d-%x", i, time.Now().UnixNano())
		id := seal(t, h, "shop", name, value)
		out = append(out, world.Secret{Name: fmt.Sprintf("%s, value %d", name, i), Value: value})
		if name == "WAITING" {
			continue
		}
		var err error
		if run, err = h.Change("shop", "set secret", map[string]string{"service": "shop", "name": name, "value": id}); err == nil {
			_, err = h.Wait(run)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	id, err := h.Undo("shop", "undo", run)
	if err == nil {
		_, err = h.Wait(id)
	}
	if err != nil {
		t.Fatal(err)
	}
	out[1].May = one("environment of shop/staging")
	if got, err := h.Variable("shop", "staging", "KEY"); err != nil || got != out[1].Value {
		t.Errorf("the process has %q, %v", got, err)
	}
	return out
}

func one(place string) func(string) bool { return func(p string) bool { return p == place } }

// live does with a service what can be done.
func live(t *testing.T, h *world.Home) {
	t.Helper()
	for _, change := range []struct {
		verb string
		spec map[string]string
	}{
		{"delete service", map[string]string{"name": "bank"}},
		{"restore service", map[string]string{"name": "bank"}},
		{"deploy", map[string]string{"name": "bank", "environment": "staging", "release": "1"}},
	} {
		id, err := h.Change("bank", change.verb, change.spec)
		if err == nil {
			_, err = h.Wait(id)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// slowPipeline pushes a commit whose pipeline takes a while, and returns when its
// job runs. The push ends with the pipeline; the channel tells how.
func slowPipeline(t *testing.T, h *world.Home, service string) <-chan error {
	t.Helper()
	pushed := make(chan error, 1)
	go func() {
		commit, err := h.Commit(service, map[string]string{".pave/pipeline.yaml": fmt.Sprintf(
			"version: 1\nsteps:\n- {name: test, test: true, run: [sleep, \"8\"]}\nrun: [%q]\n", h.Binaries.Fixture)})
		if err == nil {
			_, err = h.Built(service, commit)
		}
		pushed <- err
	}()
	for deadline := time.Now().Add(world.Patience); ; time.Sleep(20 * time.Millisecond) {
		found := job.Find(func(p job.Proc) bool { return strings.HasPrefix(p.Env("PAVE_ITEM"), "run_") && h.Inside(p) })
		if len(found) > 0 {
			return pushed
		}
		if time.Now().After(deadline) {
			t.Fatal("no job of the pipeline was seen")
		}
	}
}

func scan(t *testing.T, h *world.Home, secrets []world.Secret) []world.Sighting {
	t.Helper()
	seen, places, err := h.Scan(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	if places < 200 {
		t.Errorf("only %d places were looked at", places)
	}
	t.Logf("%d places", places)
	return seen
}

// plant puts a secret into one place of each kind and wants all of them found.
func plant(t *testing.T, h *world.Home, secrets []world.Secret) {
	t.Helper()
	secret := secrets[len(secrets)-1]
	inBase64 := base64.StdEncoding.EncodeToString([]byte("x" + secret.Value + "yy"))
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(h.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("logs/plain.log", "connecting with "+secret.Value+"\n")
	write("logs/base64.log", "Authorization: Basic "+inBase64+"\n")
	if _, err := h.Commit("shop", map[string]string{"config.yaml": "password: " + secret.Value + "\n"}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", "sleep 60 # "+secret.Value)
	cmd.Env = []string{"PAVE_HOME=" + h.Dir, "PASSWORD=" + secret.Value}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	seen := scan(t, h, []world.Secret{secret})
	for _, place := range []string{"file logs/plain.log", "file logs/base64.log", "git shop.git", "arguments of process ", "environment of process "} {
		if !slices.ContainsFunc(seen, func(s world.Sighting) bool { return s.Place == place }) {
			t.Errorf("planted in %q and not found among %v", place, seen)
		}
	}
}
