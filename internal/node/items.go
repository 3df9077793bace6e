package node

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/pave-platform/pave"
)

// put sets an item in one of the wanted maps and writes the wanted file; when
// that fails nothing has changed. The caller holds mu.
func put[T any](n *Node, items map[string]T, id string, item T) error {
	old, had := items[id]
	if !had && len(items) >= maxItems {
		return pave.Errorf(pave.Unavailable, "the node holds %d items of this kind already", maxItems).
			WithHint("delete what is no longer used")
	}
	items[id] = item
	err := n.want.save(n.wantedPath(), n.key)
	if err != nil && had {
		items[id] = old
	} else if err != nil {
		delete(items, id)
	}
	return err
}

// drop takes an item out of one of the wanted maps, likewise.
func drop[T any](n *Node, items map[string]T, id string) error {
	old, had := items[id]
	if !had {
		return nil
	}
	delete(items, id)
	err := n.want.save(n.wantedPath(), n.key)
	if err != nil {
		items[id] = old
	}
	return err
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

func checkID(id string) error {
	if !idPattern.MatchString(id) {
		return pave.BadField("id", id, "is not an id", "use up to 100 of a-z, A-Z, 0-9, '.', '_' and '-', starting with a letter or digit")
	}
	return nil
}

// checkUID refuses to run anything as root, or as someone we cannot become.
func checkUID(uid int) error {
	switch own := os.Geteuid(); {
	case own == 0 && uid <= 0:
		return pave.BadField("uid", fmt.Sprint(uid), "would run the program as root", "give it a uid of its own, 70000 or above")
	case own != 0 && uid != 0 && uid != own:
		return pave.BadField("uid", fmt.Sprint(uid), "needs a node that runs as root", "leave the uid out")
	}
	return nil
}

func notFound(kind, id string) error {
	return pave.Errorf(pave.NotFound, "the node has no %s %q", kind, id)
}

// logOf opens the log of an item once. The caller holds mu.
func (n *Node) logOf(kind, id string) (*logFile, error) {
	key := kind + "/" + id
	if l := n.logs[key]; l != nil {
		return l, nil
	}
	l, err := openLog(filepath.Join(n.opts.Home, "logs", kind, id), n.opts.logLimits)
	if err == nil {
		n.logs[key] = l
	}
	return l, err
}

// dropLog removes the log of an item. The caller holds mu.
func (n *Node) dropLog(kind, id string) {
	key := kind + "/" + id
	if l := n.logs[key]; l != nil {
		l.end()
		delete(n.logs, key)
	}
	_ = os.RemoveAll(filepath.Join(n.opts.Home, "logs", kind, id))
}
