package node

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

// Ports the node gives away. They lie below the range from which the kernel
// takes the ports of outgoing connections, so that a port that was kept is free
// again after a restart.
const (
	firstPort = 20000
	lastPort  = 29999
)

// ports knows which loopback ports the node has given away.
type ports struct {
	mu   sync.Mutex
	used map[int]bool
}

func newPorts() *ports { return &ports{used: map[int]bool{}} }

// take returns a port that is free on loopback, and keeps it until release.
func (p *ports) take() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	count := lastPort - firstPort + 1
	start := rand.IntN(count)
	for i := range count {
		port := firstPort + (start+i)%count
		if !p.used[port] && portFree(port) {
			p.used[port] = true
			return port, nil
		}
	}
	return 0, pave.Errorf(pave.Unavailable, "no loopback port from %d to %d is free", firstPort, lastPort)
}

// reserve keeps a port that was given away before, or by somebody else.
func (p *ports) reserve(port int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used[port] = true
}

func (p *ports) release(port int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.used, port)
}

func portFree(port int) bool {
	l, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// lock takes the file for this process until unlock, or until it dies.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, diskError(path, err)
	}
	for range 20 { // a node that goes down is about to let go
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		f.Close()
		return nil, pave.Errorf(pave.Conflict, "another node runs in %q", filepath.Dir(path)).
			WithHint("pave down, or choose another PAVE_HOME")
	}
	return func() { f.Close() }, nil
}

// endLeftovers ends what a node of this home that died has left behind: programs
// first, then the servers they use.
func (n *Node) endLeftovers() {
	left := job.Find(func(p job.Proc) bool { return p.Env(nodeMarker) == n.mark })
	if len(left) > 0 {
		n.log.Warn("ending what a node that died left behind", "processes", len(left))
	}
	var servers, programs []job.Proc
	for _, p := range left {
		if n.isServer(p) {
			servers = append(servers, p)
		} else {
			programs = append(programs, p)
		}
	}
	endProcs(programs, syscall.SIGTERM, job.DefaultGrace)
	endProcs(servers, syscall.SIGINT, serverGrace)
	// What was started while we looked, and what did not end.
	for range 20 {
		left = job.Find(func(p job.Proc) bool { return p.Env(nodeMarker) == n.mark })
		if len(left) == 0 {
			return
		}
		endProcs(left, syscall.SIGKILL, time.Second)
	}
}

// endProcs sends the signal, waits for the grace, then kills.
func endProcs(procs []job.Proc, sig syscall.Signal, grace time.Duration) {
	for _, p := range procs {
		p.Signal(sig)
	}
	deadline := time.Now().Add(grace)
	for pause := time.Millisecond; time.Now().Before(deadline); pause = min(2*pause, 50*time.Millisecond) {
		if !anyAlive(procs) {
			return
		}
		time.Sleep(pause)
	}
	for _, p := range procs {
		p.Signal(syscall.SIGKILL)
	}
}

func anyAlive(procs []job.Proc) bool {
	for _, p := range procs {
		if p.Alive() {
			return true
		}
	}
	return false
}

// checkReachable says whether the users programs run as can get to the home.
func checkReachable(home string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	for dir := home; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return diskError(dir, err)
		}
		if info.Mode().Perm()&0o001 == 0 {
			return pave.Errorf(pave.Invalid, "the home %q cannot be entered by the users programs run as: %q has mode %04o", home, dir, info.Mode().Perm()).
				WithHint("chmod o+x %s, or choose another PAVE_HOME", dir)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// privateDir makes a folder that only the uid may enter.
func privateDir(path string, uid, gid int) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return diskError(path, err)
	}
	if uid > 0 && os.Geteuid() == 0 {
		if err := os.Lchown(path, uid, gid); err != nil {
			return diskError(path, err)
		}
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return diskError(path, err)
	}
	return nil
}

// environment is what every program gets: its own variables, a home and a
// temporary folder of its own unless they say otherwise, and the marks by which
// the node finds it again.
func (n *Node) environment(item, workDir string, uid int, vars map[string]string) (map[string]string, error) {
	if err := os.MkdirAll(workDir, 0o711); err != nil {
		return nil, diskError(workDir, err)
	}
	home, tmp := filepath.Join(workDir, "home"), filepath.Join(workDir, "tmp")
	if err := errors.Join(privateDir(home, uid, uid), privateDir(tmp, uid, uid)); err != nil {
		return nil, err
	}
	env := map[string]string{"PATH": programPath(), "HOME": home, "TMPDIR": tmp}
	for k, v := range vars {
		env[k] = v
	}
	env[nodeMarker], env[itemMarker] = n.mark, item
	return env, nil
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
