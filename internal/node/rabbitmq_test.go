package node

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

func overview(t *testing.T, admin, user, password string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", admin+"/api/overview", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(user, password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func TestRabbitMQ(t *testing.T) {
	t.Parallel()
	if _, _, err := FindRabbitMQ(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err, pave.HintOf(err))
		}
		t.Skip(err)
	}
	before := listening(t)
	b := newBench(t)
	sum := sha256.Sum256([]byte(RabbitSalt + "pvcnry-rabbit-1"))
	spec := Server{ID: "rabbitmq", Kind: "rabbitmq", User: "pave", PasswordSHA256: hex.EncodeToString(sum[:])}
	if _, err := b.PutServer(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	st := await(t, b, "rabbitmq", 0)
	t.Logf("ready in %v", time.Since(begin))
	if !strings.HasPrefix(st.Version, "3.") && !strings.HasPrefix(st.Version, "4.") || st.PasswordSHA256 != "" {
		t.Errorf("status %+v", st)
	}
	for who, want := range map[[2]string]int{{"pave", "pvcnry-rabbit-1"}: 200, {"pave", "wrong"}: 401, {"guest", "guest"}: 401, {"", ""}: 401} {
		if got := overview(t, st.Admin, who[0], who[1]); got != want {
			t.Errorf("%s: %d, want %d", who[0], got, want)
		}
	}
	for at := range listening(t) {
		if !before[at] {
			t.Errorf("RabbitMQ listens on %s", at)
		}
	}
	dir := filepath.Join(b.opts.Home, "servers", "rabbitmq")
	cookie, err := os.ReadFile(filepath.Join(dir, ".erlang.cookie"))
	if _, made := os.Stat(filepath.Join(dir, "data", ".erlang.cookie")); len(cookie) < 26 || err != nil || made == nil {
		t.Errorf("the cookie has %d letters, %v; Erlang made one of its own: %v", len(cookie), err, made == nil)
	}
	_ = syscall.Kill(st.PID, syscall.SIGKILL)
	next := await(t, b, "rabbitmq", st.PID)
	if next.Port != st.Port || overview(t, next.Admin, "pave", "pvcnry-rabbit-1") != 200 {
		t.Errorf("after a kill it is %+v", next)
	}
	if err := b.DeleteServer(t.Context(), "rabbitmq"); err != nil {
		t.Fatal(err)
	}
}

// await waits until a server is ready that takes its time.
func await(t *testing.T, b *bench, id string, before int) (s ServerStatus) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if s, _ = b.Server(t.Context(), id); s.Ready && s.PID != before {
			return s
		}
	}
	t.Fatalf("the server stays %+v", s)
	return s
}

// listening are the sockets at which RabbitMQ's user listens on more than loopback.
func listening(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	who, err := serverAccount("rabbitmq")
	if err != nil || os.Geteuid() != 0 {
		return out // its programs cannot be told from ours
	}
	for file, loopback := range map[string]string{"/proc/net/tcp": "0100007F", "/proc/net/tcp6": "00000000000000000000000001000000"} {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != "0A" || strings.HasPrefix(f[1], loopback) {
				continue
			}
			if uid, _ := strconv.Atoi(f[7]); uid == who.uid {
				out[f[1]+" "+f[9]] = true // with its inode
			}
		}
	}
	return out
}
