package platform

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// thisMachine is the system of what is made here.
const thisMachine = "this machine"

const (
	silentCalls = 3 // without an answer, one after the other: the system is left alone for a while
	firstPause  = 30 * time.Second
	longestWait = 5 * time.Minute
)

// A system is something that resources are in: a git host, a Vault, what a binding's module
// makes things in, this machine. Each is looked at beside the others, and one that does not
// answer is asked less and less often.
type system struct {
	name string

	// Of the look that goes on: there is one at a time.
	drifted time.Time // when it began to look for drift last
	after   pave.Name // service that was looked at last for that
	head    pave.Name // and for what was pushed
	told    pave.Name // and to tell the host of commits

	mu         sync.Mutex
	unanswered int // calls, one after the other
	since      time.Time
	until      time.Time // it is left alone
	reason     string
}

// systemOf is the name of the system that a resource is in.
func systemOf(rec resource.Record) string {
	at := resource.BindingOf(rec.Spec).Settings
	switch {
	case at["url"] != "":
		return rec.Provider + " " + strings.TrimRight(at["url"], "/")
	case slices.Contains(byModule, rec.Provider): // nobody knows what a module calls
		return strings.TrimSpace(fmt.Sprintf("%s of %s %s", rec.Provider, rec.Ref.Kind, rec.Ref.Env))
	case at["address"] != "":
		return rec.Provider + " " + strings.TrimRight(at["address"], "/")
	case len(at) > 0: // a service of the internet, whose address everybody knows
		return rec.Provider
	}
	return thisMachine
}

// silent reports whether a system is left alone, since it did not answer.
func (s *system) silent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.until)
}

// saw notes what became of a call. After some without an answer there is a pause, which
// doubles with each further one; an answer, whatever it says, ends that. One that says when to
// come again is heeded.
func (s *system) saw(err error) {
	if s.name == thisMachine {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if pave.CodeOf(err) != pave.Unavailable {
		s.unanswered, s.until = 0, time.Time{}
		return
	}
	now := time.Now()
	if later := (pave.Later{}); errors.As(err, &later) {
		s.unanswered, s.until = 0, now.Add(min(later.At.Sub(now), longestWait))
		return
	}
	if s.unanswered == 0 {
		s.since = now
	}
	s.unanswered++
	s.reason = err.Error()
	if more := s.unanswered - silentCalls; more >= 0 {
		s.until = now.Add(min(firstPause<<min(more, 8), longestWait))
	}
}

// check is what the doctor says of a system; ok is false where there is nothing to say.
func (s *system) check() (c pave.Check, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unanswered < silentCalls {
		return c, false
	}
	return pave.Check{Name: "upkeep of " + s.name, Detail: fmt.Sprintf("it has not answered %d looks since %s, and is looked at again at %s: %s",
		s.unanswered, s.since.UTC().Format(time.RFC3339), s.until.UTC().Format(time.RFC3339), s.reason),
		Fix: "see to it that it answers: pave goes on by itself, and others do not wait for it"}, true
}

// systems are those that upkeep has looked at. The zero value is ready.
type systems struct {
	mu    sync.Mutex
	known map[string]*system
}

func (s *systems) named(name string) *system {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.known[name]
	if one == nil {
		if s.known == nil {
			s.known = map[string]*system{}
		}
		one = &system{name: name}
		s.known[name] = one
	}
	return one
}

// checks are those of systems that do not answer.
func (s *systems) checks() (out []pave.Check) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.known)) {
		if c, ok := s.known[name].check(); ok {
			out = append(out, c)
		}
	}
	return out
}

// lookAround begins a look at each system. Where one goes on still, that is enough.
func (p *Platform) lookAround(ctx context.Context) error {
	in, err := p.servicesBySystem(ctx)
	if err != nil {
		return err
	}
	for name, services := range in {
		s := p.systems.named(name)
		p.lanes.begin(name, func() { p.lookAt(ctx, s, services) })
	}
	return nil
}

// servicesBySystem are the services that have something in each system, by name.
func (p *Platform) servicesBySystem(ctx context.Context) (map[string][]pave.Service, error) {
	all, err := p.Services(ctx, false)
	if err != nil {
		return nil, err
	}
	records, err := p.Resources.List(ctx, p.DB, "")
	if err != nil {
		return nil, err
	}
	has := map[string]map[string]bool{} // systems by the id of a service
	for _, rec := range records {
		if !rec.Live() {
			continue
		}
		if has[rec.Service] == nil {
			has[rec.Service] = map[string]bool{}
		}
		has[rec.Service][systemOf(rec)] = true
	}
	out := map[string][]pave.Service{}
	for _, svc := range all {
		for name := range has[svc.ID] {
			out[name] = append(out[name], svc)
		}
	}
	return out, nil
}

// lookAt looks at one system: what was pushed is built, now and then drift is looked for, and
// a git host is told of commits. Where the system does not answer each ends, and goes on from
// there the next time.
func (p *Platform) lookAt(ctx context.Context, s *system, services []pave.Service) {
	p.lookAtEach(ctx, s, services, "look at head", &s.head, p.lookAtHead)
	if time.Since(s.drifted) >= everyDeep && !s.silent() {
		p.lookForDrift(ctx, s, services)
	}
	p.lookAtEach(ctx, s, services, "tell the host of commits", &s.told, p.tell)
}

// lookAtEach looks at each service, beginning after the one that was looked at last.
func (p *Platform) lookAtEach(ctx context.Context, s *system, services []pave.Service, what string, last *pave.Name,
	look func(context.Context, *system, pave.Service) error) {
	begin, found := slices.BinarySearchFunc(services, *last, func(svc pave.Service, name pave.Name) int { return strings.Compare(string(svc.Name), string(name)) })
	if found {
		begin++
	}
	for _, svc := range slices.Concat(services[begin:], services[:begin]) {
		if s.silent() || ctx.Err() != nil {
			return
		}
		*last = svc.Name
		if err := look(ctx, s, svc); err != nil && ctx.Err() == nil {
			p.Log.Warn(what, "service", svc.Name, "err", err)
		}
	}
}
