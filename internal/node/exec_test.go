package node

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

// say returns the frames of a caller who says something and stays.
func say(t *testing.T, frames ...any) io.Reader {
	t.Helper()
	var out bytes.Buffer
	for i := 0; i < len(frames); i += 2 {
		if err := pave.WriteFrame(&out, frames[i].(byte), []byte(frames[i+1].(string))); err != nil {
			t.Fatal(err)
		}
	}
	stays, _ := io.Pipe()
	return io.MultiReader(&out, stays)
}

// heard reads all that a command says, and how it ends.
func heard(t *testing.T, in io.Reader) (out, errs string, end pave.ExecEnd) {
	t.Helper()
	for {
		kind, data, err := pave.ReadFrame(in)
		if err != nil {
			t.Fatalf("after %q %q: %v", out, errs, err)
		}
		switch kind {
		case pave.FrameStdout:
			out += string(data)
		case pave.FrameStderr:
			errs += string(data)
		case pave.FrameEnd:
			if err := json.Unmarshal(data, &end); err != nil {
				t.Fatal(err)
			}
			return out, errs, end
		}
	}
}

func TestExec(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(b.workload("wl", "g1"), StateRunning)
	for _, tc := range []struct {
		what     string
		exec     pave.Exec
		frames   []any
		out, err string
		code     int
	}{
		{"output and code", pave.Exec{Command: []string{"sh", "-c", "echo out; echo err >&2; exit 7"}}, nil, "out\n", "err\n", 7},
		{"input", pave.Exec{Command: []string{"cat"}}, []any{pave.FrameStdin, "a", pave.FrameStdin, "b\n", pave.FrameStdin, ""}, "ab\n", "", 0},
		{"signal", pave.Exec{Command: []string{"sleep", "60"}}, []any{pave.FrameSignal, "TERM"}, "", "", 143},
		{"signal that is none", pave.Exec{Command: []string{"cat"}}, []any{pave.FrameSignal, "KILL", byte(77), "x", pave.FrameStdin, ""}, "", "", 0},
		{"time", pave.Exec{Command: []string{"sleep", "60"}, Seconds: 1}, nil, "", "", 1},
		{"terminal", pave.Exec{Command: []string{"sh", "-c", "stty size; stty -echo; read x; stty size; echo $TERM $x"}, Terminal: true, Term: "../evil", Size: pave.Size{Rows: 10, Columns: 20}},
			[]any{pave.FrameSize, `{"rows":11,"columns":22}`, pave.FrameStdin, "y\n"}, "xterm y", "", 0},
	} {
		body, err := b.Exec(t.Context(), Session{"wl", tc.exec}, say(t, tc.frames...))
		if err != nil {
			t.Errorf("%s: %v", tc.what, err)
			continue
		}
		out, errs, end := heard(t, body)
		body.Close()
		if !strings.Contains(out, tc.out) || errs != tc.err || end.Code != tc.code {
			t.Errorf("%s: %q %q %+v; want %q %q %d", tc.what, out, errs, end, tc.out, tc.err, tc.code)
		}
	}
	for what, s := range map[string]Session{
		"no such workload": {"other", pave.Exec{Command: []string{"true"}}}, "no such program": {"wl", pave.Exec{Command: []string{"no-such-program"}}},
		"no such instance": {"wl", pave.Exec{Command: []string{"true"}, Instance: "g1-99"}}, "no command": {"wl", pave.Exec{}},
	} {
		if body, err := b.Exec(t.Context(), s, say(t)); err == nil {
			body.Close()
			t.Errorf("%s: it runs", what)
		}
	}
}

// Commands are bounded in number, and are ended when their caller goes away.
// A caller who still writes when the command has ended learns all the same how that was.
func TestExecOfOneWhoWrites(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(b.workload("wl", "g1"), StateRunning)
	in, write := io.Pipe()
	defer write.Close()
	body, err := b.Exec(t.Context(), Session{"wl", pave.Exec{Command: []string{"sh", "-c", "echo out; exit 7"}}}, in)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	time.Sleep(500 * time.Millisecond) // it ends
	go func() {                        // to nobody, where the connection is over
		for range 2 {
			_ = pave.WriteFrame(write, pave.FrameStdin, []byte("x"))
			time.Sleep(100 * time.Millisecond)
		}
	}()
	time.Sleep(300 * time.Millisecond)
	if out, _, end := heard(t, body); out != "out\n" || end.Code != 7 {
		t.Errorf("heard %q, %+v", out, end)
	}
}

func TestExecBounds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(b.workload("wl", "g1"), StateRunning)
	ctx, leave := context.WithCancel(t.Context())
	s := Session{"wl", pave.Exec{Command: []string{"sleep", "60"}}}
	for range maxWorkloadSessions {
		body, err := b.Exec(ctx, s, say(t))
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
	}
	if body, err := b.Exec(t.Context(), s, say(t)); pave.CodeOf(err) != pave.Unavailable {
		t.Errorf("one too many: %v %v", body, err)
	}
	leave()
	left(t, b)
	// One that does not read what it was sent keeps nobody from seeing that its caller is
	// gone.
	var much []any
	for range 64 {
		much = append(much, pave.FrameStdin, strings.Repeat("x", sessionChunk))
	}
	ctx, leave = context.WithCancel(t.Context())
	for range maxWorkloadSessions {
		body, err := b.Exec(ctx, s, say(t, much...))
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
	}
	time.Sleep(100 * time.Millisecond)
	leave()
	left(t, b)
}

// left waits until there is room for another command.
func left(t *testing.T, b *bench) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		body, err := b.Exec(t.Context(), Session{"wl", pave.Exec{Command: []string{"true"}}}, say(t))
		if err == nil {
			body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("those whose callers went away go on")
		}
	}
}

// A node that goes down ends the commands that run: newBench looks for what is left.
func TestExecEndsWithNode(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(b.workload("wl", "g1"), StateRunning)
	body, err := b.Exec(t.Context(), Session{"wl", pave.Exec{Command: []string{"sleep", "60"}}}, say(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { body.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := b.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
}
