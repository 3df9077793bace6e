package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/pave-platform/pave"
)

func TestHomeOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("takes root to give folders away")
	}
	cases := map[string]struct {
		reason string
		set    func(home string) error
		want   pave.Code
	}{
		"own":     {"ours is taken", func(string) error { return nil }, ""},
		"home":    {"its owner could replace all in it", func(home string) error { return os.Chown(home, 70042, 70042) }, pave.Denied},
		"hooks":   {"its owner could have root run a hook", func(home string) error { return os.Chown(home+"/hooks", 70042, 70042) }, pave.Denied},
		"link":    {"its owner could lead it elsewhere later", func(home string) error { return relink(home, 70042) }, pave.Denied},
		"ownlink": {"a home may lie on another disk", func(home string) error { return relink(home, 0) }, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{Home: filepath.Join(t.TempDir(), "home")}
			if err := cfg.prepare(); err != nil {
				t.Fatal(err)
			}
			if err := c.set(cfg.Home); err != nil {
				t.Fatal(err)
			}
			if err := cfg.prepare(); err == nil && c.want != "" || err != nil && pave.CodeOf(err) != c.want {
				t.Errorf("%s: %v, want %q", c.reason, err, c.want)
			}
		})
	}
}

func relink(home string, owner int) error {
	if err := os.Rename(home, home+"-real"); err != nil {
		return err
	}
	if err := os.Symlink(home+"-real", home); err != nil {
		return err
	}
	return os.Lchown(home, owner, owner)
}

// Who takes the port of a server that died and says the right words gets no token.
func TestImpostorIsNotAlive(t *testing.T) {
	t.Parallel()
	asked := false
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked = true
		fmt.Fprintln(w, "ok 1")
	}))
	defer srv.Close()
	cfg := Config{Home: t.TempDir()}
	if err := cfg.writeState(State{PID: 1 << 30, URL: srv.URL, Token: "pave_x", Version: "1"}); err != nil {
		t.Fatal(err)
	}
	if s, err := Find(t.Context(), cfg); pave.CodeOf(err) != pave.Unavailable || asked {
		t.Errorf("found %v at the address of an impostor: %v", s.URL, err)
	}
}
