package vaulttest

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	rootToken = "hvs.root-of-tests"
	unsealKey = "a2V5LW9mLXRlc3Rz"
)

// fake is the small server: tokens with an end, policies by path, one store.
type fake struct {
	mu     sync.Mutex
	sealed bool
	kv     map[string]*item
	tokens map[string]*token
	policy map[string][]grant
	role   struct{ id, secret, ttl, max any }
	db     databases
}

type token struct {
	policies []string
	end, max time.Time // zero: never
	ttl      time.Duration
	batch    bool // stored nowhere, and belongs to no other token
}

// grant is what a policy allows below a path.
type grant struct {
	path         string
	capabilities []string
}

func newFake() *fake {
	f := &fake{kv: map[string]*item{}, policy: map[string][]grant{}, db: newDatabases()}
	f.policy["default"] = []grant{{"auth/token/lookup-self", []string{"read"}}, {"auth/token/renew-self", []string{"update"}}, {"auth/token/revoke-self", []string{"update"}},
		{"sys/capabilities-self", []string{"update"}}, {"sys/leases/lookup", []string{"update"}}, {"sys/internal/ui/mounts/*", []string{"read"}}}
	f.tokens = map[string]*token{rootToken: {policies: []string{"root"}}}
	return f
}

// A reply is a status with data, or errors.
type reply struct {
	status int
	data   any            // below "data"
	top    map[string]any // beside it
	errors []string
	plain  bool // data is the whole answer
}

func fail(status int, errors ...string) reply {
	if errors == nil {
		errors = []string{}
	}
	return reply{status: status, errors: errors}
}

var denied = fail(403, "1 error occurred:\n\t* permission denied\n\n")

// ServeHTTP answers as the API does.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var in map[string]any
	if len(body) > 0 && json.Unmarshal(body, &in) != nil {
		send(w, fail(400, "failed to parse JSON input"))
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	send(w, f.answer(r, strings.TrimPrefix(r.URL.Path, "/v1/"), in))
}

func send(w http.ResponseWriter, a reply) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	var out any
	switch {
	case a.errors != nil:
		out = map[string]any{"errors": a.errors}
	case a.plain:
		out = a.data
	case a.data == nil && a.top == nil:
		return
	default:
		all := map[string]any{"request_id": rand.Text(), "lease_id": "", "renewable": false, "lease_duration": 0, "data": a.data,
			"wrap_info": nil, "warnings": nil, "auth": nil}
		maps.Copy(all, a.top)
		out = all
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (f *fake) answer(r *http.Request, path string, in map[string]any) reply {
	switch {
	case path == "sys/health":
		return f.health()
	case path == "sys/unseal":
		f.sealed = f.sealed && in["key"] != unsealKey
		return reply{status: 200, plain: true, data: map[string]any{"sealed": f.sealed}}
	case f.sealed:
		return fail(503, "Vault is sealed")
	case path == "auth/approle/login":
		return f.login(in)
	}
	name := r.Header.Get("X-Vault-Token")
	t := f.tokens[name]
	if t == nil || !t.end.IsZero() && time.Now().After(t.end) {
		return fail(403, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
	}
	capability, at := f.capability(r, path), path
	if capability == "list" {
		at = strings.TrimSuffix(path, "/") + "/"
	}
	if !f.may(t, at, capability) || strings.HasPrefix(path, "sys/leases/revoke-prefix/") && !f.may(t, at, "sudo") {
		return denied
	}
	if rest, ok := strings.CutPrefix(path, "database/"); ok {
		return f.database(r, rest, in, t)
	}
	if door, entry, ok := strings.Cut(strings.TrimPrefix(path, "secret/"), "/"); ok && strings.HasPrefix(path, "secret/") {
		return f.store(r, door, entry, in)
	}
	return f.system(r, path, in, t)
}

func (f *fake) health() reply {
	status := 200
	if f.sealed {
		status = 503
	}
	return reply{status: status, plain: true, data: map[string]any{"initialized": true, "sealed": f.sealed, "standby": false, "version": "0.0.0-small"}}
}

// capability is what a request needs.
func (f *fake) capability(r *http.Request, path string) string {
	switch r.Method {
	case http.MethodGet:
		if r.URL.Query().Get("list") == "true" {
			return "list"
		}
		return "read"
	case http.MethodDelete:
		return "delete"
	case http.MethodPatch:
		return "patch"
	}
	if entry, ok := strings.CutPrefix(path, "secret/data/"); ok && f.kv[entry] == nil {
		return "create"
	}
	if role, ok := strings.CutPrefix(path, "database/roles/"); ok && f.db.roles[role] == nil {
		return "create"
	}
	return "update"
}

// may reports whether a token's policies allow it: of each the longest path that fits.
func (f *fake) may(t *token, path, capability string) bool {
	has := f.capabilities(t, path)
	return slices.Contains(has, capability) || slices.Contains(has, "root")
}

func (f *fake) capabilities(t *token, path string) []string {
	if slices.Contains(t.policies, "root") {
		return []string{"root"}
	}
	out := []string{}
	for _, name := range t.policies {
		best := -1
		var has []string
		for _, g := range f.policy[name] {
			prefix, glob := strings.CutSuffix(g.path, "*")
			if (g.path == path || glob && strings.HasPrefix(path, prefix)) && len(prefix) > best {
				best, has = len(prefix), g.capabilities
			}
		}
		out = append(out, has...)
	}
	if len(out) == 0 {
		return []string{"deny"}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sees reports whether a token may do anything at all below a path.
func (f *fake) sees(t *token, path string) bool {
	for _, name := range t.policies {
		for _, g := range f.policy[name] {
			if strings.HasPrefix(g.path, path) {
				return true
			}
		}
	}
	return slices.Contains(t.policies, "root")
}

var (
	pathRule   = regexp.MustCompile(`path\s+"([^"]+)"\s*\{\s*capabilities\s*=\s*\[([^\]]*)\]\s*\}`)
	quotedWord = regexp.MustCompile(`"([a-z]+)"`)
)

func grantsOf(policy string) []grant {
	var out []grant
	for _, m := range pathRule.FindAllStringSubmatch(policy, -1) {
		g := grant{path: m[1]}
		for _, w := range quotedWord.FindAllStringSubmatch(m[2], -1) {
			g.capabilities = append(g.capabilities, w[1])
		}
		out = append(out, g)
	}
	return out
}

// system is what there is beside the store.
func (f *fake) system(r *http.Request, path string, in map[string]any, t *token) reply {
	switch path {
	case "sys/seal":
		f.sealed = true
		return reply{status: 204}
	case "sys/policies/acl/pave":
		text, _ := in["policy"].(string)
		f.policy["pave"] = grantsOf(text)
		return reply{status: 204}
	case "sys/capabilities-self":
		out := map[string]any{}
		paths, _ := in["paths"].([]any)
		for _, p := range paths {
			out[p.(string)] = f.capabilities(t, p.(string))
		}
		return reply{status: 200, data: out, top: out}
	case "sys/internal/ui/mounts/secret":
		if !f.sees(t, "secret/") {
			break
		}
		return reply{status: 200, data: map[string]any{"path": "secret/", "type": "kv", "options": map[string]any{"version": "2"}}}
	case "sys/internal/ui/mounts/database":
		if !f.sees(t, "database/") {
			break
		}
		return reply{status: 200, data: map[string]any{"path": "database/", "type": "database", "options": nil}}
	case "sys/mounts/database/tune":
		f.db.most = seconds(in["max_lease_ttl"])
		return reply{status: 204}
	case "sys/leases/revoke-prefix/auth/approle":
		f.endTokens(func(name string, t *token) bool { return name != rootToken && !t.batch })
		return reply{status: 204}
	}
	if path == "auth/token/revoke-self" {
		f.endTokens(func(_ string, other *token) bool { return other == t })
		return reply{status: 204}
	}
	if strings.HasPrefix(path, "auth/") {
		return f.auth(path, in, t)
	}
	if door, ok := strings.CutPrefix(path, "sys/leases/"); ok {
		return f.leases(door, in)
	}
	if mount, ok := strings.CutPrefix(path, "sys/internal/ui/mounts/"); ok {
		return fail(403, `preflight capability check returned 403, please ensure client's policies grant access to path "`+mount+`/"`)
	}
	return fail(404, `no handler for route "`+path+`". route entry not found.`)
}

func (f *fake) auth(path string, in map[string]any, t *token) reply {
	switch path {
	case "auth/token/lookup-self":
		return reply{status: 200, data: map[string]any{"ttl": int(max(0, time.Until(t.end)).Seconds()), "renewable": !t.end.IsZero()}}
	case "auth/token/renew-self":
		t.end = time.Now().Add(t.ttl)
		if t.end.After(t.max) {
			t.end = t.max
		}
		return f.given("", t)
	case "auth/token/create":
		return f.issue([]string{"default", "pave"}, in["ttl"], in["explicit_max_ttl"])
	case "auth/token/create-orphan":
		if slices.Contains(t.policies, "root") {
			return fail(400, "batch tokens cannot be root tokens")
		}
		name := "hvb." + rand.Text()
		f.tokens[name] = &token{policies: t.policies, ttl: seconds(in["ttl"]), end: time.Now().Add(seconds(in["ttl"])), batch: true}
		return f.given(name, f.tokens[name])
	case "auth/approle/role/pave":
		f.role.id, f.role.ttl, f.role.max = rand.Text(), in["token_ttl"], in["token_max_ttl"]
		return reply{status: 204}
	case "auth/approle/role/pave/role-id":
		return reply{status: 200, data: map[string]any{"role_id": f.role.id}}
	case "auth/approle/role/pave/secret-id":
		f.role.secret = rand.Text()
		return reply{status: 200, data: map[string]any{"secret_id": f.role.secret}}
	}
	return fail(404, `no handler for route "`+path+`". route entry not found.`)
}

func (f *fake) login(in map[string]any) reply {
	if f.role.id == nil || in["role_id"] != f.role.id || in["secret_id"] != f.role.secret {
		return fail(400, "invalid role or secret ID")
	}
	return f.issue([]string{"default", "pave"}, f.role.ttl, f.role.max)
}

// issue gives a token for so many seconds.
func (f *fake) issue(policies []string, ttl, most any) reply {
	t := &token{policies: policies, ttl: seconds(ttl)}
	t.end, t.max = time.Now().Add(t.ttl), time.Now().Add(max(t.ttl, seconds(most)))
	name := "hvs." + rand.Text()
	f.tokens[name] = t
	return f.given(name, t)
}

func (f *fake) given(name string, t *token) reply {
	return reply{status: 200, top: map[string]any{"auth": map[string]any{"client_token": name, "policies": t.policies,
		"lease_duration": int(time.Until(t.end).Round(time.Second).Seconds()), "renewable": true}}}
}

func seconds(v any) time.Duration {
	if text, ok := v.(string); ok {
		d, _ := time.ParseDuration(text)
		return d
	}
	n, _ := v.(float64)
	return time.Duration(n) * time.Second
}
