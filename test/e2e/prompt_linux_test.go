package e2e_test

import (
	"context"
	"strings"
	"testing"

	"github.com/pave-platform/pave/test/world"
)

// At a terminal what is missing is asked for, what is wrong is said, and Ctrl-C leaves
// nothing behind.
func TestPrompts(t *testing.T) {
	t.Parallel()
	h := world.New(t)
	t.Run("create", func(t *testing.T) { askedCreate(t, h) })
	t.Run("adopt", func(t *testing.T) { askedAdopt(t, h) })
	t.Run("interrupt", func(t *testing.T) { interrupted(t, h) })
	t.Run("nobody is asked", func(t *testing.T) { notAsked(t, h) })
	check(t, h, world.Service{Name: "shop"}, world.Service{Name: "site"})
}

func askedCreate(t *testing.T, h *world.Home) {
	c := h.Terminal(t, "/", "create", "service", "--database", "none")
	c.Expect("Template [")
	c.Type("fixtur\n")
	c.Expect("did you mean fixture?")
	c.Expect("Template [")
	c.Type("fixture\n")
	c.Expect("Name: ")
	c.Type("\n")
	c.Expect("a value is needed")
	c.Type("Not_A_Name\n")
	c.Expect(`name "Not_A_Name"`)
	c.Type("shop\n")
	c.Expect("Team")
	c.Type("web\n")
	c.Expect("Environments [staging]: ")
	c.Type("nowhere\n")
	c.Expect("there are staging, production")
	c.Type("\n")
	c.Expect("binary: ")
	c.Type(h.Binaries.Fixture + "\n")
	code, shown, out := c.Wait()
	if code != 0 || !strings.Contains(out, `Service "shop" is live`) || strings.Contains(out, "Template [") {
		t.Errorf("code %d, terminal:\n%s\nstdout:\n%s", code, shown, out)
	}
	h.Expect("create service", "shop")
}

func askedAdopt(t *testing.T, h *world.Home) {
	dir := t.TempDir()
	pipeline := "version: 1\nrun: []\nready: /health/ready\n"
	if err := h.Repository(dir, ".pave/pipeline.yaml", pipeline); err != nil {
		t.Fatal(err)
	}
	c := h.Terminal(t, dir, "adopt", ".", "--name", "site")
	c.Expect("Team [web]: ")
	c.Type("\n")
	c.Expect("Environments [staging]: ")
	c.Type("1\n")
	c.Expect("nothing in the repository says how the service is built and run")
	c.Expect("Start command: ")
	c.Type(h.Binaries.Fixture + "\n")
	c.Expect("Plan: adopt site")
	c.Expect("given by --command")
	c.Expect("Go on? [Y/n] ")
	c.Type("y\n")
	code, shown, out := c.Wait()
	if code != 0 || !strings.Contains(out, `Service "site" is live`) {
		t.Errorf("code %d, terminal:\n%s\nstdout:\n%s", code, shown, out)
	}
	h.Expect("adopt", "site")

	c = h.Terminal(t, dir, "adopt", ".", "--name", "other", "--team", "web", "--command", h.Binaries.Fixture)
	c.Expect("Go on? [Y/n] ")
	c.Type("n\n")
	if code, shown, _ := c.Wait(); code != 2 || !strings.Contains(shown, "declined, nothing was changed") {
		t.Errorf("code %d, terminal:\n%s", code, shown)
	}
}

func interrupted(t *testing.T, h *world.Home) {
	for _, at := range []string{"Template [", "Name: ", "Team"} {
		c := h.Terminal(t, "/", "create", "service")
		for _, step := range [][2]string{{"Template [", "fixture\n"}, {"Name: ", "gone\n"}, {"Team", ""}} {
			c.Expect(step[0])
			if step[0] == at {
				break
			}
			c.Type(step[1])
		}
		c.Type("\x03")
		if code, shown, out := c.Wait(); code != 130 || out != "" {
			t.Errorf("at %q: code %d, terminal:\n%s\nstdout:\n%s", at, code, shown, out)
		}
	}
	c := h.Terminal(t, "/", "create", "service")
	c.Expect("Template [")
	c.Type("\x04") // the end of what is typed
	if code, shown, _ := c.Wait(); code != 2 {
		t.Errorf("code %d, terminal:\n%s", code, shown)
	}
}

func notAsked(t *testing.T, h *world.Home) {
	for _, args := range [][]string{{"--yes"}, {"--json", "id"}, {"--jq", "."}, {"-o", "name"}} {
		c := h.Terminal(t, "/", append([]string{"create", "service"}, args...)...)
		if code, shown, _ := c.Wait(); code != 2 || !strings.Contains(shown, "needs --name, --template, --team") {
			t.Errorf("%v: code %d, terminal:\n%s", args, code, shown)
		}
	}
	if out, err := h.Command(context.Background(), "create", "service"); err == nil || !strings.Contains(out, "needs --name, --template, --team") {
		t.Errorf("without a terminal: %v, %s", err, out)
	}
}
