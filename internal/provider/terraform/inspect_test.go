package terraform

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
)

const module = "../../../test/terraform/modules/postgres"

func TestInspect(t *testing.T) {
	t.Parallel()
	found, err := inspect(os.DirFS(module))
	if err != nil {
		t.Fatal(err)
	}
	m, found, err := resolve(found, pave.BindRequest{Set: map[string]string{"connections": "15"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := pave.Module{Set: map[string]any{"connections": float64(15)},
		Fill:    map[string]string{"name": "name", "pave_id": "id", "environment": "environment", "tags": "tags"},
		Outputs: map[string]string{"host": "address", "port": "port", "name": "database", "user": "username", "password": "password"}}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(pave.ModuleInput{Name: "connections", Type: "number", Description: "at the same time; -1 is any number",
		Rules: []string{"A service needs at least 5 connections."}, From: "set"}, found.Inputs[0]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(pave.ModuleOutput{Name: "password", Sensitive: true, As: "password"}, found.Outputs[2]); diff != "" {
		t.Error(diff)
	}
}

// What is wrong with a module or a binding is told with its name and a way on.
func TestRefused(t *testing.T) {
	t.Parallel()
	ok := `variable "size" {}` + "\n" + `output "url" { value = 1 }`
	for name, c := range map[string]struct {
		main string
		r    pave.BindRequest
		want string
	}{
		"no syntax":      {`variable "a" {`, pave.BindRequest{}, "main.tf:1"},
		"nothing fills":  {ok, pave.BindRequest{}, "input size has no default"},
		"no such input":  {ok, pave.BindRequest{Set: map[string]string{"sise": "1"}}, `"sise"`},
		"no such word":   {ok, pave.BindRequest{Fill: map[string]string{"size": "nam"}}, `"nam"`},
		"no such output": {ok, pave.BindRequest{Set: map[string]string{"size": "1"}, Outputs: map[string]string{"url": "uri"}}, `"uri"`},
		"no address":     {`output "id" { value = 1 }`, pave.BindRequest{}, "neither"},
		"a secret that is shown": {`variable "p" { sensitive = true }` + "\n" + `output "url" { value = 1 }`,
			pave.BindRequest{Set: map[string]string{"p": "pvcnry_x"}}, "is sensitive"},
	} {
		found, err := inspect(fstest.MapFS{"main.tf": {Data: []byte(c.main)}})
		if err == nil {
			_, _, err = resolve(found, c.r, nil)
		}
		want := strings.Replace(c.want, "neither", "no output of the module is a url or a host", 1)
		if pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), want) || pave.HintOf(err) == "" || strings.Contains(err.Error(), "pvcnry") {
			t.Errorf("%s: %v (hint %q), want %s", name, err, pave.HintOf(err), want)
		}
	}
}

func TestPlanLines(t *testing.T) {
	t.Parallel()
	lines, err := planLines([]byte(`{"resource_changes": [
		{"address": "a.new", "mode": "managed", "change": {"actions": ["create"], "after": {"x": 1}}},
		{"address": "a.old", "mode": "managed", "change": {"actions": ["delete"], "before": {"x": 1}}},
		{"address": "a.same", "mode": "managed", "change": {"actions": ["no-op"]}},
		{"address": "data.a.read", "mode": "data", "change": {"actions": ["read"]}},
		{"address": "a.change", "mode": "managed", "change": {"actions": ["update"], "before": {"n": 1, "p": "pvcnry_1", "l": [1], "s": "same"},
			"after": {"n": 2, "p": "pvcnry_2", "l": [2], "s": "same"}, "before_sensitive": {"p": true}, "after_sensitive": {"p": true}}},
		{"address": "a.anew", "mode": "managed", "change": {"actions": ["delete", "create"], "before": {"name": "a", "id": "1"},
			"after": {"name": "b"}, "after_unknown": {"id": true}, "before_sensitive": {}, "after_sensitive": {}}}]}`))
	want := []string{"+ a.new", "- a.old", "~ a.change: l, n 1 -> 2, p", "! a.anew: destroyed and made anew, name a -> b, id"}
	if diff := cmp.Diff(want, lines); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if gone := unshown(lines, []string{"- a.old"}); len(gone) != 1 || !strings.HasPrefix(gone[0], "! a.anew") {
		t.Errorf("not shown: %q", gone)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]pave.Code{
		"╷\n│ Error: Error acquiring the state lock\n│ \n│ Error message: resource temporarily unavailable\n╵": pave.Unavailable,
		"Error: Plugin did not respond\n\n  with pavetest_role.this,\n  on main.tf line 10\n\nThe plugin":      pave.Unavailable,
		"Error: the role was not made\n\nrole \"shop\" already exists and is not ours":                         pave.Conflict,
		"Error: Invalid value for variable\n\n  on variables.tf line 1:\n\nA name has a-z.":                    pave.Invalid,
	} {
		err := explain("look", "exit code 1", plain(strings.Split(text, "\n")))
		if pave.CodeOf(err) != want || pave.HintOf(err) == "" || strings.Contains(err.Error(), "│") {
			t.Errorf("%s: %v (%s), want %s", text, err, pave.CodeOf(err), want)
		}
	}
}

func FuzzInspect(f *testing.F) {
	f.Add(`variable "a" { type = string }`)
	f.Add(`output "url" { value = "${var.a}" }`)
	f.Fuzz(func(t *testing.T, text string) {
		found, err := inspect(fstest.MapFS{"main.tf": {Data: []byte(text)}})
		if err == nil {
			_, _, err = resolve(found, pave.BindRequest{}, nil)
		}
		if err != nil && pave.CodeOf(err) != pave.Invalid {
			t.Error(err)
		}
	})
}
