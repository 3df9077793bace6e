// Package rabbitmq makes queues in a RabbitMQ server that the node runs on this machine.
// Each service and environment gets a virtual host and users of its own.
//
// A virtual host is made with its mark, the resource's id among its tags, in one call; so
// is a user. What a crash leaves is found again by it, and what somebody else made is
// never taken for ours.
//
// A virtual host cannot be renamed. One that is set aside keeps its name and what is in
// it, and has no users; the next one of that name is called NAME~2.
package rabbitmq

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// Engine is the name of what this provider makes.
const Engine = "rabbitmq"

// serverID is the id of the node's server, and admin its administrator.
const serverID, admin = "rabbitmq", "pave"

const host = "127.0.0.1"

// Driver makes resources of kind queue.
type Driver struct {
	Node *node.Client
	// Derive gives the password of a user: the same for the same id.
	Derive func(purpose, id string) pave.Secret
}

var (
	_ resource.Driver  = (*Driver)(nil)
	_ resource.Keeper  = (*Driver)(nil)
	_ resource.Lister  = (*Driver)(nil)
	_ resource.Differ  = (*Driver)(nil)
	_ resource.Checker = (*Driver)(nil)
	_ resource.Looker  = (*Driver)(nil)
)

// Observe finds the virtual host by its mark and says whether the service is let in. It
// starts no server.
func (d *Driver) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	s, err := d.open(ctx, false)
	if isStarting(err) {
		return resource.State{Reason: err.Error(), Waiting: true}, nil
	}
	if err != nil {
		return resource.State{}, err
	}
	have, err := s.find(ctx, r)
	switch {
	case err != nil:
		return resource.State{}, err
	case have.Name == "":
		return resource.State{}, pave.Errorf(pave.NotFound, "no queue %s", r.ExternalID)
	case have.aside():
		return resource.State{Reason: "set aside"}, nil
	}
	open, err := s.lets(ctx, have, r)
	if err != nil || !open {
		return resource.State{Reason: "nobody can log in"}, err
	}
	return d.state(s, r, have), nil
}

// Apply makes virtual host and user, or brings back what was set aside.
func (d *Driver) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	var spec resource.QueueSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return resource.State{}, err
	}
	if spec.Engine != Engine {
		return resource.State{}, pave.BadField("queue", spec.Engine, "is no engine of this provider", "one of rabbitmq, none")
	}
	s, err := d.open(ctx, true)
	if isStarting(err) {
		return resource.State{Reason: err.Error(), Waiting: true}, nil
	}
	if err != nil {
		return resource.State{}, err
	}
	have, err := s.make(ctx, r, spec.Credentials, d.passwordOf(r, spec.Credentials))
	if err != nil {
		return resource.State{}, err
	}
	return d.state(s, r, have), nil
}

// state is what others may know of a queue that is there.
func (d *Driver) state(s *session, r resource.Resource, have vhost) resource.State {
	number := credentialsOf(r)
	summary := fmt.Sprintf("%s (%s)", r.Ref.Name, s.version)
	if number > 0 {
		summary = fmt.Sprintf("%s (%s), credentials %d", r.Ref.Name, s.version, number+1)
	}
	user := userName(have, number)
	return resource.State{Ready: true, Version: s.version, Summary: summary,
		Outputs: map[string]string{"engine": s.version, "host": host, "port": strconv.Itoa(s.port), "vhost": have.Name, "user": user},
		Secrets: pave.OutputsOf(s.url(user, have.Name, d.passwordOf(r, number)))}
}

// url is the address of a virtual host for a user.
func (s *session) url(user, vhost string, password pave.Secret) pave.Secret {
	u := url.URL{Scheme: "amqp", User: url.UserPassword(user, password.Reveal()), Host: net.JoinHostPort(host, strconv.Itoa(s.port)), Path: "/" + vhost}
	return pave.NewSecret(u.String())
}

// password is derived, so that a step that runs again comes to the same one.
func (d *Driver) password(purpose, id string) pave.Secret { return d.Derive("rabbitmq "+purpose, id) }

// Delete removes users and virtual host, also where they were set aside; what is foreign
// stays.
func (d *Driver) Delete(ctx context.Context, r resource.Resource) error { return d.drop(ctx, r.ID) }

func (d *Driver) drop(ctx context.Context, id string) error {
	s, err := d.open(ctx, false)
	if pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.dropUsers(ctx, id, func(user) bool { return true }); err != nil {
		return err
	}
	all, err := s.vhosts(ctx)
	for _, v := range all {
		if err == nil && v.owner() == id {
			err = s.call(ctx, "DELETE", path("vhosts", v.Name), nil, nil)
		}
	}
	return err
}

// SetAside takes all users of a virtual host away, and what they have open.
func (d *Driver) SetAside(ctx context.Context, r resource.Resource) error {
	s, err := d.open(ctx, false)
	if pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	have, err := s.find(ctx, r)
	if err != nil || have.Name == "" {
		return err
	}
	if err := s.mark(ctx, have.Name, r.ID, tagAside); err != nil {
		return err
	}
	return s.dropUsers(ctx, r.ID, func(user) bool { return true })
}

// List returns every virtual host with the mark of a resource.
func (d *Driver) List(ctx context.Context) ([]resource.Found, error) {
	s, err := d.open(ctx, false)
	if pave.CodeOf(err) == pave.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := s.vhosts(ctx)
	var out []resource.Found
	for _, v := range all {
		// One that is written in this moment RabbitMQ may list twice.
		if f := (resource.Found{ID: v.owner(), ExternalID: v.external()}); strings.HasPrefix(f.ID, "res_") && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out, err
}

// Look names commands that show more.
func (d *Driver) Look(r resource.Resource) []string {
	return []string{fmt.Sprintf("pave status %s", r.Ref.Service), fmt.Sprintf("pave get resources --service %s -o wide", r.Ref.Service)}
}

// Check says whether there is a program for the server, and who runs it.
func (d *Driver) Check(context.Context) []pave.Check {
	c := pave.Check{Name: "rabbitmq"}
	path, version, err := node.FindRabbitMQ()
	if err == nil {
		err = node.MayServe(Engine)
	}
	if err != nil {
		c.Detail, c.Fix = err.Error(), pave.HintOf(err)
		return []pave.Check{c}
	}
	c.OK, c.Detail = true, fmt.Sprintf("RabbitMQ %s, %s", version, path)
	return []pave.Check{c}
}

// Diff says what a virtual host holds.
func (d *Driver) Diff(ctx context.Context, r resource.Resource) (resource.Difference, error) {
	s, err := d.open(ctx, false)
	if err != nil {
		return resource.Difference{}, err
	}
	all, err := s.vhosts(ctx)
	for _, v := range all {
		if err == nil && v.owner() == r.ID {
			lost, err := s.holds(ctx, v.Name)
			return resource.Difference{Lost: lost}, err
		}
	}
	return resource.Difference{}, err
}

// Make makes the throw-away virtual host of a pipeline run, or finds it, and returns its
// address.
func (d *Driver) Make(ctx context.Context, run string) (pave.Secret, error) {
	s, err := d.open(ctx, true)
	if err != nil {
		return pave.Secret{}, err
	}
	password := d.password("scratch", run)
	have, err := s.make(ctx, resource.Resource{ID: scratchID(run), ExternalID: "scratch_" + run[max(0, len(run)-26):]}, 0, password)
	return s.url(userName(have, 0), have.Name, password), err
}

// Drop removes the throw-away virtual host of a run; absence is success.
func (d *Driver) Drop(ctx context.Context, run string) error { return d.drop(ctx, scratchID(run)) }

// scratchID differs from the id of a resource: the sweep does not see it.
func scratchID(run string) string { return "scratch-" + run }

// hashOf is what the node gets to know of the administrator's password.
func hashOf(password pave.Secret) string {
	sum := sha256.Sum256([]byte(node.RabbitSalt + password.Reveal()))
	return hex.EncodeToString(sum[:])
}
