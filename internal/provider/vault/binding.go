package vault

import (
	"crypto/x509"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// Fields are what a binding may say.
func (d *Driver) Fields() []pave.BindingField {
	return fields(nil, []pave.BindingField{
		{Name: "mount", Description: "of the KV store, version 2", Default: "secret"},
		{Name: "path", Description: "of the entry of a service in an environment", Default: defaultPath},
	})
}

// fields are those of every binding to a server, with further ones that are required and
// some that are not.
func fields(required, more []pave.BindingField) []pave.BindingField {
	return slices.Concat([]pave.BindingField{
		{Name: "address", Address: true, Description: "of the server, https://vault.example.com:8200", Required: true},
	}, required, []pave.BindingField{
		{Name: "auth", Description: "how to sign in", Default: "approle", OneOf: []string{"approle", "kubernetes", "token"}},
		{Name: "role", Description: "the role id of an AppRole, or the role of a service account"},
		{Name: "secret_id", Description: "of an AppRole", Secret: true},
		{Name: "token", Description: "to sign in with by itself", Secret: true},
		{Name: "auth_mount", Description: "where the way to sign in is mounted: its own name, unless said"},
		{Name: "jwt_file", Description: "the token of the service account", Default: serviceAccount},
	}, more, []pave.BindingField{
		{Name: "namespace", Description: "where the organisation has several"},
		{Name: "ca_file", Description: "of the server of pave: authorities that the certificate is held to, in PEM"},
		{Name: "allow", Description: "private addresses at which the server may be: hosts, HOST:PORT or networks, with commas"},
	})
}

// secretNames are what a binding signs in with, by auth.
var secretNames = map[string]string{"token": "token", "approle": "secret_id", "kubernetes": ""}

const defaultPath = "teams/{team}/{service}/{env}"

const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// server is what a binding says of a server, and of how to sign in there, checked.
type server struct {
	address                          *url.URL
	namespace, auth, authMount, role string
	jwt                              string
	allow                            []string
	roots                            *x509.CertPool
}

// store is what it says of a KV store.
type store struct{ mount, path string }

// config is what a binding of secrets says.
type config struct {
	server
	store
}

var (
	pathPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$`)
	holes       = strings.NewReplacer("{team}", "t", "{service}", "s", "{env}", "e")
)

// configOf reads a binding of secrets. Invalid names the setting.
func configOf(settings map[string]string) (c config, err error) {
	if c.server, err = serverOf(settings); err == nil {
		c.store, err = storeOf(settings)
	}
	return c, err
}

// serverOf reads of a binding what every one has.
func serverOf(settings map[string]string) (server, error) {
	c := server{namespace: strings.Trim(settings["namespace"], "/"), auth: or(settings["auth"], "approle"), role: settings["role"],
		jwt: or(settings["jwt_file"], serviceAccount)}
	c.authMount = or(settings["auth_mount"], c.auth)
	var err error
	c.address, err = url.Parse(settings["address"])
	if err != nil || c.address.Host == "" || c.address.Scheme != "https" && c.address.Scheme != "http" || c.address.User != nil || strings.Trim(c.address.Path, "/") != "" {
		shown := settings["address"]
		if strings.Contains(shown, "@") { // perhaps a password
			shown = "...@..."
		}
		return c, bad("address", shown, "is no address of a server", "for example https://vault.example.com:8200")
	}
	if err := arePaths(settings, map[string]string{"namespace": or(c.namespace, "x"), "auth_mount": c.authMount}); err != nil {
		return c, err
	}
	if c.allow = strings.FieldsFunc(settings["allow"], func(r rune) bool { return r == ',' || r == ' ' }); settings["ca_file"] != "" {
		if c.roots, err = rootsOf(settings["ca_file"]); err != nil {
			return c, err
		}
	}
	return c, c.signsIn()
}

// storeOf reads where secrets are kept.
func storeOf(settings map[string]string) (store, error) {
	c := store{mount: or(settings["mount"], "secret"), path: or(settings["path"], defaultPath)}
	if err := arePaths(settings, map[string]string{"mount": c.mount, "path": holes.Replace(c.path)}); err != nil {
		return c, err
	}
	if !strings.Contains(c.path, "{service}") || !strings.Contains(c.path, "{env}") {
		return c, bad("path", c.path, "does not tell services and environments apart", defaultPath)
	}
	return c, nil
}

// arePaths sees that values are paths, of the settings that they are named by.
func arePaths(settings, values map[string]string) error {
	for name, value := range values {
		if !pathPattern.MatchString(value) || len(value) > 200 {
			return bad(name, settings[name], "is no path", "names of letters, digits, '.', '_' and '-', with '/' between them")
		}
	}
	return nil
}

// signsIn sees that the way to sign in is known.
func (c *server) signsIn() error {
	if _, known := secretNames[c.auth]; !known {
		return bad("auth", c.auth, "is no way to sign in", "token, approle or kubernetes")
	}
	if c.auth != "token" && c.role == "" {
		return bad("role", "", "is missing", "the role that "+c.auth+" signs in with: --set role=ROLE")
	}
	return nil
}

func rootsOf(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, bad("ca_file", file, "cannot be read by the server", "a file with certificates in PEM")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, bad("ca_file", file, "holds no certificate in PEM", "-----BEGIN CERTIFICATE-----")
	}
	return pool, nil
}

// entry is the path of a service's entry.
func (c store) entry(team, service, env pave.Name) string {
	return strings.NewReplacer("{team}", string(team), "{service}", string(service), "{env}", string(env)).Replace(c.path)
}

// root is what the paths of all entries begin with, and how many names follow.
func (c store) root() (prefix string, depth int) {
	before, _, _ := strings.Cut(c.path, "{")
	if prefix = before[:strings.LastIndex(before, "/")+1]; prefix != "" {
		prefix = strings.TrimSuffix(prefix, "/")
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(c.path, prefix), "/")
	return prefix, strings.Count(rest, "/") + 1
}

func bad(name, value, rule, hint string) *pave.Error {
	return pave.BadField(name, value, rule, hint)
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
