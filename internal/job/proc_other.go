//go:build !linux

package job

import "syscall"

// A Proc is a process of this machine. Only Linux shows environments, so
// elsewhere only process groups are followed.
type Proc struct {
	PID     int
	Parent  int
	Group   int
	Session int
	Zombie  bool
	Start   uint64
}

// Find finds nothing where there is no /proc.
func Find(func(Proc) bool) []Proc { return nil }

// Env is empty where there is no /proc.
func (p Proc) Env(string) string { return "" }

// UID is unknown where there is no /proc.
func (p Proc) UID() int { return -1 }

// Dir is empty where there is no /proc.
func (p Proc) Dir() string { return "" }

// Alive reports whether a process runs under the id.
func (p Proc) Alive() bool { return syscall.Kill(p.PID, 0) == nil }

// Signal sends a signal to the process.
func (p Proc) Signal(sig syscall.Signal) { _ = syscall.Kill(p.PID, sig) }

// membersOf returns the group of the program as if it were one process.
func membersOf(pid int, _ string) []Proc {
	if syscall.Kill(-pid, 0) != nil {
		return nil
	}
	return []Proc{{PID: -pid}}
}

func limited(path string, s Spec) (string, []string) { return path, s.Command }

func setLimits(int, Spec) error { return nil }

// BecomeReaper does nothing here.
func BecomeReaper() error { return nil }

// A Reaper has nothing to collect here.
type Reaper struct{}

// Look does nothing here.
func (r *Reaper) Look() {}
