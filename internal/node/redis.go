package node

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

// What a Redis server may hold in memory, in MB.
const (
	defaultRedisMB = 64
	minRedisMB     = 8
	maxRedisMB     = 64 << 10
)

// maxBeside is how many users a server has beside the first.
const maxBeside = 32

// redisServer is the engine of a Redis server. It belongs to the owner whose mark
// its folder carries, and lets in one user, who may do what a service needs.
type redisServer struct{ *server }

func newRedis(s *server) engine { return redisServer{s} }

var (
	redisUser   = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)
	hashPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func checkRedis(s *Server, _ string) error {
	s.MemoryMB = cmp.Or(s.MemoryMB, defaultRedisMB)
	if s.MemoryMB < minRedisMB || s.MemoryMB > maxRedisMB {
		return pave.BadField("memory_mb", fmt.Sprint(s.MemoryMB), fmt.Sprintf("must be %d to %d", minRedisMB, maxRedisMB), "for example 64")
	}
	return checkLogins(*s)
}

// checkLogins holds the owner and the users of a server to their rules.
func checkLogins(s Server) error {
	ours := []string{probeUser, "default", "pave"} // names that servers have for themselves
	switch {
	case checkID(s.Owner) != nil:
		return pave.BadField("owner", s.Owner, "is not an id", "name whose data it is")
	case !redisUser.MatchString(s.User) || slices.Contains(ours, s.User):
		return pave.BadField("user", s.User, "is no name of a user", "use a-z, 0-9, '_' and '-'")
	case !hashPattern.MatchString(s.PasswordSHA256):
		return pave.BadField("password", "", "must be the SHA-256 of one, in hex", "64 of 0-9 and a-f")
	case len(s.Beside) > maxBeside:
		return pave.BadField("beside", fmt.Sprint(len(s.Beside)), "is too many users", fmt.Sprintf("at most %d", maxBeside))
	case slices.ContainsFunc(s.Beside, func(l Login) bool {
		return !redisUser.MatchString(l.User) || slices.Contains(ours, l.User) || l.User == s.User || !hashPattern.MatchString(l.PasswordSHA256)
	}):
		return pave.BadField("beside", "", "holds a user without a good name and hash", "a name of a-z, 0-9, '_' and '-', another than the first user's")
	}
	return nil
}

// FindRedis returns the Redis server program in the PATH and its version.
// NotFound where there is none.
func FindRedis() (path, version string, err error) {
	for _, dir := range filepath.SplitList(cmp.Or(os.Getenv("PATH"), defaultPath)) {
		path := filepath.Join(dir, "redis-server")
		if !filepath.IsAbs(dir) || !isProgram(path) {
			continue
		}
		if version := redisVersion(path); version != "" {
			return path, version, nil
		}
	}
	return "", "", pave.Errorf(pave.NotFound, "no redis-server of version 7 or newer is on this machine").
		WithHint("apt-get install -y redis-server")
}

func findAnyRedis() error {
	_, _, err := FindRedis()
	return err
}

var redisVersionPattern = regexp.MustCompile(`\bv=(([7-9]|\d{2,})\.\d+)`)

// redisVersion asks a program; "" where it is no Redis, or too old to know users
// as they are used here.
func redisVersion(path string) string {
	var out strings.Builder
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := job.Run(ctx, job.Spec{Command: []string{path, "--version"}, Dir: "/",
		Output: func(l job.Line) { out.WriteString(l.Text + "\n") }})
	if m := redisVersionPattern.FindStringSubmatch(out.String()); err == nil && m != nil {
		return m[1]
	}
	return ""
}

// ends is the one signal by which Redis writes what it has and ends.
func (r redisServer) ends() []syscall.Signal { return []syscall.Signal{syscall.SIGTERM} }

// prepare makes sure that the folder is the owner's, ends a server that a dead node
// left in it, and writes the configuration.
func (r redisServer) prepare(who account) (launch, error) {
	path, version, err := FindRedis()
	if err != nil {
		return launch{}, err
	}
	if err := r.n.ownFolder(r.spec); err != nil {
		return launch{}, err
	}
	if err := privateDir(r.data(), who.uid, who.gid); err != nil {
		return launch{}, err
	}
	if err := r.endOthers(func(job.Proc) bool { return true }, r.ends()); err != nil {
		return launch{}, err
	}
	uid := -1
	if os.Geteuid() == 0 {
		uid = who.uid
	}
	probe := rand.Text()
	file := filepath.Join(r.dir, "redis.conf")
	r.mu.Lock()
	r.probe = probe
	r.mu.Unlock()
	return launch{command: []string{path, file}, version: version, serves: func(int) bool { return r.serves(probe) }},
		writeFile(file, []byte(r.config(probe)), 0o600, uid)
}

// logins are all users of a server but our own.
func (s Server) logins() []Login {
	return append([]Login{{User: s.User, PasswordSHA256: s.PasswordSHA256}}, s.Beside...)
}

// rules are what a user may, in Redis' words.
func (l Login) rules() []string {
	rules := []string{"on", "#" + l.PasswordSHA256, "~*", "&*", "+@all", "-@admin", "-@dangerous", "+info", "+keys", "+sort", "+sort_ro", "+flushdb", "+flushall"}
	if l.ReadOnly {
		rules = append(rules, "-@write", "-flushdb", "-flushall", "-@scripting", "-publish", "-spublish")
	}
	return rules
}

// setUsers changes the users of the server that runs.
func (r redisServer) setUsers(want Server) error {
	r.mu.Lock()
	probe := r.probe
	r.mu.Unlock()
	c, err := r.dial(probe)
	if err != nil {
		return pave.Errorf(pave.Unavailable, "change the users of server %q: %w", r.spec.ID, err).WithHint("it is tried again")
	}
	defer c.Close()
	keep := map[string]bool{"default": true, probeUser: true}
	for _, l := range want.logins() {
		keep[l.User] = true
		args := []any{"SETUSER", l.User, "reset"}
		for _, rule := range l.rules() {
			args = append(args, rule)
		}
		if _, err := c.Do("ACL", args...); err != nil {
			return pave.Errorf(pave.Unavailable, "let %s into server %q: %w", l.User, r.spec.ID, err)
		}
	}
	have, err := redis.Strings(c.Do("ACL", "USERS"))
	if err != nil {
		return pave.Errorf(pave.Unavailable, "list the users of server %q: %w", r.spec.ID, err)
	}
	for _, user := range have {
		if keep[user] {
			continue
		}
		if _, err := c.Do("ACL", "DELUSER", user); err != nil { // its connections end
			return pave.Errorf(pave.Unavailable, "shut %s out of server %q: %w", user, r.spec.ID, err)
		}
	}
	return nil
}

// probeUser is who the node looks as, with a password that is new for each start.
const probeUser = "pave-node"

// config is what the server reads at its start. It holds no password, only hashes
// of random ones.
//
// Each write is in the log before it is acknowledged, so that a kill loses nothing;
// the kernel brings it to the disk, which is soon enough for a cache. "everysec"
// may acknowledge first while the disk is busy.
//
// A service may do in its own cache whatever it likes, but not look at or change
// the server itself: -@admin -@dangerous, and back what of the latter concerns its
// own keys alone.
func (r redisServer) config(probe string) string {
	sum := sha256.Sum256([]byte(probe))
	lines := []string{
		"# Written by pave at every start.",
		"bind 127.0.0.1",
		fmt.Sprintf("port %d", r.spec.Port),
		fmt.Sprintf("dir %q", r.data()),
		"daemonize no",
		`logfile ""`,
		"always-show-logo no",
		"set-proc-title no", // it would write over the environment, by which the node finds its own
		"maxclients 1000",
		fmt.Sprintf("maxmemory %dmb", r.spec.MemoryMB),
		"maxmemory-policy allkeys-lru",
		`save ""`,
		"appendonly yes",
		"appendfsync no",
		"user default off resetpass resetkeys resetchannels -@all",
		fmt.Sprintf("user %s on #%s resetkeys resetchannels -@all +ping +acl|setuser +acl|deluser +acl|users", probeUser, hex.EncodeToString(sum[:])),
	}
	r.mu.Lock()
	for _, l := range r.spec.logins() {
		lines = append(lines, "user "+l.User+" "+strings.Join(l.rules(), " "))
	}
	r.mu.Unlock()
	return strings.Join(lines, "\n") + "\n"
}

// serves asks with a password that only this start knows: whoever answers is this
// process.
func (r redisServer) serves(probe string) bool {
	c, err := r.dial(probe)
	if err != nil {
		return false
	}
	defer c.Close()
	_, err = c.Do("PING") // an error while it still reads its data
	return err == nil
}

func (r redisServer) dial(probe string) (redis.Conn, error) {
	return redis.Dial("tcp", loopback(r.spec.Port), redis.DialUsername(probeUser), redis.DialPassword(probe),
		redis.DialConnectTimeout(time.Second), redis.DialReadTimeout(time.Second), redis.DialWriteTimeout(time.Second))
}
