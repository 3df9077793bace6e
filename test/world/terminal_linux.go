package world

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A Terminal is a command of pave at a terminal of its own, with somebody who types.
type Terminal struct {
	t    testing.TB
	cmd  *exec.Cmd
	pty  *os.File // the side of who types
	out  bytes.Buffer
	done chan struct{}

	mu   sync.Mutex
	seen string
	from int // what Expect has come to
}

// Terminal starts a command whose stdin and stderr are a terminal; its stdout is kept
// apart.
func (h *Home) Terminal(t testing.TB, dir string, args ...string) *Terminal {
	t.Helper()
	pty, tty, err := openTerminal()
	if err != nil {
		t.Fatal(err)
	}
	term := &Terminal{t: t, pty: pty, done: make(chan struct{}), cmd: exec.Command(h.Pave, args...)}
	term.cmd.Env, term.cmd.Dir = append(append([]string{}, h.env...), "CI=", "TERM=xterm"), dir
	term.cmd.Stdin, term.cmd.Stderr, term.cmd.Stdout = tty, tty, &term.out
	term.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = term.cmd.Start()
	tty.Close()
	if err != nil {
		t.Fatal(err)
	}
	go term.read()
	t.Cleanup(func() {
		_ = term.cmd.Process.Kill()
		pty.Close()
	})
	return term
}

// openTerminal makes a pseudo-terminal: the side of who types, and that of the program.
func openTerminal() (pty, tty *os.File, err error) {
	pty, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	n, err := unix.IoctlGetInt(int(pty.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(pty.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		return nil, nil, errors.Join(err, pty.Close())
	}
	return pty, tty, nil
}

func (t *Terminal) read() {
	defer close(t.done)
	buf := make([]byte, 4096)
	for {
		n, err := t.pty.Read(buf)
		t.mu.Lock()
		t.seen += strings.ReplaceAll(string(buf[:n]), "\r", "")
		t.mu.Unlock()
		if err != nil { // the program has ended
			return
		}
	}
}

// Expect waits until the terminal shows a text, after what was expected before.
func (t *Terminal) Expect(text string) {
	t.t.Helper()
	for deadline := time.Now().Add(Patience); ; time.Sleep(5 * time.Millisecond) {
		t.mu.Lock()
		i := strings.Index(t.seen[t.from:], text)
		if i >= 0 {
			t.from += i + len(text)
		}
		seen := t.seen
		t.mu.Unlock()
		if i >= 0 {
			return
		}
		select {
		case <-t.done:
			t.t.Fatalf("the command ended and %q was not shown; the terminal shows:\n%s\nstdout:\n%s", text, seen, t.out.String())
		default:
		}
		if time.Now().After(deadline) {
			t.t.Fatalf("%q is not shown; the terminal shows:\n%s", text, seen)
		}
	}
}

// Type types a line, or keys.
func (t *Terminal) Type(keys string) {
	t.t.Helper()
	if _, err := io.WriteString(t.pty, keys); err != nil {
		t.t.Fatal(err)
	}
}

// Wait waits for the end of the command and returns its exit code, what the terminal
// showed, and stdout.
func (t *Terminal) Wait() (code int, shown, out string) {
	t.t.Helper()
	err := t.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.t.Fatal(err)
	}
	<-t.done
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cmd.ProcessState.ExitCode(), t.seen, t.out.String()
}
