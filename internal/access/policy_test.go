package access

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
)

func TestPolicy(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		db := open()
		a := New(db)
		root := admin(t, a)
		service := Object{Team: "web", Service: "svc_1", Name: "shop"}
		dev := pave.WithPrincipal(t.Context(), pave.Principal{User: pave.User{ID: "usr_d", Name: "dora"}, Teams: []pave.Membership{{Team: "web", Role: "developer"}}})
		lead := pave.WithPrincipal(t.Context(), pave.Principal{User: pave.User{ID: "usr_l", Name: "lena"}, Teams: []pave.Membership{{Team: "web", Role: "lead"}}})
		set := func(more string) error {
			_, err := a.SetPolicy(root, defaultPolicy+more)
			return err
		}
		mine := service
		mine.Requester, mine.Env = "usr_l", "production"
		denied(t, "one's own request", a.May(lead, Approve, mine))
		mine.Requester = "usr_d"
		if err := a.May(lead, Approve, mine); err != nil {
			t.Errorf("another's request: %v", err)
		}
		denied(t, "a developer approves", a.May(dev, Approve, mine))

		if err := set(`@id("freeze") forbid (principal, action == Action::"deploy", resource) when { context.environment == "production" };`); err != nil {
			t.Fatal(err)
		}
		denied(t, "frozen", a.May(dev, Write, service.For("deploy", "production")))
		if err := a.May(dev, Write, service.For("deploy", "staging")); err != nil {
			t.Errorf("not frozen: %v", err)
		}
		d, err := a.Why(dev, Write, service.For("deploy", "production"))
		if err != nil || d.Allowed || len(d.Why) != 1 || d.Why[0] != "freeze" {
			t.Errorf("why: %+v, %v", d, err)
		}
		// What forbids and cannot be evaluated forbids.
		denied(t, "no environment to compare with", a.May(dev, Write, service.For("deploy", "")))

		for name, text := range map[string]string{"syntax": "permit (", "twice": `@id("admin") permit (principal, action, resource);`,
			"lock out": `forbid (principal, action == Action::"admin", resource);`, "broken lock": `forbid (principal, action, resource) when { context.nothing == 1 };`} {
			if err := set("\n" + text); pave.CodeOf(err) != pave.Invalid {
				t.Errorf("%s: %v, want Invalid", name, err)
			}
		}
		denied(t, "the last good text serves", a.May(dev, Write, service.For("deploy", "production")))

		// A text that an older or newer pave wrote and this one cannot read.
		if _, err := db.Exec(root, `INSERT INTO policies (seq, text, actor, created) VALUES (99, 'permit (', 'x', 1)`); err != nil {
			t.Fatal(err)
		}
		again := New(db)
		denied(t, "the one before serves", again.May(dev, Write, service.For("deploy", "production")))
		if view, err := again.Policy(root); err != nil || view.Error == "" {
			t.Errorf("it says so: %+v, %v", view.Error, err)
		}
		_, err = a.SetPolicy(dev, "")
		denied(t, "a developer sets the policies", err)
	})
}

func TestDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/platform/2-people.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "<<'CEDAR'\n")
	text, _, _ := strings.Cut(rest, "CEDAR\n")
	set, err := parsePolicy(defaultPolicy + text)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	shop := Object{Team: "web", Service: "svc_1", Name: "shop"}
	dev := pave.Principal{User: pave.User{ID: "usr_d"}, Teams: []pave.Membership{{Team: "web", Role: "developer"}}}
	lead := pave.Principal{User: pave.User{ID: "usr_l"}, Teams: []pave.Membership{{Team: "web", Role: "lead"}}}
	other := pave.Principal{User: pave.User{ID: "usr_o"}}
	for i, c := range []struct {
		who  pave.Principal
		perm Permission
		o    Object
		want bool
	}{{other, Read, shop, true}, {other, Write, shop, false}, {dev, Write, shop.For("deploy", "staging"), true},
		{dev, Write, shop.For("deploy", "production"), false}, {lead, Write, shop.For("deploy", "production"), true}} {
		if got, why := judge(set, c.who, c.perm, c.o); got != c.want {
			t.Errorf("case %d: %v by %v", i, got, why)
		}
	}
}

func BenchmarkMay(b *testing.B) {
	set, err := parsePolicy(defaultPolicy)
	if err != nil {
		b.Fatal(err)
	}
	p := pave.Principal{User: pave.User{ID: "usr_d", Name: "dora"}, Teams: []pave.Membership{{Team: "web", Role: "developer"}, {Team: "ops", Role: "lead"}}}
	for b.Loop() {
		judge(set, p, Write, Object{Team: "web", Service: "svc_1", Name: "shop", Verb: "deploy", Env: "production"})
	}
}

func hostile(n int) []string {
	when := func(text string) string { return "permit (principal, action, resource) when { " + text + " };" }
	return []string{when(strings.Repeat("(", n) + "true" + strings.Repeat(")", n)), when(strings.Repeat("!", n) + "true"), when(strings.Repeat("[", n)),
		when(strings.Repeat("if true then ", n/5)), when("context" + strings.Repeat(".a", n)), when("context.a like \"" + strings.Repeat("*a", n) + "\""), "permit ("}
}

func TestHostilePolicy(t *testing.T) {
	t.Parallel()
	for i, text := range append(hostile(20000), strings.Repeat(" ", maxPolicy+1)) {
		begin := time.Now()
		set, err := parsePolicy(text)
		if err == nil {
			judge(set, pave.Principal{User: pave.User{ID: "usr_d"}}, Write, Team("web"))
		} else if pave.CodeOf(err) != pave.Invalid {
			t.Errorf("text %d: %v", i, err)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("text %d took %s", i, took)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add(defaultPolicy)
	for _, text := range hostile(5) {
		f.Add(text)
	}
	p := pave.Principal{User: pave.User{ID: "usr_d", Name: "dora"}, Teams: []pave.Membership{{Team: "web", Role: "lead"}}}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := parsePolicy(text)
		if err != nil {
			if pave.CodeOf(err) != pave.Invalid {
				t.Errorf("%v", err)
			}
			return
		}
		judge(set, p, Write, Object{Team: "web", Service: "svc_1", Name: "shop", Verb: "deploy", Env: "production"})
	})
}
