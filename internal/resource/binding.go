package resource

import (
	"context"
	"encoding/json"
	"slices"

	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// A Bindable driver works with a system that its binding names: where it is, and how
// to sign in there. The spec of each resource carries the binding it was made by.
type Bindable interface {
	// Fields are the settings and secrets that a binding may have, required ones first.
	Fields() []pave.BindingField
	BindingChecker
}

// A BindingChecker works with a system that a binding names, or the module of one.
type BindingChecker interface {
	// CheckBinding asks the system whether all that the driver will want of it may be
	// done, and changes nothing. A check that fails names what is missing.
	CheckBinding(ctx context.Context, b Opened) []pave.Check
}

// Bound is the binding that a resource was made by, as its spec carries it. Of a module it
// is where its backend is.
type Bound struct {
	Settings map[string]string `json:"settings,omitempty"`
	Secrets  map[string]string `json:"secrets,omitempty"` // ids of sealed values by name
}

// Opened is a binding with its secrets.
type Opened struct {
	Settings map[string]string
	Secrets  map[string]pave.Secret
}

// BindingOf is the binding in a spec; it is empty where the driver needs none.
func BindingOf(spec json.RawMessage) Bound {
	var has struct {
		Binding Bound        `json:"binding"`
		Module  *pave.Module `json:"module"`
	}
	if json.Unmarshal(spec, &has) != nil {
		return Bound{}
	}
	return BoundBy(pave.Binding{Settings: has.Binding.Settings, Secrets: has.Binding.Secrets, Module: has.Module})
}

// BoundBy is what resources made by a binding carry of it.
func BoundBy(b pave.Binding) Bound {
	switch {
	case b.Module == nil:
		return Bound{Settings: b.Settings, Secrets: b.Secrets}
	case b.Module.Backend == nil:
		return Bound{Secrets: b.Module.Secrets}
	}
	return Bound{Settings: b.Module.Backend.Config, Secrets: b.Module.Secrets}
}

// An Opener finds sealed values; a Vault is one.
type Opener interface {
	Get(ctx context.Context, id string) (pave.Secret, error)
}

// Open finds the secrets of a binding. Binding again replaces a value in its place, so
// that what was made long ago signs in with the newest.
func (b Bound) Open(ctx context.Context, from Opener) (Opened, error) {
	out := Opened{Settings: b.Settings, Secrets: map[string]pave.Secret{}}
	for name, id := range b.Secrets {
		value, err := from.Get(ctx, id)
		if err != nil {
			return out, pave.Errorf(pave.CodeOf(err), "secret %s of the binding: %w", name, err).
				WithHint("pave bind ... --secret %s gives it again", name)
		}
		out.Secrets[name] = value
	}
	return out, nil
}

// Bounds are all bindings that resources of a provider were ever made by, each once.
// A Lister looks in all of them.
func (c *Controller) Bounds(ctx context.Context, kind, provider string) ([]Bound, error) {
	// Those of what is gone too: what an overtaken step made of it may be there.
	rows, err := c.db.Query(ctx, `SELECT DISTINCT spec FROM resources WHERE provider = $1 AND ref LIKE $2`, provider, kind+":%")
	specs, err := store.Collect(rows, err, func(row store.Scanner) (spec string, err error) { return spec, row.Scan(&spec) })
	var out []Bound
	var seen []string
	for _, spec := range specs {
		b := BindingOf(json.RawMessage(spec))
		if text := string(mustJSON(b)); !slices.Contains(seen, text) {
			seen, out = append(seen, text), append(out, b)
		}
	}
	return out, err
}

// Known are all resources of a provider, those that are gone too: a driver that makes
// nothing itself sees by them what of the world another has.
func (c *Controller) Known(ctx context.Context, kind, provider string) ([]Record, error) {
	rows, err := c.db.Query(ctx, `SELECT `+columns+` FROM resources WHERE kind = $1 AND provider = $2 ORDER BY id`, kind, provider)
	return store.Collect(rows, err, func(row store.Scanner) (Record, error) { return scan(row) })
}

// checkBinding asks a driver about the binding that a change would be made by.
func (c *Controller) checkBinding(ctx context.Context, d Driver, spec json.RawMessage) ([]pave.Check, error) {
	b, ok := As[BindingChecker](d)
	if !ok {
		return nil, nil
	}
	opened, err := BindingOf(spec).Open(ctx, NewVault(c.db, c.seal))
	if err != nil {
		return nil, err
	}
	return b.CheckBinding(ctx, opened), nil
}
