package node

import (
	"slices"
	"time"

	"github.com/pave-platform/pave"
)

func (s Server) equal(o Server) bool {
	return s.sameButUsers(o) && s.User == o.User && s.PasswordSHA256 == o.PasswordSHA256 && slices.EqualFunc(s.Beside, o.Beside, Login.equal)
}

func (l Login) equal(o Login) bool {
	return l.User == o.User && l.PasswordSHA256 == o.PasswordSHA256 && l.ReadOnly == o.ReadOnly && l.Until.Equal(o.Until)
}

func (s Server) sameButUsers(o Server) bool {
	return s.ID == o.ID && s.Kind == o.Kind && s.Port == o.Port && s.Owner == o.Owner && s.MemoryMB == o.MemoryMB
}

// shown is a server without its hashes.
func (s Server) shown() Server {
	s.PasswordSHA256 = ""
	s.Beside = slices.Clone(s.Beside)
	for i := range s.Beside {
		s.Beside[i].PasswordSHA256 = ""
	}
	return s
}

// A userKeeper is an engine whose users change while it runs.
type userKeeper interface {
	// setUsers lets in those of the spec, and ends the connections of all others.
	setUsers(want Server) error
}

// putUsers changes who is let into a server that runs. One that is starting has read
// its users already: it is tried again when it is up.
func (n *Node) putUsers(s Server, run *server) error {
	keeper, ok := run.engine.(userKeeper)
	if !ok || !run.current().Ready {
		return pave.Errorf(pave.Unavailable, "server %q is not up: its users cannot be changed now", s.ID).WithHint("it is tried again")
	}
	if err := keeper.setUsers(s); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopping {
		return errStopping()
	}
	if n.servers[s.ID] != run {
		return pave.Errorf(pave.Unavailable, "server %q was put twice at once", s.ID).WithHint("it is tried again")
	}
	run.mu.Lock()
	run.spec.User, run.spec.PasswordSHA256, run.spec.Beside = s.User, s.PasswordSHA256, s.Beside
	run.status.User, run.status.Beside = s.User, s.shown().Beside
	run.mu.Unlock()
	return put(n, n.want.Servers, s.ID, s)
}

// shutOut takes users away whose time is over.
func (n *Node) shutOut(now time.Time) {
	n.mu.Lock()
	var late []Server
	for _, s := range n.want.Servers {
		over := func(l Login) bool { return !l.Until.IsZero() && now.After(l.Until) }
		if slices.ContainsFunc(s.Beside, over) {
			s.Beside = slices.DeleteFunc(slices.Clone(s.Beside), over)
			late = append(late, s)
		}
	}
	n.mu.Unlock()
	for _, s := range late {
		if err := n.putServer(s); err != nil {
			n.log.Error("cannot shut out users whose time is over", "server", s.ID, "err", err)
		}
	}
}
