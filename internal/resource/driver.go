package resource

import (
	"context"
	"encoding/json"
	"time"

	pave "github.com/pave-platform/pave"
)

// A Driver makes one kind of resource real in one technology. It keeps no state.
// Every method may be called again, after a crash too.
//
// Errors are *pave.Error: NotFound where Observe finds nothing, Conflict where
// something of that name is not ours (it stays untouched), Unavailable where a
// retry is worth it; every other code ends the step.
type Driver interface {
	// Observe says what is there, found by the resource's id.
	Observe(ctx context.Context, r Resource) (State, error)
	// Apply starts or continues making it so. Ready is false while it takes time:
	// the engine observes again. A resource that was set aside is brought back.
	Apply(ctx context.Context, r Resource) (State, error)
	// Delete removes it for good, also where it was set aside. Absence is success.
	Delete(ctx context.Context, r Resource) error
}

// Resource is what a driver gets to know of a resource.
type Resource struct {
	ID         string            // immutable; the marker and the idempotency key
	Ref        pave.Ref          //
	ExternalID string            // its name outside, frozen at creation
	Service    string            // id; for Apply alone
	Spec       json.RawMessage   // the spec of its kind (see kind.go)
	Outputs    map[string]string // as recorded; for Drift alone
	Fresh      bool              // for Drift alone: what was seen some time ago will not do
	Inputs     []Input           // what the resources it needs gave out
	// Shown is what the plan said that is being carried out, and Job what the names of
	// jobs begin with whose output its run shows; both for Apply and Delete alone.
	Shown []string
	Job   string
}

// Input is what one needed resource gave out.
type Input struct {
	Ref        pave.Ref
	ID         string
	ExternalID string
	Outputs    map[string]string
	Secrets    map[string]pave.Secret
}

// Input returns the first input of a kind.
func (r Resource) Input(kind string) (Input, bool) {
	for _, in := range r.Inputs {
		if in.Ref.Kind == kind {
			return in, true
		}
	}
	return Input{}, false
}

// State is what a driver observed.
type State struct {
	ExternalID string                 // its name outside; "" leaves it as it is
	Version    string                 // of the technology, such as "postgresql 15"
	Ready      bool                   // it serves as wanted
	Reason     string                 // why it is not ready
	Summary    string                 // one line for people; "" is the resource's name
	Outputs    map[string]string      // what others may need to know
	Secrets    map[string]pave.Secret // sealed before they are stored
	Failed     bool                   // it will not become ready by itself; Reason says why
	Notes      []string               // last lines of a program that failed, for people
	// Waiting says that nothing was done or seen yet: what the driver needs is on
	// its way. Such a state is not recorded.
	Waiting bool
}

// The optional interfaces of a driver; find them with As.
type (
	// A Lister lists everything in the world that carries a marker of ours: the
	// sweep compares it with the journal.
	Lister interface {
		List(ctx context.Context) ([]Found, error)
	}
	// A Sparing Lister asks for so much that others would miss it: the sweep asks it no
	// more often than that.
	Sparing interface {
		ListEvery() time.Duration
	}
	// A Differ says how the world differs from r.Spec beyond what the journal
	// knows, and what deleting it would lose.
	Differ interface {
		Diff(ctx context.Context, r Resource) (Difference, error)
	}
	// A Planner says what Apply would do, one line for each thing, where that is more
	// than one thing. It changes nothing. Apply gets the lines as Shown, and refuses
	// with Conflict to take away what none of them names.
	Planner interface {
		Plan(ctx context.Context, r Resource) ([]string, error)
	}
	// A Drifter says how what is there differs from what was applied, in words. That
	// nothing is there Observe says. What it finds Apply makes good.
	Drifter interface {
		Drift(ctx context.Context, r Resource) ([]string, error)
	}
	// A Keeper can set a resource aside, renamed and out of use, instead of
	// deleting it. It may be called again.
	Keeper interface {
		SetAside(ctx context.Context, r Resource) error
	}
	// A Rotator makes further credentials by Apply, where the number in the spec is
	// higher, that are good beside the older ones until those are revoked.
	Rotator interface {
		// Stale reports whether older credentials are good.
		Stale(ctx context.Context, r Resource) (bool, error)
		// Revoke leaves those of the spec alone. It may be called again.
		Revoke(ctx context.Context, r Resource) error
	}
	// A Source keeps the secret outputs of its resources itself. The journal has none of
	// them: they are read there when what needs them is applied.
	Source interface {
		Secrets(ctx context.Context, r Resource) (map[string]pave.Secret, error)
	}
	// A Checker says whether the provider could work at all (preflight, doctor).
	Checker interface {
		Check(ctx context.Context) []pave.Check
	}
	// A Pricer knows what a resource costs, in words.
	Pricer interface {
		Price(ctx context.Context, r Resource) (string, error)
	}
	// A Looker names commands that show more of a resource.
	Looker interface {
		Look(r Resource) []string
	}
)

// Found is one thing in the world that carries a marker of ours.
type Found struct {
	ID         string // resource id on the marker
	ExternalID string
}

// Difference is what a Differ found.
type Difference struct {
	Replace bool     // cannot be changed in place
	Detail  []string // what differs
	Lost    string   // what it holds, in words; "" for nothing
	Stays   string   // why taking it away leaves it where it is, in words
}

// unwrapper is implemented by wrappers around drivers (retry, limit, trace).
type unwrapper interface{ Unwrap() Driver }

// As finds an optional interface of a driver, also through wrappers.
func As[T any](d Driver) (T, bool) {
	for d != nil {
		if t, ok := d.(T); ok {
			return t, true
		}
		u, ok := d.(unwrapper)
		if !ok {
			break
		}
		d = u.Unwrap()
	}
	var zero T
	return zero, false
}

// Drivers are the registered drivers by kind and provider.
type Drivers map[string]map[string]Driver

// Add registers a driver. It panics on a double registration: that is a defect
// of the wiring.
func (ds Drivers) Add(kind, provider string, d Driver) {
	if ds[kind] == nil {
		ds[kind] = map[string]Driver{}
	}
	if ds[kind][provider] != nil {
		panic("resource: two drivers for " + kind + " by " + provider)
	}
	ds[kind][provider] = d
}

// Get returns the driver, or Invalid with the providers there are.
func (ds Drivers) Get(kind, provider string) (Driver, error) {
	if d := ds[kind][provider]; d != nil {
		return d, nil
	}
	names := []string{}
	for p := range ds[kind] {
		names = append(names, p)
	}
	return nil, pave.Errorf(pave.Invalid, "no provider %q for kind %q (there are %v)", provider, kind, names).
		WithHint("pave get environments shows the bindings")
}
