package vault

import (
	"context"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// defaultName is the pattern of databases and owners. Whoever makes a service chooses its
// name, and a name of pave has no underscore: so none fills in to a role or a database
// that was there for something else.
const defaultName = "{service}_{env}"

// apart sees that the patterns leave nobody to choose, by the name of a service, which
// database or role its logins get. What was made by older ones stays.
func (e engine) apart() error {
	for _, f := range [][2]string{{"database", e.database}, {"owner", e.owner}} {
		if !strings.Contains(f[1], "{service}") || !strings.Contains(holes.Replace(f[1]), "_") {
			return bad(f[0], f[1], "lets who names a service choose a name that is somebody else's, vault or billing: it needs {service} and a '_'", defaultName)
		}
	}
	return nil
}

// reserved are names that belong to database servers themselves.
var reserved = regexp.MustCompile(`^(?i)(pg_.*|postgres|template[01]|root|mysql|sys|information_schema|performance_schema)$`)

// allowed sees that logins may get the database and act as the owner.
func (b base) allowed(c connection) error {
	for _, f := range [][2]string{{"database", b.database}, {"owner", b.owner}} {
		if !namePattern.MatchString(f[1]) {
			return bad(f[0], f[1], "is no name of it", "at most 63 letters, digits, '_', '-' and '.'")
		}
		if reserved.MatchString(f[1]) {
			return bad(f[0], f[1], "belongs to the database server itself", "pave bind ... --set "+f[0]+"="+defaultName)
		}
	}
	if strings.EqualFold(b.owner, c.user()) {
		return bad("owner", b.owner, "is the role as which Vault itself signs in by connection "+b.connection, "pave bind ... --set owner="+defaultName)
	}
	return nil
}

// user is as whom Vault signs in; "" where it does not tell.
func (c connection) user() string {
	if c.Details.Username != "" {
		return c.Details.Username
	}
	u, err := url.Parse(c.Details.URL)
	if err != nil || u.Scheme == "" { // user:password@tcp(host:3306)/
		user, _, _ := strings.Cut(c.Details.URL, ":")
		return user
	}
	if user := u.Query().Get("user"); user != "" {
		return user
	}
	return u.User.Username()
}

// claim sees, before the first login alone, that the patterns keep names apart and that no
// other resource has the database or the owner, or had them for another team. Of two that
// ask at once the older one gets them.
func (d *Logins) claim(ctx context.Context, r resource.Resource, b base) error {
	if b.made {
		return nil
	}
	e, err := engineOf(resource.BindingOf(r.Spec).Settings) // b has the patterns filled in
	if err == nil {
		err = e.apart()
	}
	if err != nil {
		return err
	}
	all, err := d.Others(ctx)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.ID == r.ID {
			continue
		}
		o, err := named(resource.Resource{ID: other.ID, Ref: other.Ref, ExternalID: other.ExternalID, Spec: other.Spec})
		if err != nil {
			return pave.Errorf(pave.CodeOf(err), "which database %s has: %w", other.Ref, err)
		}
		if what := b.shares(o); what != "" && o.before(b, other, r.Service) {
			return pave.Errorf(pave.Conflict, "%s at %s is that of %s of team %s (%s)", what, b.host, other.Ref, o.team, other.State).
				WithHint("choose another name, or let an admin of pave bind %s anew with patterns that tell them apart: --set database={team}_{service}_{env} --set owner={team}_{service}_{env}", r.Ref.Env)
		}
	}
	return nil
}

// shares names what two resources would have in common; "" is nothing.
func (b base) shares(o base) string {
	place, same := b.place(), o.place()
	if !strings.EqualFold(place, same) && b.door() != o.door() {
		return ""
	}
	if strings.EqualFold(b.database, o.database) {
		return "database " + b.database
	}
	if b.of != "mysql" && o.of != "mysql" && strings.EqualFold(b.owner, o.owner) {
		return "owner " + b.owner
	}
	return ""
}

// place is where a service finds the server, and door how Vault does.
func (b base) place() string { return net.JoinHostPort(strings.Trim(b.host, "[]"), b.portOf()) }

func (b base) door() string { return b.vault + " " + b.mount + " " + b.connection }

// before reports whether another resource has what a new one asks for: what was made has
// it, of what is not made the older one, and of what is gone what another team's service
// left behind.
func (b base) before(asks base, as resource.Record, service string) bool {
	switch {
	case as.State == pave.ResourceGone:
		return b.made && as.Service != service && b.team != asks.team
	case b.made:
		return true
	}
	return b.id < asks.id
}
