// Package job runs one program: with a clean environment, in a session and
// process group of its own, under its own user where there is root, within
// limits, with its output cut into bounded lines free of the given secrets, and
// with an end that takes everything it started along.
//
// It knows neither why a program runs nor whether it should run again; there is
// no shell anywhere, a command is a list of arguments.
package job

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
)

// Marker is the environment variable that carries Spec.ID. A descendant that
// leaves the process group by setsid is found by it.
const Marker = "PAVE_JOB"

// Defaults of a Spec.
const (
	DefaultGrace     = 10 * time.Second
	DefaultMaxLine   = 64 << 10
	DefaultMaxOutput = 256 << 20
)

// defaultPath is where a bare command name is looked up when Env has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// A Spec says what to run. Only Command is required.
type Spec struct {
	ID      string                 // marker; a new id when empty
	Dir     string                 // working directory
	Command []string               // program and arguments
	Env     map[string]string      // the whole environment, nothing is inherited
	Secrets map[string]pave.Secret // more environment, taken out of the output
	Redact  []pave.Secret          // further values to take out of the output
	UID     int                    // user and group to run as, with root only; 0: as we are
	GID     int                    // 0: the same number as UID
	Limits  Limits
	Timeout time.Duration // 0: none
	Grace   time.Duration // between SIGTERM and SIGKILL
	// Output gets every line without its end. Calls come one at a time.
	Output    func(Line)
	MaxLine   int   // bytes; the rest of a longer line is dropped
	MaxOutput int64 // bytes; what comes later is read and dropped
	// Stdin is what it reads from; nil is nothing.
	Stdin *os.File
	// Files are what it reads from and writes to in the place of Output, as they are.
	Files *Files
}

// Files are the standard streams of a program. With Terminal the first is a terminal,
// which the program then controls.
type Files struct {
	Stdin, Stdout, Stderr *os.File
	Terminal              bool
}

// Limits of one program. Zero values are not set.
type Limits struct {
	// MemoryMB is what each process may write to that is its own: what runtimes
	// reserve and do not use, often gigabytes of addresses, does not count.
	MemoryMB int `json:"memory_mb,omitempty"`
	Files    int `json:"files,omitempty"` // open files of each process
}

// A Line is one line of output. Stream is "stdout" or "stderr".
type Line struct {
	Stream string
	Text   string
}

// A Result says how a program ended.
type Result struct {
	ExitCode  int    // -1 when a signal ended it
	Signal    string // name of that signal, for example "killed"
	Started   time.Time
	Ended     time.Time
	TimedOut  bool
	Canceled  bool // by its context or by Stop
	Truncated bool // output over MaxOutput was dropped
}

// Duration is how long the program ran.
func (r Result) Duration() time.Duration { return r.Ended.Sub(r.Started) }

// OK reports whether the program ended by itself with exit code 0.
func (r Result) OK() bool {
	return r.ExitCode == 0 && r.Signal == "" && !r.TimedOut && !r.Canceled
}

// Reason is one line for people that says how the program ended.
func (r Result) Reason() string {
	switch {
	case r.TimedOut:
		return fmt.Sprintf("stopped after its time limit (%s)", r.Duration().Round(time.Millisecond))
	case r.Canceled:
		return "stopped on request"
	case r.Signal != "":
		return "ended by signal: " + r.Signal
	default:
		return fmt.Sprintf("ended with exit code %d", r.ExitCode)
	}
}

// Run runs the program to its end. An end by exit code, signal, time limit or
// context is a Result, not an error; the error says that it could not start:
// Invalid for a bad Spec, NotFound when there is no such program, Denied when it
// may not be run, Unavailable when the machine has no room for it.
func Run(ctx context.Context, s Spec) (Result, error) {
	p, err := Start(s)
	if err != nil {
		return Result{}, err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Stop()
	}
	return p.Result(), nil
}

// Start starts the program and returns at once. Errors are those of Run. Its
// time limit holds; the caller must Stop it or wait for Done.
func Start(s Spec) (*Process, error) {
	s, err := s.withDefaults()
	if err != nil {
		return nil, err
	}
	path, err := lookPath(s)
	if err != nil {
		return nil, err
	}
	path, argv := limited(path, s)
	for try := time.Duration(1); ; try++ {
		cmd := &exec.Cmd{Path: path, Args: argv, Dir: s.Dir, Env: s.environ(), SysProcAttr: s.sysProcAttr()}
		p, err := start(cmd, s)
		// A program that was written a moment ago may still be open in another
		// child of ours that is between fork and exec.
		if errors.Is(err, syscall.ETXTBSY) && try <= 10 {
			time.Sleep(try * 5 * time.Millisecond)
			continue
		}
		return p, err
	}
}

// Check says whether Start would take the Spec, but not whether its program and
// folder are there. The error is Invalid.
func (s Spec) Check() error {
	_, err := s.withDefaults()
	return err
}

func (s Spec) withDefaults() (Spec, error) {
	if len(s.Command) == 0 || s.Command[0] == "" {
		return s, pave.BadField("command", "", "is empty", "name a program and its arguments")
	}
	for _, a := range s.Command {
		if strings.ContainsRune(a, 0) {
			return s, pave.BadField("command", a, "has a NUL byte", "take the NUL byte out")
		}
	}
	for _, k := range slices.Concat(slices.Collect(maps.Keys(s.Env)), slices.Collect(maps.Keys(s.Secrets))) {
		if k == "" || strings.ContainsAny(k, "=\x00") || strings.ContainsRune(s.Env[k], 0) || strings.ContainsRune(s.Secrets[k].Reveal(), 0) {
			return s, pave.BadField("env", k, "is no environment variable", "use A-Z, 0-9 and _ in its name, and no NUL byte in its value")
		}
	}
	if s.UID < 0 || s.GID < 0 || s.Timeout < 0 || s.Limits.MemoryMB < 0 || s.Limits.Files < 0 {
		return s, pave.Errorf(pave.Invalid, "user, time limit and limits of %q must not be negative", s.Command[0])
	}
	if s.UID != 0 && os.Geteuid() != 0 && s.UID != os.Geteuid() {
		return s, pave.BadField("uid", fmt.Sprint(s.UID), "needs root", "run pave as root, or leave the user out")
	}
	if s.ID == "" {
		s.ID = pave.NewID("job")
	}
	if s.GID == 0 {
		s.GID = s.UID
	}
	s.Grace = orDefault(s.Grace, DefaultGrace)
	s.MaxLine = orDefault(s.MaxLine, DefaultMaxLine)
	s.MaxOutput = orDefault(s.MaxOutput, DefaultMaxOutput)
	if s.Output == nil {
		s.Output = func(Line) {}
	}
	return s, nil
}

func orDefault[T int | int64 | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// environ is never nil: a nil environment would inherit ours.
func (s Spec) environ() []string {
	env := make([]string, 0, len(s.Env)+len(s.Secrets)+1)
	for k, v := range s.Env {
		if _, secret := s.Secrets[k]; !secret && k != Marker {
			env = append(env, k+"="+v)
		}
	}
	for k, v := range s.Secrets {
		if k != Marker {
			env = append(env, k+"="+v.Reveal())
		}
	}
	env = append(env, Marker+"="+s.ID)
	slices.Sort(env)
	return env
}

func (s Spec) otherUser() bool { return s.UID != 0 && os.Geteuid() == 0 }

func (s Spec) sysProcAttr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	attr.Setctty = s.Files != nil && s.Files.Terminal // fd 0 of the program
	if s.otherUser() {
		attr.Credential = &syscall.Credential{Uid: uint32(s.UID), Gid: uint32(s.GID), Groups: []uint32{}}
	}
	return attr
}

// lookPath finds the program with the PATH of the Spec, never with ours. A name
// with a slash counts from Dir.
func lookPath(s Spec) (string, error) {
	name := s.Command[0]
	if strings.Contains(name, "/") {
		full := name
		if !filepath.IsAbs(full) {
			full = filepath.Join(s.Dir, name)
		}
		if err := executable(full); err != nil {
			return "", startError(s, err)
		}
		if abs, err := filepath.Abs(full); err == nil {
			full = abs
		}
		return full, nil
	}
	path := s.Env["PATH"]
	if path == "" {
		path = defaultPath
	}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue // a relative PATH entry would depend on where it is read
		}
		if full := filepath.Join(dir, name); executable(full) == nil {
			return full, nil
		}
	}
	return "", pave.Errorf(pave.NotFound, "program %q is not in the PATH %s", name, path).
		WithHint("install %s, or give its full path", name)
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() || info.Mode().Perm()&0o111 == 0 {
		return &fs.PathError{Op: "run", Path: path, Err: fs.ErrPermission}
	}
	return nil
}

// startError gives the failure to start a program its code and next command.
func startError(s Spec, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, e := os.Stat(s.Dir); s.Dir != "" && e != nil {
			return pave.Errorf(pave.NotFound, "the working directory %q of %q is not there: %w", s.Dir, s.Command[0], err)
		}
		return pave.Errorf(pave.NotFound, "program %q is not there: %w", s.Command[0], err).
			WithHint("check that it was built, and its interpreter is installed")
	case errors.Is(err, fs.ErrPermission):
		return pave.Errorf(pave.Denied, "program %q may not be run: %w", s.Command[0], err).
			WithHint("chmod +x %s, and let its folders be entered by uid %d", s.Command[0], s.UID)
	case errors.Is(err, syscall.ENOEXEC):
		return pave.Errorf(pave.Invalid, "%q is no program of this machine: %w", s.Command[0], err).
			WithHint("build it for this machine, or start a script with #!")
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.EMFILE):
		return pave.Errorf(pave.Unavailable, "no room to start %q: %w", s.Command[0], err).
			WithHint("free memory or processes, then retry")
	default:
		return pave.Errorf(pave.Internal, "cannot start %q: %w", s.Command[0], err)
	}
}
