// Package contract holds calls of tests to the OpenAPI document of the server that
// answers them: a route, status, content type, body, parameter or member that the
// document does not tell is a defect of the document or of the server.
package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A Document is an OpenAPI 3.1 document, ready to judge calls.
type Document struct {
	routes []route

	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

type route struct {
	method, path string
	match        *regexp.Regexp
	params       int
	op           operation
}

type operation struct {
	Parameters  []parameter
	RequestBody *struct {
		Required bool
		Content  map[string]any
	}
	Responses map[string]struct {
		Content map[string]any
		Headers map[string]any
	}
}

type parameter struct {
	Name     string
	In       string
	Required bool
	Schema   struct{ Type any }
}

// location is what the document is called in errors.
const location = "openapi.json"

// Parse reads a document.
func Parse(data []byte) (*Document, error) {
	var raw struct {
		OpenAPI string
		Paths   map[string]map[string]operation
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("the document: %w", err)
	}
	if !strings.HasPrefix(raw.OpenAPI, "3.1") {
		return nil, fmt.Errorf("the document is of OpenAPI %q, not 3.1", raw.OpenAPI)
	}
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	d := &Document{compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(location, whole); err != nil {
		return nil, err
	}
	for path, item := range raw.Paths {
		for method, op := range item {
			d.routes = append(d.routes, newRoute(strings.ToUpper(method), path, op))
		}
	}
	return d, nil
}

var placeholder = regexp.MustCompile(`\\\{[a-z]+\\\}`)

func newRoute(method, path string, op operation) route {
	pattern := placeholder.ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`)
	return route{method, path, regexp.MustCompile("^" + pattern + "$"), strings.Count(path, "{"), op}
}

// find returns the route of a request: that with the fewest placeholders.
func (d *Document) find(method, path string) (found route, ok bool) {
	for _, r := range d.routes {
		if r.method == method && r.match.MatchString(path) && (!ok || r.params < found.params) {
			found, ok = r, true
		}
	}
	return found, ok
}

// Check judges one call. A request that breaks the document must be refused, and an
// answer must be one that the document tells. body is nil for one that was not read.
func (d *Document) Check(req *http.Request, sent []byte, resp *http.Response, body []byte) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	page := kind == "text/html" && strings.Contains(req.Header.Get("Accept"), kind)
	if resp.StatusCode >= 400 && kind != "application/problem+json" && !page {
		return fmt.Errorf("%s %s: %d with %q is no problem", req.Method, req.URL.Path, resp.StatusCode, kind)
	}
	r, ok := d.find(req.Method, req.URL.EscapedPath())
	if !ok {
		if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed || resp.StatusCode == http.StatusBadRequest {
			return nil
		}
		return fmt.Errorf("%s %s: %d, and the document has no such route", req.Method, req.URL.Path, resp.StatusCode)
	}
	if err := d.answer(r, resp, kind, body); err != nil {
		return fmt.Errorf("%s %s: the answer %d: %w", r.method, r.path, resp.StatusCode, err)
	}
	if resp.StatusCode >= 300 {
		return nil
	}
	if err := d.request(r, req, sent); err != nil {
		return fmt.Errorf("%s %s: %d for a request that the document refuses: %w", r.method, r.path, resp.StatusCode, err)
	}
	return nil
}

// answer says whether a route may answer so.
func (d *Document) answer(r route, resp *http.Response, kind string, body []byte) error {
	status := strconv.Itoa(resp.StatusCode)
	told, ok := r.op.Responses[status]
	if !ok {
		if status = "default"; resp.StatusCode < 400 {
			return fmt.Errorf("the document does not tell this status")
		}
		if told, ok = r.op.Responses[status]; !ok {
			return fmt.Errorf("the document tells no problem")
		}
	}
	for name := range told.Headers {
		if resp.Header.Get(name) == "" {
			return fmt.Errorf("it lacks the header %s", name)
		}
	}
	if len(told.Content) == 0 {
		if len(body) > 0 {
			return fmt.Errorf("a body where the document tells none: %.80q", body)
		}
		return nil
	}
	media, ok := told.Content[kind]
	if page := kind == "text/html" && status == "default"; !ok && !page {
		return fmt.Errorf("the document does not tell content type %q", kind)
	}
	if body == nil || !hasSchema(media) {
		return nil
	}
	return d.valid(body, "paths", r.path, strings.ToLower(r.method), "responses", status, "content", kind, "schema")
}

func hasSchema(media any) bool {
	m, _ := media.(map[string]any)
	return m["schema"] != nil
}

// request says whether the document takes a request.
func (d *Document) request(r route, req *http.Request, sent []byte) error {
	query := req.URL.Query()
	for name, values := range query {
		i := slices.IndexFunc(r.op.Parameters, func(p parameter) bool { return p.In == "query" && p.Name == name })
		if i < 0 {
			return fmt.Errorf("no parameter %q", name)
		}
		if !fits(r.op.Parameters[i].Schema.Type, values[0]) {
			return fmt.Errorf("parameter %s=%q is not of type %v", name, values[0], r.op.Parameters[i].Schema.Type)
		}
	}
	if err := required(r.op.Parameters, query, req.Header); err != nil {
		return err
	}
	if r.op.RequestBody == nil {
		if len(sent) > 0 {
			return fmt.Errorf("a body where the document tells none: %.80q", sent)
		}
		return nil
	}
	if len(sent) == 0 && !r.op.RequestBody.Required {
		return nil
	}
	kind, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	media, ok := r.op.RequestBody.Content[kind]
	if _, any := r.op.RequestBody.Content["*/*"]; !ok && !any {
		return fmt.Errorf("a body of type %q", kind)
	}
	if kind != "application/json" || !hasSchema(media) {
		return nil
	}
	return d.valid(sent, "paths", r.path, strings.ToLower(r.method), "requestBody", "content", kind, "schema")
}

func required(params []parameter, query url.Values, header http.Header) error {
	for _, p := range params {
		if p.Required && (p.In == "query" && !query.Has(p.Name) || p.In == "header" && header.Get(p.Name) == "") {
			return fmt.Errorf("parameter %s is missing", p.Name)
		}
	}
	return nil
}

func fits(kind any, value string) bool {
	var err error
	switch kind {
	case "integer":
		_, err = strconv.ParseInt(value, 10, 64)
	case "boolean":
		_, err = strconv.ParseBool(value)
	}
	return err == nil
}

// valid judges JSON by the schema at a path of the document.
func (d *Document) valid(data []byte, at ...string) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("not JSON: %w: %.80q", err, data)
	}
	schema, err := d.schema(at)
	if err != nil {
		return err
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("%w: %.300s", err, data)
	}
	return nil
}

func (d *Document) schema(at []string) (*jsonschema.Schema, error) {
	pointer := location + "#"
	for _, part := range at {
		pointer += "/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(part))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.schemas[pointer]; s != nil {
		return s, nil
	}
	s, err := d.compiler.Compile(pointer)
	if err == nil {
		d.schemas[pointer] = s
	}
	return s, err
}
