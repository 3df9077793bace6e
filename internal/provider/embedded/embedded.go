// Package embedded makes queues and buckets: each is a server of its own, which is part of
// our own program and which the node runs on this machine with its own port, data folder
// and users.
//
// The node writes the resource's id into the folder before the server's first start; by it
// a queue or bucket is found again under any name, and what somebody else made is never
// taken for ours.
package embedded

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

// A Driver makes resources of one kind.
type Driver struct {
	kind   string // queue, bucket
	engine string // nats, s3: of the node's servers too
	node   *node.Client
	// derive gives the password of a user: the same for the same id.
	derive  func(purpose, id string) pave.Secret
	address func(d *Driver, st node.ServerStatus, user string, password pave.Secret) pave.Secret

	users sync.Mutex // who is let in is read and written as a whole
}

var (
	_ resource.Driver    = (*Driver)(nil)
	_ resource.Keeper    = (*Driver)(nil)
	_ resource.Lister    = (*Driver)(nil)
	_ resource.Differ    = (*Driver)(nil)
	_ resource.Drifter   = (*Driver)(nil)
	_ resource.Checker   = (*Driver)(nil)
	_ resource.Looker    = (*Driver)(nil)
	_ resource.Rotator   = (*Driver)(nil)
	_ resource.Connector = (*Driver)(nil)
)

// NATS makes queues.
func NATS(n *node.Client, derive func(purpose, id string) pave.Secret) *Driver {
	return &Driver{kind: pave.KindQueue, engine: "nats", node: n, derive: derive, address: natsAddress}
}

// S3 makes buckets.
func S3(n *node.Client, derive func(purpose, id string) pave.Secret) *Driver {
	return &Driver{kind: pave.KindBucket, engine: "s3", node: n, derive: derive, address: s3Address}
}

func natsAddress(_ *Driver, st node.ServerStatus, user string, password pave.Secret) pave.Secret {
	u := url.URL{Scheme: "nats", User: url.UserPassword(user, password.Reveal()), Host: hostPort(st)}
	return pave.NewSecret(u.String())
}

// s3Address has the bucket as its path. The secret key is the password's hash, since the
// server has to know it whole.
func s3Address(_ *Driver, st node.ServerStatus, user string, password pave.Secret) pave.Secret {
	u := url.URL{Scheme: "http", User: url.UserPassword(user, hashOf(password)), Host: hostPort(st), Path: "/" + node.BucketName(st.ID)}
	return pave.NewSecret(u.String())
}

const host = "127.0.0.1"

func hostPort(st node.ServerStatus) string { return net.JoinHostPort(host, strconv.Itoa(st.Port)) }

// hashOf is what the node gets to know of a password.
func hashOf(password pave.Secret) string {
	sum := sha256.Sum256([]byte(password.Reveal()))
	return hex.EncodeToString(sum[:])
}

// serverID is the id that the server of a resource has on the node.
func (d *Driver) serverID(external string) string { return d.engine + "-" + external }

// find returns the folder of a resource, "" where there is none. Conflict where its name
// is taken by something foreign.
func (d *Driver) find(ctx context.Context, r resource.Resource) (node.ServerFolder, error) {
	all, err := d.node.ServerFolders(ctx)
	if err != nil {
		return node.ServerFolder{}, err
	}
	var have node.ServerFolder
	taken := false
	for _, f := range all {
		switch {
		case r.ID != "" && f.Owner == r.ID:
			have = f
		case f.Name == d.serverID(r.ExternalID):
			taken = true
		}
	}
	if taken {
		return have, pave.Errorf(pave.Conflict, "a %s %s exists and is not of this service", d.kind, r.ExternalID).
			WithHint("move its folder away, or choose another name for the service")
	}
	return have, nil
}

// Observe finds the resource by its mark and looks whether its server is up.
func (d *Driver) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	have, err := d.find(ctx, r)
	switch {
	case err != nil:
		return resource.State{}, err
	case have.Name == "":
		return resource.State{}, pave.Errorf(pave.NotFound, "no %s %s", d.kind, r.ExternalID)
	case have.Name != d.serverID(r.ExternalID):
		return resource.State{Reason: "set aside"}, nil
	}
	st, err := d.node.Server(ctx, d.serverID(r.ExternalID))
	if err != nil { // NotFound too: the node has forgotten it, and Apply brings it back
		return resource.State{}, err
	}
	return d.state(st, r), nil
}

// spec is what the specs of queues and buckets have in common.
type spec struct {
	Engine      string `json:"engine"`
	Public      bool   `json:"public"`
	Credentials int    `json:"credentials"`
}

func specOf(r resource.Resource) (s spec, err error) {
	return s, json.Unmarshal(r.Spec, &s)
}

// Apply has the node run the server, over what was set aside if there is that.
func (d *Driver) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	s, err := specOf(r)
	switch {
	case err != nil:
		return resource.State{}, err
	case s.Engine != d.engine:
		return resource.State{}, pave.BadField(d.kind, s.Engine, "is no engine of this provider", "one of "+d.engine+", none")
	case s.Public:
		return resource.State{}, pave.BadField("public", "true", "cannot be had: what is in it is for its service alone",
			"pave bind ENVIRONMENT "+d.kind+" "+d.engine)
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
	return d.state(st, r), nil
}

// put has the node run the server, with the user of the spec and others beside.
func (d *Driver) put(ctx context.Context, r resource.Resource, beside []node.Login) (node.ServerStatus, error) {
	number := credentialsOf(r)
	return d.node.PutServer(ctx, node.Server{ID: d.serverID(r.ExternalID), Kind: d.engine, Owner: r.ID, User: userName(r, number),
		PasswordSHA256: hashOf(d.passwordOf(r, number)), Beside: beside})
}

// state is what others may know. It is ready when the server answered with the users of
// the spec.
func (d *Driver) state(st node.ServerStatus, r resource.Resource) resource.State {
	number := credentialsOf(r)
	if !st.Ready {
		return resource.State{Reason: d.engine + ": " + st.Reason}
	}
	if st.User != userName(r, number) || st.Owner != r.ID {
		return resource.State{Reason: "it does not let the service in yet"}
	}
	version := d.engine + " " + st.Version
	if d.engine == "s3" {
		version = d.engine // of the protocol; that of the server says nothing to people
	}
	secrets := pave.OutputsOf(d.address(d, st, st.User, d.passwordOf(r, number)))
	out := map[string]string{"engine": version, "host": host, "port": strconv.Itoa(st.Port), "user": st.User}
	if d.kind == pave.KindBucket {
		out["name"], out["endpoint"] = secrets["name"].Reveal(), secrets["endpoint"].Reveal()
	}
	return resource.State{Ready: true, Version: version, Summary: fmt.Sprintf("%s (%s)", r.Ref.Name, version), Outputs: out, Secrets: secrets}
}

// Delete removes server and data, also where they were set aside; what is foreign stays.
func (d *Driver) Delete(ctx context.Context, r resource.Resource) error {
	return d.node.RemoveServer(ctx, r.ID)
}

// SetAside ends the server and renames its folder to NAME~ID.
func (d *Driver) SetAside(ctx context.Context, r resource.Resource) error {
	return d.node.SetServerAside(ctx, r.ID, d.serverID(resource.AsideName(r.ExternalID, r.ID)))
}

// List returns every folder with the mark of a resource.
func (d *Driver) List(ctx context.Context) ([]resource.Found, error) {
	all, err := d.node.ServerFolders(ctx)
	var out []resource.Found
	for _, f := range all {
		if external, ok := strings.CutPrefix(f.Name, d.serverID("")); ok && strings.HasPrefix(f.Owner, "res_") {
			out = append(out, resource.Found{ID: f.Owner, ExternalID: external})
		}
	}
	return out, err
}

// Diff says what would be lost: of a server that does not run, what lies on the disk.
func (d *Driver) Diff(ctx context.Context, r resource.Resource) (resource.Difference, error) {
	have, err := d.find(ctx, r)
	if err != nil || have.Name == "" {
		return resource.Difference{}, err
	}
	st, err := d.node.Server(ctx, d.serverID(r.ExternalID))
	if err == nil && st.Owner == r.ID && st.Ready {
		text, err := d.node.ServerHolds(ctx, st.ID)
		if err == nil {
			return resource.Difference{Lost: text}, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return resource.Difference{}, pave.Errorf(pave.Unavailable, "look at the %s: %w", d.kind, err)
	}
	return resource.Difference{Lost: fmt.Sprintf("%d KB on disk, not counted", (have.Bytes+1023)>>10)}, nil
}

// Drift says whether it still has its name and port.
func (d *Driver) Drift(ctx context.Context, r resource.Resource) ([]string, error) {
	have, err := d.find(ctx, r)
	if err != nil {
		return nil, err
	}
	if have.Name != d.serverID(r.ExternalID) {
		return []string{"it was set aside outside pave"}, nil
	}
	st, err := d.node.Server(ctx, d.serverID(r.ExternalID))
	if err != nil {
		return nil, err
	}
	if port := strconv.Itoa(st.Port); r.Outputs["port"] != "" && port != r.Outputs["port"] {
		return []string{fmt.Sprintf("it listens on port %s, not %s", port, r.Outputs["port"])}, nil
	}
	return nil, nil
}

// Look names commands that show more.
func (d *Driver) Look(r resource.Resource) []string {
	return []string{fmt.Sprintf("pave status %s", r.Ref.Service), fmt.Sprintf("pave get resources --service %s -o wide", r.Ref.Service)}
}

// Check says that nothing has to be installed.
func (d *Driver) Check(context.Context) []pave.Check {
	return []pave.Check{{Name: d.engine, OK: true, Detail: "part of pave"}}
}
