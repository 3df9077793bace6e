// Command pave is the whole platform in one program: the command line, the server
// and the node. This package has signals, wiring and the exit code, nothing else.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/pave-platform/pave/internal/cli"
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(run()) }

// run ends what goes on at the first SIGINT or SIGTERM, and the program at the
// second.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal does what signals do by default
	return cli.Main(ctx, deps(version), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}
