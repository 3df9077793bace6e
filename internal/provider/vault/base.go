package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

const (
	defaultEngine = "database"
	defaultTTL    = 24 * time.Hour
	shortestTTL   = 2 * time.Second
)

// engine is what a binding says of Vault's database engine and of the databases, checked.
type engine struct {
	mount, connection, host, port string
	database, owner, statements   string
	ttl                           time.Duration
	tls                           string
}

// Fields are what a binding may say.
func (d *Logins) Fields() []pave.BindingField {
	return fields([]pave.BindingField{
		{Name: "connection", Description: "to the server of the databases, by its name in Vault", Required: true},
		{Name: "host", Description: "of that server, for the addresses that services get", Required: true},
	}, []pave.BindingField{
		{Name: "port", Description: "of that server: 5432 of PostgreSQL and 3306 of MySQL, unless said"},
		{Name: "mount", Description: "of Vault's database engine", Default: defaultEngine},
		{Name: "database", Description: "of a service, which is there; {service} and a '_' keep services apart, and {team} and {env} may be in it too", Default: defaultName},
		{Name: "owner", Description: "in PostgreSQL: the role as which logins act, and whose tables are; as database", Default: defaultName},
		{Name: "ttl", Description: "how long a login is good: 24h, 30m", Default: "24h"},
		{Name: "tls", Description: "in addresses of PostgreSQL: their sslmode", Default: "require", OneOf: []string{"disable", "prefer", "require", "verify-ca", "verify-full"}},
		{Name: "statements", Description: "own ones that make a login, with ; between them, and {{name}}, {{password}}, {{expiration}}, {owner}, {database}"},
	})
}

var (
	namePattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$`)
	hostPattern = regexp.MustCompile(`^[A-Za-z0-9.:-]{1,253}$`)
)

// engineOf reads a binding. Invalid names the setting. What it lets through of names can
// be put between quotes of any database.
func engineOf(set map[string]string) (engine, error) {
	e := engine{mount: or(set["mount"], defaultEngine), connection: set["connection"], host: set["host"], port: set["port"],
		database: or(set["database"], defaultName), owner: or(set["owner"], defaultName), statements: set["statements"],
		ttl: defaultTTL, tls: or(set["tls"], "require")}
	if err := arePaths(set, map[string]string{"mount": e.mount}); err != nil {
		return e, err
	}
	if !hostPattern.MatchString(e.host) {
		return e, bad("host", e.host, "is no host", "that of the database server, db.example.com, without a port")
	}
	if n, err := strconv.Atoi(or(e.port, "1")); err != nil || n < 1 || n > 65535 {
		return e, bad("port", e.port, "is no port", "5432")
	}
	for _, f := range [][2]string{{"connection", e.connection}, {"database", holes.Replace(e.database)}, {"owner", holes.Replace(e.owner)}} {
		if !namePattern.MatchString(f[1]) {
			return e, bad(f[0], set[f[0]], "is no name", "letters, digits, '_', '-' and '.', and {service}, {team}, {env} where names differ")
		}
	}
	if set["ttl"] != "" {
		d, err := time.ParseDuration(set["ttl"])
		if err != nil || d < shortestTTL || d%time.Second != 0 {
			return e, bad("ttl", set["ttl"], "is no time that a login could be good for", "for example 24h, of whole seconds")
		}
		e.ttl = d
	}
	return e, nil
}

// A base is a database of a service with its logins, as Vault knows it.
type base struct {
	*session
	engine
	ref    pave.Ref
	id     string
	of     string // engine: postgresql
	number int    // of credentials
	team   pave.Name
	vault  string // server and namespace
	made   bool   // its names are frozen
}

// base finds what a resource is about.
func (d *Logins) base(r resource.Resource) (base, error) {
	b, err := named(r)
	if err == nil {
		b.session, err = d.sessions.of(resource.BindingOf(r.Spec), d.Values, d.Timeout)
	}
	return b, err
}

// named is a base without a way to Vault. The database that a resource was made for stays
// the one it is for, whatever team its service has by now, or what name.
func named(r resource.Resource) (base, error) {
	b := base{ref: r.Ref, id: r.ID}
	var spec struct {
		resource.DatabaseSpec
		Team pave.Name `json:"team"`
	}
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return b, err
	}
	set := resource.BindingOf(r.Spec).Settings
	var err error
	if b.engine, err = engineOf(set); err != nil {
		return b, err
	}
	b.of, b.number, b.team = spec.Engine, spec.Credentials, spec.Team
	b.vault = strings.ToLower(strings.Trim(set["address"], "/") + "/" + strings.Trim(set["namespace"], "/"))
	if mount, rest, found := strings.Cut(r.ExternalID, ":"); found {
		b.mount = mount
		if database, owner, whole := strings.Cut(rest, "#"); whole {
			b.database, b.owner, b.made = database, owner, true
			return b, nil
		}
	}
	fill := strings.NewReplacer("{team}", string(spec.Team), "{service}", string(r.Ref.Service), "{env}", string(r.Ref.Env))
	b.database, b.owner = fill.Replace(b.database), fill.Replace(b.owner)
	return b, nil
}

// name is what it is called outside, from when it was made.
func (b base) name() string { return b.mount + ":" + b.database + "#" + b.owner }

// rotate is what gives a service a login that is good.
func (b base) rotate() string {
	return fmt.Sprintf("pave rotate %s database --env %s makes another one", b.ref.Service, b.ref.Env)
}

func (b base) portOf() string {
	return or(b.port, or(map[string]string{"mysql": "3306"}[b.of], "5432"))
}

// state is what others may know of a login.
func (b base) state(l login) resource.State {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(l.User, l.Password), Host: b.place(), Path: "/" + b.database}
	if b.of == "mysql" {
		u.Scheme = "mysql"
	} else {
		u.RawQuery = url.Values{"sslmode": {b.tls}}.Encode()
	}
	end := l.End.UTC().Format(time.RFC3339)
	return resource.State{ExternalID: b.name(), Version: "vault", Ready: true,
		Summary: fmt.Sprintf("logins of database %s by Vault, good until %s", b.database, end),
		Outputs: map[string]string{"engine": b.of, "host": b.host, "port": b.portOf(), "database": b.database, "user": l.User, "lease": l.Lease,
			resource.OutputCredentialsEnd: end, resource.OutputCredentialsDue: l.due().UTC().Format(time.RFC3339)},
		Secrets: pave.OutputsOf(pave.NewSecret(u.String()))}
}

// keptID is the id under which the login of a resource is sealed.
func keptID(id string) string { return "lgn_" + id }

// kept is the login that was made of the spec's credentials.
func (d *Logins) kept(ctx context.Context, b base) (l login, made bool, err error) {
	text, err := d.Values.Get(ctx, keptID(b.id))
	if pave.CodeOf(err) == pave.NotFound {
		return l, false, nil
	}
	if err != nil {
		return l, false, pave.Errorf(pave.Unavailable, "read the login of %s: %w", b.ref, err)
	}
	if err := json.Unmarshal([]byte(text.Reveal()), &l); err != nil {
		return l, false, pave.Errorf(pave.Internal, "the login of %s cannot be read", b.ref)
	}
	return l, l.Number == b.number, nil
}

func (d *Logins) keep(ctx context.Context, b base, l login) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if err := d.Values.Put(ctx, keptID(b.id), pave.NewSecret(string(text))); err != nil {
		return pave.Errorf(pave.Unavailable, "keep the login of %s: %w", b.ref, err)
	}
	return nil
}
