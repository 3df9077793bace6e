package redis

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// Credentials are numbered, and each has a user of its own: old and new let in at the
// same time until the old user is taken away, and its connections with it.

var _ resource.Rotator = (*Driver)(nil)

// userName is the user of numbered credentials.
func userName(r resource.Resource, number int) string {
	if number == 0 {
		return r.ExternalID
	}
	return fmt.Sprintf("%s-%d", r.ExternalID, number)
}

// numberOf is the number of a user's credentials; ok is false for a user that is not
// the service's.
func numberOf(r resource.Resource, user string) (number int, ok bool) {
	if user == r.ExternalID {
		return 0, true
	}
	text, ours := strings.CutPrefix(user, r.ExternalID+"-")
	number, err := strconv.Atoi(text)
	return number, ours && err == nil && number > 0
}

// passwordOf is the password of numbered credentials.
func (d *Driver) passwordOf(r resource.Resource, number int) pave.Secret {
	if number == 0 {
		return d.password("user", r.ID)
	}
	return d.password("user", fmt.Sprintf("%s/%d", r.ID, number))
}

// credentialsOf is the number of the credentials that a spec wants.
func credentialsOf(r resource.Resource) int {
	var spec resource.CacheSpec
	if json.Unmarshal(r.Spec, &spec) != nil {
		return 0
	}
	return spec.Credentials
}

// beside are the users that the server has and is to keep beside that of the spec: of
// the service's those with a number to keep, and all others.
func (d *Driver) beside(ctx context.Context, r resource.Resource, keep func(number int) bool) ([]node.Login, error) {
	st, err := d.Node.Server(ctx, serverID(r.ExternalID))
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
