package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
)

// startWithin is how long a server may take until it answers.
const startWithin = 30 * time.Second

// Find returns the server that runs, another one of the home where it does not
// answer, or Unavailable.
func Find(ctx context.Context, c Config) (State, error) {
	s, ok, err := c.readState()
	if err != nil {
		return s, err
	}
	if ok && alive(ctx, s) == nil {
		return s, nil
	}
	for _, other := range c.others() {
		if s, ok, err := other.readState(); err == nil && ok && alive(ctx, s) == nil {
			return s, nil
		}
	}
	return s, pave.Errorf(pave.Unavailable, "no server runs for %s", c.Home).WithHint("pave up")
}

// alive asks a server whether it lives and is the one of the state. Its process is
// looked at first: another program may have taken the port of a server that died,
// and whoever is called alive gets the token.
func alive(ctx context.Context, s State) error {
	if !isPave(s.PID) {
		return fmt.Errorf("process %d of the server is gone", s.PID)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/livez", nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 200))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || strings.TrimSpace(string(body)) != "ok "+s.Version {
		return fmt.Errorf("something else answers at %s", s.URL)
	}
	return nil
}

// Ensure returns the server that runs, or starts one. A server of another version
// is restarted; the node and what it runs stay. Of several commands at once one
// starts it and all get it.
func Ensure(ctx context.Context, c Config) (State, error) {
	if s, err := Find(ctx, c); err == nil && s.Version == c.Version {
		return s, nil
	}
	if err := c.prepare(); err != nil {
		return State{}, err
	}
	lock, err := lockFile(c.path("start.lock"), true)
	if err != nil {
		return State{}, err
	}
	defer lock.Close()
	s, err := Find(ctx, c)
	switch {
	case err == nil && s.Version == c.Version:
		return s, nil
	case err == nil:
		if err := endProcess(ctx, s.PID, 20*time.Second); err != nil {
			return s, err
		}
	}
	if err := c.setDown(false); err != nil {
		return s, err
	}
	child, err := spawn(c, "server")
	if err != nil {
		return s, err
	}
	return awaitServer(ctx, c, child)
}

// awaitServer waits until a server of our version answers, or says why the one
// that was started ended.
func awaitServer(ctx context.Context, c Config, ended <-chan error) (State, error) {
	deadline := time.Now().Add(startWithin)
	for time.Now().Before(deadline) {
		if s, err := Find(ctx, c); err == nil && s.Version == c.Version {
			return s, nil
		}
		select {
		case <-ctx.Done():
			return State{}, ctx.Err()
		case err := <-ended:
			if s, ferr := Find(ctx, c); ferr == nil && s.Version == c.Version {
				return s, nil // the node was faster and started another
			}
			text, hint := lastWords(c.path("logs", "server.log"), err)
			return State{}, pave.Errorf(pave.Unavailable, "the server did not start: %s", text).
				WithHint("%s", or(hint, "pave doctor; the whole log is "+c.path("logs", "server.log")))
		case <-time.After(15 * time.Millisecond):
		}
	}
	return State{}, pave.Errorf(pave.Unavailable, "the server did not answer within %s", startWithin).
		WithHint("see %s", c.path("logs", "server.log"))
}

// lastWords is the last error of a log of ours with its next step, else the cause.
func lastWords(path string, cause error) (text, hint string) {
	data, err := os.ReadFile(path)
	if err == nil {
		lines := strings.Split(strings.TrimSpace(string(data[max(0, len(data)-8192):])), "\n")
		for i := len(lines) - 1; i >= 0; i-- {
			if text, ok := strings.CutPrefix(lines[i], "pave: "); ok {
				if i+1 < len(lines) && strings.HasPrefix(lines[i+1], "  next: ") {
					hint = strings.TrimPrefix(lines[i+1], "  next: ")
				}
				return text, hint
			}
		}
	}
	return fmt.Sprint(cause), ""
}

// spawn starts this program again with a command, in a session of its own, with
// its output in a log file. The channel gets the error of its end.
func spawn(c Config, command string) (<-chan error, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := openLog(c.path("logs", command+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(self, command)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", log, log
	cmd.Env = c.environment()
	if command == "server" {
		cmd.Env = append(cmd.Env, "PAVE_SERVER="+c.Name)
	} else {
		cmd.Env = append(cmd.Env, "PAVE_SERVER=") // it looks after the first
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, pave.Errorf(pave.Unavailable, "start pave %s: %w", command, err).WithHint("pave doctor")
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return ended, nil
}

// environment passes the configuration on, whatever flags it came from.
func (c Config) environment() []string {
	env := os.Environ()
	for k, v := range map[string]string{"PAVE_HOME": c.Home, "PAVE_LISTEN": c.Listen, "PAVE_ROUTER": c.Router,
		"PAVE_TEMPLATES": strings.Join(c.Templates, string(os.PathListSeparator)), "PAVE_STORE_URL": c.Store,
		"PAVE_POSTGRES_URL": c.Postgres, "PAVE_ALLOW": strings.Join(c.Allow, ","), "PAVE_CREDENTIALS": c.Credentials,
		"PAVE_KEEP": strconv.Itoa(int(c.Keep / (24 * time.Hour))), "PAVE_TLS_LISTEN": c.TLS.Listen, "PAVE_TLS_CERT": c.TLS.Cert, "PAVE_TLS_KEY": c.TLS.Key, "PAVE_HOST": strings.Join(c.TLS.Hosts, ",")} {
		env = append(env, k+"="+v)
	}
	env = append(env, c.OIDC.environment()...)
	if c.TLS.Local {
		env = append(env, "PAVE_TLS=local")
	}
	return env
}

// openLog opens a log for appending; one that has grown beyond 10 MiB becomes
// NAME.1.
func openLog(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "open the log %s: %w", path, err).WithHint("free disk space or mend the folder's mode")
	}
	return f, nil
}

// endProcess sends SIGTERM, waits, then SIGKILL. A process that is gone is
// success; one that is not pave's is left alone.
func endProcess(ctx context.Context, pid int, grace time.Duration) error {
	if pid <= 1 || !isPave(pid) {
		return nil
	}
	deadline := time.Now().Add(grace)
	for sig := syscall.SIGTERM; ; {
		if err := syscall.Kill(pid, sig); err == syscall.ESRCH {
			return nil
		}
		for time.Now().Before(deadline) {
			if !isPave(pid) {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Millisecond):
			}
		}
		if sig == syscall.SIGKILL {
			return pave.Errorf(pave.Unavailable, "process %d does not end", pid)
		}
		sig, deadline = syscall.SIGKILL, time.Now().Add(5*time.Second)
	}
}

// isPave reports whether a process lives and was started as this program, so that
// a reused pid is never hit.
func isPave(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) == nil && !hasProc()
	}
	if i := strings.LastIndexByte(string(stat), ')'); i >= 0 && len(stat) > i+2 && stat[i+2] == 'Z' {
		return false
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	args := strings.Split(string(cmdline), "\x00")
	return err == nil && len(args) > 1 && (args[1] == "server" || args[1] == "node")
}

func hasProc() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}

// Up makes sure that server and node run.
func Up(ctx context.Context, c Config) (State, error) {
	s, err := Ensure(ctx, c)
	if err != nil {
		return s, err
	}
	client := node.Dial(c.socket())
	for {
		if _, err = client.Info(ctx); err == nil {
			return s, nil
		}
		select {
		case <-ctx.Done():
			return s, err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Down stops the server, then the node with all it runs, and records that they
// are to stay down. Runs that go on are taken up by the next server.
func Down(ctx context.Context, c Config) error {
	if _, err := os.Stat(c.Home); err != nil {
		return nil
	}
	if err := c.setDown(true); err != nil {
		return err
	}
	for _, one := range append(c.others(), c) { // who carries out runs goes last, mostly
		if s, ok, err := one.readState(); err != nil {
			return err
		} else if ok {
			if err := endProcess(ctx, s.PID, 20*time.Second); err != nil {
				return err
			}
		}
	}
	return node.Dial(c.socket()).Shutdown(ctx)
}
