package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

const redisPassword = "pvcnry-redis-1"

// needRedis skips without Redis, but never in CI.
func needRedis(t *testing.T) {
	t.Helper()
	if _, _, err := FindRedis(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err, pave.HintOf(err))
		}
		t.Skip(err)
	}
}

func cacheOf(id, owner string) Server {
	sum := sha256.Sum256([]byte(redisPassword))
	return Server{ID: id, Kind: "redis", Owner: owner, User: "shop_staging", PasswordSHA256: hex.EncodeToString(sum[:])}
}

// serving waits until a cache is ready, in another process than before.
func serving(t *testing.T, b *bench, id string, before int) (s ServerStatus) {
	t.Helper()
	for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if s, _ = b.Server(t.Context(), id); s.Ready && s.PID != before {
			return s
		}
	}
	t.Fatalf("the cache stays %+v", s)
	return s
}

func ask(t *testing.T, port int, user, password, command string, args ...any) (string, error) {
	t.Helper()
	c, err := redis.Dial("tcp", loopback(port), redis.DialUsername(user), redis.DialPassword(password),
		redis.DialConnectTimeout(5*time.Second), redis.DialReadTimeout(5*time.Second))
	if err != nil {
		return "", err
	}
	defer c.Close()
	answer, err := c.Do(command, args...)
	if text, ok := answer.([]byte); ok {
		answer = string(text)
	}
	return fmt.Sprint(answer), err
}

func TestRedis(t *testing.T) {
	t.Parallel()
	needRedis(t)
	b := newBench(t)
	cache := cacheOf("redis-shop", "res_1")
	if _, err := b.PutServer(t.Context(), cache); err != nil {
		t.Fatal(err)
	}
	st := serving(t, b, cache.ID, 0)
	if !strings.HasPrefix(st.Version, "7.") || st.PasswordSHA256 != "" || st.MemoryMB != 64 {
		t.Errorf("status %+v", st)
	}
	set := func(args ...any) (string, error) {
		return ask(t, st.Port, cache.User, redisPassword, args[0].(string), args[1:]...)
	}
	if _, err := set("SET", "k", "v"); err != nil {
		t.Fatal(err)
	}
	again, err := b.PutServer(t.Context(), cache)
	if err != nil || again.PID != st.PID {
		t.Errorf("put again: %+v, %v, want the same process", again, err)
	}
	_ = syscall.Kill(st.PID, syscall.SIGKILL)
	if next := serving(t, b, cache.ID, st.PID); next.Port != st.Port {
		t.Errorf("after a crash it is %+v", next)
	}
	if got, err := set("GET", "k"); got != "v" || err != nil {
		t.Errorf("after a crash it holds %q, %v", got, err)
	}
	cache.MemoryMB = 32
	if _, err := b.PutServer(t.Context(), cache); err != nil {
		t.Fatal(err)
	}
	serving(t, b, cache.ID, 0)
	if got, _ := set("INFO", "memory"); !strings.Contains(got, "maxmemory:33554432\r\n") {
		t.Errorf("another bound is not seen: %s", got)
	}
	if got, err := set("GET", "k"); got != "v" || err != nil {
		t.Errorf("with another bound it holds %q, %v", got, err)
	}
}

// A service gets into its own cache and may do there what it likes, but not look
// at or change the server.
func TestRedisRights(t *testing.T) {
	t.Parallel()
	needRedis(t)
	b := newBench(t)
	cache := cacheOf("redis-shop", "res_1")
	if _, err := b.PutServer(t.Context(), cache); err != nil {
		t.Fatal(err)
	}
	st := serving(t, b, cache.ID, 0)
	for reason, who := range map[string][2]string{
		"no password":            {"", ""},
		"the default user":       {"default", redisPassword},
		"a wrong password":       {cache.User, "wrong"},
		"the hash as password":   {cache.User, cache.PasswordSHA256},
		"the node's own user":    {probeUser, ""},
		"a user there is not":    {"root", redisPassword},
		"the password by itself": {"", redisPassword},
	} {
		if _, err := ask(t, st.Port, who[0], who[1], "PING"); err == nil {
			t.Errorf("%s got in", reason)
		}
	}
	const may, mayNot = "", "NOPERM"
	for command, want := range map[string]string{
		"SET k v": may, "GET k": may, "INFO memory": may, "KEYS *": may, "FLUSHDB": may, "SUBSCRIBE c": may, "EVAL return(1) 0": may,
		"HELLO 2": may, "CLIENT SETNAME shop": may, "SELECT 3": may, "XADD s * a b": may, "DBSIZE": may, "ACL WHOAMI": may,
		"CONFIG GET *": mayNot, "ACL LIST": mayNot, "SHUTDOWN": mayNot, "REPLICAOF 127.0.0.1 1": mayNot,
		"CLIENT LIST": mayNot, "MONITOR": mayNot, "SAVE": mayNot, "MODULE LIST": mayNot, "MIGRATE 127.0.0.1 1 k 0 1": mayNot, "SLOWLOG GET": mayNot,
	} {
		words := strings.Fields(command)
		var args []any
		for _, w := range words[1:] {
			args = append(args, w)
		}
		_, err := ask(t, st.Port, cache.User, redisPassword, words[0], args...)
		if want == may && err != nil || want == mayNot && (err == nil || !strings.Contains(err.Error(), mayNot)) {
			t.Errorf("%s: %v", command, err)
		}
	}
	conf, err := os.Stat(filepath.Join(b.opts.Home, "servers", cache.ID, "redis.conf"))
	if err != nil || conf.Mode().Perm() != 0o600 {
		t.Errorf("its configuration: %v, %v", conf, err)
	}
}

// Folders have owners: one's own is found again under any name, a stranger's stays
// untouched.
func TestRedisFolders(t *testing.T) {
	t.Parallel()
	needRedis(t)
	b := newBench(t)
	ctx := context.WithoutCancel(t.Context())
	dir := func(name string) string { return filepath.Join(b.opts.Home, "servers", name) }
	for what, make := range map[string]func(name string) error{
		"no mark": func(name string) error { return os.MkdirAll(filepath.Join(dir(name), "data"), 0o755) },
		"a broken mark": func(name string) error {
			return os.WriteFile(filepath.Join(dir(name), markName), []byte("{"), 0o600)
		},
		"another's mark": func(name string) error { return mark{"res_2", 0}.write(dir(name)) },
	} {
		name := "redis-foreign"
		if err := os.MkdirAll(dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := make(name); err != nil {
			t.Fatal(err)
		}
		if _, err := b.PutServer(ctx, cacheOf(name, "res_1")); pave.CodeOf(err) != pave.Conflict {
			t.Errorf("a folder with %s: %v", what, err)
		}
		_ = os.RemoveAll(dir(name))
	}
	cache := cacheOf("redis-shop", "res_1")
	if _, err := b.PutServer(ctx, cache); err != nil {
		t.Fatal(err)
	}
	port := serving(t, b, cache.ID, 0).Port
	if _, err := b.PutServer(ctx, cacheOf(cache.ID, "res_2")); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("the server of another: %v", err)
	}
	if _, err := ask(t, port, cache.User, redisPassword, "SET", "k", "v"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.SetServerAside(ctx, "res_1", "redis-shop~1"); err != nil {
			t.Fatal(err)
		}
	}
	if !portFree(port) {
		t.Error("set aside it still listens")
	}
	heir := cacheOf(cache.ID, "res_3")
	if _, err := b.PutServer(ctx, heir); err != nil {
		t.Fatal(err)
	}
	if st := serving(t, b, heir.ID, 0); st.Port == port {
		t.Error("the port of what is set aside was given away")
	}
	if _, err := b.PutServer(ctx, cache); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("its name is taken: %v", err)
	}
	for range 2 {
		if err := b.RemoveServer(ctx, "res_3"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.PutServer(ctx, cache); err != nil {
		t.Fatal(err)
	}
	if st := serving(t, b, cache.ID, 0); st.Port != port {
		t.Errorf("brought back it listens on %d, not %d", st.Port, port)
	}
	if got, err := ask(t, port, cache.User, redisPassword, "GET", "k"); got != "v" || err != nil {
		t.Errorf("brought back it holds %q, %v", got, err)
	}
	if all, err := b.ServerFolders(ctx); err != nil || len(all) != 1 || all[0].Owner != "res_1" || all[0].Bytes == 0 {
		t.Errorf("folders: %+v, %v", all, err)
	}
	if err := b.RemoveServer(ctx, "res_1"); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Join(b.opts.Home, "servers")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestRedisBadInput(t *testing.T) {
	t.Parallel()
	needRedis(t)
	b := newBench(t)
	for what, spoil := range map[string]func(*Server){
		"no owner":       func(s *Server) { s.Owner = "" },
		"odd owner":      func(s *Server) { s.Owner = "../x" },
		"two lines":      func(s *Server) { s.User = "a\nuser b on nopass" },
		"default user":   func(s *Server) { s.User = "default" },
		"node's user":    func(s *Server) { s.User = probeUser },
		"plain password": func(s *Server) { s.PasswordSHA256 = redisPassword },
		"little memory":  func(s *Server) { s.MemoryMB = 1 },
		"much memory":    func(s *Server) { s.MemoryMB = 1 << 30 },
		"odd id":         func(s *Server) { s.ID = "a~b" },
	} {
		s := cacheOf("redis-shop", "res_1")
		spoil(&s)
		if _, err := b.PutServer(t.Context(), s); pave.CodeOf(err) != pave.Invalid || strings.Contains(err.Error(), redisPassword) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, name := range []string{"", "redis-shop", "../x~y", "a~b/c"} {
		if err := b.SetServerAside(t.Context(), "res_1", name); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("aside as %q: %v", name, err)
		}
	}
}

// The node is killed while a cache is made, set aside and brought back: told the
// same again it ends with one server over the old data, and with none.
func TestRedisNodeKilled(t *testing.T) {
	t.Parallel()
	needRedis(t)
	home := newHome(t)
	b := &bench{t: t, uid: testUID(), Client: Dial(filepath.Join(home, "run", "node.sock"))}
	cmd := nodeProcess(t, home)
	t.Cleanup(func() { end(t, b.Client, cmd) })
	waitUp(t, b.Client)
	cache := cacheOf("redis-shop", "res_1")
	running := func() []job.Proc {
		return job.Find(func(p job.Proc) bool { return p.Env(itemMarker) == cache.ID && strings.HasPrefix(p.Dir(), home) })
	}
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	for round := range 10 {
		told := make(chan struct{})
		go func() {
			defer close(told)
			for {
				_, err1 := b.PutServer(t.Context(), cache)
				err2 := b.SetServerAside(t.Context(), cache.Owner, "redis-shop~1")
				if errors.Join(err1, err2) != nil { // the node is dead
					return
				}
			}
		}()
		time.Sleep(time.Duration(dice.IntN(150)) * time.Millisecond)
		_ = cmd.Process.Kill()
		_, _ = cmd.Process.Wait()
		<-told
		cmd = nodeProcess(t, home)
		waitUp(t, b.Client)
		if _, err := b.PutServer(t.Context(), cache); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		st := serving(t, b, cache.ID, 0)
		if got, err := ask(t, st.Port, cache.User, redisPassword, "INCR", "rounds"); got != fmt.Sprint(round+1) || err != nil {
			t.Errorf("round %d: the counter is %s, %v", round, got, err)
		}
		if procs := running(); len(procs) != 1 {
			t.Errorf("round %d: %d servers run", round, len(procs))
		}
	}
	if err := b.RemoveServer(t.Context(), cache.Owner); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(filepath.Join(home, "servers"))
	if len(entries) != 0 || len(running()) != 0 {
		t.Errorf("left: %v, %d servers", entries, len(running()))
	}
}

// A server may be newer than the node, which lives on over upgrades: what the node
// does not know is told as that.
func TestOlderNode(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	old := &http.Server{Handler: http.NewServeMux(), ReadHeaderTimeout: time.Second}
	go func() { _ = old.Serve(l) }()
	t.Cleanup(func() { old.Close() })
	_, err = Dial(socket).ServerFolders(t.Context())
	if pave.CodeOf(err) != pave.Unavailable || !strings.Contains(err.Error(), "older version") || !strings.Contains(pave.HintOf(err), "pave down") {
		t.Errorf("%v (%s)", err, pave.HintOf(err))
	}
}
