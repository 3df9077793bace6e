package git

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/pave-platform/pave"
)

// MainBranch is the branch that repositories start with.
const MainBranch Ref = "main"

// A File is one file of a tree.
type File struct {
	Path string // relative, with slashes
	Mode fs.FileMode
	Data []byte
}

// A Commit is the first commit of a repository. The same files and commit have the
// same id everywhere.
type Commit struct {
	Name    string
	Email   string
	Message string
	When    time.Time
}

// A Repository is what Create makes.
type Repository struct {
	Resource  string // id of the resource: the marker
	HooksPath string // folder of hooks, owned by the server; empty: no hooks
	Files     []File
	Commit    Commit
	// From is a repository whose history, up to Head, this one begins with; then there
	// are no files and no first commit.
	From, Head string
}

// Create builds a bare repository beside dir and renames it into place, so that
// dir is never half a repository. It returns the head of the main branch.
//
// It may be repeated: a repository with the same marker is adopted as it is. What
// else lies at dir stays untouched and is a Conflict. A path that must not be in a
// tree is Invalid.
func Create(ctx context.Context, dir string, r Repository) (head string, err error) {
	if r.Resource == "" {
		return "", pave.Errorf(pave.Internal, "repository %s without a resource id", filepath.Base(dir))
	}
	if head, err := adopt(dir, r.Resource); head != "" || err != nil {
		return head, err
	}
	prefix := filepath.Join(filepath.Dir(dir), ".new-"+r.Resource+"-")
	removeStale(prefix)
	temp := prefix + rand.Text()
	defer os.RemoveAll(temp)
	if head, err = build(ctx, temp, r); err != nil {
		return "", err
	}
	if err := os.Rename(temp, dir); err != nil {
		// Another call may have been first.
		if head, err := adopt(dir, r.Resource); head != "" || err != nil {
			return head, err
		}
		return "", pave.Errorf(pave.Internal, "renaming repository into place: %w", err)
	}
	return head, nil
}

// adopt returns the head of the repository at dir if it is ours, "" if nothing is
// there.
func adopt(dir, resource string) (string, error) {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	marker, err := Marker(dir)
	if err != nil {
		return "", err
	}
	if marker != resource {
		return "", pave.Errorf(pave.Conflict, "a repository or folder %q is already there and is not this one", filepath.Base(dir)).
			WithHint("choose another name, or move it away")
	}
	return Head(dir, MainBranch)
}

// removeStale removes what calls that were killed left behind.
func removeStale(prefix string) {
	old, _ := filepath.Glob(prefix + "*")
	for _, p := range old {
		if info, err := os.Lstat(p); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(p)
		}
	}
}

// build makes the repository at dir.
func build(ctx context.Context, dir string, r Repository) (string, error) {
	if err := skeleton(dir, r); err != nil {
		return "", err
	}
	s := openStorage(dir)
	defer s.Close()
	if r.From != "" {
		if err := takeOver(dir, r.From); err != nil {
			return "", err
		}
		if _, err := commitAt(s, dir, r.Head); err != nil {
			return "", err
		}
		return r.Head, pointMain(s, r.Head)
	}
	commit, err := writeCommit(ctx, s, r)
	if err != nil {
		return "", err
	}
	return commit.String(), pointMain(s, commit.String())
}

// skeleton makes a repository without objects and refs.
func skeleton(dir string, r Repository) error {
	for _, sub := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return pave.Errorf(pave.Internal, "making repository: %w", err)
		}
	}
	for name, text := range map[string]string{"config": configText(r), "HEAD": "ref: refs/heads/" + string(MainBranch) + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return pave.Errorf(pave.Internal, "making repository: %w", err)
		}
	}
	return nil
}

// pointMain puts the main branch on a commit, and HEAD on the main branch.
func pointMain(s *filesystem.Storage, commit string) error {
	branch := plumbing.NewBranchReferenceName(string(MainBranch))
	for _, ref := range []*plumbing.Reference{
		plumbing.NewHashReference(branch, plumbing.NewHash(commit)),
		plumbing.NewSymbolicReference(plumbing.HEAD, branch),
	} {
		if err := s.SetReference(ref); err != nil {
			return pave.Errorf(pave.Internal, "writing ref %s: %w", ref.Name(), err)
		}
	}
	return nil
}

// configText is the configuration of a repository. Git's own daemon and CGI stay
// off, what is pushed is checked, push options are not taken, and housekeeping
// leaves no process behind.
func configText(r Repository) string {
	hooks := r.HooksPath
	if hooks == "" {
		hooks = os.DevNull
	}
	return fmt.Sprintf(`[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
	hooksPath = %s
[http]
	getanyfile = false
	receivepack = false
[receive]
	fsckObjects = true
	denyDeleteCurrent = refuse
	advertisePushOptions = false
	maxInputSize = %d
[gc]
	autoDetach = false
[pave]
	resource = %s
`, quote(hooks), MaxBody, quote(r.Resource))
}

// quote writes a value of git's configuration.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(s) + `"`
}

func writeCommit(ctx context.Context, s *filesystem.Storage, r Repository) (plumbing.Hash, error) {
	tree, err := writeTrees(ctx, s, r.Files)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	by := object.Signature{Name: r.Commit.Name, Email: r.Commit.Email, When: r.Commit.When.UTC()}
	return put(s, &object.Commit{Author: by, Committer: by, Message: r.Commit.Message, TreeHash: tree})
}

// writeTrees writes files and the folders they are in, the deepest first.
func writeTrees(ctx context.Context, s *filesystem.Storage, files []File) (plumbing.Hash, error) {
	entries := map[string][]object.TreeEntry{".": nil} // by folder
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return plumbing.ZeroHash, pave.Errorf(pave.Unavailable, "making repository: %w", err)
		}
		if err := CheckPath(f.Path); err != nil {
			return plumbing.ZeroHash, err
		}
		hash, err := putBlob(s, f.Data)
		if err != nil {
			return hash, err
		}
		mode := filemode.Regular
		if f.Mode&0o111 != 0 {
			mode = filemode.Executable
		}
		dir := path.Dir(f.Path)
		entries[dir] = append(entries[dir], object.TreeEntry{Name: path.Base(f.Path), Mode: mode, Hash: hash})
		for ; dir != "."; dir = path.Dir(dir) {
			if _, known := entries[path.Dir(dir)]; !known {
				entries[path.Dir(dir)] = nil
			}
		}
	}
	folders := make([]string, 0, len(entries))
	for dir := range entries {
		folders = append(folders, dir)
	}
	depth := func(dir string) int { return strings.Count(dir, "/") }
	slices.SortFunc(folders, func(a, b string) int {
		if (a == ".") != (b == ".") { // the root is last
			return map[bool]int{true: 1, false: -1}[a == "."]
		}
		return depth(b) - depth(a)
	})
	var hash plumbing.Hash
	for _, dir := range folders {
		var err error
		if hash, err = putTree(s, dir, entries[dir]); err != nil {
			return hash, err
		}
		if dir != "." {
			up := path.Dir(dir)
			entries[up] = append(entries[up], object.TreeEntry{Name: path.Base(dir), Mode: filemode.Dir, Hash: hash})
		}
	}
	return hash, nil
}

func putTree(s *filesystem.Storage, dir string, entries []object.TreeEntry) (plumbing.Hash, error) {
	names := map[string]bool{}
	for _, e := range entries {
		if names[e.Name] {
			return plumbing.ZeroHash, pave.Errorf(pave.Invalid, "path %q is there twice", path.Join(dir, e.Name))
		}
		names[e.Name] = true
	}
	sort.Sort(object.TreeEntrySorter(entries))
	return put(s, &object.Tree{Entries: entries})
}

func putBlob(s *filesystem.Storage, data []byte) (plumbing.Hash, error) {
	obj := s.NewEncodedObject()
	obj.SetType(plumbing.BlobObject)
	w, err := obj.Writer()
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		return plumbing.ZeroHash, pave.Errorf(pave.Internal, "writing blob: %w", err)
	}
	return store(s, obj)
}

// put writes a tree or commit.
func put(s *filesystem.Storage, o interface {
	Encode(plumbing.EncodedObject) error
}) (plumbing.Hash, error) {
	obj := s.NewEncodedObject()
	if err := o.Encode(obj); err != nil {
		return plumbing.ZeroHash, pave.Errorf(pave.Internal, "encoding object: %w", err)
	}
	return store(s, obj)
}

func store(s *filesystem.Storage, obj plumbing.EncodedObject) (plumbing.Hash, error) {
	hash, err := s.SetEncodedObject(obj)
	if err != nil {
		return hash, pave.Errorf(pave.Internal, "writing object: %w", err)
	}
	return hash, nil
}
