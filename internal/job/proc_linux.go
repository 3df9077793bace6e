package job

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Proc is a process of this machine as it was seen in /proc. Start makes it
// unique: process ids come back, pairs of id and start time do not.
type Proc struct {
	PID     int
	Parent  int
	Group   int
	Session int
	Zombie  bool
	Start   uint64 // clock ticks since boot
}

// Find lists the living processes (no zombies, not this one) that match.
// Processes we may not look into have an empty environment.
func Find(match func(Proc) bool) []Proc {
	var found []Proc
	eachProc(func(p Proc) {
		if !p.Zombie && !own(p.PID) && match(p) {
			found = append(found, p)
		}
	})
	return found
}

func eachProc(visit func(Proc)) {
	dir, err := os.Open("/proc")
	if err != nil {
		return
	}
	names, _ := dir.Readdirnames(-1)
	dir.Close()
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if p, ok := readProc(pid); ok {
			visit(p)
		}
	}
}

// readProc reads /proc/PID/stat: after the name in parentheses, which may itself
// hold spaces and parentheses, come state, parent, group, session and, as 22nd
// field, the start time.
func readProc(pid int) (Proc, bool) {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return Proc{}, false
	}
	f := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(f) < 20 {
		return Proc{}, false
	}
	num := func(i int) int { n, _ := strconv.Atoi(string(f[i])); return n }
	start, _ := strconv.ParseUint(string(f[19]), 10, 64)
	state := f[0][0]
	return Proc{
		PID: pid, Parent: num(1), Group: num(2), Session: num(3),
		Zombie: state == 'Z' || state == 'X', Start: start,
	}, true
}

// Env returns the variable from the environment the process was started with.
func (p Proc) Env(name string) string {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "environ"))
	if err != nil {
		return ""
	}
	for kv := range bytes.SplitSeq(data, []byte{0}) {
		if v, ok := bytes.CutPrefix(kv, []byte(name+"=")); ok {
			return string(v)
		}
	}
	return ""
}

// UID returns the user the process runs as, -1 where that cannot be read. It is not
// taken from the owner of the folder in /proc: a process can make that root.
func (p Proc) UID() int {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "status"))
	if err != nil {
		return -1
	}
	for line := range bytes.Lines(data) {
		if f := bytes.Fields(line); len(f) > 1 && string(f[0]) == "Uid:" {
			if uid, err := strconv.Atoi(string(f[1])); err == nil {
				return uid
			}
		}
	}
	return -1
}

// Dir returns the working directory of the process.
func (p Proc) Dir() string {
	dir, _ := os.Readlink(filepath.Join("/proc", strconv.Itoa(p.PID), "cwd"))
	return dir
}

// Alive reports whether it is still this process that runs under the id.
func (p Proc) Alive() bool {
	q, ok := readProc(p.PID)
	return ok && q.Start == p.Start && !q.Zombie
}

// Signal sends a signal to this very process. A handle is opened before the
// process is looked at again, so that a process that took over the id is safe.
func (p Proc) Signal(sig syscall.Signal) {
	h, err := os.FindProcess(p.PID)
	if err != nil {
		return
	}
	defer func() { _ = h.Release() }()
	if p.Alive() {
		_ = h.Signal(sig)
	}
}

// membersOf lists the group and the session of a program we started, and
// whatever carries its marker.
func membersOf(pid int, id string) []Proc {
	return Find(func(q Proc) bool {
		return q.PID == pid || q.Group == pid || q.Session == pid || q.Env(Marker) == id
	})
}

// prlimitTool sets limits on itself and becomes the program.
const prlimitTool = "/usr/bin/prlimit"

// limited puts the limits in front of a program that runs as another user:
// without CAP_SYS_RESOURCE, which containers seldom have, not even root may
// limit another user's process from outside.
func limited(path string, s Spec) (string, []string) {
	if !s.otherUser() || s.Limits == (Limits{}) || executable(prlimitTool) != nil {
		return path, s.Command
	}
	argv := []string{"prlimit", "--core=0"}
	if s.Limits.Files > 0 {
		argv = append(argv, fmt.Sprintf("--nofile=%d", s.Limits.Files))
	}
	if s.Limits.MemoryMB > 0 {
		argv = append(argv, fmt.Sprintf("--data=%d", s.Limits.MemoryMB<<20))
	}
	return prlimitTool, append(append(argv, "--", path), s.Command[1:]...)
}

// setLimits limits a program right after its start, unless prlimitTool does. The
// few instructions it may have run before had our limits; all it starts later
// has these.
func setLimits(pid int, s Spec) error {
	set := func(resource int, value uint64) error {
		err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: value, Max: value}, nil)
		if errors.Is(err, unix.ESRCH) {
			return nil // it has ended already
		}
		return err
	}
	if s.otherUser() && executable(prlimitTool) == nil {
		return nil
	}
	_ = set(unix.RLIMIT_CORE, 0) // a core file would hold secrets
	var err error
	if s.Limits.Files > 0 {
		err = errors.Join(err, set(unix.RLIMIT_NOFILE, uint64(s.Limits.Files)))
	}
	if s.Limits.MemoryMB > 0 {
		err = errors.Join(err, set(unix.RLIMIT_DATA, uint64(s.Limits.MemoryMB)<<20))
	}
	return err
}

// maxProcesses is how many processes and threads each user has that root starts
// programs as: a fork bomb ends there, far below what a machine has.
const maxProcesses = 4096

// BecomeReaper makes this process the parent of all orphans among its
// descendants, switches its core files off, and as root bounds the processes of
// the users it starts programs as; root itself is exempt.
func BecomeReaper() error {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	if os.Geteuid() == 0 {
		_ = unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{Cur: maxProcesses, Max: maxProcesses}) // fails where it is lower already
	}
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

// A Reaper collects orphans that ended. Children that were started by this
// program are waited for by whoever started them, at once; a zombie that two
// looks in a row see is therefore an orphan. The zero value is ready.
type Reaper struct{ seen map[Proc]bool }

// Look collects the zombies that the last look saw too. Looks must be at least a
// second apart.
func (r *Reaper) Look() {
	now := map[Proc]bool{}
	eachProc(func(p Proc) {
		if !p.Zombie || !own(p.Parent) {
			return
		}
		if r.seen[p] {
			_, _ = syscall.Wait4(p.PID, nil, syscall.WNOHANG, nil)
			return
		}
		now[p] = true
	})
	r.seen = now
}
