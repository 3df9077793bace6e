package git

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"github.com/pave-platform/pave"
)

// Fetch brings one commit of a repository elsewhere, without its history, into the
// empty folder dir and returns its id; FS reads it there. at is a branch, a tag, the
// whole id of a commit, or "" for the default branch. All requests go through
// client, which decides which addresses may be reached and who signs in.
//
// Errors: NotFound where there is no such repository or revision, Denied where the
// host wants another login or client refuses, Unavailable where it does not answer.
func Fetch(ctx context.Context, client *http.Client, url string, at Revision, dir string) (commit string, err error) {
	ep, err := transport.NewEndpoint(url)
	if err != nil || ep.Protocol != "https" && ep.Protocol != "http" {
		return "", pave.BadField("repository", url, "is not a repository's http(s) address", "for example https://git.example.com/team/templates.git")
	}
	session, err := githttp.NewClient(client).NewUploadPackSession(ep, nil)
	if err != nil {
		return "", pave.Errorf(pave.Invalid, "repository %s: %w", url, err)
	}
	defer session.Close()
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return "", fetchError(ctx, url, err)
	}
	want, err := wanted(refs, url, at)
	if err != nil {
		return "", err
	}
	if err := receive(ctx, session, refs, want, dir); err != nil {
		return "", fetchError(ctx, url, err)
	}
	return peeled(dir, url, want)
}

// wanted finds the object a revision names among the refs of a host.
func wanted(refs *packp.AdvRefs, url string, at Revision) (plumbing.Hash, error) {
	switch {
	case at == "" && refs.Head != nil:
		return *refs.Head, nil
	case at == "":
		return plumbing.ZeroHash, pave.Errorf(pave.NotFound, "repository %s has no default branch", url).WithHint("name a branch: %s@BRANCH", url)
	}
	names := []string{string(at)}
	if !strings.HasPrefix(string(at), "refs/") {
		names = []string{"refs/heads/" + string(at), "refs/tags/" + string(at)}
	}
	for _, name := range names {
		if id, ok := refs.References[name]; ok {
			return id, nil
		}
	}
	if plumbing.IsHash(string(at)) {
		return plumbing.NewHash(string(at)), nil
	}
	var known []string
	for name := range refs.References {
		short := strings.TrimPrefix(strings.TrimPrefix(name, "refs/heads/"), "refs/tags/")
		known = append(known, short)
	}
	hint := "name a branch, a tag or the whole id of a commit"
	if near := pave.DidYouMean(string(at), known); near != "" {
		hint = "did you mean " + near + "?"
	}
	return plumbing.ZeroHash, pave.Errorf(pave.NotFound, "repository %s has no branch or tag %q", url, at).WithHint("%s", hint)
}

// receive asks for one commit and stores what comes.
func receive(ctx context.Context, session transport.UploadPackSession, refs *packp.AdvRefs, want plumbing.Hash, dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "objects"), 0o700); err != nil {
		return err
	}
	req := packp.NewUploadPackRequestFromCapabilities(refs.Capabilities)
	req.Wants = []plumbing.Hash{want}
	if refs.Capabilities.Supports(capability.Shallow) {
		req.Depth = packp.DepthCommits(1)
		if err := req.Capabilities.Set(capability.Shallow); err != nil {
			return err
		}
	}
	resp, err := session.UploadPack(ctx, req)
	if err != nil {
		return err
	}
	defer resp.Close()
	pack, err := checkedPack(dir, demuxed(req.Capabilities, resp), commitBounds)
	if err != nil {
		return err
	}
	defer pack.Close()
	s := openStorage(dir)
	defer s.Close()
	return packfile.UpdateObjectStorage(s, pack)
}

// demuxed is the pack out of an answer that carries progress beside it.
func demuxed(has *capability.List, r io.Reader) io.Reader {
	switch {
	case has.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, r)
	case has.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, r)
	}
	return r
}

// peeled is the commit that a fetched object is, or that its tag is about.
func peeled(dir, url string, id plumbing.Hash) (string, error) {
	s := openStorage(dir)
	defer s.Close()
	for range 10 {
		o, err := s.EncodedObject(plumbing.AnyObject, id)
		if err != nil {
			break
		}
		if o.Type() == plumbing.CommitObject {
			return id.String(), nil
		}
		tag, err := tagOf(s, o)
		if err != nil {
			break
		}
		id = tag
	}
	return "", pave.Errorf(pave.NotFound, "repository %s: %s is not a commit", url, id)
}

func fetchError(ctx context.Context, url string, err error) error {
	var known *pave.Error
	switch {
	case errors.As(err, &known):
		return known
	case ctx.Err() != nil:
		return pave.Errorf(pave.Unavailable, "fetching %s was stopped: %w", url, context.Cause(ctx))
	case errors.Is(err, transport.ErrRepositoryNotFound), errors.Is(err, transport.ErrEmptyRemoteRepository):
		return pave.Errorf(pave.NotFound, "there is no repository %s, or it is empty", url).WithHint("check the address")
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed):
		return pave.Errorf(pave.Denied, "%s wants a login, or there is no such repository", url).
			WithHint("put a line https://USER:TOKEN@HOST into the file of PAVE_CREDENTIALS")
	}
	return pave.Errorf(pave.Unavailable, "fetch %s: %w", url, err).WithHint("try again, or check the address")
}
