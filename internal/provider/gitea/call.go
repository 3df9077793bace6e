package gitea

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/pave-platform/pave"
)

const (
	pageSize = 50 // the largest that servers allow unless told otherwise
	maxPages = 2000
)

type client = *http.Client

// api calls a server. It may be used by many at once.
type api struct {
	base   *url.URL
	client client
	token  pave.Secret
}

// join is a path of parts that are escaped.
func join(parts ...string) string {
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// get asks, and fills out.
func (a *api) get(ctx context.Context, path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return a.call(ctx, http.MethodGet, path, nil, out)
}

// call does one request with in as its body and fills out, where they are not nil.
// What the server says is in the error; what it is shown never is.
func (a *api) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return pave.Errorf(pave.Internal, "%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(data)
	}
	resp, data, err := a.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	return a.read(resp, data, out)
}

// send does one request with JSON in its body, if there is one, and reads the answer.
func (a *api) send(ctx context.Context, method, path string, body io.Reader) (*http.Response, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, a.base.String()+"/"+path, body)
	if err != nil {
		return nil, nil, pave.Errorf(pave.Internal, "%s %s: %w", method, path, err)
	}
	r.Header.Set("Authorization", "token "+a.token.Reveal())
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.client.Do(r)
	if err != nil {
		return nil, nil, unreached(a.base.Host, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, unreached(a.base.Host, err)
	}
	return resp, data, nil
}

// read judges an answer and fills out. What is no JSON is no success either, where there
// is anything: a proxy may have answered in the place of the server.
func (a *api) read(resp *http.Response, data []byte, out any) error {
	switch code := resp.StatusCode; {
	case code >= 300:
		return a.refused(resp, data)
	case code == http.StatusNoContent, code == http.StatusCreated && len(data) == 0:
		return nil
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "application/json" {
		return pave.Errorf(pave.Unavailable, "%s answered with %.60q, not with JSON", a.base.Host, kind).
			WithHint("is it a Gitea or Forgejo? A proxy before it may ask for a sign-in")
	}
	if out == nil {
		out = new(any)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return pave.Errorf(pave.Unavailable, "%s answered what cannot be read: %w", a.base.Host, err)
	}
	return nil
}

// forbidden is the cause of an error where the server knows the token, which may not.
type forbidden string

// Error is what the server said.
func (f forbidden) Error() string { return string(f) }

// refused is the error of an answer that is none of success.
func (a *api) refused(resp *http.Response, data []byte) error {
	said := reason(data)
	what := fmt.Sprintf("%s %s: %s", resp.Request.Method, strings.TrimPrefix(resp.Request.URL.Path, a.base.Path+"/"), said)
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized:
		return pave.Errorf(pave.Denied, "%s does not know the token: %s", a.base.Host, said).
			WithHint("make a new one under Settings, Applications: pave bind default repository gitea --secret token, with --url and --org as before; a run that stopped goes on with pave retry")
	case code == http.StatusForbidden:
		return pave.Errorf(pave.Denied, "%s refuses %w", a.base.Host, forbidden(what)).WithHint("pave doctor names what the token lacks")
	case code == http.StatusNotFound:
		return pave.Errorf(pave.NotFound, "%s: %s", a.base.Host, what)
	case code == http.StatusConflict, code == http.StatusLocked:
		return pave.Errorf(pave.Conflict, "%s: %s", a.base.Host, what)
	case code == http.StatusBadRequest, code == http.StatusUnprocessableEntity:
		return pave.Errorf(pave.Invalid, "%s: %s", a.base.Host, what)
	case code < 400:
		return a.elsewhere(resp, what)
	}
	return pave.Errorf(pave.Unavailable, "%s answered %d to %s", a.base.Host, resp.StatusCode, what).WithHint(again)
}

// elsewhere is the error of a redirect. None is followed: that of a repository leads to
// the one that was renamed, and the name is free.
func (a *api) elsewhere(resp *http.Response, what string) error {
	to, err := resp.Location()
	if err == nil && to.Host == a.base.Host && strings.HasPrefix(to.Path, a.base.Path+"/repo") {
		return pave.Errorf(pave.NotFound, "%s: %s: it has another name now", a.base.Host, what)
	}
	return pave.Errorf(pave.Denied, "%s redirects %s", a.base.Host, what).
		WithHint("look where it redirects to, and bind that address if you trust it")
}

// reason is what a server says of an error, on one line.
func reason(data []byte) string {
	var e struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(data, &e) != nil || e.Message == "" {
		return "no reason given"
	}
	text := []rune(strings.Join(strings.Fields(e.Message), " "))
	if len(text) > 200 {
		text = append(text[:200], '…')
	}
	return string(text)
}

// again is what there is to do where a server does not answer, or says that it cannot.
const again = "give the command again; a run tries by itself, and goes on with pave retry once it has stopped"

// unreached is the error of a call that has no answer.
func unreached(host string, err error) error {
	var known *pave.Error
	switch {
	case errors.As(err, &known) && !strings.Contains(known.Error(), host):
		return pave.Errorf(pave.CodeOf(known), "%s: %w", host, known).WithHint("%s", pave.HintOf(known))
	case known != nil:
		return known
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // its address may hold more than people should read
	}
	return pave.Errorf(pave.Unavailable, "%s does not answer: %w", host, err).WithHint(again)
}

// pages asks for one page after the other until there is no more, or more says no.
func pages[T any](ctx context.Context, a *api, path string, query url.Values, more func([]T) bool) error {
	if query == nil {
		query = url.Values{}
	}
	query.Set("limit", strconv.Itoa(pageSize))
	for n := 1; n <= maxPages; n++ {
		query.Set("page", strconv.Itoa(n))
		var page []T
		if err := a.get(ctx, path, query, &page); err != nil {
			return err
		}
		if len(page) == 0 || !more(page) {
			return nil
		}
	}
	return pave.Errorf(pave.Unavailable, "%s has more than %d pages of %s", a.base.Host, maxPages, path)
}

// list is all of what pages yields.
func list[T any](ctx context.Context, a *api, path string) ([]T, error) {
	var all []T
	err := pages(ctx, a, path, nil, func(page []T) bool {
		all = append(all, page...)
		return true
	})
	return all, err
}
