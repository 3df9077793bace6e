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
	"time"

	"github.com/jackc/pgx/v5"
)

const startTime = 60 * time.Second

// postgres is a running server in a temporary folder, reachable by its socket.
type postgres struct {
	dir    string
	cmd    *exec.Cmd
	exited chan struct{}
}

// startPostgres makes a cluster and starts a server on it. Its durability is
// switched off: tests kill clients, not the server's machine.
func startPostgres() (*postgres, error) {
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
	p := &postgres{dir: dir, exited: make(chan struct{})}
	if err := p.start(bin, cred); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return p, nil
}

func (p *postgres) start(bin string, cred *syscall.Credential) error {
	data := filepath.Join(p.dir, "data")
	if err := errors.Join(os.Chmod(p.dir, 0o711), os.Mkdir(data, 0o700)); err != nil {
		return err
	}
	if cred != nil {
		if err := os.Chown(data, int(cred.Uid), int(cred.Gid)); err != nil {
			return err
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
	initdb.Dir, initdb.SysProcAttr = data, &syscall.SysProcAttr{Credential: cred}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	var log bytes.Buffer
	p.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", data, "-h", "",
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
		"-c", "deadlock_timeout=50ms", "-c", "max_connections=300", "-c", "shared_buffers=32MB")
	p.cmd.Dir, p.cmd.Stderr = data, &log
	p.cmd.SysProcAttr = dieWithTests(cred)
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
			p.stop()
			return fmt.Errorf("postgres did not answer: %w", err)
		}
	}
}

// supervise starts the server and waits for its end on one operating system
// thread: the death signal is tied to the thread that started it.
func (p *postgres) supervise(started chan<- error) {
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
func (p *postgres) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	<-p.exited
	os.RemoveAll(p.dir)
}

func (p *postgres) url() string {
	return "postgres:///postgres?user=postgres&host=" + filepath.Join(p.dir, "data")
}

func (p *postgres) exec(query string) error {
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
