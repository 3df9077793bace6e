package resourcetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// Slow is a driver whose things lie in memory and take their time: after Apply
// made or changed one it is not ready for the next Looks observations. Set its
// fields before it is used.
type Slow struct {
	Looks int
	// Before is called before every effect, with the name of the method; its error
	// is the call's, which then has no effect.
	Before func(ctx context.Context, method string, r resource.Resource) error
	// Broken says why a thing will never be ready; "" for one that will.
	Broken func(r resource.Resource) string

	mu      sync.Mutex
	things  []*Thing
	effects map[string]int
}

// Thing is one thing in the world of a Slow driver.
type Thing struct {
	ID    string // marker; "" is foreign
	Name  string
	Spec  string
	Holds string // what people put into it
	Aside bool

	wait int // observations until it is ready
}

var (
	_ resource.Keeper = (*Slow)(nil)
	_ resource.Lister = (*Slow)(nil)
	_ resource.Differ = (*Slow)(nil)
)

// Put puts a thing into the world without the driver, as somebody else would.
func (s *Slow) Put(t Thing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.things = append(s.things, &t)
}

// Remove takes all things of a name out of the world, likewise.
func (s *Slow) Remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.things = slices.DeleteFunc(s.things, func(t *Thing) bool { return t.Name == name })
}

// Things returns the world, in the order in which it was made.
func (s *Slow) Things() []Thing {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Thing
	for _, t := range s.things {
		out = append(out, *t)
	}
	return out
}

// Names returns the names of all things, sorted.
func (s *Slow) Names() string {
	var names []string
	for _, t := range s.Things() {
		names = append(names, t.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// Effects returns how often things were made, changed, deleted or set aside,
// "delete 1, make 2".
func (s *Slow) Effects() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, k := range slices.Sorted(maps.Keys(s.effects)) {
		out = append(out, fmt.Sprintf("%s %d", k, s.effects[k]))
	}
	return strings.Join(out, ", ")
}

// Secret is the secret output "url" of the resource of an id.
func Secret(id string) pave.Secret { return pave.NewSecret("slow://password-of-" + id) }

// find returns the thing of a resource, nil where there is none. Conflict where
// another has its name.
func (s *Slow) find(r resource.Resource) (*Thing, error) {
	var mine *Thing
	for _, t := range s.things {
		if t.ID == r.ID && r.ID != "" {
			mine = t
		}
	}
	for _, t := range s.things {
		if t != mine && t.Name == r.ExternalID {
			return mine, pave.Errorf(pave.Conflict, "a thing %s exists and is not of this service", r.ExternalID)
		}
	}
	return mine, nil
}

// begin calls Before and looks at the context, then takes the world.
func (s *Slow) begin(ctx context.Context, method string, r resource.Resource) (end func(), err error) {
	if s.Before != nil {
		if err := s.Before(ctx, method, r); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, pave.Errorf(pave.Unavailable, "%s %s: %w", method, r.ExternalID, err)
	}
	s.mu.Lock()
	if s.effects == nil {
		s.effects = map[string]int{}
	}
	return s.mu.Unlock, nil
}

// Observe brings a thing nearer to being ready.
func (s *Slow) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	if err := ctx.Err(); err != nil {
		return resource.State{}, pave.Errorf(pave.Unavailable, "observe %s: %w", r.ExternalID, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(r)
	if err != nil {
		return resource.State{}, err
	}
	if t == nil {
		return resource.State{}, pave.Errorf(pave.NotFound, "no thing %s", r.ExternalID)
	}
	if t.wait > 0 {
		t.wait--
	}
	return s.state(t, r), nil
}

func (s *Slow) state(t *Thing, r resource.Resource) resource.State {
	if t.Aside {
		return resource.State{Reason: "set aside"}
	}
	st := resource.State{Version: "slow 1", Ready: t.wait == 0, Outputs: map[string]string{"name": t.Name, "spec": t.Spec},
		Secrets: map[string]pave.Secret{"url": Secret(t.ID)}}
	if !st.Ready {
		st.Reason = fmt.Sprintf("%d looks to go", t.wait)
	}
	if s.Broken != nil {
		if reason := s.Broken(r); reason != "" {
			st.Ready, st.Failed, st.Reason, st.Notes = false, true, reason, []string{"panic: " + reason}
		}
	}
	return st
}

// Apply makes a thing, changes it or brings it back.
func (s *Slow) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	end, err := s.begin(ctx, "Apply", r)
	if err != nil {
		return resource.State{}, err
	}
	defer end()
	t, err := s.find(r)
	if err != nil {
		return resource.State{}, err
	}
	switch {
	case t == nil:
		t = &Thing{ID: r.ID, Name: r.ExternalID, Spec: string(r.Spec), wait: s.Looks}
		s.things = append(s.things, t)
		s.effects["make"]++
	case t.Aside:
		t.Aside, t.Name, t.wait = false, r.ExternalID, s.Looks
		s.effects["bring back"]++
	case t.Spec != string(r.Spec):
		t.Spec, t.wait = string(r.Spec), s.Looks
		s.effects["change"]++
	}
	return s.state(t, r), nil
}

// Delete removes a thing.
func (s *Slow) Delete(ctx context.Context, r resource.Resource) error {
	end, err := s.begin(ctx, "Delete", r)
	if err != nil {
		return err
	}
	defer end()
	before := len(s.things)
	s.things = slices.DeleteFunc(s.things, func(t *Thing) bool { return t.ID == r.ID && r.ID != "" })
	s.effects["delete"] += before - len(s.things)
	return nil
}

// SetAside renames a thing and takes it out of use.
func (s *Slow) SetAside(ctx context.Context, r resource.Resource) error {
	end, err := s.begin(ctx, "SetAside", r)
	if err != nil {
		return err
	}
	defer end()
	t, err := s.find(r)
	if err != nil || t == nil || t.Aside {
		return err
	}
	t.Aside, t.Name = true, resource.AsideName(r.ExternalID, r.ID)
	s.effects["set aside"]++
	return nil
}

// List returns all things with a marker.
func (s *Slow) List(ctx context.Context) ([]resource.Found, error) {
	if s.Before != nil {
		if err := s.Before(ctx, "List", resource.Resource{}); err != nil {
			return nil, err
		}
	}
	var out []resource.Found
	for _, t := range s.Things() {
		if t.ID != "" {
			out = append(out, resource.Found{ID: t.ID, ExternalID: t.Name})
		}
	}
	return out, nil
}

// Diff says what people put into a thing.
func (s *Slow) Diff(_ context.Context, r resource.Resource) (resource.Difference, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(r)
	if err != nil || t == nil {
		return resource.Difference{}, err
	}
	return resource.Difference{Lost: t.Holds}, nil
}
