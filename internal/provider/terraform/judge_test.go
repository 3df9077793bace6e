package terraform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/test/tofu"
)

// judged is a module with one variable of each sort.
const judged = `
variable "text" { default = "" }
variable "release" {
  type    = string
  default = "1"
}
variable "size" {
  type    = number
  default = 1
  validation {
    condition     = var.size >= 1 && floor(var.size) == var.size
    error_message = "A size is a whole number, ${var.size} is none."
  }
}
variable "on" {
  type     = bool
  default  = true
  nullable = false
}
variable "tier" {
  type    = string
  default = "small"
  validation {
    condition     = contains(["small", "large"], var.tier)
    error_message = "A tier is small or large."
  }
}
variable "subnets" {
  type    = list(string)
  default = ["subnet-1", "subnet-2"]
  validation {
    condition     = length(toset(var.subnets)) >= 2 && alltrue([for s in var.subnets : startswith(s, "subnet-")])
    error_message = "Two subnets, at least."
  }
}
variable "networks" {
  type    = list(string)
  default = []
  validation {
    condition     = alltrue([for c in var.networks : can(cidrnetmask(c))])
    error_message = "Networks."
  }
}
variable "other" {
  type    = string
  default = ""
  validation {
    condition     = var.other != var.tier
    error_message = "Not the tier."
  }
}
variable "node" {
  type    = object({ cpu = number, zones = optional(set(string), ["a"]) })
  default = { cpu = 1 }
  validation {
    condition     = length(var.node.zones) > 0
    error_message = "A node has a zone."
  }
}
variable "anything" {
  type    = any
  default = null
}
variable "key" {
  type      = string
  default   = "abcd"
  sensitive = true
  validation {
    condition     = can(regex("^[a-z]{4,}$", var.key))
    error_message = "${var.key} is no key."
  }
}
variable "hosts" {
  type      = list(string)
  default   = []
  sensitive = true
}
variable "tags" {
  type    = list(string)
  default = []
}
output "url" { value = "postgres://x" }
`

// judgements are what is said of a value of the module judged.
var judgements = map[string]struct {
	set, secret string
	want        string // in the message; "" where it is taken
	hint        string
	left        int
}{
	"any text":               {set: "text=[1"},
	"a number for a text":    {set: "release=1.10"},
	"a number":               {set: "size=3"},
	"a number in quotes":     {set: `size="3"`},
	"no number":              {set: "size=big", want: `set "big" for input size, which is no number`, hint: "--set size=NUMBER"},
	"a rule":                 {set: "size=1.5", want: `set "1.5" for input size, which the module refuses: A size is a whole number, 1.5 is none.`, hint: "pave add module test shows its inputs and their rules"},
	"no truth":               {set: "on=yes", want: "which is no bool", hint: "--set on=true or false"},
	"null":                   {set: "on=null"},
	"a choice":               {set: "tier=large"},
	"no choice":              {set: "tier=huge", want: "A tier is small or large.", hint: "--set tier=VALUE"},
	"a list":                 {set: `subnets=["subnet-1","subnet-2"]`},
	"twice the same":         {set: `subnets=["subnet-1","subnet-1"]`, want: "Two subnets, at least."},
	"another prefix":         {set: `subnets=["net-1","net-2"]`, want: "Two subnets, at least."},
	"not as JSON":            {set: "subnets=subnet-1", want: "which is no list(string)", hint: `--set 'subnets=["A","B"]'`},
	"a function of its own":  {set: `networks=["nonsense"]`, left: 1},
	"another input":          {set: "other=small", left: 1},
	"an object":              {set: `node={"cpu":2}`},
	"an object's default":    {set: `node={"cpu":2,"zones":[]}`, want: "A node has a zone."},
	"a part is missing":      {set: `node={"zones":["b"]}`, want: `attribute "cpu" is required`, hint: `--set 'node={"KEY":"VALUE"}'`},
	"digits":                 {set: "size=1e9999999", left: 1},
	"digits in a secret":     {secret: "TF_VAR_hosts=[1e9999999]"},
	"anything":               {set: `anything={"a":[1]}`},
	"no such input":          {set: "teir=small", want: `set "teir" is no input of the module`, hint: "did you mean tier?"},
	"a secret":               {secret: "TF_VAR_key=pvcn"},
	"a secret of a rule":     {secret: "TF_VAR_key=PVCNRY", want: `secret "TF_VAR_key" has a value which the module refuses: the rule at main.tf:`, hint: "--secret-file TF_VAR_key=FILE"},
	"a secret list":          {secret: `TF_VAR_hosts=["a"]`},
	"no secret list":         {secret: "TF_VAR_hosts=PVCNRY, b", want: `secret "TF_VAR_hosts" has a value which is no list(string)`, hint: `["A","B"]`},
	"no such secret":         {secret: "TF_VAR_kye=PVCNRY", want: `secret "kye" is no input of the module`, hint: "did you mean key?"},
	"a provider's own":       {secret: "PGPASSWORD=PVCNRY"},
	"both":                   {set: "tier=small", secret: "TF_VAR_tier=large", want: "is for an input that is given as a secret", hint: "pave unbind"},
	"what pave fills, or so": {}, // tags is no list here
}

// judgedBy binds the module judged with one input, NAME=VALUE, and one secret.
func judgedBy(t *testing.T, set, secret string) resolution {
	t.Helper()
	r := pave.BindRequest{Source: "test", Set: map[string]string{}, Secrets: map[string]pave.Secret{}}
	if key, value, ok := strings.Cut(set, "="); ok {
		r.Set[key] = value
	}
	if key, value, ok := strings.Cut(secret, "="); ok {
		r.Secrets[key] = pave.NewSecret(value)
	}
	found, err := inspect(fstest.MapFS{"main.tf": {Data: []byte(judged)}})
	if err != nil {
		t.Fatal(err)
	}
	return resolve(found, pave.KindDatabase, r, r.Secrets)
}

// What terraform would refuse at its plan is told at once, with input, value and a way on;
// what only a plan can judge is left to it.
func TestJudge(t *testing.T) {
	t.Parallel()
	for name, c := range judgements {
		x := judgedBy(t, c.set, c.secret)
		err := x.unfit()
		if c.want == "" && err != nil || c.want != "" && (pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), c.want) || !strings.Contains(pave.HintOf(err), c.hint)) {
			t.Errorf("%s: %v (hint %q), want %q (%q)", name, err, pave.HintOf(err), c.want, c.hint)
		}
		if err != nil && strings.Contains(err.Error()+pave.HintOf(err), "PVCNRY") {
			t.Errorf("%s: a secret is told: %v", name, err)
		}
		if len(x.notes) != c.left {
			t.Errorf("%s: left to a plan is %q", name, x.notes)
		}
		if len(x.m.Fill) > 0 {
			t.Errorf("%s: a list is filled with %v", name, x.m.Fill)
		}
	}
}

// Terraform itself says the same of every value.
func TestJudgeAsTerraform(t *testing.T) {
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("PAVE_TEST_REAL=1 (make test-real) runs this")
	}
	binary := tofu.Find(t)
	t.Parallel()
	asked := 0
	for name, c := range judgements {
		x := judgedBy(t, c.set, c.secret)
		given, _, _ := strings.Cut(c.set, "=")
		if _, ok := x.m.Set[given]; c.set != "" && !ok || c.secret != "" && !strings.HasPrefix(c.secret, "TF_VAR_") ||
			strings.Contains(c.want, "is no input") || strings.Contains(name, "digits") { // it takes what it does not know, and all day for those
			continue
		}
		dir := t.TempDir()
		vars, err := json.Marshal(x.m.Set)
		if err := errors.Join(err, os.WriteFile(filepath.Join(dir, "main.tf"), []byte(judged), 0o600), os.WriteFile(filepath.Join(dir, "vars.tfvars.json"), vars, 0o600)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), binary, "plan", "-input=false", "-no-color", "-var-file=vars.tfvars.json")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "TF_CLI_CONFIG_FILE=/dev/null", "CHECKPOINT_DISABLE=1", c.secret)
		out, err := cmd.CombinedOutput()
		asked++
		if refused := err != nil; len(x.notes) == 0 && refused != (x.unfit() != nil) {
			t.Errorf("%s: terraform refuses it: %v, pave says %v\n%s", name, refused, x.unfit(), out)
		}
	}
	if asked < 20 {
		t.Errorf("terraform was asked %d times", asked)
	}
}

// All that is wrong is told at once, each with its way on.
func TestJudgeAll(t *testing.T) {
	t.Parallel()
	found, err := inspect(fstest.MapFS{"main.tf": {Data: []byte(judged + `variable "vpc" {}
variable "zones" {
  default = []
  validation {
    condition     = length(var.zones) > 0
    error_message = "Name a zone."
  }
}`)}})
	if err != nil {
		t.Fatal(err)
	}
	err = resolve(found, pave.KindDatabase, pave.BindRequest{Set: map[string]string{"size": "big", "tier": "huge", "teir": "x"}, Fill: map[string]string{"tags": "tags"}}, nil).unfit()
	for _, want := range []string{`"teir" is no input`, `"big" for input size`, `"huge" for input tier`, `fill "tags" is not what input tags takes`, "input vpc has no default",
		"input zones has a default which the module refuses: Name a zone."} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
	for _, want := range []string{"did you mean tier?", "--set size=NUMBER", `--set 'tags=["A","B"]'`, "--set vpc=VALUE"} {
		if !strings.Contains(pave.HintOf(err), want) {
			t.Errorf("%q does not say %s", pave.HintOf(err), want)
		}
	}
}

// A module in JSON is read as one in terraform's language is; its rules are left to a plan.
func TestJudgeJSON(t *testing.T) {
	t.Parallel()
	found, err := inspect(fstest.MapFS{"main.tf.json": {Data: []byte(`{"variable": {"version": {"type": "string"}, "size": {"type": "number", "default": 1,
		"validation": {"condition": "${var.size > 1}", "error_message": "No."}}}, "output": {"url": {"value": "x"}}}`)}})
	if err != nil {
		t.Fatal(err)
	}
	x := resolve(found, pave.KindDatabase, pave.BindRequest{Set: map[string]string{"version": "1.10", "size": "1"}}, nil)
	if diff := cmp.Diff(map[string]any{"version": "1.10", "size": float64(1)}, x.m.Set); diff != "" || x.unfit() != nil || len(x.notes) != 1 {
		t.Errorf("%s, %v, %q", diff, x.unfit(), x.notes)
	}
	if err := resolve(found, pave.KindDatabase, pave.BindRequest{Set: map[string]string{"version": "1", "size": "big"}}, nil).unfit(); err == nil || !strings.Contains(err.Error(), "no number") {
		t.Error(err)
	}
}

// A binding is held against the module it has, and against what its source has now.
func TestReview(t *testing.T) {
	t.Parallel()
	v1 := fstest.MapFS{"main.tf": {Data: []byte(judged)}}
	v2 := fstest.MapFS{"main.tf": {Data: []byte(judged + `variable "vpc" {}`)}}
	v3 := fstest.MapFS{"main.tf": {Data: []byte(judged + "# another")}}
	now := v1
	d := &Driver{Kind: pave.KindDatabase, Dir: t.TempDir(), Fetch: func(_ context.Context, address string) ([]byte, string, error) {
		if now == nil {
			return nil, "", pave.Errorf(pave.Unavailable, "%s does not answer", address)
		}
		return zipped(t, now), "c0ffee", nil
	}}
	bound, err := d.Keep(t.Context(), pave.KindDatabase, pave.BindRequest{Provider: "terraform", Source: "https://git.example.com/mods.git", Set: map[string]string{"size": "3", "node": `{"cpu":2}`}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		at   fstest.MapFS
		size any
		want string
		bad  bool
	}{
		"the same":           {v1, float64(3), "it is the newest", false},
		"it asks for more":   {v2, float64(3), "nothing is to be done until it is bound again: its source has a later version by then, which asks for more: set: input vpc has no default", false},
		"it is another":      {v3, float64(3), "a later version; pave bind takes it", false},
		"it does not answer": {nil, float64(3), "is not known: https://git.example.com/mods.git does not answer", false},
		"bound long ago":     {v1, "big", "no number", true},
	} {
		now = c.at
		b := bound.Binding
		m := *b.Module
		d.reviews = reviews{} // some minutes later
		m.Set = map[string]any{"size": c.size, "node": map[string]any{"cpu": float64(2)}}
		b.Module = &m
		said, err := d.Review(t.Context(), b)
		if (err != nil) != c.bad || err != nil && pave.HintOf(err) == "" {
			t.Errorf("%s: %v (hint %q)", name, err, pave.HintOf(err))
		}
		if err != nil {
			said = err.Error()
		}
		if !strings.Contains(said, c.want) {
			t.Errorf("%s: %q, want %q", name, said, c.want)
		}
	}
}

// A secret that the binding has already is held against the rules that its module has now,
// and nobody is told what it is.
func TestKeptSecret(t *testing.T) {
	t.Parallel()
	const text = `variable "password" {
  type      = string
  sensitive = true
  validation {
    condition     = length(var.password) >= %d
    error_message = "it has to be longer than ${var.password}"
  }
}
output "host" { value = "x" }`
	d := &Driver{Kind: pave.KindDatabase, Dir: t.TempDir(), Vault: held{"sec_1": pave.NewSecret("pvcnry-22-characters-x")}}
	keep := func(least int, kept map[string]string, given map[string]pave.Secret) error {
		archive := zipped(t, fstest.MapFS{"main.tf": {Data: fmt.Appendf(nil, text, least)}})
		_, err := d.Keep(t.Context(), pave.KindDatabase, pave.BindRequest{Provider: "terraform", Source: "test", Archive: archive, Secrets: given}, kept)
		return err
	}
	for name, c := range map[string]struct {
		least int
		kept  string
		given map[string]pave.Secret
		want  string // in the error; "" for none
	}{
		"it fits":              {20, "sec_1", nil, ""},
		"the rule was raised":  {30, "sec_1", nil, `"TF_VAR_password" has a value which the module refuses: the rule at main.tf:4`},
		"it is given again":    {30, "sec_1", map[string]pave.Secret{"TF_VAR_password": pave.NewSecret(strings.Repeat("x", 30))}, ""},
		"it is lost meanwhile": {30, "sec_2", nil, ""},
	} {
		err := keep(c.least, map[string]string{"TF_VAR_password": c.kept}, c.given)
		if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) || strings.Contains(fmt.Sprint(err, pave.HintOf(err)), "pvcnry") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Many who ask for a review have one fetch between them; one who gave up spoils it for none.
func TestReviewsKept(t *testing.T) {
	t.Parallel()
	var fetches, at atomic.Int32
	d := &Driver{Kind: pave.KindDatabase, Dir: t.TempDir(), Fetch: func(ctx context.Context, _ string) ([]byte, string, error) {
		fetches.Add(1)
		if at.Add(1) > 1 {
			t.Error("two are fetched at the same time")
		}
		defer at.Add(-1)
		if ctx.Err() != nil {
			return nil, "", pave.Errorf(pave.Unavailable, "given up")
		}
		return zipped(t, fstest.MapFS{"main.tf": {Data: []byte(judged)}}), "c0ffee", nil
	}}
	bound, err := d.Keep(t.Context(), pave.KindDatabase, pave.BindRequest{Provider: "terraform", Source: "https://git.example.com/mods.git"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if said, err := d.Review(gone, bound.Binding); err != nil || !strings.HasPrefix(said, unknownVersion) {
		t.Errorf("given up: %q, %v", said, err)
	}
	fetches.Store(0)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if said, err := d.Review(t.Context(), bound.Binding); err != nil || !strings.Contains(said, "it is the newest") {
				t.Errorf("%q, %v", said, err)
			}
		})
	}
	all.Wait()
	if n := fetches.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
	other := bound.Binding
	m := *other.Module
	m.Set = map[string]any{"size": float64(4)}
	other.Module = &m
	if _, err := d.Review(t.Context(), other); err != nil || fetches.Load() != 2 {
		t.Errorf("bound anew: %d fetches, %v", fetches.Load(), err)
	}
}

// What a repository has now does not end the server of those who look.
func TestReviewBombs(t *testing.T) {
	t.Parallel()
	now := fstest.MapFS{"main.tf": {Data: []byte(judged)}}
	d := &Driver{Kind: pave.KindDatabase, Dir: t.TempDir(), Fetch: func(context.Context, string) ([]byte, string, error) { return zipped(t, now), "c0ffee", nil }}
	bound, err := d.Keep(t.Context(), pave.KindDatabase, pave.BindRequest{Provider: "terraform", Source: "https://git.example.com/mods.git"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now = fstest.MapFS{"main.tf": {Data: []byte(bombs["parentheses"].text)}}
	if said, err := d.Review(t.Context(), bound.Binding); err != nil || !strings.Contains(said, "nested too deeply") {
		t.Errorf("%q, %v", said, err)
	}
}

func FuzzJudge(f *testing.F) {
	f.Add(`length(var.a) > 2`, `list(string)`, `["x"]`)
	f.Add(`can(regex("^a", var.a.b))`, `object({b=optional(string,"q")})`, `{}`)
	f.Add(`"${1e9999999}" == var.a`, `string`, `1e9999999`)
	f.Add(`alltrue([for k, v in var.a : v > 1])`, `map(number)`, `{"a":1}`)
	f.Fuzz(func(t *testing.T, condition, typ, value string) {
		found, err := inspect(fstest.MapFS{"main.tf": {Data: []byte("variable \"a\" {\n type = " + typ + "\n validation {\n condition = " + condition + "\n error_message = \"no ${var.a}\"\n}\n}")}})
		if err == nil {
			err = joined(resolve(found, pave.KindDatabase, pave.BindRequest{Set: map[string]string{"a": value}}, nil).wrong)
			if err == nil {
				err = joined(resolve(found, pave.KindDatabase, pave.BindRequest{}, map[string]pave.Secret{"TF_VAR_a": pave.NewSecret(value)}).wrong)
			}
		}
		if err != nil && pave.CodeOf(err) != pave.Invalid {
			t.Error(err)
		}
	})
}
