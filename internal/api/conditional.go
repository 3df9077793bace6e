package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/pave-platform/pave"
)

// versioned are the routes that change what another route reads: its ETag is the
// version that If-Match means.
var versioned = map[string]string{
	"set-policy":      "/v1/policy",
	"set-environment": "/v1/environments/{name}",
	"set-team":        "/v1/services/{name}",
	"rename-team":     "/v1/teams/{name}",
	"suspend-user":    "/v1/users/{user}",
	"resume-user":     "/v1/users/{user}",
	"set-webhook":     "/v1/webhooks/{id}",
	"delete-webhook":  "/v1/webhooks/{id}",
}

// conditional gives every answer to a GET its ETag, and carries a change with
// If-Match out only where that is the version there is.
func (s *server) conditional(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	r = r.WithContext(ctx.Context())
	if r.Method == http.MethodGet {
		rec := record(ctx, r, w, next)
		if rec.status == http.StatusOK {
			tag := etag(rec.body.Bytes())
			rec.header.Set("ETag", tag)
			if matches(r.Header.Get("If-None-Match"), tag) {
				w.Header().Set("ETag", tag)
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		rec.send()
		return
	}
	path, has := versioned[ctx.Operation().OperationID]
	want := r.Header.Get("If-Match")
	switch {
	case !has && want != "":
		s.writeProblem(w, r, pave.BadField("If-Match", clip(want, 60), "means nothing here: this route changes nothing that has versions", "leave it out"))
		return
	case !has:
		next(ctx)
		return
	}
	s.change(ctx, r, w, path, want, next)
}

// change carries out one change of what has versions at a time, so that nothing
// comes between the look at the version and the change.
func (s *server) change(ctx huma.Context, r *http.Request, w http.ResponseWriter, path, want string, next func(huma.Context)) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if want != "" {
		now := s.current(r, path)
		if !now.ok() {
			now.to = w
			now.send()
			return
		}
		if tag := now.header.Get("ETag"); !matches(want, tag) {
			s.writeProblem(w, r, staleVersion(tag))
			return
		}
	}
	rec := record(ctx, r, w, next)
	if rec.ok() && rec.header.Get("ETag") == "" {
		if now := s.current(r, path); now.ok() {
			rec.header.Set("ETag", now.header.Get("ETag"))
		}
	}
	rec.send()
}

// current asks the route that reads what a request is about to change.
func (s *server) current(r *http.Request, path string) *recorder {
	for _, m := range pathParam.FindAllStringSubmatch(path, -1) {
		path = strings.ReplaceAll(path, m[0], r.PathValue(m[1]))
	}
	read := r.Clone(r.Context())
	read.Method, read.Body, read.ContentLength = http.MethodGet, http.NoBody, 0
	read.URL.Path, read.URL.RawPath, read.URL.RawQuery = path, "", ""
	for _, h := range []string{"If-Match", "If-None-Match", "Idempotency-Key", "Pave-Invocation"} {
		read.Header.Del(h)
	}
	rec := &recorder{header: http.Header{}}
	s.mux.ServeHTTP(rec, read)
	rec.WriteHeader(http.StatusOK)
	return rec
}

func staleVersion(now string) *Problem {
	p := asProblem(pave.Errorf(pave.Conflict, "it was changed since: the version now is %s", now).
		WithHint("read it again, then send the change with If-Match: %s", now))
	p.Status, p.Title, p.etag = http.StatusPreconditionFailed, http.StatusText(http.StatusPreconditionFailed), now
	return p
}

func etag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}

// matches reports whether a list of tags of a header has one.
func matches(list, tag string) bool {
	for t := range strings.SplitSeq(list, ",") {
		if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == tag {
			return tag != ""
		}
	}
	return false
}
