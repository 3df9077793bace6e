package main

import (
	"context"
	"io"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/cli"
	"github.com/pave-platform/pave/internal/client"
)

// deps is what the command line gets from the rest of the program.
func deps(version string) cli.Deps {
	missing := pave.Errorf(pave.Unavailable, "no server in this build").WithHint("build pave with its server")
	endpoint := func(context.Context) (client.Endpoint, error) { return client.Endpoint{}, missing }
	startStop := func(context.Context, io.Writer) error { return missing }
	return cli.Deps{
		Version: version,
		Ensure:  endpoint, Find: endpoint, Up: startStop, Down: startStop,
		Server:      func(context.Context, cli.ServerFlags) error { return missing },
		Node:        func(context.Context) error { return missing },
		LocalChecks: func(context.Context) []pave.Check { return nil },
	}
}
