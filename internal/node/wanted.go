package node

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/seal"
)

// A wire carries an item with its secrets in the clear. It is written only to
// the unix socket and, sealed, to the wanted file.
type wire[T any] struct {
	Item    T                 `json:"item"`
	Secrets map[string]string `json:"secrets,omitempty"`
}

func reveal(secrets map[string]pave.Secret) map[string]string {
	out := make(map[string]string, len(secrets))
	for k, v := range secrets {
		out[k] = v.Reveal()
	}
	return out
}

func conceal(plain map[string]string) map[string]pave.Secret {
	out := make(map[string]pave.Secret, len(plain))
	for k, v := range plain {
		out[k] = pave.NewSecret(v)
	}
	return out
}

func workloadWire(w Workload) *wire[Workload] {
	return &wire[Workload]{w, reveal(w.Secrets)}
}

func (w *wire[T]) secrets() map[string]pave.Secret { return conceal(w.Secrets) }

// wanted is all a node must know to go on after a crash. It is kept in one file,
// sealed as a whole: what it names is as private as the secrets in it.
type wanted struct {
	Version    int                        `json:"version"`
	Workloads  map[string]*wantedWorkload `json:"workloads"`
	Routes     map[string]Route           `json:"routes"`
	Jobs       map[string]JobStatus       `json:"jobs"` // records, without command or secrets
	Identities map[string]Identity        `json:"identities"`
	Servers    map[string]Server          `json:"servers"`
	SigningKey []byte                     `json:"signing_key"` // PKCS 8

	Environments map[string]Environment `json:"environments,omitempty"`
}

type wantedWorkload struct {
	Want    *wire[Workload] `json:"want"`
	Serving *wire[Workload] `json:"serving,omitempty"` // the last that was ready, when it is not Want
	Served  bool            `json:"served,omitempty"`  // Want was ready once
	Failure *failure        `json:"failure,omitempty"` // of Want
}

type failure struct {
	Reason    string   `json:"reason"`
	LastLines []string `json:"last_lines,omitempty"`
}

func newWanted() *wanted {
	return &wanted{
		Version:   1,
		Workloads: map[string]*wantedWorkload{}, Routes: map[string]Route{}, Jobs: map[string]JobStatus{},
		Identities: map[string]Identity{}, Servers: map[string]Server{}, Environments: map[string]Environment{},
	}
}

// loadWanted reads the wanted file; a file that is not there is an empty set. One
// that cannot be opened is an error: the node does not start over what it lost.
func loadWanted(path string, key *seal.Key) (*wanted, error) {
	sealed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newWanted(), nil
	}
	if err != nil {
		return nil, diskError(path, err)
	}
	w := newWanted()
	if err := key.OpenJSON(sealed, w); err != nil {
		return nil, pave.Errorf(pave.Invalid, "cannot open what the node should run, %q: %w", path, err).
			WithHint("restore the node's key; or move %s away, and the server will put everything again", path)
	}
	return w, nil
}

func (w *wanted) save(path string, key *seal.Key) error {
	sealed, err := key.SealJSON(w)
	if err != nil {
		return err
	}
	return writeFile(path, sealed, 0o600, -1)
}

// writeFile replaces a file so that a crash leaves the old or the new one, never
// a part. It is given to the uid unless that is negative. Errors are Unavailable.
func writeFile(path string, data []byte, mode fs.FileMode, uid int) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return diskError(path, err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err == nil && uid >= 0 {
		err = tmp.Chown(uid, uid)
	}
	if err := errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close()); err != nil {
		return diskError(path, err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return diskError(path, err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return diskError(path, err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return diskError(path, err)
	}
	return nil
}

// diskError tells a full disk from other trouble with a file.
func diskError(path string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return pave.Errorf(pave.Unavailable, "disk full: cannot write %q: %w", path, err).
			WithHint("free space in %s, then retry", filepath.Dir(path))
	}
	return pave.Errorf(pave.Unavailable, "cannot read or write %q: %w", path, err).
		WithHint("check that the node's user owns %s", filepath.Dir(path))
}
