package access

import (
	"context"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func as(ctx context.Context, u pave.User) context.Context {
	return pave.WithPrincipal(ctx, pave.Principal{User: u, Token: "tok_1", Address: "127.0.0.1:1", Request: "req_1"})
}

// asMember is as with the user's teams, as Authenticate finds them.
func asMember(t *testing.T, a *Access, u pave.User) context.Context {
	t.Helper()
	teams, err := a.memberships(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	return pave.WithPrincipal(t.Context(), pave.Principal{User: u, Teams: teams, Token: "tok_1"})
}

func TestTokens(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		ctx, a := t.Context(), New(open())
		u, err := a.EnsureUser(ctx, "ada", true)
		if err != nil {
			t.Fatal(err)
		}
		again, err := a.EnsureUser(ctx, "ada", false)
		if err != nil || again.ID != u.ID || !again.Admin {
			t.Errorf("a user is made once: %+v, %v", again, err)
		}
		issue := func(label string, end time.Time) string {
			token, err := a.IssueToken(ctx, u.ID, label, end)
			if err != nil {
				t.Fatal(err)
			}
			return token.Reveal()
		}
		good, expired, revoked := issue("good", time.Time{}), issue("expired", time.Now().Add(-time.Second)), issue("revoked", time.Time{})
		if err := a.RevokeLabel(ctx, "revoked"); err != nil {
			t.Fatal(err)
		}
		if p, err := a.Authenticate(ctx, good); err != nil || p.User.ID != u.ID || !p.User.Admin || p.Token == "" {
			t.Errorf("a good token is its user: %+v, %v", p, err)
		}
		for why, token := range map[string]string{"expired": expired, "revoked": revoked, "empty": "", "cut": good[:len(good)-1],
			"other case": "PAVE_" + good[5:], "long": good + string(make([]byte, 300)), "hash": hashToken(good)} {
			if p, err := a.Authenticate(ctx, token); pave.CodeOf(err) != pave.Denied || p.User.ID != "" {
				t.Errorf("%s: got %+v, %v; want Denied", why, p, err)
			}
		}
	})
}

func TestMay(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		db := open()
		ctx, a := t.Context(), New(db)
		users := map[string]pave.User{}
		for _, name := range []string{"admin", "lead", "stranger"} {
			u, err := a.EnsureUser(ctx, name, name == "admin")
			if err != nil {
				t.Fatal(err)
			}
			users[name] = u
		}
		if made, err := a.EnsureTeam(ctx, "web", users["lead"].ID, "run_1"); err != nil || !made {
			t.Fatal(made, err)
		}
		if made, err := a.EnsureTeam(ctx, "web", users["stranger"].ID, "run_2"); err != nil || made {
			t.Errorf("a team is made once: %v, %v", made, err)
		}
		for _, role := range []string{"viewer", "developer"} {
			u, err := a.EnsureUser(ctx, role, false)
			if err != nil {
				t.Fatal(err)
			}
			users[role] = u
			if _, err := db.Exec(ctx, `INSERT INTO members (team_id, user_id, role) SELECT id, $1, $2 FROM teams`, u.ID, role); err != nil {
				t.Fatal(err)
			}
		}
		may := map[string][]Permission{"admin": {Public, Read, Write, Lead, Admin}, "lead": {Public, Read, Write, Lead},
			"developer": {Public, Read, Write}, "viewer": {Public, Read}, "stranger": {Public}}
		for name, allowed := range may {
			for _, perm := range []Permission{Public, Read, Write, Lead, Admin} {
				want := false
				for _, p := range allowed {
					want = want || p == perm
				}
				if err := a.May(asMember(t, a, users[name]), perm, Team("web")); (err == nil) != want {
					t.Errorf("%s may %s: %v, want %v", name, perm, err, want)
				}
			}
		}
		if err := a.May(as(ctx, pave.User{}), Read, Team("web")); pave.CodeOf(err) != pave.Denied {
			t.Errorf("nobody may read nothing: %v", err)
		}
		if removed, err := a.RemoveTeamMadeBy(ctx, "web", "run_2"); err != nil || removed {
			t.Errorf("only the run that made a team takes it back: %v, %v", removed, err)
		}
		if removed, err := a.RemoveTeamMadeBy(ctx, "web", "run_1"); err != nil || !removed {
			t.Errorf("the run that made a team takes it back: %v, %v", removed, err)
		}
	})
}

func TestAuditChain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		db := open()
		a := New(db)
		ctx := as(t.Context(), pave.User{ID: "usr_1", Name: "ada"})
		write := func(action string) {
			err := db.Tx(ctx, func(tx *store.Tx) error { return a.AuditTx(ctx, tx, action, "service:shop", "x") })
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, action := range []string{"create service", "deploy", "undo", "delete service"} {
			write(action)
		}
		rolledBack := db.Tx(ctx, func(tx *store.Tx) error {
			if err := a.AuditTx(ctx, tx, "never", "service:shop", ""); err != nil {
				return err
			}
			return pave.Errorf(pave.Conflict, "no effect")
		})
		if pave.CodeOf(rolledBack) != pave.Conflict {
			t.Fatal(rolledBack)
		}
		rows, err := a.Audit(ctx, pave.AuditFilter{After: 1, Limit: 2})
		if err != nil || len(rows) != 2 || rows[0].Action != "deploy" || rows[0].Actor != "usr_1" || rows[0].Request != "req_1" {
			t.Errorf("rows after the first: %+v, %v", rows, err)
		}
		if broken, err := a.VerifyAudit(ctx); err != nil || broken.Broken != 0 || broken.Rows != 4 {
			t.Errorf("an untouched chain holds: %+v, %v", broken, err)
		}
		for how, sql := range map[string]string{"changed": `UPDATE audit SET actor = 'usr_2' WHERE seq = 3`, "deleted": `DELETE FROM audit WHERE seq = 3`} {
			if _, err := db.Exec(ctx, sql); err != nil {
				t.Fatal(err)
			}
			if broken, err := a.VerifyAudit(ctx); err != nil || broken.Broken != 3 {
				t.Errorf("a row that was %s is found: %+v, %v", how, broken, err)
			}
		}
		if _, err := db.Exec(ctx, `DELETE FROM audit WHERE seq >= 3`); err != nil {
			t.Fatal(err)
		}
		if broken, err := a.VerifyAudit(ctx); err != nil || broken.Broken != 3 {
			t.Errorf("a cut end is found: %+v, %v", broken, err)
		}
	})
}

func TestDeed(t *testing.T) {
	t.Parallel()
	service := Object{Service: "svc_1", Name: "shop", Team: "web"}
	for _, c := range []struct {
		perm Permission
		verb string
		of   Object
		want string
	}{
		{Write, "scale", service, `scale service "shop"`},
		{Write, "delete service", service, `delete service "shop"`},
		{Write, "set variable", service, `set variable for service "shop"`},
		{Write, "create service", Object{Team: "web"}, `create service for team "web"`},
		{Admin, "", Platform, "administer the platform"},
	} {
		c.of.Verb = c.verb
		if got := deed(c.perm, c.of); got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.perm, c.verb, got, c.want)
		}
	}
}
