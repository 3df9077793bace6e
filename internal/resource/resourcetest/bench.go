package resourcetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// ready applies and observes, as the controller does, until the thing is ready.
func (b *bench) ready(r resource.Resource) resource.State {
	b.Helper()
	st := b.apply(r)
	for end := time.Now().Add(b.Within); !st.Ready; {
		if st.Failed || time.Now().After(end) {
			b.Fatalf("%s does not become ready: %+v", r.ExternalID, st)
		}
		time.Sleep(5 * time.Millisecond)
		next, err := retry(b, func() (resource.State, error) { return b.d.Observe(b.Context(), r) })
		switch {
		case pave.CodeOf(err) == pave.NotFound:
			next = b.apply(r)
		case err != nil:
			b.Fatalf("Observe: %v", err)
		}
		st = next
	}
	return st
}

func (b *bench) apply(r resource.Resource) resource.State {
	b.Helper()
	st, err := retry(b, func() (resource.State, error) { return b.d.Apply(b.Context(), r) })
	if err != nil {
		b.Fatalf("Apply: %v", err)
	}
	return st
}

func (b *bench) observe(r resource.Resource) resource.State {
	b.Helper()
	st, err := retry(b, func() (resource.State, error) { return b.d.Observe(b.Context(), r) })
	if err != nil {
		b.Fatalf("Observe: %v", err)
	}
	return st
}

func (b *bench) delete(what string, r resource.Resource) {
	b.Helper()
	_, err := retry(b, func() (any, error) { return nil, b.d.Delete(b.Context(), r) })
	if err != nil {
		b.Fatalf("Delete %s: %v", what, err)
	}
}

// patient is how long a call is tried again; the engine goes on for about two minutes. A
// git that was killed leaves a lock that counts for 15 s.
const patient = 40 * time.Second

// retry calls again while the error is Unavailable, as the engine does.
func retry[T any](b *bench, f func() (T, error)) (out T, err error) {
	end := time.Now().Add(patient)
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		if out, err = f(); pave.CodeOf(err) != pave.Unavailable || time.Now().After(end) {
			return out, err
		}
		time.Sleep(pause)
	}
}

func (b *bench) absent(what string, r resource.Resource) {
	b.Helper()
	st, err := b.d.Observe(b.Context(), r)
	if pave.CodeOf(err) != pave.NotFound {
		b.Fatalf("Observe %s: %+v, %v; want %s", what, st, err, pave.NotFound)
	}
}

// listed checks how many things in the world carry the resource's marker.
func (b *bench) listed(r resource.Resource, want int) {
	b.Helper()
	l, ok := resource.As[resource.Lister](b.d)
	if !ok {
		return
	}
	all, err := l.List(b.Context())
	if err != nil {
		b.Fatalf("List: %v", err)
	}
	n := 0
	for _, f := range all {
		if f.ID == r.ID {
			n++
		}
	}
	if n != want {
		b.Fatalf("%d things carry the marker %s, want %d: %v", n, r.ID, want, all)
	}
}

func (b *bench) seen(r resource.Resource, st resource.State) string {
	b.Helper()
	if b.Seen == nil {
		return text(st)
	}
	return b.Seen(b.T, r, st)
}

// wantCode checks that the error is pave's, or that of an ended context.
func (b *bench) wantCode(what string, err error, want ...pave.Code) {
	b.Helper()
	if !slices.Contains(want, pave.CodeOf(err)) {
		b.Errorf("%s: %v (%s), want %v", what, err, pave.CodeOf(err), want)
	}
	var e *pave.Error
	if err != nil && !errors.As(err, &e) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		b.Errorf("%s: the error is a %T, no *pave.Error", what, err)
	}
}

// text is a state with its secrets in the clear, to be compared. The reason of
// what is ready is of no matter.
func text(s resource.State) string {
	out := fmt.Sprintf("%q version %q ready %v failed %v", s.ExternalID, s.Version, s.Ready, s.Failed)
	for _, k := range slices.Sorted(maps.Keys(s.Outputs)) {
		out += fmt.Sprintf("\n%s = %q", k, s.Outputs[k])
	}
	for _, k := range slices.Sorted(maps.Keys(s.Secrets)) {
		out += fmt.Sprintf("\nsecret %s = %q", k, s.Secrets[k].Reveal())
	}
	return out
}
