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
//
// Where other branches bring more than the bounds allow, main alone is followed, and
// Unfollowed says so until they are as they may be again.
func Follow(ctx context.Context, client *http.Client, url, dir string, right func(context.Context) error) (changed bool, err error) {
	return follower{url, dir, right, historyBounds}.follow(ctx, client)
}

// A follower is one call of Follow.
type follower struct {
	url, dir string
	right    func(context.Context) error
	max      bounds
}

func (f follower) follow(ctx context.Context, client *http.Client) (changed bool, err error) {
	ep, err := endpoint(f.url)
	if err != nil {
		return false, err
	}
	session, err := githttp.NewClient(client).NewUploadPackSession(ep, nil)
	if err != nil {
		return false, pave.Errorf(pave.Invalid, "repository %s: %w", f.url, err)
	}
	defer session.Close()
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err == transport.ErrEmptyRemoteRepository {
		return false, nil // nothing was pushed there yet
	}
	if err != nil {
		return false, fetchError(ctx, f.url, err)
	}
	here, err := CopyOf(f.dir)
	if err != nil {
		return false, err
	}
	all := difference(here.Refs, refs.References, f.dir, everyBranch)
	if !all.bringsOthers || !f.left().still(refs.References) {
		changed, err = f.take(ctx, session, refs, here, all)
		if err == nil {
			err = f.setLeft(left{})
		}
		if pave.CodeOf(err) != pave.Invalid || !all.bringsOthers {
			return changed, err
		}
		if serr := f.setLeft(left{time.Now(), othersOf(refs.References), err.Error()}); serr != nil {
			return false, serr
		}
	}
	return f.take(ctx, session, refs, here, difference(here.Refs, refs.References, f.dir, mainAlone))
}

// take brings what a difference lacks, and moves the branches.
func (f follower) take(ctx context.Context, session transport.UploadPackSession, refs *packp.AdvRefs, here Copy, d differs) (bool, error) {
	if len(d.moves) == 0 {
		return false, nil
	}
	if len(d.missing) > 0 {
		if err := f.bring(ctx, session, refs, here, d.missing); err != nil {
			return false, fetchError(ctx, f.url, err)
		}
	}
	if err := f.right(ctx); err != nil {
		return false, err
	}
	if err := unlock(f.dir, time.Now()); err != nil {
		return false, pave.Errorf(pave.Unavailable, "follow %s: %w", f.url, err)
	}
	err := move(ctx, f.dir, d.moves)
	if pave.CodeOf(err) == pave.Internal { // somebody else moved one in this moment
		err = pave.Errorf(pave.Unavailable, "follow %s: %w", f.url, err)
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

// differs is what has to be told update-ref, deletions first, so that the branches here
// are those there, and the commits that are not here: with bringsOthers not for main alone.
type differs struct {
	moves        []string
	missing      []plumbing.Hash
	bringsOthers bool
}

func everyBranch(name string) bool { return strings.HasPrefix(name, branches) }

func mainAlone(name string) bool { return name == branches+string(MainBranch) }

// difference compares the branches that are meant.
func difference(here map[string]string, there map[string]plumbing.Hash, dir string, meant func(name string) bool) (d differs) {
	for name, id := range there {
		if !meant(name) || here[name] == id.String() {
			continue
		}
		if _, err := ParseRef(name); err != nil {
			continue // no name that is ever asked for here
		}
		old := here[name]
		if old == "" {
			old = plumbing.ZeroHash.String()
		}
		d.moves = append(d.moves, fmt.Sprintf("update %s %s %s\n", name, id, old))
		if !has(dir, id.String()) {
			d.missing = append(d.missing, id)
			d.bringsOthers = d.bringsOthers || !mainAlone(name)
		}
	}
	for name, id := range here {
		_, kept := there[name]
		if meant(name) && !kept && !mainAlone(name) {
			d.moves = append(d.moves, fmt.Sprintf("delete %s %s\n", name, id))
		}
	}
	slices.Sort(d.moves)
	return d
}

// bring asks for commits, with all that leads to them and is not here, and keeps them.
func (f follower) bring(ctx context.Context, session transport.UploadPackSession, refs *packp.AdvRefs, here Copy, missing []plumbing.Hash) error {
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
	pack, err := checkedPack(f.dir, demuxed(req.Capabilities, resp), f.max)
	if err != nil {
		return err
	}
	defer pack.Close()
	if _, err := Run(ctx, Options{Dir: f.dir, Stdin: pack},
		"-c", "core.bigFileThreshold=8m", "-c", "pack.threads=1", "index-pack", "--stdin", "--fix-thin"); err != nil {
		return err
	}
	var ids []string
	for _, id := range missing {
		ids = append(ids, id.String())
	}
	// Whole before a branch is put on it.
	_, err = Run(ctx, Options{Dir: f.dir, Stdin: strings.NewReader(strings.Join(ids, "\n") + "\n")}, "rev-list", "--objects", "--quiet", "--stdin", "--not", "--all")
	return err
}
