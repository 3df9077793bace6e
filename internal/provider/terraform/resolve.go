package terraform

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
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
}

// fillWords are pave's words for inputs.
var fillWords = []string{pave.FillName, pave.FillID, pave.FillService, pave.FillTeam, pave.FillEnvironment, pave.FillEngine, pave.FillEngineAWS, pave.FillTags}

// resolve says of each input where it comes from and of each output what it is for, and
// what a binding lacks. secrets are the variables that terraform will see.
func resolve(i iface, kind string, r pave.BindRequest, secrets []string) (pave.Module, iface, []pave.Missing, error) {
	m := pave.Module{Set: map[string]any{}, Fill: map[string]string{}, Outputs: map[string]string{}, Mirror: r.Mirror}
	lacks := []pave.Missing{}
	if err := known(i, r); err != nil {
		return m, i, lacks, err
	}
	for n := range i.Inputs {
		in := &i.Inputs[n]
		value, set := r.Set[in.Name]
		word, fill := r.Fill[in.Name]
		usual, named := usualInputs[in.Name]
		switch {
		case slices.Contains(secrets, "TF_VAR_"+in.Name):
			in.From = "secret"
		case set && in.Sensitive:
			return m, i, lacks, pave.Errorf(pave.Invalid, "set: input %s is sensitive, and a binding shows what is set", in.Name).
				WithHint("--secret TF_VAR_%s reads it from stdin", in.Name)
		case set:
			in.From, m.Set[in.Name] = "set", typed(in.Type, value)
		case fill || named:
			if !fill {
				word = usual
			}
			in.From, m.Fill[in.Name] = word, word
		case in.Required:
			in.From = "missing"
			hint := fmt.Sprintf("--set %s=VALUE, or --fill %[1]s=WORD with one of %s", in.Name, strings.Join(fillWords, ", "))
			if in.Sensitive {
				hint = fmt.Sprintf("--secret TF_VAR_%s reads it from stdin", in.Name)
			}
			lacks = append(lacks, pave.Missing{What: fmt.Sprintf("set: input %s has no default, and nothing fills it", in.Name), How: hint})
		default:
			in.From = "default"
		}
	}
	return m, i, append(lacks, mapOutputs(&m, &i, kind, r)...), nil
}

// known refuses inputs, words and outputs that there are not.
func known(i iface, r pave.BindRequest) error {
	var inputs, outputs, targets []string
	for _, in := range i.Inputs {
		inputs = append(inputs, in.Name)
	}
	for _, o := range i.Outputs {
		outputs = append(outputs, o.Name)
	}
	for _, w := range words {
		targets = append(targets, w.word)
	}
	one := func(field, value string, all []string, what string) error {
		if slices.Contains(all, value) {
			return nil
		}
		hint := "one of " + strings.Join(all, ", ")
		if near := pave.DidYouMean(value, all); near != "" {
			hint = "did you mean " + near + "?"
		}
		return pave.BadField(field, value, what, hint)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Set)) {
		if err := one("set", name, inputs, "is no input of the module"); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Fill)) {
		if err := one("fill", name, inputs, "is no input of the module"); err != nil {
			return err
		}
		if err := one("fill", r.Fill[name], fillWords, "is not what pave can fill in"); err != nil {
			return err
		}
	}
	for _, word := range slices.Sorted(maps.Keys(r.Outputs)) {
		if err := one("map", word, targets, "is nothing that an output can be"); err != nil {
			return err
		}
		if err := one("map", r.Outputs[word], outputs, "is no output of the module"); err != nil {
			return err
		}
	}
	return nil
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

// typed makes of a text what the type of its input asks for. Terraform judges it.
func typed(kind, value string) any {
	var v any
	if kind == "string" || kind == "" || json.Unmarshal([]byte(value), &v) != nil {
		return value
	}
	return v
}
