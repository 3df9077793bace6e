package git

import (
	"context"
	"errors"
	"sort"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/pave-platform/pave"
)

// Add writes a commit on top of another one, with more files, and returns its id. No branch
// moves by it. The error is NotFound if the commit is not there, Conflict if a path is taken.
func Add(ctx context.Context, dir, onto string, files []File, c Commit) (commit string, err error) {
	s := openStorage(dir)
	defer s.Close()
	parent, err := commitAt(s, dir, onto)
	if err != nil {
		return "", err
	}
	tree := parent.TreeHash
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return "", pave.Errorf(pave.Unavailable, "adding files: %w", err)
		}
		if err := CheckPath(f.Path); err != nil {
			return "", err
		}
		blob, err := putBlob(s, f.Data)
		if err != nil {
			return "", err
		}
		mode := filemode.Regular
		if f.Mode&0o111 != 0 {
			mode = filemode.Executable
		}
		tree, err = graft(s, tree, strings.Split(f.Path, "/"), object.TreeEntry{Mode: mode, Hash: blob})
		if errors.Is(err, errTaken) {
			err = pave.Errorf(pave.Conflict, "path %q is taken in %.7s", f.Path, onto)
		}
		if err != nil {
			return "", err
		}
	}
	by := object.Signature{Name: c.Name, Email: c.Email, When: c.When.UTC()}
	id, err := put(s, &object.Commit{Author: by, Committer: by, Message: c.Message, TreeHash: tree, ParentHashes: []plumbing.Hash{parent.Hash}})
	return id.String(), err
}

// SameTree reports whether two commits hold the same files. NotFound where one is not there.
func SameTree(dir, a, b string) (bool, error) {
	s := openStorage(dir)
	defer s.Close()
	one, err := commitAt(s, dir, a)
	if err != nil {
		return false, err
	}
	other, err := commitAt(s, dir, b)
	return err == nil && one.TreeHash == other.TreeHash, err
}

var errTaken = errors.New("the path is taken")

// graft writes a tree like another one, the zero hash being an empty one, that has an entry
// at a place where nothing was.
func graft(s *filesystem.Storage, in plumbing.Hash, at []string, entry object.TreeEntry) (plumbing.Hash, error) {
	tree := &object.Tree{}
	if !in.IsZero() {
		var err error
		if tree, err = object.GetTree(s, in); err != nil {
			return in, pave.Errorf(pave.Internal, "reading a tree: %w", err)
		}
	}
	var others []object.TreeEntry
	below := plumbing.ZeroHash
	for _, e := range tree.Entries {
		switch {
		case e.Name != at[0]:
			others = append(others, e)
		case len(at) > 1 && e.Mode == filemode.Dir:
			below = e.Hash
		default:
			return in, errTaken
		}
	}
	if len(at) > 1 {
		hash, err := graft(s, below, at[1:], entry)
		if err != nil {
			return in, err
		}
		entry = object.TreeEntry{Mode: filemode.Dir, Hash: hash}
	}
	entry.Name = at[0]
	others = append(others, entry)
	sort.Sort(object.TreeEntrySorter(others))
	return put(s, &object.Tree{Entries: others})
}
