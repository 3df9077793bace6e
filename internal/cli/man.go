package cli

import (
	"os"
	"path/filepath"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (a *app) man() *cobra.Command {
	return &cobra.Command{
		Use: "man FOLDER", Short: "Write the manual pages",
		Long: "Write a manual page for each command into a folder, made if it is not there. man finds them\n" +
			"in a folder man1 below one of its MANPATH.",
		Example: examples("pave man ~/.local/share/man/man1", "pave man /usr/local/share/man/man1 && man pave-create-service"),
		Args:    exactly("a folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return pave.Errorf(pave.Unavailable, "make the folder: %w", err).WithHint("name a folder of your own: pave man ~/.local/share/man/man1")
			}
			// The date is that of the program, so that the pages of one version are the same.
			date := time.Unix(0, 0).UTC()
			if self, err := os.Executable(); err == nil {
				if info, err := os.Stat(self); err == nil {
					date = info.ModTime().UTC()
				}
			}
			header := &doc.GenManHeader{Section: "1", Source: "pave " + a.deps.Version, Manual: "pave", Date: &date}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return pave.Errorf(pave.Unavailable, "write the pages: %w", err).WithHint("free disk space, or name a folder of your own")
			}
			pages, err := filepath.Glob(filepath.Join(args[0], "pave*.1"))
			a.say("%d pages in %s", len(pages), args[0])
			return err
		},
	}
}
