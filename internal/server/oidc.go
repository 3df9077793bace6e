package server

import (
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/httpc"
)

// OIDC is an OpenID provider that people sign in by; none without an issuer.
type OIDC struct {
	Issuer, ClientID string
	SecretFile       string
	Groups           []string // GROUP=TEAM:ROLE
}

func oidcFromEnvironment() OIDC {
	return OIDC{Issuer: os.Getenv("PAVE_OIDC_ISSUER"), ClientID: os.Getenv("PAVE_OIDC_CLIENT_ID"), SecretFile: os.Getenv("PAVE_OIDC_SECRET_FILE"),
		Groups: strings.FieldsFunc(os.Getenv("PAVE_OIDC_GROUPS"), func(r rune) bool { return r == ',' })}
}

// environment passes it on to a server that is started.
func (o OIDC) environment() []string {
	return []string{"PAVE_OIDC_ISSUER=" + o.Issuer, "PAVE_OIDC_CLIENT_ID=" + o.ClientID, "PAVE_OIDC_SECRET_FILE=" + o.SecretFile,
		"PAVE_OIDC_GROUPS=" + strings.Join(o.Groups, ",")}
}

// useOIDC lets people sign in by the provider of the configuration. Who runs the
// server named it, so it may be in a private network.
func (s *instance) useOIDC(address string) error {
	o := s.cfg.OIDC
	if o.Issuer == "" {
		return nil
	}
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return pave.BadField("oidc-issuer", o.Issuer, "is not an https address", "--oidc-issuer https://login.example.com")
	}
	if o.ClientID == "" {
		return pave.BadField("oidc-client-id", "", "is missing", "--oidc-client-id pave")
	}
	secret, err := o.secret()
	if err != nil {
		return err
	}
	use := access.OIDC{Issuer: o.Issuer, ClientID: o.ClientID, Secret: secret, Redirect: address + "/login/callback"}
	for _, text := range o.Groups {
		rule, err := access.ParseGroupRule(text)
		if err != nil {
			return err
		}
		use.Groups = append(use.Groups, rule)
	}
	use.HTTP, err = httpc.New(httpc.Options{Allow: append([]string{u.Hostname()}, s.cfg.Allow...), Timeout: 20 * time.Second, MaxBytes: 1 << 20})
	if err != nil {
		return err
	}
	s.access.UseOIDC(use)
	return nil
}

func (o OIDC) secret() (pave.Secret, error) {
	if o.SecretFile == "" {
		return pave.Secret{}, nil
	}
	info, err := os.Stat(o.SecretFile)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		return pave.Secret{}, pave.Errorf(pave.Denied, "%s can be read by others", o.SecretFile).WithHint("chmod 600 %s", o.SecretFile)
	}
	if err != nil {
		return pave.Secret{}, pave.Errorf(pave.Invalid, "the secret of the OpenID client: %w", err).WithHint("--oidc-secret-file FILE")
	}
	text, err := os.ReadFile(o.SecretFile)
	if err != nil {
		return pave.Secret{}, pave.Errorf(pave.Invalid, "the secret of the OpenID client: %w", err).WithHint("--oidc-secret-file FILE")
	}
	return pave.NewSecret(strings.TrimSpace(string(text))), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
