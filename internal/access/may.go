package access

import (
	"context"
	"fmt"
	"strings"

	"github.com/cedar-policy/cedar-go"
	pave "github.com/pave-platform/pave"
)

// A Permission is what a route or a verb asks for.
type Permission string

// The permissions. Each route declares one.
const (
	Public  Permission = "public"  // anyone, unknown callers too
	Own     Permission = "own"     // anyone who is signed in, about themselves
	Read    Permission = "read"    // see services, runs, logs
	Write   Permission = "write"   // change what a team owns, push to its repositories
	Bring   Permission = "bring"   // bring in what no team owns: asks for write in any team
	Lead    Permission = "lead"    // decide for a team
	Approve Permission = "approve" // let a rollout go on that waits for it
	Admin   Permission = "admin"   // the platform itself
	Verb    Permission = "verb"    // git: read to fetch, write to push
	Signed  Permission = "signed"  // a signature over the body, which its receiver checks
	Hook    Permission = "hook"    // the token of the server's own git hook
)

// An Object is what somebody wants to do something with.
type Object struct {
	Team      pave.Name // that owns it, "" for the platform's own
	Service   string    // id
	Name      pave.Name // of the service
	Verb      string    // such as "deploy"; "" is the permission itself
	Env       pave.Name // that it is about
	Requester string    // id of the user whose request is to be approved
}

// Platform is what no team owns.
var Platform = Object{}

// Team is a team as an object.
func Team(name pave.Name) Object { return Object{Team: name} }

// Service is a service as an object.
func Service(s pave.Service) Object { return Object{Team: s.Team, Service: s.ID, Name: s.Name} }

// For is the object for one verb, in one environment.
func (o Object) For(verb string, env pave.Name) Object {
	o.Verb, o.Env = verb, env
	return o
}

func (o Object) uid() cedar.EntityUID {
	switch {
	case o.Service != "":
		return cedar.NewEntityUID("Service", cedar.String(o.Service))
	case o.Team != "":
		return cedar.NewEntityUID("Team", cedar.String(o.Team))
	}
	return cedar.NewEntityUID("Platform", "pave")
}

func (o Object) String() string {
	switch {
	case o.Service != "":
		return fmt.Sprintf("service %q", o.Name)
	case o.Team != "":
		return fmt.Sprintf("team %q", o.Team)
	}
	return "the platform"
}

// May says whether the caller of ctx may do something with an object: it is the
// one place. A context without a principal is the platform itself, at work; every
// door puts one in. Denied names what is lacking and who could give it.
func (a *Access) May(ctx context.Context, perm Permission, o Object) error {
	p, ok := pave.PrincipalFrom(ctx)
	if !ok || perm == Public {
		return nil
	}
	if p.Anonymous() {
		return pave.Errorf(pave.Denied, "not signed in")
	}
	if perm == Own {
		return nil
	}
	if !inScope(p, perm, o) {
		return pave.Errorf(pave.Denied, "this token's scope is %q: it may not %s", p.Scope, deed(perm, o)).
			WithHint("pave create token --scope write makes another one")
	}
	if perm == Bring {
		return a.mayAnywhere(ctx, p)
	}
	allowed, why, err := a.decide(ctx, p, perm, o)
	if err != nil || allowed {
		return err
	}
	e := pave.Errorf(pave.Denied, "%s may not %s", p.User.Name, deed(perm, o)).WithHint("%s", who(o))
	if len(why) > 0 {
		e = pave.Errorf(pave.Denied, "%s may not %s: policy %s forbids it", p.User.Name, deed(perm, o), why[0]).WithHint("%s", who(o))
	}
	return e
}

func who(o Object) string {
	if o.Team != "" {
		return fmt.Sprintf("ask a lead of %s: pave add member USER --team %s --role ROLE", o.Team, o.Team)
	}
	return "ask an admin"
}

// deed is what was to be done, as one says it.
func deed(perm Permission, o Object) string {
	verb := verbOr(perm, o)
	if o.Service != "" {
		verb = strings.TrimSuffix(verb, " service")
	}
	switch {
	case verb == string(Admin):
		return "administer " + o.String()
	case strings.Contains(verb, " "):
		return verb + " for " + o.String()
	}
	return verb + " " + o.String()
}

func verbOr(perm Permission, o Object) string {
	if o.Verb != "" {
		return o.Verb
	}
	return string(perm)
}

// Enter says whether the caller may enter by a route of a permission, before it is
// known what they want to do it with.
func (a *Access) Enter(ctx context.Context, perm Permission) error {
	switch perm {
	case Write, Lead, Approve:
		p, _ := pave.PrincipalFrom(ctx)
		if p.Anonymous() {
			return pave.Errorf(pave.Denied, "not signed in")
		}
		if !inScope(p, perm, Object{Service: p.Service}) {
			return pave.Errorf(pave.Denied, "this token's scope is %q: it may not %s", p.Scope, perm).
				WithHint("pave create token --scope write makes another one")
		}
		return nil
	}
	return a.May(ctx, perm, Platform)
}

// mayAnywhere is nil where the caller may write in at least one team.
func (a *Access) mayAnywhere(ctx context.Context, p pave.Principal) error {
	objects := []Object{Platform}
	for _, m := range p.Teams {
		objects = append(objects, Team(m.Team))
	}
	for _, o := range objects {
		if allowed, _, err := a.decide(ctx, p, Write, o); err != nil || allowed {
			return err
		}
	}
	return pave.Errorf(pave.Denied, "%s may not write in any team", p.User.Name).WithHint("ask a lead: pave add member USER --team TEAM --role developer")
}

// inScope says whether a token's scope leaves room for something. No policy can
// widen it.
func inScope(p pave.Principal, perm Permission, o Object) bool {
	switch {
	case p.Scope == pave.ScopeAll:
		return true
	case perm == Lead, perm == Admin, perm == Approve:
		return false
	case p.Scope == pave.ScopeRead:
		return perm == Read
	case p.Scope == pave.ScopeWrite:
		return true
	case p.Service == "":
		return false
	case o.Service == "" && o.Team == "":
		return perm == Read
	}
	return o.Service == p.Service
}

// Sees reports whether the caller may know of an object at all.
func (a *Access) Sees(ctx context.Context, o Object) (bool, error) {
	err := a.May(ctx, Read, o)
	if pave.CodeOf(err) == pave.Denied {
		return false, nil
	}
	return err == nil, err
}

// SeesAll reports whether the caller sees every object there is, so that lists need
// not ask for each: only by the default policies is that known.
func (a *Access) SeesAll(ctx context.Context) (bool, error) {
	p, ok := pave.PrincipalFrom(ctx)
	if !ok {
		return true, nil
	}
	if p.Anonymous() || !p.User.Admin && !p.User.Viewer || p.Service != "" {
		return false, nil
	}
	_, view, err := a.policy(ctx)
	return view.Text == defaultPolicy, err
}

// Why says whether the caller may do something, and by which policies.
func (a *Access) Why(ctx context.Context, perm Permission, o Object) (pave.Decision, error) {
	d := pave.Decision{Verb: verbOr(perm, o), Object: o.String()}
	err := a.May(ctx, perm, o)
	if err != nil && pave.CodeOf(err) != pave.Denied {
		return d, err
	}
	d.Allowed = err == nil
	p, _ := pave.PrincipalFrom(ctx)
	if !inScope(p, perm, o) {
		d.Why = []string{fmt.Sprintf("the token's scope is %q", p.Scope)}
		return d, nil
	}
	_, d.Why, err = a.decide(ctx, p, perm, o)
	if err == nil && len(d.Why) == 0 {
		d.Why = []string{"no policy permits it"}
	}
	return d, err
}
