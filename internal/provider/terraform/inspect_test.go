package terraform

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/modules"
)

const module = "../../../test/terraform/modules/postgres"

func TestInspect(t *testing.T) {
	t.Parallel()
	found, err := inspect(os.DirFS(module))
	if err != nil {
		t.Fatal(err)
	}
	x := resolve(found, pave.KindDatabase, pave.BindRequest{Set: map[string]string{"connections": "15"}}, nil)
	if err := x.unfit(); err != nil || len(x.notes) > 0 {
		t.Fatal(err, x.notes)
	}
	want := pave.Module{Set: map[string]any{"connections": float64(15)},
		Fill:    map[string]string{"name": "name", "pave_id": "id", "environment": "environment", "tags": "tags"},
		Outputs: map[string]string{"host": "address", "port": "port", "name": "database", "user": "username", "password": "password"}}
	if diff := cmp.Diff(want, x.m); diff != "" {
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
		"a secret in a text that is shown": {`variable "p" { sensitive = "true" }` + "\n" + `output "url" { value = 1 }`,
			pave.BindRequest{Set: map[string]string{"p": "pvcnry_x"}}, "is sensitive"},
		"a secret that is bound": {`variable "p" { sensitive = true }` + "\n" + `output "url" { value = 1 }`,
			pave.BindRequest{Set: map[string]string{"p": "pvcnry_x"}, Secrets: map[string]pave.Secret{inputPrefix + "p": pave.NewSecret("pvcnry_y")}}, "is sensitive"},
		"a secret that is filled": {`variable "p" { sensitive = true }` + "\n" + `output "url" { value = 1 }`,
			pave.BindRequest{Set: map[string]string{"p": "pvcnry_x"}, Fill: map[string]string{"p": "name"}}, "is sensitive"},
	} {
		found, err := inspect(fstest.MapFS{"main.tf": {Data: []byte(c.main)}})
		if err == nil {
			err = resolve(found, pave.KindDatabase, c.r, c.r.Secrets).unfit()
		}
		want := strings.Replace(c.want, "neither", "no output of the module is a url or a host", 1)
		if pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), want) || pave.HintOf(err) == "" || strings.Contains(err.Error(), "pvcnry") {
			t.Errorf("%s: %v (hint %q), want %s", name, err, pave.HintOf(err), want)
		}
	}
}

// Whether something is sensitive can be said in a text, too.
func TestSensitive(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"true": true, `"true"`: true, `"1"`: true, "false": false, `"false"`: false, "null": false, "var.x": true, `"yes"`: true} {
		found, err := inspect(fstest.MapFS{"main.tf": {Data: []byte("variable \"p\" {\n sensitive = " + text + "\n}\noutput \"o\" {\n value = 1\n sensitive = " + text + "\n}\n")}})
		if err != nil || found.Inputs[0].Sensitive != want || found.Outputs[0].Sensitive != want {
			t.Errorf("%s: %+v, %v", text, found, err)
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
			"after": {"name": "b"}, "after_unknown": {"id": true}, "before_sensitive": {}, "after_sensitive": {}}},
		{"address": "a.half", "mode": "managed", "action_reason": "replace_because_tainted", "change": {"actions": ["delete", "create"], "before": {}, "after": {}}}]}`))
	want := []string{"+ a.new", "- a.old", "~ a.change: l, n 1 -> 2, p", "! a.anew: destroyed and made anew, name a -> b, id", "! a.half: destroyed and made anew, as its making failed (tainted)"}
	if diff := cmp.Diff(want, lines); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for name, c := range map[string]struct{ lines, shown, want []string }{
		"nothing was shown":   {lines, nil, []string{"- a.old", "! a.anew: destroyed and made anew, name a -> b, id", "! a.half" + tainted}},
		"other words":         {lines, []string{"memory 1 -> 2"}, []string{"- a.old", "! a.anew: destroyed and made anew, name a -> b, id", "! a.half" + tainted}},
		"all":                 {lines, lines, nil},
		"less is left to do":  {[]string{"+ a.new"}, lines, nil},
		"it drifted since":    {[]string{"+ a.new", "~ a.x: n 3 -> 2"}, []string{"+ a.new", "~ a.x: n 1 -> 2"}, []string{"~ a.x: n 3 -> 2"}},
		"something more":      {[]string{"+ a.new", "+ a.more"}, []string{"+ a.new"}, []string{"+ a.more"}},
		"an import by its id": {[]string{"< a.x: imported, 1, m p -> res_1"}, []string{"< a.x: imported, 1, m p -> plan-1"}, nil},
	} {
		if diff := cmp.Diff(c.want, unshown(c.lines, c.shown)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got := unshown(notTried([]string{"! a.half" + tainted, "! a.other" + tainted, "! a.anew: destroyed and made anew, name a -> b", "+ a.anew"}, []string{"a.half", "a.anew"}), []string{"+ a.half"}); len(got) != 2 ||
		got[0] != "! a.other"+tainted || got[1] != "! a.anew: destroyed and made anew, name a -> b" {
		t.Errorf("what the step itself left half made may be made anew, nothing else: %q", got)
	}
	var many []string
	for i := range 5000 {
		many = append(many, fmt.Sprintf("+ a.x[%d]", i), fmt.Sprintf("- a.y[%d]", i%3))
	}
	if got := bounded(many); len(got) != 5000+maxLines+1 || got[len(got)-1] != "+ 4900 more" {
		t.Errorf("%d lines, the last is %s", len(got), got[len(got)-1])
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]pave.Code{
		"╷\n│ Error: Error acquiring the state lock\n│ \n│ Error message: resource temporarily unavailable\n╵": pave.Unavailable,
		"Error: Plugin did not respond\n\n  with pavetest_role.this,\n  on main.tf line 10\n\nThe plugin":      pave.Unavailable,
		"Error: Failed to query available provider packages\n\ndial tcp: connection refused":                   pave.Unavailable,
		"Error: the role was not made\n\nrole \"shop\" already exists and is not ours":                         pave.Conflict,
		"Error: Invalid value for variable\n\n  on variables.tf line 1:\n\nA name has a-z.":                    pave.Invalid,
	} {
		err := explain("look", "exit code 1", plain(strings.Split(text, "\n")))
		if pave.CodeOf(err) != want || pave.HintOf(err) == "" || strings.Contains(pave.HintOf(err), "pave retry") || strings.Contains(err.Error(), "│") {
			t.Errorf("%s: %v (%s), want %s", text, err, pave.CodeOf(err), want)
		}
	}
}

// A run keeps what it was planned with: what is wrong with a binding is not mended by a retry.
func TestExplainWay(t *testing.T) {
	t.Parallel()
	said := []string{"Error: Invalid value for variable"}
	for what, retry := range map[string]bool{"look": false, "plan": true, "apply": true} {
		hint := pave.HintOf(explain(what, "", said))
		if !strings.Contains(hint, "pave bind") || strings.Contains(hint, "then pave retry") || strings.Contains(hint, "pave undo") != retry {
			t.Errorf("%s: %s", what, hint)
		}
	}
}

func FuzzInspect(f *testing.F) {
	f.Add(`variable "a" { type = string }`)
	f.Add(`output "url" { value = "${var.a}" }`)
	for _, b := range bombs {
		if b.file == "main.tf" && len(b.text) < 400_000 {
			f.Add(b.text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, err := inspect(fstest.MapFS{"main.tf": {Data: []byte(text)}})
		if err == nil {
			err = joined(resolve(found, pave.KindDatabase, pave.BindRequest{}, nil).wrong)
		}
		if err != nil && pave.CodeOf(err) != pave.Invalid {
			t.Error(err)
		}
	})
}

// A source as terraform writes it becomes an address as pave reads it.
func TestAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"git::https://git.example.com/mods.git//rds?ref=v1.2.3":       "https://git.example.com/mods.git//rds@v1.2.3",
		"github.com/acme/mods//postgres?ref=main&depth=1":             "https://github.com/acme/mods//postgres@main",
		"https://git.example.com/mods.git":                            "https://git.example.com/mods.git",
		"gh:acme/mods//rds@v1":                                        "gh:acme/mods//rds@v1",
		"terraform-aws-modules/rds/aws":                               "registry",
		"app.terraform.io/acme/rds/aws//modules/x":                    "registry",
		"https://git.example.com/mods.git?archive=zip":                "archive",
		"git::https://git.example.com/mods.git?ref=v1&sshkey=pvcnry=": "sshkey",
	} {
		got, err := Address(in)
		if strings.Contains(want, "/") || strings.Contains(want, ":") {
			if err != nil || got != want {
				t.Errorf("%s: %q, %v, want %q", in, got, err, want)
			}
			continue
		}
		if pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), want) || pave.HintOf(err) == "" {
			t.Errorf("%s: %q, %v, want an error about %s", in, got, err, want)
		}
	}
}

// Every module that ships is read, and says what a binding lacks; with that, it lacks
// nothing.
func TestShipped(t *testing.T) {
	t.Parallel()
	aws := map[string]string{"vpc_id": "vpc-0a", "subnet_ids": `["subnet-0a","subnet-0b"]`}
	sql := map[string]string{"network": "projects/p/global/networks/n", "region": "europe-west3"}
	bucket := map[string]string{"location": "EU", "kms_key": "projects/p/locations/eu/keyRings/r/cryptoKeys/k"}
	set := map[string]map[string]string{"aws-rds-postgresql": aws, "aws-rds-mysql": aws, "aws-elasticache": aws, "gcp-cloud-sql-postgresql": sql,
		"gcp-cloud-sql-mysql": sql, "gcp-memorystore": sql, "gcp-gcs-bucket": bucket, "gcp-service-identity": {"cluster_project": "project-1"},
		"aws-service-identity": {"oidc_provider_arn": "arn:aws:iam::111122223333:oidc-provider/x", "oidc_issuer": "https://oidc.example.com/x"}}
	d := &Driver{Kind: pave.KindDatabase, Dir: t.TempDir()}
	all := d.Shipped()
	if len(all) < 10 {
		t.Errorf("there are %d", len(all))
	}
	for _, m := range all {
		r := pave.BindRequest{Source: m.Source}
		found, err := d.Read(t.Context(), "", r)
		if err != nil || found.Kind != m.Kind || found.Readme == "" || found.Title == m.Name {
			t.Errorf("%s: %+v, %v", m.Name, found, err)
		}
		if len(found.Missing) != len(set[m.Name]) {
			t.Errorf("%s lacks %v, want %d", m.Name, found.Missing, len(set[m.Name]))
		}
		for _, in := range found.Inputs {
			if in.Description == "" || in.Type == "" {
				t.Errorf("%s: input %s has no description or no type", m.Name, in.Name)
			}
		}
		r.Set = set[m.Name]
		kept, err := d.Keep(t.Context(), m.Kind, r, nil)
		if err != nil || kept.Binding.Module.Fill["pave_id"] != "id" {
			t.Errorf("%s: %+v, %v", m.Name, kept, err)
			continue
		}
		made := kept.Binding.Module
		if holds := m.Kind == pave.KindDatabase || m.Kind == pave.KindBucket; holds && (made.Outputs[wordProtected] != "protected" || made.Fill["service"] != "service") {
			t.Errorf("%s holds data, and nothing protects that: %+v", m.Name, made)
		}
		if again, err := d.Keep(t.Context(), m.Kind, r, nil); err != nil || again.Binding.Module.Digest != kept.Binding.Module.Digest {
			t.Errorf("%s: the digest is %s, then %s, %v", m.Name, kept.Binding.Module.Digest, again.Binding.Module.Digest, err)
		}
		engineOf(t, m)
	}
	if _, err := d.Read(t.Context(), "", pave.BindRequest{Source: "pave:aws-rds-postgres"}); pave.CodeOf(err) != pave.NotFound || !strings.Contains(pave.HintOf(err), "aws-rds-postgresql") {
		t.Errorf("%v, %s", err, pave.HintOf(err))
	}
}

// engineOf holds the words of a module against the one table of words: postgresql is
// postgres at AWS.
func engineOf(t *testing.T, m pave.ModuleInfo) {
	t.Helper()
	e := engines[m.Engine]
	if m.Engine != "" && e.kind != m.Kind {
		t.Errorf("%s makes %s, which is a %s", m.Name, m.Engine, e.kind)
	}
	text, err := modules.FS.ReadFile(m.Name + "/engine.tf")
	if err != nil {
		return // it has one word alone
	}
	want := []string{`offered = "` + m.Engine + `"`}
	if m.Kind == pave.KindDatabase {
		want = append(want, `scheme = "`+e.scheme+`"`)
	}
	if strings.HasPrefix(m.Name, "aws-") {
		want = append(want, `engine = "`+e.aws+`"`)
	}
	for _, line := range want {
		if !strings.Contains(strings.Join(strings.Fields(string(text)), " "), line) {
			t.Errorf("%s does not say %s", m.Name, line)
		}
	}
}

// What a service asked for comes to a module in the words of the cloud.
func TestEngineWords(t *testing.T) {
	t.Parallel()
	got := filled(pave.FillEngineAWS, resource.Resource{}, spec{Engine: "postgresql"})
	if got != "postgres" {
		t.Errorf("postgresql is %v at AWS", got)
	}
	parts := map[string]string{"endpoint": "https://s3.eu-central-1.amazonaws.com", "name": "shop-1", "region": "eu-central-1", "user": "AKIA", "password": "a/b+c"}
	address, err := addressOf("bucket", "s3", func(w string) string { return parts[w] })
	if want := "https://AKIA:a%2Fb+c@s3.eu-central-1.amazonaws.com/shop-1?region=eu-central-1"; err != nil || address.Reveal() != want {
		t.Errorf("%s, %v", address.Reveal(), err)
	}
	parts = map[string]string{"host": "db.example.com", "port": "3306", "name": "shop", "user": "app", "password": "x"}
	if address, err = addressOf(pave.KindDatabase, "mysql", func(w string) string { return parts[w] }); err != nil || address.Reveal() != "mysql://app:x@db.example.com:3306/shop" {
		t.Errorf("%s, %v", address.Reveal(), err)
	}
}

func TestBinary(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"tofu": 0o755, "other": 0o755, "plain": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	for program, want := range map[string]string{"": "tofu", "tofu": "tofu", filepath.Join(dir, "other"): "other", "terraform": "", "plain": "", "/nowhere/tofu": ""} {
		got, err := (&Driver{Program: program, Env: map[string]string{"PATH": dir}}).binary()
		if want == "" && (pave.CodeOf(err) != pave.Unavailable || !strings.Contains(err.Error(), "PAVE_TERRAFORM: "+program)) || want != "" && got != filepath.Join(dir, want) {
			t.Errorf("%q: %q, %v", program, got, err)
		}
	}
}

// An authority that a module gives out comes to the service, whatever it is called there.
func TestAuthority(t *testing.T) {
	t.Parallel()
	found, err := inspect(fstest.MapFS{"main.tf": {Data: []byte(`output "url" { value = 1 }` + "\n" + `output "server_ca" { value = 1 }`)}})
	if err != nil {
		t.Fatal(err)
	}
	x := resolve(found, pave.KindCache, pave.BindRequest{}, nil)
	if err := x.unfit(); err != nil || x.m.Outputs[pave.OutputCA] != "server_ca" {
		t.Fatal(x.m.Outputs, err)
	}
	var s spec
	s.Engine, s.Module = "redis", x.m
	st, err := stateOf(pave.KindCache, resource.Resource{}, s, map[string]Output{"url": {Value: "rediss://:x@10.1.2.3:6378", Sensitive: true}, "server_ca": {Value: "PEM"}})
	if got := st.Secrets[pave.OutputCA]; err != nil || got.Reveal() != "PEM" {
		t.Errorf("%q, %v", got.Reveal(), err)
	}
}
