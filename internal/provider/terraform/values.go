package terraform

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// values are the inputs of the module.
func values(r resource.Resource, s spec) map[string]any {
	out := map[string]any{}
	maps.Copy(out, s.Module.Set)
	for input, word := range s.Module.Fill {
		out[input] = filled(word, r, s)
	}
	return out
}

func filled(word string, r resource.Resource, s spec) any {
	switch word {
	case pave.FillName:
		return r.ExternalID
	case pave.FillID:
		return r.ID
	case pave.FillService:
		return string(r.Ref.Service)
	case pave.FillTeam:
		return s.Team
	case pave.FillEnvironment:
		return string(r.Ref.Env)
	case pave.FillEngine:
		return s.Engine
	case pave.FillEngineAWS:
		return engines[s.Engine].aws
	case pave.FillTags:
		return map[string]string{"pave_id": r.ID, "service": string(r.Ref.Service), "team": s.Team, "environment": string(r.Ref.Env)}
	}
	return nil
}

// An Output as terraform output -json tells it.
type Output struct {
	Value     any  `json:"value"`
	Sensitive bool `json:"sensitive"`
}

func (o Output) text() string {
	switch v := o.Value.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	b, _ := json.Marshal(o.Value) // it was JSON before
	return string(b)
}

// state tells what the last apply gave out.
func (d *Driver) state(w *work, r resource.Resource, s spec) (resource.State, error) {
	data, err := w.read(outputsFile)
	if err != nil {
		return resource.State{}, err
	}
	all := map[string]Output{}
	if err := json.Unmarshal(data, &all); err != nil {
		return resource.State{}, pave.Errorf(pave.Unavailable, "the outputs of terraform cannot be read").WithHint("pave heal %s", r.Ref.Service)
	}
	return stateOf(d.Kind, r, s, all)
}

// stateOf tells what a module gave out: what is sensitive, and every address with a
// password in it, as a secret.
func stateOf(kind string, r resource.Resource, s spec, all map[string]Output) (resource.State, error) {
	word := func(name string) string { return all[s.Module.Outputs[name]].text() }
	st := resource.State{Ready: true, Version: "terraform", Summary: r.Ref.Name + " (terraform)",
		Outputs: map[string]string{"engine": s.Engine}, Secrets: map[string]pave.Secret{}}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if o := all[name]; o.Sensitive {
			st.Secrets[name] = pave.NewSecret(o.text())
		} else if scalar(o.Value) {
			st.Outputs[name] = o.text()
		}
	}
	if kind == pave.KindRole { // no address: what processes may be at a cloud
		st.Secrets["role"] = pave.NewSecret(word("role"))
		return st, nil
	}
	address, err := addressOf(kind, s.Engine, word)
	if err != nil {
		return st, err
	}
	maps.Copy(st.Secrets, pave.OutputsOf(address))
	if s.Module.Outputs[pave.OutputCA] != "" {
		st.Secrets[pave.OutputCA] = pave.NewSecret(word(pave.OutputCA))
	}
	for _, name := range []string{"host", "port", "user"} {
		if o := all[s.Module.Outputs[name]]; !o.Sensitive && o.Value != nil {
			st.Outputs[name] = o.text()
		}
	}
	return st, nil
}

// addressOf is the url that the module gives out, or is put together from its parts.
// That of a bucket is https://KEY:SECRET@HOST/NAME?region=REGION.
func addressOf(kind, engine string, word func(string) string) (pave.Secret, error) {
	if u := word("url"); u != "" {
		return pave.NewSecret(u), nil
	}
	u := url.URL{Scheme: schemeOf(kind, engine), Host: word("host")}
	if kind == pave.KindBucket {
		at, err := url.Parse(word("endpoint"))
		if err != nil || at.Host == "" || word("name") == "" {
			return pave.Secret{}, pave.Errorf(pave.Invalid, "the module gives out no endpoint, or no name of a bucket").
				WithHint("pave bind ... --map endpoint=OUTPUT --map name=OUTPUT")
		}
		u.Scheme, u.Host, u.RawQuery = at.Scheme, at.Host, url.Values{"region": {word("region")}}.Encode()
	} else if u.Host == "" {
		return pave.Secret{}, pave.Errorf(pave.Invalid, "the module gives out neither a url nor a host").
			WithHint("pave bind ... --map host=OUTPUT names it")
	}
	if port := word("port"); port != "" {
		host := u.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		u.Host = net.JoinHostPort(host, port)
	}
	if user := word("user"); user != "" || word("password") != "" {
		u.User = url.UserPassword(user, word("password"))
	}
	if name := word("name"); name != "" {
		u.Path = "/" + name
	}
	if u.Scheme == "" {
		return pave.Secret{}, fmt.Errorf("terraform: no scheme for kind %s", kind) // the wiring is wrong
	}
	return pave.NewSecret(u.String()), nil
}
