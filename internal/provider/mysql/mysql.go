// Package mysql makes databases in a MariaDB server that the node runs on this machine.
// Each service and environment gets a database and users of its own.
//
// MariaDB keeps no comments on users or databases, so marks are rows of a database pave
// in the same server: which resource a database belongs to, and which users. A row is
// written before the thing is made and goes after it, so what a crash leaves is found
// again by its id, and what somebody else made is never taken for ours.
//
// A database cannot be renamed, and what it holds beside tables (views, triggers,
// routines, events) cannot be moved. So one that is set aside keeps its name, and nobody
// is let in; the next one of that name is called NAME~2.
package mysql

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strconv"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// Engine is the name of what this provider makes.
const Engine = "mysql"

// serverID is the id of the node's server.
const serverID = "mysql"

// host is where services come from, and where the server listens.
const host = "127.0.0.1"

// Driver makes resources of kind database.
type Driver struct {
	Node *node.Client
	// Derive gives the password of a user: the same for the same id.
	Derive func(purpose, id string) pave.Secret
}

var (
	_ resource.Driver  = (*Driver)(nil)
	_ resource.Keeper  = (*Driver)(nil)
	_ resource.Lister  = (*Driver)(nil)
	_ resource.Differ  = (*Driver)(nil)
	_ resource.Checker = (*Driver)(nil)
	_ resource.Looker  = (*Driver)(nil)
)

// Observe finds the database by its mark and says whether the service is let in. It
// starts no server.
func (d *Driver) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	s, err := d.open(ctx, false)
	if isStarting(err) {
		return resource.State{Reason: err.Error(), Waiting: true}, nil
	}
	if err != nil {
		return resource.State{}, err
	}
	defer s.close()
	have, err := s.find(ctx, r)
	switch {
	case err != nil:
		return resource.State{}, err
	case have.id == "" || !have.there:
		return resource.State{}, pave.Errorf(pave.NotFound, "no database %s", r.ExternalID)
	case have.aside:
		return resource.State{Reason: "set aside"}, nil
	}
	open, err := s.lets(ctx, have, credentialsOf(r))
	if err != nil || !open {
		return resource.State{Reason: "nobody can log in"}, err
	}
	return d.state(s, r, have), nil
}

// Apply makes database and user, or brings back what was set aside, and connects once
// as the new user: credentials that are given out work.
func (d *Driver) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	var spec resource.DatabaseSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return resource.State{}, err
	}
	if spec.Engine != Engine {
		return resource.State{}, pave.BadField("database", spec.Engine, "is no engine of this provider", "one of mysql, none")
	}
	s, err := d.open(ctx, true)
	if isStarting(err) {
		return resource.State{Reason: err.Error(), Waiting: true}, nil
	}
	if err != nil {
		return resource.State{}, err
	}
	defer s.close()
	have, err := s.make(ctx, r, spec.Credentials, d.passwordOf(r, spec.Credentials))
	if err != nil {
		return resource.State{}, err
	}
	st := d.state(s, r, have)
	if refused, err := s.try(ctx, userName(have, spec.Credentials), have.database, d.passwordOf(r, spec.Credentials)); err != nil || refused {
		return resource.State{}, pave.Errorf(pave.Unavailable, "the new credentials of %s do not let in: %w", r.ExternalID, err)
	}
	return st, nil
}

// state is what others may know of a database that is there.
func (d *Driver) state(s *session, r resource.Resource, have mark) resource.State {
	number := credentialsOf(r)
	summary := fmt.Sprintf("%s (%s)", r.Ref.Name, s.version)
	if number > 0 {
		summary = fmt.Sprintf("%s (%s), credentials %d", r.Ref.Name, s.version, number+1)
	}
	user := userName(have, number)
	return resource.State{Ready: true, Version: s.version, Summary: summary,
		Outputs: map[string]string{"engine": s.version, "host": host, "port": strconv.Itoa(s.port), "database": have.database, "user": user},
		Secrets: pave.OutputsOf(s.url(user, have.database, d.passwordOf(r, number)))}
}

// url is the address of a database for a user.
func (s *session) url(user, database string, password pave.Secret) pave.Secret {
	u := url.URL{Scheme: "mysql", User: url.UserPassword(user, password.Reveal()), Host: net.JoinHostPort(host, strconv.Itoa(s.port)), Path: "/" + database}
	return pave.NewSecret(u.String())
}

// password is derived, so that a step that runs again comes to the same one.
func (d *Driver) password(purpose, id string) pave.Secret { return d.Derive("mysql "+purpose, id) }

// Delete drops database and users, also where they were set aside; what is foreign stays.
func (d *Driver) Delete(ctx context.Context, r resource.Resource) error {
	return d.drop(ctx, r.ID)
}

func (d *Driver) drop(ctx context.Context, id string) error {
	s, err := d.open(ctx, false)
	if pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	defer s.close()
	return s.drop(ctx, id)
}

// SetAside shuts all users out of a database and takes their rights, so that no event
// in it goes on either.
func (d *Driver) SetAside(ctx context.Context, r resource.Resource) error {
	s, err := d.open(ctx, false)
	if pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	defer s.close()
	have, err := s.find(ctx, r)
	if err != nil || have.id == "" {
		return err
	}
	return s.setAside(ctx, have)
}

// List returns every mark of a resource.
func (d *Driver) List(ctx context.Context) ([]resource.Found, error) {
	s, err := d.open(ctx, false)
	if pave.CodeOf(err) == pave.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer s.close()
	all, err := s.marks(ctx, `id LIKE 'res\_%'`)
	var out []resource.Found
	for _, m := range all {
		out = append(out, resource.Found{ID: m.id, ExternalID: m.name})
	}
	return out, err
}

// Look names commands that show more.
func (d *Driver) Look(r resource.Resource) []string {
	return []string{fmt.Sprintf("pave status %s", r.Ref.Service), fmt.Sprintf("pave get resources --service %s -o wide", r.Ref.Service)}
}

// Check says whether there is a program for the server, and who runs it.
func (d *Driver) Check(context.Context) []pave.Check {
	c := pave.Check{Name: "mysql"}
	path, version, err := node.FindMySQL()
	if err == nil {
		err = node.MayServe(Engine)
	}
	if err != nil {
		c.Detail, c.Fix = err.Error(), pave.HintOf(err)
		return []pave.Check{c}
	}
	c.OK, c.Detail = true, fmt.Sprintf("MariaDB %s, %s", version, path)
	return []pave.Check{c}
}

// Make makes the throw-away database of a pipeline run, or finds it, and returns its
// address.
func (d *Driver) Make(ctx context.Context, run string) (pave.Secret, error) {
	s, err := d.open(ctx, true)
	if err != nil {
		return pave.Secret{}, err
	}
	defer s.close()
	password := d.password("scratch", run)
	have, err := s.make(ctx, resource.Resource{ID: scratchID(run), ExternalID: "scratch_" + run[max(0, len(run)-26):]}, 0, password)
	return s.url(userName(have, 0), have.database, password), err
}

// Drop removes the throw-away database of a run; absence is success.
func (d *Driver) Drop(ctx context.Context, run string) error { return d.drop(ctx, scratchID(run)) }

// scratchID differs from the id of a resource: the sweep does not see it.
func scratchID(run string) string { return "scratch " + run }
