package vault

import (
	"strings"
	"testing"

	"github.com/pave-platform/pave"
)

func TestEngineOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, value, want string }{
		{"host", "", "is no host"}, {"host", "db example", "is no host"}, {"host", "10.0.0.1", ""}, {"host", "fd00::1", ""},
		{"port", "0", "is no port"}, {"port", "70000", "is no port"}, {"port", "6432", ""},
		{"connection", "", "is no name"}, {"connection", "a/../b", "is no name"},
		{"database", `shop"; DROP`, "is no name"}, {"database", "{service", "is no name"}, {"database", "{team}_{service}-{env}", ""}, {"database", "{sevice}", "is no name"}, {"database", "{service}", ""},
		{"owner", "a'b", "is no name"}, {"owner", "a`b", "is no name"}, {"owner", "", ""},
		{"mount", "../sys", "is no path"}, {"mount", "teams/db", ""},
		{"ttl", "1s", "is no time"}, {"ttl", "2s", ""}, {"ttl", "90m", ""}, {"ttl", "day", "is no time"}, {"ttl", "2500ms", "is no time"},
	} {
		set := map[string]string{"connection": "shopdb", "host": "db.example.com", c.name: c.value}
		_, err := engineOf(set)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || pave.HintOf(err) == "" || pave.CodeOf(err) != pave.Invalid) {
			t.Errorf("%s=%q: %v, want %q", c.name, c.value, err, c.want)
		}
	}
}

func TestStatements(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ of, own, creation, revocation string }{
		{"postgresql", "", `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE "me"; ALTER ROLE "{{name}}" SET role TO "me"`, endInPostgres},
		{"mysql", "", "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'; GRANT ALL PRIVILEGES ON `a\\_b`.* TO '{{name}}'@'%'", ""},
		{"postgresql", `CREATE ROLE "{{name}}"; GRANT {owner} TO {database}`, `CREATE ROLE "{{name}}"; GRANT me TO a_b`, ""},
	} {
		b := base{engine: engine{database: "a_b", owner: "me", statements: c.own}, of: c.of}
		creation, revocation := b.commands()
		if len(creation) != 1 || creation[0] != c.creation || strings.Join(revocation, "") != c.revocation {
			t.Errorf("%s %q: %q, %q", c.of, c.own, creation, revocation)
		}
	}
}

func TestRoleName(t *testing.T) {
	t.Parallel()
	id := pave.NewID("res")
	if got, n, ours := roleOf(roleName(id, 12)); got != id || n != 12 || !ours {
		t.Errorf("%s: %s %d %v", id, got, n, ours)
	}
	for _, name := range []string{"pave-res-01ab", "pave-res-01ab-x", "pave-other-01ab-1", "res-01ab-1", "pave-res-01ab--1", ""} {
		if id, _, ours := roleOf(name); ours {
			t.Errorf("%q is taken for one of %s", name, id)
		}
	}
}

func TestGlobs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		glob string
		want bool
	}{{"*", true}, {"pave-*", true}, {"*-0", true}, {"*res*", true}, {"pave-res-x-0", true}, {"pave", false}, {"", false}, {"*-1", false}, {"x*", false}} {
		if globs(c.glob, "pave-res-x-0") != c.want {
			t.Errorf("%q", c.glob)
		}
	}
}

// Whatever a binding says, no name of it leaves the quotes it is put between.
func FuzzEngine(f *testing.F) {
	f.Add("{service}", "{team}_{env}", "shopdb", "db.example.com")
	f.Add(`a"b`, "a;b", "a/b", "h:1")
	f.Fuzz(func(t *testing.T, database, owner, connection, host string) {
		e, err := engineOf(map[string]string{"database": database, "owner": owner, "connection": connection, "host": host})
		if err != nil {
			return
		}
		if names := e.database + e.owner + e.connection + e.host; strings.ContainsAny(names, "\"'`;\\ \n/") {
			t.Errorf("%q is let through", names)
		}
	})
}
