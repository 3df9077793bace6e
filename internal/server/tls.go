package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pave-platform/pave"
)

const (
	caLife      = 10 * 365 * 24 * time.Hour
	certLife    = 90 * 24 * time.Hour
	certRenew   = 30 * 24 * time.Hour
	certRecheck = time.Minute
)

// TLS is how a server is reached from other machines. Its zero value is not at all:
// loopback without TLS is for this machine alone.
type TLS struct {
	Listen    string   // address with port
	Local     bool     // by a CA of our own
	Cert, Key string   // or by these files, PEM
	Hosts     []string // names that the server answers to
}

func (t TLS) on() bool { return t.Listen != "" }

// check finds what does not go together, before anything is opened.
func (c Config) check() error {
	t := c.TLS
	if !t.on() {
		host, _, err := net.SplitHostPort(c.Listen)
		ip := net.ParseIP(host)
		switch {
		case err != nil || ip == nil:
			return pave.BadField("listen", c.Listen, "is not an address with a port", "for example 127.0.0.1:7070")
		case !ip.IsLoopback():
			return pave.BadField("listen", c.Listen, "can be reached from other machines, where everybody on the way would read the tokens",
				"--tls local, or --tls-cert FILE --tls-key FILE; without, 127.0.0.1:7070")
		case t.Local || t.Cert != "" || t.Key != "":
			return pave.Errorf(pave.Invalid, "TLS needs an address to listen on").WithHint("--listen 0.0.0.0:7443")
		}
		return nil
	}
	if _, _, err := net.SplitHostPort(t.Listen); err != nil {
		return pave.BadField("listen", t.Listen, "is not an address with a port", "for example 0.0.0.0:7443")
	}
	if t.Local == (t.Cert != "" || t.Key != "") || (t.Cert == "") != (t.Key == "") {
		return pave.Errorf(pave.Invalid, "a certificate is either by a local CA or by files").
			WithHint("--tls local, or both --tls-cert FILE and --tls-key FILE")
	}
	return nil
}

// names are those the server answers to on its address for others, the one that
// people are told first.
func (t TLS) names() []string {
	out := slices.Clone(t.Hosts)
	host, _, _ := net.SplitHostPort(t.Listen) // checked before
	if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
		out = append(out, host)
	}
	if name, err := os.Hostname(); err == nil {
		out = append(out, name)
	}
	return out
}

// address is where people of other machines reach a listener.
func (t TLS) address(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	name := "localhost"
	if names := t.names(); len(names) > 0 {
		name = names[0]
	}
	return "https://" + net.JoinHostPort(name, port)
}

// listenTLS opens the address for other machines and says by which CA people know
// it ("" for one that they trust already).
func (c Config) listenTLS() (l net.Listener, fingerprint string, err error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if c.TLS.Local {
		ca, err := c.openCA()
		if err != nil {
			return nil, "", err
		}
		fingerprint = ca.fingerprint()
		trust.GetCertificate = ca.serve(c.TLS.names())
	} else {
		files := &certFiles{cert: c.TLS.Cert, key: c.TLS.Key}
		if _, err := files.get(nil); err != nil {
			return nil, "", err
		}
		trust.GetCertificate = files.get
	}
	l, err = tls.Listen("tcp", c.TLS.Listen, trust)
	if err != nil {
		return nil, "", pave.Errorf(pave.Unavailable, "cannot listen on %s: %w", c.TLS.Listen, err).
			WithHint("end the program that has the port, or choose another: --listen ADDRESS")
	}
	return l, fingerprint, nil
}

// A ca makes certificates for this server alone. Its key lies with the others.
type ca struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// openCA reads the CA of the home, made at the first call.
func (c Config) openCA() (*ca, error) {
	certFile, keyFile := filepath.Join(c.Keys, "ca.crt"), filepath.Join(c.Keys, "ca.key")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeCA(c.Keys, certFile, keyFile); err == nil {
			pair, err = tls.LoadX509KeyPair(certFile, keyFile)
		}
	}
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "the local CA in %s: %w", c.Keys, err).WithHint("restore ca.crt and ca.key; without both, everybody has to trust a new one")
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, pave.Errorf(pave.Invalid, "the key of the local CA in %s is of another kind", c.Keys)
	}
	return &ca{pair.Leaf, key}, nil
}

func makeCA(dir, certFile, keyFile string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	form := &x509.Certificate{Subject: pkix.Name{CommonName: "pave local CA"}, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	raw, err := sign(form, form, key, key, caLife)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writeFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return err
	}
	return writeFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o644)
}

// sign makes a certificate of a form that is good from an hour ago: clocks differ.
func sign(form, parent *x509.Certificate, key, by *ecdsa.PrivateKey, life time.Duration) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	form.SerialNumber, form.NotBefore, form.NotAfter = serial, time.Now().Add(-time.Hour), time.Now().Add(life)
	return x509.CreateCertificate(rand.Reader, form, parent, key.Public(), by)
}

// fingerprint is what people compare.
func (c *ca) fingerprint() string {
	sum := sha256.Sum256(c.cert.Raw)
	text := strings.ToUpper(hex.EncodeToString(sum[:]))
	var parts []string
	for i := 0; i < len(text); i += 2 {
		parts = append(parts, text[i:i+2])
	}
	return strings.Join(parts, ":")
}

// serve gives connections a certificate for the names, a new one in time.
func (c *ca) serve(names []string) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	var mu sync.Mutex
	var now *tls.Certificate
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		mu.Lock()
		defer mu.Unlock()
		if now != nil && time.Until(now.Leaf.NotAfter) > certRenew {
			return now, nil
		}
		fresh, err := c.issue(names)
		if err == nil {
			now = fresh
		}
		return fresh, err
	}
}

func (c *ca) issue(names []string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	form := &x509.Certificate{Subject: pkix.Name{CommonName: "pave"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			form.IPAddresses = append(form.IPAddresses, ip)
		} else {
			form.DNSNames = append(form.DNSNames, n)
		}
	}
	raw, err := sign(form, c.cert, key, c.key, certLife)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(raw)
	return &tls.Certificate{Certificate: [][]byte{raw, c.cert.Raw}, PrivateKey: key, Leaf: leaf}, err
}

// certFiles are a certificate in files, which others renew. What cannot be read
// does not take down what serves.
type certFiles struct {
	cert, key string

	mu     sync.Mutex
	now    *tls.Certificate
	mod    time.Time
	looked time.Time
}

func (f *certFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now != nil && time.Since(f.looked) < certRecheck {
		return f.now, nil
	}
	f.looked = time.Now()
	info, err := os.Stat(f.cert)
	if err == nil && (f.now == nil || !info.ModTime().Equal(f.mod)) {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(f.cert, f.key); err == nil {
			f.now, f.mod = &pair, info.ModTime()
		}
	}
	if f.now == nil {
		return nil, pave.Errorf(pave.Invalid, "the certificate %s: %w", f.cert, err).WithHint("--tls-cert and --tls-key are PEM files that belong together")
	}
	return f.now, nil
}

// hosts are names that requests may be for, beside those of loopback.
func (t TLS) hosts() []string {
	if !t.on() {
		return nil
	}
	return t.names()
}
