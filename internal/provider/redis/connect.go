package redis

import (
	"context"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

var _ resource.Connector = (*Driver)(nil)

// visitName is the user of a visitor.
func visitName(id string) string { return "visit-" + strings.ToLower(id[max(0, len(id)-16):]) }

// Connect lets a visitor in beside the service: with its rights, or to read. The node
// shuts the visitor out at the end.
func (d *Driver) Connect(ctx context.Context, r resource.Resource, v resource.Visit) (pave.Secret, error) {
	name := visitName(v.ID)
	password := d.password("connect", name)
	st, err := d.changeVisits(ctx, r, func(all []node.Login) []node.Login {
		return append(all, node.Login{User: name, PasswordSHA256: hashOf(password), ReadOnly: v.ReadOnly, Until: v.Until})
	})
	if err != nil {
		return pave.Secret{}, err
	}
	return address(st.Port, name, password), nil
}

// Disconnect shuts a visitor out, and ends what they have open.
func (d *Driver) Disconnect(ctx context.Context, r resource.Resource, id string) error {
	_, err := d.changeVisits(ctx, r, func(all []node.Login) []node.Login {
		return slices.DeleteFunc(all, func(l node.Login) bool { return l.User == visitName(id) })
	})
	if pave.CodeOf(err) == pave.Conflict { // set aside, or gone: nobody is let in
		return nil
	}
	return err
}

// changeVisits changes who is let in beside the service. Conflict where no server runs
// on the data.
func (d *Driver) changeVisits(ctx context.Context, r resource.Resource, change func([]node.Login) []node.Login) (node.ServerStatus, error) {
	d.users.Lock()
	defer d.users.Unlock()
	st, err := d.Node.Server(ctx, serverID(r.ExternalID))
	if pave.CodeOf(err) == pave.NotFound || err == nil && st.Owner != r.ID {
		return st, pave.Errorf(pave.Conflict, "cache %s is not in use", r.ExternalID).WithHint("pave status %s", r.Ref.Service)
	}
	if err != nil {
		return st, err
	}
	all, err := d.beside(ctx, r, func(int) bool { return true })
	if err != nil {
		return st, err
	}
	return d.put(ctx, r, change(all))
}
