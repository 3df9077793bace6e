package faults_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/test/faultproxy"
)

// A class is a fault that goes on until somebody has seen what becomes of the run.
type class struct {
	name  string
	fault faultproxy.Fault
}

func classes(other string) []class {
	return []class{
		{"the connection is refused", faultproxy.Refuse()},
		{"no answer in 30 s", faultproxy.Delay(45 * time.Second)},
		{"done, and the answer lost", faultproxy.Lose()},
		{"done, and the answer cut off", faultproxy.Cut(5)},
		{"401", faultproxy.Status(401, "")},
		{"403", faultproxy.Status(403, "")},
		{"429, Retry-After: 1", faultproxy.Status(429, "1")},
		{"500", faultproxy.Status(500, "")},
		{"503", faultproxy.Status(503, "")},
		{"503, Retry-After: 1", faultproxy.Status(503, "1")},
		{"a page of a gateway", faultproxy.HTML(502)},
		{"an answer of 100 MB", faultproxy.Huge(100 << 20)},
		{"a redirect to another host", faultproxy.Redirect(other)},
	}
}

// An end is what became of an operation while a fault went on.
type end struct{ word, reason, hint string }

const table = "../../docs/faults.md"

// Each class of fault meets each operation, and goes on. The run ends done, waits and names
// the system, or stops with a next command; once the fault is over it is done, by itself or
// by pave retry. docs/faults.md has what was seen; UPDATE=1 writes it.
func TestMatrix(t *testing.T) {
	t.Parallel()
	real(t)
	var strangers atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strangers.Add(1) }))
	defer other.Close()
	l := newLab(t)
	var short, long strings.Builder
	for i, c := range classes(other.URL) {
		var ends []end
		for _, op := range l.operations(name(i)) {
			e := l.meet(op, c)
			t.Logf("%s, %s: %s: %s (%s)", c.name, op.name, e.word, e.reason, e.hint)
			ends = append(ends, e)
		}
		fmt.Fprintf(&short, "| %s |", c.name)
		for _, e := range ends {
			fmt.Fprintf(&short, " %s |", e.word)
		}
		short.WriteString("\n")
		if first := ends[0]; first.word != "done" {
			fmt.Fprintf(&long, "| %s | %s | %s |\n", c.name, first.reason, cmp.Or(first.hint, "nothing: it goes on by itself"))
		}
	}
	if n := strangers.Load(); n > 0 {
		t.Errorf("another host was called %d times", n)
	}
	if names := l.git.Names(); len(names) != 2*len(classes("")) {
		t.Errorf("on the host are %v", names)
	}
	compare(t, "| fault | make a repository | push its first commit | write a secret | set a repository aside |\n|---|---|---|---|---|\n"+short.String()+
		"\n| fault | what the run says | next |\n|---|---|---|\n"+long.String())
}

// An operation is a run of the platform, and the call of it that meets the fault.
type operation struct {
	name  string
	proxy *faultproxy.Proxy
	call  string
	begin func() (string, error)
}

func (l *lab) operations(service string) []operation {
	second := service + "-b"
	return []operation{
		{"make", l.gitProxy, makes, func() (string, error) { return l.Create(l.Fixture(service, team, "none")) }},
		{"push", l.gitProxy, "POST /acme/*.git/git-receive-pack", func() (string, error) { return l.Create(l.Fixture(second, team, "none")) }},
		{"write", l.vaultWay, "PATCH /v1/secret/data/*", func() (string, error) { return l.set(service, "pvcnry-"+service) }},
		{"aside", l.gitProxy, "PATCH /api/v1/repos/acme/" + service, func() (string, error) { return l.Delete(service) }},
	}
}

// meet has an operation meet a fault, and then brings it to its end.
func (l *lab) meet(op operation, c class) (e end) {
	l.t.Helper()
	op.proxy.Clear()
	op.proxy.On(op.call, 0, c.fault)
	run, err := op.begin()
	if err != nil {
		l.t.Fatalf("%s, %s: %v", c.name, op.name, err)
	}
	host := strings.TrimPrefix(op.proxy.URL, "http://")
	for deadline := time.Now().Add(2 * time.Minute); e.word == ""; time.Sleep(20 * time.Millisecond) {
		r, err := l.Run(run)
		reason, hint := l.told(run)
		calls := len(op.proxy.Calls(op.call))
		switch {
		case err != nil || time.Now().After(deadline):
			l.t.Fatalf("%s, %s: run %s is %s after %d calls: %s, %v", c.name, op.name, run, r.State, calls, reason, err)
		case r.State == pave.RunDone:
			e = end{word: "done"}
		case r.State.Ended():
			e = end{"stops", reason, hint}
		case strings.Contains(reason, host) && (calls > 1 || strings.HasPrefix(c.name, "no answer")):
			e = end{"waits", reason, hint}
		}
	}
	op.proxy.Clear()
	if e.word == "stops" {
		if e.hint == "" {
			l.t.Errorf("%s, %s: it stopped without a next command: %s", c.name, op.name, e.reason)
		}
		l.pave("retry", run)
	}
	l.done(run, nil)
	return end{e.word, plain(e.reason, host), plain(e.hint, host)}
}

var (
	instant = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:]+Z`)
	network = regexp.MustCompile(`(does not answer|is not reached|push to \S+): .*`)
	shopN   = regexp.MustCompile(`shop\d\d`)
	other   = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	runID   = regexp.MustCompile(`run_[0-9A-Za-z]+`)
)

// plain takes out of a sentence what another day has otherwise.
func plain(s, host string) string {
	s = strings.ReplaceAll(s, host, "HOST")
	s = other.ReplaceAllString(s, "OTHER")
	s = instant.ReplaceAllString(s, "TIME")
	s = network.ReplaceAllString(s, "$1")
	s = runID.ReplaceAllString(s, "RUN")
	return strings.ReplaceAll(shopN.ReplaceAllString(s, "shop"), "|", "/")
}

// compare holds what was seen to what the document says.
func compare(t *testing.T, seen string) {
	t.Helper()
	const from, to = "<!-- measured -->\n", "<!-- end -->\n"
	data, err := os.ReadFile(filepath.FromSlash(table))
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(data), from)
	said, tail, ok2 := strings.Cut(rest, to)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the table", table)
	}
	if said == seen {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatalf("%s is stale: UPDATE=1 writes it. Seen:\n%s", table, seen)
	}
	if err := os.WriteFile(table, []byte(head+from+seen+to+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}
