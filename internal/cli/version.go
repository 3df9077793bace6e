package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// versions is the answer of "pave version".
type versions struct {
	Version  string `json:"version"`
	Server   string `json:"server"` // of the one that runs, "" for none
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) version() *cobra.Command {
	cmd := &cobra.Command{
		Use: "version", Short: "Show the version of pave, and of the server that runs",
		Long:    "Show the version of pave, and of the server that runs. It starts none.",
		Example: examples("pave version", "pave version --json"),
		Args:    exactly(),
	}
	v := viewFlags(cmd, versions{})
	v.whole = true
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := v.check(); err != nil {
			return err
		}
		got := versions{Version: a.deps.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
		if at, err := a.deps.Find(cmd.Context()); err == nil {
			got.Server = at.Version
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, got)
		}
		fmt.Fprintf(a.out, "pave %s\n", got.Version)
		if got.Server != "" && got.Server != got.Version {
			fmt.Fprintf(a.out, "server %s\n", oneLine(got.Server))
		}
		return nil
	}
	return cmd
}
