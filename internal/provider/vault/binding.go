package vault

import (
	"crypto/x509"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// Settings are what a binding may say, with what it means.
var Settings = map[string]string{
	"address":    "of the server, https://vault.example.com:8200",
	"mount":      "of the KV store (secret)",
	"path":       "of an entry (teams/{team}/{service}/{env})",
	"namespace":  "of Vault Enterprise, HCP Vault or OpenBao",
	"auth":       "how to sign in: token, approle or kubernetes (approle)",
	"auth_mount": "where that is mounted (its own name)",
	"role":       "the role id of an AppRole, or the role of a service account",
	"jwt_file":   "the token of the service account (" + serviceAccount + ")",
	"ca_file":    "certificates that the server's is held to (those of the system)",
	"allow":      "private addresses where the server may be: hosts, HOST:PORT or networks, with commas",
	"drift":      "heal: a value that others changed is written again",
}

// secretNames are what a binding may give to sign in, by auth.
var secretNames = map[string]string{"token": "token", "approle": "secret_id", "kubernetes": ""}

const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// config is what a binding says, checked.
type config struct {
	address                                           *url.URL
	mount, path, namespace, auth, authMount, role, jwt string
	allow                                             []string
	roots                                             *x509.CertPool
	secret                                            string // id of the sealed value to sign in with
}

var (
	pathPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$`)
	holes       = strings.NewReplacer("{team}", "t", "{service}", "s", "{env}", "e")
)

// configOf reads a binding. Invalid names the setting.
func configOf(settings, secrets map[string]string) (config, error) {
	c := config{mount: or(settings["mount"], "secret"), path: or(settings["path"], "teams/{team}/{service}/{env}"),
		namespace: strings.Trim(settings["namespace"], "/"), auth: or(settings["auth"], "approle"), role: settings["role"], jwt: or(settings["jwt_file"], serviceAccount)}
	c.authMount = or(settings["auth_mount"], c.auth)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if _, ok := Settings[name]; !ok {
			return c, bad(name, settings[name], "is no setting of vault", "one of "+strings.Join(slices.Sorted(maps.Keys(Settings)), ", "))
		}
	}
	var err error
	c.address, err = url.Parse(settings["address"])
	if err != nil || c.address.Host == "" || c.address.Scheme != "https" && c.address.Scheme != "http" || c.address.User != nil || strings.Trim(c.address.Path, "/") != "" {
		return c, bad("address", settings["address"], "is no address of a server", "for example https://vault.example.com:8200")
	}
	for name, value := range map[string]string{"mount": c.mount, "path": holes.Replace(c.path), "namespace": or(c.namespace, "x"), "auth_mount": c.authMount} {
		if !pathPattern.MatchString(value) || len(value) > 200 {
			return c, bad(name, settings[name], "is no path", "names of letters, digits, '.', '_' and '-', with '/' between them")
		}
	}
	if !strings.Contains(c.path, "{service}") || !strings.Contains(c.path, "{env}") {
		return c, bad("path", c.path, "does not tell services and environments apart", "teams/{team}/{service}/{env}")
	}
	if c.allow = strings.FieldsFunc(settings["allow"], func(r rune) bool { return r == ',' || r == ' ' }); settings["ca_file"] != "" {
		if c.roots, err = rootsOf(settings["ca_file"]); err != nil {
			return c, err
		}
	}
	return c, c.signsIn(secrets)
}

// signsIn sees that all is there to sign in with.
func (c *config) signsIn(secrets map[string]string) error {
	name, known := secretNames[c.auth]
	switch {
	case !known:
		return bad("auth", c.auth, "is no way to sign in", "token, approle or kubernetes")
	case c.auth != "token" && c.role == "":
		return bad("role", "", "is missing", "the role that "+c.auth+" signs in with: --set role=ROLE")
	case name != "" && secrets[name] == "":
		return bad(name, "", "is missing", "--secret-file "+name+"=FILE")
	}
	for have := range secrets {
		if have != name {
			return bad("secret", have, "is nothing that "+c.auth+" signs in with", "leave it out")
		}
	}
	c.secret = secrets[name]
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
func (c config) entry(team, service, env pave.Name) string {
	return strings.NewReplacer("{team}", string(team), "{service}", string(service), "{env}", string(env)).Replace(c.path)
}

// root is what the paths of all entries begin with, and how many names follow.
func (c config) root() (prefix string, depth int) {
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
