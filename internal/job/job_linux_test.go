package job

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

// TestMain runs the test binary as the program under test when it is asked to.
func TestMain(m *testing.M) {
	if mode := os.Getenv("JOB_TEST"); mode != "" {
		program(mode)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func program(mode string) {
	switch mode {
	case "env":
		env := os.Environ()
		slices.Sort(env)
		fmt.Println(strings.Join(env, "\n"))
	case "who":
		sid, _, _ := syscall.Syscall(syscall.SYS_GETSID, 0, 0, 0)
		groups, _ := os.Getgroups()
		var nofile, core syscall.Rlimit
		time.Sleep(50 * time.Millisecond) // limits come right after the start
		_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &nofile)
		_ = syscall.Getrlimit(syscall.RLIMIT_CORE, &core)
		fmt.Println(os.Getuid(), os.Getgid(), len(groups), int(sid) == os.Getpid(), syscall.Getpgrp() == os.Getpid(), nofile.Max, core.Max)
	case "lines":
		fmt.Print("first\n\nsecret=", os.Getenv("TOKEN"), "\r\n", strings.Repeat("x", 100), "\nlast")
	case "straddle":
		fmt.Println(strings.Repeat("x", 45) + os.Getenv("TOKEN") + strings.Repeat("y", 100))
	case "flood":
		for range 1000 {
			fmt.Println("0123456789")
		}
	case "exit":
		os.Exit(7)
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		select {}
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("up")
		time.Sleep(time.Hour)
	case "polite":
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		fmt.Println("up")
		<-c
		fmt.Println("bye")
	case "reaper": // its grandchildren come to it when their parent ends
		if err := BecomeReaper(); err != nil {
			panic(err)
		}
		child := exec.Command("/proc/self/exe")
		child.Env = []string{"JOB_TEST=orphan"}
		if err := child.Run(); err != nil {
			panic(err)
		}
		var r Reaper
		count := func() (n int) {
			eachProc(func(p Proc) {
				if p.Zombie && p.Parent == os.Getpid() {
					n++
				}
			})
			return n
		}
		for range 200 {
			if count() == 1 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		fmt.Println("before", count())
		r.Look()
		r.Look()
		fmt.Println("after", count())
	case "orphan":
		if _, err := syscall.ForkExec("/bin/true", []string{"true"}, nil); err != nil {
			panic(err)
		}
	case "daemon": // leaves a child in a session of its own that ignores SIGTERM
		child := exec.Command("/proc/self/exe")
		child.Env = []string{"JOB_TEST=stubborn", Marker + "=" + os.Getenv(Marker)}
		child.Stdout = os.Stdout
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			panic(err)
		}
		fmt.Println("child", child.Process.Pid)
		if os.Getenv("STAY") != "" {
			time.Sleep(time.Hour)
		}
	}
}

// record collects output lines.
type record struct {
	mu    sync.Mutex
	lines []string
}

func (r *record) add(l Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, l.Text)
}

func (r *record) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines)
}

func (r *record) waitFor(t *testing.T, prefix string) string {
	t.Helper()
	for range 1000 {
		for _, l := range r.all() {
			if strings.HasPrefix(l, prefix) {
				return l
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("no line %q in %q", prefix, r.all())
	return ""
}

func spec(mode string, out *record) Spec {
	return Spec{
		Command: []string{"/proc/self/exe"},
		Env:     map[string]string{"JOB_TEST": mode},
		Grace:   300 * time.Millisecond,
		Output:  out.add,
	}
}

func TestEnvironmentIsOnlyWhatIsGiven(t *testing.T) {
	t.Parallel()
	var out record
	s := spec("env", &out)
	s.ID, s.Dir = "id1", "/"
	s.Secrets = map[string]pave.Secret{"PW": pave.NewSecret("abc")}
	res, err := Run(t.Context(), s)
	if err != nil || !res.OK() {
		t.Fatal(res, err)
	}
	if got := strings.Join(out.all(), " "); got != "JOB_TEST=env PAVE_JOB=id1 PW=abc" {
		t.Errorf("environment %q", got)
	}
}

func TestOwnSessionUserAndLimits(t *testing.T) {
	t.Parallel()
	var out record
	s := spec("who", &out)
	s.Limits.Files = 100
	want := fmt.Sprintf("%d %d", os.Getuid(), os.Getgid())
	if os.Geteuid() == 0 {
		s.UID = 70077
		s.Command = []string{copyOfTestBinary(t)}
		want = "70077 70077 0"
	}
	if _, err := Run(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(out.all(), " ")
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "true true 100 0") {
		t.Errorf("got %q, want %q ... and own session, own group, 100 files, no core", got, want)
	}
}

// A process that wants more memory than it may have is refused it; what a runtime
// only reserves does not count.
func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	for limit, ok := range map[int]bool{0: true, 1024: true, 256: false} {
		var out record
		// Not this test's own program: the race detector would want memory too.
		s := Spec{Command: []string{"dd", "if=/dev/zero", "of=/dev/null", "bs=400M", "count=1"}, Limits: Limits{MemoryMB: limit}, Output: out.add}
		if os.Geteuid() == 0 {
			s.UID = 70077
		}
		res, err := Run(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(out.all(), "\n"); res.OK() != ok || strings.Contains(text, "memory exhausted") == ok {
			t.Errorf("%d MB: %s, %.300s", limit, res.Reason(), text)
		}
	}
}

// copyOfTestBinary puts the test binary where another user may run it.
func copyOfTestBinary(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "job-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(dir, 0o711)
	if err := os.WriteFile(dir+"/prog", data, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir + "/prog"
}

func TestOutput(t *testing.T) {
	t.Parallel()
	token := pave.NewSecret("pvcnry-s3cr3t+/=")
	dots := token.String()
	cases := map[string]struct {
		reason, mode string
		maxLine      int
		maxOutput    int64
		want         []string
	}{
		"lines":    {"lines lose their ends, long ones are cut, the last needs no end", "lines", 50, 0, []string{"first", "", "secret=" + dots, strings.Repeat("x", 50) + cutMark, "last"}},
		"straddle": {"a secret across the cut must not show its beginning", "straddle", 50, 0, []string{strings.Repeat("x", 45) + strings.ToValidUTF8(dots[:5], "") + cutMark}},
		"flood":    {"output has a total cap that is told once", "flood", 0, 30, []string{"0123456789", "0123456789", "... (output over its limit: the rest is not kept)"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out record
			s := spec(c.mode, &out)
			s.MaxLine, s.MaxOutput = c.maxLine, c.maxOutput
			s.Secrets = map[string]pave.Secret{"TOKEN": token}
			res, err := Run(t.Context(), s)
			if err != nil || !res.OK() {
				t.Fatal(res, err)
			}
			if got := out.all(); !slices.Equal(got, c.want) {
				t.Errorf("%s: got %q, want %q", c.reason, got, c.want)
			}
			if res.Truncated != (c.maxOutput > 0) {
				t.Errorf("Truncated = %v", res.Truncated)
			}
		})
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason, mode string
		timeout      time.Duration
		cancel       bool
		want         Result
	}{
		"exit code":        {"the exit code is the program's", "exit", 0, false, Result{ExitCode: 7}},
		"signal":           {"an end by signal has its name", "die", 0, false, Result{ExitCode: 2}}, // Go prints a trace and exits 2
		"time limit":       {"SIGTERM is ignored, so SIGKILL comes", "stubborn", 200 * time.Millisecond, false, Result{ExitCode: -1, Signal: "killed", TimedOut: true}},
		"canceled":         {"a polite program ends on SIGTERM", "polite", 0, true, Result{ExitCode: 0, Canceled: true}},
		"canceled, killed": {"a stubborn one is killed", "stubborn", 0, true, Result{ExitCode: -1, Signal: "killed", Canceled: true}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out record
			s := spec(c.mode, &out)
			s.Timeout = c.timeout
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.cancel {
				go func() {
					out.waitFor(t, "up")
					cancel()
				}()
			}
			if c.mode == "polite" {
				s.Grace = 10 * time.Second
			}
			res, err := Run(ctx, s)
			if err != nil {
				t.Fatal(err)
			}
			if res.Duration() <= 0 || res.Duration() > 10*time.Second {
				t.Errorf("took %s", res.Duration())
			}
			res.Started, res.Ended = time.Time{}, time.Time{}
			if res != c.want {
				t.Errorf("%s: got %+v, want %+v", c.reason, res, c.want)
			}
		})
	}
}

func TestDescendantsEndToo(t *testing.T) {
	t.Parallel()
	for _, stay := range []string{"", "yes"} {
		t.Run("stay="+stay, func(t *testing.T) {
			t.Parallel()
			var out record
			s := spec("daemon", &out)
			s.Env["STAY"] = stay
			p, err := Start(s)
			if err != nil {
				t.Fatal(err)
			}
			line := out.waitFor(t, "child ")
			pid, _ := strconv.Atoi(strings.TrimPrefix(line, "child "))
			if stay != "" {
				out.waitFor(t, "up")
				go p.Stop()
			}
			select {
			case <-p.Done():
			case <-time.After(20 * time.Second):
				t.Fatal("the job does not end")
			}
			if q, ok := readProc(pid); ok && !q.Zombie {
				t.Errorf("descendant %d in its own session still lives", pid)
			}
		})
	}
}

func TestReaperCollectsOrphans(t *testing.T) {
	t.Parallel()
	var out record
	if res, err := Run(t.Context(), spec("reaper", &out)); err != nil || !res.OK() {
		t.Fatal(res, err, out.all())
	}
	if got := strings.Join(out.all(), ", "); got != "before 1, after 0" {
		t.Errorf("zombies: %s", got)
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	plain := t.TempDir() + "/plain"
	if err := os.WriteFile(plain, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason string
		spec   Spec
		want   pave.Code
	}{
		"no command":     {"there is nothing to run", Spec{}, pave.Invalid},
		"unknown":        {"a bare name is looked up in the PATH", Spec{Command: []string{"no-such-program"}}, pave.NotFound},
		"not there":      {"a path is taken as it is", Spec{Command: []string{"/no/such"}}, pave.NotFound},
		"no folder":      {"the folder is named, not the program", Spec{Command: []string{"true"}, Dir: "/no/such"}, pave.NotFound},
		"not executable": {"a file without x may not be run", Spec{Command: []string{plain}}, pave.Denied},
		"NUL":            {"the kernel would cut the argument", Spec{Command: []string{"true", "a\x00b"}}, pave.Invalid},
		"bad variable":   {"a name with = would set another variable", Spec{Command: []string{"true"}, Env: map[string]string{"A=B": "c"}}, pave.Invalid},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Run(t.Context(), c.spec); pave.CodeOf(err) != c.want {
				t.Errorf("%s: got %v (%s), want %s", c.reason, err, pave.CodeOf(err), c.want)
			}
		})
	}
}

func TestRedactor(t *testing.T) {
	t.Parallel()
	v := "li\"ne-one-1\nline-two-2"
	r := NewRedactor(pave.NewSecret(v), pave.NewSecret("abc"), pave.NewSecret(""))
	for _, leak := range []string{v, "line-two-2", `li\"ne-one-1\nline-two-2`, "li%22ne-one-1%0Aline-two-2", base64.StdEncoding.EncodeToString([]byte(v))} {
		if got := r.String("a " + leak + " b"); strings.Contains(got, "one-1") || strings.Contains(got, "two-2") || got == "a "+leak+" b" {
			t.Errorf("%q became %q", leak, got)
		}
	}
	if got := r.String("abcdef"); got != "abcdef" {
		t.Errorf("a value too short to redact tore a hole: %q", got)
	}
}
