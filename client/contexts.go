package client

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pave-platform/pave"
)

// A Context is a server somebody has signed in to.
type Context struct {
	URL     string    `json:"url"`
	User    string    `json:"user"`
	Token   string    `json:"token"`
	Expires time.Time `json:"expires,omitzero"`
	CA      string    `json:"ca,omitempty"` // PEM of a certificate that a person trusted at the first login
}

// Endpoint is where the server of a context answers.
func (c Context) Endpoint() Endpoint {
	return Endpoint{URL: c.URL, Token: pave.NewSecret(c.Token), CA: []byte(c.CA)}
}

// Contexts are all servers somebody has signed in to; Current is the name of the
// one that commands mean, "" for the server of this machine.
type Contexts struct {
	Current string             `json:"current"`
	All     map[string]Context `json:"contexts"`
}

// ReadContexts reads a file of contexts; without one there are none.
func ReadContexts(path string) (Contexts, error) {
	c := Contexts{All: map[string]Context{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		return c, pave.Errorf(pave.Invalid, "read the logins of %s: %w", path, err).WithHint("mend or remove the file, then pave login URL")
	}
	if c.All == nil {
		c.All = map[string]Context{}
	}
	return c, nil
}

// Write replaces the file, whole or not at all; it is for its owner only.
func (c Contexts) Write(path string) error {
	if path == "" {
		return pave.Errorf(pave.Invalid, "there is no folder for logins").WithHint("set HOME or PAVE_CONFIG")
	}
	data, err := json.MarshalIndent(c, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err != nil {
		return pave.Errorf(pave.Unavailable, "write the logins of %s: %w", path, err).WithHint("mend the folder's mode")
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".contexts-*") // 0600
	if err != nil {
		return pave.Errorf(pave.Unavailable, "write the logins of %s: %w", path, err).WithHint("mend the folder's mode")
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return pave.Errorf(pave.Unavailable, "write the logins of %s: %w", path, err).WithHint("free disk space or mend the folder's mode")
	}
	return nil
}
