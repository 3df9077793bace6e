package resource

import (
	"context"
	"net/http"

	pave "github.com/pave-platform/pave"
)

// The optional interfaces of a driver whose repositories lie on a git host. A copy of
// each lies on this machine too, where pipelines and the catalog read it. The address
// that people clone is the output "address", the page for them "page", and that of the
// host's own pipelines "pipelines".
type (
	// A Follower brings what is new in the thing itself into the copy.
	Follower interface {
		Follow(ctx context.Context, r Resource) (changed bool, err error)
	}
	// A Listener knows the messages by which a system tells of events. It is Denied
	// where the signature over the body is not good; nothing else of the message counts.
	Listener interface {
		Webhook(ctx context.Context, r Resource, header http.Header, body []byte) (delivery, event string, err error)
	}
	// A Teller tells the host about a commit. Telling the same again changes nothing.
	Teller interface {
		Tell(ctx context.Context, r Resource, commit string, s pave.CommitStatus) error
	}
	// A Reporter reads what the host's own pipelines ran, the newest first: all of a
	// commit, with their jobs where they are wanted, or the last ones where it is "".
	Reporter interface {
		Checks(ctx context.Context, r Resource, commit string, jobs bool) ([]pave.CommitCheck, error)
	}
	// A Proposer opens changes for people to review.
	Proposer interface {
		Proposals(ctx context.Context, r Resource) ([]pave.Proposal, error)
		// Propose opens one for a branch of the host's, or finds the one that is open.
		Propose(ctx context.Context, r Resource, p pave.Proposal) (pave.Proposal, error)
		// ProposeWorkflow opens one that adds what starts pave ci on the host. Conflict
		// where something does already.
		ProposeWorkflow(ctx context.Context, r Resource) (pave.Proposal, error)
	}
	// An Importer knows what an organisation has on a host; "" is that of the binding.
	Importer interface {
		Repositories(ctx context.Context, b Opened, org string) ([]pave.HostRepository, error)
	}
)

// Of finds an optional interface of the driver that made a record, and the resource as
// that driver knows it.
func Of[T any](c *Controller, r Record) (t T, res Resource, ok bool) {
	d, err := c.Drivers.Get(r.Ref.Kind, r.Provider)
	if err != nil {
		return t, res, false
	}
	t, ok = As[T](d)
	return t, Resource{ID: r.ID, Ref: r.Ref, ExternalID: r.ExternalID, Service: r.Service, Spec: r.Spec, Outputs: r.Outputs}, ok
}
