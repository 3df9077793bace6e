// Package postgres makes databases in a PostgreSQL server: the one that the node
// runs on this machine, or one named by a URL. Each service and environment gets
// a role and a database of its own.
//
// The marker comes before the name: a role with the resource's id as its comment,
// in one transaction, then the database, which refuses transactions. So what a
// crash leaves is found again by its id, and what somebody else made is never
// taken for ours.
package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// serverID is the id of the node's server.
const serverID = "postgres"

// Driver makes resources of kind database.
type Driver struct {
	Node *node.Client
	URL  pave.Secret // of a superuser on another server; empty: the node's
	// Derive gives the password of a role: the same for the same id.
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

// Observe finds the role by its marker and says whether its database is there.
// It starts no server.
func (d *Driver) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	s, err := d.open(ctx, false)
	if isStarting(err) {
		return resource.State{Reason: err.Error(), Waiting: true}, nil
	}
	if err != nil {
		return resource.State{}, err
	}
	defer s.close(ctx)
	have, err := s.find(ctx, r)
	if err != nil {
		return resource.State{}, err
	}
	switch {
	case have.role == "" || have.role == r.ExternalID && have.database == "":
		return resource.State{}, pave.Errorf(pave.NotFound, "no database %s", r.ExternalID)
	case have.role != r.ExternalID || have.database != r.ExternalID:
		return resource.State{Reason: "set aside"}, nil
	}
	open, err := s.lets(ctx, r, have)
	if err != nil || !open {
		return resource.State{Reason: "nobody can log in"}, err
	}
	return d.state(s, r), nil
}

// Apply makes role and database, or brings back what was set aside, and connects
// once as the new role: credentials that are given out work.
func (d *Driver) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	var spec resource.DatabaseSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return resource.State{}, err
	}
	if spec.Engine != "postgresql" {
		return resource.State{}, pave.BadField("database", spec.Engine, "is no engine of this provider", "one of postgresql, none")
	}
	s, err := d.open(ctx, true)
	if isStarting(err) {
		return resource.State{Reason: err.Error(), Waiting: true}, nil
	}
	if err != nil {
		return resource.State{}, err
	}
	defer s.close(ctx)
	if err := s.make(ctx, r, spec.Credentials, d.passwordOf(r, spec.Credentials)); err != nil {
		return resource.State{}, err
	}
	st := d.state(s, r)
	if err := try(ctx, st.Secrets["url"]); err != nil {
		return resource.State{}, err
	}
	return st, nil
}

// try connects with a URL once.
func try(ctx context.Context, url pave.Secret) error {
	conn, err := pgx.Connect(ctx, url.Reveal())
	if err != nil {
		return unavailable("connect with the new credentials", err)
	}
	return conn.Close(ctx)
}

// state is what others may know of a database that is there.
func (d *Driver) state(s *session, r resource.Resource) resource.State {
	number := credentialsOf(r)
	summary := fmt.Sprintf("%s (%s)", r.Ref.Name, s.version)
	if number > 0 {
		summary = fmt.Sprintf("%s (%s), credentials %d", r.Ref.Name, s.version, number+1)
	}
	return resource.State{Ready: true, Version: s.version, Summary: summary,
		Outputs: map[string]string{"engine": s.version, "host": s.host, "port": strconv.Itoa(s.port),
			"database": r.ExternalID, "user": loginName(r, number)},
		Secrets: pave.OutputsOf(s.urlFor(loginName(r, number), r.ExternalID, d.passwordOf(r, number)))}
}

// password is derived, so that a step that runs again comes to the same one.
func (d *Driver) password(purpose, id string) pave.Secret { return d.Derive("postgres "+purpose, id) }

// Delete drops database and role, wherever they are; what is foreign stays.
func (d *Driver) Delete(ctx context.Context, r resource.Resource) error {
	s, err := d.open(ctx, false)
	if pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	defer s.close(ctx)
	if err := s.dropLogins(ctx, r.ID); err != nil {
		return err
	}
	return s.drop(ctx, marker(r.ID))
}

// SetAside renames role and database to NAME~ID and ends all connections.
func (d *Driver) SetAside(ctx context.Context, r resource.Resource) error {
	s, err := d.open(ctx, false)
	if pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	defer s.close(ctx)
	have, err := s.find(ctx, r)
	if err != nil || have.role == "" {
		return err
	}
	if err := s.shutLogins(ctx, r.ID); err != nil {
		return err
	}
	return s.rename(ctx, have, resource.AsideName(r.ExternalID, r.ID), false)
}

// List returns every role with a marker of ours.
func (d *Driver) List(ctx context.Context) ([]resource.Found, error) {
	s, err := d.open(ctx, false)
	if pave.CodeOf(err) == pave.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer s.close(ctx)
	rows, err := s.conn.Query(ctx, `SELECT r.rolname, d.description FROM pg_roles r
		JOIN pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass
		WHERE d.description LIKE 'pave:%'`)
	if err != nil {
		return nil, unavailable("list roles", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (resource.Found, error) {
		var f resource.Found
		err := row.Scan(&f.ExternalID, &f.ID)
		f.ID = strings.TrimPrefix(f.ID, "pave:")
		return f, err
	})
}

// Look names commands that show more.
func (d *Driver) Look(r resource.Resource) []string {
	return []string{fmt.Sprintf("pave status %s", r.Ref.Service), fmt.Sprintf("pave get resources --service %s -o wide", r.Ref.Service)}
}

// Check says whether there is a server, or the binaries for one.
func (d *Driver) Check(ctx context.Context) []pave.Check {
	c := pave.Check{Name: "postgresql"}
	if !d.URL.IsZero() {
		s, err := d.open(ctx, false)
		if err != nil {
			c.Detail, c.Fix = err.Error(), "mend PAVE_POSTGRES_URL, or unset it to use a server of pave's own"
			return []pave.Check{c}
		}
		defer s.close(ctx)
		c.OK, c.Detail = true, s.version+" at "+net.JoinHostPort(s.host, strconv.Itoa(s.port))
		return []pave.Check{c}
	}
	dir, version, err := node.FindPostgres()
	if err != nil {
		c.Detail, c.Fix = err.Error(), pave.HintOf(err)
		return []pave.Check{c}
	}
	c.OK, c.Detail = true, fmt.Sprintf("PostgreSQL %s in %s", version, dir)
	return []pave.Check{c}
}

// url is the address of a database for the role of its name.
func (s *session) url(name string, password pave.Secret) pave.Secret {
	return s.urlFor(name, name, password)
}

// urlFor is the address of a database for a role.
func (s *session) urlFor(role, database string, password pave.Secret) pave.Secret {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, password.Reveal()),
		Host: net.JoinHostPort(s.host, strconv.Itoa(s.port)), Path: "/" + database, RawQuery: "sslmode=" + s.sslmode}
	return pave.NewSecret(u.String())
}
