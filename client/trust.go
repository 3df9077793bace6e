package client

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/pave-platform/pave"
)

// An Authority is the certificate that a server's hangs on.
type Authority struct {
	PEM         []byte
	Fingerprint string // SHA-256 of the certificate, in hex with colons
	Trusted     bool   // this machine trusts the server already
}

// AuthorityOf looks at the certificate of a server: what vouches for it, and whether
// this machine trusts that. Nothing is sent to the server.
func AuthorityOf(ctx context.Context, server string) (Authority, error) {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" {
		return Authority{}, pave.BadField("url", server, "is not the address of a server", "https://pave.example.com:7443")
	}
	if u.Scheme != "https" {
		return Authority{Trusted: true}, nil
	}
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), "443")
	}
	err = handshake(ctx, address, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}, nil)
	var unknown x509.UnknownAuthorityError
	if err == nil {
		return Authority{Trusted: true}, nil
	}
	if !errors.As(err, &unknown) {
		return Authority{}, pave.Errorf(pave.Unavailable, "the server at %s: %w", server, err).WithHint("is the address right, and its certificate for this name?")
	}
	var last *x509.Certificate
	look := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname(), InsecureSkipVerify: true} // only to show what it has
	if err := handshake(ctx, address, look, func(s tls.ConnectionState) { last = s.PeerCertificates[len(s.PeerCertificates)-1] }); err != nil {
		return Authority{}, pave.Errorf(pave.Unavailable, "the server at %s: %w", server, err)
	}
	a := Authority{PEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: last.Raw}), Fingerprint: fingerprint(last.Raw)}
	pool := x509.NewCertPool()
	pool.AddCert(last)
	if err := handshake(ctx, address, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname(), RootCAs: pool}, nil); err != nil {
		return a, pave.Errorf(pave.Unavailable, "the server at %s has a certificate that is not its own: %w", server, err).
			WithHint("is it for this name? pave server --host NAME")
	}
	return a, nil
}

func handshake(ctx context.Context, address string, c *tls.Config, seen func(tls.ConnectionState)) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := (&tls.Dialer{Config: c}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	if t, ok := conn.(*tls.Conn); ok && seen != nil {
		seen(t.ConnectionState())
	}
	return conn.Close()
}

func fingerprint(raw []byte) string {
	sum := sha256.Sum256(raw)
	text := strings.ToUpper(hex.EncodeToString(sum[:]))
	var parts []string
	for i := 0; i < len(text); i += 2 {
		parts = append(parts, text[i:i+2])
	}
	return strings.Join(parts, ":")
}
