package storetest

import "syscall"

// dieWithTests makes the server end also when the test binary dies without Main.
func dieWithTests(cred *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: cred, Pdeathsig: syscall.SIGQUIT}
}
