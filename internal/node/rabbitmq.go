package node

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

// RabbitSalt is what RabbitMQ puts before the password of its administrator when it
// hashes it. One salt for all is enough: the password is a random one.
const RabbitSalt = "pave"

// rabbitmq is the engine of a RabbitMQ server. Its one administrator is the user of its
// spec, who comes in by the management API; all that it listens on is this machine's
// loopback alone.
type rabbitmq struct {
	*server
	management, distribution, names int // ports, kept while it is supervised
}

func newRabbitMQ(s *server) engine { return &rabbitmq{server: s} }

// FindRabbitMQ returns the script that starts RabbitMQ and its version. NotFound where it
// is not there, or Erlang is not.
func FindRabbitMQ() (path, version string, err error) {
	var scripts []string
	for _, pattern := range []string{"/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server", "/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server",
		"/usr/local/opt/rabbitmq/sbin/rabbitmq-server", "/opt/rabbitmq/sbin/rabbitmq-server"} {
		found, _ := filepath.Glob(pattern)
		scripts = append(scripts, found...)
	}
	slices.Reverse(scripts) // of several the newest
	for _, path := range scripts {
		version := rabbitVersion(path)
		if isProgram(path) && version != "" && findProgram("erl") != "" && findProgram("epmd") != "" {
			return path, version, nil
		}
	}
	return "", "", pave.Errorf(pave.NotFound, "no RabbitMQ server of version 3.9 or newer is on this machine").
		WithHint("apt-get install -y rabbitmq-server")
}

func findAnyRabbitMQ() error {
	_, _, err := FindRabbitMQ()
	return err
}

// Older ones keep no marks on virtual hosts.
var rabbitVersionPattern = regexp.MustCompile(`/rabbit-((?:3\.(?:9|\d\d)|[4-9])\.[\d.]*\d)`)

// rabbitVersion is what the folder of the server itself is called: asking it takes
// seconds.
func rabbitVersion(script string) string {
	found, _ := filepath.Glob(filepath.Join(filepath.Dir(script), "../plugins/rabbit-*"))
	for _, path := range found {
		if m := rabbitVersionPattern.FindStringSubmatch(path); m != nil {
			return m[1]
		}
	}
	return ""
}

func checkRabbitMQ(s *Server, _ string) error {
	switch {
	case !redisUser.MatchString(s.User):
		return pave.BadField("user", s.User, "is no name of a user", "use a-z, 0-9, '_' and '-'")
	case !hashPattern.MatchString(s.PasswordSHA256):
		return pave.BadField("password", "", "must be the SHA-256 of one, in hex", "64 of 0-9 and a-f")
	}
	return nil
}

// ends is the one signal by which RabbitMQ writes what it has and ends.
func (r *rabbitmq) ends() []syscall.Signal { return []syscall.Signal{syscall.SIGTERM} }

// prepare ends a server that a dead node left, and writes the configuration.
func (r *rabbitmq) prepare(who account) (launch, error) {
	path, version, err := FindRabbitMQ()
	if err != nil {
		return launch{}, err
	}
	if err := os.MkdirAll(r.dir, 0o711); err != nil {
		return launch{}, diskError(r.dir, err)
	}
	if err := privateDir(r.data(), who.uid, who.gid); err != nil {
		return launch{}, err
	}
	if err := r.endOthers(func(p job.Proc) bool { return true }, r.ends()); err != nil {
		return launch{}, err
	}
	for _, port := range []*int{&r.management, &r.distribution, &r.names} {
		if *port == 0 {
			if *port, err = r.n.ports.take(); err != nil {
				return launch{}, err
			}
		}
	}
	r.set(func(st *ServerStatus) { st.Admin = "http://" + loopback(r.management) })
	uid := -1
	if os.Geteuid() == 0 {
		uid = who.uid
	}
	definitions, err := r.definitions()
	if err != nil {
		return launch{}, err
	}
	// Whoever knows the cookie may do everything in the server. The one that Erlang makes is
	// drawn from few enough that a program of this machine can try them all.
	for name, text := range map[string]string{"rabbitmq.conf": r.config(), "enabled_plugins": "[rabbitmq_management].\n", "definitions.json": definitions,
		".erlang.cookie": rand.Text()} {
		if err := writeFile(filepath.Join(r.dir, name), []byte(text), 0o600, uid); err != nil {
			return launch{}, err
		}
	}
	// The port mapper of Erlang is our own and ends with the server: started by itself it
	// would listen on all addresses, and go on for ever.
	script := fmt.Sprintf(`%q -port %d -address 127.0.0.1 & exec %q`, findProgram("epmd"), r.names, path)
	return launch{command: []string{"/bin/sh", "-c", script}, version: version, serves: r.serves, env: r.settings()}, nil
}

// settings are what RabbitMQ reads from its environment: folders and ports of its own.
func (r *rabbitmq) settings() map[string]string {
	return map[string]string{
		"HOME": r.dir, // where the cookie is
		"PATH": strings.Join(programDirs(), ":"), "LC_ALL": "C.UTF-8",
		"ERL_EPMD_PORT": fmt.Sprint(r.names), "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_FLAGS": "-start_epmd false",
		"RABBITMQ_CONF_ENV_FILE": "/dev/null", "RABBITMQ_NODENAME": "pave@localhost", "RABBITMQ_DIST_PORT": fmt.Sprint(r.distribution),
		"RABBITMQ_CONFIG_FILE": filepath.Join(r.dir, "rabbitmq.conf"), "RABBITMQ_ADVANCED_CONFIG_FILE": filepath.Join(r.dir, "advanced.config"),
		"RABBITMQ_ENABLED_PLUGINS_FILE": filepath.Join(r.dir, "enabled_plugins"), "RABBITMQ_PID_FILE": filepath.Join(r.data(), "pid"),
		"RABBITMQ_MNESIA_BASE": filepath.Join(r.data(), "mnesia"), "RABBITMQ_LOG_BASE": filepath.Join(r.data(), "log"), "RABBITMQ_LOGS": "-",
		"RABBITMQ_GENERATED_CONFIG_DIR": filepath.Join(r.data(), "config"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} " +
			"+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none", // idle it is idle
	}
}

func (r *rabbitmq) config() string {
	return fmt.Sprintf(`# Written by pave at every start.
listeners.tcp.1 = %s
management.tcp.ip = 127.0.0.1
management.tcp.port = %d
management.rates_mode = none
load_definitions = %s
log.console = true
log.console.level = warning
log.file = false
vm_memory_high_watermark.absolute = 256MiB
disk_free_limit.absolute = 50MB
`, loopback(r.spec.Port), r.management, filepath.Join(r.dir, "definitions.json"))
}

// definitions are read at every start, and in the place of the user that RabbitMQ makes
// by itself, with a known password.
func (r *rabbitmq) definitions() (string, error) {
	hash, err := hex.DecodeString(r.spec.PasswordSHA256)
	if err != nil {
		return "", err
	}
	out, err := json.Marshal(map[string]any{"users": []any{map[string]any{
		"name": r.spec.User, "tags": []string{"administrator"}, "hashing_algorithm": "rabbit_password_hashing_sha256",
		"password_hash": base64.StdEncoding.EncodeToString(append([]byte(RabbitSalt), hash...)),
	}}})
	return string(out), err
}

// serves asks at both doors.
func (r *rabbitmq) serves(int) bool {
	c, err := net.DialTimeout("tcp", loopback(r.spec.Port), time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	client := http.Client{Timeout: 2 * time.Second}
	resp, err := client.Get("http://" + loopback(r.management) + "/api/overview")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusUnauthorized
}
