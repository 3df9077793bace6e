package server

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"syscall"

	"github.com/pave-platform/pave"
)

// minFree is how much disk space must be free for a service to be made, in bytes.
const minFree = 512 << 20

// diskCheck says whether there is room for builds and data.
func (c Config) diskCheck() pave.Check {
	check := pave.Check{Name: "disk", Fix: "free space on the disk of " + c.Home + ", or set PAVE_HOME to another one"}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(c.Home, &fs); err != nil {
		check.Detail = err.Error()
		return check
	}
	free := fs.Bavail * uint64(fs.Bsize)
	check.Detail = fmt.Sprintf("%d MB free at %s", free>>20, c.Home)
	if free < minFree {
		return check
	}
	check.OK, check.Fix = true, ""
	return check
}

// keyCheck says whether the key that sealed the secrets is there and private.
func (c Config) keyCheck() pave.Check {
	check := pave.Check{Name: "key", Detail: c.serverKey()}
	if _, err := c.openKey(); err != nil {
		check.Detail, check.Fix = err.Error(), pave.HintOf(err)
		return check
	}
	check.OK = true
	return check
}

// LocalChecks are the doctor's checks that need no server.
func LocalChecks(ctx context.Context, c Config) []pave.Check {
	out := []pave.Check{}
	for _, tool := range []struct{ name, fix string }{
		{"go", "install Go 1.26 or newer: https://go.dev/dl"}, {"git", "apt-get install -y git"}} {
		check := pave.Check{Name: tool.name + " on PATH", Fix: tool.fix}
		if path, err := exec.LookPath(tool.name); err == nil {
			check.OK, check.Detail, check.Fix = true, path, ""
		} else {
			check.Detail = "not found"
		}
		out = append(out, check)
	}
	out = append(out, languageChecks(c)...)
	if err := c.prepare(); err != nil {
		return append(out, pave.Check{Name: "state folder", Detail: err.Error(), Fix: pave.HintOf(err)})
	}
	out = append(out, pave.Check{Name: "state folder", OK: true, Detail: c.Home}, c.diskCheck(), c.keyCheck())
	if _, err := Find(ctx, c); err != nil {
		out = append(out, c.portCheck("API", c.Listen, "PAVE_LISTEN"), c.portCheck("router", c.Router, "PAVE_ROUTER"))
	}
	return out
}

// portCheck says whether an address is free while no server runs.
func (c Config) portCheck(what, address, variable string) pave.Check {
	check := pave.Check{Name: what + " port", Detail: address}
	l, err := net.Listen("tcp", address)
	if err != nil {
		if s, ok, serr := c.readState(); serr == nil && ok && what == "router" && s.Router == address {
			check.OK, check.Detail = true, address+" (our own node)"
			return check
		}
		check.Detail, check.Fix = err.Error(), fmt.Sprintf("end the program that has it (ss -ltnp), or set %s=127.0.0.1:PORT", variable)
		return check
	}
	l.Close()
	check.OK = true
	return check
}
