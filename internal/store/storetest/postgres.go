package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const startTime = 60 * time.Second

// A Server is a PostgreSQL in a temporary folder, reachable by its socket.
type Server struct {
	dir     string
	bin     string
	cred    *syscall.Credential
	options []string
	cmd     *exec.Cmd
	exited  chan struct{}
}

// quick switches durability off: for tests that kill clients, not the server.
var quick = []string{"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "deadlock_timeout=50ms"}

// NewServer starts a PostgreSQL of its own that a test may kill: what it has
// committed it keeps, as the default settings promise. It ends with the test.
// Without PostgreSQL binaries the test is skipped; where CI=true it fails.
func NewServer(t testing.TB) *Server {
	t.Helper()
	p, err := startPostgres()
	if err != nil {
		lacking(t, err)
	}
	t.Cleanup(p.stop)
	return p
}

// lacking skips a test that needs PostgreSQL, or fails it where CI=true.
func lacking(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("PostgreSQL: %v", err)
	}
	t.Skipf("PostgreSQL: %v", err)
}

// startPostgres makes a cluster and starts a server on it.
func startPostgres(options ...string) (*Server, error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	cred, err := unprivileged()
	if err != nil {
		return nil, err
	}
	// Not t.TempDir: its parent is 0700, which another user cannot pass.
	dir, err := os.MkdirTemp("", "pavepg")
	if err != nil {
		return nil, err
	}
	p := &Server{dir: dir, bin: bin, cred: cred, options: options}
	err = p.initialize()
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return p, nil
}

func (p *Server) data() string    { return filepath.Join(p.dir, "data") }
func (p *Server) sockets() string { return filepath.Join(p.dir, "run") } // open to all users

func (p *Server) initialize() error {
	data, cred := p.data(), p.cred
	if err := errors.Join(os.Chmod(p.dir, 0o711), os.Mkdir(data, 0o700), os.Mkdir(p.sockets(), 0o755)); err != nil {
		return err
	}
	if cred != nil {
		uid, gid := int(cred.Uid), int(cred.Gid)
		if err := errors.Join(os.Chown(data, uid, gid), os.Chown(p.sockets(), uid, gid)); err != nil {
			return err
		}
	}
	initdb := exec.Command(filepath.Join(p.bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
	initdb.Dir, initdb.SysProcAttr = data, &syscall.SysProcAttr{Credential: cred}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// Start starts the server and waits until it answers. Processes of one that was
// killed may hold its memory for a moment: the start is tried again.
func (p *Server) Start() error {
	var err error
	for end := time.Now().Add(startTime); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = p.startOnce(); err == nil {
			return nil
		}
	}
	return err
}

func (p *Server) startOnce() error {
	var log bytes.Buffer
	data := p.data()
	p.cmd = exec.Command(filepath.Join(p.bin, "postgres"), append([]string{"-D", data, "-k", p.sockets(), "-h", "",
		"-c", "max_connections=300", "-c", "shared_buffers=32MB"}, p.options...)...)
	p.cmd.Dir, p.cmd.Stderr, p.exited = data, &log, make(chan struct{})
	p.cmd.SysProcAttr = dieWithTests(p.cred)
	started := make(chan error)
	go p.supervise(started)
	if err := <-started; err != nil {
		return err
	}
	for end := time.Now().Add(startTime); ; {
		err := p.exec("SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("postgres ended: %s", bytes.TrimSpace(log.Bytes()))
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			p.end(syscall.SIGQUIT)
			return fmt.Errorf("postgres did not answer: %w", err)
		}
	}
}

// supervise starts the server and waits for its end on one operating system
// thread: the death signal is tied to the thread that started it.
func (p *Server) supervise(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	_ = p.cmd.Wait()
	close(p.exited)
}

// stop ends the server and removes its folder.
func (p *Server) stop() {
	p.end(syscall.SIGQUIT)
	os.RemoveAll(p.dir)
}

// end signals the first process and waits for its end; one that has ended already
// is fine.
func (p *Server) end(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig)
	<-p.exited
}

// Kill ends the first process of the server with SIGKILL and returns its number.
// The others notice and end; nothing serves until Start.
func (p *Server) Kill() int {
	p.end(syscall.SIGKILL)
	return p.cmd.Process.Pid
}

// Shutdown ends the server in order ("fast"): clients are cut off. Nothing serves
// until Start.
func (p *Server) Shutdown() { p.end(syscall.SIGINT) }

// URL is that of a superuser in a database.
func (p *Server) URL(database string) string {
	return "postgres:///" + database + "?user=postgres&host=" + p.sockets()
}

// Database makes a database and returns its URL.
func (p *Server) Database(t testing.TB, name string) string {
	t.Helper()
	if err := p.exec("CREATE DATABASE " + name); err != nil {
		t.Fatalf("create database: %v", err)
	}
	return p.URL(name)
}

func (p *Server) url() string { return p.URL("postgres") }

func (p *Server) exec(query string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, p.url())
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, query)
	return err
}

// findBinaries returns the folder of initdb and postgres: of PATH, else the
// newest version under /usr/lib/postgresql.
func findBinaries() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			return filepath.Dir(p), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", errors.New("no initdb on PATH or in /usr/lib/postgresql")
	}
	version := func(p string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(p))))
		return n
	}
	slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(found[len(found)-1]), nil
}

// unprivileged returns whom the server runs as: PostgreSQL refuses root, and
// initdb refuses a user without a passwd entry. nil is the user of the tests.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("running as root and there is no user postgres or nobody")
}
