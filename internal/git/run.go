package git

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
)

const (
	maxOutput = 16 << 20 // bytes kept of standard output, where the caller gives no writer
	maxErrors = 8 << 10  // bytes kept of standard error, from its end
	killAfter = 5 * time.Second
)

// Options say how Run executes git. Only Dir is required.
type Options struct {
	Dir      string   // where git runs
	Env      []string // KEY=value, in addition to the clean environment and before it
	Operands []string // values from outside: revisions, names, URLs
	Paths    []string // likewise, after "--"
	Stdin    io.Reader
	Stdout   io.Writer // nil: the output is returned
}

// Run executes git with args, which are part of the program and never come from
// outside; what does is an operand or a path. There is no shell, no configuration
// but the repository's own, no prompt and no protocol but HTTP. When ctx ends git
// and what it started are stopped. The error is Invalid for an operand that could
// be taken for an option, Unavailable when ctx ends or git is missing, else
// Internal with what git said last.
func Run(ctx context.Context, o Options, args ...string) ([]byte, error) {
	args, err := commandLine(o, args)
	if err != nil {
		return nil, err
	}
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "git is not installed: %w", err).WithHint("install git and see: pave doctor")
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = o.Dir
	cmd.Env = append(cleanEnv(), o.Env...)
	cmd.Stdin = o.Stdin
	out, said := &capped{limit: maxOutput}, &tail{limit: maxErrors}
	cmd.Stdout, cmd.Stderr = out, said
	if o.Stdout != nil {
		cmd.Stdout = o.Stdout
	}
	// A group of its own, since git starts further programs. First a polite signal:
	// on it git removes its lock files.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = killAfter
	err = cmd.Run()
	if ctx.Err() != nil && cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what did not heed the signal
	}
	switch {
	case err == nil && out.over:
		return nil, pave.Errorf(pave.Internal, "git %s wrote more than %d bytes", command(args), maxOutput)
	case err == nil:
		return out.Bytes(), nil
	case ctx.Err() != nil:
		return nil, pave.Errorf(pave.Unavailable, "git %s was stopped: %w", command(args), context.Cause(ctx))
	}
	return nil, pave.Errorf(pave.Internal, "git %s failed: %s: %w", command(args), said, err)
}

// command is the command among the words of a command line.
func command(args []string) string {
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "-c":
			i++
		case !strings.HasPrefix(args[i], "-"):
			return args[i]
		}
	}
	return ""
}

// commandLine puts args, operands and paths together.
func commandLine(o Options, args []string) ([]string, error) {
	if len(args) == 0 {
		return nil, pave.Errorf(pave.Internal, "git without a command")
	}
	for _, v := range append(append([]string(nil), o.Operands...), o.Paths...) {
		if v == "" || strings.HasPrefix(v, "-") || strings.ContainsAny(v, "\x00\n\r") {
			return nil, pave.BadField("git operand", v, "must not be empty, start with \"-\", or have line ends in it", "use another name")
		}
	}
	line := append([]string(nil), args...)
	if len(o.Operands) > 0 {
		line = append(append(line, "--end-of-options"), o.Operands...)
	}
	if len(o.Paths) > 0 {
		line = append(append(line, "--"), o.Paths...)
	}
	return line, nil
}

// cleanEnv is an environment in which git does the same on every machine and for
// every user.
func cleanEnv() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"TMPDIR=" + os.TempDir(),
		"HOME=/nonexistent",
		"LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_ALLOW_PROTOCOL=http:https",
	}
}

// capped keeps the first bytes written to it. The buffer's own ReadFrom must not
// be reachable, it has no limit.
type capped struct {
	buf   bytes.Buffer
	limit int
	over  bool
}

func (c *capped) Bytes() []byte { return c.buf.Bytes() }

func (c *capped) Write(p []byte) (int, error) {
	if c.buf.Len()+len(p) > c.limit {
		c.over = true
		return 0, errors.New("too much output")
	}
	return c.buf.Write(p)
}

// tail keeps the last bytes written to it.
type tail struct {
	buf   []byte
	limit int
}

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - t.limit; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

// String is what was kept, on one line.
func (t *tail) String() string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(t.buf), "?")), " ")
}
