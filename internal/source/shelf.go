package source

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
)

// KeepFor is how long a history stays on the shelf after it was brought last.
const KeepFor = 7 * 24 * time.Hour

// A Shelf keeps the histories of repositories that were brought to be adopted, each in
// a bare repository of its own. The same history of the same address, brought by the
// same user, has the same id; nobody can guess it, so who has it may use it.
type Shelf struct {
	Dir     string // holds ID.git
	Fetcher Fetcher
	// Derive gives a value that nobody can guess: the same for the same id.
	Derive func(purpose, id string) pave.Secret
}

const (
	idPrefix = "src_"
	about    = "pave.json" // what is known of a history, in its repository
)

var shelfID = regexp.MustCompile(`^src_[0-9A-Za-z]{26}$`)

// Fetch brings the history of a repository at an address, which may name a folder and
// a revision; so may the second text a revision.
func (s *Shelf) Fetch(ctx context.Context, address, revision, actor string) (pave.Repository, error) {
	a, err := Parse(address)
	if err != nil {
		return pave.Repository{}, err
	}
	if revision != "" {
		if a.Rev, err = git.ParseRevision(revision); err != nil {
			return pave.Repository{}, err
		}
	}
	if a.Form != Git {
		return pave.Repository{}, pave.BadField("repository", a.String(), "is not the address of a git repository",
			"for example https://git.example.com/team/shop.git; a folder is sent by pave adopt")
	}
	r := pave.Repository{Address: a.URL, Folder: a.Folder}
	return s.keep(ctx, r, actor, func(dir string) (git.History, error) {
		return git.FetchHistory(ctx, s.Fetcher.HTTP, a.URL, a.Rev, dir)
	})
}

// Receive keeps a history that somebody sends.
func (s *Shelf) Receive(ctx context.Context, r pave.Repository, actor string, pack io.Reader) (pave.Repository, error) {
	if err := checkSent(r); err != nil {
		return r, err
	}
	return s.keep(ctx, r, actor, func(dir string) (git.History, error) {
		return git.ReceiveHistory(ctx, dir, git.History{Commit: r.Commit, Branch: r.Branch, Shallow: r.Shallow}, pack)
	})
}

// checkSent holds what a caller says of a history to bounds: it is shown to others.
func checkSent(r pave.Repository) error {
	if r.Address == "" || len(r.Address) > 2000 || len(r.Branch) > 200 {
		return pave.BadField("address", r.Address, "is not what a folder is called", "name the folder")
	}
	if r.Folder != "" && !fs.ValidPath(r.Folder) {
		return pave.BadField("folder", r.Folder, "is not a folder of the repository", "for example services/api")
	}
	if len(r.LeftOut) > 100 {
		return pave.BadField("left_out", "", "names more than 100 paths", "name some of them")
	}
	return nil
}

// keep makes the repository beside its place and renames it there.
func (s *Shelf) keep(ctx context.Context, r pave.Repository, actor string, bring func(dir string) (git.History, error)) (pave.Repository, error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return r, disk(err)
	}
	tmp, err := os.MkdirTemp(s.Dir, ".new-")
	if err != nil {
		return r, disk(err)
	}
	defer os.RemoveAll(tmp)
	h, err := bring(tmp)
	if err != nil {
		return r, err
	}
	r.Commit, r.Commits, r.Branch, r.Shallow = h.Commit, h.Commits, h.Branch, h.Shallow
	if r.Files, err = git.CheckTree(ctx, tmp, r.Commit); err != nil {
		return r, err
	}
	r.Bytes, r.Created = git.Size(tmp), time.Now().UTC()
	r.ID = idPrefix + strings.ToUpper(s.Derive("source", actor+"\x00"+r.Address+"\x00"+r.Commit).Reveal()[:26])
	text, err := json.Marshal(r)
	if err == nil {
		err = os.WriteFile(filepath.Join(tmp, about), text, 0o600)
	}
	if err != nil {
		return r, disk(err)
	}
	place := filepath.Join(s.Dir, r.ID+".git")
	if _, err := os.Stat(place); err == nil { // it lies there: only what is said of it is news
		if err := os.Rename(filepath.Join(tmp, about), filepath.Join(place, about)); err != nil {
			return r, disk(err)
		}
		now := time.Now()
		return r, os.Chtimes(place, now, now)
	}
	if err := os.Rename(tmp, place); err != nil {
		if _, other := os.Stat(place); other != nil {
			return r, disk(err)
		}
	}
	return r, nil
}

func disk(err error) error {
	return pave.Errorf(pave.Unavailable, "keep the repository: %w", err).WithHint("pave doctor")
}

// Find returns what was brought under an id. NotFound where it is not kept any more.
func (s *Shelf) Find(id string) (pave.Repository, error) {
	var r pave.Repository
	dir, err := s.Kept(id)
	if err != nil {
		return r, err
	}
	text, err := os.ReadFile(filepath.Join(dir, about))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, disk(err)
	}
	return r, nil
}

// Kept is the folder of what was brought under an id.
func (s *Shelf) Kept(id string) (string, error) {
	gone := pave.Errorf(pave.Invalid, "the repository %.30q is not kept: it is for 7 days after it was brought", id).
		WithHint("pave adopt brings it again")
	if !shelfID.MatchString(id) {
		return "", gone
	}
	dir := filepath.Join(s.Dir, id+".git")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", gone
	} else if err != nil {
		return "", disk(err)
	}
	return dir, nil
}

// Tree is the tree of what was brought under an id.
func (s *Shelf) Tree(ctx context.Context, id, commit string) (fs.FS, error) {
	dir, err := s.Kept(id)
	if err != nil {
		return nil, err
	}
	return git.FS(ctx, dir, commit)
}

// Prune forgets what was brought before a time, and what calls that were killed left
// behind.
func (s *Shelf) Prune(before time.Time) error {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		info, infoErr := e.Info()
		half := strings.HasPrefix(e.Name(), ".new-")
		if infoErr != nil || half && time.Since(info.ModTime()) < time.Hour || !half && info.ModTime().After(before) {
			continue
		}
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.Dir, e.Name())))
	}
	return err
}
