// Package resourcetest holds every driver to the contract of resource.Driver, and
// has a slow, forgetful driver for tests of those who use drivers.
//
// It knows no technology: what a thing holds and how a foreign one is made are
// functions of the driver's own test.
package resourcetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// Config describes a driver under test. Only New is required.
type Config struct {
	// New returns the driver and a function that gives a further resource, with an
	// id and a name of its own and the inputs it needs, each time. It is called
	// once per part of the suite; parts run in parallel and may share one world.
	New func(t *testing.T) (d resource.Driver, fresh func() resource.Resource)
	// Change returns the resource with another spec that changes what Seen tells.
	Change func(resource.Resource) resource.Resource
	// Foreign makes a thing of the resource's name that is not ours and returns
	// what tells its whole content.
	Foreign func(t *testing.T, r resource.Resource) (content func() string)
	// Fill puts contents into the thing, as its users would.
	Fill func(t *testing.T, r resource.Resource, s resource.State)
	// Seen tells what the world shows of the thing, contents included; nil: its
	// state.
	Seen func(t *testing.T, r resource.Resource, s resource.State) string
	// Within is how long the thing may take to be ready; 0: 20 s.
	Within time.Duration
}

// Run runs the suite.
func Run(t *testing.T, c Config) {
	t.Helper()
	if c.Within == 0 {
		c.Within = 20 * time.Second
	}
	parts := []struct {
		name string
		skip bool
		test func(*bench)
	}{
		{"nothing", false, nothing},
		{"apply again is equal", false, again},
		{"change is seen", c.Change == nil, change},
		{"foreign is refused", c.Foreign == nil, foreign},
		{"delete", false, remove},
		{"cancelled", false, cancelled},
		{"answer lost", false, lost},
		{"two at once", false, atOnce},
		{"two resources", false, apart},
		{"set aside", false, setAside},
	}
	for _, p := range parts {
		if p.skip {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			d, fresh := c.New(t)
			p.test(&bench{T: t, Config: c, d: d, fresh: fresh})
		})
	}
}

// bench is one part of the suite at work.
type bench struct {
	*testing.T
	Config
	d     resource.Driver
	fresh func() resource.Resource
}

func nothing(b *bench) {
	r := b.fresh()
	b.absent("before anything was made", r)
	unborn := r
	unborn.ID = ""
	b.absent("a resource without an id yet", unborn)
	b.delete("of nothing", r)
	if k, ok := resource.As[resource.Keeper](b.d); ok {
		if err := k.SetAside(b.Context(), r); err != nil {
			b.Fatalf("SetAside of nothing: %v", err)
		}
	}
	b.listed(r, 0)
}

func again(b *bench) {
	r := b.fresh()
	first := b.ready(r)
	b.listed(r, 1)
	if got := b.apply(r); text(got) != text(first) {
		b.Errorf("applied again it is\n%s\nnot\n%s", text(got), text(first))
	}
	if got := b.observe(r); text(got) != text(first) {
		b.Errorf("observed it is\n%s\nnot\n%s", text(got), text(first))
	}
	b.listed(r, 1)
}

func change(b *bench) {
	r := b.fresh()
	before := b.seen(r, b.ready(r))
	r = b.Change(r)
	after := b.seen(r, b.ready(r))
	if after == before {
		b.Errorf("the change is not seen: still\n%s", after)
	}
	b.listed(r, 1)
}

func foreign(b *bench) {
	r := b.fresh()
	content := b.Foreign(b.T, r)
	before := content()
	unborn := r
	unborn.ID = ""
	_, err := b.d.Observe(b.Context(), unborn)
	b.wantCode("Observe of a name that is taken, before there is an id", err, pave.Conflict)
	_, err = b.d.Observe(b.Context(), r)
	b.wantCode("Observe of a name that is taken", err, pave.Conflict, pave.NotFound)
	_, err = b.d.Apply(b.Context(), r)
	b.wantCode("Apply of a name that is taken", err, pave.Conflict)
	if k, ok := resource.As[resource.Keeper](b.d); ok {
		_ = k.SetAside(b.Context(), r) // whether it is an error is up to the driver
	}
	b.delete("where only something foreign is", r)
	if got := content(); got != before {
		b.Errorf("what is foreign was changed to\n%s\nfrom\n%s", got, before)
	}
	b.listed(r, 0)
}

func remove(b *bench) {
	r := b.fresh()
	b.ready(r)
	b.delete("the first time", r)
	b.absent("after Delete", r)
	b.listed(r, 0)
	b.delete("the second time", r)
	b.ready(r)
	b.listed(r, 1)
}

// cancelled ends the context before, and again and again in the midst of, Apply.
func cancelled(b *bench) {
	r := b.fresh()
	ended, end := context.WithCancel(b.Context())
	end()
	if _, err := b.d.Apply(ended, r); err == nil {
		b.Error("Apply with an ended context is no error")
	} else {
		b.wantCode("Apply with an ended context", err, pave.Unavailable)
	}
	for i := range 12 {
		ctx, cancel := context.WithTimeout(b.Context(), time.Duration(i*i)*time.Millisecond/2)
		_, err := b.d.Apply(ctx, r)
		cancel()
		if err != nil {
			b.wantCode(fmt.Sprintf("Apply that was cut off (%d)", i), err, pave.Unavailable)
		}
	}
	b.ready(r)
	b.listed(r, 1)
	ctx, cancel := context.WithTimeout(b.Context(), time.Millisecond)
	if err := b.d.Delete(ctx, r); err != nil {
		b.wantCode("Delete that was cut off", err, pave.Unavailable)
	}
	cancel()
	b.delete("after one that was cut off", r)
	b.absent("after Delete", r)
	b.listed(r, 0)
}

// lost has every second answer thrown away, after the effect or before.
func lost(b *bench) {
	r := b.fresh()
	_, _ = b.d.Apply(b.Context(), r) // nobody hears of it
	want := b.ready(r)
	b.listed(r, 1)
	lossy := NewLossy(b.d, 1, 0.5)
	steady := b.d
	b.d = lossy
	if got := b.ready(r); text(got) != text(want) {
		b.Errorf("with lost answers it is\n%s\nnot\n%s", text(got), text(want))
	}
	b.listed(r, 1)
	b.delete("with lost answers", r)
	b.d = steady
	b.absent("after Delete", r)
}

// atOnce has two callers apply the same resource, as a server that is cut off and
// the one that took over do for a moment.
func atOnce(b *bench) {
	r := b.fresh()
	errs := make(chan error)
	for range 2 {
		go func() {
			_, err := b.d.Apply(b.Context(), r)
			errs <- err
		}()
	}
	for range 2 {
		if err := <-errs; err != nil {
			b.wantCode("Apply beside another", err, pave.Unavailable)
		}
	}
	b.ready(r)
	b.listed(r, 1)
}

func apart(b *bench) {
	one, two := b.fresh(), b.fresh()
	before := b.seen(one, b.ready(one))
	b.ready(two)
	b.listed(one, 1)
	b.listed(two, 1)
	b.delete("of the other", two)
	if got := b.seen(one, b.observe(one)); got != before {
		b.Errorf("another resource came and went, and this is\n%s\nnot\n%s", got, before)
	}
	b.listed(one, 1)
}

func setAside(b *bench) {
	k, ok := resource.As[resource.Keeper](b.d)
	if !ok {
		b.Skip("the driver is no Keeper")
	}
	r := b.fresh()
	st := b.ready(r)
	if b.Fill != nil {
		b.Fill(b.T, r, st)
	}
	before := b.seen(r, st)
	aside := func() {
		b.Helper()
		for range 2 {
			if err := k.SetAside(b.Context(), r); err != nil {
				b.Fatalf("SetAside: %v", err)
			}
		}
		if st := b.observe(r); st.Ready {
			b.Error("what was set aside is ready")
		}
		b.listed(r, 1)
	}
	aside()
	heir := b.fresh()
	heir.Ref, heir.ExternalID, heir.Spec = r.Ref, r.ExternalID, r.Spec
	b.ready(heir) // the name is free
	_, err := b.d.Apply(b.Context(), r)
	b.wantCode("Apply of what was set aside while another has its name", err, pave.Conflict)
	b.delete("of the one that has the name", heir)
	if got := b.seen(r, b.ready(r)); got != before {
		b.Errorf("brought back it is\n%s\nnot\n%s", got, before)
	}
	aside()
	b.delete("of what was set aside", r)
	b.absent("after Delete", r)
	b.listed(r, 0)
}
