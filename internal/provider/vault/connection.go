package vault

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// CheckBinding asks whether the server can be used, whether it lets pave in, whether the
// database engine has the connection and lets pave's roles use it, and which capabilities
// the policies lack.
func (d *Logins) CheckBinding(ctx context.Context, b resource.Opened) []pave.Check {
	cfg, err := serverOf(b.Settings)
	if err != nil {
		return []pave.Check{failedCheck("vault", err)}
	}
	e, err := engineOf(b.Settings)
	if err != nil {
		return []pave.Check{failedCheck("vault", err)}
	}
	if err := e.apart(); err != nil {
		return []pave.Check{failedCheck("vault", err)}
	}
	return checked(ctx, cfg, d.Timeout, b, []question{
		{"vault database engine " + e.mount, e.check},
		{"vault policy", e.policy},
		{"vault connection " + e.connection, e.allows},
	})
}

// check sees that the mount is a database engine.
func (e engine) check(ctx context.Context, s *session) (string, error) {
	is, _, err := s.mounted(ctx, e.mount, "database engine", "database")
	if err == nil && is != "database" {
		err = pave.Errorf(pave.Invalid, "%q is a mount of %s, not of the database engine", e.mount, is).WithHint("pave bind ... --set mount=MOUNT")
	}
	return "logins good for " + e.ttl.String(), err
}

// policy asks for the capabilities at the places of a resource that stands for all.
func (e engine) policy(ctx context.Context, s *session) (string, error) {
	if err := s.allowed(ctx, e.rules()); err != nil {
		return "", err
	}
	if _, err := s.orphan(ctx, time.Minute); err != nil { // stored nowhere
		return "", err
	}
	return "all that is needed at " + e.mount + "/roles/" + rolePrefix + "*", nil
}

// rules are the policy that the driver needs.
func (e engine) rules() []rule {
	out := []rule{
		{path: e.mount + "/config/" + e.connection, capabilities: []string{"read"}},
		{path: e.mount + "/roles/", capabilities: []string{"list"}},
		{path: e.mount + "/roles/pave-*", capabilities: []string{"create", "read", "update", "delete"}},
		{path: e.mount + "/creds/pave-*", capabilities: []string{"read"}},
		{path: "auth/token/create-orphan", capabilities: []string{"update"}},
		{path: "sys/leases/lookup", capabilities: []string{"update"}},
		{path: "sys/leases/revoke-prefix/" + e.mount + "/creds/pave-*", capabilities: []string{"update", "sudo"}},
	}
	for i := range out {
		out[i].like = strings.Replace(out[i].path, "*", "check", 1)
	}
	return out
}

// connection is what Vault says of the way to a database server.
type connection struct {
	Plugin  string   `json:"plugin_name"`
	Allowed []string `json:"allowed_roles"`
	Details struct {
		URL      string `json:"connection_url"` // without a password
		Username string
	} `json:"connection_details"`
}

func (e engine) read(ctx context.Context, s *session) (connection, error) {
	var got struct{ Data *connection }
	if err := s.do(ctx, call{method: http.MethodGet, path: e.mount + "/config/" + e.connection, out: &got, mayMiss: true}); err != nil {
		return connection{}, err
	}
	if got.Data == nil {
		return connection{}, pave.Errorf(pave.Invalid, "Vault has no connection %q at %q", e.connection, e.mount).
			WithHint("vault write %s/config/%s plugin_name=... (docs/vault.md), or pave bind ... --set connection=NAME", e.mount, e.connection)
	}
	return *got.Data, nil
}

// allows sees that the connection is there for the roles of pave.
func (e engine) allows(ctx context.Context, s *session) (string, error) {
	c, err := e.read(ctx, s)
	if err != nil {
		return "", err
	}
	like := roleName("res_check", 0)
	if !slices.ContainsFunc(c.Allowed, func(glob string) bool { return globs(glob, like) }) {
		return "", pave.Errorf(pave.Denied, "connection %q is for the roles %q, not for those of pave", e.connection, strings.Join(c.Allowed, ",")).
			WithHint("vault write %s/config/%s allowed_roles='%s*', beside those it has", e.mount, e.connection, rolePrefix)
	}
	if c.engine() == "" && e.statements == "" {
		return "", pave.Errorf(pave.Invalid, "connection %q is by %s: pave knows how to make logins of postgresql and mysql", e.connection, c.Plugin).
			WithHint("pave bind ... --set statements='...' says how")
	}
	return c.Plugin, nil
}

// globs reports whether a name fits, with a * at its beginning or end, as Vault has it.
func globs(glob, name string) bool {
	end, before := strings.CutPrefix(glob, "*")
	middle, after := strings.CutSuffix(end, "*")
	switch {
	case before && after:
		return strings.Contains(name, middle)
	case before:
		return strings.HasSuffix(name, end)
	case after:
		return strings.HasPrefix(name, middle)
	}
	return glob == name
}

// engine is what a connection leads to, in pave's words; "" where that is not known.
func (c connection) engine() string {
	switch {
	case strings.Contains(c.Plugin, "postgres"), strings.Contains(c.Plugin, "redshift"):
		return "postgresql"
	case strings.Contains(c.Plugin, "mysql"), strings.Contains(c.Plugin, "mariadb"):
		return "mysql"
	}
	return ""
}

// fits sees that the connection leads to an engine that the service asks for, and that
// logins may have what they would get there.
func (b base) fits(ctx context.Context) error {
	if b.of != "postgresql" && b.of != "mysql" {
		return pave.BadField("database", b.of, "is no engine of this provider", "one of postgresql, mysql, none")
	}
	c, err := b.read(ctx, b.session)
	if err != nil {
		return err
	}
	if is := c.engine(); is != "" && is != b.of {
		return pave.Errorf(pave.Invalid, "connection %q of Vault leads to %s, and %s wants %s", b.connection, is, b.ref.Service, b.of).
			WithHint("--database %s, or another binding for %s", is, b.ref.Env)
	}
	return b.allowed(c)
}
