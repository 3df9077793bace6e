package node

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

const (
	// maxSessions is how many commands run beside workloads at once, and beside one.
	maxSessions         = 32
	maxWorkloadSessions = 8
	// maxRequest bounds the first line of a session.
	maxRequest = 256 << 10
	// sessionGrace is what a command gets to end that nobody listens to any more.
	sessionGrace = 2 * time.Second
	sessionChunk = 32 << 10
	// sessionLeave is what a caller gets to read how a command ended.
	sessionLeave = 2 * time.Second

	// sessionBeat is how often an empty frame is sent: a caller who is gone is found by
	// it even while the command does not read what they sent.
	sessionBeat = 3 * time.Second
)

// A Session asks for a command beside a workload.
type Session struct {
	Workload string `json:"workload"`
	pave.Exec
}

var termPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,39}$`)

// sessions counts the commands that run.
type sessions struct {
	mu      sync.Mutex
	by      map[string]int
	runs    map[*job.Process]bool
	stopped bool
	// starting are those that begin and are not among them yet.
	starting sync.WaitGroup
}

// start runs a command that ends with the node.
func (s *sessions) start(spec job.Spec) (p *job.Process, release func(), err error) {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return nil, nil, errStopping()
	}
	s.starting.Add(1)
	s.mu.Unlock()
	defer s.starting.Done()
	if p, err = job.Start(spec); err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs == nil {
		s.runs = map[*job.Process]bool{}
	}
	s.runs[p] = true
	return p, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.runs, p)
	}, nil
}

// stop ends all commands, and none starts from now on.
func (s *sessions) stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.starting.Wait()
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.runs))
	s.mu.Unlock()
	var group sync.WaitGroup
	for _, p := range all {
		group.Go(p.Stop)
	}
	group.Wait()
}

func (s *sessions) enter(workload string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := 0
	for _, n := range s.by {
		total += n
	}
	if total >= maxSessions || s.by[workload] >= maxWorkloadSessions {
		return nil, pave.Errorf(pave.Unavailable, "%d commands run beside this service, %d in all: no more at once", s.by[workload], total).
			WithHint("wait until one has ended")
	}
	if s.by == nil {
		s.by = map[string]int{}
	}
	s.by[workload]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.by[workload]--; s.by[workload] == 0 {
			delete(s.by, workload)
		}
	}, nil
}

// serveExec runs one command. The body of the request is a line of JSON and then the
// frames of the caller, the answer those of the command. A body that ends ends the
// command: the caller is gone.
func (n *Node) serveExec(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	if err := control.EnableFullDuplex(); err != nil {
		n.reply(w, r, nil, err)
		return
	}
	in := bufio.NewReaderSize(r.Body, maxRequest)
	refuse := func(err error) {
		n.reply(w, r, nil, err)
		_ = control.Flush()
		// Who still sends gets to read the answer before the connection ends.
		_ = control.SetReadDeadline(time.Now().Add(time.Second))
		_, _ = io.Copy(io.Discard, in)
	}
	s, spec, err := n.readSession(in)
	if err != nil {
		refuse(err)
		return
	}
	leave, err := n.sessions.enter(s.Workload)
	if err != nil {
		refuse(err)
		return
	}
	defer leave()
	ends, err := openStreams(s, spec.UID)
	if err != nil {
		refuse(err)
		return
	}
	defer ends.close()
	spec.Files = ends.files
	p, release, err := n.sessions.start(spec)
	ends.closeTheirs()
	if err != nil {
		refuse(err)
		return
	}
	defer release()
	w.Header().Set("Content-Type", "application/octet-stream")
	out := &frameWriter{w: w, flush: control.Flush, broken: make(chan struct{})}
	_ = control.Flush() // the caller learns that it runs; a broken connection shows below
	n.attend(p, ends, in, out)
}

// attend copies streams until the command has ended and says how it did.
func (n *Node) attend(p *job.Process, ends *streams, in io.Reader, out *frameWriter) {
	var readers sync.WaitGroup
	for kind, from := range ends.ours() {
		readers.Go(func() { out.copy(kind, from) })
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		ends.obey(in, p)
	}()
	beat := time.NewTicker(sessionBeat)
	defer beat.Stop()
	for running := true; running; {
		select {
		case <-beat.C:
			out.write(pave.FrameStdout, nil)
			continue
		case <-p.Exited():
		case <-gone:
			p.Stop()
		case <-out.broken:
			p.Stop()
		case <-n.life.Done():
			return
		}
		running = false
	}
	res := p.Result()
	readers.Wait()
	out.end(res)
	// The connection ends with this call. Who writes to one that has ended loses what they
	// have not read of it: they get to read how it went, and to leave.
	select {
	case <-gone:
	case <-n.life.Done():
	case <-time.After(sessionLeave):
	}
}

// end says how the command ended; nobody may be there to read it.
func (f *frameWriter) end(res job.Result) {
	end := pave.ExecEnd{Code: res.ExitCode}
	if !res.OK() && res.ExitCode < 0 || res.TimedOut || res.Canceled {
		end.Reason = res.Reason()
		end.Code = 1
		if sig := signalNumber(res.Signal); sig > 0 && !res.TimedOut {
			end.Code = 128 + sig
		}
	}
	if data, err := json.Marshal(end); err == nil {
		f.write(pave.FrameEnd, data)
	}
}

// signalNumber is the number of a signal by the name that a Result gives it.
func signalNumber(name string) int {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL, syscall.SIGQUIT, syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGPIPE} {
		if s.String() == name {
			return int(s)
		}
	}
	return 0
}

// readSession reads the first line and says what to run.
func (n *Node) readSession(in *bufio.Reader) (s Session, spec job.Spec, err error) {
	line, err := in.ReadSlice('\n')
	if err == nil {
		err = json.Unmarshal(line, &s)
	}
	if err != nil {
		return s, spec, pave.Errorf(pave.Invalid, "the first line of a command is no JSON of at most %d bytes", maxRequest)
	}
	if len(s.Command) == 0 {
		return s, spec, pave.BadField("command", "", "is empty", "pave exec NAME -- CMD")
	}
	n.mu.Lock()
	w, stopping := n.workloads[s.Workload], n.stopping
	n.mu.Unlock()
	if stopping {
		return s, spec, errStopping()
	}
	if w == nil {
		return s, spec, notFound("workload", s.Workload)
	}
	of, port, err := w.beside(s.Instance)
	if err != nil {
		return s, spec, err
	}
	env, err := n.environmentOf(of, port)
	if err != nil {
		return s, spec, err
	}
	env = maps.Clone(env)
	if s.Terminal {
		env["TERM"] = "xterm"
		if termPattern.MatchString(s.Term) {
			env["TERM"] = s.Term
		}
	}
	within := time.Duration(s.Seconds) * time.Second
	if within <= 0 {
		within = pave.DefaultExec
	}
	return s, job.Spec{Dir: of.Dir, Command: s.Command, Env: env, Secrets: of.Secrets, UID: of.UID, Limits: of.Limits,
		Timeout: min(within, pave.MaxExec), Grace: sessionGrace}, nil
}

// beside finds the process of an instance: its generation and its port.
func (w *workload) beside(instance string) (Workload, int, error) {
	w.mu.Lock()
	serving := w.serving
	w.mu.Unlock()
	if serving == nil {
		return Workload{}, 0, pave.Errorf(pave.Conflict, "nothing of this service serves yet").WithHint("pave status NAME")
	}
	var names []string
	for _, r := range serving.status() {
		names = append(names, r.Instance)
		if r.Port > 0 && (r.Instance == instance || instance == "" && r.Ready) {
			return serving.spec, r.Port, nil
		}
	}
	if instance == "" {
		return Workload{}, 0, pave.Errorf(pave.Conflict, "no process of this service is ready").WithHint("name one: --instance %s", strings.Join(names, ", "))
	}
	return Workload{}, 0, pave.BadField("instance", instance, "is no process that serves", "one of "+strings.Join(names, ", "))
}

// String keeps what a session runs out of logs: arguments may be secrets.
func (s Session) String() string { return fmt.Sprintf("a command beside %s", s.Workload) }
