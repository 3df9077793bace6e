package server

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

const (
	// minFree is how much disk space must be free for a service to be made, in bytes.
	minFree = 512 << 20
	// minInodes is how many files must still find a place: a Node service has
	// thousands.
	minInodes = 20000
	// minFiles is how many files a server may have to hold open: connections, logs.
	minFiles = 1024
)

// tools are the programs that nothing works without, each with the oldest version
// that does.
var tools = []struct {
	name    string
	version []string // arguments that make it say its version
	pattern *regexp.Regexp
	least   [2]int
	fix     string
}{
	{"go", []string{"version"}, regexp.MustCompile(`go(\d+)\.(\d+)`), [2]int{1, 26}, "install Go 1.26 or newer: https://go.dev/dl"},
	{"git", []string{"version"}, regexp.MustCompile(`git version (\d+)\.(\d+)`), [2]int{2, 30}, "apt-get install -y git, 2.30 or newer"},
}

// toolChecks say whether the tools are there, new enough, and where the programs of
// builds may run them.
func toolChecks(ctx context.Context) []pave.Check {
	var out []pave.Check
	for _, t := range tools {
		name := t.name + " on PATH"
		path, err := exec.LookPath(t.name)
		if err != nil {
			out = append(out, pave.Check{Name: name, Detail: "not found", Fix: t.fix})
			continue
		}
		said := output(ctx, append([]string{path}, t.version...))
		m := t.pattern.FindStringSubmatch(said)
		switch {
		case m == nil:
			err = pave.Errorf(pave.Unavailable, "%s does not say its version: %q", path, strings.TrimSpace(said)).WithHint("%s", t.fix)
		case older(m[1], m[2], t.least):
			err = pave.Errorf(pave.Conflict, "%s is %s.%s, pave needs %d.%d", path, m[1], m[2], t.least[0], t.least[1]).WithHint("%s", t.fix)
		case os.Geteuid() == 0 && !openToAll(realDir(path)):
			err = pave.Errorf(pave.Denied, "%s lies in a folder that the users of builds cannot enter", path).
				WithHint("install it under /usr/local, or chmod o+x the folders above it")
		}
		detail := path
		if m != nil {
			detail = fmt.Sprintf("%s, %s.%s", path, m[1], m[2])
		}
		out = append(out, verdict(name, detail, err))
	}
	return out
}

func older(major, minor string, least [2]int) bool {
	a, _ := strconv.Atoi(major)
	b, _ := strconv.Atoi(minor)
	return a < least[0] || a == least[0] && b < least[1]
}

// realDir is the folder that a program lies in, after all links.
func realDir(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return filepath.Dir(path)
}

// output is what a command writes within 10 s; what it ends with does not matter.
func output(ctx context.Context, command []string) string {
	var b strings.Builder
	_, err := job.Run(ctx, job.Spec{Command: command, Dir: "/", Timeout: 10 * time.Second, MaxOutput: 4096,
		Env:    map[string]string{"PATH": os.Getenv("PATH"), "GOTOOLCHAIN": "local"},
		Output: func(l job.Line) { b.WriteString(l.Text + "\n") }})
	if err != nil && b.Len() == 0 {
		return err.Error()
	}
	return b.String()
}

// filesCheck says whether enough files may be open at once.
func filesCheck() pave.Check {
	var l syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l)
	if err == nil && l.Cur < minFiles {
		err = pave.Errorf(pave.Unavailable, "a process may have %d files open, pave needs %d", l.Cur, minFiles).
			WithHint("ulimit -n 4096; for good in /etc/security/limits.conf")
	}
	return verdict("open files", strconv.FormatUint(l.Cur, 10), err)
}

// namesCheck says whether the addresses of services lead to this machine. Browsers
// and curl know that by themselves, other programs ask the system.
func namesCheck(ctx context.Context) pave.Check {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	const name = "service.environment.localhost"
	addresses, err := net.DefaultResolver.LookupHost(ctx, name)
	if err != nil {
		return pave.Check{Name: "*.localhost", OK: true,
			Detail: "this system does not look it up; curl and browsers do, other programs need the header Host"}
	}
	for _, a := range addresses {
		if ip := net.ParseIP(a); ip == nil || !ip.IsLoopback() {
			err = pave.Errorf(pave.Conflict, "%s is %s: addresses of services lead to another machine", name, a).
				WithHint("take the entry for localhost out of the DNS server or /etc/hosts")
		}
	}
	return verdict("*.localhost", strings.Join(addresses, ", "), err)
}
