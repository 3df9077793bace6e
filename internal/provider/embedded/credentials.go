package embedded

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// Credentials are numbered, and each has a user of its own: old and new let in at the same
// time until the old user is taken away, and its connections with it.

// userName is the user of numbered credentials.
func userName(r resource.Resource, number int) string {
	if number == 0 {
		return r.ExternalID
	}
	return fmt.Sprintf("%s-%d", r.ExternalID, number)
}

// numberOf is the number of a user's credentials; ok is false for a user that is not the
// service's.
func numberOf(r resource.Resource, user string) (number int, ok bool) {
	if user == r.ExternalID {
		return 0, true
	}
	text, ours := strings.CutPrefix(user, r.ExternalID+"-")
	number, err := strconv.Atoi(text)
	return number, ours && err == nil && number > 0
}

// passwordOf is the password of numbered credentials: derived, so that a step that runs
// again comes to the same one.
func (d *Driver) passwordOf(r resource.Resource, number int) pave.Secret {
	id := r.ID
	if number > 0 {
		id = fmt.Sprintf("%s/%d", r.ID, number)
	}
	return d.password("user", id)
}

func (d *Driver) password(purpose, id string) pave.Secret { return d.derive(d.engine+" "+purpose, id) }

// credentialsOf is the number of the credentials that a spec wants.
func credentialsOf(r resource.Resource) int {
	s, _ := specOf(r) // Apply has looked
	return s.Credentials
}

// beside are the users that the server has and is to keep beside that of the spec: of the
// service's those with a number to keep, and all others.
func (d *Driver) beside(ctx context.Context, r resource.Resource, keep func(number int) bool) ([]node.Login, error) {
	st, err := d.node.Server(ctx, d.serverID(r.ExternalID))
	if pave.CodeOf(err) == pave.NotFound || err == nil && st.Owner != r.ID {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []node.Login
	for _, l := range append([]node.Login{{User: st.User}}, st.Beside...) {
		number, own := numberOf(r, l.User)
		switch {
		case own && (number == credentialsOf(r) || !keep(number)):
			continue
		case own:
			l.PasswordSHA256 = hashOf(d.passwordOf(r, number))
		default:
			l.PasswordSHA256 = hashOf(d.password("connect", l.User))
		}
		out = append(out, l)
	}
	return out, nil
}

// Stale reports whether older credentials than those of the spec let in.
func (d *Driver) Stale(ctx context.Context, r resource.Resource) (bool, error) {
	all, err := d.beside(ctx, r, func(int) bool { return true })
	return slices.ContainsFunc(all, func(l node.Login) bool { _, own := numberOf(r, l.User); return own }), err
}

// Revoke takes all users of the service away but that of the spec.
func (d *Driver) Revoke(ctx context.Context, r resource.Resource) error {
	d.users.Lock()
	defer d.users.Unlock()
	rest, err := d.beside(ctx, r, func(int) bool { return false })
	if err == nil {
		_, err = d.put(ctx, r, rest)
	}
	return err
}

// visitName is the user of a visit.
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
	return d.address(d, st, name, password), nil
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

// changeVisits changes who is let in beside the service. Conflict where no server runs on
// the data.
func (d *Driver) changeVisits(ctx context.Context, r resource.Resource, change func([]node.Login) []node.Login) (node.ServerStatus, error) {
	d.users.Lock()
	defer d.users.Unlock()
	st, err := d.node.Server(ctx, d.serverID(r.ExternalID))
	if pave.CodeOf(err) == pave.NotFound || err == nil && st.Owner != r.ID {
		return st, pave.Errorf(pave.Conflict, "%s %s is not in use", d.kind, r.ExternalID).WithHint("pave status %s", r.Ref.Service)
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

// Make makes the throw-away server of a pipeline run or of a developer, or finds it, and
// returns its address once it serves.
func (d *Driver) Make(ctx context.Context, run string) (pave.Secret, error) {
	id, password := d.scratchID(run), d.password("scratch", run)
	st, err := d.node.PutServer(ctx, node.Server{ID: id, Kind: d.engine, Owner: d.scratchOwner(run), User: scratchUser, PasswordSHA256: hashOf(password)})
	for deadline := time.Now().Add(scratchTime); err == nil && !st.Ready; st, err = d.node.Server(ctx, id) {
		if time.Now().After(deadline) {
			return pave.Secret{}, pave.Errorf(pave.Unavailable, "the %s of the tests does not start: %s", d.kind, st.Reason).WithHint("pave doctor")
		}
		select {
		case <-ctx.Done():
			return pave.Secret{}, pave.Errorf(pave.Unavailable, "make a %s: %w", d.kind, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return d.address(d, st, scratchUser, password), err
}

// Drop removes the throw-away server of a run; absence is success.
func (d *Driver) Drop(ctx context.Context, run string) error {
	return d.node.RemoveServer(ctx, d.scratchOwner(run))
}

const (
	scratchUser = "scratch"
	scratchTime = 20 * time.Second
)

func (d *Driver) scratchID(run string) string {
	return d.serverID("scratch_" + run[max(0, len(run)-26):])
}

// scratchOwner differs from the id of a resource: the sweep does not see it.
func (d *Driver) scratchOwner(run string) string { return "scratch." + d.engine + "." + run }
