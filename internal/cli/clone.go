package cli

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) clone() *cobra.Command {
	cmd := &cobra.Command{
		Use: "clone NAME [DIR]", Short: "Clone the repository of a service, with credentials set up",
		Long: "Clone the repository of a service with git. The clone asks pave for its credentials\n" +
			"(pave git-credential), for this server only; from there on plain git does: commit, push,\n" +
			"fetch. A push builds a release and rolls it out. What lies on a git host is cloned from\n" +
			"there, signed in as git does.",
		Example: examples("pave clone payment-processor", "pave clone payment-processor work/payments"),
		Args:    between(1, "the name of a service", "a folder"), ValidArgsFunction: a.completeArg(serviceNames),
	}
	depth := cmd.Flags().Int("depth", 0, "a shallow clone of so many commits")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := nameArg(args[0]); err != nil {
			return err
		}
		if *depth < 0 {
			return pave.BadField("depth", fmt.Sprint(*depth), "must not be negative", "--depth 1")
		}
		svc, err := a.api().Service(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		at, err := a.endpoint(cmd.Context())
		if err != nil {
			return err
		}
		dir := string(svc.Name)
		if len(args) == 2 {
			dir = args[1]
		}
		if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
			return pave.Errorf(pave.Conflict, "the folder %s is not empty", oneLine(dir)).
				WithHint("cd %s && git pull, where it is the clone; else name another: pave clone %s DIR", oneLine(dir), svc.Name)
		}
		ca, err := a.caFile(at)
		if err != nil {
			return err
		}
		argv, err := cloneArgs(at.URL, ca, string(svc.Name), dir, *depth)
		env, hint := append(os.Environ(), "GIT_TERMINAL_PROMPT=0"), "pave doctor"
		if svc.Repository != "" { // on a host: who clones signs in there as they always do, asked by git too
			argv, err = hostArgs(svc.Repository, dir, *depth)
			env, hint = os.Environ(), hostHint(svc.Repository)
		}
		if err != nil {
			return err
		}
		// git speaks to the person: it gets our streams, and ends with us.
		git := exec.CommandContext(cmd.Context(), "git", argv...)
		git.Stdin, git.Stdout, git.Stderr = a.in, a.err, a.err
		git.Env = env
		if err := git.Run(); err != nil {
			if errors.Is(err, exec.ErrNotFound) {
				return pave.Errorf(pave.Unavailable, "clone: there is no git").WithHint("apt-get install git")
			}
			return pave.Errorf(pave.Unavailable, "clone %s: git: %w", svc.Name, err).WithHint("%s", hint)
		}
		fmt.Fprintf(a.out, "Cloned into %s.\n  cd %s\n  git commit -am \"...\" && git push   builds and rolls out\n  pave status %s\n", dir, dir, svc.Name)
		return nil
	}
	return cmd
}

// cloneArgs are the arguments of git. The helper is bound to the server's address
// and written into the clone; the empty one before it switches off those of the
// user, which would store the token.
func cloneArgs(server, ca, name, dir string, depth int) ([]string, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return nil, pave.Errorf(pave.Unavailable, "the server has no address: %q", server)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "find the pave program: %w", err)
	}
	key := "credential." + u.Scheme + "://" + u.Host + ".helper="
	argv := []string{"clone", "-c", key, "-c", key + "!" + shellQuote(self) + " git-credential"}
	if ca != "" {
		argv = append(argv, "-c", "http."+u.Scheme+"://"+u.Host+".sslCAInfo="+ca)
	}
	if depth > 0 {
		argv = append(argv, fmt.Sprintf("--depth=%d", depth))
	}
	return append(argv, "--", server+"/git/"+name+".git", dir), nil
}

// hostArgs are the arguments of git for a repository on a git host.
func hostArgs(address, dir string, depth int) ([]string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return nil, pave.Errorf(pave.Unavailable, "the server names an address that git is not given: %q", oneLine(address))
	}
	argv := []string{"clone"}
	if depth > 0 {
		argv = append(argv, fmt.Sprintf("--depth=%d", depth))
	}
	return append(argv, "--", address, dir), nil
}

// hostHint is what helps where git did not get in at a git host, and nobody could be asked.
func hostHint(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "pave doctor"
	}
	return "where git has no login for " + u.Host + ": set up a credential helper (git help credentials), or clone at a terminal, where git asks"
}

// shellQuote makes one word of s for the shell that git runs helpers with.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
