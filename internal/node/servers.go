package node

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

func (s *Server) check(dir string) error {
	if err := checkID(s.ID); err != nil {
		return err
	}
	kind, ok := serverKinds[s.Kind]
	if !ok {
		return pave.BadField("kind", s.Kind, "is not a server the node can run",
			"one of "+strings.Join(slices.Sorted(maps.Keys(serverKinds)), ", "))
	}
	if s.Port < 0 || s.Port > 65535 {
		return pave.BadField("port", fmt.Sprint(s.Port), "is not a port", "use 1024 to 65535, or 0")
	}
	return kind.check(s, dir)
}

func (n *Node) serverDir(id string) string { return filepath.Join(n.opts.Home, "servers", id) }

// putServer starts a server and keeps it running. With port 0 a server that is
// there keeps its port, and a new one gets a free one. Another port restarts it.
func (n *Node) putServer(s Server) error {
	if err := s.check(n.serverDir(s.ID)); err != nil {
		return err
	}
	if _, err := serverAccount(s.Kind); err != nil {
		return err
	}
	if err := serverKinds[s.Kind].find(); err != nil {
		return err
	}
	n.mu.Lock()
	old, had := n.want.Servers[s.ID]
	run := n.servers[s.ID]
	n.mu.Unlock()
	if had && (old.Owner != s.Owner || old.Kind != s.Kind) {
		return pave.Errorf(pave.Conflict, "the server %q belongs to %q", s.ID, old.Owner).WithHint("choose another name")
	}
	if s.Port == 0 {
		s.Port = old.Port
	}
	if had && old.equal(s) && run != nil {
		return nil
	}
	if had && run != nil && old.sameButUsers(s) {
		return n.putUsers(s, run)
	}
	if run != nil {
		run.stop()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopping {
		return errStopping()
	}
	if n.servers[s.ID] != run {
		return pave.Errorf(pave.Unavailable, "server %q was put twice at once", s.ID).WithHint("it is tried again")
	}
	if err := n.settleServer(&s, old); err != nil {
		if run != nil {
			n.startServer(old)
		}
		return err
	}
	n.startServer(s)
	return nil
}

// settleServer gives a server its port and its folder and makes it wanted. The
// caller holds mu.
func (n *Node) settleServer(s *Server, old Server) error {
	if err := n.givePort(s, old); err != nil {
		return err
	}
	var err error
	if s.Owner != "" {
		err = n.ownFolder(*s)
	}
	if err == nil {
		err = put(n, n.want.Servers, s.ID, *s)
	}
	if err != nil && s.Port != old.Port {
		n.ports.release(s.Port)
	}
	return err
}

// givePort gives a server the port that its folder kept, or a free one where it
// asks for none. Conflict where the one it asks for is taken. The caller holds mu.
func (n *Node) givePort(s *Server, old Server) error {
	if s.Port == 0 && s.Owner != "" {
		if _, m := n.folderOf(s.Owner); m.Port != 0 && portFree(m.Port) {
			s.Port = m.Port
		}
	}
	if s.Port == 0 {
		port, err := n.ports.take()
		s.Port = port
		return err
	}
	if s.Port != old.Port && !portFree(s.Port) {
		return portTaken(s.Port, errors.New("address in use"))
	}
	n.ports.reserve(s.Port)
	return nil
}

// startServer starts the supervision of a server. The caller holds mu.
func (n *Node) startServer(spec Server) {
	log, err := n.logOf("server", spec.ID)
	if err != nil {
		n.log.Error("cannot open the log of a server", "server", spec.ID, "err", err)
		return
	}
	s := &server{
		n: n, spec: spec, dir: n.serverDir(spec.ID), log: log, tail: job.NewTail(lastLines),
		stopc: make(chan struct{}), done: make(chan struct{}), ready: make(chan struct{}),
	}
	s.status = ServerStatus{Server: spec.shown(), Reason: "it is starting", DataDir: s.data()}
	s.engine = serverKinds[spec.Kind].engine(s)
	n.servers[spec.ID] = s
	go s.supervise()
}

// serversReady returns a channel that is closed when all servers were ready
// once, or have had their time. The caller holds mu.
func (n *Node) serversReady() <-chan struct{} {
	var waits []<-chan struct{}
	for _, s := range n.servers {
		waits = append(waits, s.ready)
	}
	all := make(chan struct{})
	go func() {
		defer close(all)
		timer := time.NewTimer(serverStart)
		defer timer.Stop()
		for _, ready := range waits {
			select {
			case <-ready:
			case <-timer.C:
				return
			case <-n.life.Done():
				return
			}
		}
	}()
	return all
}

func (n *Node) server(id string) (ServerStatus, error) {
	n.mu.Lock()
	s := n.servers[id]
	n.mu.Unlock()
	if s == nil {
		return ServerStatus{}, notFound("server", id)
	}
	return s.current(), nil
}

// deleteServer stops a server. Its data is not removed but renamed aside, to
// ID~TIME. Absence is success.
func (n *Node) deleteServer(id string) error {
	n.mu.Lock()
	run, port := n.servers[id], n.want.Servers[id].Port
	n.mu.Unlock()
	if run == nil {
		return nil
	}
	return n.dismiss(id, nil, func() error {
		n.ports.release(port)
		aside := fmt.Sprintf("%s~%d", n.serverDir(id), time.Now().Unix())
		if err := os.Rename(n.serverDir(id), aside); err != nil && !errors.Is(err, os.ErrNotExist) {
			return diskError(n.serverDir(id), err)
		}
		return nil
	})
}

// dismiss forgets a server and stops it, if it is there, and then calls then with
// mu held; where the server was put again meanwhile it returns again instead.
func (n *Node) dismiss(id string, again error, then func() error) error {
	n.mu.Lock()
	run := n.servers[id]
	err := drop(n, n.want.Servers, id)
	n.mu.Unlock()
	if err != nil {
		return err
	}
	if run != nil {
		run.stop()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.servers[id] != run {
		return again
	}
	if run != nil {
		delete(n.servers, id)
		n.dropLog("server", id)
	}
	return then()
}

// isServer reports whether a process belongs to a server: it runs in its data.
func (n *Node) isServer(p job.Proc) bool {
	return strings.HasPrefix(p.Dir(), filepath.Join(n.opts.Home, "servers")+"/")
}
