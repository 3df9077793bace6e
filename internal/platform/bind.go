package platform

import (
	"context"
	"encoding/json"
	"errors"
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

// byModule are the providers that a module makes resources by.
var byModule = []string{"terraform", "hcp-terraform"}

// bindable are the kinds that may be bound, with the provider each has at first; "" is
// none: there is nothing of that kind before it is bound.
var bindable = func() map[string]string {
	out := map[string]string{pave.KindRepository: "git", pave.KindSecret: "sealed", pave.KindRole: "", pave.KindPipeline: ""}
	for _, kind := range pave.BackingKinds {
		out[kind] = pave.LocalProvider(kind)
	}
	return out
}()

// Bind says who makes resources of a kind in an environment from now on. What was made
// stays with the provider that made it.
func (p *Platform) Bind(ctx context.Context, env, kind string, r pave.BindRequest) (pave.Bound, error) {
	at, err := p.mayBind(ctx, env, kind)
	if err != nil {
		return pave.Bound{}, err
	}
	d, err := p.Resources.Drivers.Get(kind, r.Provider)
	if err != nil {
		providers := slices.Sorted(maps.Keys(p.Resources.Drivers[kind]))
		return pave.Bound{}, pave.BadField("provider", r.Provider, "makes no "+kind, "one of "+strings.Join(providers, ", "))
	}
	if first := pave.LocalProvider(kind); pave.OnThisMachine(kind, r.Provider) && r.Provider != first {
		return pave.Bound{}, pave.BadField("provider", r.Provider, "is not bound: on this machine the engine of a service says who makes it",
			"pave bind "+env+" "+kind+" "+first+" stands for this machine; pave add "+kind+" --engine ENGINE chooses")
	}
	if err := checkBindSettings(kind, r.Settings); err != nil {
		return pave.Bound{}, err
	}
	for name, value := range r.Secrets {
		if value.IsZero() {
			return pave.Bound{}, pave.BadField("secret", name, "has an empty value", fmt.Sprintf("--secret-file %s=FILE, with its value in it", name))
		}
	}
	out := pave.Bound{Environment: env, Binding: pave.Binding{Kind: kind, Provider: r.Provider, Settings: maps.Clone(r.Settings)}}
	told, ok := resource.As[resource.Bindable](d)
	switch {
	case (r.Archive != nil || r.Source != "") && !slices.Contains(byModule, r.Provider):
		err = pave.BadField("module", r.Source, "is for the providers terraform and hcp-terraform alone", "pave bind "+env+" "+kind+" terraform --module DIR")
	case slices.Contains(byModule, r.Provider):
		err = p.bindModule(ctx, at, kind, r, &out)
	case ok:
		err = p.bindSystem(ctx, at, r, told, &out)
	case len(r.Set)+len(r.Secrets) > 0:
		err = pave.BadField("set", strings.Join(slices.Sorted(maps.Keys(r.Set)), ", "), "is nothing that "+r.Provider+" is told", "pave list providers")
	}
	if err != nil {
		return out, err
	}
	if err := p.keepBinding(ctx, at, env, out.Binding); err != nil {
		return out, err
	}
	out.Notes = append(out.Notes, p.plannedBefore(ctx, at, kind)...)
	out.Notes = append(append(out.Notes, p.keepTheirs(ctx, at, out.Binding)...), p.ofOtherHosts(ctx, out.Binding)...)
	return out, nil
}

func mayBeBound(kind string) bool {
	_, ok := bindable[kind]
	return ok
}

// mayBind checks who asks, and what for.
func (p *Platform) mayBind(ctx context.Context, env, kind string) (pave.Name, error) {
	if err := p.Access.May(ctx, access.Admin, access.Platform); err != nil {
		return "", err
	}
	if !mayBeBound(kind) {
		return "", pave.BadField("kind", kind, "cannot be bound", "one of "+strings.Join(slices.Sorted(maps.Keys(bindable)), ", "))
	}
	if env == everywhere {
		return "", nil
	}
	if kind == pave.KindRepository {
		return "", pave.BadField("environment", env, "has no repository of its own: a service has one", "pave bind default repository PROVIDER")
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
	for name := range r.Secrets {
		if err := pave.CheckModuleSecret(name); err != nil {
			return err
		}
	}
	was := bindings[at][kind]
	dropped := droppedBy(was.Module, r)
	kept, err := p.Modules.Keep(ctx, kind, r, secrets)
	if known := (*pave.Error)(nil); errors.As(err, &known) && known.Code == pave.Invalid && len(dropped) > 0 {
		more := *known
		more.Hint = strings.Join(append([]string{known.Hint}, dropped...), "; ")
		return &more
	}
	if err != nil {
		return err
	}
	m := *kept.Binding.Module
	if was.Module != nil && was.Provider == r.Provider && r.Backend == "" && m.Backend == nil {
		m.Backend = was.Module.Backend
	}
	if err := againForModule(was.Module, m, r.Secrets); err != nil {
		return err
	}
	if out.Checks, err = p.askForModule(ctx, kind, m, r, secrets); err != nil {
		return err
	}
	for name, value := range r.Secrets {
		secrets[name] = idForModule(at, kind, r.Provider, name, m.Backend)
		if err := p.Vault.Put(ctx, secrets[name], value); err != nil {
			return err
		}
	}
	m.Secrets = secrets
	out.Binding.Module, out.Inputs, out.Outputs, out.Notes = &m, kept.Inputs, kept.Outputs, append(kept.Notes, dropped...)
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
		if b.Module.Commit != "" {
			detail += " of commit " + b.Module.Commit
		}
	}
	settings, err := jsonMap(b.Settings)
	if err != nil {
		return err
	}
	secrets, err := jsonMap(b.Secrets)
	if err != nil {
		return err
	}
	return p.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := p.Access.AuditTx(ctx, tx, "bind", "environment:"+env, detail); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO bindings (environment, kind, provider, settings, module, secrets) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (environment, kind) DO UPDATE SET provider = excluded.provider, settings = excluded.settings, module = excluded.module,
				secrets = excluded.secrets`,
			string(at), b.Kind, b.Provider, settings, module, secrets)
		return err
	})
}

func jsonMap(m map[string]string) (string, error) {
	if m == nil {
		m = map[string]string{}
	}
	text, err := json.Marshal(m)
	return string(text), err
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
		if at == "" && bindable[kind] != "" {
			_, err := tx.Exec(ctx, `UPDATE bindings SET provider = $1, settings = '{}', module = '', secrets = '{}' WHERE environment = '' AND kind = $2`,
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
	if err != nil && bindable[kind] == "" {
		return pave.Bound{Environment: env, Binding: pave.Binding{Kind: kind}}, nil
	}
	return pave.Bound{Environment: env, Binding: b}, err
}
