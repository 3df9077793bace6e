package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

// socketRoom is what ".s.PGSQL.65535" and the like add to the path of a socket, of
// which the kernel takes 107 bytes.
const socketRoom = 107 - 16

// postgres is the engine of a PostgreSQL server, which was made by initdb once and
// belongs to a user of its own.
type postgres struct{ *server }

func newPostgres(s *server) engine {
	s.status.SocketDir = filepath.Join(s.dir, "run")
	return &postgres{s}
}

func findAnyPostgres() error {
	if len(postgresDirs()) > 0 {
		return nil
	}
	_, _, err := FindPostgres()
	return err
}

func checkPostgres(_ *Server, dir string) error {
	if run := filepath.Join(dir, "run"); len(run) > socketRoom {
		return pave.Errorf(pave.Invalid, "the folder %q is too long for a unix socket", run).WithHint("set PAVE_HOME to a shorter path")
	}
	return nil
}

func (p *postgres) run() string { return filepath.Join(p.dir, "run") }

// ends are the fast shutdown, then the immediate one.
func (p *postgres) ends() []syscall.Signal { return []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} }

func lastOf(lines []string, n int) []string { return lines[max(0, len(lines)-n):] }

// prepare makes the data folder if there is none, ends a server that a dead node
// left in it, and writes who may connect.
func (p *postgres) prepare(who account) (launch, error) {
	major := ""
	if data, err := os.ReadFile(filepath.Join(p.data(), "PG_VERSION")); err == nil {
		major = strings.TrimSpace(string(data))
	}
	bin, version, err := findPostgres(major)
	if err != nil {
		return launch{}, err
	}
	if err := os.MkdirAll(p.dir, 0o711); err != nil {
		return launch{}, diskError(p.dir, err)
	}
	if err := privateDir(p.run(), who.uid, who.gid); err != nil {
		return launch{}, err
	}
	if major == "" {
		if err := p.initdb(bin, who); err != nil {
			return launch{}, err
		}
	}
	if err := p.endLeft(); err != nil {
		return launch{}, err
	}
	return launch{command: p.command(bin), version: version, serves: p.serves}, p.writeAccess(who)
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
		Env: p.env(), Output: p.output(tail),
		Command: []string{filepath.Join(bin, "initdb"), "-D", fresh, "-U", "postgres", "-E", "UTF8", "--locale=" + locale,
			"--lc-messages=C", "--auth-local=peer", "--auth-host=scram-sha-256", "--data-checksums", "--no-instructions"},
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

// endLeft ends what a dead node left running. A process id file that then is left
// is stale; its number may belong to a stranger by now, which PostgreSQL itself
// could not tell.
func (p *postgres) endLeft() error {
	postmaster := p.postmasterPID()
	err := p.endOthers(func(q job.Proc) bool { return q.PID == postmaster }, p.ends())
	if err == nil && runtime.GOOS == "linux" {
		_ = os.Remove(filepath.Join(p.data(), "postmaster.pid"))
	}
	return err
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

// serves looks for what the server writes when it is ready.
func (p *postgres) serves(pid int) bool {
	lines := p.pidFile()
	return lines[0] == strconv.Itoa(pid) && lines[7] == "ready"
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
		} else if _, text, ok := strings.Cut(l, "[ERROR]"); ok {
			errs = append(errs, strings.TrimSpace(text))
		} else if i := strings.Index(l, "error:"); i >= 0 {
			errs = append(errs, strings.TrimSpace(l[i+len("error:"):]))
		}
	}
	if len(errs) > 0 {
		return strings.Join(lastOf(errs, 3), "; ")
	}
	return strings.Join(lastOf(lines, 3), "; ")
}
