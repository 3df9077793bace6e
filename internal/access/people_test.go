package access

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
)

// signedIn is the context of a token.

func signedIn(t *testing.T, a *Access, token string) context.Context {
	t.Helper()
	p, err := a.Authenticate(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return pave.WithPrincipal(t.Context(), p)
}

// admin is the context of a first admin.

func admin(t *testing.T, a *Access) context.Context {
	t.Helper()
	u, err := a.EnsureUser(t.Context(), "root", true)
	if err != nil {
		t.Fatal(err)
	}
	token, err := a.IssueToken(t.Context(), u.ID, "local", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return signedIn(t, a, token.Reveal())
}

// join invites somebody and signs them in.

func join(t *testing.T, a *Access, ctx context.Context, r pave.InviteRequest) string {
	t.Helper()
	inv, err := a.Invite(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	token, err := a.Login(pave.WithPrincipal(t.Context(), pave.Principal{}), strings.ToLower(inv.Code), "laptop")
	if err != nil {
		t.Fatal(err)
	}
	return token.Value
}

func denied(t *testing.T, what string, err error) {
	t.Helper()
	if pave.CodeOf(err) != pave.Denied {
		t.Errorf("%s: %v, want Denied", what, err)
	}
}

func TestInvite(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		a := New(open())
		root := admin(t, a)
		if _, err := a.EnsureTeam(root, "web", "", "run_1"); err == nil {
			t.Fatal("a team without a lead was made")
		}
		p, _ := pave.PrincipalFrom(root)
		if _, err := a.EnsureTeam(root, "web", p.User.ID, "run_1"); err != nil {
			t.Fatal(err)
		}
		lead := signedIn(t, a, join(t, a, root, pave.InviteRequest{Name: "lena", Email: "lena@example.com", Team: "web", Role: "lead"}))
		inv, err := a.Invite(lead, pave.InviteRequest{Name: "dora", Team: "web", Role: "developer"})
		if err != nil || inv.Code == "" {
			t.Fatalf("a lead invites a new user: %+v, %v", inv, err)
		}
		// Whoever is there cannot be signed in as by a lead.
		if again, err := a.Invite(lead, pave.InviteRequest{Name: "dora", Team: "web", Role: "viewer"}); err != nil || again.Code != "" {
			t.Errorf("a lead got a code of an existing user: %+v, %v", again, err)
		}
		_, err = a.Invite(lead, pave.InviteRequest{Name: "eve", Role: "admin"})
		denied(t, "a lead makes an admin", err)
		var won atomic.Int32
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if _, err := a.Login(pave.WithPrincipal(t.Context(), pave.Principal{}), inv.Code, "x"); err == nil {
					won.Add(1)
				} else if pave.CodeOf(err) != pave.Denied {
					t.Errorf("a code used at once: %v", err)
				}
			})
		}
		if group.Wait(); won.Load() != 1 {
			t.Errorf("a code signed in %d times", won.Load())
		}
		for name, r := range map[string]pave.InviteRequest{"name": {Name: "../x", Team: "web", Role: "lead"}, "role": {Name: "x", Team: "web", Role: "boss"},
			"email": {Name: "x", Email: "Mallory <x>", Team: "web", Role: "lead"}, "own role": {Name: "x", Role: "lead"}} {
			if _, err := a.Invite(root, r); pave.CodeOf(err) != pave.Invalid {
				t.Errorf("%s: %v, want Invalid", name, err)
			}
		}
	})
}

func TestScopes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		a := New(open())
		root := admin(t, a)
		shop := Object{Team: "web", Service: "svc_1", Name: "shop"}
		cases := map[string]struct {
			scope, service string
			may            string // permissions, of shop, team, platform, another service
		}{
			"read":    {"read", "", "read:shop read:team read:platform read:other"},
			"write":   {"write", "", "read:shop write:shop read:team write:team read:platform write:platform read:other write:other bring:platform"},
			"service": {"service:shop", "svc_1", "read:shop write:shop read:platform"},
		}
		objects := map[string]Object{"shop": shop, "team": Team("web"), "platform": Platform, "other": {Team: "web", Service: "svc_2", Name: "spare"}}
		for name, c := range cases {
			token, err := a.CreateToken(root, pave.TokenRequest{Name: name, Scope: c.scope, Days: 1}, c.service)
			if err != nil {
				t.Fatal(err)
			}
			ctx := signedIn(t, a, token.Value)
			for on, o := range objects {
				for _, perm := range []Permission{Read, Write, Bring, Lead, Approve, Admin} {
					if perm == Bring && on != "platform" {
						continue
					}
					want := strings.Contains(" "+c.may+" ", " "+string(perm)+":"+on+" ")
					if err := a.May(ctx, perm, o); (err == nil) != want {
						t.Errorf("scope %s may %s %s: %v, want %v", c.scope, perm, on, err, want)
					}
				}
			}
			_, err = a.CreateToken(ctx, pave.TokenRequest{Name: "x", Scope: "write"}, "")
			denied(t, "a scoped token makes another", err)
			p, _ := pave.PrincipalFrom(root)
			denied(t, "a scoped token revokes another", a.DeleteToken(ctx, p.Token))
			if err := a.DeleteToken(ctx, "current"); err != nil {
				t.Errorf("a token revokes itself: %v", err)
			}
			_, err = a.Authenticate(ctx, token.Value)
			denied(t, "a revoked token", err)
		}
		if _, err := a.CreateToken(root, pave.TokenRequest{Name: "x", Scope: "service:shop"}, ""); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("a scope without its service: %v", err)
		}
	})
}

func TestSuspended(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		a := New(open())
		root := admin(t, a)
		token := join(t, a, root, pave.InviteRequest{Name: "sam", Role: "viewer"})
		if _, err := a.Suspend(root, "sam", true); err != nil {
			t.Fatal(err)
		}
		_, err := a.Authenticate(t.Context(), token)
		denied(t, "a suspended user", err)
		inv, err := a.Invite(root, pave.InviteRequest{Name: "sam"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.Login(pave.WithPrincipal(t.Context(), pave.Principal{}), inv.Code, "x")
		denied(t, "a suspended user's code", err)
		if _, err := a.Suspend(root, "sam", false); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Authenticate(t.Context(), token); err != nil {
			t.Errorf("a user who is back: %v", err)
		}
		if _, err := a.Suspend(root, "root", true); pave.CodeOf(err) != pave.Conflict {
			t.Errorf("an admin suspends themselves: %v", err)
		}
	})
}

func TestTeams(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		db := open()
		a := New(db)
		root := admin(t, a)
		p, _ := pave.PrincipalFrom(root)
		for _, name := range []pave.Name{"web", "ops"} {
			if _, err := a.EnsureTeam(root, name, p.User.ID, "run_"+string(name)); err != nil {
				t.Fatal(err)
			}
		}
		rename := func(from, to pave.Name) error {
			team, _, err := a.TeamNamed(root, db, from)
			if err != nil {
				return err
			}
			return db.Tx(root, func(tx *store.Tx) error { return a.RenameTeamTx(root, tx, team, to) })
		}
		if err := rename("web", "shop"); err != nil {
			t.Fatal(err)
		}
		if team, found, err := a.TeamNamed(root, db, "web"); err != nil || !found || team.Name != "shop" {
			t.Errorf("the old name means the team: %+v %v %v", team, found, err)
		}
		if made, err := a.EnsureTeam(root, "web", p.User.ID, "run_2"); err != nil || made {
			t.Errorf("a team was made under a name that another had: %v, %v", made, err)
		}
		for _, to := range []pave.Name{"shop", "web"} {
			if err := rename("ops", to); pave.CodeOf(err) != pave.Conflict {
				t.Errorf("ops became %s: %v", to, err)
			}
		}
		if err := rename("shop", "web"); err != nil {
			t.Errorf("back to the old name: %v", err)
		}
		dora := signedIn(t, a, join(t, a, root, pave.InviteRequest{Name: "dora", Team: "web", Role: "developer"}))
		if seen, err := a.Teams(dora); err != nil || len(seen) != 1 || seen[0].Name != "web" {
			t.Errorf("a developer sees %+v, %v; want their own team", seen, err)
		}
		for _, team := range []string{"ops", "nobodys"} {
			if _, err := a.Members(dora, team); pave.CodeOf(err) != pave.NotFound {
				t.Errorf("members of %s: %v, want NotFound", team, err)
			}
		}
		denied(t, "a developer adds a member", a.SetMember(dora, pave.Member{User: "dora", Team: "web", Role: "lead"}))
		if err := a.SetMember(root, pave.Member{User: "dora", Team: "web", Role: "lead"}); err != nil {
			t.Fatal(err)
		}
		if got, err := a.Members(root, "web"); err != nil || len(got) != 2 || got[0] != (pave.Member{User: "dora", Team: "web", Role: "lead"}) {
			t.Errorf("members: %+v, %v", got, err)
		}
		if err := a.RemoveMember(root, "web", "dora"); err != nil {
			t.Fatal(err)
		}
		if err := a.RemoveMember(root, "web", "dora"); pave.CodeOf(err) != pave.NotFound {
			t.Errorf("removed twice: %v", err)
		}
	})
}

// Nothing is done that cannot be written down: each change with the audit log away.

func TestNoAuditNoEffect(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		db := open()
		a := New(db)
		root := admin(t, a)
		p, _ := pave.PrincipalFrom(root)
		if _, err := a.EnsureTeam(root, "web", p.User.ID, "run_1"); err != nil {
			t.Fatal(err)
		}
		join(t, a, root, pave.InviteRequest{Name: "dora", Team: "web", Role: "developer"})
		inv, err := a.Invite(root, pave.InviteRequest{Name: "kim"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(root, `ALTER TABLE audit RENAME TO audit_away`); err != nil {
			t.Fatal(err)
		}
		tables := []string{"users", "members", "tokens", "policies", "team_names", "codes", "teams"}
		count := func() (n [7]int) {
			for i, table := range tables {
				if err := db.QueryRow(root, `SELECT COUNT(*) FROM `+table).Scan(&n[i]); err != nil {
					t.Fatal(err)
				}
			}
			return n
		}
		before := count()
		team, _, err := a.TeamNamed(root, db, "web")
		if err != nil {
			t.Fatal(err)
		}
		for what, f := range map[string]func() error{
			"invite":        func() error { _, err := a.Invite(root, pave.InviteRequest{Name: "eve"}); return err },
			"suspend":       func() error { _, err := a.Suspend(root, "dora", true); return err },
			"set member":    func() error { return a.SetMember(root, pave.Member{User: "dora", Team: "web", Role: "lead"}) },
			"remove member": func() error { return a.RemoveMember(root, "web", "dora") },
			"create token": func() error {
				_, err := a.CreateToken(root, pave.TokenRequest{Name: "x", Scope: "read"}, "")
				return err
			},
			"delete token": func() error { return a.DeleteToken(root, "current") },
			"set policy":   func() error { _, err := a.SetPolicy(root, ""); return err },
			"login": func() error {
				_, err := a.Login(pave.WithPrincipal(t.Context(), pave.Principal{}), inv.Code, "x")
				return err
			},
			"rename team": func() error {
				return db.Tx(root, func(tx *store.Tx) error { return a.RenameTeamTx(root, tx, team, "shop") })
			},
		} {
			if f() == nil {
				t.Errorf("%s went through without a row", what)
			}
		}
		if after := count(); after != before {
			t.Errorf("rows of %v: %v, before %v", tables, after, before)
		}
		users, err := a.Users(root)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range users {
			if !u.Suspended.IsZero() {
				t.Errorf("%s was suspended", u.Name)
			}
		}
	})
}

func TestDevices(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		db := open()
		a := New(db)
		root := admin(t, a)
		nobody := pave.WithPrincipal(t.Context(), pave.Principal{Address: "127.0.0.1:9"})
		inv, err := a.Invite(root, pave.InviteRequest{Name: "dora"})
		if err != nil {
			t.Fatal(err)
		}
		d, err := a.StartDevice(nobody, "lap\x1b[31mtop")
		if err != nil {
			t.Fatal(err)
		}
		if name, from, err := a.Waiting(nobody, strings.ToLower(strings.ReplaceAll(d.Code, "-", ""))); err != nil || name != "lap[31mtop" || from != "127.0.0.1:9" {
			t.Errorf("who waits: %q %q %v", name, from, err)
		}
		if _, err := a.DeviceToken(nobody, d.Secret); pave.CodeOf(err) != pave.Unavailable {
			t.Errorf("nobody signed it in: %v", err)
		}
		denied(t, "a wrong proof", a.ApproveDevice(nobody, d.Code, "AAAA-AAAA-AAAA-AAAA"))
		narrow, err := a.CreateToken(root, pave.TokenRequest{Name: "x", Scope: "read"}, "")
		if err != nil {
			t.Fatal(err)
		}
		denied(t, "a scoped token signs nobody in", a.ApproveDevice(nobody, d.Code, narrow.Value))
		if err := a.ApproveDevice(nobody, "XXXX-XXXX", inv.Code); pave.CodeOf(err) != pave.NotFound {
			t.Errorf("a wrong device code: %v", err)
		}
		if err := a.ApproveDevice(nobody, d.Code, inv.Code); err != nil {
			t.Fatalf("the code is not used up by a mistake: %v", err)
		}
		token, err := a.DeviceToken(nobody, d.Secret)
		if err != nil || token.User != "dora" {
			t.Fatalf("%+v, %v", token.Token, err)
		}
		_, err = a.DeviceToken(nobody, d.Secret)
		denied(t, "a second token", err)
		late, err := a.StartDevice(nobody, "x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(root, `UPDATE devices SET expires = 1`); err != nil {
			t.Fatal(err)
		}
		_, err = a.DeviceToken(nobody, late.Secret)
		denied(t, "too late", err)
	})
}

func TestAuditFilter(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		db := open()
		a := New(db)
		root := admin(t, a)
		for _, row := range [][2]string{{"deploy", "service:shop"}, {"delete service", "service:shop"}, {"add member", "team:web"}} {
			if err := db.Tx(root, func(tx *store.Tx) error { return a.AuditTx(root, tx, row[0], row[1], "") }); err != nil {
				t.Fatal(err)
			}
		}
		for name, c := range map[string]struct {
			f    pave.AuditFilter
			want int
		}{
			"all": {pave.AuditFilter{}, 3}, "name": {pave.AuditFilter{Actor: "root"}, 3}, "nobody": {pave.AuditFilter{Actor: "eve"}, 0},
			"action": {pave.AuditFilter{Action: "de"}, 2}, "object": {pave.AuditFilter{Object: "shop"}, 2}, "kind": {pave.AuditFilter{Object: "team:web"}, 1},
			"since": {pave.AuditFilter{Since: time.Now().Add(time.Hour)}, 0}, "wildcard": {pave.AuditFilter{Action: "%"}, 0}, "both": {pave.AuditFilter{Actor: "root", Object: "web"}, 1},
		} {
			rows, err := a.Audit(root, c.f)
			if err != nil || len(rows) != c.want {
				t.Errorf("%s: %d rows, %v; want %d", name, len(rows), err, c.want)
			}
			for _, r := range rows {
				if r.User != "root" {
					t.Errorf("%s: the actor has no name: %+v", name, r)
				}
			}
		}
	})
}

// TestDocs: the policies that the docs show can be read and say what is said of them.

// hostile are texts of policies that are deep or long.

// TestHostilePolicy: deep texts are read or refused, in time.

// FuzzPolicy: no text of policies ends the server, to read or to ask.
