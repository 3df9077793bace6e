package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/httpc"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/template"
)

// diskCheck says whether there is room for builds and data: least bytes, and files.
func (c Config) diskCheck(least uint64) pave.Check {
	fix := "free space on the disk of " + c.Home + ", or set PAVE_HOME to another one"
	var fs syscall.Statfs_t
	if err := syscall.Statfs(c.Home, &fs); err != nil {
		return pave.Check{Name: "disk", Detail: err.Error(), Fix: fix}
	}
	free := fs.Bavail * uint64(fs.Bsize)
	switch detail := fmt.Sprintf("%d MB free at %s", free>>20, c.Home); {
	case free < least:
		return pave.Check{Name: "disk", Detail: detail, Fix: fix}
	case fs.Files > 0 && fs.Ffree < minInodes:
		return pave.Check{Name: "disk", Detail: fmt.Sprintf("%s, but room for %d files only", detail, fs.Ffree), Fix: fix}
	default:
		return pave.Check{Name: "disk", OK: true, Detail: detail}
	}
}

// noexecCheck says whether programs may run from the state: what was built does.
func (c Config) noexecCheck(ctx context.Context) pave.Check {
	file := c.path("tmp", fmt.Sprintf("doctor-%d.sh", os.Getpid()))
	defer os.Remove(file)
	err := os.WriteFile(file, []byte("#!/bin/sh\necho runs\n"), 0o700)
	if err == nil && strings.TrimSpace(output(ctx, []string{file})) != "runs" {
		err = pave.Errorf(pave.Unavailable, "no program runs from %s", c.Home).
			WithHint("mount its disk without noexec, or set PAVE_HOME to another one")
	}
	return verdict("programs", "run from "+c.Home, err)
}

// keyCheck says whether the key that sealed the secrets is there and private.
func (c Config) keyCheck() pave.Check {
	if _, err := os.Stat(c.serverKey()); os.IsNotExist(err) && c.keyLost() == nil {
		return pave.Check{Name: "key", OK: true, Detail: "none yet, the first start makes it"}
	}
	_, err := c.openKey()
	return verdict("key", c.serverKey(), err)
}

// storeCheck says whether the platform's store opens and is not of a newer pave.
func (c Config) storeCheck(ctx context.Context) pave.Check {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	kind, _, _ := strings.Cut(c.store(), ":")
	err := store.Probe(ctx, c.store())
	if err != nil && pave.HintOf(err) == "" {
		err = pave.Errorf(pave.CodeOf(err), "the store does not open: %w", err).WithHint("%s", c.storeHint())
	}
	return verdict("store", kind, err)
}

func (c Config) storeHint() string {
	if c.Store != "" {
		return "mend PAVE_STORE_URL, or unset it to use SQLite in " + c.Home
	}
	return "restore a backup: pave admin restore --help"
}

// templatesCheck says whether the further folders of templates are there and good.
func (c Config) templatesCheck() pave.Check {
	for _, dir := range c.Templates {
		if info, err := os.Stat(dir); dir != "" && (err != nil || !info.IsDir()) {
			return pave.Check{Name: "templates", Detail: "PAVE_TEMPLATES names " + dir + ", which is not a folder",
				Fix: "make the folder, or take it out of PAVE_TEMPLATES"}
		}
	}
	set := template.NewSet(slog.New(slog.DiscardHandler), c.templateSources()...)
	for _, b := range set.Errors() {
		folder := filepath.Join(b.Source, b.Folder)
		if _, err := os.Stat(filepath.Join(folder, "template.yaml")); os.IsNotExist(err) {
			continue // something else that lies there
		}
		return pave.Check{Name: "templates", Detail: b.Err.Error(), Fix: "pave template lint " + folder}
	}
	return pave.Check{Name: "templates", OK: true, Detail: fmt.Sprintf("%d found", len(set.List()))}
}

// credentialsCheck says whether the file of logins is well formed and private, and
// the private addresses that are allowed are addresses.
func (c Config) credentialsCheck() pave.Check {
	creds, err := httpc.LoadCredentials(c.Credentials)
	if err == nil {
		_, err = httpc.New(httpc.Options{Allow: c.Allow, Credentials: creds})
	}
	return verdict("git hosts", fmt.Sprintf("%d logins, %d private addresses allowed", len(creds), len(c.Allow)), err)
}

// tlsCheck says whether the address for other machines is well given and its
// certificate good for some weeks.
func (c Config) tlsCheck() pave.Check {
	err := c.check()
	if err == nil && c.TLS.Cert != "" {
		err = certificateGood(c.TLS.Cert, c.TLS.Key, time.Now())
	}
	detail := "not asked for: loopback only"
	if c.TLS.on() {
		detail = c.TLS.Listen
	}
	return verdict("TLS", detail, err)
}

// certificateGood is an error for a certificate that is not valid two weeks from now.
func certificateGood(cert, key string, now time.Time) error {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return pave.Errorf(pave.Invalid, "certificate %s with key %s: %w", cert, key, err).WithHint("give a certificate and its own key as PEM files")
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return pave.Errorf(pave.Invalid, "certificate %s: %w", cert, err).WithHint("give a certificate as a PEM file")
	}
	if end := leaf.NotAfter; end.Before(now.Add(14 * 24 * time.Hour)) {
		return pave.Errorf(pave.Unavailable, "certificate %s is valid until %s", cert, end.UTC().Format("2006-01-02")).
			WithHint("put a new one in the place of the file; the server takes it within a minute")
	}
	return nil
}

// portCheck says whether an address is free while no server runs.
func (c Config) portCheck(what, address, variable string) pave.Check {
	check := pave.Check{Name: what + " port", Detail: address}
	l, err := net.Listen("tcp", address)
	if err != nil {
		if s, ok, serr := c.readState(); serr == nil && ok && what == "router" && s.Router == address {
			check.OK, check.Detail = true, address+" (our own node)"
			return check
		}
		check.Detail, check.Fix = err.Error(), fmt.Sprintf("end the program that has it (ss -ltnp), or set %s=127.0.0.1:PORT", variable)
		return check
	}
	l.Close()
	check.OK = true
	return check
}
