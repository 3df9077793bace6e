// Package server puts the platform together and gives it its life cycle: it opens
// the store, registers drivers and doors, starts and watches the node, and is
// found or started by every command. Nothing else knows all the parts.
package server

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
)

// The ports of a laptop; never another one silently.
const (
	DefaultListen = "127.0.0.1:7070"
	DefaultRouter = "127.0.0.1:7080"
)

// Config is where things lie and where they listen. Flag over environment over
// default.
type Config struct {
	Home      string   // state
	Keys      string   // keys, outside the state and its backups
	Listen    string   // address of the API and git; port 0 picks one and keeps it
	Router    string   // address of the router; port 0 likewise
	Templates []string // folders with more golden paths
	Store     string   // URL of the store; "" is SQLite in Home
	Postgres  string   // URL of a superuser on the tenants' server; "" is ours
	Version   string
	// Keep is how long runs that have ended are remembered.
	Keep time.Duration
	// Name tells a further server of the home from the first, whose name is "".
	Name string
	TLS  TLS // for other machines
	// Allow lists private addresses that templates may be fetched from; see
	// httpc.Options.
	Allow []string
	// Credentials is a file with logins for git hosts; "" is none.
	Credentials string
	// Terraform is the name or path of the program that modules are run with; "" is
	// terraform, else tofu.
	Terraform string
	OIDC      OIDC
}

// FromEnvironment is the configuration of this machine and user: PAVE_HOME,
// PAVE_CONFIG, PAVE_LISTEN, PAVE_ROUTER, PAVE_TEMPLATES, PAVE_STORE_URL,
// PAVE_POSTGRES_URL, PAVE_ALLOW, PAVE_CREDENTIALS, PAVE_TERRAFORM, PAVE_TLS_LISTEN, PAVE_TLS,
// PAVE_TLS_CERT, PAVE_TLS_KEY, PAVE_HOST, PAVE_KEEP, PAVE_SERVER and PAVE_OIDC_... over the folders that are usual.
func FromEnvironment(version string) (Config, error) {
	c := Config{Version: version, Name: os.Getenv("PAVE_SERVER"), Home: os.Getenv("PAVE_HOME"), Listen: or(os.Getenv("PAVE_LISTEN"), DefaultListen),
		Router: or(os.Getenv("PAVE_ROUTER"), DefaultRouter), Templates: filepath.SplitList(os.Getenv("PAVE_TEMPLATES")),
		Store: os.Getenv("PAVE_STORE_URL"), Postgres: os.Getenv("PAVE_POSTGRES_URL"),
		Allow: strings.FieldsFunc(os.Getenv("PAVE_ALLOW"), func(r rune) bool { return r == ',' || r == ' ' }), Credentials: os.Getenv("PAVE_CREDENTIALS"), Terraform: os.Getenv("PAVE_TERRAFORM")}
	c.TLS = TLS{Listen: os.Getenv("PAVE_TLS_LISTEN"), Local: os.Getenv("PAVE_TLS") == "local", Cert: os.Getenv("PAVE_TLS_CERT"),
		Key: os.Getenv("PAVE_TLS_KEY"), Hosts: strings.FieldsFunc(os.Getenv("PAVE_HOST"), func(r rune) bool { return r == ',' || r == ' ' })}
	c.OIDC = oidcFromEnvironment()
	var err error
	if c.Keep, err = keepFor(os.Getenv("PAVE_KEEP")); err != nil {
		return c, err
	}
	home, config := "/var/lib/pave", "/etc/pave"
	if os.Geteuid() != 0 {
		user, err := os.UserHomeDir()
		if err != nil {
			return c, pave.Errorf(pave.Invalid, "no home folder: %w", err).WithHint("set HOME or PAVE_HOME")
		}
		home = filepath.Join(or(os.Getenv("XDG_STATE_HOME"), filepath.Join(user, ".local", "state")), "pave")
		config = filepath.Join(or(os.Getenv("XDG_CONFIG_HOME"), filepath.Join(user, ".config")), "pave")
	}
	c.Home = or(c.Home, home)
	if !filepath.IsAbs(c.Home) {
		return c, pave.BadField("PAVE_HOME", c.Home, "is not an absolute path", "for example PAVE_HOME=/var/lib/pave")
	}
	c.Home = filepath.Clean(c.Home)
	// One machine may have several homes; each has its own keys.
	sum := sha256.Sum256([]byte(c.Home))
	c.Credentials = or(c.Credentials, filepath.Join(or(os.Getenv("PAVE_CONFIG"), config), "credentials"))
	c.Keys = filepath.Join(or(os.Getenv("PAVE_CONFIG"), config), "keys", hex.EncodeToString(sum[:6]))
	return c, nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (c Config) path(elem ...string) string {
	return filepath.Join(append([]string{c.Home}, elem...)...)
}

// serverFile and serverLock belong to one server of the home.
func (c Config) serverFile() string { return c.path(c.serverName() + ".json") }
func (c Config) serverLock() string { return c.path(c.serverName() + ".lock") }
func (c Config) downFile() string   { return c.path("down") }
func (c Config) socket() string     { return c.path("node", "run", "node.sock") }
func (c Config) serverKey() string  { return filepath.Join(c.Keys, "server.key") }
func (c Config) nodeKey() string    { return filepath.Join(c.Keys, "node.key") }

// store is the URL of the platform's own store.
func (c Config) store() string {
	if c.Store != "" {
		return c.Store
	}
	return "sqlite:" + c.path("pave.db")
}

// maxSocket is how long the path of a unix socket may be on every system, in bytes.
const maxSocket = 103

// prepare makes the folders. Home is 0711, so that programs of other users reach
// their own part of it and list nothing.
func (c Config) prepare() error {
	if n := len(c.socket()); n > maxSocket {
		return pave.BadField("PAVE_HOME", c.Home, fmt.Sprintf("is too long: the node's socket in it would have a path of %d bytes, the system takes %d", n, maxSocket),
			"set PAVE_HOME to a shorter path")
	}
	for _, d := range []struct {
		path string
		mode os.FileMode
	}{{c.Home, 0o711}, {c.path("logs"), 0o700}, {c.path("git"), 0o700}, {c.path("hooks"), 0o755}, {c.path("releases"), 0o711},
		{c.path("templates"), 0o700}, {c.path("tmp"), 0o700},
		{c.path("builds"), 0o711}, {c.path("cache"), 0o711}, {c.path("node"), 0o711}, {c.path("node", "run"), 0o700}} {
		if err := os.MkdirAll(d.path, d.mode); err != nil {
			return pave.Errorf(pave.Unavailable, "make the folder %s: %w", d.path, err).
				WithHint("make it writable, free disk space, or set PAVE_HOME to another folder")
		}
		if err := ownFolder(d.path); err != nil {
			return err
		}
		if err := os.Chmod(d.path, d.mode); err != nil {
			return pave.Errorf(pave.Unavailable, "set the mode of %s: %w", d.path, err).WithHint("set PAVE_HOME to a folder of your own")
		}
	}
	return nil
}

// ownFolder is Denied for a folder, or a link to one, that another user made: they
// could put files, hooks and sockets of their own in the place of ours, also where
// root may write.
func ownFolder(path string) error {
	for _, look := range []func(string) (os.FileInfo, error){os.Lstat, os.Stat} {
		info, err := look(path)
		if err != nil {
			return pave.Errorf(pave.Unavailable, "look at the folder %s: %w", path, err).WithHint("pave doctor")
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		link := info.Mode()&os.ModeSymlink != 0
		if ok && int(stat.Uid) != os.Geteuid() && !(link && stat.Uid == 0) {
			return pave.Errorf(pave.Denied, "%s belongs to user %d", path, stat.Uid).
				WithHint("run as that user, or set PAVE_HOME to a folder of your own")
		}
	}
	return nil
}
