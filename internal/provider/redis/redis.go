// Package redis makes caches: each is a Redis server of its own, which the node
// runs on this machine with its own port, data folder, user and bound of memory.
//
// The node writes the resource's id into the folder before the server's first
// start; by it a cache is found again under any name, and what somebody else made
// is never taken for ours.
package redis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// Engine is the name of what this provider makes.
const Engine = "redis"

// Driver makes resources of kind cache.
type Driver struct {
	users sync.Mutex // who is let in is read and written as a whole
	Node  *node.Client
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

// serverID is the id that the server of a cache has on the node.
func serverID(external string) string { return "redis-" + external }

// find returns the folder of a resource, "" where there is none. Conflict where
// its name is taken by something foreign.
func (d *Driver) find(ctx context.Context, r resource.Resource) (node.ServerFolder, error) {
	all, err := d.Node.ServerFolders(ctx)
	if err != nil {
		return node.ServerFolder{}, err
	}
	var have node.ServerFolder
	taken := false
	for _, f := range all {
		switch {
		case r.ID != "" && f.Owner == r.ID:
			have = f
		case f.Name == serverID(r.ExternalID):
			taken = true
		}
	}
	if taken {
		return have, pave.Errorf(pave.Conflict, "a cache %s exists and is not of this service", r.ExternalID).
			WithHint("move its folder away, or choose another name for the service")
	}
	return have, nil
}

// Observe finds the cache by its mark and looks whether its server lets the
// service in.
func (d *Driver) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	have, err := d.find(ctx, r)
	switch {
	case err != nil:
		return resource.State{}, err
	case have.Name == "":
		return resource.State{}, pave.Errorf(pave.NotFound, "no cache %s", r.ExternalID)
	case have.Name != serverID(r.ExternalID):
		return resource.State{Reason: "set aside"}, nil
	}
	st, err := d.Node.Server(ctx, serverID(r.ExternalID))
	if err != nil { // NotFound too: the node has forgotten it, and Apply brings it back
		return resource.State{}, err
	}
	return d.state(ctx, st, r)
}

// Apply has the node run the server, over what was set aside if there is that.
func (d *Driver) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	var spec resource.CacheSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return resource.State{}, err
	}
	if spec.Engine != Engine {
		return resource.State{}, pave.BadField("cache", spec.Engine, "is no engine of this provider", "one of redis, none")
	}
	mine := r
	if resource.Planted("no-marker") {
		mine.ID = "nothing carries this"
	}
	if _, err := d.find(ctx, mine); err != nil {
		return resource.State{}, err
	}
	d.users.Lock()
	defer d.users.Unlock()
	beside, err := d.beside(ctx, r, func(int) bool { return true })
	if err != nil {
		return resource.State{}, err
	}
	st, err := d.put(ctx, r, beside)
	if err != nil {
		return resource.State{}, err
	}
	return d.state(ctx, st, r)
}

// put has the node run the server of a cache, with the user of its spec and others
// beside.
func (d *Driver) put(ctx context.Context, r resource.Resource, beside []node.Login) (node.ServerStatus, error) {
	var spec resource.CacheSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return node.ServerStatus{}, err
	}
	return d.Node.PutServer(ctx, node.Server{ID: serverID(r.ExternalID), Kind: Engine, Owner: r.ID, User: userName(r, spec.Credentials),
		PasswordSHA256: hashOf(d.passwordOf(r, spec.Credentials)), MemoryMB: spec.MemoryMB, Beside: beside})
}

// hashOf is what the node gets to know of a password: of a derived, random one that is
// as good as the password is to nobody.
func hashOf(password pave.Secret) string {
	sum := sha256.Sum256([]byte(password.Reveal()))
	return hex.EncodeToString(sum[:])
}

// state is what others may know of a cache. It is ready when it lets the service
// in.
func (d *Driver) state(ctx context.Context, st node.ServerStatus, r resource.Resource) (resource.State, error) {
	if !st.Ready {
		return resource.State{Reason: "Redis: " + st.Reason}, nil
	}
	number := credentialsOf(r)
	address := address(st.Port, userName(r, number), d.passwordOf(r, number))
	c, err := connect(ctx, address)
	if err != nil {
		return resource.State{Reason: err.Error()}, ctxError(ctx)
	}
	defer c.Close()
	major, _, _ := strings.Cut(st.Version, ".")
	version := "redis " + major
	return resource.State{Ready: true, Version: version, Summary: fmt.Sprintf("%s (%s)", r.Ref.Name, version),
		Outputs: map[string]string{"engine": version, "host": host, "port": strconv.Itoa(st.Port), "user": userName(r, number),
			"memory_mb": strconv.Itoa(st.MemoryMB)},
		Secrets: pave.OutputsOf(address)}, nil
}

const host = "127.0.0.1"

// address is the URL of a server for its user.
func address(port int, user string, password pave.Secret) pave.Secret {
	u := url.URL{Scheme: "redis", User: url.UserPassword(user, password.Reveal()),
		Host: net.JoinHostPort(host, strconv.Itoa(port)), Path: "/0"}
	return pave.NewSecret(u.String())
}

// password is derived, so that a step that runs again comes to the same one.
func (d *Driver) password(purpose, id string) pave.Secret { return d.Derive("redis "+purpose, id) }

// Delete removes server and data, also where they were set aside; what is foreign
// stays.
func (d *Driver) Delete(ctx context.Context, r resource.Resource) error {
	return d.Node.RemoveServer(ctx, r.ID)
}

// SetAside ends the server and renames its folder to NAME~ID.
func (d *Driver) SetAside(ctx context.Context, r resource.Resource) error {
	return d.Node.SetServerAside(ctx, r.ID, serverID(resource.AsideName(r.ExternalID, r.ID)))
}

// List returns every folder with the mark of a resource.
func (d *Driver) List(ctx context.Context) ([]resource.Found, error) {
	all, err := d.Node.ServerFolders(ctx)
	var out []resource.Found
	for _, f := range all {
		if external, ok := strings.CutPrefix(f.Name, serverID("")); ok && strings.HasPrefix(f.Owner, "res_") {
			out = append(out, resource.Found{ID: f.Owner, ExternalID: external})
		}
	}
	return out, err
}

// Look names commands that show more.
func (d *Driver) Look(r resource.Resource) []string {
	return []string{fmt.Sprintf("pave status %s", r.Ref.Service), fmt.Sprintf("pave get resources --service %s -o wide", r.Ref.Service)}
}

// Check says whether there is a program for servers.
func (d *Driver) Check(context.Context) []pave.Check {
	c := pave.Check{Name: "redis"}
	path, version, err := node.FindRedis()
	if err != nil {
		c.Detail, c.Fix = err.Error(), pave.HintOf(err)
		return []pave.Check{c}
	}
	c.OK, c.Detail = true, fmt.Sprintf("Redis %s, %s", version, path)
	return []pave.Check{c}
}
