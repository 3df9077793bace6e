package scripts

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
)

// host serves the git repository in a folder over HTTP until the story ends, to who
// signs in as dev with the password pvcnry-host, and puts its URL in a variable:
//
//	host VARIABLE FOLDER
func host(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: host VARIABLE FOLDER")
	}
	bare := ts.MkAbs(args[1]) + ".bare"
	if out, err := exec.Command("git", "clone", "-q", "--bare", ts.MkAbs(args[1]), bare).CombinedOutput(); err != nil {
		ts.Fatalf("%v\n%s", err, out)
	}
	handler := git.NewHandler(slog.New(slog.DiscardHandler), git.Hooks{
		Authorize: func(r *http.Request, _ string, _ bool) (string, error) {
			if user, password, _ := r.BasicAuth(); user != "dev" || password != "pvcnry-host" {
				return "", pave.Errorf(pave.Denied, "sign in first")
			}
			return "dev", nil
		},
		Open: func(context.Context, string) (string, error) { return bare, nil },
		Env:  func(*http.Request, string, string) []string { return nil },
	})
	s := httptest.NewServer(http.StripPrefix("/git", handler))
	ts.Defer(s.Close)
	ts.Setenv(args[0], s.URL+"/git/paths.git")
	ts.Setenv(args[0]+"_LOGIN", strings.Replace(s.URL, "http://", "http://dev:pvcnry-host@", 1))
}
