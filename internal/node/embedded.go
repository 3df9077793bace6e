package node

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/embedded/control"
	"github.com/pave-platform/pave/internal/job"
)

// Users that servers of our own program run as where the node is root. They need no
// entry in passwd.
const (
	natsUID = 69997
	s3UID   = 69996
)

// embeddedServer is the engine of a server that is part of our own program: the node runs
// a copy of itself as "pave node serve KIND" and speaks to it over its standard input.
type embeddedServer struct {
	*server
	talk sync.Mutex // one question at a time
	conn net.Conn   // to the process that runs
	in   *json.Decoder
	pid  int  // of it
	up   bool // it has answered its setup
}

func newEmbedded(s *server) engine { return &embeddedServer{server: s} }

// findEmbedded has nothing to look for: the program is this one.
func findEmbedded() error { return nil }

func checkEmbedded(s *Server, _ string) error {
	if s.MemoryMB != 0 {
		return pave.BadField("memory_mb", "", "is for redis alone", "leave it out")
	}
	return checkLogins(*s)
}

// BucketName is the name of the bucket in a server of kind s3.
func BucketName(server string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(server, "s3-"), "_", "-"))
}

func (e *embeddedServer) ends() []syscall.Signal { return []syscall.Signal{syscall.SIGTERM} }

// prepare makes sure that the folder is the owner's, ends a server that a dead node left in
// it, and makes the socket over which the next one is spoken to.
func (e *embeddedServer) prepare(who account) (launch, error) {
	program, err := e.n.self.path(filepath.Join(e.n.opts.Home, "bin"))
	if err != nil {
		return launch{}, err
	}
	if err := e.n.ownFolder(e.spec); err != nil {
		return launch{}, err
	}
	if err := privateDir(e.data(), who.uid, who.gid); err != nil {
		return launch{}, err
	}
	if err := e.endOthers(func(job.Proc) bool { return true }, e.ends()); err != nil {
		return launch{}, err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return launch{}, pave.Errorf(pave.Unavailable, "make a socket for server %q: %w", e.spec.ID, err)
	}
	e.talk.Lock()
	defer e.talk.Unlock()
	if e.conn != nil {
		_ = e.conn.Close()
	}
	e.conn, e.in, e.up = ours, json.NewDecoder(bufio.NewReader(ours)), false
	return launch{command: []string{program, "node", "serve", e.spec.Kind}, stdin: theirs, serves: func(pid int) bool { return e.setUp(ours, pid) }}, nil
}

// socketPair makes two ends of one socket: ours, and the other as a file for a program.
func socketPair() (net.Conn, *os.File, error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "control")
	defer ours.Close() // the connection has one of its own
	conn, err := net.FileConn(ours)
	if err != nil {
		_ = theirs.Close()
	}
	return conn, theirs, err
}

// How long answers may take.
const (
	setupTime = 70 * time.Second // it reads its data first
	askTime   = 30 * time.Second
)

// setUp tells a process that was started what it is to be, and waits until it serves.
func (e *embeddedServer) setUp(conn net.Conn, pid int) bool {
	e.talk.Lock()
	defer e.talk.Unlock()
	if e.conn != conn {
		return false
	}
	e.pid = pid
	e.mu.Lock()
	setup := control.Setup{Data: e.data(), Port: e.spec.Port, Name: BucketName(e.spec.ID), Users: e.spec.controlUsers()}
	e.mu.Unlock()
	a, err := e.ask(control.Question{Setup: &setup}, setupTime)
	if err != nil {
		return false
	}
	e.up = true
	e.set(func(st *ServerStatus) { st.Version = a.Version })
	return true
}

// controlUsers are all who may connect.
func (s Server) controlUsers() (out []control.User) {
	for _, l := range s.logins() {
		out = append(out, control.User{Name: l.User, Key: l.PasswordSHA256, ReadOnly: l.ReadOnly})
	}
	return out
}

// ask has one answer to one question. A process that gives none is ended: the next one is
// spoken to. The caller holds talk.
func (e *embeddedServer) ask(q control.Question, within time.Duration) (a control.Answer, err error) {
	_ = e.conn.SetDeadline(time.Now().Add(within)) // an error shows with what follows
	if err = json.NewEncoder(e.conn).Encode(q); err == nil {
		err = e.in.Decode(&a)
	}
	if err == nil && a.Error != "" {
		return a, errors.New(a.Error)
	}
	if err != nil {
		e.up = false
		_ = e.conn.Close()
		_ = syscall.Kill(e.pid, syscall.SIGTERM) // by its own supervision it is started again
	}
	return a, err
}

// setUsers changes who may connect to the server that runs.
func (e *embeddedServer) setUsers(want Server) error {
	e.talk.Lock()
	defer e.talk.Unlock()
	err := errNotUp
	if e.up {
		_, err = e.ask(control.Question{Users: want.controlUsers()}, askTime)
	}
	if err != nil {
		return pave.Errorf(pave.Unavailable, "change the users of server %q: %w", e.spec.ID, err).WithHint("it is tried again")
	}
	return nil
}

var errNotUp = errors.New("it is not up")

// holds says in words what the server has.
func (e *embeddedServer) holds() (string, error) {
	e.talk.Lock()
	defer e.talk.Unlock()
	if !e.up {
		return "", pave.Errorf(pave.Unavailable, "server %q is not up", e.spec.ID).WithHint("it is tried again")
	}
	a, err := e.ask(control.Question{Holds: true}, askTime)
	if err != nil {
		return "", pave.Errorf(pave.Unavailable, "ask server %q what it holds: %w", e.spec.ID, err)
	}
	return a.Holds, nil
}

// serverHolds says in words what a server of our own program has, "" for nothing.
func (n *Node) serverHolds(id string) (string, error) {
	n.mu.Lock()
	s := n.servers[id]
	n.mu.Unlock()
	if s == nil {
		return "", notFound("server", id)
	}
	e, ok := s.engine.(*embeddedServer)
	if !ok {
		return "", pave.Errorf(pave.Invalid, "server %q is of kind %s, which does not tell what it holds", id, s.spec.Kind)
	}
	return e.holds()
}
