package terraform

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

func TestGuarded(t *testing.T) {
	t.Parallel()
	r := resource.Resource{Ref: pave.Ref{Kind: pave.KindDatabase, Env: "staging", Service: "shop", Name: "shop"}}
	for _, c := range []struct {
		mapped string
		output Output
		want   string // in the error; "" for none
	}{
		{"protected", Output{Value: true}, "its module says so"},
		{"protected", Output{Value: "nobody named it"}, "nobody named it"},
		{"protected", Output{Value: "pvcnry", Sensitive: true}, "its module says so"},
		{"protected", Output{Value: false}, ""},
		{"protected", Output{Value: ""}, ""},
		{"protected", Output{}, ""},
		{"", Output{Value: true}, ""},
		{"other", Output{Value: true}, ""},
	} {
		o := Order{Module: pave.Module{Outputs: map[string]string{"protected": c.mapped}}}
		err := o.Guarded(r, map[string]Output{"protected": c.output})
		if c.want == "" && err != nil || c.want != "" && (pave.CodeOf(err) != pave.Policy || !strings.HasSuffix(fmt.Sprint(err), c.want)) {
			t.Errorf("%+v: %v, want %q", c, err, c.want)
		}
	}
}

// A module that was bound since has not said whether it protects; what never had an address
// is taken back.
func TestGuardedUnsaid(t *testing.T) {
	t.Parallel()
	r := resource.Resource{Ref: pave.Ref{Kind: pave.KindDatabase, Env: "staging", Service: "shop", Name: "shop"}}
	o := Order{Module: pave.Module{Outputs: map[string]string{"protected": "protected", "host": "address", "user": "username"}}}
	for name, c := range map[string]struct {
		outputs map[string]Output
		policy  bool
	}{
		"nothing yet":          {nil, false},
		"half way":             {map[string]Output{"username": {Value: "x"}, "address": {}}, false},
		"of the module before": {map[string]Output{"username": {Value: "x"}, "address": {Value: "db.example.com"}}, true},
		"null":                 {map[string]Output{"protected": {}, "address": {Value: "db.example.com"}}, true},
		"false":                {map[string]Output{"protected": {Value: false}, "address": {Value: "db.example.com"}}, false},
		"an empty text":        {map[string]Output{"protected": {Value: ""}, "address": {Value: "db.example.com"}}, false},
	} {
		err := o.Guarded(r, c.outputs)
		if c.policy != (pave.CodeOf(err) == pave.Policy) || c.policy != (err != nil) || c.policy && !strings.Contains(pave.HintOf(err), "pave heal shop") {
			t.Errorf("%s: %v (hint %q)", name, err, pave.HintOf(err))
		}
	}
}

// The state has the last word: also where what was written down beside it is lost, and
// where it is elsewhere, nothing of what is protected is destroyed.
func TestProtected(t *testing.T) {
	g := newRig(t)
	s := newStateServer(t)
	for name, m := range map[string]pave.Module{"here": g.bind, "elsewhere": g.away(t, s)} {
		t.Run(name, func(t *testing.T) {
			protected := m
			protected.Outputs = map[string]string{"host": "address", "port": "port", "name": "database", "user": "username", "password": "password", wordProtected: "username"}
			r := with(g.fresh(), protected)
			if _, err := g.Apply(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			there := func() string {
				return g.query(t, "SELECT count(*) FROM pg_roles WHERE rolname = '"+r.ExternalID+"'") + " " +
					g.query(t, "SELECT count(*) FROM pg_database WHERE datname = '"+r.ExternalID+"'")
			}
			if _, err := g.Diff(t.Context(), r); pave.CodeOf(err) != pave.Policy {
				t.Errorf("a plan: %v", err)
			}
			if err := os.Remove(filepath.Join(g.folder(r.ID), outputsFile)); err != nil {
				t.Fatal(err)
			}
			if err := g.Delete(t.Context(), r); pave.CodeOf(err) != pave.Policy || there() != "1 1" {
				t.Errorf("%v, there are %s", err, there())
			}
			if st, err := g.Observe(t.Context(), r); err != nil || !st.Ready {
				t.Errorf("refused, it is %+v, %v", st, err)
			}
			if err := g.Delete(t.Context(), with(r, m)); err != nil || there() != "0 0" {
				t.Errorf("not protected: %v, there are %s", err, there())
			}
		})
	}
}

// What a state gives out is known further on where terraform cannot say it.
func TestOutputsKept(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{"output": outputScript, "apply": applyScript} {
		dir := t.TempDir()
		program := filepath.Join(dir, "terraform")
		fails := "#!/bin/sh\n[ $1 != output ] || exit 1\n"
		if err := errors.Join(os.Mkdir(filepath.Join(dir, "module"), 0o700), os.WriteFile(program, []byte(fails), 0o700),
			os.WriteFile(filepath.Join(dir, outputsFile), []byte("{}"), 0o600)); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"{}", "new"} {
			cmd := exec.Command("/bin/sh", "-c", script)
			cmd.Dir, cmd.Env = filepath.Join(dir, "module"), append(os.Environ(), "TERRAFORM="+program, "REMOTE=")
			err := cmd.Run()
			got, readErr := os.ReadFile(filepath.Join(dir, outputsFile))
			if (err == nil) != (want == "new") || readErr != nil || strings.TrimSpace(string(got)) != want {
				t.Errorf("%s: %v, outputs are %q (%v), want %s", name, err, got, readErr, want)
			}
			if err := os.WriteFile(program, []byte("#!/bin/sh\n[ $1 != output ] || echo new\n"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
}
