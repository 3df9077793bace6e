package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

func (s *Server) check(dir string) error {
	if err := checkID(s.ID); err != nil {
		return err
	}
	if s.Kind != "postgres" {
		return pave.BadField("kind", s.Kind, "is not a server the node can run", "use postgres")
	}
	if s.Port < 0 || s.Port > 65535 {
		return pave.BadField("port", fmt.Sprint(s.Port), "is not a port", "use 1024 to 65535, or 0")
	}
	if run := filepath.Join(dir, "run"); len(run) > socketRoom {
		return pave.Errorf(pave.Invalid, "the folder %q is too long for a unix socket", run).WithHint("set PAVE_HOME to a shorter path")
	}
	return nil
}

func (n *Node) serverDir(id string) string { return filepath.Join(n.opts.Home, "servers", id) }

// putServer starts a server and keeps it running. With port 0 a server that is
// there keeps its port, and a new one gets a free one. Another port restarts it.
func (n *Node) putServer(s Server) error {
	if err := s.check(n.serverDir(s.ID)); err != nil {
		return err
	}
	if _, err := serverAccount(); err != nil {
		return err
	}
	if len(postgresDirs()) == 0 {
		_, _, err := FindPostgres()
		return err
	}
	n.mu.Lock()
	old, had := n.want.Servers[s.ID]
	run := n.servers[s.ID]
	n.mu.Unlock()
	if s.Port == 0 {
		s.Port = old.Port
	}
	if had && old == s && run != nil {
		return nil
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
	switch {
	case s.Port == 0:
		port, err := n.ports.take()
		if err != nil {
			return err
		}
		s.Port = port
	case s.Port != old.Port && !portFree(s.Port):
		if run != nil {
			n.startServer(old)
		}
		return portTaken(s.Port, errors.New("address in use"))
	default:
		n.ports.reserve(s.Port)
	}
	if err := put(n, n.want.Servers, s.ID, s); err != nil {
		return err
	}
	n.startServer(s)
	return nil
}

// startServer starts the supervision of a server. The caller holds mu.
func (n *Node) startServer(s Server) {
	log, err := n.logOf("server", s.ID)
	if err != nil {
		n.log.Error("cannot open the log of a server", "server", s.ID, "err", err)
		return
	}
	p := &postgres{
		n: n, spec: s, dir: n.serverDir(s.ID), log: log, tail: job.NewTail(lastLines),
		stopc: make(chan struct{}), done: make(chan struct{}), ready: make(chan struct{}),
	}
	p.status = ServerStatus{Server: s, Reason: "it is starting", SocketDir: p.run(), DataDir: p.data()}
	n.servers[s.ID] = p
	go p.supervise()
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
	err := drop(n, n.want.Servers, id)
	n.mu.Unlock()
	if err != nil || run == nil {
		return err
	}
	run.stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.servers[id] != run {
		return nil
	}
	delete(n.servers, id)
	n.ports.release(port)
	n.dropLog("server", id)
	aside := fmt.Sprintf("%s~%d", n.serverDir(id), time.Now().Unix())
	if err := os.Rename(n.serverDir(id), aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return diskError(n.serverDir(id), err)
	}
	return nil
}

// isServer reports whether a process belongs to a server: it runs in its data.
func (n *Node) isServer(p job.Proc) bool {
	return strings.HasPrefix(p.Dir(), filepath.Join(n.opts.Home, "servers")+"/")
}
