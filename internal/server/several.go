package server

import (
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/pave-platform/pave"
)

// Several servers may work on one home when the store is in PostgreSQL. All of them
// answer; the one that holds the lease carries out runs. They share what lies in the
// home: repositories, releases and the node, which are of this machine.

// lease is how long a server that is silent stays the executor. Another one that
// stands by takes over within it and some 100 ms.
const lease = 3 * time.Second

var serverName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,20}$`)

// serverName begins the names of the files of one server.
func (c Config) serverName() string {
	if c.Name == "" {
		return "server"
	}
	return "server-" + c.Name
}

// checkName is Invalid for a further server where there can be only one.
func (c Config) checkName() error {
	switch {
	case c.Name == "":
		return nil
	case !serverName.MatchString(c.Name):
		return pave.BadField("name", c.Name, "must be lower-case letters, digits and -, 21 at most", "for example --name b")
	case strings.HasPrefix(c.store(), "sqlite:"):
		return pave.BadField("name", c.Name, "asks for a further server, and the store is SQLite, which one at a time may have",
			"PAVE_STORE_URL=postgres://... for all servers of the home")
	}
	return nil
}

// others are the configurations of the other servers that were started for the
// home.
func (c Config) others() []Config {
	files, _ := filepath.Glob(c.path("server*.json"))
	var out []Config
	for _, file := range files {
		other := c
		other.Name = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(filepath.Base(file), ".json"), "server"), "-")
		if other.Name != c.Name {
			out = append(out, other)
		}
	}
	return out
}

// lasting is the address that goes into clones and identities: that of the first
// server, whichever carries out runs.
func (c Config) lasting(own string) string {
	first := c
	first.Name = ""
	if s, ok, err := first.readState(); c.Name != "" && err == nil && ok {
		return s.URL
	}
	return own
}
