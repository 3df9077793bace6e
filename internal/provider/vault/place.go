package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// spec is what the driver reads of the spec of a secret.
type spec struct {
	resource.SecretSpec
	Team pave.Name `json:"team"`
}

// A shelf is a KV store of a server.
type shelf struct {
	*session
	kv store
}

// shelf returns the store of a binding.
func (d *Driver) shelf(b resource.Bound) (shelf, error) {
	s, err := d.sessions.of(b, d.Values, d.Timeout)
	if err != nil {
		return shelf{}, err
	}
	kv, err := storeOf(b.Settings)
	return shelf{s, kv}, err
}

// A place is where one value lies: a key of an entry.
type place struct {
	shelf
	spec  spec
	mount string
	entry string // its path below the mount
	key   string
	lock  chan struct{}
	ref   pave.Ref
}

// place finds where a resource is, or would be. What was made stays where it is, whatever
// team its service has by now, or what name.
func (d *Driver) place(r resource.Resource) (place, error) {
	p := place{ref: r.Ref}
	if err := json.Unmarshal(r.Spec, &p.spec); err != nil {
		return p, err
	}
	var err error
	if p.shelf, err = d.shelf(resource.BindingOf(r.Spec)); err != nil {
		return p, err
	}
	p.mount, p.key = p.kv.mount, p.spec.Key
	p.entry = p.kv.entry(p.spec.Team, r.Ref.Service, r.Ref.Env)
	if at, key, made := strings.Cut(r.ExternalID, "#"); made {
		mount, entry, ok := strings.Cut(at, ":")
		if !ok {
			return p, pave.Errorf(pave.Invalid, "%q is no place in a KV store", r.ExternalID)
		}
		p.mount, p.entry = mount, entry
		if key != p.key && p.key != "" {
			return p, pave.Errorf(pave.Conflict, "%s is kept at %s and cannot become %s there", r.Ref, r.ExternalID, p.key).
				WithHint("pave unset secret %s --service %s, then set it by its new name", key, r.Ref.Service)
		}
		p.key = key
	}
	p.lock = d.locks.of(p.cfg.address.Host + "/" + p.entryName())
	return p, nil
}

// entryName is the place of the entry for people: what follows the mount is its path.
func (p place) entryName() string { return p.mount + ":" + p.entry }

// name is the place of the value.
func (p place) name() string { return p.entryName() + "#" + p.key }

func (p place) taken(owner string) error {
	if owner != "" {
		return pave.Errorf(pave.Conflict, "%s belongs to another resource of pave, %s", p.name(), owner).
			WithHint("pave explain %s", p.ref.Service)
	}
	return pave.Errorf(pave.Conflict, "%s is there and not made by pave", p.name()).
		WithHint("pave set secret %s --service %s with the value that is there takes it over; else choose another name", p.key, p.ref.Service)
}

// change brings an entry nearer to what is wanted, a step at a time, until step says that
// it is done. Where somebody else wrote since the entry was read, it is read again.
func (p place) change(ctx context.Context, step func(entry) (done bool, err error)) error {
	if err := take(ctx, p.lock, p.name()); err != nil {
		return err
	}
	defer func() { <-p.lock }()
	for range tries {
		e, err := p.read(ctx, 0)
		if err != nil {
			return err
		}
		done, err := step(e)
		switch {
		case isMismatch(err):
			continue
		case err != nil:
			return err
		case done:
			return nil
		}
	}
	return pave.Errorf(pave.Unavailable, "%s is written by others all the time", p.entryName())
}

const marked = "pave."

// mark is the name in the custom metadata that says whose a key is.
func mark(key string) string { return marked + key }

// asideMark says so of a key that was set aside.
func asideMark(key, id string) string { return marked + resource.AsideName(key, id) }

// textOf is a value as a workload sees it: texts as they are, all else as JSON.
func textOf(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// locks keep apart the changes of one entry by this server; those of others
// check-and-set does.
type locks struct {
	mu  sync.Mutex
	all map[uint32]chan struct{}
}

// take waits for a lock.
func take(ctx context.Context, lock chan struct{}, name string) error {
	select {
	case lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return pave.Errorf(pave.Unavailable, "%s: %w", name, ctx.Err())
	}
}

// of returns the lock of a name; a few share one.
func (l *locks) of(name string) chan struct{} {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	hash := h.Sum32() % 256
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[uint32]chan struct{}{}
	}
	if l.all[hash] == nil {
		l.all[hash] = make(chan struct{}, 1)
	}
	return l.all[hash]
}
