package node

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/pave-platform/pave"
)

// Marks in the command of a workload. They stand for what only the replica knows.
const (
	portMark = "${PORT}"
	hostMark = "${HOST}"
	selfMark = "${PAVE}" // as the program: pave itself
)

// readyTCP as the ready path says the same as none: the port must accept.
const readyTCP = "tcp"

// command is what a replica runs: the marks replaced, and where the program is pave
// itself, a copy of it that the user of the service may read.
func (n *Node) command(argv []string, env map[string]string, secrets map[string]pave.Secret) ([]string, error) {
	marks := strings.NewReplacer(portMark, env["PORT"], hostMark, orLoopback(env["HOST"]))
	var out []string
	for _, a := range argv {
		if name, value, ok := unlessSet(a); ok {
			_, set := env[name]
			if _, secret := secrets[name]; set || secret {
				continue // what the service has wins
			}
			a = name + "=" + value
		}
		out = append(out, marks.Replace(a))
	}
	if i := slices.Index(out, selfMark); i >= 0 {
		self, err := n.self.path(filepath.Join(n.opts.Home, "bin"))
		if err != nil {
			return nil, err
		}
		out[i] = self
	}
	return out, nil
}

// unlessSet takes a word NAME=${NAME:-VALUE} apart.
func unlessSet(word string) (name, value string, ok bool) {
	name, rest, _ := strings.Cut(word, "=")
	value, ok = strings.CutPrefix(rest, "${"+name+":-")
	value, closed := strings.CutSuffix(value, "}")
	return name, value, ok && closed && name != ""
}

func orLoopback(host string) string {
	if host == "" {
		return "127.0.0.1"
	}
	return host
}

// self is the program of this node, where programs of other users can read it.
type self struct {
	mu     sync.Mutex
	copied string
}

// path copies the program once in the life of a node: it may lie in a folder that
// only its owner enters, and it may be replaced while services run from the copy.
func (s *self) path(dir string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.copied != "" {
		return s.copied, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", diskError(dir, err)
	}
	in, err := os.Open("/proc/self/exe")
	if err != nil {
		executable, e := os.Executable()
		if e != nil {
			return "", pave.Errorf(pave.Internal, "find our own program: %w", e)
		}
		if in, err = os.Open(executable); err != nil {
			return "", diskError(executable, err)
		}
	}
	defer in.Close()
	to := filepath.Join(dir, "pave")
	if err := copyProgram(in, to); err != nil {
		_ = os.Remove(to + ".new")
		return "", diskError(to, err)
	}
	s.copied = to
	return to, nil
}

func copyProgram(in io.Reader, to string) error {
	fresh := to + ".new"
	if err := os.Remove(fresh); err != nil && !os.IsNotExist(err) {
		return err
	}
	out, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if e := out.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Chmod(fresh, 0o755) // whatever the umask says
	}
	if err == nil {
		err = os.Rename(fresh, to)
	}
	return err
}

// programPath is the PATH of programs that do not bring one: the usual folders,
// then those of the node's own that everybody may enter.
var programPath = sync.OnceValue(func() string {
	out := filepath.SplitList(defaultPath)
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.IsAbs(dir) && !slices.Contains(out, dir) && openToAll(dir) {
			out = append(out, dir)
		}
	}
	return strings.Join(out, string(os.PathListSeparator))
})

// openToAll reports whether a folder of root's, or of our own user, can be entered
// by every user. Folders that others may write do not count.
func openToAll(dir string) bool {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || !info.IsDir() || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok || stat.Uid != 0 && int(stat.Uid) != os.Geteuid() || info.Mode().Perm()&0o002 != 0 && info.Mode()&os.ModeSticky == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}
