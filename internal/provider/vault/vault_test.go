package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/vault/vaulttest"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
	"github.com/pave-platform/pave/internal/seal"
)

// canary is in every value: no error, check or line of a plan may hold it.
const canary = "pvcnry-vault-5823"

var names atomic.Int64

// values are sealed values by id.
type values struct {
	mu  sync.Mutex
	all map[string]string
}

func (v *values) Get(_ context.Context, id string) (pave.Secret, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	text, ok := v.all[id]
	if !ok {
		return pave.Secret{}, pave.Errorf(pave.NotFound, "no value %s", id)
	}
	return pave.NewSecret(text), nil
}

func (v *values) put(id, text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all[id] = text
}

// A lab is a driver that is bound to a server.
type lab struct {
	*Driver
	t      *testing.T
	server *vaulttest.Server
	values *values
	bound  resource.Bound
}

// newLab binds a driver by AppRole to a server, whose tokens are good for ttl. at is the
// address that it is told.
func newLab(t *testing.T, s *vaulttest.Server, at string, ttl time.Duration) *lab {
	t.Helper()
	cfg, err := configOf(map[string]string{"address": at, "role": "x"})
	if err != nil {
		t.Fatal(err)
	}
	role, secret := s.Role(cfg.policyText(), ttl)
	key, err := seal.LoadOrCreate(t.TempDir() + "/keys/pave.key")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, server: s, values: &values{all: map[string]string{"binding": secret, "sec_1": canary + "-one", "sec_2": canary + "-two"}}}
	l.bound = resource.Bound{Settings: map[string]string{"address": at, "role": role, "allow": "127.0.0.1"}, Secrets: map[string]string{"secret_id": "binding"}}
	l.Driver = &Driver{Values: l.values, Derive: key.Derive, Bounds: func(context.Context) ([]resource.Bound, error) { return []resource.Bound{l.bound}, nil }}
	return l
}

// fresh is a secret of a new service, with a value that was sealed before.
func (l *lab) fresh() resource.Resource {
	return l.of(fmt.Sprintf("shop%d", names.Add(1)), "API_KEY")
}

func (l *lab) of(service, key string) resource.Resource {
	ref := pave.Ref{Kind: pave.KindSecret, Env: "production", Service: pave.Name(service), Name: strings.ToLower(strings.ReplaceAll(key, "_", "-"))}
	r := resource.Resource{ID: pave.NewID("res"), ExternalID: resource.ExternalName(ref), Ref: ref}
	return l.with(r, resource.SecretSpec{Key: key, Value: "sec_1"})
}

func (l *lab) with(r resource.Resource, spec resource.SecretSpec) resource.Resource {
	raw, err := json.Marshal(map[string]any{"key": spec.Key, "from": spec.From, "value": spec.Value, "team": "web", "binding": l.bound})
	if err != nil {
		l.t.Fatal(err)
	}
	r.Spec = raw
	return r
}

func path(r resource.Resource) string {
	return fmt.Sprintf("teams/web/%s/production", r.Ref.Service)
}

func (l *lab) apply(r resource.Resource) resource.State {
	l.t.Helper()
	st, err := l.Apply(l.t.Context(), r)
	if err != nil {
		l.t.Fatalf("Apply: %v (%s)", err, pave.HintOf(err))
	}
	return st
}

func (l *lab) holds(r resource.Resource, want map[string]any) {
	l.t.Helper()
	if got := l.server.Get(path(r)); !maps.Equal(got, want) {
		l.t.Errorf("%s holds %v, want %v", path(r), got, want)
	}
}

func TestContract(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		l := newLab(t, s, s.URL, time.Hour)
		resourcetest.Run(t, resourcetest.Config{
			New: func(*testing.T) (resource.Driver, func() resource.Resource) { return l, l.fresh },
			Change: func(r resource.Resource) resource.Resource {
				return l.with(r, resource.SecretSpec{Key: "API_KEY", Value: "sec_2"})
			},
			Foreign: func(_ *testing.T, r resource.Resource) func() string {
				s.Put(path(r), map[string]any{"API_KEY": "theirs", "OTHER": 5})
				return func() string {
					m := s.Metadata(path(r))
					return fmt.Sprint(s.Get(path(r)), m["current_version"], m["custom_metadata"])
				}
			},
		})
	})
}

// Keys of others in the same entry stay as they are, through all that is done to ours.
func TestBesideOthers(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		l := newLab(t, s, s.URL, time.Hour)
		one := l.fresh()
		s.Put(path(one), map[string]any{"THEIRS": "x", "NUMBER": float64(7)})
		two := l.of(string(one.Ref.Service), "DATABASE_URL")
		two = l.with(two, resource.SecretSpec{Key: "DATABASE_URL", From: "url"})
		two.Inputs = []resource.Input{{Secrets: map[string]pave.Secret{"url": pave.NewSecret(canary + "-url")}}}
		l.apply(one)
		l.apply(two)
		l.holds(one, map[string]any{"THEIRS": "x", "NUMBER": float64(7), "API_KEY": canary + "-one", "DATABASE_URL": canary + "-url"})
		if err := l.SetAside(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		l.holds(one, map[string]any{"THEIRS": "x", "NUMBER": float64(7), "DATABASE_URL": canary + "-url"})
		if err := l.Delete(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		if err := l.Delete(t.Context(), two); err != nil {
			t.Fatal(err)
		}
		l.holds(one, map[string]any{"THEIRS": "x", "NUMBER": float64(7)})
		if m := s.Metadata(path(one)); m["custom_metadata"] != nil && len(m["custom_metadata"].(map[string]any)) > 0 {
			t.Errorf("marks are left: %v", m["custom_metadata"])
		}
	})
}

// A key that is there is taken over where it has the value that is wanted, and refused
// where it has not.
func TestTakesOver(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		l := newLab(t, s, s.URL, time.Hour)
		r := l.fresh()
		s.Put(path(r), map[string]any{"API_KEY": canary + "-one", "THEIRS": "x"})
		other := l.with(r, resource.SecretSpec{Key: "API_KEY", Value: "sec_2"})
		if _, err := l.Apply(t.Context(), other); pave.CodeOf(err) != pave.Conflict || !strings.Contains(err.Error(), "takes over what has the same value") {
			t.Errorf("another value: %v", err)
		}
		unborn := r
		unborn.ID = ""
		if _, err := l.Observe(t.Context(), unborn); pave.CodeOf(err) != pave.NotFound {
			t.Errorf("before it is taken over: %v", err)
		}
		l.apply(r)
		if v := s.Metadata(path(r))["current_version"]; v != float64(1) {
			t.Errorf("version %v: it was written anew", v)
		}
		l.apply(other)
		l.holds(r, map[string]any{"API_KEY": canary + "-two", "THEIRS": "x"})
	})
}

// What was pave's alone is gone with all its versions; what others have no part in is
// destroyed.
func TestNothingIsLeft(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		l := newLab(t, s, s.URL, time.Hour)
		one := l.fresh()
		two := l.of(string(one.Ref.Service), "OTHER_KEY")
		l.apply(one)
		l.apply(two)
		if err := l.SetAside(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		if err := l.Delete(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		destroyed := 0
		versions, _ := s.Metadata(path(one))["versions"].(map[string]any)
		for _, v := range versions {
			if v.(map[string]any)["destroyed"] == true {
				destroyed++
			}
		}
		if destroyed != 2 { // the one with the first value, and that with both
			t.Errorf("%d versions are destroyed, want 2: %v", destroyed, versions)
		}
		l.holds(two, map[string]any{"OTHER_KEY": canary + "-one"})
		if err := l.Delete(t.Context(), two); err != nil {
			t.Fatal(err)
		}
		if m := s.Metadata(path(one)); m != nil {
			t.Errorf("the entry is left: %v", m)
		}
	})
}

// Two servers that write the keys of one entry at once, and somebody else, lose nothing.
func TestManyWriters(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		a := newLab(t, s, s.URL, time.Hour)
		b := &lab{Driver: &Driver{Values: a.values, Derive: a.Derive}, t: t, server: s, values: a.values, bound: a.bound}
		first := a.fresh()
		want := map[string]any{"BY_HAND": "x"}
		var rs []resource.Resource
		for i := range 6 {
			key := fmt.Sprintf("KEY_%d", i)
			rs, want[key] = append(rs, a.of(string(first.Ref.Service), key)), canary+"-one"
		}
		var all sync.WaitGroup
		for i, r := range rs {
			all.Go(func() {
				d := []*lab{a, b}[i%2]
				for range 20 { // as the engine does
					if _, err := d.Apply(t.Context(), r); pave.CodeOf(err) != pave.Unavailable {
						if err != nil {
							t.Error(err)
						}
						return
					}
				}
				t.Errorf("%s was never written", r.Ref)
			})
		}
		all.Go(func() {
			for range 200 {
				if status, _ := s.Call("PATCH", "secret/data/"+path(first), map[string]any{"data": map[string]any{"BY_HAND": "x"}}); status < 300 {
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
			t.Error("nothing was there to be patched")
		})
		all.Wait()
		a.holds(first, want)
	})
}

func TestDrift(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		l := newLab(t, s, s.URL, time.Hour)
		r := l.fresh()
		r.Outputs = l.apply(r).Outputs
		drift := func(want string) {
			t.Helper()
			got, err := l.Drift(t.Context(), r)
			if text := strings.Join(got, "; "); err != nil || !strings.Contains(text, want) || want == "" && text != "" || strings.Contains(text, canary) {
				t.Errorf("drift %q, %v; want %q", text, err, want)
			}
		}
		drift("")
		s.Patch(path(r), map[string]any{"OTHERS": "x"})
		drift("")
		s.Patch(path(r), map[string]any{"API_KEY": canary + "-by-hand"})
		drift("API_KEY holds another value than the one that pave wrote")
		if got, err := l.Secrets(t.Context(), r); err != nil || got["value"].Reveal() != canary+"-by-hand" {
			t.Errorf("a rollout gets %q, %v; want what is there", got["value"].Reveal(), err)
		}
		l.apply(r)
		drift("")
		s.Patch(path(r), map[string]any{"API_KEY": nil})
		if _, err := l.Observe(t.Context(), r); pave.CodeOf(err) != pave.NotFound {
			t.Errorf("a key that was taken away: %v", err)
		}
		if _, err := l.Secrets(t.Context(), r); pave.CodeOf(err) != pave.Conflict || pave.HintOf(err) == "" {
			t.Errorf("a rollout without the value: %v", err)
		}
		l.apply(r)
		s.Call("DELETE", "secret/data/"+path(r), nil)
		if _, err := l.Observe(t.Context(), r); pave.CodeOf(err) != pave.NotFound {
			t.Errorf("an entry that was deleted: %v", err)
		}
		l.apply(r)
		l.holds(r, map[string]any{"API_KEY": canary + "-one"})
	})
}

// The place is frozen when the value is made: neither another team nor another name of
// the service moves it.
func TestPlaceIsFrozen(t *testing.T) {
	t.Parallel()
	s := vaulttest.New(t)
	l := newLab(t, s, s.URL, time.Hour)
	r := l.fresh()
	before := path(r)
	st := l.apply(r)
	if want := "secret:" + before + "#API_KEY"; st.ExternalID != want {
		t.Errorf("it is called %q, want %q", st.ExternalID, want)
	}
	r.ExternalID, r.Ref.Service = st.ExternalID, "renamed"
	r.Spec = json.RawMessage(strings.Replace(string(r.Spec), `"web"`, `"other"`, 1))
	if got, err := l.Observe(t.Context(), r); err != nil || !got.Ready || got.ExternalID != st.ExternalID {
		t.Errorf("after a change of name and team: %+v, %v", got, err)
	}
	if _, err := l.Observe(t.Context(), l.with(r, resource.SecretSpec{Key: "ANOTHER", Value: "sec_1"})); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("another variable: %v", err)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	s := vaulttest.New(t)
	l := newLab(t, s, s.URL, time.Hour)
	s.Put("teams/web/loose", map[string]any{"X": "y"})
	s.Put("teams/web/a/b/deep", map[string]any{"X": "y"})
	s.Put("elsewhere/x", map[string]any{"X": "y"})
	one, two := l.fresh(), l.fresh()
	l.apply(one)
	l.apply(two)
	if err := l.SetAside(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	l.Bounds = func(context.Context) ([]resource.Bound, error) { // the same store twice is looked at once
		other := l.bound
		other.Settings = maps.Clone(other.Settings)
		other.Settings["drift"] = "heal"
		return []resource.Bound{l.bound, other}, nil
	}
	found, err := l.List(t.Context())
	var ids []string
	for _, f := range found {
		ids = append(ids, f.ID)
	}
	if want := []string{one.ID, two.ID}; err != nil || !slices.Equal(slices.Sorted(slices.Values(ids)), slices.Sorted(slices.Values(want))) {
		t.Errorf("%v, %v; want %v", found, err, want)
	}
}

// An entry has room for more marks than may be written at once.
func TestManyKeys(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		l := newLab(t, s, s.URL, time.Hour)
		service := string(l.fresh().Ref.Service)
		for i := range 70 {
			l.apply(l.of(service, fmt.Sprintf("KEY_%d", i)))
		}
		if n := len(s.Get("teams/web/" + service + "/production")); n != 70 {
			t.Errorf("the entry holds %d keys", n)
		}
		if found, err := l.List(t.Context()); err != nil || len(found) != 70 {
			t.Errorf("%d are listed, %v", len(found), err)
		}
	})
}
