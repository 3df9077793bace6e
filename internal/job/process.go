package job

import (
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
)

const (
	// leftoverGrace is what descendants get, when the program itself ended
	// without being asked to, before SIGKILL.
	leftoverGrace = time.Second
	// pipeGrace is how long output is still read after everything ended: a
	// process that shook off marker, session and group may hold the pipe.
	pipeGrace = 2 * time.Second
	// killTimeout bounds the wait for processes that got SIGKILL.
	killTimeout = 5 * time.Second
)

// A Process is a program that was started. Its methods may be called at any
// time, from anywhere, and again.
type Process struct {
	spec     Spec
	cmd      *exec.Cmd
	exited   chan struct{} // the program itself ended
	done     chan struct{} // nothing of it is left, all output was told
	stop     chan struct{}
	stopOnce sync.Once
	canceled atomic.Bool
	timedOut atomic.Bool
	result   Result // written before done is closed
}

func start(cmd *exec.Cmd, s Spec) (*Process, error) {
	out, err := newOutput(s)
	if err != nil {
		return nil, startError(s, err)
	}
	cmd.Stdout, cmd.Stderr = out.stdout.w, out.stderr.w
	if s.Stdin != nil {
		cmd.Stdin = s.Stdin
	}
	if f := s.Files; f != nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = f.Stdin, f.Stdout, f.Stderr
	}
	p := &Process{
		spec: s, cmd: cmd,
		exited: make(chan struct{}), done: make(chan struct{}), stop: make(chan struct{}),
	}
	p.result.Started = time.Now()
	if err := cmd.Start(); err != nil {
		out.closeAll()
		return nil, startError(s, err)
	}
	limitErr := setLimits(cmd.Process.Pid, s)
	out.start()
	go p.wait()
	go p.attend(out)
	if limitErr != nil {
		p.Stop()
		return nil, pave.Errorf(pave.Unavailable, "cannot limit %q: %w", s.Command[0], limitErr).
			WithHint("install prlimit: apt-get install -y util-linux")
	}
	return p, nil
}

// PID returns the process id of the program itself.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed when the program itself has ended; what it left behind may
// still be on its way out.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Done is closed when the program and all it started have ended and all output
// was handed over.
func (p *Process) Done() <-chan struct{} { return p.done }

// Result waits for Done and says how the program ended.
func (p *Process) Result() Result {
	<-p.done
	return p.result
}

// Signal sends a signal to the program itself, not to its group. It is no error
// if it has ended.
func (p *Process) Signal(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) }

// Stop ends the program and all it started: SIGTERM, the grace of its Spec,
// SIGKILL. It returns when they are gone.
func (p *Process) Stop() {
	p.canceled.Store(true)
	p.stopOnce.Do(func() { close(p.stop) })
	<-p.done
}

// wait collects the exit status. It runs apart from all else, so that the
// program never stays a zombie.
func (p *Process) wait() {
	_ = p.cmd.Wait() // the state is read below, also after a failure
	p.result.Ended = time.Now()
	p.result.ExitCode = -1
	if st := p.cmd.ProcessState; st != nil {
		p.result.ExitCode = st.ExitCode()
		if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			p.result.Signal = ws.Signal().String()
		}
	}
	close(p.exited)
}

// attend sees to the end of the program, whichever comes first.
func (p *Process) attend(out *output) {
	defer close(p.done)
	var limit <-chan time.Time
	if p.spec.Timeout > 0 {
		timer := time.NewTimer(p.spec.Timeout)
		defer timer.Stop()
		limit = timer.C
	}
	grace, asked := p.spec.Grace, true
	select {
	case <-p.exited:
		grace, asked = min(grace, leftoverGrace), false
	case <-p.stop:
	case <-limit:
		p.timedOut.Store(true)
	}
	p.end(grace)
	p.result.TimedOut = asked && p.timedOut.Load()
	p.result.Canceled = asked && !p.result.TimedOut && p.canceled.Load()
	out.finish(pipeGrace)
	p.result.Truncated = out.truncated.Load()
}

// end stops the program, its group, its session and its marked descendants. A
// process that forks while it is ended is found in the next round.
func (p *Process) end(grace time.Duration) {
	terminated := map[Proc]bool{}
	deadline := time.Now().Add(grace)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		left := p.members()
		if len(left) == 0 && p.hasExited() {
			return
		}
		if time.Now().After(deadline) {
			break
		}
		for _, m := range left {
			if !terminated[m] {
				terminated[m] = true
				m.Signal(syscall.SIGTERM)
				m.Signal(syscall.SIGCONT) // a stopped process does not see SIGTERM
			}
		}
		p.pause(pause)
	}
	deadline = time.Now().Add(killTimeout)
	for pause := time.Millisecond; time.Now().Before(deadline); pause = min(2*pause, 50*time.Millisecond) {
		left := p.members()
		if len(left) == 0 && p.hasExited() {
			return
		}
		for _, m := range left {
			m.Signal(syscall.SIGKILL)
		}
		p.pause(pause)
	}
	<-p.exited // in the kernel's hands; a process in disk sleep may take long
}

// pause waits, but no longer than the program lives.
func (p *Process) pause(d time.Duration) {
	if p.hasExited() {
		time.Sleep(d)
		return
	}
	select {
	case <-p.exited:
	case <-time.After(d):
	}
}

func (p *Process) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// members lists what belongs to the program and lives.
func (p *Process) members() []Proc { return membersOf(p.PID(), p.spec.ID) }

// own reports whether pid is this very process.
func own(pid int) bool { return pid == os.Getpid() }
