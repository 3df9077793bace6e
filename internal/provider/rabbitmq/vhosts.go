package rabbitmq

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// The tags of what is ours: these, and the resource's id.
const tagOurs, tagAside = "pave", "aside"

// A vhost is a virtual host.
type vhost struct {
	Name string
	Tags []string
}

// owner is the id of the resource that it is of, "" for what is foreign.
func (v vhost) owner() string { return ownerOf(v.Tags) }

func ownerOf(tags []string) string {
	if !slices.Contains(tags, tagOurs) {
		return ""
	}
	for _, t := range tags {
		if strings.HasPrefix(t, "res_") || strings.HasPrefix(t, scratchID("")) {
			return t
		}
	}
	return ""
}

func (v vhost) aside() bool { return slices.Contains(v.Tags, tagAside) }

// external is the name of the resource: NAME of NAME~2.
func (v vhost) external() string { name, _, _ := strings.Cut(v.Name, "~"); return name }

func (s *session) vhosts(ctx context.Context) (all []vhost, err error) {
	return all, s.call(ctx, "GET", path("vhosts")+"?columns=name,tags", nil, &all)
}

// mark makes a virtual host with its mark, or changes the mark.
func (s *session) mark(ctx context.Context, name, id string, more ...string) error {
	tags := strings.Join(append([]string{tagOurs, id}, more...), ",")
	return s.call(ctx, "PUT", path("vhosts", name), map[string]any{"tags": tags}, nil)
}

// find looks for a resource by its mark. Conflict where the name is taken by something
// foreign.
func (s *session) find(ctx context.Context, r resource.Resource) (vhost, error) {
	id := r.ID
	if resource.Planted("no-marker") {
		id = "nothing carries this"
	}
	all, err := s.vhosts(ctx)
	if err != nil {
		return vhost{}, err
	}
	var have vhost
	taken, known := false, false
	for _, v := range all {
		switch {
		case id != "" && v.owner() == id:
			have = v
		case v.owner() == "" && v.Name == r.ExternalID, v.owner() != "" && v.external() == r.ExternalID && !v.aside():
			taken = true
		}
		known = known || v.owner() != "" && v.Name == r.ExternalID
	}
	if !known && !taken {
		var u user
		err = s.call(ctx, "GET", path("users", r.ExternalID), nil, &u)
		taken = err == nil && (u.owner() == "" || u.owner() != id)
		if pave.CodeOf(err) == pave.NotFound {
			err = nil
		}
	}
	if err == nil && taken {
		err = pave.Errorf(pave.Conflict, "a virtual host or user %s exists and is not of this service", r.ExternalID).
			WithHint("take it away, or choose another name for the service")
	}
	return have, err
}

// make makes virtual host and user, and lets the service in with the credentials of a
// number; older ones go on letting in if they do.
func (s *session) make(ctx context.Context, r resource.Resource, number int, password pave.Secret) (vhost, error) {
	have, err := s.find(ctx, r)
	if err != nil {
		return have, err
	}
	if have.Name == "" {
		if have.Name, err = s.free(ctx, r.ExternalID); err != nil {
			return have, err
		}
	}
	if len(have.Tags) == 0 || have.aside() {
		if err := s.mark(ctx, have.Name, r.ID); err != nil {
			return have, err
		}
		have.Tags = []string{tagOurs, r.ID}
	}
	if err := s.shutStrangers(ctx, have); err != nil {
		return have, err
	}
	return have, s.letIn(ctx, have, user{Name: userName(have, number), Tags: []string{tagOurs, r.ID}}, everything, password)
}

// free is the first name for a virtual host that none has which was set aside.
func (s *session) free(ctx context.Context, name string) (string, error) {
	all, err := s.vhosts(ctx)
	try := name
	for n := 2; err == nil && slices.ContainsFunc(all, func(v vhost) bool { return v.Name == try }); n++ {
		try = fmt.Sprintf("%s~%d", name, n)
	}
	return try, err
}
