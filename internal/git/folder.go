package git

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pave-platform/pave"
)

// A Folder is a repository of a developer, looked at and never written to.
type Folder struct {
	History
	Dir     string   // top of the working tree, or the bare repository
	Within  string   // the named folder in it, "" for the top
	LeftOut []string // paths that were changed and not committed, some of them
	Changed int      // how many there are
}

// maxLeftOut is how many changed paths are named.
const maxLeftOut = 20

// quiet are settings by which git starts no program that a repository names, and
// takes no lock in it.
var quietly = []string{"--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.allow=never"}

func look(ctx context.Context, o Options, args ...string) ([]byte, error) {
	return Run(ctx, o, append(append([]string(nil), quietly...), args...)...)
}

// OpenFolder looks at the repository that a folder is, or lies in, at a revision of
// it ("" for what is checked out). Invalid where there is none or it has no commit.
func OpenFolder(ctx context.Context, dir string, at Revision) (Folder, error) {
	f := Folder{Dir: dir}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return f, pave.Errorf(pave.NotFound, "there is no folder %s", dir).WithHint("name the folder of a repository, or its https:// address")
	}
	out, err := look(ctx, Options{Dir: dir}, "rev-parse", "--is-bare-repository", "--show-prefix", "--show-cdup")
	if err != nil {
		return f, noRepository(dir, err)
	}
	lines := append(strings.Split(string(out), "\n"), "", "")
	bare := lines[0] == "true"
	if !bare {
		f.Within, f.Dir = strings.TrimSuffix(lines[1], "/"), filepath.Join(dir, lines[2])
	}
	rev := string(at)
	if rev == "" {
		rev = "HEAD"
	}
	out, err = look(ctx, Options{Dir: f.Dir, Operands: []string{rev + "^{commit}"}}, "rev-parse", "--verify", "--quiet")
	if err != nil {
		if at != "" {
			return f, pave.Errorf(pave.NotFound, "the repository %s has no branch, tag or commit %q", f.Dir, at).WithHint("git -C %s branch -a lists branches", f.Dir)
		}
		return f, pave.Errorf(pave.Invalid, "the repository %s has no commit yet", f.Dir).WithHint("commit what shall go live: git add -A && git commit")
	}
	f.Commit = strings.TrimSpace(string(out))
	if out, err = look(ctx, Options{Dir: f.Dir}, "rev-parse", "--abbrev-ref", "HEAD"); err == nil && at == "" {
		f.Branch = strings.TrimSpace(string(out))
	}
	if at != "" {
		f.Branch = string(at)
	}
	if err := f.shallow(ctx); err != nil {
		return f, err
	}
	if bare || at != "" {
		return f, nil
	}
	return f, f.leftOut(ctx)
}

func noRepository(dir string, err error) error {
	switch {
	case pave.CodeOf(err) == pave.Unavailable:
		return err
	case strings.Contains(err.Error(), "dubious ownership"):
		return pave.Errorf(pave.Denied, "the repository %s belongs to another user, so git does not read it", dir).
			WithHint("run pave as its owner, or clone it: git clone %s", dir)
	}
	return pave.Errorf(pave.Invalid, "%s is not a git repository", dir).
		WithHint("git init && git add -A && git commit -m Start in it, or name a folder or address of a repository")
}

// shallow reads which commits are without their parents.
func (f *Folder) shallow(ctx context.Context) error {
	out, err := look(ctx, Options{Dir: f.Dir}, "rev-parse", "--git-path", "shallow")
	if err != nil {
		return err
	}
	name := strings.TrimSpace(string(out))
	if !filepath.IsAbs(name) {
		name = filepath.Join(f.Dir, name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil // there is none: the history is whole
	}
	for id := range strings.Lines(string(data)) {
		f.Shallow = append(f.Shallow, strings.TrimSpace(id))
	}
	return nil
}

// leftOut finds what was changed and not committed.
func (f *Folder) leftOut(ctx context.Context) error {
	pr, pw := io.Pipe()
	go func() {
		_, err := look(ctx, Options{Dir: f.Dir, Stdout: pw}, "status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=dirty")
		pw.CloseWithError(err)
	}()
	in := bufio.NewScanner(pr)
	in.Split(splitNUL)
	for in.Scan() {
		if line := in.Text(); len(line) > 3 {
			if f.Changed++; len(f.LeftOut) < maxLeftOut {
				f.LeftOut = append(f.LeftOut, strings.TrimSpace(line[2:]))
			}
		}
	}
	err := in.Err()
	_ = pr.CloseWithError(err) // git ends where nobody reads any more
	return err
}

func splitNUL(data []byte, end bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return i + 1, data[:i], nil
	}
	if end && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// Pack writes the history of the folder's commit as one pack. Nothing is written into
// the folder.
func (f Folder) Pack(ctx context.Context, out io.Writer) error {
	_, err := look(ctx, Options{Dir: f.Dir, Stdin: strings.NewReader(f.Commit + "\n"), Stdout: out},
		"pack-objects", "--revs", "--stdout", "-q", "--delta-base-offset")
	if err != nil && pave.CodeOf(err) == pave.Internal {
		return pave.Errorf(pave.Invalid, "the history of %s cannot be read: %w", f.Dir, err).
			WithHint("git fsck in it shows what is missing; git fetch --refetch brings what a partial clone left out")
	}
	return err
}
