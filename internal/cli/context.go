package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
)

// localContext is the name of the server of this machine, which needs no login.
const localContext = "local"

// contextsFile is where logins are kept; "" where there is no home folder.
func (a *app) contextsFile() string {
	env := a.deps.Getenv
	dir := env("PAVE_CONFIG")
	if dir == "" && env("XDG_CONFIG_HOME") != "" {
		dir = filepath.Join(env("XDG_CONFIG_HOME"), "pave")
	}
	if dir == "" && env("HOME") != "" {
		dir = filepath.Join(env("HOME"), ".config", "pave")
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "contexts.json")
}

func (a *app) contexts() (client.Contexts, error) {
	path := a.contextsFile()
	if path == "" {
		return client.Contexts{All: map[string]client.Context{}}, nil
	}
	return client.ReadContexts(path)
}

// chosen is the context that this command means: by flag, variable, or the last
// login. ok is false for the server of this machine.
func (a *app) chosen() (name string, at client.Context, ok bool, err error) {
	all, err := a.contexts()
	if err != nil {
		return "", at, false, err
	}
	name = all.Current
	for _, given := range []string{a.deps.Getenv("PAVE_CONTEXT"), a.context} {
		if given != "" {
			name = given
		}
	}
	if name == "" || name == localContext {
		return localContext, at, false, nil
	}
	at, ok = all.All[name]
	if !ok {
		names := []string{localContext}
		for n := range all.All {
			names = append(names, n)
		}
		slices.Sort(names)
		e := pave.Errorf(pave.NotFound, "no login %q", oneLine(name)).WithHint("pave login URL")
		if near := pave.DidYouMean(name, names); near != "" {
			e = e.WithHint("did you mean --context %s?", near)
		}
		return name, at, false, e
	}
	return name, at, true, nil
}

// caFile is a file with the CA that was trusted for a server, for git; "" where the
// machine trusts it anyway.
func (a *app) caFile(at client.Endpoint) (string, error) {
	if len(at.CA) == 0 {
		return "", nil
	}
	sum := sha256.Sum256([]byte(at.URL))
	path := filepath.Join(filepath.Dir(a.contextsFile()), "ca", hex.EncodeToString(sum[:8])+".pem")
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, at.CA, 0o600)
	}
	if err != nil {
		return "", pave.Errorf(pave.Unavailable, "write the CA of %s for git: %w", at.URL, err).WithHint("mend the folder's mode")
	}
	return path, nil
}

// orContext is a finder of servers that looks at the logins first.
func (a *app) orContext(local func(context.Context) (client.Endpoint, error)) func(context.Context) (client.Endpoint, error) {
	return func(ctx context.Context) (client.Endpoint, error) {
		_, at, ok, err := a.chosen()
		switch {
		case err != nil:
			return client.Endpoint{}, err
		case ok:
			return at.Endpoint(), nil
		}
		return local(ctx)
	}
}
