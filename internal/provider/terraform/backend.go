package terraform

import (
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// Backends are the places that states may be kept in, with what each has to be told, and
// the variables that its secrets come by.
var backends = map[string]struct {
	needs   []string
	id      string // what has to tell states of resources apart
	secrets map[string]string
	usual   map[string]string
}{
	"http": {[]string{"address"}, "address", map[string]string{"username": "TF_HTTP_USERNAME", "password": "TF_HTTP_PASSWORD"},
		map[string]string{}},
	"s3": {[]string{"bucket", "region"}, "key", map[string]string{"access_key": "AWS_ACCESS_KEY_ID", "secret_key": "AWS_SECRET_ACCESS_KEY", "token": "AWS_SESSION_TOKEN"},
		map[string]string{"key": "pave/{id}.tfstate", "encrypt": "true", "use_lockfile": "true"}},
}

var backendKey = regexp.MustCompile(`^[a-z][a-z0-9_]{0,60}$`)

// backendOf is the backend that a binding asks for, and the request without what is meant
// for it; nil is the folder of the resource.
func backendOf(r pave.BindRequest) (*pave.Backend, pave.BindRequest, error) {
	if r.Provider == HCP {
		return hcpOf(r)
	}
	b, err := fileBackend(r)
	return b, r, err
}

// hcpOf says where at HCP Terraform the workspaces are.
func hcpOf(r pave.BindRequest) (*pave.Backend, pave.BindRequest, error) {
	config := map[string]string{"url": "https://app.terraform.io"}
	r.Set = maps.Clone(r.Set)
	for _, key := range []string{"org", "url"} {
		if r.Set[key] != "" {
			config[key] = strings.TrimSuffix(r.Set[key], "/")
		}
		delete(r.Set, key)
	}
	if config["org"] == "" {
		return nil, r, pave.Errorf(pave.Invalid, "org: HCP Terraform has to know the organization").WithHint("--org NAME")
	}
	if u, err := url.Parse(config["url"]); err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return nil, r, pave.BadField("url", config["url"], "is not an address", "--url https://tfe.example.com")
	}
	if r.Backend != "" || len(r.BackendConfig) > 0 {
		return nil, r, pave.BadField("backend", r.Backend, "is not for "+HCP+", which keeps states itself", "leave it out")
	}
	return &pave.Backend{Type: HCP, Config: config}, r, nil
}

func fileBackend(r pave.BindRequest) (*pave.Backend, error) {
	kind, known := backends[r.Backend]
	switch {
	case (r.Backend == "" || r.Backend == "local") && len(r.BackendConfig) == 0:
		return nil, nil
	case r.Backend == "" || r.Backend == "local":
		return nil, pave.BadField("backend-config", slices.Sorted(maps.Keys(r.BackendConfig))[0], "is nothing that the local backend is told", "--backend s3 or --backend http")
	case !known:
		return nil, pave.BadField("backend", r.Backend, "is no backend", "one of local, http, s3")
	}
	config := maps.Clone(kind.usual)
	for _, key := range slices.Sorted(maps.Keys(r.BackendConfig)) {
		if variable, secret := kind.secrets[key]; secret {
			return nil, pave.BadField("backend-config", key, "is a secret, and a binding shows what is set", "--secret "+variable+", which reads it from stdin or a prompt")
		}
		if !backendKey.MatchString(key) {
			return nil, pave.BadField("backend-config", key, "is no setting of a backend", "for example "+kind.needs[0])
		}
		config[key] = r.BackendConfig[key]
	}
	for _, key := range kind.needs {
		if config[key] == "" {
			return nil, pave.Errorf(pave.Invalid, "backend-config: the backend %s needs %s", r.Backend, key).WithHint("--backend-config %s=VALUE", key)
		}
	}
	if !strings.Contains(config[kind.id], "{id}") {
		return nil, pave.BadField("backend-config", config[kind.id], "is the same for every resource: each has a state of its own", "--backend-config "+kind.id+"=...{id}...")
	}
	if r.Backend == "http" {
		for _, key := range []string{"lock_address", "unlock_address"} {
			if config[key] == "" {
				config[key] = config["address"]
			}
		}
	}
	return &pave.Backend{Type: r.Backend, Config: config}, nil
}

// remote reports whether the state of a resource is elsewhere. What is only planned has
// none yet.
func remote(id string, m pave.Module) bool {
	return m.Backend != nil && !strings.HasPrefix(id, planPrefix)
}

// override says where the state is, whatever the module says.
func override(id string, m pave.Module) string {
	kind, config := "local", map[string]any{"path": "../" + stateFile}
	if remote(id, m) {
		kind, config = m.Backend.Type, map[string]any{}
		for key, value := range m.Backend.Config {
			config[key] = strings.ReplaceAll(value, "{id}", id)
		}
	}
	out, _ := json.Marshal(map[string]any{"terraform": map[string]any{"backend": map[string]any{kind: config}}}) // texts
	return string(out)
}
