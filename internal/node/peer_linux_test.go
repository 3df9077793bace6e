package node

import (
	"context"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// The kernel says who made a connection, and which process holds it.
func TestPeer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	from, to := server.RemoteAddr().(*net.TCPAddr), server.LocalAddr().(*net.TCPAddr)
	uid, inode, err := peerOf(from, to)
	if err != nil || uid != os.Geteuid() || !holds(os.Getpid(), inode) || holds(1<<22, inode) {
		t.Errorf("uid %d, inode %d, %v; we are %d", uid, inode, err, os.Geteuid())
	}
	// Who has closed is gone: nobody can say any more whose the connection was.
	client.Close()
	for range 100 {
		if _, _, err = peerOf(from, to); err != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err == nil {
		t.Error("a connection that was closed still has an owner")
	}
	nobody := *from
	nobody.Port = 1
	if _, _, err := peerOf(&nobody, to); err == nil {
		t.Error("a connection that nobody made has an owner")
	}
}

func FuzzReadPeer(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 20))
	f.Add(make([]byte, 88))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if uid, _, err := readPeer(answer); err == nil && uid < 0 {
			t.Errorf("uid %d", uid)
		}
	})
}

// Who may call whom, by what is known of workloads and environments.
func TestJudge(t *testing.T) {
	t.Parallel()
	c := newCalls(nil)
	may := map[string]bool{"svc_b": true}
	c.set(map[string]party{
		"a-prod": {workload: "a-prod", service: "svc_a", name: "a", env: "production", uid: 90001, may: may},
		"a-test": {workload: "a-test", service: "svc_a", name: "a", env: "staging", uid: 90001, may: may},
		"b-prod": {workload: "b-prod", service: "svc_b", name: "b", env: "production", uid: 90002},
		"b-test": {workload: "b-test", service: "svc_b", name: "b", env: "staging", uid: 90002},
		"c-prod": {workload: "c-prod", service: "svc_c", name: "c", env: "production", uid: 90003},
	}, map[string]bool{"production": true})
	holder := ""
	c.holder = func(uint32, []party) (string, bool) { return holder, holder != "" }
	for _, tc := range []struct {
		what    string
		uid     int
		holder  string
		target  string
		refused bool
	}{
		{what: "a person", uid: 1000, target: "b-prod"},
		{what: "linked", uid: 90001, holder: "a-prod", target: "b-prod"},
		{what: "linked, its process is not found", uid: 90001, target: "b-prod"},
		{what: "another environment", uid: 90001, holder: "a-test", target: "b-prod", refused: true},
		{what: "open", uid: 90003, target: "b-test"},
		{what: "no link", uid: 90003, target: "b-prod", refused: true},
		{what: "itself", uid: 90002, holder: "b-test", target: "b-prod"},
		{what: "says to be another's process", uid: 90003, holder: "a-prod", target: "b-prod", refused: true},
		{what: "not there", uid: 90003, target: "x"},
	} {
		holder = tc.holder
		p := &peer{uid: tc.uid}
		p.once.Do(func() {})
		req := requestOf(t, p)
		if got := c.admit(req, tc.target); (got != "") != tc.refused {
			t.Errorf("%s: %q, refused should be %v", tc.what, got, tc.refused)
		}
	}
	refused := uint64(0)
	for _, n := range c.all() {
		refused += n.Refused
		if n.Caller == "svc_b" {
			t.Errorf("a call to oneself is counted: %+v", n)
		}
	}
	if refused != 3 {
		t.Errorf("%d refused, want 3", refused)
	}
}

func requestOf(t *testing.T, p *peer) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithValue(t.Context(), peerKey{}, p), http.MethodGet, "http://b/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}
