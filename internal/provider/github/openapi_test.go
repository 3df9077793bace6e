package github_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	nethttp "net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/githost"
	hub "github.com/pave-platform/pave/test/githost/github"
)

// TestOpenAPI holds every call of the driver, and every answer of the server that the
// other tests believe, to the description that GitHub publishes of its API.
func TestOpenAPI(t *testing.T) {
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("fetches GitHub's description of its API only in make test-real")
	}
	dir := fetched(t)
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(dir, "openapi/generated/api.github.com.json"))
	if err != nil {
		t.Fatal(err)
	}
	rig := newRig(t, "topics=go", "variables=A=b")
	rig.vault["secrets"] = pave.NewSecret("NPM_TOKEN=x")
	rig.bound.Secrets["secrets"] = "secrets"
	spy := &listener{t: t, doc: doc, seen: map[string]bool{}}
	rig.hub.Watch = spy.judge
	everything(t, rig)
	rig.bound.Secrets = map[string]string{"token": "token"}
	rig.hub.Scopes = ""
	check(t, rig)
	rig.asApp()
	check(t, rig)
	everything(t, rig)
	t.Logf("%d calls of %d operations", spy.calls, len(spy.seen))
	if len(spy.seen) < 35 {
		t.Errorf("only %d operations were called: %v", len(spy.seen), slices.Sorted(keys(spy.seen)))
	}
}

func check(t *testing.T, rig *rig) {
	b, err := rig.bound.Open(t.Context(), rig.vault)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rig.CheckBinding(t.Context(), b) {
		if !c.OK {
			t.Errorf("%+v", c)
		}
	}
}

// everything calls all that the driver can do, and is refused where that can be.
func everything(t *testing.T, rig *rig) {
	ctx := t.Context()
	r := rig.fresh()
	head := rig.apply(t, r).Version
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	check(t, rig)
	rig.hub.Edit(r.ExternalID, func(s *hub.Seen) {
		s.Visibility, s.DefaultBranch, s.Archived, s.Hooks, s.Variables = "public", "x", true, nil, map[string]string{"A": "c"}
	})
	rig.apply(t, r)
	rig.hub.SetProtection(r.ExternalID, map[string]any{"required_status_checks": map[string]any{"strict": true, "checks": []any{map[string]any{"context": "lint"}}}})
	rig.apply(t, r)
	given := rig.given(t, r, "KEY=v", "OTHER=w")
	must(rig.pipelines().Apply(ctx, given))
	must(rig.pipelines().Apply(ctx, rig.given(t, r, "KEY=x")))
	must(rig.pipelines().Observe(ctx, given))
	must(nil, rig.pipelines().Delete(ctx, given))
	must(nil, rig.Tell(ctx, r, head, pave.CommitStatus{Context: "pave", State: "success", Description: "good"}))
	rig.hub.AddRun(r.ExternalID, "ci", head, "completed", "success")
	must(rig.Checks(ctx, r, head, true))
	rig.push(t, r.ExternalID, "idea", "package idea\n")
	must(rig.Propose(ctx, r, pave.Proposal{Title: "One", Text: "text", Branch: "idea"}))
	must(rig.Proposals(ctx, r))
	must(rig.Drift(ctx, r))
	must(rig.Diff(ctx, r))
	must(rig.List(ctx))
	must(nil, rig.SetAside(ctx, r))
	rig.apply(t, rig.fresh())
	rig.apply(t, r)
	host := rig.host(t)
	if _, err := host.Create(ctx, githost.Repository{Name: r.ExternalID, Visibility: "private"}); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("a name that is taken: %v", err)
	}
	if _, err := host.Head(ctx, r.ExternalID, "none"); pave.CodeOf(err) != pave.NotFound {
		t.Errorf("no such branch: %v", err)
	}
	rig.hub.Denied["delete"] = true
	if err := rig.Delete(ctx, r); pave.CodeOf(err) != pave.Denied {
		t.Errorf("Delete that is not allowed: %v", err)
	}
	delete(rig.hub.Denied, "delete")
	must(nil, rig.Delete(ctx, r))
}

func keys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// fetched is a folder with GitHub's descriptions, as npm has them, of the versions that
// are pinned.
func fetched(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join("testdata/openapi", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	return filepath.Join(dir, "node_modules/@octokit")
}

// TestOpenAPIOfWebhooks holds what the other tests' server says of a push to what GitHub
// publishes of it.
func TestOpenAPIOfWebhooks(t *testing.T) {
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("fetches GitHub's description of its webhooks only in make test-real")
	}
	rig, r := heard(t)
	text, err := os.ReadFile(filepath.Join(fetched(t), "openapi-webhooks/generated/api.github.com.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("webhooks.json", doc); err != nil {
		t.Fatal(err)
	}
	push, err := c.Compile("webhooks.json#/components/schemas/webhook-push")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range rig.hub.Deliveries() {
		body, err := jsonschema.UnmarshalJSON(bytes.NewReader(d.Body))
		if err == nil {
			err = push.Validate(body)
		}
		if err != nil {
			t.Errorf("%s: %v", r.ExternalID, err)
		}
	}
}

// A listener compares what passes with a description.
type listener struct {
	t     *testing.T
	doc   *openapi3.T
	calls int
	seen  map[string]bool
}

// judge reports what the description does not tell.
func (l *listener) judge(r *nethttp.Request, sent []byte, status int, header nethttp.Header, body []byte) {
	if strings.HasPrefix(r.URL.Path, "/repositories/") {
		return // where redirects lead is in no description
	}
	l.calls++
	call := r.Method + " " + r.URL.Path + "?" + r.URL.RawQuery
	path, params, item := l.find(r.URL.Path)
	op := (*openapi3.Operation)(nil)
	if item != nil {
		op = item.GetOperation(r.Method)
	}
	if op == nil {
		l.t.Errorf("%s: GitHub has no such operation", call)
		return
	}
	l.seen[r.Method+" "+path] = true
	again, _ := nethttp.NewRequest(r.Method, "https://api.github.com"+r.URL.Path+"?"+r.URL.RawQuery, bytes.NewReader(sent))
	again.Header = r.Header.Clone()
	in := &openapi3filter.RequestValidationInput{Request: again, PathParams: params,
		Route:   &routers.Route{Spec: l.doc, Path: path, PathItem: item, Method: r.Method, Operation: op},
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}}
	if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
		l.t.Errorf("%s %s: request: %v", call, sent, short(err))
	}
	for _, unknown := range unknown(op, item, again.URL.Query(), sent) {
		l.t.Errorf("%s: GitHub knows no %s", call, unknown)
	}
	if status == nethttp.StatusNotModified && op.Responses.Status(304) == nil {
		return // any GET may be asked conditionally; not every one says so
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: status, Header: header, Options: in.Options}
	out.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
		l.t.Errorf("%s: answer %d: %v", call, status, short(err))
	}
}

func short(err error) string { return fmt.Sprintf("%.700s", err.Error()) }

var placeholder = regexp.MustCompile(`\\\{([a-z_]+)\\\}`)

// find is the path of the description with the fewest placeholders that matches.
func (l *listener) find(path string) (found string, params map[string]string, item *openapi3.PathItem) {
	for _, p := range l.doc.Paths.InMatchingOrder() {
		pattern := placeholder.ReplaceAllString(regexp.QuoteMeta(p), `(?P<$1>[^/]+)`)
		if strings.HasSuffix(p, "{ref}") {
			pattern = strings.TrimSuffix(pattern, "[^/]+)") + ".+)"
		}
		re := regexp.MustCompile("^" + pattern + "$")
		m := re.FindStringSubmatch(path)
		if m == nil || found != "" && strings.Count(p, "{") >= strings.Count(found, "{") {
			continue
		}
		found, item, params = p, l.doc.Paths.Value(p), map[string]string{}
		for i, name := range re.SubexpNames() {
			if name != "" {
				params[name], _ = url.PathUnescape(m[i])
			}
		}
	}
	return found, params, item
}

// unknown are the members of a body, and the parameters, that an operation does not
// have: most descriptions allow any others, and a server forgets them.
func unknown(op *openapi3.Operation, item *openapi3.PathItem, query url.Values, sent []byte) []string {
	var out []string
	for name := range query {
		if op.Parameters.GetByInAndName("query", name) == nil && item.Parameters.GetByInAndName("query", name) == nil {
			out = append(out, "parameter "+name)
		}
	}
	var body map[string]any
	if op.RequestBody == nil || json.Unmarshal(sent, &body) != nil {
		if op.RequestBody == nil && len(sent) > 0 {
			out = append(out, "body")
		}
		return out
	}
	schema := op.RequestBody.Value.Content.Get("application/json").Schema.Value
	for name := range body {
		if len(schema.Properties) > 0 && schema.Properties[name] == nil {
			out = append(out, "member "+name)
		}
	}
	return out
}
