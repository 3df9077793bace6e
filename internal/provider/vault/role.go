package vault

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pave-platform/pave"
)

// rolePrefix begins the names of all roles of pave in an engine.
const rolePrefix = "pave-"

// roleName is the role of numbered credentials of a resource.
func roleName(id string, number int) string {
	return fmt.Sprintf("%s%s-%d", rolePrefix, strings.ToLower(strings.ReplaceAll(id, "_", "-")), number)
}

// roleOf is the resource and the number of a role.
func roleOf(name string) (id string, number int, ours bool) {
	rest, ours := strings.CutPrefix(name, rolePrefix+"res-")
	ulid, digits, numbered := strings.Cut(rest, "-")
	number, err := strconv.Atoi(digits)
	return "res_" + strings.ToUpper(ulid), number, ours && numbered && err == nil && number >= 0
}

// roles are the names of all roles in an engine.
func (s *session) roles(ctx context.Context, mount string) ([]string, error) {
	var got struct{ Data struct{ Keys []string } }
	err := s.do(ctx, call{method: http.MethodGet, path: mount + "/roles", query: "list=true", out: &got, mayMiss: true})
	return got.Data.Keys, err
}

// numbers are those of the credentials that there are roles of.
func (b base) numbers(ctx context.Context) ([]int, error) {
	all, err := b.roles(ctx, b.mount)
	var out []int
	for _, name := range all {
		if id, number, ours := roleOf(name); ours && id == b.id {
			out = append(out, number)
		}
	}
	return out, err
}

func (b base) others(ctx context.Context) ([]int, error) {
	all, err := b.numbers(ctx)
	return slices.DeleteFunc(all, func(n int) bool { return n == b.number }), err
}

// The statements by which Vault makes and takes away a login, where the binding has no own
// ones. In PostgreSQL a login acts as the owner of the database from its first statement
// on, and so owns nothing itself; its connections are ended where Vault's user may.
const (
	makeInPostgres = `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE "{owner}"; ` +
		`ALTER ROLE "{{name}}" SET role TO "{owner}"`
	endInPostgres = `ALTER ROLE "{{name}}" NOLOGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{{name}}' ` +
		`AND (pg_has_role('pg_signal_backend', 'USAGE') OR pg_has_role(usesysid, 'USAGE')); DROP ROLE IF EXISTS "{{name}}"`
	makeInMySQL = "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'; GRANT ALL PRIVILEGES ON `{pattern}`.* TO '{{name}}'@'%'"
)

// statements are those that make a login and those that take it away; none are Vault's own.
func (b base) commands() (creation, revocation []string) {
	text := b.statements
	switch {
	case text != "":
	case b.of == "mysql":
		text = makeInMySQL
	default:
		text, revocation = makeInPostgres, []string{endInPostgres}
	}
	pattern := strings.ReplaceAll(b.database, "_", `\_`) // else it stands for any character
	return []string{strings.NewReplacer("{owner}", b.owner, "{database}", b.database, "{pattern}", pattern).Replace(text)}, revocation
}

// role is a role of the engine.
type role struct {
	DBName     string   `json:"db_name"`
	Creation   []string `json:"creation_statements"`
	Revocation []string `json:"revocation_statements"`
	DefaultTTL float64  `json:"default_ttl"`
	MaxTTL     float64  `json:"max_ttl"`
}

func (b base) wanted() role {
	r := role{DBName: b.connection, DefaultTTL: b.ttl.Seconds(), MaxTTL: b.ttl.Seconds()}
	r.Creation, r.Revocation = b.commands()
	return r
}

func (b base) rolePath() string { return b.mount + "/roles/" + roleName(b.id, b.number) }

// differs names in what the role is not as it should be; "all" where there is none.
func (b base) differs(ctx context.Context) ([]string, error) {
	var got struct{ Data *role }
	if err := b.do(ctx, call{method: http.MethodGet, path: b.rolePath(), out: &got, mayMiss: true}); err != nil {
		return nil, err
	}
	if got.Data == nil {
		return []string{"all"}, nil
	}
	var out []string
	has, want := *got.Data, b.wanted()
	for _, f := range []struct {
		name string
		same bool
	}{
		{"db_name", has.DBName == want.DBName},
		{"creation_statements", slices.Equal(has.Creation, want.Creation)},
		{"revocation_statements", slices.Equal(has.Revocation, want.Revocation)},
		{"default_ttl", has.DefaultTTL == want.DefaultTTL},
		{"max_ttl", has.MaxTTL == want.MaxTTL},
	} {
		if !f.same {
			out = append(out, f.name)
		}
	}
	return out, nil
}

// writeRole writes the role, unless it is as it should be.
func (b base) writeRole(ctx context.Context) error {
	differs, err := b.differs(ctx)
	if err != nil || len(differs) == 0 {
		return err
	}
	want := b.wanted()
	if want.Revocation == nil {
		want.Revocation = []string{}
	}
	return b.do(ctx, call{method: http.MethodPost, path: b.rolePath(), in: map[string]any{"db_name": want.DBName,
		"creation_statements": want.Creation, "revocation_statements": want.Revocation, "default_ttl": int(want.DefaultTTL), "max_ttl": int(want.MaxTTL)}})
}

// A login is one that Vault made. It is good for its time and not longer.
type login struct {
	Number   int
	User     string
	Password string
	Lease    string
	Begin    time.Time
	End      time.Time
}

// due is when another one should take its place: after two thirds of its time.
func (l login) due() time.Time { return l.Begin.Add(l.End.Sub(l.Begin) * 2 / 3) }

// login has a login made. Vault takes a login away with the token that asked for it, and
// pave's own tokens end long before: it asks with one that belongs to nothing and lasts as
// long. Vault stores none of that kind (batch).
func (b base) login(ctx context.Context) (login, error) {
	token, err := b.orphan(ctx, b.ttl+time.Minute)
	if err != nil {
		return login{}, err
	}
	var got struct {
		Lease   string `json:"lease_id"`
		Seconds int    `json:"lease_duration"`
		Data    struct{ Username, Password string }
	}
	began := time.Now().Truncate(time.Second)
	err = b.once(ctx, token, call{method: http.MethodGet, path: b.mount + "/creds/" + roleName(b.id, b.number), out: &got})
	if err != nil {
		return login{}, b.refused(err)
	}
	if got.Lease == "" || got.Data.Username == "" || got.Data.Password == "" || got.Seconds <= 0 {
		return login{}, pave.Errorf(pave.Unavailable, "%s made a login of database %s and does not say which", b.cfg.address.Host, b.database)
	}
	if good := time.Duration(got.Seconds) * time.Second; good < b.ttl/2 {
		return login{}, b.short(ctx, good)
	}
	return login{b.number, got.Data.Username, got.Data.Password, got.Lease, began, began.Add(time.Duration(got.Seconds) * time.Second)}, nil
}

// short takes a login away that would end too soon to be replaced in time, and says who
// decides on that.
func (b base) short(ctx context.Context, good time.Duration) error {
	if err := b.revoke(context.WithoutCancel(ctx), []int{b.number}); err != nil {
		return err
	}
	return pave.Errorf(pave.Invalid, "the mount %s of Vault allows logins of %s only, and the binding wants %s", b.mount, good, b.ttl).
		WithHint("vault secrets tune -max-lease-ttl=%s %s (as long a max_lease_ttl the server itself and auth/token need), or pave bind %s database vault ... --set ttl=%s", b.ttl, b.mount, b.ref.Env, good)
}

// orphan returns a token that does not end with the one of this session.
func (s *session) orphan(ctx context.Context, ttl time.Duration) (pave.Secret, error) {
	var got struct{ Auth lease }
	err := s.do(ctx, call{method: http.MethodPost, path: "auth/token/create-orphan", out: &got,
		in: map[string]any{"type": "batch", "ttl": strconv.Itoa(int(ttl.Seconds())) + "s"}})
	if err == nil && got.Auth.Token == "" {
		err = pave.Errorf(pave.Unavailable, "%s gave no token for a login", s.cfg.address.Host)
	}
	return pave.NewSecret(got.Auth.Token), err
}

// refused tells what the database server has against a login.
func (b base) refused(err error) error {
	a, ok := answerOf(err)
	if !ok || !strings.Contains(a.text(), "does not exist") && !strings.Contains(a.text(), "SQLSTATE 42704") {
		return err
	}
	return pave.Errorf(pave.Invalid, "database %s: %s", b.database, a.text()).
		WithHint("let who has the server make the database first, and role %s as its owner (docs/vault.md); then pave retry", b.owner)
}

// over says why a login is not good any more; "" where it is, and where Vault does not let
// pave ask before its end.
func (b base) over(ctx context.Context, l login) (string, error) {
	if time.Now().After(l.End) {
		return "ended at " + l.End.UTC().Format(time.RFC3339), nil
	}
	var got struct{ Data struct{ ID string } }
	err := b.do(ctx, call{method: http.MethodPost, path: "sys/leases/lookup", in: map[string]any{"lease_id": l.Lease}, out: &got})
	if a, ok := answerOf(err); ok && a.status == http.StatusBadRequest && strings.Contains(a.text(), "invalid lease") {
		return "was revoked in Vault", nil
	} else if ok && a.status == http.StatusForbidden {
		return "", nil
	}
	return "", err
}

// revoke takes all logins of some credentials away, and then their roles: those that
// nobody knows too. It returns once they are gone from the database.
func (b base) revoke(ctx context.Context, numbers []int) error {
	for _, n := range numbers {
		name := roleName(b.id, n)
		err := b.do(ctx, call{method: http.MethodPost, path: "sys/leases/revoke-prefix/" + b.mount + "/creds/" + name, in: map[string]any{"sync": true}})
		if err == nil {
			err = b.do(ctx, call{method: http.MethodDelete, path: b.mount + "/roles/" + name, mayMiss: true})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
