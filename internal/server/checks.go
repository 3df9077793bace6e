package server

import (
	"context"
	"os"
	"slices"

	"github.com/pave-platform/pave"
)

// LocalChecks are the doctor's checks that need no server. They change nothing but
// the folders of the state, which every command makes. Where a folder is not as it
// has to be, what lies in it is not looked at.
func LocalChecks(ctx context.Context, c Config) []pave.Check {
	out := slices.Concat(toolChecks(ctx), languageChecks(c), []pave.Check{filesCheck(), namesCheck(ctx)})
	state := c.stateCheck()
	out = append(out, state)
	if !state.OK {
		return out
	}
	out = append(out, c.diskCheck(minFree), c.noexecCheck(ctx), c.keyCheck(), c.storeCheck(ctx))
	out = append(out, c.templatesCheck(), c.credentialsCheck(), c.tlsCheck())
	s, err := Find(ctx, c)
	if err == nil {
		return append(out, c.versionCheck(s))
	}
	return append(out, c.portCheck("API", c.Listen, "PAVE_LISTEN"), c.portCheck("router", c.Router, "PAVE_ROUTER"))
}

// checks are the doctor's checks of the server itself.
func (c Config) checks(context.Context) []pave.Check {
	s, _, err := c.readState()
	return []pave.Check{c.diskCheck(minFree), c.keyCheck(), verdict("server", s.URL+", version "+c.Version, err)}
}

// verdict is a check that says detail where err is nil, else the error and its hint.
func verdict(name, detail string, err error) pave.Check {
	if err != nil {
		return pave.Check{Name: name, Detail: err.Error(), Fix: pave.HintOf(err)}
	}
	return pave.Check{Name: name, OK: true, Detail: detail}
}

// stateCheck says whether the folders of the state are there, ours and writable.
func (c Config) stateCheck() pave.Check {
	err := c.prepare()
	if err == nil {
		var f *os.File
		if f, err = os.CreateTemp(c.path("tmp"), "doctor-*"); err != nil {
			err = pave.Errorf(pave.Unavailable, "nothing can be written to %s: %w", c.path("tmp"), err).
				WithHint("free disk space, mount it writable, or set PAVE_HOME to another folder")
		} else {
			f.Close()
			err = os.Remove(f.Name())
		}
	}
	return verdict("state folder", c.Home, err)
}

// versionCheck says whether the server that runs is of this command's version.
func (c Config) versionCheck(s State) pave.Check {
	var err error
	if s.Version != c.Version {
		err = pave.Errorf(pave.Conflict, "the server that runs is version %s, this command is %s", s.Version, c.Version).
			WithHint("pave up: it starts the server of this version, what runs goes on")
	}
	return verdict("version", c.Version, err)
}
