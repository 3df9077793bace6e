package api

import (
	"fmt"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/pave-platform/pave/internal/access"
)

// A table is the mux of all routes; it knows which there are.
type table struct {
	*http.ServeMux
	patterns []string
}

// HandleFunc adds a route.
func (t *table) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	t.patterns = append(t.patterns, pattern)
	t.ServeMux.HandleFunc(pattern, h)
}

// allowed are the methods that a path has.
func (t *table) allowed(r *http.Request) []string {
	var out []string
	for _, m := range []string{"GET", "POST", "PUT", "DELETE"} {
		probe := r.Clone(r.Context())
		probe.Method = m
		if _, pattern := t.Handler(probe); pattern != "" && path.Clean(r.URL.Path) == r.URL.Path && r.URL.Path+"/" != pattern {
			out = append(out, m)
		}
	}
	return out
}

// gitDoor is the pattern of the git door.
const gitDoor = "/git/"

// gitRoutes are what the git door behind /git/ answers.
var gitRoutes = []rawOp{
	{"GET /git/{name}.git/info/refs", access.Verb, []string{"application/x-git-upload-pack-advertisement", "application/x-git-receive-pack-advertisement"}, []string{"service"}},
	{"POST /git/{name}.git/git-upload-pack", access.Verb, []string{"application/x-git-upload-pack-result"}, nil},
	{"POST /git/{name}.git/git-receive-pack", access.Verb, []string{"application/x-git-receive-pack-result"}, nil},
}

// rawOp is a route that answers with something else than one JSON value, or is no
// part of what programs call.
type rawOp struct {
	pattern    string
	permission access.Permission
	types      []string // content types of an answer
	query      []string
}

var pathParam = regexp.MustCompile(`\{([a-z]+)\}`)

// describe adds a raw route to the OpenAPI description, so that it has every route
// there is.
func (s *server) describe(o rawOp) {
	method, path, _ := strings.Cut(o.pattern, " ")
	op := &huma.Operation{Method: method, Path: path, OperationID: strings.ToLower(method) + strings.NewReplacer("/", "-", "{", "", "}", "", ".", "-").Replace(path),
		Extensions: map[string]any{permissionKey: o.permission}, Metadata: map[string]any{"permission": o.permission},
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{}}, "default": s.aProblem()}}
	for _, kind := range o.types {
		op.Responses["200"].Content[kind] = &huma.MediaType{}
	}
	for _, m := range pathParam.FindAllStringSubmatch(path, -1) {
		op.Parameters = append(op.Parameters, &huma.Param{Name: m[1], In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
	}
	for _, name := range o.query {
		op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "query", Schema: &huma.Schema{Type: huma.TypeString}})
	}
	if method != http.MethodGet {
		op.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{"*/*": {}}}
	}
	if o.permission != access.Public {
		op.Security = []map[string][]string{{"token": {}}}
	}
	s.huma.OpenAPI().AddOperation(op)
}

// aProblem is how OpenAPI tells of any answer that is a refusal.
func (s *server) aProblem() *huma.Response {
	schema := s.huma.OpenAPI().Components.Schemas.Schema(problemType, true, "Problem")
	return &huma.Response{Description: "a problem (RFC 9457)", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schema}}}
}

// declared fails for a route without a permission, and where the table and its
// description differ.
func (s *server) declared() error {
	told := map[string]bool{}
	for path, item := range s.huma.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			if p, ok := op.Metadata["permission"].(access.Permission); !ok || p == "" {
				return fmt.Errorf("api: route %s %s declares no permission", op.Method, path)
			}
			told[op.Method+" "+path] = true
		}
	}
	for _, pattern := range s.mux.patterns {
		if pattern != gitDoor && !told[pattern] {
			return fmt.Errorf("api: route %s is not described", pattern)
		}
		delete(told, pattern)
	}
	for pattern := range told {
		if !slices.ContainsFunc(gitRoutes, func(o rawOp) bool { return o.pattern == pattern }) {
			return fmt.Errorf("api: %s is described and not there", pattern)
		}
	}
	return nil
}
