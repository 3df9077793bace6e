package node

import (
	"context"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

const (
	// serverGrace is what a server gets to end by itself before it is ended harder.
	serverGrace = 15 * time.Second
	// serverStart is how long workloads wait for servers when the node starts.
	serverStart = 20 * time.Second
)

// A server supervises one server that the node runs.
type server struct {
	n      *Node
	spec   Server
	dir    string // holds data, and what else its engine keeps
	log    *logFile
	tail   *job.Tail
	engine engine

	stopc    chan struct{}
	stopOnce sync.Once
	done     chan struct{}
	ready    chan struct{} // closed when it was ready for the first time

	mu     sync.Mutex
	status ServerStatus
	probe  string // password of our own user in the server that runs, where it has one
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

// stop ends the server gracefully and its supervision.
func (s *server) stop() {
	s.stopOnce.Do(func() { close(s.stopc) })
	<-s.done
}

func (s *server) set(change func(*ServerStatus)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
}

func (s *server) current() ServerStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// supervise keeps the server running until it is stopped.
func (s *server) supervise() {
	defer close(s.done)
	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		started := time.Now()
		stopped, err := s.once()
		s.set(func(st *ServerStatus) { st.Ready, st.PID = false, 0 })
		if stopped {
			return
		}
		s.log.add(s.spec.ID, "node", err.Error())
		s.set(func(st *ServerStatus) { st.Reason = err.Error() })
		if time.Since(started) >= goodLife {
			backoff = firstBackoff
		}
		select {
		case <-time.After(backoff):
		case <-s.stopc:
			return
		case <-s.n.life.Done():
			return
		}
		s.set(func(st *ServerStatus) { st.Restarts++ })
	}
}

// once runs the server to its end. It reports whether that end was wanted, and
// else why it came.
func (s *server) once() (stopped bool, err error) {
	who, err := serverAccount(s.spec.Kind)
	if err != nil {
		return false, err
	}
	l, err := s.engine.prepare(who)
	if err != nil {
		return false, err
	}
	s.set(func(st *ServerStatus) { st.Version = l.version })
	env := s.env()
	maps.Copy(env, l.env)
	proc, err := job.Start(job.Spec{
		Dir: s.data(), Command: l.command, Env: env, UID: who.uid, GID: who.gid, MaxOutput: 1 << 62, Output: s.output(s.tail),
		Stdin: l.stdin,
	})
	if l.stdin != nil {
		_ = l.stdin.Close() // the process has its own
	}
	if err != nil {
		return false, err
	}
	s.set(func(st *ServerStatus) { st.PID = proc.PID() })
	ctx, cancel := context.WithCancel(s.n.life)
	defer cancel()
	go s.watchReady(ctx, func() bool { return l.serves(proc.PID()) })
	select {
	case <-s.stopc:
		cancel()
		s.end(proc)
		return true, nil
	case <-s.n.life.Done():
		return true, nil
	case <-proc.Exited():
		cancel()
		reason := proc.Result().Reason()
		return false, pave.Errorf(pave.Unavailable, "%s %s: %s", s.spec.Kind, reason, telling(s.tail.Lines()))
	}
}

// env is the whole environment of a server's programs.
func (s *server) env() map[string]string {
	return map[string]string{"PATH": defaultPath, "LC_ALL": "C", "TZ": "UTC", nodeMarker: s.n.mark, itemMarker: s.spec.ID}
}

// output keeps lines in the log, and the last ones in tail.
func (s *server) output(tail *job.Tail) func(job.Line) {
	return func(l job.Line) {
		tail.Add(l.Text)
		s.log.add(s.spec.ID, l.Stream, l.Text)
	}
}

// end asks for a shutdown, ever harder.
func (s *server) end(proc *job.Process) {
	for _, sig := range s.engine.ends() {
		proc.Signal(sig)
		select {
		case <-proc.Exited():
			<-proc.Done()
			return
		case <-time.After(serverGrace):
		}
	}
	proc.Stop()
}

// watchReady looks until the server serves.
func (s *server) watchReady(ctx context.Context, serves func() bool) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		if serves() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if ctx.Err() == nil {
				s.status.Ready, s.status.Reason = true, ""
				select {
				case <-s.ready:
				default:
					close(s.ready)
				}
			}
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// endOthers ends whatever runs in the data folder, gracefully first those that
// are first: there must never be two servers on the same data.
func (s *server) endOthers(first func(job.Proc) bool, sigs []syscall.Signal) error {
	inData := func(q job.Proc) bool { return q.Dir() == s.data() || strings.HasPrefix(q.Dir(), s.data()+"/") }
	if left := job.Find(inData); len(left) > 0 {
		endProcs(job.Find(func(q job.Proc) bool { return inData(q) && first(q) }), sigs[0], serverGrace)
		endProcs(job.Find(inData), sigs[len(sigs)-1], 5*time.Second)
	}
	if left := job.Find(inData); len(left) > 0 {
		return pave.Errorf(pave.Conflict, "process %d still runs in %q", left[0].PID, s.data()).
			WithHint("kill %d", left[0].PID)
	}
	return nil
}
