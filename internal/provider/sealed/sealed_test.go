package sealed

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
	"github.com/pave-platform/pave/internal/seal"
	"github.com/pave-platform/pave/internal/store/storetest"
)

var names atomic.Int64

// canary is in every value: it must never be found in the clear.
const canary = "pvcnry-sealed-4711"

func fresh() resource.Resource {
	name := fmt.Sprintf("shop%d", names.Add(1))
	ref := pave.Ref{Kind: pave.KindSecret, Env: "production", Service: pave.Name(name), Name: "database-url"}
	return withKey(resource.Resource{ID: pave.NewID("res"), ExternalID: resource.ExternalName(ref), Ref: ref,
		Inputs: []resource.Input{{Ref: pave.Ref{Kind: pave.KindDatabase, Service: pave.Name(name)},
			Secrets: map[string]pave.Secret{"url": pave.NewSecret(canary + "-" + name)}}}}, "DATABASE_URL")
}

func withKey(r resource.Resource, key string) resource.Resource {
	spec, err := json.Marshal(resource.SecretSpec{Key: key, From: "url"})
	if err != nil {
		panic(err) // plain data
	}
	r.Spec = spec
	return r
}

// open returns the driver over a vault in a new SQLite file, and its folder.
func open(t *testing.T) (d Driver, dir string) {
	t.Helper()
	key, err := seal.LoadOrCreate(filepath.Join(t.TempDir(), "keys", "pave.key"))
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	db := storetest.Open(t, "sqlite:"+filepath.Join(dir, "pave.db"))
	return Driver{Vault: resource.NewVault(db, key)}, dir
}

func TestContract(t *testing.T) {
	t.Parallel()
	d, dir := open(t)
	resourcetest.Run(t, resourcetest.Config{
		New:    func(*testing.T) (resource.Driver, func() resource.Resource) { return d, fresh },
		Change: func(r resource.Resource) resource.Resource { return withKey(r, "PRIMARY_URL") },
	})
	t.Cleanup(func() { notInTheClear(t, dir) })
}

func notInTheClear(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		// Of base64, which depends on what is before, the middle.
		for _, form := range []string{canary, base64.StdEncoding.EncodeToString([]byte(canary))[4:20]} {
			if bytes.Contains(data, []byte(form)) {
				t.Errorf("%s holds %q", f.Name(), form)
			}
		}
	}
}

// A value that the needed resource gives out anew replaces the old one.
func TestValueFollowsItsSource(t *testing.T) {
	t.Parallel()
	d, _ := open(t)
	r := fresh()
	for _, value := range []string{"first", "second"} {
		r.Inputs[0].Secrets["url"] = pave.NewSecret(value)
		if _, err := d.Apply(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		st, err := d.Observe(t.Context(), r)
		if err != nil || st.Secrets["value"].Reveal() != value || st.Outputs["key"] != "DATABASE_URL" {
			t.Errorf("value %q of %q, %v; want %q", st.Secrets["value"].Reveal(), st.Outputs["key"], err, value)
		}
	}
	r.Inputs[0].Secrets = nil
	_, err := d.Apply(t.Context(), r)
	if pave.CodeOf(err) != pave.Conflict || !strings.Contains(err.Error(), `"url"`) {
		t.Errorf("without a source: %v, want a conflict that names what is missing", err)
	}
	if st, err := d.Observe(t.Context(), r); err != nil || st.Secrets["value"].Reveal() != "second" {
		t.Errorf("the value before was not kept: %v, %v", st, err)
	}
}

// A value sealed with another key is no absence: the error says what to bring back.
func TestOtherKey(t *testing.T) {
	t.Parallel()
	d, dir := open(t)
	r := fresh()
	if _, err := d.Apply(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	key, err := seal.LoadOrCreate(filepath.Join(t.TempDir(), "keys", "pave.key"))
	if err != nil {
		t.Fatal(err)
	}
	other := Driver{Vault: resource.NewVault(storetest.Open(t, "sqlite:"+filepath.Join(dir, "pave.db")), key)}
	if _, err := other.Observe(t.Context(), r); err == nil || pave.CodeOf(err) == pave.NotFound || pave.HintOf(err) == "" {
		t.Errorf("with another key: %v, hint %q", err, pave.HintOf(err))
	}
}

// A module whose output has no authority in it gives its service none: an address that is
// empty is a fault, an authority is not.
func TestNoAuthority(t *testing.T) {
	t.Parallel()
	d, _ := open(t)
	for from, good := range map[string]bool{pave.OutputCA: true, "url": false, "other": false} {
		r := fresh()
		r.Inputs[0].Secrets = map[string]pave.Secret{pave.OutputCA: pave.NewSecret(""), "url": pave.NewSecret("")}
		r.Spec, _ = json.Marshal(resource.SecretSpec{Key: "REDIS_CA", From: from})
		if _, err := d.Apply(t.Context(), r); (err == nil) != good {
			t.Errorf("%s: %v", from, err)
		}
	}
}
