package process

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// Audience is whom workload identities speak to unless they ask for another.
const Audience = "pave"

// Identity makes resources of kind identity: a signed token in a file that the
// node renews.
type Identity struct {
	Node   *node.Client
	Issuer func() string // URL of the server, where the public keys are
	OwnUID bool
}

var (
	_ resource.Driver = Identity{}
	_ resource.Lister = Identity{}
)

// Observe says whether the token is there and good.
func (d Identity) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	if r.ID == "" {
		return resource.State{}, pave.Errorf(pave.NotFound, "no identity %s", r.ExternalID)
	}
	st, err := d.Node.Identity(ctx, r.ID)
	if err != nil {
		return resource.State{}, err
	}
	return identityState(st), nil
}

// Apply has the node keep a token for the service.
func (d Identity) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	var spec resource.IdentitySpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return resource.State{}, err
	}
	i := node.Identity{ID: r.ID, Subject: fmt.Sprintf("service:%s:%s", spec.Service, spec.Env), Service: string(spec.Service),
		Env: string(spec.Env), Team: string(spec.Team), Issuer: d.Issuer(), Audience: Audience}
	if d.OwnUID {
		i.UID = spec.UID
	}
	st, err := d.Node.PutIdentity(ctx, i)
	if err != nil {
		return resource.State{}, err
	}
	return identityState(st), nil
}

func identityState(s node.IdentityStatus) resource.State {
	st := resource.State{Ready: time.Now().Before(s.Expires), Summary: fmt.Sprintf("%s@%s", s.Service, s.Env),
		Outputs: map[string]string{"subject": s.Subject, "issuer": s.Issuer, "file": s.Path}}
	if !st.Ready {
		st.Reason = "its token has run out"
	}
	return st
}

// Delete ends the identity; its file goes with it.
func (d Identity) Delete(ctx context.Context, r resource.Resource) error {
	return d.Node.DeleteIdentity(ctx, r.ID)
}

// List returns all identities of the node.
func (d Identity) List(ctx context.Context) ([]resource.Found, error) {
	all, err := d.Node.Identities(ctx)
	var out []resource.Found
	for _, i := range all {
		out = append(out, resource.Found{ID: i.ID, ExternalID: i.Subject})
	}
	return out, err
}
