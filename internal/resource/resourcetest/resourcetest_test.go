package resourcetest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// suite is the suite for a driver over the world of s.
func suite(s *Slow, d resource.Driver) Config {
	var n atomic.Int64
	return Config{
		New: func(*testing.T) (resource.Driver, func() resource.Resource) {
			return d, func() resource.Resource {
				name := fmt.Sprintf("shop%d", n.Add(1))
				return resource.Resource{ID: pave.NewID("res"), ExternalID: name, Spec: json.RawMessage(`{"size":1}`),
					Ref: pave.Ref{Kind: pave.KindDatabase, Env: "production", Service: pave.Name(name), Name: name}}
			}
		},
		Change: func(r resource.Resource) resource.Resource {
			r.Spec = json.RawMessage(`{"size":2}`)
			return r
		},
		Foreign: func(_ *testing.T, r resource.Resource) func() string {
			s.Put(Thing{Name: r.ExternalID, Spec: "theirs"})
			return func() string { return fmt.Sprint(thing(s, r.ExternalID)) }
		},
		Fill: func(_ *testing.T, r resource.Resource, _ resource.State) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, t := range s.things {
				if t.ID == r.ID {
					t.Holds = "3 rows"
				}
			}
		},
		Seen: func(_ *testing.T, r resource.Resource, st resource.State) string {
			return text(st) + "\nholds " + thing(s, r.ExternalID).Holds
		},
	}
}

func thing(s *Slow, name string) Thing {
	for _, t := range s.Things() {
		if t.Name == name {
			return t
		}
	}
	return Thing{}
}

func TestSlow(t *testing.T) {
	t.Parallel()
	s := &Slow{Looks: 3}
	Run(t, suite(s, s))
}

func TestLossy(t *testing.T) {
	t.Parallel()
	r := resource.Resource{ID: "res_1", ExternalID: "shop", Spec: json.RawMessage(`{}`)}
	world := &Slow{}
	d := NewLossy(world, 7, 0.5)
	failures := 0
	for range 100 {
		if _, err := d.Apply(t.Context(), r); pave.CodeOf(err) == pave.Unavailable {
			failures++
		}
	}
	if failures < 30 || failures > 70 || d.Lost() != failures || world.Effects() != "make 1" {
		t.Errorf("%d of 100 failed, %d lost, effects %q", failures, d.Lost(), world.Effects())
	}
	if _, ok := resource.As[resource.Keeper](d); !ok {
		t.Error("the Keeper is not found through the wrapper")
	}
}

// bugs are drivers that break the contract in one way each.
func bugs(s *Slow) map[string]resource.Driver {
	return map[string]resource.Driver{
		"marker check off":        bug{Slow: s, takesForeign: true},
		"doubles":                 bug{Slow: s, doubles: true},
		"absence is an error":     bug{Slow: s, strictDelete: true},
		"contents lost":           bug{Slow: s, losesContents: true},
		"context not looked at":   bug{Slow: s, deaf: true},
		"change not seen":         bug{Slow: s, stubborn: true},
		"nothing is no error":     bug{Slow: s, alwaysThere: true},
		"set aside is a deletion": bug{Slow: s, asideDeletes: true},
	}
}

type bug struct {
	*Slow
	takesForeign, doubles, strictDelete, losesContents, deaf, stubborn, alwaysThere, asideDeletes bool
}

func (b bug) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	st, err := b.Slow.Observe(ctx, r)
	if b.alwaysThere && pave.CodeOf(err) == pave.NotFound {
		return st, nil
	}
	return st, err
}

func (b bug) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	if b.takesForeign {
		b.mu.Lock()
		for _, t := range b.things {
			if t.Name == r.ExternalID {
				t.ID = r.ID
			}
		}
		b.mu.Unlock()
	}
	if b.doubles {
		b.Put(Thing{ID: r.ID, Name: r.ExternalID + "-copy"})
	}
	if b.losesContents {
		b.mu.Lock()
		for _, t := range b.things {
			if t.ID == r.ID {
				t.Holds = ""
			}
		}
		b.mu.Unlock()
	}
	if b.deaf {
		ctx = context.WithoutCancel(ctx)
	}
	if b.stubborn {
		r.Spec = json.RawMessage(`{"size":1}`)
	}
	return b.Slow.Apply(ctx, r)
}

func (b bug) Delete(ctx context.Context, r resource.Resource) error {
	if b.strictDelete && thing(b.Slow, r.ExternalID).ID != r.ID {
		return pave.Errorf(pave.NotFound, "no thing %s", r.ExternalID)
	}
	return b.Slow.Delete(ctx, r)
}

func (b bug) SetAside(ctx context.Context, r resource.Resource) error {
	if b.asideDeletes {
		return b.Delete(ctx, r)
	}
	return b.Slow.SetAside(ctx, r)
}

const plantedBug = "RESOURCETEST_PLANTED_BUG"

// The suite must turn red for every driver that breaks the contract: it runs for
// each of them in a process of its own.
func TestBugsAreFound(t *testing.T) {
	t.Parallel()
	if name := os.Getenv(plantedBug); name != "" {
		s := &Slow{Looks: 1}
		Run(t, suite(s, bugs(s)[name]))
		return
	}
	for name := range bugs(nil) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBugsAreFound$", "-test.timeout=30s")
			cmd.Env = append(os.Environ(), plantedBug+"="+name)
			if out, err := cmd.CombinedOutput(); err == nil {
				t.Errorf("the suite is green:\n%s", out)
			}
		})
	}
}
