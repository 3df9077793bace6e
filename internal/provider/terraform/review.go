package terraform

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// Review says whether what a binding says fits the module that was kept for it, which is an
// error where it does not, and whether its source has a later version by now, which is not:
// the binding goes on with its own.
func (d *Driver) Review(ctx context.Context, b pave.Binding) (string, error) {
	r := requestOf(b)
	secrets, err := d.opened(ctx, b.Module.Secrets, nil)
	if err != nil {
		return "", err
	}
	files, err := d.Files(b.Module.Digest)
	if err != nil {
		return "", err
	}
	found, err := inspect(files)
	if err != nil {
		return "", err
	}
	if err := resolve(found, b.Kind, r, secrets).unfit(); err != nil {
		return "", err
	}
	if !strings.HasPrefix(r.Source, shipped) && b.Module.Commit == "" { // a folder, which was sent
		return "what is bound fits it", nil
	}
	if b.Module.Commit == "" { // it ships
		said, _ := d.newest(ctx, b, r, secrets)
		return said, nil
	}
	return d.reviews.of(ctx, b, func() (string, error) { return d.newest(ctx, b, r, secrets) }), nil
}

// newest holds what is bound against what its source has now. The error is that of its
// source, and is told.
func (d *Driver) newest(ctx context.Context, b pave.Binding, r pave.BindRequest, secrets map[string]pave.Secret) (string, error) {
	from, err := d.bring(ctx, r)
	switch {
	case err != nil:
		return unknownVersion + err.Error(), err
	case from.digest == b.Module.Digest:
		return "what is bound fits it, and it is the newest", nil
	}
	if err := resolve(from.iface, b.Kind, r, secrets).unfit(); err != nil {
		return "what is bound fits it, and nothing is to be done until it is bound again: its source has a later version by then, which asks for more: " +
			err.Error() + " (" + pave.HintOf(err) + ")", nil
	}
	return "its source has a later version; pave bind takes it, what is bound stays until then", nil
}

const unknownVersion = "what is bound fits it; which version its source has now is not known: "

// unfit is all that is wrong or missing, in one error.
func (x resolution) unfit() error {
	wrong := x.wrong
	for _, lack := range x.lacks {
		wrong = append(wrong, pave.Errorf(pave.Invalid, "%s", lack.What).WithHint("%s", lack.How))
	}
	return joined(wrong)
}

// requestOf is what would bind a module again. What pave found by itself it finds again.
func requestOf(b pave.Binding) pave.BindRequest {
	m := b.Module
	r := pave.BindRequest{Provider: b.Provider, Source: m.Source, Set: map[string]string{}, Fill: maps.Clone(m.Fill), Outputs: maps.Clone(m.Outputs), Mirror: m.Mirror}
	for name, value := range m.Set {
		text, ok := value.(string)
		if !ok {
			data, _ := json.Marshal(value) // it was JSON before
			text = string(data)
		}
		r.Set[name] = text
	}
	maps.DeleteFunc(r.Fill, func(name, word string) bool { return usualInputs[name] == word })
	for _, w := range words {
		if slices.Contains(w.usual, r.Outputs[w.word]) {
			delete(r.Outputs, w.word)
		}
	}
	return r
}
