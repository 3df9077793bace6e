package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/backup"
	"github.com/pave-platform/pave/internal/seal"
	"github.com/pave-platform/pave/internal/store"
)

// Backup writes the state of the platform into a file, or into a new file of a
// folder, and the keys into another one where keys is not "". The server may run
// meanwhile. It returns the name of the file.
func Backup(ctx context.Context, c Config, path, keys string) (string, backup.Report, error) {
	var none backup.Report
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "pave-"+time.Now().UTC().Format("20060102-150405")+".backup")
	}
	db, err := store.OpenExisting(ctx, c.store())
	if err != nil {
		return path, none, err
	}
	defer db.Close()
	key, err := c.existingKey()
	if err != nil {
		return path, none, err
	}
	log := access.New(db)
	err = db.Tx(ctx, func(tx *store.Tx) error { return log.AuditTx(ctx, tx, "backup", "platform:"+c.Home, path) })
	if err != nil {
		return path, none, err
	}
	if keys != "" {
		if err := c.writeKeys(keys); err != nil {
			return path, none, err
		}
	}
	r, err := backup.Write(ctx, backup.Source{DB: db, Key: key, Version: c.Version, Home: c.Home,
		Repositories: c.path("git"), Folders: []string{"templates", "releases", "terraform/modules", "terraform/states"}}, path)
	return path, r, err
}

// existingKey opens the server's key and never makes one.
func (c Config) existingKey() (*seal.Key, error) {
	if _, err := os.Stat(c.serverKey()); errors.Is(err, fs.ErrNotExist) {
		return nil, pave.Errorf(pave.NotFound, "there is no key %s", c.serverKey()).WithHint("name the file of keys with --keys FILE")
	}
	return seal.LoadOrCreate(c.serverKey())
}

// keyring is a file of keys: the text of each by its name.
type keyring struct {
	Format int               `json:"format"`
	Keys   map[string]string `json:"keys"`
}

// writeKeys writes all keys but those of the node, which is made anew, into a file
// that is not there yet.
func (c Config) writeKeys(path string) error {
	ring := keyring{Format: backup.Format, Keys: map[string]string{}}
	files, err := os.ReadDir(c.Keys)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !f.Type().IsRegular() || f.Name() == filepath.Base(c.nodeKey()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(c.Keys, f.Name()))
		if err != nil {
			return err
		}
		ring.Keys[f.Name()] = string(text)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return pave.Errorf(pave.Conflict, "write the keys: %w", err).WithHint("name a new file for the keys")
	}
	return errors.Join(json.NewEncoder(f).Encode(ring), f.Sync(), f.Close())
}

// readKeys reads a file of keys into a new folder, from which they are opened.
func readKeys(path, into string) (*seal.Key, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, pave.Errorf(pave.NotFound, "read the keys: %w", err).WithHint("name the file that pave admin backup --with-keys wrote")
	}
	var ring keyring
	if err := json.Unmarshal(data, &ring); err != nil || ring.Keys["server.key"] == "" {
		return nil, pave.Errorf(pave.Invalid, "%s is no file of keys", path).WithHint("name the file that pave admin backup --with-keys wrote")
	}
	if ring.Format > backup.Format {
		return nil, pave.Errorf(pave.Conflict, "the keys were written by a newer pave (format %d)", ring.Format).WithHint("use the version that wrote them, or a newer one")
	}
	if err := os.MkdirAll(into, 0o700); err != nil {
		return nil, err
	}
	for name, text := range ring.Keys {
		if name != filepath.Base(name) || name == "." || name == ".." {
			return nil, pave.Errorf(pave.Invalid, "a key is called %q", name)
		}
		if err := os.WriteFile(filepath.Join(into, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return seal.LoadOrCreate(filepath.Join(into, "server.key"))
}

// setAside renames what is there to a name of its own and returns that.
func setAside(path, stamp string) (string, error) {
	aside := path + "." + stamp
	err := os.Rename(path, aside)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", pave.Errorf(pave.Unavailable, "set %s aside: %w", path, err).WithHint("move it away yourself, then restore again")
	}
	return aside, nil
}

func stamp() string { return fmt.Sprintf("before-%s", time.Now().UTC().Format("20060102150405")) }
