// Package httpc is the one way to call out over HTTP. Its clients look at the
// address they are about to dial, after the name was resolved, so that neither a
// URL nor a name server can lead them to a private address; they follow redirects
// on one host only, and give credentials to the origin these belong to. The package
// knows no vendor.
package httpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
)

const (
	defaultTimeout = 2 * time.Minute
	dialTimeout    = 10 * time.Second
	headerTimeout  = 30 * time.Second
	maxRedirects   = 5
	maxHeader      = 1 << 20
)

// Options say where a client may go.
type Options struct {
	// Allow lists what is reached although its address is private: a host, a
	// HOST:PORT, an address or a network such as 10.0.0.0/8.
	Allow []string
	// Credentials by origin, such as https://git.example.com.
	Credentials Credentials
	// Timeout bounds a request with its body; 0 is two minutes.
	Timeout time.Duration
	// MaxBytes bounds the body of an answer; 0 is no bound.
	MaxBytes int64
	// Roots are the authorities that certificates are held to; nil: those of the system.
	Roots *x509.CertPool
}

// New returns a client that calls out by these rules. Invalid where Allow holds
// what is neither host nor network. Errors of its requests wrap a pave.Error:
// Denied for an address, a redirect or a certificate that is refused: no retry mends that.
func New(o Options) (*http.Client, error) {
	allow, err := parseAllow(o.Allow)
	if err != nil {
		return nil, err
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            allow.dial,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		IdleConnTimeout:        time.Minute,
		MaxIdleConns:           20,
		MaxResponseHeaderBytes: maxHeader,
	}
	if o.Roots != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{
		Timeout:       o.Timeout,
		CheckRedirect: sameOrigin,
		Transport:     &transport{next: t, allow: allow, creds: o.Credentials, max: o.MaxBytes},
	}, nil
}

// allowed is what may be reached beside public addresses.
type allowed struct {
	hosts map[string]bool // host, or host:port
	nets  []netip.Prefix
}

func parseAllow(list []string) (allowed, error) {
	a := allowed{hosts: map[string]bool{}}
	for _, s := range list {
		if net, err := netip.ParsePrefix(s); err == nil {
			a.nets = append(a.nets, net)
			continue
		}
		if ip, err := netip.ParseAddr(s); err == nil {
			a.nets = append(a.nets, netip.PrefixFrom(ip, ip.BitLen()))
			continue
		}
		if s == "" || strings.ContainsAny(s, "/@ *") {
			return a, pave.BadField("allowed address", s, "is neither a host, HOST:PORT, address nor network",
				"for example git.example.com, 127.0.0.1:3000 or 10.0.0.0/8")
		}
		a.hosts[strings.ToLower(s)] = true
	}
	return a, nil
}

// named reports whether the host, or the host with its port, may be reached
// whatever its address is.
func (a allowed) named(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	return a.hosts[strings.ToLower(hostport)] || err == nil && a.hosts[strings.ToLower(host)]
}

// dial looks at the resolved address before the connection is made.
func (a allowed) dial(ctx context.Context, network, hostport string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	if !a.named(hostport) && !isProxy(ctx) {
		d.Control = func(_, address string, _ syscall.RawConn) error { return a.check(hostport, address) }
	}
	return d.DialContext(ctx, network, hostport)
}

// check is Denied for an address that is neither public nor allowed.
func (a allowed) check(hostport, address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return pave.Errorf(pave.Denied, "%s has no address that can be checked: %q", hostport, address)
	}
	ip := at.Addr().Unmap().WithZone("")
	if Public(ip) {
		return nil
	}
	for _, n := range a.nets {
		if n.Contains(ip) {
			return nil
		}
	}
	return pave.Errorf(pave.Denied, "%s is at %s, which is not a public address", hostport, ip).
		WithHint("if that is meant, start the server with PAVE_ALLOW=%s", hostport)
}

// proxied marks requests that go through the proxy of the environment: what is
// dialed then is the proxy, which the operator chose.
type proxied struct{}

func isProxy(ctx context.Context) bool { return ctx.Value(proxied{}) != nil }

// sameOrigin follows redirects on one origin only.
func sameOrigin(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return pave.Errorf(pave.Denied, "%s redirects more than %d times", origin(via[0].URL), maxRedirects)
	}
	if from, to := origin(via[0].URL), origin(r.URL); from != to {
		return pave.Errorf(pave.Denied, "%s redirects to another host: %s", from, to).
			WithHint("if you trust it, use that address: %s", r.URL.Redacted())
	}
	return nil
}

// transport adds credentials, and looks at names that a proxy would resolve.
type transport struct {
	next  *http.Transport
	allow allowed
	creds Credentials
	max   int64
}

// RoundTrip does one request of a client.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && r.URL.Scheme != "http" {
		return nil, pave.BadField("url", r.URL.Redacted(), "is neither http nor https", "use https://")
	}
	through, err := t.next.Proxy(r)
	if err != nil {
		return nil, fmt.Errorf("proxy of the environment: %w", err)
	}
	if through != nil {
		if err := t.allow.unresolved(r); err != nil {
			return nil, err
		}
		r = r.WithContext(context.WithValue(r.Context(), proxied{}, true))
	}
	resp, err := t.next.RoundTrip(t.creds.on(r))
	if cert := (*tls.CertificateVerificationError)(nil); errors.As(err, &cert) {
		return nil, pave.Errorf(pave.Denied, "%s shows a certificate that is not trusted: %w", r.URL.Host, err).
			WithHint("install its authority on the machine of the server (SSL_CERT_FILE names a file of such), or correct the address")
	}
	if err == nil && t.max > 0 {
		resp.Body = &cappedBody{ReadCloser: resp.Body, left: t.max, max: t.max}
	}
	return resp, err
}
