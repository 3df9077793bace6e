package node

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pave-platform/pave"
)

// Servers that belong to somebody have a folder with a mark: whose it is, and the
// port it keeps. The mark is written before the folder has its name, so that a
// crash never leaves one that looks like a stranger's. What is set aside keeps its
// mark, and its port.

const markName = "owner.json"

type mark struct {
	Owner string `json:"owner"`
	Port  int    `json:"port"`
}

// readMark returns the mark of a folder; the zero mark where it has none.
func readMark(dir string) (m mark) {
	data, err := os.ReadFile(filepath.Join(dir, markName))
	if err == nil && json.Unmarshal(data, &m) == nil {
		return m
	}
	return mark{}
}

func (m mark) write(dir string) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, markName), append(data, '\n'), 0o600, -1)
}

// serverFolders calls visit with every folder of a server, marked or not.
func (n *Node) serverFolders(visit func(name string, m mark)) {
	entries, _ := os.ReadDir(filepath.Join(n.opts.Home, "servers")) // made at the start
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") { // half made, or half removed
			visit(e.Name(), readMark(n.serverDir(e.Name())))
		}
	}
}

// folderOf is the name of an owner's folder, "" where there is none.
func (n *Node) folderOf(owner string) (name string, m mark) {
	n.serverFolders(func(at string, have mark) {
		if have.Owner == owner {
			name, m = at, have
		}
	})
	return name, m
}

// ownFolder makes sure that the folder of a server is its owner's: what was set
// aside is brought back, and where there is nothing an empty one is made. Conflict
// where somebody else has the name.
func (n *Node) ownFolder(s Server) error {
	dir := n.serverDir(s.ID)
	want := mark{s.Owner, s.Port}
	_, err := os.Lstat(dir)
	switch {
	case err == nil && readMark(dir).Owner != s.Owner:
		return pave.Errorf(pave.Conflict, "the folder %q exists and is not of %s", dir, s.Owner).
			WithHint("move it away, or choose another name")
	case err == nil && readMark(dir) == want:
		return nil
	case err == nil:
		return want.write(dir)
	case !errors.Is(err, fs.ErrNotExist):
		return diskError(dir, err)
	}
	if name, _ := n.folderOf(s.Owner); name != "" {
		if err := want.write(n.serverDir(name)); err != nil {
			return err
		}
		return renameDir(n.serverDir(name), dir)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), ".new-")
	if err != nil {
		return diskError(dir, err)
	}
	if err = want.write(fresh); err == nil {
		err = os.Chmod(fresh, 0o711)
	}
	if err == nil {
		err = renameDir(fresh, dir)
	}
	if err != nil {
		_ = os.RemoveAll(fresh)
	}
	return err
}

// renameDir renames a folder so that a crash of the machine cannot undo it.
func renameDir(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return diskError(to, err)
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return diskError(to, err)
	}
	defer dir.Close()
	return dir.Sync()
}

// folders lists all folders of servers for the API.
func (n *Node) folders() []ServerFolder {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := []ServerFolder{}
	n.serverFolders(func(name string, m mark) {
		f := ServerFolder{Name: name, Owner: m.Owner}
		if m.Owner != "" {
			f.Bytes = sizeOf(n.serverDir(name))
		}
		out = append(out, f)
	})
	return out
}

// sizeOf adds up the files of a folder; those that go meanwhile are left out.
func sizeOf(dir string) (total int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return total
}

var asidePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}~[A-Za-z0-9._-]{1,40}$`)

// setServerAside stops the server of an owner and renames its folder. Absence is
// success.
func (n *Node) setServerAside(owner, name string) error {
	if !asidePattern.MatchString(name) {
		return pave.BadField("name", name, "is no name to set aside under", "NAME~ID")
	}
	return n.dismissOwned(owner, func(dir string, _ mark) error {
		to := n.serverDir(name)
		if dir == to {
			return nil
		}
		if _, err := os.Lstat(to); err == nil {
			return pave.Errorf(pave.Conflict, "the folder %q exists", to).WithHint("move it away")
		}
		return renameDir(dir, to)
	})
}

// removeServer stops the server of an owner and removes its data for good, also
// where it was set aside. Absence is success.
func (n *Node) removeServer(owner string) error {
	return n.dismissOwned(owner, func(dir string, m mark) error {
		// Out of sight first: a folder half removed would have lost its mark.
		old, err := os.MkdirTemp(filepath.Dir(dir), ".old-")
		if err == nil {
			err = os.Rename(dir, filepath.Join(old, "server"))
		}
		if err == nil {
			err = os.RemoveAll(old)
		}
		if err != nil {
			return diskError(dir, err)
		}
		n.ports.release(m.Port)
		return nil
	})
}

// dismissOwned stops the server of an owner, if it runs, and calls then with the
// owner's folder, if there is one.
func (n *Node) dismissOwned(owner string, then func(dir string, m mark) error) error {
	if err := checkID(owner); err != nil {
		return err
	}
	n.mu.Lock()
	id := ""
	for _, s := range n.want.Servers {
		if s.Owner == owner {
			id = s.ID
		}
	}
	n.mu.Unlock()
	again := pave.Errorf(pave.Unavailable, "the server of %s was put again meanwhile", owner).WithHint("it is tried again")
	return n.dismiss(id, again, func() error {
		name, m := n.folderOf(owner)
		if name == "" {
			return nil
		}
		return then(n.serverDir(name), m)
	})
}
