package node

import (
	"cmp"
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

// mysql is the engine of a MariaDB server, which belongs to a user of its own. Its root
// comes in by the unix socket alone and as root of the machine or the server's own user:
// the kernel says who they are, and there is no password.
type mysql struct{ *server }

func newMySQL(s *server) engine {
	s.status.SocketDir = filepath.Join(s.dir, "run")
	return &mysql{s}
}

// mysqlSocket is the name of the unix socket in its folder.
const mysqlSocket = "mysql.sock"

// MySQLSocket is where a MariaDB server is reached by its root.
func (s ServerStatus) MySQLSocket() string { return filepath.Join(s.SocketDir, mysqlSocket) }

// FindMySQL returns the MariaDB server program in the PATH and its version. NotFound
// where it is not there, or what makes its data is not.
func FindMySQL() (path, version string, err error) {
	for _, dir := range programDirs() {
		path := filepath.Join(dir, "mariadbd")
		if !isProgram(path) || findProgram("mariadb-install-db") == "" {
			continue
		}
		if version := mysqlVersion(path); version != "" {
			return path, version, nil
		}
	}
	return "", "", pave.Errorf(pave.NotFound, "no MariaDB server of version 10.5 or newer is on this machine").
		WithHint("apt-get install -y mariadb-server")
}

func findAnyMySQL() error {
	_, _, err := FindMySQL()
	return err
}

// programDirs are the folders of the PATH, and those where servers lie that are not in
// the PATH of everybody.
func programDirs() (dirs []string) {
	for _, dir := range filepath.SplitList(cmp.Or(os.Getenv("PATH"), defaultPath) + ":/usr/local/sbin:/usr/sbin") {
		if filepath.IsAbs(dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// findProgram is the path of a program, "" where it is not there.
func findProgram(name string) string {
	for _, dir := range programDirs() {
		if path := filepath.Join(dir, name); isProgram(path) {
			return path
		}
	}
	return ""
}

// Older ones keep users otherwise.
var mysqlVersionPattern = regexp.MustCompile(`Ver ((?:10\.(?:[5-9]|\d\d)|1[1-9]|[2-9]\d)(?:\.\d+)*)-MariaDB`)

func mysqlVersion(path string) string {
	var out strings.Builder
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := job.Run(ctx, job.Spec{Command: []string{path, "--no-defaults", "--version"}, Dir: "/",
		Output: func(l job.Line) { out.WriteString(l.Text + "\n") }})
	if m := mysqlVersionPattern.FindStringSubmatch(out.String()); err == nil && m != nil {
		return m[1]
	}
	return ""
}

func checkMySQL(_ *Server, dir string) error {
	if path := filepath.Join(dir, "run", mysqlSocket); len(path) > 107 {
		return pave.Errorf(pave.Invalid, "the path %q is too long for a unix socket", path).WithHint("set PAVE_HOME to a shorter path")
	}
	return nil
}

func (m *mysql) run() string     { return filepath.Join(m.dir, "run") }
func (m *mysql) pidFile() string { return filepath.Join(m.run(), "mysql.pid") }

// tmp is where the server keeps tables of a moment. It is nobody else's: a server that starts
// removes what lies there from before, and would take those of another one that runs.
func (m *mysql) tmp() string { return filepath.Join(m.dir, "tmp") }

// ends is the one signal by which MariaDB ends what it does and writes what it has.
func (m *mysql) ends() []syscall.Signal { return []syscall.Signal{syscall.SIGTERM} }

// prepare makes the data folder if there is none, and ends a server that a dead node
// left in it.
func (m *mysql) prepare(who account) (launch, error) {
	path, version, err := FindMySQL()
	if err != nil {
		return launch{}, err
	}
	if err := os.MkdirAll(m.dir, 0o711); err != nil {
		return launch{}, diskError(m.dir, err)
	}
	for _, dir := range []string{m.run(), m.tmp()} {
		if err := privateDir(dir, who.uid, who.gid); err != nil {
			return launch{}, err
		}
	}
	if _, err := os.Stat(m.data()); err != nil {
		if err := m.install(path, who); err != nil {
			return launch{}, err
		}
	}
	if err := m.endOthers(func(job.Proc) bool { return true }, m.ends()); err != nil {
		return launch{}, err
	}
	_ = os.Remove(m.pidFile()) // of one that ended without a word
	argv := append([]string{path, "--no-defaults", "--datadir=" + m.data(), "--port=" + strconv.Itoa(m.spec.Port),
		"--socket=" + filepath.Join(m.run(), mysqlSocket), "--pid-file=" + m.pidFile(), "--tmpdir=" + m.tmp()}, mysqlSettings...)
	return launch{command: argv, version: version, serves: m.serves}, nil
}

// mysqlSettings suit a laptop, and are needed from the first moment on. A commit is on the
// disk before it is acknowledged, as the server does without being told.
var mysqlSettings = []string{
	"--bind-address=127.0.0.1",
	"--skip-name-resolve",
	"--skip-log-bin",
	"--skip-performance-schema",
	"--innodb-buffer-pool-size=32M",
	"--innodb-log-file-size=32M",
	"--innodb-log-buffer-size=2M",
	"--innodb-print-all-deadlocks=OFF", // a statement may hold what is nobody's business
	"--aria-pagecache-buffer-size=2M",
	"--key-buffer-size=1M",
	"--max-connections=200",
	"--max-allowed-packet=64M",
	"--open-files-limit=4096",
	"--event-scheduler=ON", // it ends visits
	"--local-infile=OFF",
	// Tables lie in the data folder and nowhere else: by DATA DIRECTORY in a folder of its own
	// and a link in its place, a service would have the server drop files of another one.
	"--innodb-file-per-table=OFF",
	"--symbolic-links=OFF",
	"--character-set-server=utf8mb4",
	"--collation-server=utf8mb4_unicode_ci",
	"--default-time-zone=+00:00",
	"--log-warnings=1",
}

// install makes the data folder aside and renames it when it is complete.
func (m *mysql) install(server string, who account) error {
	fresh := m.data() + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return diskError(fresh, err)
	}
	if err := privateDir(fresh, who.uid, who.gid); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(m.n.life, 5*time.Minute)
	defer cancel()
	tail := job.NewTail(40)
	env := m.env()
	env["PATH"] = filepath.Dir(server) + ":" + strings.Join(programDirs(), ":")
	res, err := job.Run(ctx, job.Spec{
		Dir: m.dir, UID: who.uid, GID: who.gid, Env: env, Output: m.output(tail),
		Command: []string{findProgram("mariadb-install-db"), "--no-defaults", "--datadir=" + fresh, "--tmpdir=" + m.tmp(), "--skip-test-db", "--skip-name-resolve",
			"--auth-root-authentication-method=socket", "--auth-root-socket-user=" + who.name, "--innodb-log-file-size=32M", "--innodb-buffer-pool-size=32M"},
	})
	if err != nil {
		return err
	}
	if !res.OK() {
		return pave.Errorf(pave.Unavailable, "mariadb-install-db %s: %s", res.Reason(), telling(tail.Lines())).
			WithHint("check the space in %s", m.dir)
	}
	return renameDir(fresh, m.data())
}

// serves looks for what the server writes last of all, and whether it takes callers.
func (m *mysql) serves(pid int) bool {
	data, _ := os.ReadFile(m.pidFile())
	if strings.TrimSpace(string(data)) != strconv.Itoa(pid) {
		return false
	}
	c, err := net.DialTimeout("unix", filepath.Join(m.run(), mysqlSocket), time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	_, err = c.Read(make([]byte, 1)) // its greeting
	return err == nil
}
