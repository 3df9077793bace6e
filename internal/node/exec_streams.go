package node

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/creack/pty"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

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
	mu     sync.Mutex
	w      io.Writer
	flush  func() error
	err    error
	broken chan struct{} // closed with the first error
}

func (f *frameWriter) write(kind byte, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return
	}
	if f.err = pave.WriteFrame(f.w, kind, data); f.err == nil {
		f.err = f.flush()
	}
	if f.err != nil {
		close(f.broken)
	}
}

// copy reads to the end of a stream. What nobody takes any more is read all the same,
// so that the command does not wait.
func (f *frameWriter) copy(kind byte, from io.Reader) {
	buf := make([]byte, sessionChunk)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			f.write(kind, buf[:n])
		}
		if err != nil {
			return
		}
	}
}
