package httpc

import (
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/pave-platform/pave"
)

// special are networks that are not of the public internet although the standard
// library calls them global unicast. Sources: IANA's special-purpose address
// registries for IPv4 and IPv6.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), // an IPv4 address in disguise
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("fec0::/10"),
	netip.MustParsePrefix("::/96"),
}

// Public reports whether ip is an address of the public internet.
func Public(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, n := range special {
		if n.Contains(ip) {
			return false
		}
	}
	return true
}

// unresolved looks at a host that somebody else will resolve: what is private by
// its name alone is refused.
func (a allowed) unresolved(r *http.Request) error {
	host := strings.TrimSuffix(strings.ToLower(r.URL.Hostname()), ".")
	hostport := hostPort(r.URL)
	if a.named(hostport) {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return a.check(hostport, netip.AddrPortFrom(ip, 0).String())
	}
	for _, name := range []string{"localhost", "local", "internal", "home.arpa"} {
		if host == name || strings.HasSuffix(host, "."+name) {
			return pave.Errorf(pave.Denied, "%s is a name of a private network", host).
				WithHint("if that is meant, %s%s", a.by, hostport)
		}
	}
	if numeric(host) {
		return pave.Errorf(pave.Denied, "%s is an address in an unusual form", host).WithHint("write it as people do: 192.0.2.1")
	}
	return nil
}

// numeric reports whether a host is one number, or numbers with dots, in any base:
// some programs take those for addresses.
func numeric(host string) bool {
	for part := range strings.SplitSeq(host, ".") {
		digits := strings.TrimPrefix(part, "0x")
		if digits == "" || strings.Trim(digits, "0123456789") != "" && digits == part {
			return false
		}
	}
	return true
}

// origin is scheme, host and port of a URL, with the scheme's own port.
func origin(u *url.URL) string { return strings.ToLower(u.Scheme) + "://" + hostPort(u) }

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[strings.ToLower(u.Scheme)]
	}
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// A cappedBody ends with an error after max bytes.
type cappedBody struct {
	io.ReadCloser
	left, max int64
}

// Read reads what is left of the bound.
func (b *cappedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		var one [1]byte
		if n, err := b.ReadCloser.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, pave.Errorf(pave.Invalid, "the answer has more than %d bytes", b.max)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
