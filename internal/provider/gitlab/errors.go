package gitlab

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/pave-platform/pave"
)

// failed is the error of a call, in our words: what was wanted, and what the server
// says. It holds nothing of the request.
func (h *Host) failed(what string, err error) error {
	var known *pave.Error
	var refused *gitlab.ErrorResponse
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.Is(err, gitlab.ErrNotFound):
		return pave.Errorf(pave.NotFound, "%s: %s: not found, or hidden from the token", h.base.Host, what)
	case errors.As(err, &refused):
		return h.refused(what, refused)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // its address may hold more than people should read
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return pave.Errorf(pave.Unavailable, "%s: %s: it answered with something that is no JSON", h.base.Host, what).
			WithHint("is it a GitLab? A proxy before it may ask for a sign-in")
	}
	return pave.Errorf(pave.Unavailable, "%s does not answer: %s: %w", h.base.Host, what, err).WithHint("give the command again once it does, a run tries by itself; pave doctor asks it")
}

// refused is the error of an answer that is none of success.
func (h *Host) refused(what string, r *gitlab.ErrorResponse) error {
	said := reason(r)
	code, hint := pave.Unavailable, ""
	switch s := r.StatusCode; {
	case s == http.StatusUnauthorized:
		code, hint = pave.Denied, "the token is wrong or expired, make a new one: pave bind default repository gitlab --secret token, with --url and --org as before; a run that stopped goes on with pave retry"
	case s == http.StatusForbidden:
		code, hint = pave.Denied, "pave doctor names what the token lacks"
	case s == http.StatusMethodNotAllowed, s >= 300 && s < 400 && h.inside(r): // of a project that has another name now
		code = pave.NotFound
	case s >= 300 && s < 400:
		code, hint = pave.Denied, "look where it redirects to, and bind that address if you trust it"
		said = "it redirects"
	case s == http.StatusConflict, s == http.StatusLocked:
		code = pave.Conflict
	case s == http.StatusBadRequest && strings.Contains(said, "has already been taken"):
		code = pave.Conflict
	case s == http.StatusBadRequest, s == http.StatusUnprocessableEntity:
		code = pave.Invalid
	default:
		said = fmt.Sprintf("it answered %d, %s", s, said)
	}
	return pave.Errorf(code, "%s: %s: %s", h.base.Host, what, said).WithHint("%s", hint)
}

// inside reports whether a redirect leads to another project of the same server.
func (h *Host) inside(r *gitlab.ErrorResponse) bool {
	if r.Response == nil {
		return false
	}
	to, err := r.Response.Location()
	return err == nil && to.Host == h.base.Host && strings.Contains(to.Path, "/api/v4/projects/")
}

// reason is what a server says of an error, on one line.
func reason(r *gitlab.ErrorResponse) string {
	if !json.Valid(r.Body) {
		return "no reason given"
	}
	text := []rune(strings.Join(strings.Fields(r.Message), " "))
	if len(text) > 200 {
		text = append(text[:200], '…')
	}
	return string(text)
}
