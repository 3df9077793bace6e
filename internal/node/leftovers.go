package node

import (
	"os"
	"path/filepath"
	"strings"
)

// removeLeftovers removes the folders and files of items that are wanted no more,
// and files half written: a node that was killed between forgetting an item and
// removing what it had leaves them behind. The caller holds the home's lock.
func (n *Node) removeLeftovers() {
	known := func(kind, id string) (ok bool) {
		switch kind {
		case "workload":
			_, ok = n.want.Workloads[id]
		case "job":
			_, ok = n.want.Jobs[id]
		case "server":
			_, ok = n.want.Servers[id]
		case "identity":
			_, ok = n.want.Identities[id]
		}
		return ok
	}
	n.removeUnless("work", func(name string) bool {
		kind, id, _ := strings.Cut(name, "-")
		return known(kind, id)
	})
	for _, kind := range []string{"workload", "job", "server"} {
		n.removeUnless(filepath.Join("logs", kind), func(name string) bool { return known(kind, name) })
	}
	n.removeUnless("identities", func(name string) bool { return known("identity", strings.TrimSuffix(name, ".jwt")) })
	n.removeUnless("servers", func(name string) bool { return !strings.HasPrefix(name, ".") })
	whole := func(name string) bool { return !strings.HasPrefix(name, ".new-") } // else a write that was cut off
	n.removeUnless("", whole)
	servers, _ := os.ReadDir(filepath.Join(n.opts.Home, "servers")) // none yet: nothing was written there
	for _, s := range servers {
		n.removeUnless(filepath.Join("servers", s.Name()), whole)
	}
}

// removeUnless removes what lies in a folder of the home and is not to be kept.
func (n *Node) removeUnless(dir string, keep func(name string) bool) {
	path := filepath.Join(n.opts.Home, dir)
	entries, _ := os.ReadDir(path) // none yet: nothing to remove
	for _, e := range entries {
		if keep(e.Name()) {
			continue
		}
		left := filepath.Join(path, e.Name())
		n.log.Info("removing what belongs to nothing wanted", "path", left)
		if err := os.RemoveAll(left); err != nil {
			n.log.Warn("not removed", "path", left, "err", err)
		}
	}
}
