package terraform

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/zclconf/go-cty/cty"
)

// usualInputs are the names by which modules call what pave fills.
var usualInputs = map[string]string{
	"name": pave.FillName, "identifier": pave.FillName, "database_name": pave.FillName, "db_name": pave.FillName,
	"pave_id": pave.FillID, "resource_id": pave.FillID,
	"service": pave.FillService, "service_name": pave.FillService, "team": pave.FillTeam, "owner": pave.FillTeam,
	"environment": pave.FillEnvironment, "env": pave.FillEnvironment, "engine": pave.FillEngine, "tags": pave.FillTags, "labels": pave.FillTags,
}

// words are those that outputs are mapped to, with the usual names of such outputs.
var words = []struct {
	word  string
	usual []string
}{
	{"url", []string{"url", "uri", "connection_string", "connection_url", "database_url"}},
	{"host", []string{"host", "address", "hostname", "endpoint"}},
	{"port", []string{"port"}},
	{"name", []string{"database", "database_name", "db_name", "bucket", "bucket_name", "name"}},
	{"user", []string{"user", "username", "access_key_id", "access_key"}},
	{"password", []string{"password", "secret_access_key", "secret_key"}},
	{"role", []string{"role_arn", "arn", "service_account_email", "email"}},
	{"endpoint", []string{"endpoint"}},
	{"region", []string{"region"}},
	{"ca", []string{"server_ca", "ca_certificate", "ca"}},
	{wordProtected, []string{"protected"}},
}

// fillWords are pave's words for inputs.
var fillWords = []string{pave.FillName, pave.FillID, pave.FillService, pave.FillTeam, pave.FillEnvironment, pave.FillEngine, pave.FillEngineAWS, pave.FillTags}

// A resolution says of each input where it comes from and of each output what it is for,
// and what a binding lacks or has wrong.
type resolution struct {
	m     pave.Module
	i     iface
	lacks []pave.Missing
	wrong []*pave.Error
	notes []string // what a plan alone can judge
}

// resolve holds what a binding says against its module. secrets are the variables that
// terraform will see; those that are new are in the request too.
func resolve(i iface, kind string, r pave.BindRequest, secrets map[string]pave.Secret) resolution {
	x := resolution{i: i, lacks: []pave.Missing{}, m: pave.Module{Set: map[string]any{}, Fill: map[string]string{}, Outputs: map[string]string{}, Mirror: r.Mirror}}
	x.known(r)
	for n := range i.Inputs {
		value, secret := secrets[inputPrefix+i.Inputs[n].Name]
		x.input(&i.Inputs[n], r, value, secret)
	}
	x.lacks = append(x.lacks, mapOutputs(&x.m, &x.i, kind, r)...)
	return x
}

// inputPrefix begins the name of a variable that gives an input.
const inputPrefix = "TF_VAR_"

func (x *resolution) input(in *pave.ModuleInput, r pave.BindRequest, hidden pave.Secret, secret bool) {
	v := x.i.vars[in.Name]
	value, set := r.Set[in.Name]
	word, fill := r.Fill[in.Name]
	usual := usualInputs[in.Name]
	switch {
	case set && in.Sensitive:
		x.wrong = append(x.wrong, pave.Errorf(pave.Invalid, "set: input %s is sensitive, and a binding shows what is set", in.Name).
			WithHint("--secret %s%s reads it from stdin", inputPrefix, in.Name))
	case set && secret:
		x.fault("set", value, "is for an input that is given as a secret", "leave --set %s out; --secret %s%[1]s gives it another value, pave unbind forgets the one it has", in.Name, inputPrefix)
	case set && fill:
		x.fault("set", value, "is for an input that pave is to fill with "+word, "--set %s=..., or --fill %[1]s=%[2]s", in.Name, word)
	case secret:
		in.From = "secret"
		x.secret(in.Name, v, hidden)
	case set:
		in.From, x.m.Set[in.Name] = "set", v.typed(in.Type, value)
		x.set(in.Name, v, value, r.Source)
	case fill && !v.takes(word):
		x.fault("fill", word, fmt.Sprintf("is not what input %s takes, which is a %s", in.Name, typeName(v.typ)), "%s", v.flag(in.Name))
	case fill || usual != "" && v.takes(usual):
		if !fill {
			word = usual
		}
		in.From, x.m.Fill[in.Name] = word, word
	case in.Required:
		in.From = "missing"
		hint := v.flag(in.Name)
		if words := slices.DeleteFunc(slices.Clone(fillWords), func(word string) bool { return !v.takes(word) }); len(words) > 0 {
			hint += fmt.Sprintf(", or --fill %s=WORD with one of %s", in.Name, strings.Join(words, ", "))
		}
		if in.Sensitive {
			hint = fmt.Sprintf("--secret %s%s reads it from stdin", inputPrefix, in.Name)
		}
		x.lacks = append(x.lacks, pave.Missing{What: fmt.Sprintf("set: input %s has no default, and nothing fills it", in.Name), How: hint})
	default:
		in.From = "default"
		x.fallback(in, v)
	}
}

// fallback judges the default of an input: a module may have one that its own rules refuse,
// so that another value has to be given.
func (x *resolution) fallback(in *pave.ModuleInput, v variable) {
	if len(v.rules) == 0 || !verbatim(v.fallback) {
		return
	}
	value, diags := v.fallback.Value(nil)
	if diags.HasErrors() || value.IsNull() {
		return // a plan says what it thinks of it
	}
	if why, _ := v.judge(in.Name, value, true); why != "" {
		in.From = "missing"
		x.lacks = append(x.lacks, pave.Missing{What: fmt.Sprintf("set: input %s has a default %s", in.Name, why), How: v.flag(in.Name)})
	}
}

// set judges the value of an input.
func (x *resolution) set(name string, v variable, text, source string) {
	value, err := valueOf(x.m.Set[name])
	if err != nil {
		return // terraform may read it
	}
	why, left := v.judge(name, value, false)
	x.notes = append(x.notes, left...)
	if why != "" {
		e := pave.BadField("set", text, "for input "+name+", "+why, fmt.Sprintf("%s; pave add module %s shows its inputs and their rules", v.flag(name), source))
		x.wrong = append(x.wrong, e)
	}
}

// secret judges a value that nobody is shown. One that could not be opened is left to terraform.
func (x *resolution) secret(name string, v variable, given pave.Secret) {
	if given.IsZero() {
		return
	}
	why := "which is no " + typeName(v.typ)
	if value, ok := v.literalOf(given.Reveal()); ok {
		var left []string
		why, left = v.judge(name, value, true)
		x.notes = append(x.notes, left...)
	}
	if why != "" {
		x.fault("secret", inputPrefix+name, "has a value "+why, "--secret-file %s%s=FILE, with %s in it", inputPrefix, name, v.example())
	}
}

func (x *resolution) fault(field, value, rule, hint string, args ...any) {
	x.wrong = append(x.wrong, pave.BadField(field, value, rule, fmt.Sprintf(hint, args...)))
}

// joined is all that is wrong, in one error. A way on that is that of several is told once.
func joined(wrong []*pave.Error) error {
	if len(wrong) == 0 {
		return nil
	}
	all := &pave.Error{Code: pave.Invalid}
	var what, ways []string
	for _, e := range wrong {
		what = append(what, e.Message)
		all.Fields = append(all.Fields, e.Fields...)
		for _, way := range strings.Split(e.Hint, "; ") {
			if !slices.Contains(ways, way) {
				ways = append(ways, way)
			}
		}
	}
	all.Message, all.Hint = strings.Join(what, "; "), strings.Join(ways, "; ")
	return all
}

// known finds inputs, words and outputs that there are not.
func (x *resolution) known(r pave.BindRequest) {
	var inputs, outputs, targets []string
	for _, in := range x.i.Inputs {
		inputs = append(inputs, in.Name)
	}
	for _, o := range x.i.Outputs {
		outputs = append(outputs, o.Name)
	}
	for _, w := range words {
		targets = append(targets, w.word)
	}
	one := func(field, value string, all []string, what string) {
		if slices.Contains(all, value) {
			return
		}
		hint := "one of " + strings.Join(all, ", ")
		if near := pave.DidYouMean(value, all); near != "" {
			hint = "did you mean " + near + "?"
		}
		x.wrong = append(x.wrong, pave.BadField(field, value, what, hint))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Set)) {
		one("set", name, inputs, "is no input of the module")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Secrets)) { // terraform would pass over it in silence
		if input, ok := strings.CutPrefix(name, inputPrefix); ok {
			one("secret", input, inputs, "is no input of the module")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Fill)) {
		one("fill", name, inputs, "is no input of the module")
		one("fill", r.Fill[name], fillWords, "is not what pave can fill in")
	}
	for _, word := range slices.Sorted(maps.Keys(r.Outputs)) {
		one("map", word, targets, "is nothing that an output can be")
		one("map", r.Outputs[word], outputs, "is no output of the module")
	}
}

// mapOutputs finds what each word stands for, and says what is missing for an address.
func mapOutputs(m *pave.Module, i *iface, kind string, r pave.BindRequest) []pave.Missing {
	for _, w := range words {
		if w.word == "role" && kind != pave.KindRole {
			continue
		}
		name := r.Outputs[w.word]
		for _, usual := range w.usual {
			if name == "" && slices.ContainsFunc(i.Outputs, func(o pave.ModuleOutput) bool { return o.Name == usual }) {
				name = usual
			}
		}
		if name == "" {
			continue
		}
		m.Outputs[w.word] = name
		for n := range i.Outputs {
			if i.Outputs[n].Name == name && i.Outputs[n].As == "" {
				i.Outputs[n].As = w.word
			}
		}
	}
	switch {
	case kind == pave.KindBucket && m.Outputs["url"] == "" && (m.Outputs["name"] == "" || m.Outputs["endpoint"] == ""):
		return []pave.Missing{{What: "map: no output of the module is a url, or an endpoint and the name of a bucket",
			How: "--map endpoint=OUTPUT --map name=OUTPUT, with region, user (the key's id) and password (the key)"}}
	case kind == pave.KindRole && m.Outputs["role"] == "":
		return []pave.Missing{{What: "map: no output of the module says what the role is", How: "--map role=OUTPUT"}}
	case kind != pave.KindBucket && kind != pave.KindRole && m.Outputs["url"] == "" && m.Outputs["host"] == "":
		return []pave.Missing{{What: "map: no output of the module is a url or a host",
			How: "--map url=OUTPUT, or --map host=OUTPUT with port, name, user and password"}}
	}
	return nil
}

// typed makes of a text what the type of its input asks for.
func (v variable) typed(written, text string) any {
	var out any
	if written == "" || v.typ == cty.String || json.Unmarshal([]byte(text), &out) != nil {
		return text
	}
	return out
}
