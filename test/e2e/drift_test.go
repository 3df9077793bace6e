package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/test/world"
)

// What vanished or was changed outside pave is seen with what differs and since when;
// where the binding says so it is healed by itself, else when somebody asks.
func TestDrift(t *testing.T) {
	t.Parallel()
	h := world.New(t)
	create(t, h, h.Fixture("shop", "shopkeepers", "none"))
	healing(t, h, pave.KindIdentity)
	for _, kind := range []string{pave.KindDeployment, pave.KindRoute} {
		vanish(t, h, kind)
	}
	seen := drifted(t, h)
	for _, ref := range []string{"deployment:staging/shop/shop", "route:staging/shop/shop"} {
		if seen[ref] != "it is gone" {
			t.Errorf("%s has drifted: %q", ref, seen[ref])
		}
	}
	id, err := h.Change("shop", "heal", map[string]any{"service": "shop"})
	if err == nil {
		_, err = h.Wait(id)
	}
	if err != nil {
		t.Fatal(err)
	}
	if seen := drifted(t, h); len(seen) > 0 {
		t.Errorf("healed, and yet there is %v", seen)
	}

	// The next server looks at once: what is to be healed is healed, with its audit row.
	tokens, err := filepath.Glob(filepath.Join(h.Dir, "node", "identities", "*.jwt"))
	if err != nil || len(tokens) != 1 || os.Remove(tokens[0]) != nil {
		t.Fatalf("tokens %v, %v", tokens, err)
	}
	h.KillServer()
	h.Up()
	for deadline := time.Now().Add(world.Patience); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(tokens[0]); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the token was not made again")
		}
	}
	h.Expect("heal", "shop")
	runs, err := h.Runs("shop", "apply")
	if err != nil || runs[0].Title != "heal shop" || runs[0].Actor != "pave" {
		t.Fatalf("%v, %v", runs, err)
	}
	if _, err := h.Wait(runs[0].ID); err != nil {
		t.Fatal(err)
	}
	check(t, h, world.Service{Name: "shop"})
}

// healing gives the binding of a kind its setting.
func healing(t *testing.T, h *world.Home, kind string) {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(h.Dir, "pave.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if n, err := db.Exec(t.Context(), `UPDATE bindings SET settings = '{"drift":"heal"}' WHERE kind = $1`, kind); err != nil || n != 1 {
		t.Fatalf("%d bindings, %v", n, err)
	}
}

// vanish takes what the node has of a kind away, behind pave's back.
func vanish(t *testing.T, h *world.Home, kind string) {
	t.Helper()
	var all struct{ Items []pave.Resource }
	if err := h.Call(http.MethodGet, "/v1/resources?service=shop", nil, &all); err != nil {
		t.Fatal(err)
	}
	for _, r := range all.Items {
		if r.Ref.Kind != kind {
			continue
		}
		take := h.Node().DeleteWorkload
		if kind == pave.KindRoute {
			take = h.Node().DeleteRoute
		}
		if err := take(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// drifted is what has drifted of the shop, by ref.
func drifted(t *testing.T, h *world.Home) map[string]string {
	t.Helper()
	var st pave.Status
	if err := h.Call(http.MethodGet, "/v1/services/shop/status", nil, &st); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, r := range st.Drift {
		if r.DriftSince.IsZero() {
			t.Errorf("%s: since when?", r.Ref)
		}
		out[r.Ref.String()] = strings.Join(r.Drift, "; ")
	}
	return out
}
