package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/source"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (a *app) adopt(planOnly bool) *cobra.Command {
	verb := verbOf(planOnly)
	cmd := &cobra.Command{
		Use: "adopt DIR|URL", Short: "Make a service of a repository that is there already",
		Long: "Make a service of a repository that no template made: a folder of this machine, or the\n" +
			"address of a git repository. What it is, how it is built and started, its port, health\n" +
			"path, variables and databases are read from its files, and shown with file and line before\n" +
			"anything happens. What nothing says is asked on a terminal, else given by the flags.\n\n" +
			"Its history becomes that of the service's own repository, on branch main. Nothing is ever\n" +
			"written into the folder or to the address; what is not committed is named and left out.\n\n" +
			"--start, --health and --port are other names of --command, --ready and --port-as.",
		Example: examples("pave"+verb+" adopt . --team shop-squad", "pave"+verb+" adopt https://github.com/team/shop.git --name shop --team shop-squad --ref v1.4",
			"pave"+verb+" adopt ./shop --team shop-squad --database none --set API_URL=https://api.example.com",
			"pave"+verb+" adopt . --team shop-squad --start 'node server.js' --health /healthz --port APP_PORT"),
		Args: exactly("a folder or an address"),
	}
	in := &adoptFlags{}
	f := cmd.Flags()
	f.StringVar(&in.r.Name, "name", "", "`NAME` of the service; that of the folder or repository without")
	f.StringVar(&in.r.Team, "team", "", "the `TEAM` that owns it; an unknown one is made")
	f.StringArrayVar(&in.r.Environments, "env", nil, "`ENVIRONMENT` it runs in, repeatable; the lowest-ranked without")
	f.StringVar(&in.ref, "ref", "", "branch, tag or commit (`REF`); what is checked out, or the default branch, without")
	backingFlags(cmd, "what the code speaks to without", map[string]*string{pave.KindDatabase: &in.r.Database, pave.KindCache: &in.r.Cache,
		pave.KindQueue: &in.r.Queue, pave.KindBucket: &in.r.Bucket})
	f.StringArrayVar(&in.sets, "set", nil, "a variable of the service, `KEY=VALUE`, repeatable")
	f.StringArrayVar(&in.secrets, "secret", nil, "a secret of the service, by `NAME`; its value is the one it has in your environment, else asked for")
	in.over = overrideFlags(f)
	f.SetNormalizeFunc(adoptNames)
	complete(cmd, "team", teamNames)
	complete(cmd, "env", environmentNames)
	ch := a.changeFlags(cmd, planOnly)
	ch.show = true
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.runAdopt(cmd, in, ch, args[0]) }
	return cmd
}

// adoptFlags are what the command was given.
type adoptFlags struct {
	r       pave.Adopt
	ref     string
	sets    []string
	secrets []string
	over    *pave.Override
}

// adoptNames lets people say what they would call it: the flags of other commands keep
// their names.
func adoptNames(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	switch name {
	case "start":
		name = "command"
	case "health":
		name = "ready"
	case "port":
		name = "port-as"
	}
	return pflag.NormalizedName(name)
}

func (a *app) runAdopt(cmd *cobra.Command, in *adoptFlags, ch *change, from string) error {
	if err := ch.check(); err != nil {
		return err
	}
	at, err := source.Parse(from)
	if err != nil {
		return err
	}
	if in.r.Variables, err = parseSets(in.sets); err != nil {
		return err
	}
	ask := a.asking(ch)
	if ask && !cmd.Flags().Changed("team") {
		if err := a.askOwner(cmd, nameFor(at), true); err != nil {
			return err
		}
	}
	for _, name := range in.secrets {
		if err := pave.CheckVariable(name); err != nil {
			return err
		}
	}
	if in.r.Name == "" {
		in.r.Name = nameFor(at)
	}
	if in.r.Team == "" {
		return usagef("%s needs --team", cmd.CommandPath()).WithHint("%s", firstExample(cmd))
	}
	if err := checkNames([2]string{"name", in.r.Name}, [2]string{"team", in.r.Team}); err != nil {
		return err
	}
	kept, err := a.bring(cmd.Context(), at, in.ref)
	if err != nil {
		return err
	}
	in.r.Source = kept.ID
	if err := a.sealSecrets(cmd.Context(), in); err != nil {
		return err
	}
	if in.over.Set() {
		in.r.Run = in.over
	}
	if ask {
		if err := a.askGaps(cmd.Context(), in); err != nil {
			return err
		}
	}
	return a.change(cmd.Context(), in.r, ch)
}

// sealSecrets has the values of secrets sealed: a request holds none. A value comes from
// the environment of who adopts, or from a prompt that does not show it; never from an
// argument, which others can see.
func (a *app) sealSecrets(ctx context.Context, in *adoptFlags) error {
	for _, name := range in.secrets {
		value := pave.NewSecret(a.deps.Getenv(name))
		if value.IsZero() {
			if !a.tty.in || !a.tty.err {
				return usagef("the secret %s has no value in your environment, and nobody can be asked here", name).
					WithHint("%s=VALUE pave adopt ... --secret %s", name, name)
			}
			var err error
			if value, err = a.readSecret(name, in.r.Name); err != nil {
				return err
			}
		}
		sealed, err := a.api().SealForRepository(ctx, in.r.Source, name, value)
		if err != nil {
			return err
		}
		if in.r.Secrets == nil {
			in.r.Secrets = map[string]string{}
		}
		in.r.Secrets[name] = sealed.ID
	}
	return nil
}

// parseSets reads KEY=VALUE flags.
func parseSets(sets []string) (map[string]string, error) {
	out := map[string]string{}
	for _, s := range sets {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return nil, pave.BadField("set", s, "is not of the form KEY=VALUE", "for example: --set LOG_LEVEL=debug")
		}
		if err := pave.CheckVariable(key); err != nil {
			return nil, err
		}
		out[key] = value
	}
	return out, nil
}

// nameFor is what a service is called after its folder or address.
func nameFor(at source.Address) string {
	if at.Form == source.Folder {
		if abs, err := filepath.Abs(at.URL); err == nil {
			at.URL = abs
		}
	}
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, strings.ToLower(at.Name()))
	for strings.Contains(name, "--") {
		name = strings.ReplaceAll(name, "--", "-")
	}
	return strings.Trim(name[:min(len(name), 40)], "-")
}

// bring lets the server have the history of a repository: of a folder it is sent from
// here, an address the server reads itself.
func (a *app) bring(ctx context.Context, at source.Address, ref string) (pave.Repository, error) {
	switch at.Form {
	case source.Zip:
		return pave.Repository{}, pave.BadField("source", at.String(), "is a zip, which has no history", "unpack it, git init and commit, and adopt the folder")
	case source.Git:
		a.say("the server reads %s", oneLine(at.String()))
		return a.api().FetchRepository(ctx, at.String(), ref)
	}
	var rev git.Revision
	if ref != "" {
		var err error
		if rev, err = git.ParseRevision(ref); err != nil {
			return pave.Repository{}, err
		}
	}
	f, err := git.OpenFolder(ctx, at.URL, rev)
	if err != nil {
		return pave.Repository{}, err
	}
	return a.sendHistory(ctx, f)
}

// sendHistory packs a history into a file of this machine's own, for it may have to be
// sent twice, and sends it.
func (a *app) sendHistory(ctx context.Context, f git.Folder) (pave.Repository, error) {
	pack, err := os.CreateTemp("", "pave-adopt-")
	if err != nil {
		return pave.Repository{}, pave.Errorf(pave.Unavailable, "make a temporary file: %w", err).WithHint("free space, or set TMPDIR")
	}
	defer os.Remove(pack.Name())
	limited := &boundedWriter{to: pack, left: git.MaxHistory}
	err = f.Pack(ctx, limited)
	if limited.left < 0 {
		err = pave.Errorf(pave.Invalid, "the history of %s has more than %d MiB", f.Dir, git.MaxHistory>>20).
			WithHint("bring less of it: git clone --depth 100 file://%s, and adopt that folder", f.Dir)
	}
	if err = errors.Join(err, pack.Close()); err != nil {
		return pave.Repository{}, err
	}
	dir, err := filepath.Abs(f.Dir)
	if err != nil {
		dir = f.Dir
	}
	about := pave.Repository{Address: dir, Branch: f.Branch, Folder: f.Within, Commit: f.Commit, Shallow: f.Shallow, LeftOut: f.LeftOut, Changed: f.Changed}
	for i, name := range about.LeftOut {
		about.LeftOut[i] = oneLine(name[:min(len(name), 200)])
	}
	return a.api().SendRepository(ctx, about, func() (io.ReadCloser, error) { return os.Open(pack.Name()) })
}

// A boundedWriter takes as much as is left.
type boundedWriter struct {
	to   io.Writer
	left int64
}

// Write fails once more came than was left.
func (w *boundedWriter) Write(p []byte) (int, error) {
	if w.left -= int64(len(p)); w.left < 0 {
		return 0, fmt.Errorf("it is too large")
	}
	return w.to.Write(p)
}
