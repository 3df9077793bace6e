//go:build unix && !linux

package storetest

import "syscall"

// dieWithTests cannot tie the server to the test binary here: one that dies
// without Main leaves it running.
func dieWithTests(cred *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: cred}
}
