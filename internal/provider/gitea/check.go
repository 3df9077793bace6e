package gitea

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/pave-platform/pave"
)

// Check says what the binding lacks. It changes nothing: whether a token may write is
// asked with changes to what is not there, of which the server looks at the token's
// scope first.
func (h *Host) Check(ctx context.Context) []pave.Check {
	version, err := h.version(ctx)
	if err != nil {
		return []pave.Check{failed("gitea server", err)}
	}
	out := []pave.Check{{Name: "gitea server", OK: true, Detail: h.base.Host + ", " + version.text}}
	if missing := version.missing(); missing != "" {
		out[0].Detail += "; it lacks " + missing
	}
	var me struct {
		Login string `json:"login"`
	}
	if err := h.get(ctx, "user", nil, &me); err != nil {
		return append(out, failed("gitea sign-in", err))
	}
	return append(out, pave.Check{Name: "gitea sign-in", OK: true, Detail: "token of " + me.Login}, h.permissions(ctx), h.organisation(ctx, me.Login))
}

// CheckPipelines asks for a server that knows secrets too.
func (h *Host) CheckPipelines(ctx context.Context) []pave.Check {
	out := h.Check(ctx)
	if v, err := h.version(ctx); err == nil && v.before(1, 22) {
		out = append(out, pave.Check{Name: "gitea secrets", Detail: v.text + " lacks variables and secrets of Actions",
			Fix: "newer ones have them (Gitea 1.22); or give pipelines nothing: pave unbind default pipeline"})
	}
	return out
}

func failed(name string, err error) pave.Check {
	return pave.Check{Name: name, Detail: err.Error(), Fix: pave.HintOf(err)}
}

// nothing is the name of no repository and no organisation: theirs have no such end.
const nothing = "pave-probe.git"

// permissions looks whether the token has those that calls to what is not there need.
func (h *Host) permissions(ctx context.Context) pave.Check {
	c := pave.Check{Name: "gitea permissions", OK: true, Detail: "all that are needed"}
	var lacks []string
	for _, need := range []struct{ name, method, path string }{
		{"write:repository", http.MethodPatch, join("repos", h.org, nothing)},
		{"write:organization", http.MethodPost, join("orgs", nothing, "repos")},
	} {
		err := h.call(ctx, need.method, need.path, map[string]any{"name": "pave-probe"}, nil)
		switch pave.CodeOf(err) {
		case "", pave.NotFound:
		case pave.Denied:
			lacks = append(lacks, need.name)
		default:
			return failed(c.Name, err)
		}
	}
	if len(lacks) > 0 {
		c.OK, c.Detail = false, "missing: "+strings.Join(lacks, ", ")
		c.Fix = "make a token that has these, too, and bind it: pave bind; docs/gitea.md says what each is for"
	}
	return c
}

// organisation looks whether it is there, and the user may make repositories in it.
func (h *Host) organisation(ctx context.Context, login string) pave.Check {
	c := pave.Check{Name: "gitea organisation", Detail: h.org}
	var may struct {
		Create bool `json:"can_create_repository"`
		Owner  bool `json:"is_owner"`
	}
	if err := h.get(ctx, join("orgs", h.org), nil, nil); err != nil {
		c = failed(c.Name, err)
		if pave.CodeOf(err) == pave.NotFound {
			c.Detail, c.Fix = fmt.Sprintf("%s has no organisation %q that user %s sees", h.base.Host, h.org, login), "make it there, or bind another one: --set org=NAME"
		}
		return c
	}
	if err := h.get(ctx, join("users", login, "orgs", h.org, "permissions"), nil, &may); err != nil {
		return failed(c.Name, err)
	}
	if !may.Create {
		c.Detail, c.Fix = fmt.Sprintf("user %s may not make repositories in %s", login, h.org),
			"put the user into a team of it that may create repositories and has the permission admin"
		return c
	}
	c.OK = true
	if !may.Owner {
		c.Detail += "; teams are given repositories where the organisation lets administrators of a repository do so"
	}
	return c
}

// A version is that of a server, and of the Gitea whose calls it knows.
type version struct {
	text         string
	major, minor int // of Gitea; zero where the server does not say
}

var giteaPattern = regexp.MustCompile(`(?:gitea-|^)(\d+)\.(\d+)`)

func (h *Host) version(ctx context.Context) (version, error) {
	var v struct {
		Version string `json:"version"`
	}
	if err := h.get(ctx, "version", nil, &v); err != nil {
		return version{}, err
	}
	return parseVersion(v.Version), nil
}

// parseVersion reads "1.26.0" of Gitea and "15.0.1+gitea-1.22.0" of Forgejo.
func parseVersion(s string) version {
	v := version{text: "Gitea " + s}
	if ours, gitea, ok := strings.Cut(s, "+gitea-"); ok {
		v.text, s = "Forgejo "+ours, "gitea-"+gitea
	}
	if m := giteaPattern.FindStringSubmatch(s); m != nil {
		v.major, _ = strconv.Atoi(m[1])
		v.minor, _ = strconv.Atoi(m[2])
	}
	return v
}

func (v version) before(major, minor int) bool {
	return v.major > 0 && v.major < major || v.major == major && v.minor < minor
}

// missing names what a server of this version has not.
func (v version) missing() string {
	var out []string
	if v.before(1, 22) {
		out = append(out, "variables and secrets of Actions (1.22)")
	}
	if v.before(1, 21) {
		out = append(out, "runs of Actions (1.21)")
	}
	return strings.Join(out, ", ")
}

// lacks is the error of a call that an older server, or one without Actions, does not
// know.
func (h *Host) lacks(ctx context.Context, err error, what, since string) error {
	if pave.CodeOf(err) != pave.NotFound {
		return err
	}
	v, again := h.version(ctx)
	if again != nil {
		return errors.Join(err, again)
	}
	return pave.Errorf(pave.NotFound, "%s (%s) shows no %s: they came with %s, and want Actions switched on: %w", h.base.Host, v.text, what, since, err)
}
