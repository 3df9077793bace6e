package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"github.com/pave-platform/pave"
)

// Push brings a branch of the repository at dir to a repository elsewhere, where it
// only ever moves forward. All requests go through client, which decides which
// addresses may be reached and who signs in: no credential is in an argument, an
// environment or a file.
//
// It may be repeated: a branch that is there already is left alone. Errors: NotFound
// where there is no such repository, Denied where the host refuses the login or the
// push, Conflict where the branch there has commits that this one lacks, Unavailable
// where the host does not answer.
func Push(ctx context.Context, client *http.Client, url, dir string, branch Ref) error {
	head, err := Head(dir, branch)
	if err != nil {
		return err
	}
	return PushCommit(ctx, client, url, dir, head, branch)
}

// PushCommit is Push for a commit that no branch of the repository at dir is at.
func PushCommit(ctx context.Context, client *http.Client, url, dir, head string, branch Ref) error {
	ep, err := endpoint(url)
	if err != nil {
		return err
	}
	refs, err := receiver(ctx, client, ep)
	if err != nil {
		return pushError(ctx, url, err)
	}
	name := plumbing.NewBranchReferenceName(string(branch))
	old := refs.References[name.String()]
	if old.String() == head {
		return nil
	}
	if !old.IsZero() {
		if err := forward(ctx, dir, url, branch, old.String(), head); err != nil {
			return err
		}
	}
	req := packp.NewReferenceUpdateRequestFromCapabilities(refs.Capabilities)
	req.Commands = []*packp.Command{{Name: name, Old: old, New: plumbing.NewHash(head)}}
	err = send(ctx, client, ep, dir, req, advertised(refs))
	if pave.CodeOf(err) == pave.Denied {
		if now, e := receiver(ctx, client, ep); e == nil && now.References[name.String()] != old {
			return pave.Errorf(pave.Unavailable, "push to %s: somebody else pushed in this moment", url).WithHint("pave retry goes on from here")
		}
	}
	return pushError(ctx, url, err)
}

// receiver is what a host has, and what it understands of a push.
func receiver(ctx context.Context, client *http.Client, ep *transport.Endpoint) (*packp.AdvRefs, error) {
	session, err := githttp.NewClient(client).NewReceivePackSession(ep, nil)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	return session.AdvertisedReferencesContext(ctx)
}

func endpoint(url string) (*transport.Endpoint, error) {
	ep, err := transport.NewEndpoint(url)
	if err != nil || ep.Protocol != "https" && ep.Protocol != "http" {
		return nil, pave.BadField("repository", url, "is not a repository's http(s) address", "for example https://git.example.com/team/shop.git")
	}
	return ep, nil
}

// advertised are the objects that a host says it has, each once.
func advertised(refs *packp.AdvRefs) map[string]bool {
	out := map[string]bool{}
	for _, id := range refs.References {
		out[id.String()] = true
	}
	return out
}

// forward is Conflict unless the branch of a host, at old, is behind head.
func forward(ctx context.Context, dir, url string, branch Ref, old, head string) error {
	err := errors.New("it is not here")
	if has(dir, old) {
		_, err = Run(ctx, Options{Dir: dir, Operands: []string{old, head}}, "merge-base", "--is-ancestor")
	}
	if err != nil && pave.CodeOf(err) != pave.Unavailable {
		return pave.Errorf(pave.Conflict, "branch %s of %s is at %.7s, which is not behind %.7s", branch, url, old, head).
			WithHint("fetch what is new there first")
	}
	return err
}

// has reports whether an object is in the repository at dir.
func has(dir, id string) bool {
	s := openStorage(dir)
	defer s.Close()
	return s.HasEncodedObject(plumbing.NewHash(id)) == nil
}

// send posts a request with the objects that the host lacks, which are kept in a file
// meanwhile: a history may be larger than memory.
func send(ctx context.Context, client *http.Client, ep *transport.Endpoint, dir string, req *packp.ReferenceUpdateRequest, known map[string]bool) error {
	f, err := os.CreateTemp("", "pave-push-")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	if err := req.Encode(f); err != nil {
		return err
	}
	revs := req.Commands[0].New.String() + "\n"
	for id := range known {
		if has(dir, id) {
			revs += "^" + id + "\n"
		}
	}
	if _, err := Run(ctx, Options{Dir: dir, Stdin: strings.NewReader(revs), Stdout: f},
		"pack-objects", "--revs", "--stdout", "--thin", "--delta-base-offset", "-q"); err != nil {
		return err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	// A section of the file, so that the body can be read again after a redirect.
	body := func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(f, 0, size)), nil }
	call, err := http.NewRequestWithContext(ctx, http.MethodPost, ep.String()+"/git-receive-pack", nil)
	if err != nil {
		return err
	}
	call.ContentLength, call.GetBody = size, body
	call.Body, _ = body() // is never an error
	call.Header.Set("Content-Type", "application/x-git-receive-pack-request")
	call.Header.Set("Accept", "application/x-git-receive-pack-result")
	resp, err := client.Do(call)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := githttp.NewErr(resp); err != nil {
		return err
	}
	return reported(req, io.LimitReader(resp.Body, 1<<20))
}

// busyPattern matches what git says of a branch that another push has its hand on.
var busyPattern = regexp.MustCompile(`failed to (update|lock) ref|cannot lock ref|reference already exists`)

// reported is what a host says of a push, where it says anything.
func reported(req *packp.ReferenceUpdateRequest, answer io.Reader) error {
	if !req.Capabilities.Supports(capability.ReportStatus) {
		return nil
	}
	report := packp.NewReportStatus()
	if err := report.Decode(answer); err != nil {
		return fmt.Errorf("its answer to the push: %w", err)
	}
	if err := report.Error(); err != nil {
		if busyPattern.MatchString(err.Error()) {
			return pave.Errorf(pave.Unavailable, "another push is at work: %w", err)
		}
		return pave.Errorf(pave.Denied, "the host does not take the push: %w", err).
			WithHint("rules of the host may forbid it: see its settings for branches")
	}
	return nil
}

// pushError is fetchError in the words of a push.
func pushError(ctx context.Context, url string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return pave.Errorf(pave.NotFound, "there is no repository %s, or the binding may not see it", url)
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed):
		return pave.Errorf(pave.Denied, "%s does not let the binding push", url).WithHint("it needs the permission to write contents")
	}
	err = fetchError(ctx, url, err)
	if e := (*pave.Error)(nil); errors.As(err, &e) && e.Code == pave.Unavailable {
		return pave.Errorf(pave.Unavailable, "push to %s: %w", url, errors.Unwrap(e)).WithHint("pave retry goes on from here")
	}
	return err
}
