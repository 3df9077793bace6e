package node

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pave-platform/pave/internal/job"
)

// Who calls whom. A request is made by the workload whose process made its connection:
// the kernel says as which user, and each service has one of its own. Where one user
// has several workloads (a service in two environments, or all of them where the node
// is not root) the process that holds the connection decides. What no workload made, a
// person did, and is not judged.

// A party is a workload as one that calls or is called.
type party struct {
	workload, service, name, env string
	uid                          int
	may                          map[string]bool // services it may call
}

// callKey tells counters apart; maxCalls bounds them.
type callKey struct{ caller, target, env string }

const maxCalls = 10_000

// calls judges and counts requests between workloads.
type calls struct {
	log   *slog.Logger
	since time.Time
	// holder is the workload among those given whose process holds a socket.
	holder func(inode uint32, among []party) (workload string, ok bool)

	mu       sync.RWMutex
	parties  map[string]party
	declared map[string]bool // environments in which calls must be declared

	counting sync.Mutex
	counts   map[callKey]*Call
}

func newCalls(log *slog.Logger) *calls {
	return &calls{log: log, since: time.Now().UTC(), holder: func(uint32, []party) (string, bool) { return "", false },
		parties: map[string]party{}, declared: map[string]bool{}, counts: map[callKey]*Call{}}
}

// set replaces what is known of workloads and environments.
func (c *calls) set(parties map[string]party, declared map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parties, c.declared = parties, declared
}

// A peer is the other end of a connection, looked up when its first request comes.
type peer struct {
	client, server net.Addr
	once           sync.Once
	uid            int
	inode          uint32
	err            error
	found          string // workload that holds the connection, where its user has several
	looked         bool
	mu             sync.Mutex
}

type peerKey struct{}

// withPeer is the ConnContext of the router's servers.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, &peer{client: conn.RemoteAddr(), server: conn.LocalAddr()})
}

func (p *peer) ask() (uid int, inode uint32, err error) {
	p.once.Do(func() {
		client, ok1 := p.client.(*net.TCPAddr)
		server, ok2 := p.server.(*net.TCPAddr)
		if !ok1 || !ok2 {
			p.err = fmt.Errorf("a connection of %s is none of TCP", p.client.Network())
			return
		}
		p.uid, p.inode, p.err = peerOf(client, server)
	})
	return p.uid, p.inode, p.err
}

// admit counts a request to a workload and says why it is refused, or "".
func (c *calls) admit(req *http.Request, workload string) (refused string) {
	c.mu.RLock()
	target, known := c.parties[workload]
	declared := c.declared[target.env]
	c.mu.RUnlock()
	p, ok := req.Context().Value(peerKey{}).(*peer)
	if !known || !ok {
		return ""
	}
	caller, isWorkload, err := c.caller(p, target)
	switch {
	case err != nil && declared:
		return fmt.Sprintf("Calls to %s in %s must be declared, and who makes this one cannot be told: %s.", target.name, target.env, err)
	case err != nil, !isWorkload, caller.service != "" && caller.service == target.service:
		return ""
	}
	if declared && (!caller.may[target.service] || caller.env != target.env) {
		refused = fmt.Sprintf("%s in %s may not call %s in %s: no link.\nTo declare one: pave link %s --to %s --env %s",
			caller.name, caller.env, target.name, target.env, caller.name, target.name, target.env)
	}
	c.count(caller, target, refused != "")
	return refused
}

// caller is the workload that made a connection; ok is false where none did.
func (c *calls) caller(p *peer, target party) (who party, ok bool, err error) {
	uid, inode, err := p.ask()
	if err != nil {
		return party{}, false, err
	}
	c.mu.RLock()
	var among []party
	for _, w := range c.parties {
		if w.uid == uid {
			among = append(among, w)
		}
	}
	c.mu.RUnlock()
	if len(among) == 0 {
		return party{}, false, nil
	}
	shared := slices.ContainsFunc(among, func(w party) bool { return w.service != among[0].service })
	if len(among) == 1 && uid != os.Geteuid() {
		return among[0], true, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.looked {
		p.found, _ = c.holder(inode, among)
		p.looked = true
	}
	for _, w := range among {
		if w.workload == p.found {
			return w, true, nil
		}
	}
	if shared || uid == os.Geteuid() { // of a person, for all that is known
		return party{}, false, nil
	}
	for _, w := range among { // one service: which of its environments is not told any more
		if w.env == target.env {
			return w, true, nil
		}
	}
	return among[0], true, nil
}

func (c *calls) count(caller, target party, refused bool) {
	if caller.service == "" || target.service == "" {
		return // put by a server that did not say whose they are
	}
	c.counting.Lock()
	defer c.counting.Unlock()
	key := callKey{caller.service, target.service, target.env}
	n := c.counts[key]
	if n == nil {
		if len(c.counts) >= maxCalls {
			return
		}
		n = &Call{Caller: key.caller, Target: key.target, Env: key.env, Since: c.since}
		c.counts[key] = n
	}
	n.Requests++
	if refused {
		n.Refused++
	}
	n.Last = time.Now().UTC()
}

func (c *calls) all() []Call {
	c.counting.Lock()
	defer c.counting.Unlock()
	out := []Call{}
	for _, n := range c.counts {
		out = append(out, *n)
	}
	slices.SortFunc(out, func(a, b Call) int {
		return cmp.Or(cmp.Compare(a.Caller, b.Caller), cmp.Compare(a.Target, b.Target), cmp.Compare(a.Env, b.Env))
	})
	return out
}

// tellParties gives the router what it judges calls by. The caller holds mu.
func (n *Node) tellParties() {
	parties, declared := map[string]party{}, map[string]bool{}
	for id, entry := range n.want.Workloads {
		w := entry.Want.Item
		p := party{workload: id, service: w.ServiceID, name: w.Service, env: w.Env, uid: w.UID, may: map[string]bool{}}
		if p.uid == 0 {
			p.uid = os.Geteuid()
		}
		calls := w.Calls
		if entry.Serving != nil {
			calls = slices.Concat(calls, entry.Serving.Item.Calls)
		}
		for _, service := range calls {
			p.may[service] = true
		}
		parties[id] = p
	}
	for id, e := range n.want.Environments {
		declared[id] = e.Calls == CallsDeclared
	}
	n.router.calls.set(parties, declared)
}

// holderOf looks which process has a socket open: first the processes that replicas
// began with, then all that carry the mark of the workloads.
func (n *Node) holderOf(inode uint32, among []party) (workload string, ok bool) {
	for _, w := range among {
		st, err := n.workload(w.workload)
		if err == nil && slices.ContainsFunc(st.Replicas, func(r ReplicaStatus) bool { return r.PID > 0 && holds(r.PID, inode) }) {
			return w.workload, true
		}
	}
	for _, p := range job.Find(func(p job.Proc) bool {
		return p.Env(nodeMarker) == n.mark && slices.ContainsFunc(among, func(w party) bool { return p.Env(itemMarker) == w.workload })
	}) {
		if holds(p.PID, inode) {
			return p.Env(itemMarker), true
		}
	}
	return "", false
}

// holds reports whether a process has a socket open.
func holds(pid int, inode uint32) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	want := fmt.Sprintf("socket:[%d]", inode)
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		to, err := os.Readlink(filepath.Join(dir, e.Name()))
		return err == nil && to == want
	})
}

// putEnvironment keeps what holds in an environment.
func (n *Node) putEnvironment(e Environment) error {
	if err := checkID(e.ID); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	err := put(n, n.want.Environments, e.ID, e)
	n.tellParties()
	return err
}

func (n *Node) environmentCalled(id string) (Environment, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e, ok := n.want.Environments[id]
	if !ok {
		return e, notFound("environment", id)
	}
	return e, nil
}

func (n *Node) deleteEnvironment(id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	err := drop(n, n.want.Environments, id)
	n.tellParties()
	return err
}
