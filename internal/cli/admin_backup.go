package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"
)

func (a *app) backup() *cobra.Command {
	cmd := &cobra.Command{
		Use: "backup FILE|FOLDER", Short: "Write the state of the platform into one file",
		Long: "Write the state of the platform into a new file, or a new file in a folder: the store, all\n" +
			"repositories, templates and releases, as they were at one moment. The server may go on working.\n" +
			"Sealed values stay sealed, and the keys are not in the file: --with-keys writes them into\n" +
			"another one, which belongs in another place. What services keep in databases and caches is\n" +
			"not in it either: pg_dump and redis-cli --rdb take it, over pave connect.",
		Example: examples("pave admin backup /srv/backups", "pave admin backup pave.backup --with-keys /media/safe/pave.keys"),
		Args:    exactly("a file or folder"),
	}
	keys := cmd.Flags().String("with-keys", "", "write the keys into this `FILE`")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		file, err := filepath.Abs(args[0])
		if err != nil {
			return err
		}
		return a.deps.Backup(cmd.Context(), a.out, file, *keys)
	}
	return cmd
}

func (a *app) restoreBackup() *cobra.Command {
	cmd := &cobra.Command{
		Use: "restore FILE", Short: "Make the state of the platform from a backup",
		Long: "Make the home, and the store of PAVE_STORE_URL, from a backup. Server and node must be down, and\n" +
			"the home empty or not there; with --replace one that is there is set aside under another name.\n" +
			"Nothing is touched before the file is proven whole and the key to be the right one. A backup\n" +
			"of SQLite may be restored into PostgreSQL and the other way around.\n\n" +
			"After pave up every service gets again what it had. Databases and caches are made empty:\n" +
			"bring their data back with pg_restore and redis-cli.",
		Example: examples("pave admin restore pave.backup --keys pave.keys", "pave admin restore pave.backup --replace"),
		Args:    exactly("the file of a backup"),
	}
	keys := cmd.Flags().String("keys", "", "the `FILE` of keys that backup --with-keys wrote; without, the keys that are here")
	replace := cmd.Flags().Bool("replace", false, "set what is there aside")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.deps.Restore(cmd.Context(), a.out, args[0], *keys, *replace)
	}
	return cmd
}
