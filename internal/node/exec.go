package node

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
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
)

// A Session asks for a command beside a workload.
type Session struct {
	Workload string `json:"workload"`
	pave.Exec
}

var termPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,39}$`)

// sessions counts the commands that run.
type sessions struct {
	mu sync.Mutex
	by map[string]int
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
	s, spec, err := n.readSession(in)
	if err != nil {
		n.reply(w, r, nil, err)
		return
	}
	leave, err := n.sessions.enter(s.Workload)
	if err != nil {
		n.reply(w, r, nil, err)
		return
	}
	defer leave()
	ends, err := openStreams(s, spec.UID)
	if err != nil {
		n.reply(w, r, nil, err)
		return
	}
	defer ends.close()
	spec.Files = ends.files
	p, err := job.Start(spec)
	ends.closeTheirs()
	if err != nil {
		n.reply(w, r, nil, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	out := &frameWriter{w: w, flush: control.Flush}
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
	select {
	case <-p.Exited():
	case <-gone:
		p.Stop()
	case <-n.life.Done():
		return
	}
	res := p.Result()
	readers.Wait()
	end := pave.ExecEnd{Code: res.ExitCode}
	if !res.OK() && res.ExitCode < 0 || res.TimedOut || res.Canceled {
		end.Reason = res.Reason()
		end.Code = 1
		if sig := signalNumber(res.Signal); sig > 0 && !res.TimedOut {
			end.Code = 128 + sig
		}
	}
	out.mu.Lock()
	defer out.mu.Unlock()
	_ = pave.WriteFrameJSON(out.w, pave.FrameEnd, end) // nobody may be there to read it
	_ = out.flush()
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
	w := n.workloads[s.Workload]
	n.mu.Unlock()
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

// streams are the ends of a command's standard streams.
type streams struct {
	files          *job.Files
	stdin          *os.File // ours
	stdout, stderr *os.File // ours; with a terminal stdin is all of it
	terminal       bool
}

func openStreams(s Session, uid int) (*streams, error) {
	if s.Terminal {
		return openTerminal(s.Size, uid)
	}
	st := &streams{files: &job.Files{}}
	var errs [3]error
	st.files.Stdin, st.stdin, errs[0] = os.Pipe()
	st.stdout, st.files.Stdout, errs[1] = os.Pipe()
	st.stderr, st.files.Stderr, errs[2] = os.Pipe()
	if err := errors.Join(errs[:]...); err != nil {
		st.closeTheirs()
		st.close()
		return nil, pave.Errorf(pave.Unavailable, "no room for the streams of a command: %w", err)
	}
	return st, nil
}

func openTerminal(size pave.Size, uid int) (*streams, error) {
	ours, theirs, err := pty.Open()
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "no terminal can be had: %w", err).WithHint("leave -t out")
	}
	if uid > 0 && os.Geteuid() == 0 {
		_ = os.Chown(theirs.Name(), uid, -1) // for programs that open it by name
	}
	st := &streams{files: &job.Files{Stdin: theirs, Stdout: theirs, Stderr: theirs, Terminal: true}, stdin: ours, terminal: true}
	st.resize(size)
	return st, nil
}

func (st *streams) resize(size pave.Size) {
	if st.terminal && size.Rows > 0 && size.Columns > 0 {
		_ = pty.Setsize(st.stdin, &pty.Winsize{Rows: size.Rows, Cols: size.Columns})
	}
}

// ours are the ends to read from, by the kind of their frames.
func (st *streams) ours() map[byte]*os.File {
	if st.terminal {
		return map[byte]*os.File{pave.FrameStdout: st.stdin}
	}
	return map[byte]*os.File{pave.FrameStdout: st.stdout, pave.FrameStderr: st.stderr}
}

func (st *streams) closeTheirs() {
	for _, f := range []*os.File{st.files.Stdin, st.files.Stdout, st.files.Stderr} {
		if f != nil {
			f.Close()
		}
	}
}

func (st *streams) close() {
	for _, f := range []*os.File{st.stdin, st.stdout, st.stderr} {
		if f != nil {
			f.Close()
		}
	}
}

// obey does what the frames of the caller say until there are no more.
func (st *streams) obey(in io.Reader, p *job.Process) {
	for {
		kind, data, err := pave.ReadFrame(in)
		if err != nil {
			return
		}
		switch kind {
		case pave.FrameStdin:
			st.feed(data)
		case pave.FrameSize:
			var size pave.Size
			if json.Unmarshal(data, &size) == nil {
				st.resize(size)
			}
		case pave.FrameSignal:
			if sig, ok := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}[string(data)]; ok {
				p.Signal(sig)
			}
		}
	}
}

// feed writes to the command; what it does not read is lost with it.
func (st *streams) feed(data []byte) {
	switch {
	case len(data) > 0:
		_, _ = st.stdin.Write(data)
	case st.terminal:
		_, _ = st.stdin.Write([]byte{4}) // end of transmission
	default:
		_ = st.stdin.Close()
	}
}

// frameWriter writes the frames of several streams, each whole.
type frameWriter struct {
	mu    sync.Mutex
	w     io.Writer
	flush func() error
	err   error
}

// copy reads to the end of a stream. What nobody takes any more is read all the same,
// so that the command does not wait.
func (f *frameWriter) copy(kind byte, from io.Reader) {
	buf := make([]byte, sessionChunk)
	for {
		n, err := from.Read(buf)
		f.mu.Lock()
		if n > 0 && f.err == nil {
			if f.err = pave.WriteFrame(f.w, kind, buf[:n]); f.err == nil {
				f.err = f.flush()
			}
		}
		f.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// String keeps what a session runs out of logs: arguments may be secrets.
func (s Session) String() string { return fmt.Sprintf("a command beside %s", s.Workload) }
