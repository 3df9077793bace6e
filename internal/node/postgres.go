package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

const (
	// serverGrace is what a server gets to end by itself (PostgreSQL's fast
	// shutdown) before it is ended harder.
	serverGrace = 15 * time.Second
	// serverStart is how long workloads wait for servers when the node starts.
	serverStart = 20 * time.Second
	// socketRoom is what ".s.PGSQL.65535" and the like add to the path of a
	// socket, of which the kernel takes 107 bytes.
	socketRoom = 107 - 16
)

// postgres supervises one PostgreSQL server, which was made by initdb once and
// belongs to a user of its own.
type postgres struct {
	n    *Node
	spec Server
	dir  string // holds data and run
	log  *logFile
	tail *job.Tail

	stopc    chan struct{}
	stopOnce sync.Once
	done     chan struct{}
	ready    chan struct{} // closed when it was ready for the first time

	mu     sync.Mutex
	status ServerStatus
}

func (p *postgres) data() string { return filepath.Join(p.dir, "data") }
func (p *postgres) run() string  { return filepath.Join(p.dir, "run") }

// stop ends the server gracefully and its supervision.
func (p *postgres) stop() {
	p.stopOnce.Do(func() { close(p.stopc) })
	<-p.done
}

func (p *postgres) set(change func(*ServerStatus)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.status)
}

func (p *postgres) current() ServerStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

// supervise keeps the server running until it is stopped.
func (p *postgres) supervise() {
	defer close(p.done)
	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		started := time.Now()
		stopped, err := p.once()
		p.set(func(s *ServerStatus) { s.Ready, s.PID = false, 0 })
		if stopped {
			return
		}
		p.log.add(p.spec.ID, "node", err.Error())
		p.set(func(s *ServerStatus) { s.Reason = err.Error() })
		if time.Since(started) >= goodLife {
			backoff = firstBackoff
		}
		select {
		case <-time.After(backoff):
		case <-p.stopc:
			return
		case <-p.n.life.Done():
			return
		}
		p.set(func(s *ServerStatus) { s.Restarts++ })
	}
}

// once runs the server to its end. It reports whether that end was wanted, and
// else why it came.
func (p *postgres) once() (stopped bool, err error) {
	who, err := serverAccount()
	if err != nil {
		return false, err
	}
	bin, err := p.prepare(who)
	if err != nil {
		return false, err
	}
	env := map[string]string{"PATH": defaultPath, "LC_ALL": "C", "TZ": "UTC", nodeMarker: p.n.mark, itemMarker: p.spec.ID}
	proc, err := job.Start(job.Spec{
		Dir: p.data(), Command: p.command(bin), Env: env, UID: who.uid, GID: who.gid, MaxOutput: 1 << 62,
		Output: func(l job.Line) {
			p.tail.Add(l.Text)
			p.log.add(p.spec.ID, l.Stream, l.Text)
		},
	})
	if err != nil {
		return false, err
	}
	p.set(func(s *ServerStatus) { s.PID = proc.PID() })
	ctx, cancel := context.WithCancel(p.n.life)
	defer cancel()
	go p.watchReady(ctx, proc.PID())
	select {
	case <-p.stopc:
		p.end(proc)
		return true, nil
	case <-p.n.life.Done():
		return true, nil
	case <-proc.Exited():
		cancel()
		reason := proc.Result().Reason()
		return false, pave.Errorf(pave.Unavailable, "postgres %s: %s", reason, telling(p.tail.Lines()))
	}
}

func lastOf(lines []string, n int) []string { return lines[max(0, len(lines)-n):] }

// end asks for the fast shutdown, then for the immediate one.
func (p *postgres) end(proc *job.Process) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		proc.Signal(sig)
		select {
		case <-proc.Exited():
			<-proc.Done()
			return
		case <-time.After(serverGrace):
		}
	}
	proc.Stop()
}

// prepare makes the data folder if there is none, ends a server that a dead node
// left in it, and writes who may connect. It returns the folder of the programs.
func (p *postgres) prepare(who account) (bin string, err error) {
	major := ""
	if data, err := os.ReadFile(filepath.Join(p.data(), "PG_VERSION")); err == nil {
		major = strings.TrimSpace(string(data))
	}
	bin, version, err := findPostgres(major)
	if err != nil {
		return "", err
	}
	p.set(func(s *ServerStatus) { s.Version = version })
	if err := os.MkdirAll(p.dir, 0o711); err != nil {
		return "", diskError(p.dir, err)
	}
	if err := privateDir(p.run(), who.uid, who.gid); err != nil {
		return "", err
	}
	if major == "" {
		if err := p.initdb(bin, who); err != nil {
			return "", err
		}
	}
	if err := p.endOthers(); err != nil {
		return "", err
	}
	return bin, p.writeAccess(who)
}

// initdb makes the data folder aside and renames it when it is complete.
func (p *postgres) initdb(bin string, who account) error {
	fresh := p.data() + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return diskError(fresh, err)
	}
	if err := privateDir(fresh, who.uid, who.gid); err != nil {
		return err
	}
	locale := "C"
	if runtime.GOOS == "linux" {
		locale = "C.UTF-8"
	}
	ctx, cancel := context.WithTimeout(p.n.life, 5*time.Minute)
	defer cancel()
	tail := job.NewTail(40)
	res, err := job.Run(ctx, job.Spec{
		Dir: p.dir, UID: who.uid, GID: who.gid,
		Env: map[string]string{"PATH": defaultPath, "LC_ALL": "C", "TZ": "UTC", nodeMarker: p.n.mark, itemMarker: p.spec.ID},
		Command: []string{filepath.Join(bin, "initdb"), "-D", fresh, "-U", "postgres", "-E", "UTF8", "--locale=" + locale,
			"--lc-messages=C", "--auth-local=peer", "--auth-host=scram-sha-256", "--data-checksums", "--no-instructions"},
		Output: func(l job.Line) {
			tail.Add(l.Text)
			p.log.add(p.spec.ID, l.Stream, l.Text)
		},
	})
	if err != nil {
		return err
	}
	if !res.OK() {
		return pave.Errorf(pave.Unavailable, "initdb %s: %s", res.Reason(), telling(tail.Lines())).
			WithHint("check the space in %s", p.dir)
	}
	if err := os.Rename(fresh, p.data()); err != nil {
		return diskError(p.data(), err)
	}
	dir, err := os.Open(p.dir)
	if err != nil {
		return diskError(p.dir, err)
	}
	defer dir.Close()
	return dir.Sync()
}

// endOthers ends whatever runs in the data folder: there must never be two
// servers. A process id file that then is left is stale; its number may belong to
// a stranger by now, which PostgreSQL itself could not tell.
func (p *postgres) endOthers() error {
	inData := func(q job.Proc) bool { return q.Dir() == p.data() }
	left := job.Find(inData)
	if len(left) > 0 {
		var postmasters []job.Proc
		for _, q := range left {
			if q.PID == p.postmasterPID() {
				postmasters = append(postmasters, q)
			}
		}
		endProcs(postmasters, syscall.SIGINT, serverGrace)
		endProcs(job.Find(inData), syscall.SIGQUIT, 5*time.Second)
	}
	if left = job.Find(inData); len(left) > 0 {
		return pave.Errorf(pave.Conflict, "process %d still runs in %q", left[0].PID, p.data()).
			WithHint("kill %d", left[0].PID)
	}
	if runtime.GOOS == "linux" {
		_ = os.Remove(filepath.Join(p.data(), "postmaster.pid"))
	}
	return nil
}

func (p *postgres) postmasterPID() int {
	lines := p.pidFile()
	pid, _ := strconv.Atoi(lines[0])
	return pid
}

// pidFile returns the lines of postmaster.pid, 8 at least: the first is the
// process id, the eighth the state.
func (p *postgres) pidFile() []string {
	data, _ := os.ReadFile(filepath.Join(p.data(), "postmaster.pid"))
	lines := make([]string, 8)
	for i, l := range strings.SplitN(string(data), "\n", 9) {
		if i < len(lines) {
			lines[i] = strings.TrimSpace(l)
		}
	}
	return lines
}

// watchReady looks until the server writes that it is ready.
func (p *postgres) watchReady(ctx context.Context, pid int) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		if lines := p.pidFile(); lines[0] == strconv.Itoa(pid) && lines[7] == "ready" {
			p.mu.Lock()
			defer p.mu.Unlock()
			if ctx.Err() == nil {
				p.status.Ready, p.status.Reason = true, ""
				select {
				case <-p.ready:
				default:
					close(p.ready)
				}
			}
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// writeAccess says who may connect: role postgres by the unix socket alone, as
// root or as the server's own user; all others by password.
func (p *postgres) writeAccess(who account) error {
	hba := `# Written by pave at every start.
local all postgres peer map=pave
host  all postgres all reject
host  all all 127.0.0.1/32 scram-sha-256
host  all all ::1/128 scram-sha-256
`
	ident := "# Written by pave at every start.\n"
	names := map[string]bool{"root": true, "postgres": true, who.name: true}
	for name := range names {
		ident += fmt.Sprintf("pave %q postgres\n", name)
	}
	uid := -1
	if os.Geteuid() == 0 {
		uid = who.uid
	}
	for name, text := range map[string]string{"pg_hba.conf": hba, "pg_ident.conf": ident} {
		if err := writeFile(filepath.Join(p.data(), name), []byte(text), 0o600, uid); err != nil {
			return err
		}
	}
	return nil
}

// command starts the server with settings that suit a laptop.
func (p *postgres) command(bin string) []string {
	argv := []string{filepath.Join(bin, "postgres"), "-D", p.data()}
	for _, setting := range []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(p.spec.Port),
		"unix_socket_directories=" + p.run(),
		"unix_socket_permissions=0700",
		"max_connections=200",
		"shared_buffers=32MB",
		"fsync=on",
		"password_encryption=scram-sha-256",
		"logging_collector=off",
		"log_destination=stderr",
		"log_line_prefix=%q%u@%d ",
		"log_min_error_statement=panic", // a statement may hold a password
		"log_timezone=UTC",
		"timezone=UTC",
	} {
		argv = append(argv, "-c", setting)
	}
	return argv
}

// telling is what of a program's last lines says why it ended: a full disk by its
// name, else the lines that speak of an error, else the last three.
func telling(lines []string) string {
	var errs []string
	for _, l := range lines {
		if strings.Contains(l, "No space left on device") {
			return "disk full"
		}
		if i := strings.Index(l, "FATAL:"); i >= 0 {
			errs = append(errs, strings.TrimSpace(l[i+len("FATAL:"):]))
		} else if i := strings.Index(l, "error:"); i >= 0 {
			errs = append(errs, strings.TrimSpace(l[i+len("error:"):]))
		}
	}
	if len(errs) > 0 {
		return strings.Join(lastOf(errs, 3), "; ")
	}
	return strings.Join(lastOf(lines, 3), "; ")
}
