package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/pave-platform/pave"
)

// Problem is an error as RFC 9457 has it, with pave's code, the wrong inputs and
// the next command.
type Problem struct {
	Type   string            `json:"type"`
	Title  string            `json:"title"`
	Status int               `json:"status"`
	Detail string            `json:"detail"`
	Code   pave.Code         `json:"code"`
	Hint   string            `json:"hint,omitempty"`
	Errors []pave.FieldError `json:"errors,omitempty"`

	retryAfter int    // seconds; 0 does not say
	etag       string // the version there is
}

// unavailableFor is what Retry-After says of what does not answer, in seconds.
const unavailableFor = 1

func (p *Problem) Error() string               { return p.Detail }
func (p *Problem) GetStatus() int              { return p.Status }
func (p *Problem) ContentType(_ string) string { return "application/problem+json" }

// GetHeaders tells when to come back, where that is known.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	return h
}

var (
	_ huma.StatusError  = (*Problem)(nil)
	_ huma.HeadersError = (*Problem)(nil)
)

var problemType = reflect.TypeFor[Problem]()

// statuses is the one table from codes to HTTP.
var statuses = map[pave.Code]int{
	pave.Invalid: http.StatusBadRequest, pave.Denied: http.StatusForbidden, pave.NotFound: http.StatusNotFound,
	pave.Conflict: http.StatusConflict, pave.Policy: http.StatusUnprocessableEntity,
	pave.Unavailable: http.StatusServiceUnavailable, pave.Internal: http.StatusInternalServerError,
}

// asProblem turns an error into what a caller may see: an internal error keeps
// its cause to itself.
func asProblem(err error) *Problem {
	code := pave.CodeOf(err)
	p := &Problem{Type: "about:blank", Code: code, Status: statuses[code], Detail: err.Error(), Hint: pave.HintOf(err)}
	var e *pave.Error
	if errors.As(err, &e) {
		p.Errors = e.Fields
	}
	if code == pave.Internal {
		p.Detail, p.Hint = "internal error", "the server's log has the cause: pave doctor says where it is"
	}
	if code == pave.Unavailable {
		p.retryAfter = unavailableFor
	}
	if code == pave.Denied && strings.HasPrefix(p.Detail, "not signed in") {
		p.Status = http.StatusUnauthorized
	}
	p.Title = http.StatusText(p.Status)
	return p
}

// problem logs what a caller does not see and returns the rest.
func (s *server) problem(ctx context.Context, err error) *Problem {
	var ready *Problem
	if errors.As(err, &ready) {
		return ready
	}
	p := asProblem(err)
	if p.Code == pave.Internal {
		who, _ := pave.PrincipalFrom(ctx)
		s.Log.Error("internal error", "request", who.Request, "err", err)
	}
	return p
}

// maxErrors bounds how many wrong inputs one answer names.
const maxErrors = 20

// newProblem is how the library makes its own errors: wrong parameters, bodies
// that are too large or not JSON.
func newProblem(status int, msg string, errs ...error) huma.StatusError {
	if status == http.StatusUnprocessableEntity {
		status = http.StatusBadRequest
	}
	p := &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: msg, Code: pave.Invalid}
	switch {
	case status >= 500:
		p.Code, p.Detail = pave.Internal, "internal error"
	case status == http.StatusNotFound:
		p.Code = pave.NotFound
	}
	for _, err := range errs {
		if err == nil || status >= 500 || len(p.Errors) == maxErrors {
			continue
		}
		f := pave.FieldError{Message: err.Error()}
		var detail *huma.ErrorDetail
		if errors.As(err, &detail) {
			f = fieldError(detail)
		}
		p.Errors = append(p.Errors, f)
	}
	if len(p.Errors) == 1 {
		p.Detail += ": " + strings.TrimSpace(p.Errors[0].Field+" "+p.Errors[0].Message)
	}
	return p
}

// A problemWriter makes a problem of a refusal that is text.
type problemWriter struct {
	http.ResponseWriter
	status int // of a refusal
	text   bytes.Buffer
}

// WriteHeader holds a refusal back.
func (w *problemWriter) WriteHeader(status int) {
	if status >= 400 && w.Header().Get("Content-Type") != "application/problem+json" {
		w.status = status
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write holds the text of a refusal back.
func (w *problemWriter) Write(b []byte) (int, error) {
	if w.status != 0 {
		if w.text.Len() < 1000 {
			w.text.Write(b)
		}
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets what streams flush.
func (w *problemWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// end tells the refusal, if there was one.
func (w *problemWriter) end() {
	if w.status == 0 {
		return
	}
	code := pave.Internal
	for c, status := range statuses {
		if status == w.status {
			code = c
		}
	}
	if w.status < 500 && code == pave.Internal {
		code = pave.Invalid
	}
	w.Header().Del("Content-Length")
	detail := strings.TrimSpace(clip(w.text.String(), 300))
	if detail == "" {
		detail = http.StatusText(w.status)
	}
	p := &Problem{Type: "about:blank", Title: http.StatusText(w.status), Status: w.status, Code: code, Detail: detail,
		Hint: "pave clone NAME sets git up for a repository"}
	writeProblemBody(w.ResponseWriter, p)
}

// fieldError names the input as its caller does.
func fieldError(d *huma.ErrorDetail) pave.FieldError {
	_, field, _ := strings.Cut(d.Location, ".")
	if field == "" {
		field = d.Location
	}
	f := pave.FieldError{Field: field, Value: clip(fmt.Sprint(d.Value), 60), Message: d.Message}
	if name, ok := strings.CutPrefix(d.Message, "expected required property "); ok {
		f.Field, f.Value, f.Message = strings.TrimSuffix(name, " to be present"), "", "is missing"
	}
	return f
}

func (s *server) writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problem(r.Context(), err)
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="pave"`)
		if !strings.HasPrefix(r.URL.Path, "/v1/") {
			w.Header().Set("WWW-Authenticate", `Basic realm="pave: any user, the token as password"`)
		}
	}
	writeProblemBody(w, p)
}

func writeJSONProblem(w http.ResponseWriter, status int, err error) {
	p := asProblem(err)
	p.Status, p.Title = status, http.StatusText(status)
	writeProblemBody(w, p)
}

func writeProblemBody(w http.ResponseWriter, p *Problem) {
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.etag != "" {
		w.Header().Set("ETag", p.etag)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller may be gone
}
