package terraform

import (
	"context"
	"encoding/json"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// wordProtected is for the output by which a module says that what it made is not to be
// deleted: true, or why. Terraform itself destroys what others depend on last: where a
// cloud refuses to delete a database, what was in front of it is gone already. So pave
// asks before it begins.
const wordProtected = "protected"

// Guards reports whether the module can protect what it makes.
func (o Order) Guards() bool { return o.Module.Outputs[wordProtected] != "" }

// Guarded is Policy where the module protects what it made from being deleted, and where it
// has not said yet whether it does, as one that was bound since. What stopped half way on its
// first time, before it had an address, can be taken back.
func (o Order) Guarded(r resource.Resource, outputs map[string]Output) error {
	out, said := outputs[o.Module.Outputs[wordProtected]]
	why := out.text()
	switch {
	case (!said || out.Value == nil) && o.whole(outputs):
		return pave.Errorf(pave.Policy, "whether %s is protected its module has not said, and nothing of it was deleted", r.Ref).
			WithHint("pave heal %s first, then this again; an output %s of a module is false or an empty text where it protects nothing, never null",
				r.Ref.Service, o.Module.Outputs[wordProtected])
	case why == "" || why == "false":
		return nil
	case why == "true" || out.Sensitive:
		why = "its module says so"
	}
	return pave.Errorf(pave.Policy, "%s is protected, and nothing of it was deleted: %s", r.Ref, short(why, 200)).
		WithHint("an admin binds its module again so that it may be deleted (the README of the module says how); then pave heal %s, then this again", r.Ref.Service)
}

// whole reports whether what was made has got as far as an address.
func (o Order) whole(outputs map[string]Output) bool {
	for _, word := range []string{"url", "host", "endpoint", "role"} {
		if outputs[o.Module.Outputs[word]].text() != "" {
			return true
		}
	}
	return false
}

// guarded is Order.Guarded by what was given out last.
func (w *work) guarded(r resource.Resource) error {
	o, err := OrderOf(r)
	if err != nil || !o.Guards() {
		return nil // what has no module is found out by whoever runs it
	}
	data, err := w.read(outputsFile)
	if err != nil || len(data) == 0 {
		return err
	}
	all := map[string]Output{}
	if err := json.Unmarshal(data, &all); err != nil {
		return pave.Errorf(pave.Unavailable, "the outputs of terraform cannot be read").WithHint("pave heal %s", r.Ref.Service)
	}
	return o.Guarded(r, all)
}

// mayDestroy asks the state itself, which may be elsewhere or come from a backup.
func (w *work) mayDestroy(ctx context.Context) error {
	o, err := OrderOf(w.r)
	if err != nil || !o.Guards() {
		return err
	}
	if err := w.run(ctx, "output", outputScript); err != nil {
		return err
	}
	return w.guarded(w.r)
}
