package platform

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store"
)

// everywhere is the word for the binding of all environments that have none of their own.
const everywhere = "default"

// byModule is the provider that a module makes resources by.
const byModule = "terraform"

// bindable are the kinds that may be bound, with the provider each has at first.
var bindable = func() map[string]string {
	out := map[string]string{}
	for _, kind := range pave.BackingKinds {
		out[kind] = pave.LocalProvider(kind)
	}
	return out
}()

// settings are those a binding may have.
var bindSettings = []string{"drift", "memory_mb", "public"}

// Bind says who makes resources of a kind in an environment from now on. What was made
// stays with the provider that made it.
func (p *Platform) Bind(ctx context.Context, env, kind string, r pave.BindRequest) (pave.Bound, error) {
	at, err := p.mayBind(ctx, env, kind)
	if err != nil {
		return pave.Bound{}, err
	}
	if _, err := p.Resources.Drivers.Get(kind, r.Provider); err != nil {
		providers := slices.Sorted(maps.Keys(p.Resources.Drivers[kind]))
		return pave.Bound{}, pave.BadField("provider", r.Provider, "makes no "+kind, "one of "+strings.Join(providers, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Settings)) {
		if !slices.Contains(bindSettings, name) {
			return pave.Bound{}, pave.BadField("setting", name, "is no setting of a binding", "one of "+strings.Join(bindSettings, ", "))
		}
	}
	out := pave.Bound{Environment: env, Binding: pave.Binding{Kind: kind, Provider: r.Provider, Settings: r.Settings}}
	if r.Provider == byModule {
		if err := p.bindModule(ctx, at, kind, r, &out); err != nil {
			return out, err
		}
	} else if r.Archive != nil {
		return out, pave.BadField("module", r.Source, "is for the provider terraform alone", "pave bind "+env+" "+kind+" terraform --module DIR")
	}
	return out, p.keepBinding(ctx, at, env, out.Binding)
}

// mayBind checks who asks, and what for.
func (p *Platform) mayBind(ctx context.Context, env, kind string) (pave.Name, error) {
	if err := p.Access.May(ctx, access.Admin, access.Platform); err != nil {
		return "", err
	}
	if bindable[kind] == "" {
		return "", pave.BadField("kind", kind, "cannot be bound", "one of "+strings.Join(slices.Sorted(maps.Keys(bindable)), ", "))
	}
	if env == everywhere {
		return "", nil
	}
	envs, err := p.environmentsNamed(ctx, []string{env})
	if err != nil {
		return "", err
	}
	return envs[0], nil
}

// bindModule keeps the module and seals what its providers are given. Values that the
// binding before had stay where no other is given.
func (p *Platform) bindModule(ctx context.Context, at pave.Name, kind string, r pave.BindRequest, out *pave.Bound) error {
	bindings, err := p.bindings(ctx)
	if err != nil {
		return err
	}
	secrets := map[string]string{}
	if before := bindings[at][kind].Module; before != nil {
		maps.Copy(secrets, before.Secrets)
	}
	names := slices.Collect(maps.Keys(secrets))
	for name := range r.Secrets {
		if err := pave.CheckVariable(name); err != nil {
			return err
		}
		names = append(names, name)
	}
	m, inputs, outputs, err := p.Modules.Keep(r, names)
	if err != nil {
		return err
	}
	for name, value := range r.Secrets {
		secrets[name] = pave.NewID("sec")
		if err := p.Vault.Put(ctx, secrets[name], value); err != nil {
			return err
		}
	}
	m.Secrets = secrets
	out.Binding.Module, out.Inputs, out.Outputs = &m, inputs, outputs
	return nil
}

func (p *Platform) keepBinding(ctx context.Context, at pave.Name, env string, b pave.Binding) error {
	module := ""
	detail := b.Kind + " by " + b.Provider
	if b.Module != nil {
		text, err := json.Marshal(b.Module)
		if err != nil {
			return err
		}
		module = string(text)
		detail += fmt.Sprintf(", module %s %.19s", b.Module.Source, b.Module.Digest)
	}
	if b.Settings == nil {
		b.Settings = map[string]string{}
	}
	settings, err := json.Marshal(b.Settings)
	if err != nil {
		return err
	}
	return p.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := p.Access.AuditTx(ctx, tx, "bind", "environment:"+env, detail); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO bindings (environment, kind, provider, settings, module) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (environment, kind) DO UPDATE SET provider = excluded.provider, settings = excluded.settings, module = excluded.module`,
			string(at), b.Kind, b.Provider, string(settings), module)
		return err
	})
}

// Unbind takes a binding back: an environment has that of all others again, and all
// others what pave begins with.
func (p *Platform) Unbind(ctx context.Context, env, kind string) (pave.Bound, error) {
	at, err := p.mayBind(ctx, env, kind)
	if err != nil {
		return pave.Bound{}, err
	}
	err = p.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := p.Access.AuditTx(ctx, tx, "unbind", "environment:"+env, kind); err != nil {
			return err
		}
		if at == "" {
			_, err := tx.Exec(ctx, `UPDATE bindings SET provider = $1, settings = '{}', module = '' WHERE environment = '' AND kind = $2`,
				bindable[kind], kind)
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM bindings WHERE environment = $1 AND kind = $2`, string(at), kind)
		return err
	})
	if err != nil {
		return pave.Bound{}, err
	}
	bindings, err := p.bindings(ctx)
	if err != nil {
		return pave.Bound{}, err
	}
	b, err := bindings.find(kind, at)
	return pave.Bound{Environment: env, Binding: b}, err
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

// asMade says who makes a kind for a service: for what is there already the provider that
// made it, with the module it has, whatever is bound by now.
func (p *Platform) asMade(ctx context.Context, service string, t bindingTable) (func(string, pave.Name) (pave.Binding, error), error) {
	if service == "" {
		return t.find, nil
	}
	records, err := p.Resources.List(ctx, p.DB, service)
	if err != nil {
		return nil, err
	}
	return func(kind string, env pave.Name) (pave.Binding, error) {
		b, err := t.find(kind, env)
		for _, r := range records {
			if r.State == pave.ResourceGone || r.Ref.Kind != kind || r.Ref.Env != env || bindable[kind] == "" || err == nil && r.Provider == b.Provider {
				continue
			}
			return pave.Binding{Kind: kind, Provider: r.Provider, Settings: t[""][kind].Settings, Module: resource.ModuleOf(r.Spec)}, nil
		}
		return b, err
	}, nil
}
