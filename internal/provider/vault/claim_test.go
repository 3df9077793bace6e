package vault

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/vault/vaulttest"
	"github.com/pave-platform/pave/internal/resource"
)

// No name that a service may have fills in to a name without an underscore.
func TestApart(t *testing.T) {
	t.Parallel()
	for pattern, good := range map[string]bool{"": true, "{service}_{env}": true, "{team}_{service}": true, "app_{service}": true, "{service}_x": true,
		"{service}": false, "{service}-{env}": false, "billing": false, "{team}_{env}": false, "app_shop": false} {
		for _, name := range []string{"database", "owner"} {
			e, err := engineOf(map[string]string{"connection": "shopdb", "host": "db.example.com", name: pattern})
			if err != nil {
				t.Fatal(err)
			}
			if err := e.apart(); (err == nil) != good || err != nil && (pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), name) || !strings.Contains(pave.HintOf(err), "{service}_{env}")) {
				t.Errorf("%s=%q: %v | %s", name, pattern, err, pave.HintOf(err))
			}
		}
	}
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	details := func(url, user string) (c connection) {
		c.Details.URL, c.Details.Username = url, user
		return c
	}
	for _, c := range []struct {
		database, owner string
		by              connection
		want            string
	}{
		{"shop_production", "shop_production", details("postgresql://{{username}}:{{password}}@db/postgres", "vault"), ""},
		{"shop_production", "vault_production", details("postgresql://{{username}}:{{password}}@db/postgres", "Vault_Production"), "Vault itself signs in"},
		{"shop_production", "vault_production", details("postgresql://vault_production:xxxxx@db/postgres", ""), "Vault itself signs in"},
		{"shop_production", "vault_production", details("postgres:///postgres?user=vault_production", ""), "Vault itself signs in"},
		{"shop_production", "vault_production", details("vault_production:xxxxx@tcp(db:3306)/", ""), "Vault itself signs in"},
		{"shop_production", "shop_production", connection{}, ""},
		{"pg_production", "shop_production", connection{}, "belongs to the database server"},
		{"shop_production", "PG_read_all", connection{}, "belongs to the database server"},
		{"performance_schema", "shop_production", connection{}, "belongs to the database server"},
		{"Mysql", "shop_production", connection{}, "belongs to the database server"},
		{strings.Repeat("a", 60) + "_production", "shop_production", connection{}, "is no name"},
	} {
		err := base{engine: engine{database: c.database, owner: c.owner}}.allowed(c.by)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || pave.HintOf(err) == "") {
			t.Errorf("%s %s %+v: %v, want %q", c.database, c.owner, c.by.Details, err, c.want)
		}
	}
}

// What one resource has no other gets.
func TestClaim(t *testing.T) {
	t.Parallel()
	spec := func(engine, team string, set map[string]string) json.RawMessage {
		all := map[string]string{"address": "https://vault.example.com", "connection": "shopdb", "host": "db.example.com"}
		maps.Copy(all, set)
		raw, err := json.Marshal(map[string]any{"engine": engine, "team": team, "binding": resource.Bound{Settings: all}})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	const made = "database:shop_db#shop_owner"
	mine := map[string]string{"database": "{service}_db", "owner": "{service}_owner"}
	for name, c := range map[string]struct {
		id, external, service, engine, team string
		state                               pave.ResourceState
		set                                 map[string]string
		want                                string
	}{
		"made":                     {external: made, want: "database shop_db at db.example.com is that of database:staging/shop/shop of team web (present)"},
		"itself":                   {id: "res_5", external: made},
		"aside":                    {external: made, state: pave.ResourceAside, want: "(aside)"},
		"planned before":           {id: "res_4", set: mine, want: "database shop_db"},
		"planned after":            {id: "res_6", set: mine},
		"made after":               {id: "res_6", external: made, want: "database shop_db"},
		"gone, of the team":        {external: made, state: pave.ResourceGone},
		"gone, of another team":    {external: made, state: pave.ResourceGone, team: "api", want: "of team api (gone)"},
		"gone, of the service":     {external: made, state: pave.ResourceGone, team: "api", service: "svc_5"},
		"gone and never made":      {set: mine, state: pave.ResourceGone, team: "api"},
		"another database":         {external: "database:shop_b#shop_c"},
		"the owner alone":          {external: "database:shop_b#shop_owner", want: "owner shop_owner"},
		"the owner alone of mysql": {external: "database:shop_b#shop_owner", engine: "mysql"},
		"other letters":            {external: "database:Shop_DB#x_y", want: "database shop_db"},
		"elsewhere":                {external: made, set: map[string]string{"connection": "otherdb", "host": "other.example.com"}},
		"another port":             {external: made, set: map[string]string{"connection": "otherdb", "port": "5433"}},
		"another way there":        {external: made, set: map[string]string{"connection": "otherdb", "host": "DB.example.com", "port": "5432", "address": "https://v.example.com"}, want: "database shop_db"},
		"another word for it":      {external: made, set: map[string]string{"host": "10.0.0.1", "address": "https://Vault.example.com/"}, want: "database shop_db"},
	} {
		or := func(v *string, other string) {
			if *v == "" {
				*v = other
			}
		}
		or(&c.id, "res_1")
		or(&c.service, "svc_1")
		or(&c.engine, "postgresql")
		or(&c.team, "web")
		or((*string)(&c.state), string(pave.ResourcePresent))
		d := &Logins{Others: func(context.Context) ([]resource.Record, error) {
			return []resource.Record{{ID: c.id, Service: c.service, ExternalID: c.external, State: c.state, Spec: spec(c.engine, c.team, c.set),
				Ref: pave.Ref{Kind: pave.KindDatabase, Env: "staging", Service: "shop", Name: "shop"}}}, nil
		}}
		r := resource.Resource{ID: "res_5", Service: "svc_5", Ref: pave.Ref{Kind: pave.KindDatabase, Env: "production", Service: "shop", Name: "shop"}, Spec: spec("postgresql", "web", mine)}
		b, err := named(r)
		if err != nil {
			t.Fatal(err)
		}
		err = d.claim(t.Context(), r, b)
		if c.want == "" && err != nil || c.want != "" && (pave.CodeOf(err) != pave.Conflict || !strings.Contains(err.Error(), c.want) || !strings.Contains(pave.HintOf(err), "pave bind production")) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Who comes second gets no login, and leaves nothing in Vault; who has one goes on.
func TestTwoOfOneDatabase(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		d := newDesk(t, s, nil)
		first, second := d.fresh(), d.fresh()
		st := d.apply(first)
		record := func(r resource.Resource, external string, state pave.ResourceState) resource.Record {
			return resource.Record{ID: r.ID, Ref: r.Ref, ExternalID: external, State: state, Spec: r.Spec}
		}
		d.others = []resource.Record{record(first, st.ExternalID, pave.ResourcePresent), record(second, second.ExternalID, pave.ResourcePlanned)}
		if _, err := d.Apply(t.Context(), second); pave.CodeOf(err) != pave.Conflict || !strings.Contains(err.Error(), first.Ref.String()) {
			t.Errorf("the second: %v", err)
		}
		if found, err := d.List(t.Context()); err != nil || len(found) != 1 || d.logins() != "1" {
			t.Errorf("%+v, %s logins, %v", found, d.logins(), err)
		}
		first.ExternalID = st.ExternalID
		if st := d.apply(d.with(first, 1)); !st.Ready || d.logins() != "2" {
			t.Errorf("the first goes on: %+v", st)
		}
		if err := d.Delete(t.Context(), second); err != nil {
			t.Error(err)
		}
	})
}

// A name that a service was given gets it nobody else's role, and it can be deleted.
func TestNameOfAnother(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		d := newDesk(t, s, nil)
		for _, c := range []struct{ setting, value, want string }{
			{"owner", "{service}_db_vault", "Vault itself signs in"},
			{"owner", "{service}", "somebody else's"},
			{"database", "{service}", "somebody else's"},
		} {
			before := d.bound.Settings[c.setting]
			d.bound.Settings[c.setting] = c.value
			r := d.fresh()
			if _, err := d.Apply(t.Context(), r); pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s=%s: %v", c.setting, c.value, err)
			}
			if found, err := d.List(t.Context()); err != nil || len(found) != 0 {
				t.Errorf("%s=%s: roles %+v, %v", c.setting, c.value, found, err)
			}
			if err := d.Delete(t.Context(), r); err != nil {
				t.Errorf("%s=%s: %v", c.setting, c.value, err)
			}
			d.bound.Settings[c.setting] = before
		}
	})
}
