package rabbitmq

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
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

var (
	_ resource.Rotator   = (*Driver)(nil)
	_ resource.Connector = (*Driver)(nil)
	_ resource.Drifter   = (*Driver)(nil)
)

// tagVisit is on the users of people.
const tagVisit = "visit"

// A user is one of the server.
type user struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
	Hash string   `json:"password_hash"`
}

func (u user) owner() string { return ownerOf(u.Tags) }
func (u user) visits() bool  { return slices.Contains(u.Tags, tagVisit) }

// userName is the user of numbered credentials.
func userName(v vhost, number int) string {
	if number == 0 {
		return v.Name
	}
	return fmt.Sprintf("%s.%d", v.Name, number)
}

// passwordOf is the password of numbered credentials.
func (d *Driver) passwordOf(r resource.Resource, number int) pave.Secret {
	if number == 0 {
		return d.password("user", r.ID)
	}
	return d.password("user", r.ID+"/"+strconv.Itoa(number))
}

// credentialsOf is the number of the credentials that a spec wants.
func credentialsOf(r resource.Resource) int {
	var spec resource.QueueSpec
	if json.Unmarshal(r.Spec, &spec) != nil {
		return 0
	}
	return spec.Credentials
}

// hash is what the server keeps of a password.
func hash(password pave.Secret) string {
	sum := sha256.Sum256([]byte(node.RabbitSalt + password.Reveal()))
	return base64.StdEncoding.EncodeToString(append([]byte(node.RabbitSalt), sum[:]...))
}

// rights are what a user may in a virtual host: patterns of names.
type rights struct {
	User      string `json:"user,omitempty"`
	Configure string `json:"configure"`
	Write     string `json:"write"`
	Read      string `json:"read"`
}

var everything = rights{Configure: ".*", Write: ".*", Read: ".*"}

// users are those of a resource.
func (s *session) users(ctx context.Context, id string) ([]user, error) {
	var all []user
	err := s.call(ctx, "GET", path("users"), nil, &all)
	return slices.DeleteFunc(all, func(u user) bool { return id == "" || u.owner() != id }), err
}

func (s *session) rightsIn(ctx context.Context, vhost string) (all []rights, err error) {
	return all, s.call(ctx, "GET", path("vhosts", vhost, "permissions"), nil, &all)
}

// letIn makes a user with its mark, or mends it, and then says what it may. One that is
// as it should be is left alone: a write ends its connections.
func (s *session) letIn(ctx context.Context, v vhost, u user, may rights, password pave.Secret) error {
	var have user
	err := s.call(ctx, "GET", path("users", u.Name), nil, &have)
	if err != nil && pave.CodeOf(err) != pave.NotFound {
		return err
	}
	u.Hash = hash(password)
	if have.Hash != u.Hash || !slices.Equal(slices.Sorted(slices.Values(have.Tags)), slices.Sorted(slices.Values(u.Tags))) {
		body := map[string]any{"password_hash": u.Hash, "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": strings.Join(u.Tags, ",")}
		if err := s.call(ctx, "PUT", path("users", u.Name), body, nil); err != nil {
			return err
		}
	}
	return s.call(ctx, "PUT", path("permissions", v.Name, u.Name), may, nil)
}

// dropUsers takes users of a resource away, and what they have open.
func (s *session) dropUsers(ctx context.Context, id string, which func(user) bool) error {
	all, err := s.users(ctx, id)
	for _, u := range all {
		if err == nil && which(u) {
			err = s.call(ctx, "DELETE", path("users", u.Name), nil, nil)
		}
		if err == nil && which(u) {
			err = s.endConnections(ctx, u.Name)
		}
	}
	return err
}

// endConnections ends those that the server has not ended with their user.
func (s *session) endConnections(ctx context.Context, user string) error {
	var open []struct{ Name, User string }
	err := s.call(ctx, "GET", path("connections")+"?columns=name,user", nil, &open)
	for _, c := range open {
		if err == nil && c.User == user {
			err = s.call(ctx, "DELETE", path("connections", c.Name), nil, nil)
		}
	}
	return err
}

// lets reports whether the credentials of a spec let in.
func (s *session) lets(ctx context.Context, v vhost, r resource.Resource) (bool, error) {
	all, err := s.rightsIn(ctx, v.Name)
	return slices.ContainsFunc(all, func(p rights) bool { return p.User == userName(v, credentialsOf(r)) }), err
}

// Stale reports whether older credentials than those of the spec let in.
func (d *Driver) Stale(ctx context.Context, r resource.Resource) (bool, error) {
	s, err := d.open(ctx, false)
	if err != nil {
		return false, err
	}
	have, err := s.find(ctx, r)
	if err != nil {
		return false, err
	}
	all, err := s.users(ctx, r.ID)
	return slices.ContainsFunc(all, func(u user) bool { return !u.visits() && u.Name != userName(have, credentialsOf(r)) }), err
}

// Revoke takes all users of the service away but that of the spec.
func (d *Driver) Revoke(ctx context.Context, r resource.Resource) error {
	s, err := d.open(ctx, false)
	if err != nil {
		return err
	}
	have, err := s.find(ctx, r)
	if err != nil {
		return err
	}
	return s.dropUsers(ctx, r.ID, func(u user) bool { return !u.visits() && u.Name != userName(have, credentialsOf(r)) })
}

// visitName is the user of a visitor.
func visitName(id string) string { return "visit_" + strings.ToLower(id[max(0, len(id)-16):]) }

// Connect lets a visitor in with the rights of the service, or with none but to see in
// the management API what there is: who reads a message takes it away.
func (d *Driver) Connect(ctx context.Context, r resource.Resource, v resource.Visit) (pave.Secret, error) {
	s, err := d.open(ctx, false)
	if err != nil {
		return pave.Secret{}, err
	}
	have, err := s.find(ctx, r)
	if err != nil {
		return pave.Secret{}, err
	}
	if have.Name == "" || have.aside() {
		return pave.Secret{}, pave.Errorf(pave.Conflict, "queue %s is not in use", r.ExternalID).WithHint("pave status %s", r.Ref.Service)
	}
	may := everything
	if v.ReadOnly {
		may = rights{}
	}
	password := d.password("visit", v.ID)
	u := user{Name: visitName(v.ID), Tags: []string{tagOurs, r.ID, tagVisit, "management"}}
	return s.url(u.Name, have.Name, password), s.letIn(ctx, have, u, may, password)
}

// Disconnect takes the user of a visitor away, and what it has open.
func (d *Driver) Disconnect(ctx context.Context, r resource.Resource, id string) error {
	s, err := d.open(ctx, false)
	if pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return s.dropUsers(ctx, r.ID, func(u user) bool { return u.Name == visitName(id) })
}

// strangers are users that may come into a virtual host and are not of its resource.
func (s *session) strangers(ctx context.Context, v vhost) ([]string, error) {
	all, err := s.rightsIn(ctx, v.Name)
	if err != nil {
		return nil, err
	}
	ours, err := s.users(ctx, v.owner())
	var out []string
	for _, p := range all {
		if p.User != admin && !slices.ContainsFunc(ours, func(u user) bool { return u.Name == p.User }) {
			out = append(out, p.User)
		}
	}
	return out, err
}

func (s *session) shutStrangers(ctx context.Context, v vhost) error {
	all, err := s.strangers(ctx, v)
	for _, name := range all {
		if err == nil {
			err = s.call(ctx, "DELETE", path("permissions", v.Name, name), nil, nil)
		}
	}
	return err
}

// Drift says whether the virtual host lets the service in with its credentials, with the
// rights that it was given, and nobody else.
func (d *Driver) Drift(ctx context.Context, r resource.Resource) ([]string, error) {
	s, err := d.open(ctx, false)
	if err != nil {
		return nil, err
	}
	have, err := s.find(ctx, r)
	if err != nil {
		return nil, err
	}
	if have.aside() {
		return []string{"it was set aside outside pave"}, nil
	}
	all, err := s.rightsIn(ctx, have.Name)
	if err != nil {
		return nil, err
	}
	number := credentialsOf(r)
	name := userName(have, number)
	want := everything
	want.User = name
	i := slices.IndexFunc(all, func(p rights) bool { return p.User == name })
	if i < 0 {
		return []string{"nobody can log in"}, nil
	}
	var out []string
	strangers, err := s.strangers(ctx, have)
	for _, who := range strangers {
		out = append(out, who+" may come in")
	}
	if all[i] != want {
		out = append(out, "its user has lost rights")
	}
	users, uerr := s.users(ctx, r.ID)
	if err == nil {
		err = uerr
	}
	for _, u := range users {
		if u.Name == name && len(u.Tags) > 2 {
			out = append(out, "its user has more rights than it was given")
		}
		if u.Name == name && u.Hash != hash(d.passwordOf(r, number)) {
			out = append(out, "its password was changed")
		}
	}
	return out, err
}
