package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"github.com/pave-platform/pave"
)

// A History is the commits that lead to one, kept in a folder of its own.
type History struct {
	Commit  string
	Commits int
	Branch  string   // it was taken from, where that is known
	Shallow []string // commits whose parents were left out
}

// maxShallow is how many commits may be without their parents.
const maxShallow = 10_000

var commitID = regexp.MustCompile(`^[0-9a-f]{40}$`)

// FetchHistory is Fetch with all commits that lead to the one, in a bare repository
// at dir.
func FetchHistory(ctx context.Context, client *http.Client, url string, at Revision, dir string) (History, error) {
	ep, err := transport.NewEndpoint(url)
	if err != nil || ep.Protocol != "https" && ep.Protocol != "http" {
		return History{}, pave.BadField("repository", url, "is not a repository's http(s) address", "for example https://git.example.com/team/shop.git")
	}
	session, err := githttp.NewClient(client).NewUploadPackSession(ep, nil)
	if err != nil {
		return History{}, pave.Errorf(pave.Invalid, "repository %s: %w", url, err)
	}
	defer session.Close()
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return History{}, fetchError(ctx, url, err)
	}
	want, err := wanted(refs, url, at)
	if err != nil {
		return History{}, err
	}
	req := packp.NewUploadPackRequestFromCapabilities(refs.Capabilities)
	req.Wants = []plumbing.Hash{want}
	resp, err := session.UploadPack(ctx, req)
	if err != nil {
		return History{}, fetchError(ctx, url, err)
	}
	defer resp.Close()
	if err := unpack(ctx, dir, demuxed(req.Capabilities, resp), nil); err != nil {
		return History{}, fetchError(ctx, url, err)
	}
	commit, err := peeled(dir, url, want)
	if err != nil {
		return History{}, err
	}
	return finished(ctx, dir, History{Commit: commit, Branch: branchOf(refs, at)})
}

// branchOf is the branch that a revision names among the refs of a host.
func branchOf(refs *packp.AdvRefs, at Revision) string {
	if at != "" {
		return string(at)
	}
	for name, id := range refs.References {
		short, isBranch := strings.CutPrefix(name, "refs/heads/")
		if isBranch && refs.Head != nil && id == *refs.Head && (short == "main" || short == "master") {
			return short
		}
	}
	return ""
}

// ReceiveHistory makes a bare repository at dir of a pack that somebody sends. Invalid
// where the pack is none, over the bounds, or lacks a part of the history.
func ReceiveHistory(ctx context.Context, dir string, h History, pack io.Reader) (History, error) {
	if !commitID.MatchString(h.Commit) || len(h.Shallow) > maxShallow {
		return h, pave.BadField("commit", h.Commit, "is not the id of a commit", "40 characters of 0-9 and a-f")
	}
	for _, id := range h.Shallow {
		if !commitID.MatchString(id) {
			return h, pave.BadField("shallow", id, "is not the id of a commit", "40 characters of 0-9 and a-f")
		}
	}
	err := unpack(ctx, dir, pack, h.Shallow)
	if pave.CodeOf(err) == pave.Internal {
		err = pave.Errorf(pave.Invalid, "what was sent is not a pack of git's: %w", err).WithHint("git fsck in the repository shows what is wrong there")
	}
	if err != nil {
		return h, err
	}
	return finished(ctx, dir, h)
}

// unpack makes a bare repository without refs of a pack, which is looked through
// before anything unpacks it.
func unpack(ctx context.Context, dir string, from io.Reader, shallow []string) error {
	if err := skeleton(dir, Repository{}); err != nil {
		return err
	}
	pack, err := checkedPack(dir, from, historyBounds)
	if err != nil {
		return err
	}
	defer pack.Close()
	if len(shallow) > 0 {
		if err := os.WriteFile(filepath.Join(dir, "shallow"), []byte(strings.Join(shallow, "\n")+"\n"), 0o644); err != nil {
			return pave.Errorf(pave.Unavailable, "writing repository: %w", err)
		}
	}
	// Large files are written as they come, not held in memory.
	_, err = Run(ctx, Options{Dir: dir, Stdin: pack}, "-c", "core.bigFileThreshold=8m", "-c", "pack.threads=1", "index-pack", "--stdin", "--fix-thin")
	return err
}

// finished checks that the history is whole and puts the main branch on it.
func finished(ctx context.Context, dir string, h History) (History, error) {
	s := openStorage(dir)
	defer s.Close()
	if _, err := commitAt(s, dir, h.Commit); err != nil {
		return h, pave.Errorf(pave.Invalid, "commit %s is not in what was brought", h.Commit).WithHint("git fsck in the repository shows what is missing")
	}
	if _, err := Run(ctx, Options{Dir: dir, Operands: []string{h.Commit}}, "rev-list", "--objects", "--quiet"); err != nil {
		if pave.CodeOf(err) == pave.Unavailable {
			return h, err
		}
		return h, pave.Errorf(pave.Invalid, "the history of commit %.7s is not whole: %w", h.Commit, err).
			WithHint("git fsck in the repository shows what is missing; git fetch --unshallow or --refetch brings it")
	}
	out, err := Run(ctx, Options{Dir: dir, Operands: []string{h.Commit}}, "rev-list", "--count")
	if err != nil {
		return h, err
	}
	if h.Commits, err = strconv.Atoi(strings.TrimSpace(string(out))); err != nil {
		return h, pave.Errorf(pave.Internal, "counting commits: %w", err)
	}
	return h, pointMain(s, h.Commit)
}

// takeOver fills the repository at dir with the objects of another one: its packs are
// linked where that can be done, else copied.
func takeOver(dir, from string) error {
	names, err := fs.Glob(os.DirFS(from), "objects/pack/pack-*")
	if err != nil || len(names) == 0 {
		return pave.Errorf(pave.Invalid, "what was brought for this repository is not kept any more").
			WithHint("pave undo takes the service back; then pave adopt again")
	}
	if _, err := os.Stat(filepath.Join(from, "shallow")); err == nil {
		names = append(names, "shallow")
	}
	for _, name := range names {
		have, to := filepath.Join(from, filepath.FromSlash(name)), filepath.Join(dir, filepath.FromSlash(name))
		err := fs.ErrInvalid
		if name != "shallow" { // packs are never written again, that file is
			err = os.Link(have, to)
		}
		if err != nil {
			err = copyFile(have, to)
		}
		if err != nil {
			return pave.Errorf(pave.Unavailable, "writing repository: %w", err).WithHint("pave doctor; pave retry goes on from here")
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// Size is how many bytes the packs of a repository have.
func Size(dir string) int64 {
	total := int64(0)
	names, _ := filepath.Glob(filepath.Join(dir, "objects", "pack", "pack-*.pack")) // the pattern is good
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			total += info.Size()
		}
	}
	return total
}

func (h History) String() string { return fmt.Sprintf("%d commits up to %.7s", h.Commits, h.Commit) }
