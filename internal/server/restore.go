package server

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/backup"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/seal"
	"github.com/pave-platform/pave/internal/store"
)

// Restored says what Restore did.
type Restored struct {
	backup.Manifest
	Aside []string // what was there before, under its new name
}

// Restore makes the home, its store and, from the file keys where that is not "", its
// keys from a backup. What is there already stays, unless replace says that it may be
// set aside. Nothing is touched before the backup is proven whole and the key to be
// its own.
func Restore(ctx context.Context, c Config, file, keys string, replace bool) (r Restored, err error) {
	temp := c
	temp.Home, temp.Keys = c.Home+".restoring", c.Keys+".restoring"
	for _, left := range []string{temp.Home, temp.Keys} {
		if err := os.RemoveAll(left); err != nil {
			return r, err
		}
		defer os.RemoveAll(left)
	}
	var key *seal.Key
	if keys == "" {
		key, err = c.existingKey()
	} else {
		key, err = readKeys(keys, temp.Keys)
	}
	if err != nil {
		return r, err
	}
	if r.Manifest, err = backup.Inspect(file, key); err != nil {
		return r, err
	}
	if err := c.mayRestore(ctx, replace); err != nil {
		return r, err
	}
	if err := temp.prepare(); err != nil {
		return r, err
	}
	stamp := stamp()
	target := backup.Target{Home: temp.Home, Hooks: c.path("hooks"), Store: temp.store(), Key: key}
	if empty, err := store.Empty(ctx, temp.store()); err != nil {
		return r, err
	} else if !empty { // elsewhere than in the home
		if err := store.SetAside(ctx, temp.store(), strings.ReplaceAll("pave_"+stamp, "-", "_")); err != nil {
			return r, err
		}
		r.Aside = append(r.Aside, "tables of the store: pave_"+strings.ReplaceAll(stamp, "-", "_"))
	}
	if err := backup.Restore(ctx, file, r.Manifest, target); err != nil {
		return r, err
	}
	mark := []byte(r.Mark.Format(time.RFC3339) + "\n")
	if err := errors.Join(writeFile(temp.reviveFile(), mark, 0o600), temp.setDown(true)); err != nil {
		return r, err
	}
	return r, c.install(temp, stamp, keys != "", &r)
}

// install puts what was restored in its place, and what was there aside.
func (c Config) install(temp Config, stamp string, keys bool, r *Restored) error {
	places := [][2]string{{c.Home, temp.Home}}
	if keys {
		places = append(places, [2]string{c.Keys, temp.Keys})
	}
	for _, p := range places {
		aside, err := setAside(p[0], stamp)
		if err == nil {
			err = os.Rename(p[1], p[0])
		}
		if err != nil {
			return pave.Errorf(pave.Unavailable, "put %s in its place: %w", p[0], err).WithHint("restore again with --replace")
		}
		if aside != "" && !emptyFolder(aside) {
			r.Aside = append(r.Aside, aside)
		} else if aside != "" {
			_ = os.Remove(aside) // it held nothing
		}
	}
	return nil
}

// mayRestore is a Conflict while a platform runs in the home, or where there is one
// and it may not be replaced.
func (c Config) mayRestore(ctx context.Context, replace bool) error {
	for _, one := range append(c.others(), c) {
		if s, ok, err := one.readState(); err == nil && ok && isPave(s.PID) {
			return pave.Errorf(pave.Conflict, "a server runs for %s (pid %d)", c.Home, s.PID).WithHint("pave down")
		}
	}
	if _, err := node.Dial(c.socket()).Info(ctx); err == nil {
		return pave.Errorf(pave.Conflict, "the node of %s runs", c.Home).WithHint("pave down")
	}
	if replace {
		return nil
	}
	if !emptyFolder(c.Home) {
		return pave.Errorf(pave.Conflict, "%s is not empty", c.Home).
			WithHint("--replace sets it aside, or restore into another one: PAVE_HOME=/new/folder pave admin restore FILE")
	}
	if c.Store == "" {
		return nil
	}
	empty, err := store.Empty(ctx, c.store())
	if err == nil && !empty {
		return pave.Errorf(pave.Conflict, "the store of PAVE_STORE_URL is not empty").WithHint("--replace sets its tables aside, or name another database")
	}
	return err
}

// emptyFolder reports whether nothing is at a path, or a folder without anything in it.
func emptyFolder(path string) bool {
	entries, err := os.ReadDir(path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0
}

// reviveFile is there after a restore until every service has again what it had.
func (c Config) reviveFile() string { return c.path("restored") }

// revive makes what services had again, after a restore.
func (s *instance) revive(ctx context.Context) {
	for pause := time.Second; ; pause = min(pause*5/4, 3*time.Second) {
		info, err := os.Stat(s.cfg.reviveFile())
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err == nil && s.engine.Executing() {
			done, err := s.platform.Revive(ctx, info.ModTime())
			if err != nil && ctx.Err() == nil {
				s.log.Warn("services are not all back yet", "err", err)
			}
			if done {
				s.log.Info("services are back after the restore")
				_ = os.Remove(s.cfg.reviveFile())
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}
