package templates_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// An authority of its own, and a server's certificate of it for the name localhost.
func authority(t *testing.T, dir string) (ca string) {
	t.Helper()
	write := func(file, kind string, der []byte) string {
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var keys [2]*ecdsa.PrivateKey
	var ders [2][]byte
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "a server"}, NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		DNSNames: []string{"localhost"}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for n, c := range []*x509.Certificate{root, leaf} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if keys[n] = key; err == nil {
			ders[n], err = x509.CreateCertificate(rand.Reader, c, root, key.Public(), keys[0])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := x509.MarshalPKCS8PrivateKey(keys[1])
	if err != nil {
		t.Fatal(err)
	}
	write("key.pem", "PRIVATE KEY", key)
	write("cert.pem", "CERTIFICATE", ders[1])
	return write("ca.pem", "CERTIFICATE", ders[0])
}

// servers are a PostgreSQL, a MariaDB and a Redis that nobody reaches in the clear, and a
// MariaDB that has no TLS.
type servers struct {
	dir, ca, other               string
	postgres, mysql, redis, bare string // ports
}

func startServers(t *testing.T) servers {
	t.Helper()
	dir, err := os.MkdirTemp("", "pavetls") // the servers' user passes no folder of t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := servers{dir: dir, ca: authority(t, dir), other: authority(t, t.TempDir())}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	bin, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(bin) == 0 {
		t.Fatalf("no PostgreSQL: %v", err)
	}
	for _, file := range []string{"key.pem", "cert.pem", "ca.pem"} {
		s.own(t, filepath.Join(dir, file))
	}
	key, cert, data := filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem"), s.folder(t, "pg")
	s.run(t, filepath.Join(bin[0], "initdb"), "-D", data, "-U", "app", "-A", "trust", "-N")
	if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte("hostssl all all all trust\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.postgres = freePort(t)
	s.start(t, s.postgres, filepath.Join(bin[0], "postgres"), "-D", data, "-k", "", "-h", "127.0.0.1", "-p", s.postgres,
		"-c", "ssl=on", "-c", "ssl_cert_file="+cert, "-c", "ssl_key_file="+key, "-c", "fsync=off")
	s.redis = freePort(t)
	s.start(t, s.redis, "redis-server", "--port", "0", "--tls-port", s.redis, "--tls-cert-file", cert, "--tls-key-file", key,
		"--tls-ca-cert-file", filepath.Join(dir, "ca.pem"), "--tls-auth-clients", "no", "--save", "", "--dir", dir)
	s.mysql = s.mariadb(t, "my", "--ssl-cert="+cert, "--ssl-key="+key, "--require-secure-transport=ON")
	s.bare = s.mariadb(t, "bare", "--skip-ssl")
	return s
}

// database makes a database: programs of two templates have other tables.
func (s servers) database(t *testing.T, name string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), "postgres://app:x@127.0.0.1:"+s.postgres+"/postgres?sslmode=require")
	if err == nil {
		_, err = conn.Exec(t.Context(), "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func (s servers) mariadb(t *testing.T, name string, args ...string) (port string) {
	t.Helper()
	data := s.folder(t, name)
	s.run(t, "mariadb-install-db", "--no-defaults", "--datadir="+data, "--skip-name-resolve", "--auth-root-authentication-method=normal")
	port = freePort(t)
	s.start(t, port, "mariadbd", append([]string{"--no-defaults", "--datadir=" + data, "--bind-address=127.0.0.1", "--port=" + port, "--skip-name-resolve",
		"--socket=" + filepath.Join(data, "s"), "--pid-file=" + filepath.Join(data, "p")}, args...)...)
	return port
}

// uid is the user that servers are run as, who refuse to be root's.
const uid = 65534

func (s servers) own(t *testing.T, file string) {
	t.Helper()
	if os.Geteuid() == 0 {
		if err := os.Chown(file, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
}

func (s servers) folder(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(s.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.own(t, dir)
	return dir
}

func (s servers) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin:"+os.Getenv("PATH"))
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	return cmd
}

func (s servers) run(t *testing.T, args ...string) {
	t.Helper()
	if out, err := s.command(t.Context(), args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// start starts a server that ends with the test, and waits until it accepts.
func (s servers) start(t *testing.T, port, program string, args ...string) {
	t.Helper()
	r := &replica{cmd: s.command(context.Background(), append([]string{program}, args...)...)}
	r.cmd.Stdout, r.cmd.Stderr = r, r
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
		if t.Failed() {
			t.Logf("%s logged\n%s", program, r.text())
		}
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not accept: %v\n%s", program, err, r.text())
		}
	}
}

// The programs of the templates reach a database and a cache whose certificates are of
// an authority of their own, as those of clouds are: sslmode and ssl-mode say how much is
// verified, in the words of PostgreSQL and MySQL, and DATABASE_CA and REDIS_CA by what.
func TestEncrypted(t *testing.T) {
	long(t)
	s := startServers(t)
	build := map[string][][]string{
		"go-http": {{"go", "build", "-o", "program", "."}}, "worker": {{"go", "build", "-o", "program", "."}}, "static-site": {{"go", "build", "-o", "program", "."}},
		"node-express": {{"npm", "ci", "--no-audit", "--no-fund"}, {"npm", "run", "build"}},
	}
	start := map[string][]string{"go-http": {"./program"}, "worker": {"./program"}, "static-site": {"./program"},
		"node-express": {"node", "dist/index.js"}, "python-service": {"/usr/bin/python3", "-m", "service"}}
	for _, p := range [][2]string{{"go-http", "postgresql"}, {"node-express", "postgresql"}, {"python-service", "postgresql"}, {"worker", "postgresql"},
		{"static-site", "postgresql"}, {"go-http", "mysql"}, {"node-express", "mysql"}} {
		t.Run(strings.Join(p[:], "/"), func(t *testing.T) {
			dir := render(t, p[0], option{database: p[1], cache: "redis"})
			if p[1] == "postgresql" {
				s.database(t, p[0])
			}
			for _, args := range build[p[0]] {
				cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
				cmd.Dir = dir
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v: %v\n%s", args, err, out)
				}
			}
			for _, c := range s.cases(p[0], p[1]) {
				t.Run(c.name, func(t *testing.T) { c.run(t, dir, start[p[0]]) })
			}
		})
	}
}

type tlsCase struct {
	name string
	env  []string
	good bool
}

func (s servers) cases(name, engine string) []tlsCase {
	address := func(host, mode string) string {
		if engine == "mysql" {
			mode = map[string]string{"disable": "DISABLED", "require": "REQUIRED", "verify-ca": "VERIFY_CA", "verify-full": "VERIFY_IDENTITY"}[mode]
			return fmt.Sprintf("mysql://root:@%s:%s/test?%s", host, s.mysql, strings.TrimSuffix("ssl-mode="+mode, "ssl-mode="))
		}
		return fmt.Sprintf("postgres://app:x@%s:%s/%s?%s", host, s.postgres, name, strings.TrimSuffix("sslmode="+mode, "sslmode="))
	}
	one := func(name, database, ca, cacheCA string, good bool) tlsCase {
		return tlsCase{name, []string{"DATABASE_URL=" + database, "DATABASE_CA=" + ca, "REDIS_URL=rediss://127.0.0.1:" + s.redis, "REDIS_CA=" + cacheCA}, good}
	}
	all := []tlsCase{
		one("nothing said", address("127.0.0.1", ""), "", s.ca, true),
		one("require", address("127.0.0.1", "require"), "", s.ca, true),
		one("require with authority", address("127.0.0.1", "require"), s.ca, s.ca, true),
		one("verify-ca", address("127.0.0.1", "verify-ca"), s.ca, s.ca, true),
		one("verify-full", address("localhost", "verify-full"), s.ca, s.ca, true),
		one("disable", address("127.0.0.1", "disable"), "", s.ca, false),
		one("require with another authority", address("127.0.0.1", "require"), s.other, s.ca, false),
		one("verify-full with the system's", address("localhost", "verify-full"), "", s.ca, false),
		one("cache with another authority", address("127.0.0.1", "require"), s.ca, s.other, false),
		{"cache by its name", []string{"DATABASE_URL=" + address("127.0.0.1", "require"), "DATABASE_CA=" + s.ca, "REDIS_URL=rediss://localhost:" + s.redis, "REDIS_CA=" + s.ca}, true},
		one("cache with the system's", address("127.0.0.1", "require"), s.ca, "", false),
	}
	if engine == "mysql" {
		all = append(all, one("a server without TLS", fmt.Sprintf("mysql://root:@127.0.0.1:%s/test", s.bare), "", s.ca, true),
			one("a server without TLS, required", fmt.Sprintf("mysql://root:@127.0.0.1:%s/test?ssl-mode=REQUIRED", s.bare), "", s.ca, false))
	}
	if engine != "mysql" || name == "go-http" { // mysql2 asks of an IP address for the name localhost
		all = append(all, one("verify-full of another name", address("127.0.0.1", "verify-full"), s.ca, s.ca, false))
	}
	return all
}

// refusal is what programs log of a server that they do not believe, or that does not
// believe them.
var refusal = regexp.MustCompile(`(?i)certificate|secure|encrypt|does not support TLS|TLS requested|SSL error|access denied`)

// run starts the program: it gets ready, or says why it does not.
func (c tlsCase) run(t *testing.T, dir string, args []string) {
	port := freePort(t)
	r := &replica{cmd: exec.CommandContext(t.Context(), args[0], args[1:]...), url: "http://127.0.0.1:" + port}
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = dir, r, r
	r.cmd.Env = append(append(os.Environ(), c.env...), "PORT="+port)
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
	}()
	if c.good {
		r.waitReady(t)
		return
	}
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if res, err := http.Get(r.url + "/health/ready"); err == nil {
			_ = res.Body.Close()
			t.Fatalf("it is up, and answers %s", strconv.Quote(res.Status))
		} else if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatal(err)
		}
		if refusal.MatchString(r.text()) {
			return
		}
	}
	t.Errorf("it does not say why it is not up:\n%s", r.text())
}
