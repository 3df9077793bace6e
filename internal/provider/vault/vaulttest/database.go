package vaulttest

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// databases is the database engine at "database", for PostgreSQL alone: it makes real
// roles by the statements it is given.
type databases struct {
	config, roles map[string]map[string]any
	leases        map[string]*login
	most          time.Duration // that a login may be good; 0: any
}

// login is one that was made. It goes with its lease, and with the token that asked for it
// unless that token belongs to nothing.
type login struct {
	user, connection string
	revocation       []any
	token            *token
	issued, end      time.Time
}

func newDatabases() databases {
	return databases{config: map[string]map[string]any{}, roles: map[string]map[string]any{}, leases: map[string]*login{}}
}

const sqlTime = 20 * time.Second

// database is the engine.
func (f *fake) database(r *http.Request, path string, in map[string]any, t *token) reply {
	door, name, _ := strings.Cut(path, "/")
	all := map[string]map[string]map[string]any{"config": f.db.config, "roles": f.db.roles}[door]
	switch {
	case door == "creds" && r.Method == http.MethodGet:
		return f.credentials(name, t)
	case all == nil:
		return fail(404, `no handler for route "database/`+path+`". route entry not found.`)
	case r.URL.Query().Get("list") == "true":
		if len(all) == 0 {
			return fail(404)
		}
		return reply{status: 200, data: map[string]any{"keys": slices.Sorted(maps.Keys(all))}}
	case r.Method == http.MethodGet && all[name] == nil:
		return fail(404)
	case r.Method == http.MethodGet && door == "config":
		has := all[name]
		return reply{status: 200, data: map[string]any{"plugin_name": has["plugin_name"], "allowed_roles": has["allowed_roles"],
			"connection_details": map[string]any{"connection_url": has["connection_url"], "username": has["username"]}}}
	case r.Method == http.MethodGet:
		return reply{status: 200, data: all[name]}
	case r.Method == http.MethodDelete:
		delete(all, name)
		return reply{status: 204}
	}
	if roles, ok := in["allowed_roles"].(string); ok {
		in["allowed_roles"] = strings.Split(roles, ",")
	}
	if all[name] == nil {
		all[name] = map[string]any{}
	}
	maps.Copy(all[name], in) // what is not said stays
	return reply{status: 204}
}

// credentials makes a login by a role.
func (f *fake) credentials(name string, t *token) reply {
	role := f.db.roles[name]
	if role == nil {
		return fail(400, "unknown role: "+name)
	}
	connection, _ := role["db_name"].(string)
	if !f.allows(connection, name) {
		return fail(500, fmt.Sprintf("1 error occurred:\n\t* %q is not an allowed role\n\n", name))
	}
	ttl := seconds(role["default_ttl"])
	if left := time.Until(t.end); t.batch && left < ttl {
		ttl = left
	}
	if f.db.most > 0 {
		ttl = min(ttl, f.db.most)
	}
	now := time.Now()
	l := &login{user: fmt.Sprintf("v-approle-%.8s-%.20s-%d", name, rand.Text(), now.Unix()), connection: connection, issued: now, end: now.Add(ttl)}
	if l.revocation, _ = role["revocation_statements"].([]any); len(l.revocation) == 0 {
		l.revocation = []any{`DROP ROLE IF EXISTS "{{name}}"`}
	}
	if !t.batch {
		l.token = t
	}
	password := rand.Text()
	creation, _ := role["creation_statements"].([]any)
	if err := f.execute(connection, creation, "{{name}}", l.user, "{{password}}", password, "{{expiration}}", l.end.Format("2006-01-02 15:04:05-0700")); err != nil {
		return fail(500, fmt.Sprintf("1 error occurred:\n\t* failed to execute query: %v\n\n", err))
	}
	id := "database/creds/" + name + "/" + rand.Text()
	f.db.leases[id] = l
	time.AfterFunc(ttl, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		_ = f.end(id) // a connection that is gone by then has the login gone too
	})
	return reply{status: 200, data: map[string]any{"username": l.user, "password": password},
		top: map[string]any{"lease_id": id, "lease_duration": int(ttl.Round(time.Second).Seconds()), "renewable": true}}
}

// allows reports whether a connection lets a role use it.
func (f *fake) allows(connection, role string) bool {
	globs, _ := f.db.config[connection]["allowed_roles"].([]string)
	return slices.ContainsFunc(globs, func(g string) bool {
		prefix, glob := strings.CutSuffix(g, "*")
		return g == role || glob && strings.HasPrefix(role, prefix)
	})
}

// execute runs statements in one transaction, with names replaced in them.
func (f *fake) execute(connection string, statements []any, replace ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), sqlTime)
	defer cancel()
	url, _ := f.db.config[connection]["connection_url"].(string)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }() // after a commit there is nothing left of it
	for _, text := range statements {
		for _, one := range strings.Split(strings.NewReplacer(replace...).Replace(text.(string)), ";") {
			if one = strings.TrimSpace(one); one == "" {
				continue
			}
			if _, err := tx.Exec(ctx, one, pgx.QueryExecModeSimpleProtocol); err != nil {
				return err
			}
		}
	}
	return tx.Commit(ctx)
}

// end takes a login away with its lease.
func (f *fake) end(id string) error {
	l := f.db.leases[id]
	if l == nil {
		return nil
	}
	err := f.execute(l.connection, l.revocation, "{{name}}", l.user)
	if err == nil {
		delete(f.db.leases, id)
	}
	return err
}

// leases are what there is to do with leases.
func (f *fake) leases(door string, in map[string]any) reply {
	id, _ := in["lease_id"].(string)
	if door == "lookup" {
		l := f.db.leases[id]
		if l == nil {
			return fail(400, "invalid lease")
		}
		return reply{status: 200, data: map[string]any{"id": id, "issue_time": stamp(l.issued), "expire_time": stamp(l.end), "ttl": int(time.Until(l.end).Seconds())}}
	}
	prefix, ok := strings.CutPrefix(door, "revoke-prefix/")
	if !ok && door != "revoke" {
		return fail(404, `no handler for route "sys/leases/`+door+`". route entry not found.`)
	}
	for lease := range f.db.leases {
		if lease == id || ok && strings.HasPrefix(lease, prefix+"/") {
			if err := f.end(lease); err != nil {
				return fail(400, fmt.Sprintf("failed to revoke %q: %v", lease, err))
			}
		}
	}
	return reply{status: 204}
}

// endTokens ends tokens, with the logins that they asked for.
func (f *fake) endTokens(ends func(name string, t *token) bool) {
	for name, t := range f.tokens {
		if !ends(name, t) {
			continue
		}
		delete(f.tokens, name)
		for id, l := range f.db.leases {
			if l.token == t {
				_ = f.end(id) // as the server does, in the background
			}
		}
	}
}
