package git

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"github.com/pave-platform/pave"
)

const branches = "refs/heads/"

// maxHaves is how many heads a fetch names as what is here already.
const maxHaves = 256

// Follow makes the branches of the bare repository at dir those of a repository
// elsewhere: new commits are brought, branches that are gone there go here too, and
// one that was moved back is moved back. It reports whether anything was otherwise.
// The main branch stays where the host has none yet. Requests go through client, as
// those of Fetch do; the errors are Fetch's. Before a branch is moved, right has the last
// word: it knows whether this is still the repository that is meant.
func Follow(ctx context.Context, client *http.Client, url, dir string, right func(context.Context) error) (changed bool, err error) {
	ep, err := endpoint(url)
	if err != nil {
		return false, err
	}
	session, err := githttp.NewClient(client).NewUploadPackSession(ep, nil)
	if err != nil {
		return false, pave.Errorf(pave.Invalid, "repository %s: %w", url, err)
	}
	defer session.Close()
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err == transport.ErrEmptyRemoteRepository {
		return false, nil // nothing was pushed there yet
	}
	if err != nil {
		return false, fetchError(ctx, url, err)
	}
	here, err := CopyOf(dir)
	if err != nil {
		return false, err
	}
	moves, missing := difference(here.Refs, refs.References, dir)
	if len(moves) == 0 {
		return false, nil
	}
	if len(missing) > 0 {
		if err := bring(ctx, session, refs, here, missing, dir); err != nil {
			return false, fetchError(ctx, url, err)
		}
	}
	if err := right(ctx); err != nil {
		return false, err
	}
	if err := unlock(dir, time.Now()); err != nil {
		return false, pave.Errorf(pave.Unavailable, "follow %s: %w", url, err)
	}
	err = move(ctx, dir, moves)
	if pave.CodeOf(err) == pave.Internal { // somebody else moved one in this moment
		err = pave.Errorf(pave.Unavailable, "follow %s: %w", url, err)
	}
	return err == nil, err
}

// move carries out what update-ref is told. Branches that are gone go first: one may be
// in the way of another, as idea is of idea/two.
func move(ctx context.Context, dir string, moves []string) error {
	at := slices.IndexFunc(moves, func(m string) bool { return !strings.HasPrefix(m, "delete ") })
	if at < 0 {
		at = len(moves)
	}
	for _, part := range [][]string{moves[:at], moves[at:]} {
		if len(part) == 0 {
			continue
		}
		if _, err := Run(ctx, Options{Dir: dir, Stdin: strings.NewReader(strings.Join(part, ""))}, "update-ref", "--stdin"); err != nil {
			return err
		}
	}
	return nil
}

// difference is what has to be told update-ref, deletions first, so that the branches
// here are those there, and the commits that are not here.
func difference(here map[string]string, there map[string]plumbing.Hash, dir string) (moves []string, missing []plumbing.Hash) {
	for name, id := range there {
		if !strings.HasPrefix(name, branches) || here[name] == id.String() {
			continue
		}
		if _, err := ParseRef(name); err != nil {
			continue // no name that is ever asked for here
		}
		old := here[name]
		if old == "" {
			old = plumbing.ZeroHash.String()
		}
		moves = append(moves, fmt.Sprintf("update %s %s %s\n", name, id, old))
		if !has(dir, id.String()) {
			missing = append(missing, id)
		}
	}
	for name, id := range here {
		_, kept := there[name]
		if strings.HasPrefix(name, branches) && !kept && name != branches+string(MainBranch) {
			moves = append(moves, fmt.Sprintf("delete %s %s\n", name, id))
		}
	}
	slices.Sort(moves)
	return moves, missing
}

// bring asks for commits, with all that leads to them and is not here, and keeps them.
func bring(ctx context.Context, session transport.UploadPackSession, refs *packp.AdvRefs, here Copy, missing []plumbing.Hash, dir string) error {
	req := packp.NewUploadPackRequestFromCapabilities(refs.Capabilities)
	req.Wants = missing
	for _, id := range here.tips() {
		if len(req.Haves) < maxHaves {
			req.Haves = append(req.Haves, plumbing.NewHash(id))
		}
	}
	resp, err := session.UploadPack(ctx, req)
	if err != nil {
		return err
	}
	defer resp.Close()
	pack, err := checkedPack(dir, demuxed(req.Capabilities, resp), historyBounds)
	if err != nil {
		return err
	}
	defer pack.Close()
	if _, err := Run(ctx, Options{Dir: dir, Stdin: pack},
		"-c", "core.bigFileThreshold=8m", "-c", "pack.threads=1", "index-pack", "--stdin", "--fix-thin"); err != nil {
		return err
	}
	var ids []string
	for _, id := range missing {
		ids = append(ids, id.String())
	}
	// Whole before a branch is put on it.
	_, err = Run(ctx, Options{Dir: dir, Stdin: strings.NewReader(strings.Join(ids, "\n") + "\n")}, "rev-list", "--objects", "--quiet", "--stdin", "--not", "--all")
	return err
}
