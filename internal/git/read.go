package git

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/pave-platform/pave"
)

// openStorage opens the objects and refs of a bare repository. Large objects are
// streamed rather than held in memory.
func openStorage(dir string) *filesystem.Storage {
	return filesystem.NewStorageWithOptions(osfs.New(dir, osfs.WithBoundOS()), cache.NewObjectLRU(8*cache.MiByte),
		filesystem.Options{LargeObjectThreshold: 1 << 20})
}

// Marker returns the id of the resource that the repository at dir belongs to, or
// "" for any other folder. The error is NotFound where there is nothing.
func Marker(dir string) (string, error) {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", pave.Errorf(pave.NotFound, "no repository %s", filepath.Base(dir))
	}
	if _, err := os.Stat(filepath.Join(dir, "config")); err != nil {
		return "", nil
	}
	s := openStorage(dir)
	defer s.Close()
	c, err := s.Config()
	if err != nil {
		return "", pave.Errorf(pave.Internal, "reading configuration of repository %s: %w", filepath.Base(dir), err)
	}
	return c.Raw.Section("pave").Option("resource"), nil
}

// Head returns the id of the commit a branch is at. The error is NotFound if there
// is no such branch.
func Head(dir string, branch Ref) (string, error) {
	name := plumbing.ReferenceName(branch)
	if !strings.HasPrefix(string(branch), "refs/") {
		name = plumbing.NewBranchReferenceName(string(branch))
	}
	s := openStorage(dir)
	defer s.Close()
	ref, err := s.Reference(name)
	switch {
	case errors.Is(err, plumbing.ErrReferenceNotFound):
		return "", pave.Errorf(pave.NotFound, "repository %s has no branch %q", filepath.Base(dir), branch)
	case err != nil:
		return "", pave.Errorf(pave.Internal, "reading branch %q of repository %s: %w", branch, filepath.Base(dir), err)
	}
	return ref.Hash().String(), nil
}

// A LogEntry is one commit of a history.
type LogEntry struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Email   string    `json:"email"`
	When    time.Time `json:"when"`
	Subject string    `json:"subject"` // first line of the message
}

// Log returns the last n commits that lead to the commit, the newest first. The
// error is NotFound if the commit is not there.
func Log(ctx context.Context, dir, commit string, n int) ([]LogEntry, error) {
	s := openStorage(dir)
	defer s.Close()
	c, err := commitAt(s, dir, commit)
	if err != nil {
		return nil, err
	}
	var out []LogEntry
	commits := object.NewCommitIterCTime(c, nil, nil)
	defer commits.Close()
	for len(out) < n {
		if err := ctx.Err(); err != nil {
			return nil, pave.Errorf(pave.Unavailable, "reading log: %w", err)
		}
		c, err := commits.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, pave.Errorf(pave.Internal, "reading log of repository %s: %w", filepath.Base(dir), err)
		}
		subject, _, _ := strings.Cut(c.Message, "\n")
		out = append(out, LogEntry{c.Hash.String(), c.Author.Name, c.Author.Email, c.Author.When.UTC(), subject})
	}
	return out, nil
}

// CountSince returns how many commits of the main branch are not reachable from the
// commit. The error is NotFound if the commit is not there.
func CountSince(ctx context.Context, dir, commit string) (int, error) {
	s := openStorage(dir)
	defer s.Close()
	c, err := commitAt(s, dir, commit)
	if err != nil {
		return 0, err
	}
	out, err := Run(ctx, Options{Dir: dir, Operands: []string{c.Hash.String() + "..refs/heads/" + string(MainBranch)}}, "rev-list", "--count")
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		return 0, pave.Errorf(pave.Internal, "counting commits: %w", err)
	}
	return n, nil
}

func commitAt(s *filesystem.Storage, dir, id string) (*object.Commit, error) {
	if !plumbing.IsHash(id) {
		return nil, pave.BadField("commit", id, "must be the id of a commit", "40 characters of 0-9 and a-f")
	}
	c, err := object.GetCommit(s, plumbing.NewHash(id))
	switch {
	case errors.Is(err, plumbing.ErrObjectNotFound):
		return nil, pave.Errorf(pave.NotFound, "repository %s has no commit %s", filepath.Base(dir), id)
	case err != nil:
		return nil, pave.Errorf(pave.Internal, "reading commit %s of repository %s: %w", id, filepath.Base(dir), err)
	}
	return c, nil
}

// A TreeFile is a file, symbolic link or submodule (a directory) in a commit.
type TreeFile struct {
	Path string
	Mode fs.FileMode
	Size int64
	Open func() (io.ReadCloser, error) // nil for a submodule
}

// MaxTreeFiles and MaxTreeBytes bound the trees that Files and Export take.
const (
	MaxTreeFiles = 20_000
	MaxTreeBytes = 512 << 20
)

// Files goes through the files of a commit in the order of their paths. The last
// error is NotFound if the commit is not there, Invalid for a tree over the bounds
// or with a path that must not be in one. Open must be called inside the loop.
func Files(ctx context.Context, dir, commit string) iter.Seq2[TreeFile, error] {
	return func(yield func(TreeFile, error) bool) {
		s := openStorage(dir)
		defer s.Close()
		if err := walk(ctx, s, dir, commit, yield); err != nil {
			yield(TreeFile{}, err)
		}
	}
}

// walk counts folders too: a few small objects can be a tree of a billion folders.
func walk(ctx context.Context, s *filesystem.Storage, dir, commit string, yield func(TreeFile, error) bool) error {
	c, err := commitAt(s, dir, commit)
	if err != nil {
		return err
	}
	tree, err := c.Tree()
	if err != nil {
		return pave.Errorf(pave.Internal, "reading tree of commit %s: %w", commit, err)
	}
	w := object.NewTreeWalker(tree, true, nil)
	defer w.Close()
	entries, total := 0, int64(0)
	for {
		if err := ctx.Err(); err != nil {
			return pave.Errorf(pave.Unavailable, "reading commit %s: %w", commit, err)
		}
		name, entry, err := w.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			return pave.Errorf(pave.Internal, "reading tree of commit %s: %w", commit, err)
		}
		if err != nil {
			return pave.Errorf(pave.Invalid, "commit %s has a tree that must not be: %w", commit, err)
		}
		if entries++; entries > MaxTreeFiles {
			return pave.Errorf(pave.Invalid, "commit %s has more than %d files and folders", commit, MaxTreeFiles)
		}
		if err := CheckPath(name); err != nil {
			return err
		}
		if entry.Mode == filemode.Dir {
			continue
		}
		f, err := treeFile(s, name, entry)
		if err != nil {
			return err
		}
		if total += f.Size; total > MaxTreeBytes {
			return pave.Errorf(pave.Invalid, "commit %s has more than %d bytes of files", commit, MaxTreeBytes)
		}
		if !yield(f, nil) {
			return nil
		}
	}
}

func treeFile(s *filesystem.Storage, name string, entry object.TreeEntry) (TreeFile, error) {
	f := TreeFile{Path: name, Mode: 0o644}
	switch entry.Mode {
	case filemode.Submodule:
		f.Mode = fs.ModeDir | 0o755
		return f, nil
	case filemode.Symlink:
		f.Mode = fs.ModeSymlink | 0o777
	case filemode.Executable:
		f.Mode = 0o755
	}
	var err error
	if f.Size, err = s.EncodedObjectSize(entry.Hash); err != nil {
		return f, pave.Errorf(pave.Internal, "reading %q: %w", name, err)
	}
	f.Open = func() (io.ReadCloser, error) {
		blob, err := object.GetBlob(s, entry.Hash)
		if err != nil {
			return nil, pave.Errorf(pave.Internal, "reading %q: %w", name, err)
		}
		return blob.Reader()
	}
	return f, nil
}

// tagOf is the object an annotated tag is about.
func tagOf(s *filesystem.Storage, o plumbing.EncodedObject) (plumbing.Hash, error) {
	tag, err := object.DecodeTag(s, o)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	return tag.Target, nil
}
