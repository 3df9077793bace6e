package platform

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/resource"
)

// bindingTable says which provider makes what, by environment and kind.
type bindingTable map[pave.Name]map[string]pave.Binding

func (b bindingTable) find(kind string, env pave.Name) (pave.Binding, error) {
	for _, e := range []pave.Name{env, ""} {
		if found, ok := b[e][kind]; ok {
			return found, nil
		}
	}
	return pave.Binding{}, pave.Errorf(pave.Invalid, "no provider is bound for %s in environment %q", kind, env).
		WithHint("pave get environments shows the bindings")
}

func (p *Platform) bindings(ctx context.Context) (bindingTable, error) {
	rows, err := p.DB.Query(ctx, `SELECT environment, kind, provider, settings, module, secrets FROM bindings ORDER BY environment, kind`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := bindingTable{}
	for rows.Next() {
		var env pave.Name
		var b pave.Binding
		var settings, module, secrets string
		if err := rows.Scan(&env, &b.Kind, &b.Provider, &settings, &module, &secrets); err != nil {
			return nil, err
		}
		if module != "" {
			if err := json.Unmarshal([]byte(module), &b.Module); err != nil {
				return nil, err
			}
		}
		if err := json.Unmarshal([]byte(settings), &b.Settings); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(secrets), &b.Secrets); err != nil {
			return nil, err
		}
		b.Told = p.isTold(b.Kind, b.Provider)
		if out[env] == nil {
			out[env] = map[string]pave.Binding{}
		}
		out[env][b.Kind] = b
	}
	return out, rows.Err()
}

// isTold reports whether a provider works with a system that its binding names.
func (p *Platform) isTold(kind, provider string) bool {
	_, ok := resource.As[resource.Bindable](p.Resources.Drivers[kind][provider])
	return ok
}

// Bound reports whether a provider is bound anywhere.
func (p *Platform) Bound(ctx context.Context, provider string) bool {
	bindings, err := p.bindings(ctx)
	if err != nil {
		return false
	}
	for _, kinds := range bindings {
		for _, b := range kinds {
			if b.Provider == provider {
				return true
			}
		}
	}
	return false
}

// bindSystem keeps what a provider is told of the system it works with, once that
// system has answered that all may be done there. What a binding to the same provider
// had before stays where it is not given again.
func (p *Platform) bindSystem(ctx context.Context, at pave.Name, r pave.BindRequest, d resource.Bindable, out *pave.Bound) error {
	b := &out.Binding
	bindings, err := p.bindings(ctx)
	if err != nil {
		return err
	}
	before, _ := bindings[at][b.Kind]
	if before.Provider != r.Provider {
		before = pave.Binding{}
	}
	settings := map[string]string{}
	maps.Copy(settings, before.Settings)
	maps.Copy(settings, r.Settings)
	maps.Copy(settings, r.Set)
	from, to := addressOf(d.Fields(), before.Settings), addressOf(d.Fields(), settings)
	if err := again(slices.Sorted(maps.Keys(before.Secrets)), r.Secrets, from, to); err != nil {
		return err
	}
	opened, err := resource.Bound{Settings: settings, Secrets: before.Secrets}.Open(ctx, p.Vault)
	if err != nil && pave.CodeOf(err) != pave.NotFound {
		return err
	}
	maps.Copy(opened.Secrets, r.Secrets)
	if err := checkFields(d.Fields(), r, opened); err != nil {
		return err
	}
	if out.Checks, err = ask(ctx, d, r.Provider, opened); err != nil {
		return err
	}
	b.Settings, b.Told = settings, true
	if b.Secrets = maps.Clone(before.Secrets); b.Secrets == nil {
		b.Secrets = map[string]string{}
	}
	for name, value := range r.Secrets {
		// The same id each time: what is signed in with it gets the newest value. What was
		// made at another address signs in there, and with the value for there.
		if b.Secrets[name] == "" || from != to {
			b.Secrets[name] = strings.Join([]string{"binding", string(at), b.Kind, b.Provider, name, digestOf(to)}, ":")
		}
		if err := p.Vault.Put(ctx, b.Secrets[name], value); err != nil {
			return err
		}
	}
	return nil
}

// ask has the system that is to be bound answer. The first thing that may not be done there
// is the error.
func ask(ctx context.Context, d resource.BindingChecker, provider string, b resource.Opened) (answers []pave.Check, err error) {
	for _, check := range d.CheckBinding(ctx, b) {
		if !check.OK {
			return nil, pave.Errorf(pave.Invalid, "%s is not bound: %s: %s", provider, check.Name, check.Detail).WithHint("%s", check.Fix)
		}
		answers = append(answers, check)
	}
	return answers, nil
}

// askForModule does so where the system that runs a module is asked, with the secrets that
// the binding had before.
func (p *Platform) askForModule(ctx context.Context, kind string, m pave.Module, r pave.BindRequest, before map[string]string) ([]pave.Check, error) {
	d, ok := resource.As[resource.BindingChecker](p.Resources.Drivers[kind][r.Provider])
	if !ok {
		return nil, nil
	}
	m.Secrets = maps.Clone(before)
	maps.DeleteFunc(m.Secrets, func(name, _ string) bool { _, anew := r.Secrets[name]; return anew })
	opened, err := resource.BoundBy(pave.Binding{Module: &m}).Open(ctx, p.Vault)
	if err != nil && pave.CodeOf(err) != pave.NotFound {
		return nil, err
	}
	maps.Copy(opened.Secrets, r.Secrets)
	return ask(ctx, d, r.Provider, opened)
}

// addressOf is where the secrets of a binding are sent.
func addressOf(fields []pave.BindingField, settings map[string]string) string {
	var out []string
	for _, f := range fields {
		if f.Address {
			out = append(out, strings.TrimRight(cmp.Or(strings.TrimSpace(settings[f.Name]), f.Default), "/"))
		}
	}
	return strings.Join(out, " ")
}

// again refuses to send what was given for one address to another one.
func again(kept []string, given map[string]pave.Secret, from, to string) error {
	for _, name := range kept {
		if _, ok := given[name]; !ok && from != to {
			return pave.BadField("secret", name, "was given for "+cmp.Or(from, "this machine")+" and is not sent to "+to, "give it again: --secret "+name+"; or pave unbind first")
		}
	}
	return nil
}

// againForModule does so for what a module is run with: HCP Terraform is told all of it, a
// backend by HTTP what it is signed in to with.
func againForModule(before *pave.Module, now pave.Module, given map[string]pave.Secret) error {
	if before == nil || now.Backend == nil {
		return nil
	}
	kept := slices.Sorted(maps.Keys(before.Secrets))
	if now.Backend.Type == "http" {
		kept = slices.DeleteFunc(kept, func(name string) bool { return !strings.HasPrefix(name, "TF_HTTP_") })
	}
	for _, key := range map[string][]string{"hcp-terraform": {"url"}, "http": {"address", "lock_address", "unlock_address"}}[now.Backend.Type] {
		from := ""
		if before.Backend != nil && before.Backend.Type == now.Backend.Type {
			from = before.Backend.Config[key]
		}
		if err := again(kept, given, from, now.Backend.Config[key]); err != nil {
			return err
		}
	}
	return nil
}

// idForModule is the id of a secret that a module is run with. What HCP Terraform is signed
// in to with keeps its id while it is the same organization: a token that was replaced is
// good for what was made long ago too. The module's own are those that it was bound with.
func idForModule(at pave.Name, kind, provider, name string, backend *pave.Backend) string {
	if backend == nil || backend.Type != "hcp-terraform" || name != "TFE_TOKEN" {
		return pave.NewID("sec")
	}
	return strings.Join([]string{"binding", string(at), kind, provider, name, digestOf(backend.Config["url"] + " " + backend.Config["org"])}, ":")
}

// digestOf is a short name for a text.
func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// checkFields says what a binding lacks, or has that its provider does not know.
func checkFields(fields []pave.BindingField, r pave.BindRequest, b resource.Opened) error {
	var settings, secrets []string
	for _, f := range fields {
		if f.Secret {
			secrets = append(secrets, f.Name)
		} else {
			settings = append(settings, f.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Set)) {
		if slices.Contains(secrets, name) {
			return pave.BadField("set", name, "is a secret", "--secret "+name+", which reads it from stdin or a prompt")
		}
		if !slices.Contains(settings, name) {
			return pave.BadField("set", name, "is nothing that "+r.Provider+" is told", meantOf(name, settings))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Secrets)) {
		if !slices.Contains(secrets, name) {
			return pave.BadField("secret", name, "is no secret of "+r.Provider, meantOf(name, secrets))
		}
	}
	for _, f := range fields {
		value := b.Settings[f.Name]
		switch {
		case f.Secret && f.Required && b.Secrets[f.Name].Reveal() == "":
			return pave.BadField("secret", f.Name, "is missing: "+f.Description, "--secret "+f.Name+" < FILE")
		case !f.Secret && f.Required && value == "":
			return pave.BadField("set", f.Name, "is missing: "+f.Description, "--set "+f.Name+"=VALUE")
		case value != "" && len(f.OneOf) > 0 && !slices.Contains(f.OneOf, value):
			return pave.BadField("set", f.Name, "is "+value, "one of "+strings.Join(f.OneOf, ", "))
		}
	}
	return nil
}

// meantOf is the hint for a name that is none of what there is.
func meantOf(name string, there []string) string {
	if near := pave.DidYouMean(name, there); near != "" {
		return "did you mean " + near + "?"
	}
	return "one of " + strings.Join(there, ", ")
}

// Providers are all providers of kinds that may be bound, and what each is told.
func (p *Platform) Providers(ctx context.Context) ([]pave.Provider, error) {
	if err := p.Access.May(ctx, access.Read, access.Platform); err != nil {
		return nil, err
	}
	bindings, err := p.bindings(ctx)
	if err != nil {
		return nil, err
	}
	out := []pave.Provider{}
	for _, kind := range slices.Sorted(maps.Keys(bindable)) {
		for _, name := range slices.Sorted(maps.Keys(p.Resources.Drivers[kind])) {
			one := pave.Provider{Kind: kind, Name: name, Bound: []string{}, Fields: []pave.BindingField{}}
			if told, ok := resource.As[resource.Bindable](p.Resources.Drivers[kind][name]); ok {
				one.Fields = told.Fields()
			}
			for _, env := range slices.Sorted(maps.Keys(bindings)) {
				if bindings[env][kind].Provider != name {
					continue
				}
				if env == "" {
					env = everywhere
				}
				one.Bound = append(one.Bound, string(env))
			}
			out = append(out, one)
		}
	}
	return out, nil
}

// checkBindings asks every system that is bound, or that something was made by, whether all
// may be done there. Each check is told once: a system may be bound to more than one kind.
func (p *Platform) checkBindings(ctx context.Context) []pave.Check {
	type place struct {
		kind, provider string
		bound          resource.Bound
	}
	var places []place
	add := func(kind, provider string, b resource.Bound) {
		one := place{kind, provider, b}
		if !slices.ContainsFunc(places, func(o place) bool { return reflect.DeepEqual(o, one) }) {
			places = append(places, one)
		}
	}
	bindings, err := p.bindings(ctx)
	if err != nil {
		return nil
	}
	for _, env := range slices.Sorted(maps.Keys(bindings)) {
		for _, kind := range slices.Sorted(maps.Keys(bindings[env])) {
			add(kind, bindings[env][kind].Provider, resource.BoundBy(bindings[env][kind]))
		}
	}
	records, err := p.Resources.List(ctx, p.DB, "")
	if err != nil {
		return nil
	}
	for _, r := range records {
		if r.State == pave.ResourcePresent {
			add(r.Ref.Kind, r.Provider, resource.BindingOf(r.Spec))
		}
	}
	out := p.reviewModules(ctx, bindings)
	for _, at := range places {
		told, ok := resource.As[resource.BindingChecker](p.Resources.Drivers[at.kind][at.provider])
		if !ok {
			continue
		}
		opened, err := at.bound.Open(ctx, p.Vault)
		if err != nil {
			out = append(out, pave.Check{Name: at.provider, Detail: err.Error(), Fix: pave.HintOf(err)})
			continue
		}
		for _, c := range told.CheckBinding(ctx, opened) {
			if !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}
